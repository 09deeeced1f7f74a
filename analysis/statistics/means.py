"""Tests of means: paired, Student's and Welch's t, analysis of variance, and Levene's test of variances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from analysis.statistics.distributions import f_sf, t_quantile, t_two_sided
from analysis.statistics.result import TestResult, Undefined, defined
from analysis.statistics.samples import Rows, Sample, Values, pairs, samples

__all__ = ["anova", "levene", "one_sample_t", "paired_t", "student_t", "welch_anova", "welch_t"]

_PAIRED: Final = "paired t test"
_ONE: Final = "one-sample t test"
_STUDENT: Final = "Student t test"
_WELCH: Final = "Welch t test"
_ANOVA: Final = "one-way ANOVA"
_WELCH_ANOVA: Final = "Welch analysis of variance"
_LEVENE: Final = "Levene test (mean-centred)"


def _one_mean(method: str, x: Sample, confidence: float) -> TestResult:
    x.at_least(2)
    if x.squares == 0:
        raise Undefined("all values are equal, so there is no standard error")
    mean, sd, df = float(x.mean), x.sd, x.n - 1
    error = sd / math.sqrt(x.n)
    half = t_quantile(0.5 + confidence / 2, df) * error
    return TestResult(
        method,
        statistic=mean / error,
        df=(float(df),),
        p=t_two_sided(mean / error, df),
        estimate=mean,
        ci_low=mean - half,
        ci_high=mean + half,
        effect=mean / sd,
        n=(x.n,),
        symbol="t",
        effect_name="Cohen d",
    )


@defined(_ONE, "t")
def one_sample_t(values: Values, confidence: float = 0.95) -> TestResult:
    """Whether the mean of ``values`` (for one, recorded changes) is zero."""
    return _one_mean(_ONE, samples(values)[0], confidence)


@defined(_PAIRED, "t")
def paired_t(before: Rows, after: Rows, confidence: float = 0.95) -> TestResult:
    """Whether ``after - before`` is zero on average; pairs with a missing half are left out."""
    first, second = pairs(before, after)
    change = tuple(b - a for a, b in zip(first.units, second.units, strict=True))
    return _one_mean(_PAIRED, Sample(change, first.places), confidence)


def _two(first: Values, second: Values) -> tuple[Sample, Sample, float, float]:
    a, b = samples(first, second)
    a.at_least(2)
    b.at_least(2)
    if a.squares == 0 and b.squares == 0:
        raise Undefined("both samples are constant, so there is no standard error")
    pooled = (a.squares + b.squares) / (a.n + b.n - 2)
    return a, b, float(a.mean - b.mean), float(pooled)


@defined(_STUDENT, "t")
def student_t(first: Values, second: Values, confidence: float = 0.95) -> TestResult:
    """Difference of two means, ``first - second``, variances taken as equal. Effect is Cohen's d, pooled SD."""
    a, b, difference, pooled = _two(first, second)
    df = a.n + b.n - 2
    error = math.sqrt(pooled * (1 / a.n + 1 / b.n))
    return _difference(_STUDENT, (a, b), (difference, error, df), pooled, confidence)


@defined(_WELCH, "t")
def welch_t(first: Values, second: Values, confidence: float = 0.95) -> TestResult:
    """Difference of two means, ``first - second``, each with its own variance; Satterthwaite's df."""
    a, b, difference, pooled = _two(first, second)
    left, right = float(a.variance / a.n), float(b.variance / b.n)
    df = (left + right) ** 2 / (left**2 / (a.n - 1) + right**2 / (b.n - 1))
    return _difference(_WELCH, (a, b), (difference, math.sqrt(left + right), df), pooled, confidence)


def _difference(
    method: str,
    sides: tuple[Sample, Sample],
    measured: tuple[float, float, float],
    pooled: float,
    confidence: float,
) -> TestResult:
    difference, error, df = measured
    half = t_quantile(0.5 + confidence / 2, df) * error
    return TestResult(
        method,
        statistic=difference / error,
        df=(float(df),),
        p=t_two_sided(difference / error, df),
        estimate=difference,
        ci_low=difference - half,
        ci_high=difference + half,
        effect=difference / math.sqrt(pooled),
        n=(sides[0].n, sides[1].n),
        symbol="t",
        effect_name="Cohen d",
    )


def _variance_ratio(
    method: str,
    sizes: Sequence[int],
    sums: Sequence[Fraction],
    squares: Sequence[Fraction],
    symbol: str = "f",
) -> TestResult:
    """F from each group's n, sum and sum of squares, all exact."""
    n, k = sum(sizes), len(sizes)
    if k < 2:
        raise Undefined(f"needs at least 2 groups, has {k}")
    if n <= k:
        raise Undefined("no degrees of freedom are left within the groups")
    within = sum((q - s * s / m for m, s, q in zip(sizes, sums, squares, strict=True)), Fraction(0))
    between = (
        sum((s * s / m for m, s in zip(sizes, sums, strict=True)), Fraction(0))
        - sum(sums, Fraction(0)) ** 2 / n
    )
    if within == 0:
        raise Undefined("there is no variation within the groups")
    df1, df2 = k - 1, n - k
    f = float((between / df1) / (within / df2))
    return TestResult(
        method,
        statistic=f,
        df=(float(df1), float(df2)),
        p=f_sf(f, df1, df2),
        effect=float(between / (between + within)),
        n=tuple(sizes),
        symbol=symbol,
        effect_name="eta squared",
        also=(
            ("ss_between", float(between)),
            ("ss_within", float(within)),
            ("ms_within", float(within / df2)),
        ),
    )


@defined(_ANOVA, "f")
def anova(*groups: Values) -> TestResult:
    """One-way analysis of variance; empty groups are left out. Sums of squares stand in ``also``."""
    kept = [g for g in samples(*groups) if g.n]
    scale = 10 ** (kept[0].places if kept else 0)
    return _variance_ratio(
        _ANOVA,
        [g.n for g in kept],
        [Fraction(g.total, scale) for g in kept],
        [Fraction(g.square_total, scale * scale) for g in kept],
    )


@defined(_LEVENE, "f")
def levene(*groups: Values) -> TestResult:
    """Levene's test on absolute deviations from each group's mean, as SPSS prints it."""
    kept = [g for g in samples(*groups) if g.n]
    scale = 10 ** (kept[0].places if kept else 0)
    sums, squares = [], []
    for g in kept:
        sums.append(Fraction(g.distance_total, g.n * scale))
        squares.append(g.squares)  # of the distances, which are those of the values about their mean
    return _variance_ratio(_LEVENE, [g.n for g in kept], sums, squares)


@defined(_WELCH_ANOVA, "f")
def welch_anova(*groups: Values) -> TestResult:
    """Welch's one-way analysis (Biometrika 1951;38:330-6), each group with its own variance; empty groups are left out."""
    kept = [g for g in samples(*groups) if g.n]
    if len(kept) < 2:
        raise Undefined(f"needs at least 2 groups, has {len(kept)}")
    for g in kept:
        g.at_least(2)
    if any(g.squares == 0 for g in kept):
        raise Undefined("one group is constant, so its weight is infinite")
    k = len(kept)
    weights = [g.n / g.variance for g in kept]
    whole = sum(weights, Fraction(0))
    level = sum((w * g.mean for w, g in zip(weights, kept, strict=True)), Fraction(0)) / whole
    spread = sum((w * (g.mean - level) ** 2 for w, g in zip(weights, kept, strict=True)), Fraction(0)) / (
        k - 1
    )
    loss = sum(((1 - w / whole) ** 2 / (g.n - 1) for w, g in zip(weights, kept, strict=True)), Fraction(0))
    f = float(spread / (1 + Fraction(2 * (k - 2), k * k - 1) * loss))
    df2 = float((k * k - 1) / (3 * loss))
    return TestResult(
        _WELCH_ANOVA,
        statistic=f,
        df=(float(k - 1), df2),
        p=f_sf(f, k - 1, df2),
        n=tuple(g.n for g in kept),
        symbol="f",
    )
