"""Tests on ranks: Wilcoxon, Mann-Whitney, Kruskal-Wallis and Dunn, as SPSS prints them.

Z is asymptotic, corrected for ties and not for continuity; where the sample is small enough the exact P stands
beside it (``also["p_exact"]``), by counting every arrangement, ties included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Final

from analysis.statistics.adjust import holm
from analysis.statistics.comparisons import Comparison
from analysis.statistics.distributions import chi2_sf, normal_two_sided
from analysis.statistics.result import TestResult, Undefined, defined
from analysis.statistics.samples import Rows, Sample, Values, pairs, rank_totals, ranks, samples

__all__ = ["dunn", "kruskal_wallis", "mann_whitney", "wilcoxon"]

_WILCOXON: Final = "Wilcoxon signed-rank test"
_MANN_WHITNEY: Final = "Mann-Whitney U test"
_KRUSKAL: Final = "Kruskal-Wallis H test"
_EXACT_PAIRS: Final = 50
_EXACT_PRODUCT: Final = 400


def _cubes(ties: Sequence[int]) -> int:
    return sum(t**3 - t for t in ties)


def _exact_signed(doubled: Sequence[int], plus: int) -> float:
    """P of a sum of positive ranks as far from its middle as ``plus``; ranks are doubled."""
    total = sum(doubled)
    ways = [1] + [0] * total
    for rank in doubled:
        for at in range(total, rank - 1, -1):
            ways[at] += ways[at - rank]
    far = abs(2 * plus - total)
    return float(
        Fraction(sum(w for at, w in enumerate(ways) if abs(2 * at - total) >= far), 2 ** len(doubled))
    )


@defined(_WILCOXON, "z")
def wilcoxon(before: Rows, after: Rows) -> TestResult:
    """Signed ranks of ``after - before``; zero differences are dropped, as SPSS does.

    ``statistic`` is Z (negative when falls outweigh rises), ``estimate`` the median change, ``effect`` |Z|/√n;
    ``also`` holds ``w`` (the sum of positive ranks) and, up to 50 pairs, ``p_exact``.
    """
    first, second = pairs(before, after)
    change = [b - a for a, b in zip(first.units, second.units, strict=True)]
    moved = [d for d in change if d]
    if not moved:
        raise Undefined(
            "there is no difference other than zero" if change else "needs at least 1 pair, has 0"
        )
    doubled, ties = ranks([abs(d) for d in moved])
    n = len(moved)
    plus = sum(r for r, d in zip(doubled, moved, strict=True) if d > 0)
    variance = n * (n + 1) * (2 * n + 1) / 24 - _cubes(ties) / 48
    z = (plus / 2 - n * (n + 1) / 4) / math.sqrt(variance)
    exact = (("p_exact", _exact_signed(doubled, plus)),) if n <= _EXACT_PAIRS else ()
    dropped = len(change) - n
    return TestResult(
        _WILCOXON,
        statistic=z,
        p=normal_two_sided(z),
        estimate=Sample(tuple(change), first.places).quantile(Fraction(1, 2)),
        effect=abs(z) / math.sqrt(n),
        n=(len(change),),
        notes=(f"{dropped} zero difference{'s' if dropped > 1 else ''} left out",) if dropped else (),
        symbol="z",
        effect_name="r = |Z|/√n",
        also=(("w", plus / 2), *exact),
    )


def _exact_ranks(doubled: Sequence[int], n: int, total: int) -> float:
    """P that ``n`` of the doubled ranks add up to something as far from its middle as ``total``."""
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(n))]
    for seen, rank in enumerate(doubled, start=1):
        for size in range(min(n, seen), 0, -1):
            bigger = ways[size]
            for at, count in ways[size - 1].items():
                bigger[at + rank] = bigger.get(at + rank, 0) + count
    middle = n * sum(doubled)  # times len(doubled): kept whole
    far = abs(total * len(doubled) - middle)
    hit = sum(w for at, w in ways[n].items() if abs(at * len(doubled) - middle) >= far)
    return float(Fraction(hit, math.comb(len(doubled), n)))


@defined(_MANN_WHITNEY, "z")
def mann_whitney(first: Values, second: Values) -> TestResult:
    """Rank test of two samples. ``statistic`` is Z, negative when the first sample lies lower.

    ``also`` holds ``u`` (the smaller U, as SPSS prints), ``w`` (the first sample's rank sum) and, while
    n1 x n2 <= 400, ``p_exact``; ``estimate`` is the difference of medians.
    """
    a, b = samples(first, second)
    a.at_least(1)
    b.at_least(1)
    (rank_sum, _), ties = rank_totals((a, b))
    n = a.n + b.n
    if len(ties) == 1:
        raise Undefined("all values are equal")
    u = rank_sum / 2 - a.n * (a.n + 1) / 2
    variance = a.n * b.n / 12 * ((n + 1) - _cubes(ties) / (n * (n - 1)))
    z = (u - a.n * b.n / 2) / math.sqrt(variance)
    small = a.n * b.n <= _EXACT_PRODUCT
    exact = (("p_exact", _exact_ranks(ranks((*a.units, *b.units))[0], a.n, rank_sum)),) if small else ()
    half = Fraction(1, 2)
    return TestResult(
        _MANN_WHITNEY,
        statistic=z,
        p=normal_two_sided(z),
        estimate=a.quantile(half) - b.quantile(half),
        effect=abs(z) / math.sqrt(n),
        n=(a.n, b.n),
        symbol="z",
        effect_name="r = |Z|/√n",
        also=(("u", min(u, a.n * b.n - u)), ("w", rank_sum / 2), *exact),
    )


def _rank_groups(groups: Sequence[Sample]) -> tuple[list[float], int, float]:
    """Rank sums of the groups, n in all, and the variance of one rank, ties accounted for."""
    doubled, ties = rank_totals(groups)
    sums = [total / 2 for total in doubled]
    n = sum(g.n for g in groups)
    if n < 2 or len(ties) == 1:
        raise Undefined("all values are equal")
    return sums, n, n * (n + 1) / 12 - _cubes(ties) / (12 * (n - 1))


@defined(_KRUSKAL, "h")
def kruskal_wallis(*groups: Values) -> TestResult:
    """Rank test of two or more samples, corrected for ties; empty groups are left out."""
    kept = [g for g in samples(*groups) if g.n]
    if len(kept) < 2:
        raise Undefined(f"needs at least 2 groups, has {len(kept)}")
    sums, n, variance = _rank_groups(kept)
    spread = sum(s * s / g.n for s, g in zip(sums, kept, strict=True)) - n * (n + 1) ** 2 / 4
    h = spread / variance
    df = len(kept) - 1
    return TestResult(
        _KRUSKAL,
        statistic=h,
        df=(float(df),),
        p=chi2_sf(h, df),
        effect=h / (n - 1),
        n=tuple(g.n for g in kept),
        symbol="h",
        effect_name="epsilon squared",
    )


def dunn(groups: Mapping[str, Values], alpha: float = 0.05) -> tuple[Comparison, ...]:
    """Dunn's pairwise comparisons after Kruskal-Wallis, P adjusted by Holm; empty when undefined."""
    try:
        kept = [(name, g) for name, g in zip(groups, samples(*groups.values()), strict=True) if g.n]
        sums, _, variance = _rank_groups([g for _, g in kept])
    except Undefined:
        return ()
    mean = {name: s / g.n for (name, g), s in zip(kept, sums, strict=True)}
    size = {name: g.n for name, g in kept}
    couples = list(combinations(mean, 2))
    scores = [(mean[a] - mean[b]) / math.sqrt(variance * (1 / size[a] + 1 / size[b])) for a, b in couples]
    raw = [normal_two_sided(z) for z in scores]
    return tuple(
        Comparison(a, b, mean[a] - mean[b], z, p, p_adjusted=adjusted, rejected=adjusted < alpha)
        for (a, b), z, p, adjusted in zip(couples, scores, raw, holm(raw), strict=True)
    )
