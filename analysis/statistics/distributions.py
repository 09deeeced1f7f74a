"""Tail probabilities and quantiles of t, F, chi-square, normal and studentized range; all from scipy."""

from __future__ import annotations

import math

from scipy import special

__all__ = [
    "chi2_sf",
    "f_sf",
    "normal_quantile",
    "normal_two_sided",
    "range_quantile",
    "range_sf",
    "t_quantile",
    "t_two_sided",
]


def t_two_sided(t: float, df: float) -> float:
    """P(|T| >= |t|) of Student's t."""
    return min(1.0, 2.0 * float(special.stdtr(df, -abs(t))))


def t_quantile(p: float, df: float) -> float:
    """The t below which a share ``p`` lies."""
    return float(special.stdtrit(df, p))


def f_sf(f: float, df1: float, df2: float) -> float:
    """P(F >= f)."""
    return float(special.fdtrc(df1, df2, f))


def chi2_sf(x: float, df: float) -> float:
    """P(chi-square >= x)."""
    return float(special.chdtrc(df, x))


def normal_two_sided(z: float) -> float:
    """P(|Z| >= |z|)."""
    return math.erfc(abs(z) / math.sqrt(2.0))


def normal_quantile(p: float) -> float:
    """The z below which a share ``p`` lies."""
    return float(special.ndtri(p))


def range_sf(q: float, k: int, df: float) -> float:
    """P(Q >= q) of the studentized range of ``k`` means."""
    from scipy.stats import studentized_range

    return float(studentized_range.sf(q, k, df))


def range_quantile(p: float, k: int, df: float) -> float:
    """The q below which a share ``p`` lies, of ``k`` means."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(p, k, df))
