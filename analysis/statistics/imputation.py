"""Missing values drawn several times from what the other variables say, and the answers pooled by Rubin's rules.

Chained equations with predictive mean matching, as R's mice does by default (van Buuren and Groothuis-Oudshoorn,
J Stat Softw 2011;45(3)): each incomplete column in turn is regressed on all others, coefficients are drawn from their
posterior, and each missing value is copied from one of five participants whose prediction is nearest.  A copied value
is one that somebody had, so limits, steps and codes are kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.distributions import t_quantile, t_two_sided
from analysis.statistics.result import TestResult, Undefined, defined

__all__ = ["chained", "pool"]

_DONORS: Final = 5
_ROUNDS: Final = 10
_RIDGE: Final = 1e-5
_POOLED: Final = "multiple imputation, Rubin's rules"
Matrix = NDArray[np.float64]


def chained(
    columns: Mapping[str, Sequence[float | None]], *, times: int, seed: int
) -> list[dict[str, list[float]]]:
    """``times`` completed copies of the columns. Raises Undefined when a column has too few values to draw from."""
    names = list(columns)
    raw = np.array([[math.nan if v is None else float(v) for v in columns[n]] for n in names], dtype=float).T
    # In the order of their values, so that the order of rows changes no draw; turned back at the end.
    order = np.lexsort(raw.T)
    raw, back = raw[order], np.argsort(order)
    gone = np.isnan(raw)
    for j, name in enumerate(names):
        if gone[:, j].any() and (~gone[:, j]).sum() < max(_DONORS, 3):
            raise Undefined(f"{name} has too few values to draw from")
    draws = np.random.Generator(np.random.PCG64(seed))
    return [
        {name: filled[back, j].tolist() for j, name in enumerate(names)}
        for filled in (_once(raw, gone, draws) for _ in range(times))
    ]


def _once(raw: Matrix, gone: NDArray[np.bool_], draws: np.random.Generator) -> Matrix:
    """One chain: start from values drawn at random, then go round the incomplete columns."""
    filled = raw.copy()
    holes = [int(j) for j in np.argsort(gone.sum(axis=0), kind="stable") if gone[:, j].any()]
    for j in holes:
        filled[gone[:, j], j] = draws.choice(raw[~gone[:, j], j], int(gone[:, j].sum()))
    for _ in range(_ROUNDS if len(holes) > 1 else 1):
        for j in holes:
            filled[gone[:, j], j] = _matched(filled, raw[:, j], gone[:, j], j, draws)
    return filled


def _matched(
    filled: Matrix, own: Matrix, missing: NDArray[np.bool_], j: int, draws: np.random.Generator
) -> Matrix:
    """Values for the missing cells of column ``j``: of the donors with the nearest prediction."""
    others = np.delete(filled, j, axis=1)
    spread = others.std(axis=0)
    keep = spread > 0
    x = np.column_stack(
        [np.ones(len(others)), (others[:, keep] - others[:, keep].mean(axis=0)) / spread[keep]]
    )
    seen, y = x[~missing], own[~missing]
    cross = seen.T @ seen
    cross += np.diag(np.diag(cross)) * _RIDGE
    inverse = np.linalg.inv(cross)
    b = inverse @ seen.T @ y
    left = y - seen @ b
    df = max(1, len(y) - seen.shape[1])
    sigma = math.sqrt(max(float(left @ left), 1e-12) / float(draws.chisquare(df)))
    drawn = b + sigma * np.linalg.cholesky((inverse + inverse.T) / 2) @ draws.standard_normal(len(b))
    known, wanted = seen @ b, x[missing] @ drawn
    found = []
    for prediction in wanted:
        nearest = np.argsort(np.abs(known - prediction), kind="stable")[:_DONORS]
        found.append(float(y[int(draws.choice(nearest))]))
    return np.array(found)


@defined(_POOLED, "t")
def pool(
    estimates: Sequence[float], variances: Sequence[float], df_complete: float, confidence: float = 0.95
) -> TestResult:
    """Rubin's rules over the completed copies, df by Barnard and Rubin (Biometrika 1999;86:948-55).

    ``also`` holds ``fmi``, the share of information that is missing, and ``se``.
    """
    m = len(estimates)
    if m < 2:
        raise Undefined("needs at least 2 imputations")
    q, u = float(np.mean(estimates)), float(np.mean(variances))
    between = float(np.var(estimates, ddof=1))
    total = u + (1 + 1 / m) * between
    if not total > 0:
        raise Undefined("there is no standard error")
    share = (1 + 1 / m) * between / total
    observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
    df = observed if share < 1e-12 else 1 / (1 / ((m - 1) / share**2) + 1 / observed)
    r = share / (1 - share) if share < 1 else math.inf
    se = math.sqrt(total)
    half = t_quantile(0.5 + confidence / 2, df) * se
    return TestResult(
        _POOLED,
        statistic=q / se,
        df=(df,),
        p=t_two_sided(q / se, df),
        estimate=q,
        ci_low=q - half,
        ci_high=q + half,
        symbol="t",
        also=(("se", se), ("fmi", (r + 2 / (df + 3)) / (1 + r))),
    )
