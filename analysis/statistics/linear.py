"""The linear model by least squares, with what each predictor adds and how far the others already say it (VIF)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.distributions import f_sf, t_quantile, t_two_sided
from analysis.statistics.result import TestResult, Undefined, defined
from analysis.statistics.samples import Rows

__all__ = ["inflation", "linear_model"]

_LINEAR: Final = "linear model"
Matrix = NDArray[np.float64]


def _number(value: Any) -> float:
    found = math.nan if value is None else float(value)
    if math.isinf(found):
        raise Undefined("a value is infinite")
    return found


def _solved(x: Matrix, y: Matrix) -> tuple[Matrix, float]:
    """Coefficients and the residual sum of squares, by orthogonal factors."""
    q, r = np.linalg.qr(x)
    b = np.linalg.solve(r, q.T @ y)
    left = y - x @ b
    return b, float(left @ left)


@defined(_LINEAR, "f")
def linear_model(y: Rows, predictors: Mapping[str, Rows], confidence: float = 0.95) -> TestResult:
    """``y`` on all predictors; complete rows only. ``estimate`` and the interval are those of a single predictor.

    ``statistic`` is the overall F, ``effect`` R squared; ``also`` holds per predictor ``b:name``, ``se:name``,
    ``t:name``, ``p:name``, ``vif:name``, and ``b:(intercept)``, ``adjusted_r2`` and ``residual_sd``.
    """
    columns = [[_number(v) for v in column] for column in (y, *predictors.values())]
    if len({len(c) for c in columns}) > 1:
        raise Undefined("the columns differ in length")
    rows = np.array(columns, dtype=float).T.reshape(-1, len(columns))
    rows = rows[~np.isnan(rows).any(axis=1)]
    # In the order of their values: the order of rows changes no digit.
    rows = rows[np.lexsort(rows.T)]
    n, k = len(rows), len(predictors)
    if k < 1 or n < k + 2:
        raise Undefined(f"needs at least {k + 2} complete rows, has {n}")
    outcome, x = rows[:, 0], rows[:, 1:]
    # About the means and by the SD: shared leading digits would eat the double's precision.
    centre, spread = x.mean(axis=0), x.std(axis=0)
    if not (spread > 0).all() or not outcome.std() > 0:
        raise Undefined("one variable is constant")
    scaled, level = (x - centre) / spread, float(outcome.mean())
    if np.linalg.matrix_rank(scaled) < k:
        raise Undefined("one predictor is a straight line of the others")
    b, left = _solved(scaled, outcome - level)
    total = float(((outcome - level) ** 2).sum())
    df = n - k - 1
    if left <= 1e-20 * total:
        raise Undefined("the points lie on the model, so F is infinite")
    error = left / df
    inverse = np.diag(np.linalg.inv(scaled.T @ scaled))
    f = ((total - left) / k) / error
    also: list[tuple[str, float]] = [
        ("b:(intercept)", level - float(centre @ (b / spread))),
        ("adjusted_r2", 1 - (left / df) / (total / (n - 1))),
        ("residual_sd", math.sqrt(error)),
    ]
    for j, name in enumerate(predictors):
        slope, se = float(b[j] / spread[j]), math.sqrt(error * inverse[j]) / float(spread[j])
        also += [
            (f"b:{name}", slope), (f"se:{name}", se), (f"t:{name}", slope / se), (f"p:{name}", t_two_sided(slope / se, df)),
            (f"vif:{name}", float(inverse[j]) * n),
        ]  # fmt: skip
    own = dict(also)
    single = next(iter(predictors)) if k == 1 else None
    half = t_quantile(0.5 + confidence / 2, df) * own[f"se:{single}"] if single is not None else None
    slope_of = own[f"b:{single}"] if single is not None else None
    return TestResult(
        _LINEAR,
        statistic=f,
        df=(float(k), float(df)),
        p=f_sf(f, k, df),
        estimate=slope_of,
        ci_low=None if half is None or slope_of is None else slope_of - half,
        ci_high=None if half is None or slope_of is None else slope_of + half,
        effect=1 - left / total,
        n=(n,),
        symbol="f",
        effect_name="R squared",
        also=tuple(also),
    )


def inflation(columns: Sequence[Sequence[float]]) -> list[float | None]:
    """Variance inflation factor of each column: 1 over what the others leave of it; None when they leave nothing."""
    x = np.array(columns, dtype=float).T
    if x.ndim == 2:
        x = x[np.lexsort(x.T)]
    if not len(columns) or len(x) < len(columns) + 1 or not (x.std(axis=0) > 0).all():
        return [None] * len(columns)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    if np.linalg.matrix_rank(scaled) < len(columns):
        return [None] * len(columns)
    return [float(v) * len(x) for v in np.diag(np.linalg.inv(scaled.T @ scaled))]
