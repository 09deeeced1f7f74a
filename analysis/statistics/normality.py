"""Whether a sample may come from a normal distribution."""

from __future__ import annotations

from typing import Final

from analysis.statistics.result import TestResult, Undefined, defined
from analysis.statistics.samples import Values, sample

__all__ = ["shapiro"]

_METHOD: Final = "Shapiro-Wilk"
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
