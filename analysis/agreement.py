"""How far two reviewers, and two entries of one value, agreed before anything was settled; as the lock wrote it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from analysis import statistics as st
from analysis.dataset import Locked
from analysis.groups import ALL
from analysis.results import Book
from extract.study.protocol import Variable

__all__ = ["Entries", "agreement", "entries"]

_LIMIT: Final = Decimal("1.96")
"""Bland and Altman's limits: the mean difference, and 1.96 standard deviations to each side of it."""


@dataclass(frozen=True)
class Entries:
    """A field of numbers that was entered twice: each pair of entries and how often it occurs, in the field's unit."""

    variable: Variable
    timepoint: str
    pairs: tuple[tuple[Decimal, Decimal, int], ...]

    @property
    def differences(self) -> list[Decimal]:
        """First entry minus second, one a participant."""
        return [a - b for a, b, times in self.pairs for _ in range(times)]


def entries(locked: Locked) -> Sequence[Entries]:
    """The fields of numbers that were entered twice; none when the snapshot does not carry them."""
    found = []
    for name, pairs in sorted(locked.agreement.get("entry", {}).get("pairs", {}).items()):
        id_, _, timepoint = name.partition("@")
        variable = locked.protocol.variable_named(id_)
        step = Decimal(str(variable.step))
        found.append(Entries(variable, timepoint, tuple((a * step, b * step, n) for a, b, n in pairs)))
    return found


def agreement(book: Book, locked: Locked) -> None:
    """Kappa of the first opinions, differences of the two entries, and the limits of agreement of each number."""
    review = locked.agreement.get("review", {}).get("overall", {})
    if review.get("n") and review.get("kappa", {}).get("value") is not None:
        n, kappa, share = review["n"], review["kappa"], review["percent"]["value"]
        for statistic, value, method in (
            ("n", n, "pairs of first opinions"),
            ("percent", 100 * share, "percent of first opinions that agree"),
            ("kappa", kappa["value"], "Cohen kappa of first opinions"),
            ("ci_low", kappa["low"], "Cohen kappa of first opinions"),
            ("ci_high", kappa["high"], "Cohen kappa of first opinions"),
        ):
            book.add("agreement", "review", ALL, "", statistic, value, method, (), n=n)
    entry = locked.agreement.get("entry", {}).get("fields", {})
    if entry.get("compared"):
        n, errors = entry["compared"], entry["errors"]
        for statistic, value, method in (
            ("n", n, "fields that were entered twice"),
            ("count", errors, "fields whose two entries differ"),
            ("percent", 100 * errors / n, "percent of fields whose two entries differ"),
        ):
            book.add("agreement", "entry", ALL, "", statistic, value, method, (), n=n)
    for one in entries(locked):
        _limits(book, one)


def _limits(book: Book, one: Entries) -> None:
    """Bland and Altman's mean difference and limits of agreement."""
    found = st.describe(one.differences)
    low = high = None
    if found.mean is not None and found.sd is not None:
        half = float(_LIMIT) * found.sd
        low, high = found.mean - half, found.mean + half
    for statistic, value, method in (
        ("n", found.n, "pairs of entries"),
        ("mean", found.mean, "mean difference of two entries, first minus second"),
        ("sd", found.sd, "standard deviation of the difference of two entries"),
        ("loa_low", low, "limit of agreement (Bland-Altman), 1.96 SD"),
        ("loa_high", high, "limit of agreement (Bland-Altman), 1.96 SD"),
    ):
        book.add("agreement", one.variable.id, ALL, one.timepoint, statistic, value, method, (), n=found.n)
