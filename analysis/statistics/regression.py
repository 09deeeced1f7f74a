"""Adjusted comparisons: analysis of covariance with the homogeneity of its slopes, partial correlation, two r's compared.

Analysis of covariance has a closed form in the groups' sums of squares and products; over whole numbers it is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from analysis.statistics.association import products
from analysis.statistics.distributions import f_sf, normal_quantile, normal_two_sided, t_quantile, t_two_sided
from analysis.statistics.result import TestResult, Undefined, defined
from analysis.statistics.samples import Rows, Sample, pairs

__all__ = ["ancova", "compare_correlations", "leave_one_out", "partial_correlation"]

_ANCOVA: Final = "analysis of covariance"
_PARTIAL: Final = "partial correlation"
_TWO_R: Final = "difference of two correlations, Fisher's z"


@defined(_ANCOVA, "f")
def ancova(*groups: tuple[Rows, Rows], confidence: float = 0.95) -> TestResult:
    """Groups compared in y at one x, slopes taken as parallel; each group is ``(x, y)``, pairs with a missing half go.

    For two groups ``estimate`` is the adjusted difference, first minus second, in the unit of y. ``effect`` is partial
    eta squared. ``also`` holds the common ``slope`` and the test that the slopes do not differ: ``f_slopes``,
    ``df_slopes``, ``df2_slopes``, ``p_slopes`` (absent when a group leaves no degree of freedom for it).
    """
    kept = [(x, y) for x, y in (pairs(*group) for group in groups) if x.n]
    n, k = sum(x.n for x, _ in kept), len(kept)
    if k < 2:
        raise Undefined(f"needs at least 2 groups, has {k}")
    if n <= k + 1:
        raise Undefined("no degrees of freedom are left within the groups")
    sums = [products(x, y) for x, y in kept]
    xx, yy, xy = (sum((s[i] for s in sums), Fraction(0)) for i in range(3))
    if xx == 0:
        raise Undefined("x is constant within every group")
    within = yy - xy * xy / xx
    if within == 0:
        raise Undefined("there is no variation about the lines")
    total_xx, total_yy, total_xy = _total(kept, (xx, yy, xy))
    between = total_yy - total_xy * total_xy / total_xx - within
    df1, df2 = k - 1, n - k - 1
    error = within / df2
    f = float((between / df1) / error)
    slope = xy / xx
    estimate = low = high = None
    if k == 2:
        (x1, y1), (x2, y2) = kept
        estimate = float((y1.mean - y2.mean) - slope * (x1.mean - x2.mean))
        spread = error * (Fraction(1, x1.n) + Fraction(1, x2.n) + (x1.mean - x2.mean) ** 2 / xx)
        half = t_quantile(0.5 + confidence / 2, df2) * math.sqrt(spread)
        low, high = estimate - half, estimate + half
    return TestResult(
        _ANCOVA,
        statistic=f,
        df=(float(df1), float(df2)),
        p=f_sf(f, df1, df2),
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        effect=float(between / (between + within)),
        n=tuple(x.n for x, _ in kept),
        symbol="f",
        effect_name="partial eta squared",
        also=(("slope", float(slope)), *_parallel(sums, within, n, k)),
    )


def _total(
    kept: Sequence[tuple[Sample, Sample]], within: tuple[Fraction, Fraction, Fraction]
) -> tuple[Fraction, Fraction, Fraction]:
    """Sums of squares and products about the means of all, from those within the groups."""
    n = sum(x.n for x, _ in kept)
    mean_x = sum((x.n * x.mean for x, _ in kept), Fraction(0)) / n
    mean_y = sum((y.n * y.mean for _, y in kept), Fraction(0)) / n
    xx, yy, xy = within
    for x, y in kept:
        dx, dy = x.mean - mean_x, y.mean - mean_y
        xx, yy, xy = xx + x.n * dx * dx, yy + x.n * dy * dy, xy + x.n * dx * dy
    return xx, yy, xy


def _parallel(
    sums: Sequence[tuple[Fraction, Fraction, Fraction]], within: Fraction, n: int, k: int
) -> tuple[tuple[str, float], ...]:
    """The test of equal slopes: what a slope of its own for each group explains beyond the common one."""
    df2 = n - 2 * k
    if df2 < 1 or any(xx == 0 for xx, _, _ in sums):
        return ()
    apart = sum((yy - xy * xy / xx for xx, yy, xy in sums), Fraction(0))
    if apart == 0:
        return ()
    f = float(((within - apart) / (k - 1)) / (apart / df2))
    return (
        ("f_slopes", f),
        ("df_slopes", k - 1.0),
        ("df2_slopes", float(df2)),
        ("p_slopes", f_sf(f, k - 1, df2)),
    )


@defined(_PARTIAL, "t")
def partial_correlation(x: Rows, y: Rows, *given: Rows, confidence: float = 0.95) -> TestResult:
    """Pearson's r of x and y with the straight-line part of every ``given`` taken out; complete rows only."""
    rows = [row for row in zip(x, y, *given, strict=True) if not any(v is None or math.isnan(v) for v in row)]
    columns = [[row[i] for row in rows] for i in range(2 + len(given))]
    n, k = len(rows), len(given)
    if n < k + 3:
        raise Undefined(f"needs at least {k + 3} complete rows, has {n}")
    known = {(i, j): _r(columns[i], columns[j]) for i in range(k + 2) for j in range(i)}
    r = _without(known, 0, 1, tuple(range(2, k + 2)))
    df = n - 2 - k
    low = high = None
    if n - k > 3 and abs(r) < 1:
        half = normal_quantile(0.5 + confidence / 2) / math.sqrt(n - k - 3)
        low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    t = r * math.sqrt(df / (1 - r * r))
    return TestResult(
        _PARTIAL,
        statistic=t,
        df=(float(df),),
        p=t_two_sided(t, df),
        estimate=r,
        ci_low=low,
        ci_high=high,
        effect=r * r,
        n=(n,),
        symbol="t",
        effect_name="R squared",
    )


def _r(x: Rows, y: Rows) -> float:
    xx, yy, xy = products(*pairs(x, y))
    if xx == 0 or yy == 0:
        raise Undefined("one variable is constant")
    return math.copysign(math.sqrt(xy * xy / (xx * yy)), xy)


def _without(known: dict[tuple[int, int], float], i: int, j: int, given: tuple[int, ...]) -> float:
    """Correlation of columns i and j given others, one at a time."""
    if not given:
        return known[max(i, j), min(i, j)]
    *rest, last = given
    others = tuple(rest)
    ij, il, jl = (_without(known, a, b, others) for a, b in ((i, j), (i, last), (j, last)))
    left = (1 - il * il) * (1 - jl * jl)
    if left <= 1e-12:
        raise Undefined("one variable is a straight line of those taken out")
    return min(1.0, max(-1.0, (ij - il * jl) / math.sqrt(left)))


@defined(_TWO_R, "z")
def compare_correlations(first: TestResult, second: TestResult) -> TestResult:
    """Two Pearson correlations of different people compared; ``estimate`` is r1 - r2."""
    r1, r2 = first.estimate, second.estimate
    if r1 is None or r2 is None or min(abs(r1), abs(r2)) >= 1 or max(abs(r1), abs(r2)) >= 1:
        raise Undefined("one of the correlations is undefined or exactly one")
    n1, n2 = first.n[0], second.n[0]
    if min(n1, n2) < 4:
        raise Undefined("needs at least 4 pairs in each group")
    z = (math.atanh(r1) - math.atanh(r2)) / math.sqrt(1 / (n1 - 3) + 1 / (n2 - 3))
    return TestResult(_TWO_R, z, p=normal_two_sided(z), estimate=r1 - r2, n=(n1, n2), symbol="z")


def leave_one_out(x: Rows, y: Rows) -> tuple[float, float] | None:
    """The least and the greatest Pearson r when any one pair is left out; None where some r is undefined.

    Sums are taken down by one pair, exactly, so the time grows with n and not with its square.
    """
    try:
        a, b = pairs(x, y)
    except Undefined:
        return None
    n = a.n - 1
    if n < 3:
        return None
    sxx, syy = sum(u * u for u in a.units), sum(v * v for v in b.units)
    sxy = sum(u * v for u, v in zip(a.units, b.units, strict=True))
    found = []
    for u, v in zip(a.units, b.units, strict=True):
        sx, sy = a.total - u, b.total - v
        xx, yy, xy = n * (sxx - u * u) - sx * sx, n * (syy - v * v) - sy * sy, n * (sxy - u * v) - sx * sy
        if xx == 0 or yy == 0:
            return None
        size = math.sqrt(Fraction(xy * xy, xx * yy))
        found.append(-size if xy < 0 else size)
    return min(found), max(found)
