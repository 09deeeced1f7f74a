"""Agreement of two raters: percent, Cohen's kappa, PABAK, Gwet's AC1, specific agreement, each with its interval.

Only first opinions count: what people agree on after talking says nothing about the criterion.  Where
a coefficient has no value the reason is given in words; a blank would be read as zero or as one.

Sources.  Kappa: Cohen, Educ Psychol Meas 1960;20:37, its large-sample variance Fleiss, Cohen & Everitt,
Psychol Bull 1969;72:323.  PABAK: Byrt, Bishop & Carlin, J Clin Epidemiol 1993;46:423.  AC1 and its
variance: Gwet, Br J Math Stat Psychol 2008;61:29.  Specific agreement: Cicchetti & Feinstein, J Clin
Epidemiol 1990;43:551, its variance Graham & Bull, J Clin Epidemiol 1998;51:763.  Percent: Wilson,
J Am Stat Assoc 1927;22:209.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final

from scipy.special import stdtrit

from validate.review.cases import Opinion
from validate.review.rules import Verdict

__all__ = [
    "Agreement",
    "Estimate",
    "Report",
    "agreement",
    "first_opinions",
    "first_pairs",
    "of_pairs",
    "report",
    "wilson",
]

_Z: Final = 1.959963984540054
_NO_PAIRS: Final = "no case has two first opinions"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; ``note`` says why either is missing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Agreement:
    """Two raters over ``n`` cases; ``table[i][j]``: the first said category i, the second j."""

    n: int
    categories: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    percent: Estimate
    kappa: Estimate
    pabak: Estimate
    ac1: Estimate
    specific: Mapping[str, Estimate]
    """Category -> of the times that either rater said it, the share in which both did."""

    @property
    def positive(self) -> Estimate:
        """Specific agreement on "met", or on the first category."""
        return self.specific.get(Verdict.MET.value, self.specific[self.categories[0]])

    @property
    def negative(self) -> Estimate:
        """Specific agreement on "not met", or on the second category."""
        return self.specific.get(Verdict.NOT_MET.value, self.specific[self.categories[1]])

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for a file or a page."""
        return asdict(self) | {"positive": asdict(self.positive), "negative": asdict(self.negative)}


@dataclass(frozen=True)
class Report:
    """Agreement over all criteria together and for each."""

    overall: Agreement
    criteria: Mapping[str, Agreement]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for a file or a page."""
        return {
            "opinions": "first opinions only",
            "overall": self.overall.to_json(),
            "criteria": {name: one.to_json() for name, one in self.criteria.items()},
        }


def agreement(table: Sequence[Sequence[int]], categories: Sequence[str] | None = None) -> Agreement:
    """All coefficients of a square table of counts, (k, k) with k of at least 2."""
    k = len(table)
    if k < 2 or any(len(row) != k for row in table) or any(cell < 0 for row in table for cell in row):
        raise ValueError("a square table of counts with two or more categories is needed")
    names = tuple(categories or (str(i + 1) for i in range(k)))
    counts = tuple(tuple(int(cell) for cell in row) for row in table)
    n = sum(map(sum, counts))
    agreed = sum(counts[i][i] for i in range(k))
    percent = wilson(agreed, n) if n else Estimate(None, note=_NO_PAIRS)
    return Agreement(
        n=n,
        categories=names,
        table=counts,
        percent=percent,
        kappa=_kappa(counts, n),
        pabak=_pabak(percent, k),
        ac1=_ac1(counts, n),
        specific={name: _specific(counts, i) for i, name in enumerate(names)},
    )


def of_pairs(pairs: Iterable[tuple[str, str]]) -> Agreement:
    """Agreement of pairs of verdicts; "cannot tell" is a category only where somebody said it."""
    listed = [(Verdict(a), Verdict(b)) for a, b in pairs]
    said = {verdict for pair in listed for verdict in pair}
    scale = [v for v in Verdict if v is not Verdict.CANNOT_TELL or v in said]
    place = {verdict: i for i, verdict in enumerate(scale)}
    counts = [[0] * len(scale) for _ in scale]
    for a, b in listed:
        counts[place[a]][place[b]] += 1
    return agreement(counts, [verdict.value for verdict in scale])


def first_opinions(opinions: Iterable[Opinion]) -> dict[tuple[str, str], tuple[Opinion, Opinion]]:
    """(patient, criterion) -> the two places' first opinions, for each candidate that both have judged.

    ``opinions`` in the order in which they were given.  Both must be on the same evidence; where
    evidence changed and both judged again, the first round counts, because by the second each may
    have seen what the other thought.
    """
    rounds: dict[tuple[str, str], dict[str, dict[int, Opinion]]] = defaultdict(lambda: defaultdict(dict))
    for opinion in opinions:
        by_evidence = rounds[opinion.patient_id, opinion.criterion]
        by_evidence[opinion.evidence_hash].setdefault(opinion.slot, opinion)
    found = {}
    for place, by_evidence in rounds.items():
        both = [held for held in by_evidence.values() if len(held) == 2]
        if both:
            first = min(both, key=lambda held: max(o.id for o in held.values()))
            found[place] = (first[1], first[2])
    return found


def first_pairs(opinions: Iterable[Opinion]) -> dict[str, list[tuple[str, str]]]:
    """Criterion -> the verdicts of ``first_opinions``."""
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (_, criterion), (first, second) in first_opinions(opinions).items():
        pairs[criterion].append((first.verdict.value, second.verdict.value))
    return dict(pairs)


def report(opinions: Iterable[Opinion], criteria: Sequence[str]) -> Report:
    """Agreement per criterion, in the given order, and over all of them together."""
    pairs = first_pairs(opinions)
    return Report(
        overall=of_pairs(pair for name in criteria for pair in pairs.get(name, ())),
        criteria={name: of_pairs(pairs.get(name, ())) for name in criteria},
    )


def wilson(hits: int, n: int) -> Estimate:
    """A proportion with Wilson's interval. Needs n > 0."""
    p, z2 = hits / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At the ends rounding must not push the interval off the proportion or out of [0, 1].
    return Estimate(
        p, 0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == n else min(1.0, middle + half)
    )


def _pabak(percent: Estimate, k: int) -> Estimate:
    if percent.value is None or percent.low is None or percent.high is None:
        return percent

    def turned(p: float) -> float:
        return (k * p - 1) / (k - 1)

    return Estimate(turned(percent.value), turned(percent.low), turned(percent.high))


def _kappa(counts: Sequence[Sequence[int]], n: int) -> Estimate:
    if not n:
        return Estimate(None, note=_NO_PAIRS)
    k = len(counts)
    rows = [sum(row) for row in counts]
    columns = [sum(row[j] for row in counts) for j in range(k)]
    chance = sum(rows[i] * columns[i] for i in range(k))
    if chance == n * n:
        return Estimate(
            None, note="both raters gave every case the same one verdict: agreement by chance is certain"
        )
    # In fractions: in floats a variance of zero is dust of either sign, and would be shown as an interval.
    p = [[Fraction(cell, n) for cell in row] for row in counts]
    first, second = [Fraction(r, n) for r in rows], [Fraction(c, n) for c in columns]
    po, pe = Fraction(sum(counts[i][i] for i in range(k)), n), Fraction(chance, n * n)
    kappa = (po - pe) / (1 - pe)
    rest = 1 - kappa
    on = _sum(p[i][i] * (1 - (first[i] + second[i]) * rest) ** 2 for i in range(k))
    off = _sum(p[i][j] * (second[i] + first[j]) ** 2 for i in range(k) for j in range(k) if i != j)
    variance = (on + rest**2 * off - (kappa - pe * rest) ** 2) / (n * (1 - pe) ** 2)
    if n in {*rows, *columns}:
        return Estimate(
            float(kappa),
            note="one rater gave every case the same verdict: kappa is 0 whatever the other said",
        )
    return _with_interval(kappa, variance, n)


def _ac1(counts: Sequence[Sequence[int]], n: int) -> Estimate:
    if not n:
        return Estimate(None, note=_NO_PAIRS)
    k = len(counts)
    p = [[Fraction(cell, n) for cell in row] for row in counts]
    share = [Fraction(sum(counts[i]) + sum(row[i] for row in counts), 2 * n) for i in range(k)]
    po = Fraction(sum(counts[i][i] for i in range(k)), n)
    # Never above 1/2, so AC1 always has a value.
    pe = _sum(s * (1 - s) for s in share) / (k - 1)
    ac1 = (po - pe) / (1 - pe)
    rest = 1 - ac1
    on = _sum(p[i][i] * (1 - share[i]) for i in range(k)) / (k - 1) - po * pe
    spread = (
        _sum(p[i][j] * (1 - (share[i] + share[j]) / 2) ** 2 for i in range(k) for j in range(k))
        / (k - 1) ** 2
    )
    variance = (po * (1 - po) - 4 * rest * on + 4 * rest**2 * (spread - pe**2)) / (n * (1 - pe) ** 2)
    return _with_interval(ac1, variance, n)


def _specific(counts: Sequence[Sequence[int]], i: int) -> Estimate:
    both = counts[i][i]
    either = sum(counts[i]) + sum(row[i] for row in counts)
    if not either:
        return Estimate(None, note="neither rater ever said this")
    apart = either - 2 * both
    value = 2 * both / either
    if not both or not apart:
        return Estimate(value, note="all or none agreed: the large-sample interval has no width")
    half = _Z * math.sqrt(4 * both * apart * (both + apart)) / either**2
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _with_interval(exact: Fraction, variance: Fraction, n: int) -> Estimate:
    value = float(exact)
    if n < 2:
        return Estimate(value, note="one case gives no interval")
    if variance <= 0:
        return Estimate(value, note="no disagreement to estimate a variance from")
    half = float(stdtrit(n - 1, 0.975)) * math.sqrt(variance)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))


def _sum(parts: Iterable[Fraction]) -> Fraction:
    return sum(parts, Fraction(0))
