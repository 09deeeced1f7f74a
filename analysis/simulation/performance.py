"""Performance of an analysis over replications, each measure with its Monte Carlo standard error.

Definitions and errors: Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074-102, table 6.  Type S and type M errors:
Gelman A, Carlin J. Perspect Psychol Sci 2014;9:641-51.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from analysis.simulation.kernels import Answers, Array

__all__ = ["Measure", "Performance", "measured", "wilson"]

_Z: Final = 1.959963984540054
_SURE: Final = 4.0
"""A truth within so many of its standard errors from nought may be nought, of which nothing is a multiple."""


@dataclass(frozen=True)
class Measure:
    """A number and its Monte Carlo standard error; None is undefined."""

    value: float | None = None
    mcse: float | None = None


@dataclass(frozen=True)
class Performance:
    """What one question's answers are worth. ``truth`` None: it tests and estimates nothing."""

    replications: int
    undefined: int
    """Replications without a P: they count as not significant."""
    rejected: Measure
    rejected_low: float
    rejected_high: float
    """Wilson's 95 % interval of the share that is significant."""
    truth: float | None = None
    mean: float | None = None
    bias: Measure = Measure()
    empirical_se: Measure = Measure()
    model_se: Measure = Measure()
    rmse: Measure = Measure()
    coverage: Measure = Measure()
    type_s: Measure = Measure()
    """Of the significant answers the share with the wrong sign."""
    type_m: Measure = Measure()
    """How many times larger than the truth a significant estimate is on average."""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def wilson(hits: int, n: int, z: float = _Z) -> tuple[float, float]:
    """Wilson's interval of a share, of 95 % without another ``z``."""
    share, z2 = hits / n, z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _share(hits: int, n: int) -> Measure:
    return Measure(hits / n, math.sqrt(hits / n * (1 - hits / n) / n)) if n else Measure()


def measured(found: Answers, truth: float, alpha: float, truth_error: float = 0.0) -> Performance:
    """Performance against ``truth`` (NaN: there is none), whose own standard error goes into that of the bias."""
    n = len(found.p)
    with np.errstate(invalid="ignore"):
        significant = found.p < alpha
    hits = int(significant.sum())
    low, high = wilson(hits, n)
    plain = Performance(n, int(np.isnan(found.p).sum()), _share(hits, n), low, high)
    there = ~np.isnan(found.estimate)
    estimate = found.estimate[there]
    if math.isnan(truth) or len(estimate) < 2:
        return plain
    m = len(estimate)
    spread = float(estimate.std(ddof=1))
    off = (estimate - truth) ** 2
    square = float(off.mean())
    rmse = math.sqrt(square)
    square_error = math.sqrt(float(((off - square) ** 2).sum()) / (m * (m - 1)))
    sure = ~np.isnan(found.low)
    inside = (found.low[sure] <= truth) & (truth <= found.high[sure])
    return Performance(
        plain.replications,
        plain.undefined,
        plain.rejected,
        plain.rejected_low,
        plain.rejected_high,
        truth=truth,
        mean=float(estimate.mean()),
        bias=Measure(float(estimate.mean()) - truth, math.hypot(spread / math.sqrt(m), truth_error)),
        empirical_se=Measure(spread, spread / math.sqrt(2 * (m - 1))),
        model_se=_model_se(found.se),
        rmse=Measure(rmse, square_error / (2 * rmse) if rmse else 0.0),
        coverage=_share(int(inside.sum()), int(sure.sum())),
        **(
            _exaggerated(found.estimate[significant & there], truth)
            if abs(truth) > _SURE * truth_error
            else {}
        ),
    )


def _model_se(errors: Array) -> Measure:
    squares = errors[~np.isnan(errors)] ** 2
    if len(squares) < 2:
        return Measure()
    mean = float(squares.mean())
    if not mean:
        return Measure(0.0, 0.0)
    return Measure(math.sqrt(mean), math.sqrt(float(squares.var(ddof=1)) / (4 * len(squares) * mean)))


def _exaggerated(significant: Array, truth: float) -> dict[str, Measure]:
    """Type S and M; undefined where there is no effect or no significant answer."""
    n = len(significant)
    if not n or not truth:
        return {}
    wrong = int((np.sign(significant) != math.copysign(1.0, truth)).sum())
    ratio = np.abs(significant) / abs(truth)
    error = float(ratio.std(ddof=1)) / math.sqrt(n) if n > 1 else None
    return {"type_s": _share(wrong, n), "type_m": Measure(float(ratio.mean()), error)}
