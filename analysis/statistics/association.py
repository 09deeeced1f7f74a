"""How two variables go together: Pearson's, Spearman's and Kendall's correlation, and the straight line of least squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from analysis.statistics.distributions import normal_quantile, normal_two_sided, t_quantile, t_two_sided
from analysis.statistics.result import OUT_OF_RANGE, TestResult, Undefined, defined
from analysis.statistics.samples import Rows, Sample, pairs, ranks

__all__ = ["Line", "kendall", "line", "pearson", "products", "spearman"]

_PEARSON: Final = "Pearson correlation"
_SPEARMAN: Final = "Spearman correlation"
_KENDALL: Final = "Kendall correlation"


def products(x: Sample, y: Sample) -> tuple[Fraction, Fraction, Fraction]:
    """Exact sums of squares and products about the means: xx, yy, xy."""
    cross = x.n * sum(a * b for a, b in zip(x.units, y.units, strict=True)) - x.total * y.total
    return x.squares, y.squares, Fraction(cross, x.n * 10 ** (x.places + y.places))


def _correlation(x: Sample, y: Sample) -> float:
    x.at_least(3)
    xx, yy, xy = products(x, y)
    if xx == 0 or yy == 0:
        raise Undefined("one variable is constant")
    return math.copysign(math.sqrt(xy * xy / (xx * yy)), xy)


def _tested(method: str, r: float, n: int, error: float | None, confidence: float) -> TestResult:
    low = high = None
    if error is not None and abs(r) < 1:
        half = normal_quantile(0.5 + confidence / 2) * error
        low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    notes = () if low is not None else ("no confidence interval: n under 4, or points on one line",)
    if abs(r) >= 1:
        return TestResult(
            method, df=(float(n - 2),), estimate=r, effect=1.0, n=(n,), symbol="t", effect_name="R squared",
            notes=("the points lie on one line, so t is infinite",),
        )  # fmt: skip
    t = r * math.sqrt((n - 2) / (1 - r * r))
    return TestResult(
        method,
        statistic=t,
        df=(float(n - 2),),
        p=t_two_sided(t, n - 2),
        estimate=r,
        ci_low=low,
        ci_high=high,
        effect=r * r,
        n=(n,),
        notes=notes,
        symbol="t",
        effect_name="R squared",
    )


@defined(_PEARSON, "t")
def pearson(x: Rows, y: Rows, confidence: float = 0.95) -> TestResult:
    """``estimate`` is r with Fisher's interval, ``effect`` R², ``statistic`` t; pairs with a missing half go."""
    a, b = pairs(x, y)
    r = _correlation(a, b)
    return _tested(_PEARSON, r, a.n, 1 / math.sqrt(a.n - 3) if a.n > 3 else None, confidence)


@defined(_SPEARMAN, "t")
def spearman(x: Rows, y: Rows, confidence: float = 0.95) -> TestResult:
    """Pearson's r of the ranks; the interval by Bonett and Wright's standard error."""
    a, b = pairs(x, y)
    r = _correlation(Sample(tuple(ranks(a.units)[0])), Sample(tuple(ranks(b.units)[0])))
    error = math.sqrt((1 + r * r / 2) / (a.n - 3)) if a.n > 3 else None
    return _tested(_SPEARMAN, r, a.n, error, confidence)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _untied(sizes: Sequence[int], n: int) -> int:
    return n * (n - 1) // 2 - sum(t * (t - 1) // 2 for t in sizes)


@defined(_KENDALL, "z")
def kendall(x: Rows, y: Rows, confidence: float = 0.95) -> TestResult:
    """Kendall's tau-b; Z and P by the normal approximation with ties; the interval by Fieller's standard error."""
    a, b = pairs(x, y)
    a.at_least(3)
    n = a.n
    score = sum(
        _sign(a.units[i] - a.units[j]) * _sign(b.units[i] - b.units[j]) for i in range(n) for j in range(i)
    )
    ties_a, ties_b = ranks(a.units)[1], ranks(b.units)[1]
    free = _untied(ties_a, n) * _untied(ties_b, n)
    if free == 0:
        raise Undefined("one variable is constant")
    tau = score / math.sqrt(free)
    z = score / math.sqrt(_score_variance(n, ties_a, ties_b))
    low = high = None
    if n > 4 and abs(tau) < 1:
        half = normal_quantile(0.5 + confidence / 2) * math.sqrt(0.437 / (n - 4))
        low, high = math.tanh(math.atanh(tau) - half), math.tanh(math.atanh(tau) + half)
    return TestResult(
        _KENDALL, z, p=normal_two_sided(z), estimate=tau, ci_low=low, ci_high=high, n=(n,), symbol="z"
    )


def _score_variance(n: int, ties_a: Sequence[int], ties_b: Sequence[int]) -> float:
    """Variance of the score under independence, ties accounted for (Kendall 1970, 4.5)."""

    def v(t: Sequence[int]) -> int:
        return sum(k * (k - 1) * (2 * k + 5) for k in t)

    def pairs_of(t: Sequence[int]) -> int:
        return sum(k * (k - 1) for k in t)

    def triples_of(t: Sequence[int]) -> int:
        return sum(k * (k - 1) * (k - 2) for k in t)

    first = (n * (n - 1) * (2 * n + 5) - v(ties_a) - v(ties_b)) / 18
    second = triples_of(ties_a) * triples_of(ties_b) / (9 * n * (n - 1) * (n - 2))
    return first + second + pairs_of(ties_a) * pairs_of(ties_b) / (2 * n * (n - 1))


def _spread(squares: Fraction) -> Fraction:
    if squares == 0:
        raise Undefined("x is constant")
    return squares


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x, with standard errors and what a confidence band needs; None is undefined."""

    n: int
    intercept: float | None = None
    slope: float | None = None
    intercept_error: float | None = None
    slope_error: float | None = None
    residual_sd: float | None = None
    r_squared: float | None = None
    f: float | None = None
    mean_x: float = 0.0
    squares_x: float = 0.0
    notes: tuple[str, ...] = ()

    def half_width(self, at: float, confidence: float = 0.95) -> float | None:
        """Half the width of the band for the mean of y at x = ``at``; None where undefined."""
        if self.residual_sd is None:
            return None
        share = 1 / self.n + (at - self.mean_x) ** 2 / self.squares_x
        return t_quantile(0.5 + confidence / 2, self.n - 2) * self.residual_sd * math.sqrt(share)


def line(x: Rows, y: Rows) -> Line:
    """The line of least squares through the pairs in which both values are there."""
    try:
        a, b = pairs(x, y)
        a.at_least(2)
        xx, yy, xy = products(a, b)
        slope = xy / _spread(xx)
        intercept = b.mean - slope * a.mean
        left = yy - slope * xy
        fitted = Line(
            a.n,
            float(intercept),
            float(slope),
            r_squared=float(slope * xy / yy) if yy else None,
            mean_x=float(a.mean),
            squares_x=float(xx),
        )
        if a.n < 3:
            return fitted
        variance = left / (a.n - 2)
        return Line(
            fitted.n,
            fitted.intercept,
            fitted.slope,
            intercept_error=math.sqrt(variance * (Fraction(1, a.n) + a.mean**2 / xx)),
            slope_error=math.sqrt(variance / xx),
            residual_sd=math.sqrt(variance),
            r_squared=fitted.r_squared,
            f=float(slope * xy / variance) if variance else None,
            mean_x=fitted.mean_x,
            squares_x=fitted.squares_x,
        )
    except Undefined as reason:
        return Line(0, notes=(str(reason),))
    except (OverflowError, ZeroDivisionError):
        return Line(0, notes=(OUT_OF_RANGE,))
