"""Whether a sample may come from a normal distribution."""

from __future__ import annotations

from typing import Final

from analysis.statistics.result import TestResult, Undefined, defined
from analysis.statistics.samples import Values, sample

__all__ = ["lilliefors", "shapiro"]

_METHOD: Final = "Shapiro-Wilk"
_LILLIEFORS: Final = "Kolmogorov-Smirnov (Lilliefors)"
_TABULATED: Final = 5000


@defined(_METHOD, "w")
def shapiro(values: Values) -> TestResult:
    """Shapiro and Wilk's W with Royston's P (AS R94). Undefined under three values or when all are equal."""
    x = sample(values)
    x.at_least(3)
    if x.constant:
        raise Undefined("all values are equal")
    from scipy import stats

    # Sorted, so that the order of rows changes no digit; centred and of unit size, or shared leading digits eat the double's precision.
    centred = [float((u * x.n - x.total) / (x.n * (max(x.units) - min(x.units)))) for u in sorted(x.units)]
    w, p = stats.shapiro(centred)
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

    spread = max(x.units) - min(x.units)
    d, p = tabled([float((u * x.n - x.total) / (x.n * spread)) for u in sorted(x.units)], pvalmethod="table")
    bounded = min(max(float(p), 0.001), 0.2)
    notes = ("P is a bound: the tables end at 0.001 and 0.2",) if bounded in {0.001, 0.2} else ()
    return TestResult(_LILLIEFORS, float(d), p=bounded, n=(x.n,), notes=notes, symbol="d")
