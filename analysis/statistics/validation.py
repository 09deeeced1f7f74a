"""How good a model is on people it has not seen: the optimism of its own sample, by the bootstrap.

Harrell, Lee and Mark (Stat Med 1996;15:361-87): the whole procedure is repeated in samples drawn with replacement; what
a repeated model loses from its own sample to the original one is the optimism, and is taken off the apparent value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.logistic import c_statistic, in_order, logistic

__all__ = ["Validation", "validate"]


@dataclass(frozen=True)
class Validation:
    """Apparent and corrected c-statistic, corrected calibration slope; None is undefined.

    ``slope`` below 1 says how far predictions are too extreme; the apparent slope of maximum likelihood is 1.
    ``repeats`` could be fitted, ``penalised`` of them only with Firth's penalty.
    """

    c: float | None = None
    c_corrected: float | None = None
    slope: float | None = None
    repeats: int = 0
    penalised: int = 0
    seed: int = 0


def validate(
    y: Sequence[int], predictors: Sequence[tuple[str, Sequence[float]]], *, repeats: int, seed: int
) -> Validation:
    """The model of ``y`` on the columns validated by ``repeats`` bootstrap samples from ``seed``."""
    whole = logistic(y, predictors, tested=False)
    if not whole.terms:
        return Validation(seed=seed)
    y, predictors = in_order(y, predictors)
    outcome = np.array(y, dtype=int)
    x = np.column_stack([np.ones(len(outcome)), *(np.array(c, dtype=float) for _, c in predictors)])
    apparent = c_statistic(outcome.tolist(), (x @ whole.coefficients).tolist())
    own = _slope(outcome, x @ whole.coefficients)
    draws = np.random.Generator(np.random.PCG64(seed))
    lost_c, lost_slope, penalised = [], [], 0
    for _ in range(repeats):
        rows = draws.integers(0, len(outcome), len(outcome))
        again = logistic(
            outcome[rows].tolist(),
            [(name, x[rows, j + 1].tolist()) for j, (name, _) in enumerate(predictors)],
            tested=False,
        )
        if not again.terms:
            continue
        penalised += again.firth
        here, there = x[rows] @ again.coefficients, x @ again.coefficients
        inside, outside = (
            c_statistic(outcome[rows].tolist(), here.tolist()),
            c_statistic(outcome.tolist(), there.tolist()),
        )
        slopes = _slope(outcome[rows], here), _slope(outcome, there)
        if inside is None or outside is None or None in slopes:
            continue
        lost_c.append(inside - outside)
        lost_slope.append((slopes[0] or 0.0) - (slopes[1] or 0.0))
    if not lost_c or apparent is None or own is None:
        return Validation(apparent, seed=seed)
    return Validation(
        apparent,
        apparent - float(np.mean(lost_c)),
        own - float(np.mean(lost_slope)),
        len(lost_c),
        penalised,
        seed,
    )


def _slope(
    outcome: np.ndarray[tuple[int], np.dtype[np.int_]], score: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float | None:
    """The calibration slope: the coefficient of the score in a logistic model of the outcome."""
    found = logistic(outcome.tolist(), [("score", score.tolist())], tested=False)
    return found.terms[1].b if found.terms else None
