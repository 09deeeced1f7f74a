"""Whether a sample may come from a normal distribution."""

from __future__ import annotations

from itertools import repeat
from typing import Final

from analysis.statistics.result import TestResult, Undefined, defined
from analysis.statistics.samples import Sample, Values, sample

__all__ = ["lilliefors", "shapiro"]

_METHOD: Final = "Shapiro-Wilk"
_LILLIEFORS: Final = "Kolmogorov-Smirnov (Lilliefors)"
_TABULATED: Final = 5000


def _centred(x: Sample) -> list[float]:
    """The values ascending, so that the order of rows changes no digit, about their mean and of unit size.

    Otherwise leading digits that all values share would eat the double's precision.
    """
    low, high = x.ends
    size = x.n * (high - low)
    return [value for u, times in x.tally for value in repeat(float((u * x.n - x.total) / size), times)]


@defined(_METHOD, "w")
def shapiro(values: Values) -> TestResult:
    """Shapiro and Wilk's W with Royston's P (AS R94). Undefined under three values or when all are equal."""
    x = sample(values)
    x.at_least(3)
    if x.constant:
        raise Undefined("all values are equal")
    from scipy import stats

    w, p = stats.shapiro(_centred(x))
    notes = (f"P is an extrapolation above n = {_TABULATED}",) if x.n > _TABULATED else ()
    return TestResult(_METHOD, float(w), p=float(p), n=(x.n,), notes=notes, symbol="w")


@defined(_LILLIEFORS, "d")
def lilliefors(values: Values) -> TestResult:
    """Kolmogorov and Smirnov's D against the normal with the sample's mean and SD; P as Dallal and Wilkinson.

    Undefined under four values or when all are equal. P is bounded to [0.001, 0.2], where the tables end, as SPSS does.
    """
    x = sample(values)
    x.at_least(4)
    if x.constant:
        raise Undefined("all values are equal")
    from statsmodels.stats.diagnostic import lilliefors as tabled

    d, p = tabled(_centred(x), pvalmethod="table")
    bounded = min(max(float(p), 0.001), 0.2)
    notes = ("P is a bound: the tables end at 0.001 and 0.2",) if bounded in {0.001, 0.2} else ()
    return TestResult(_LILLIEFORS, float(d), p=bounded, n=(x.n,), notes=notes, symbol="d")
