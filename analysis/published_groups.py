"""Audit between groups: tests of means and of counts, the overall from its groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final

from analysis.interval import Interval
from analysis.published_signal import Level, Signal, any_of, compared
from analysis.statistics import chi_square, fisher_exact
from analysis.statistics.distributions import t_two_sided

__all__ = ["counts", "group_test", "overall", "t_tests"]

_MOST_GROUPS: Final = 6
_NOT_GROUPS: Final = frozenset({"p", "chi2", "percent", "n"})
_NAMES: Final = {
    "pearson": ("P by Pearson's chi-square", "chi-square by Pearson"),
    "yates": ("P by Yates's chi-square", "chi-square by Yates"),
    "fisher": ("P by Fisher's exact test", ""),
}


def counts(name: str, counted: Mapping[str, Any], test: str = "", *, closed: bool = True) -> Iterator[Signal]:
    """Chi-square and P of a table of counts; overall against the sum of the groups; percents against counts.

    ``test`` names the one test that was used (pearson, yates, fisher); without it any of the three may have been.
    ``closed`` says that everybody is in a group.
    """
    groups = {key: value for key, value in counted.items() if key not in _NOT_GROUPS}
    whole, *parts = groups.values()
    table = [list(row) for row in zip(*parts, strict=True)]
    if "p" in counted and len(parts) > 1:
        found = {
            kind: fisher_exact(table) if kind == "fisher" else chi_square(table, kind)  # type: ignore[arg-type]
            for kind in _NAMES
            if test in {"", kind}
        }
        printed = Interval.p(str(counted["p"]))
        yield from any_of(
            compared(f"{name}.p", _NAMES[kind][0], printed, Interval(result.p, result.p))
            for kind, result in found.items()
            if result.p is not None
        )
        if "chi2" in counted:
            box = Interval.read(counted["chi2"])
            yield from any_of(
                compared(f"{name}.chi2", _NAMES[kind][1], box, Interval(result.statistic, result.statistic))
                for kind, result in found.items()
                if result.statistic is not None
            )
    for all_of, *held in zip(whole, *parts, strict=True) if parts and closed else ():
        yield compared(
            f"{name}.all", "sum of the groups", Interval(all_of, all_of), Interval(sum(held), sum(held))
        )
    for group, shares in counted.get("percent", {}).items():
        n = counted.get("n", {}).get(group, sum(groups[group]))
        for place, (count, share) in enumerate(zip(groups[group], shares, strict=False), start=1):
            implied = 100 * count / n
            yield compared(
                f"{name}.{group}.{place}",
                "percent of the count",
                Interval.read(share),
                Interval(implied, implied),
            )


def t_tests(first: Level, second: Level) -> dict[str, tuple[Interval, Interval]]:
    """Difference over error (with its sign) and P by Student and Welch over the corners of the rounding box."""
    found: dict[str, tuple[list[float], list[float]]] = {"Student": ([], []), "Welch": ([], [])}
    for (m1, s1), (m2, s2) in product(first.corners(), second.corners()):
        pooled = ((first.n - 1) * s1**2 + (second.n - 1) * s2**2) / (first.n + second.n - 2)
        v1, v2 = s1**2 / first.n, s2**2 / second.n
        rest = v1**2 / (first.n - 1) + v2**2 / (second.n - 1)
        for name, error, df in (
            ("Student", math.sqrt(pooled * (1 / first.n + 1 / second.n)), first.n + second.n - 2),
            ("Welch", math.sqrt(v1 + v2), (v1 + v2) ** 2 / rest if rest else math.inf),
        ):
            t = (m1 - m2) / error if error else math.copysign(math.inf, m1 - m2)
            found[name][0].append(t)
            found[name][1].append(t_two_sided(t, df) if math.isfinite(t) else 0.0)
    # Where the two means may be equal, no corner has the t of zero that lies between them.
    equal = first.mean.meets(second.mean)
    return {
        name: (Interval.over([*t, 0.0] if equal else t), Interval.over([*p, 1.0] if equal else p))
        for name, (t, p) in found.items()
    }


def group_test(
    where: str, groups: Sequence[Level], p: str | None, test: str = "", t: str | None = None
) -> Iterator[Signal]:
    """T and P of two groups from their means and SDs; ``test`` names the one that was used (Student or Welch)."""
    if len(groups) != 2 or min(g.n for g in groups) < 2:
        return
    found = {name: both for name, both in t_tests(groups[0], groups[1]).items() if test in {"", name}}
    if p is not None:
        middles = t_tests(*(Level(g.n, g.mean.middle, g.sd.middle) for g in groups))
        yield from any_of(
            replace(
                compared(f"{where}.p", f"P by {name}'s t", Interval.p(p), implied), point=middles[name][1].low
            )
            for name, (_, implied) in found.items()
        )
    if t is not None:
        printed = Interval.read(t).magnitude
        yield from any_of(
            compared(f"{where}.t", f"{name}'s t between the groups", printed, implied.magnitude)
            for name, (implied, _) in found.items()
        )


def overall(where: str, whole: Level | None, parts: Sequence[Level]) -> Iterator[Signal]:
    """Overall mean and SD from the groups; and the least SD that the distance of the means alone forces."""
    if whole is None or not 2 <= len(parts) <= _MOST_GROUPS or sum(g.n for g in parts) != whole.n:
        return
    means, sds, floors = [], [], []
    for corner in product(*(tuple(g.corners()) for g in parts)):
        mean = sum(g.n * m for g, (m, _) in zip(parts, corner, strict=True)) / whole.n
        between = sum(g.n * (m - mean) ** 2 for g, (m, _) in zip(parts, corner, strict=True))
        within = sum((g.n - 1) * s**2 for g, (_, s) in zip(parts, corner, strict=True))
        means.append(mean)
        sds.append(math.sqrt((between + within) / (whole.n - 1)))
        floors.append(math.sqrt(between / (whole.n - 1)))
    yield compared(f"{where}.all.mean", "overall mean from the groups", whole.mean, Interval.over(means))
    yield compared(f"{where}.all.sd", "overall SD from the groups", whole.sd, Interval.over(sds))
    floor = min(floors)
    if floor > whole.sd.high:
        yield Signal(
            f"{where}.all.sd", "least overall SD that the groups' means alone force",
            whole.sd, Interval(floor, math.inf), "impossible",
            "no data have these group means and this overall SD", _floor(whole, parts),
        )  # fmt: skip


def _floor(whole: Level, parts: Sequence[Level]) -> float:
    """The least overall SD at the printed means themselves: every group on its mean, rounding left aside."""
    middles = [(g.mean.low + g.mean.high) / 2 for g in parts]
    mean = sum(g.n * m for g, m in zip(parts, middles, strict=True)) / whole.n
    between = sum(g.n * (m - mean) ** 2 for g, m in zip(parts, middles, strict=True))
    return math.sqrt(between / (whole.n - 1))
