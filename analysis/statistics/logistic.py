"""Logistic regression of a yes or no: maximum likelihood, or Firth's penalised likelihood where the groups separate.

Firth's penalty (Biometrika 1993;80:27-38) is Jeffreys' prior; Heinze and Schemper (Stat Med 2002;21:2409-19) showed that
it gives finite estimates where one predictor parts the outcomes.  Its intervals and P are by the penalised likelihood
itself (profile, ratio test), those of maximum likelihood are Wald's, as SPSS prints them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.distributions import chi2_sf, normal_quantile, normal_two_sided
from analysis.statistics.result import Undefined

__all__ = ["Logistic", "Term", "c_statistic", "in_order", "logistic", "separated"]

Matrix = NDArray[np.float64]

_STEPS: Final = 40
_SLOW: Final = 400  # with the penalty the steps are not quite Newton's
_CLOSE: Final = 1e-9
_ROUGH: Final = 1e-4  # of a sample drawn again: far below its own chance
_FAR: Final = 30.0
_LONGEST: Final = 5.0
_WIDEST: Final = 60


@dataclass(frozen=True)
class Term:
    """One coefficient: log odds ratio per unit, its standard error, P and the interval of the coefficient."""

    name: str
    b: float
    se: float
    p: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Logistic:
    """A fitted model; ``terms`` begin with the intercept. ``notes`` say why there is none."""

    n: int
    events: int
    terms: tuple[Term, ...] = ()
    firth: bool = False
    log_likelihood: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def coefficients(self) -> Matrix:
        """The coefficients as a vector."""
        return np.array([t.b for t in self.terms])


def _eta_bounded(x: Matrix, b: Matrix) -> Matrix:
    with np.errstate(all="ignore"):
        return np.clip(x @ b, -_FAR, _FAR)


def _likelihood(x: Matrix, y: Matrix, b: Matrix, *, firth: bool) -> float:
    eta = _eta_bounded(x, b)
    value = float(y @ eta - np.logaddexp(0.0, eta).sum())
    if firth:
        p = 1 / (1 + np.exp(-eta))
        sign, size = np.linalg.slogdet((x.T * (p * (1 - p))) @ x)
        value += 0.5 * float(size) if sign > 0 else -math.inf
    return value


def fit(
    x: Matrix, y: Matrix, *, firth: bool, fixed: tuple[int, float] | None = None, close: float = _CLOSE
) -> Matrix | None:
    """The coefficients, by Newton's steps halved until the likelihood rises; None when they do not settle.

    ``fixed`` holds one coefficient at a value: a point of the profile.
    """
    free = [j for j in range(x.shape[1]) if fixed is None or j != fixed[0]]
    b = np.zeros(x.shape[1])
    if fixed is not None:
        b[fixed[0]] = fixed[1]
    best, before = _likelihood(x, y, b, firth=firth), None
    for _ in range(_SLOW if firth else _STEPS):
        p = 1 / (1 + np.exp(-_eta_bounded(x, b)))
        w = p * (1 - p)
        information = (x.T * w) @ x
        residual = y - p
        try:
            if firth:
                # The hat values come from the whole information, fixed coefficient or not: the penalty is of the model.
                hat = w * np.einsum("ij,ij->i", x @ np.linalg.inv(information), x)
                residual = residual + hat * (0.5 - p)
            score = x.T @ residual
            move = np.linalg.solve(information[np.ix_(free, free)], score[free])
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(move).all():
            return None
        move = _damped(np.asarray(move, dtype=np.float64), before)
        before = move
        for _ in range(20):
            trial = b.copy()
            trial[free] += move
            value = _likelihood(x, y, trial, firth=firth)
            if value >= best - 1e-12:
                break
            move = move / 2
        b, best = trial, value
        if float(np.abs(move).max(initial=0.0)) < close:
            return b if firth or float(np.abs(x @ b).max(initial=0.0)) < _FAR else None
    return None


def _damped(move: Matrix, before: Matrix | None) -> Matrix:
    """A step that is not too long, and half as long when it turns back: the penalty bends what Newton takes for straight."""
    size = float(np.abs(move).max(initial=0.0))
    if size > _LONGEST:
        move = move * (_LONGEST / size)
    return move / 2 if before is not None and float(before @ move) < 0 else move


def separated(x: Matrix, y: Matrix) -> bool:
    """Whether some combination of the columns parts the outcomes, so that no maximum likelihood estimate exists.

    A linear programme (Konis 2007): directions that never lower the likelihood, of which one raises it.
    """
    from scipy.optimize import linprog

    signed = x * (2 * y - 1)[:, None]
    scale = np.abs(signed).max(axis=0)
    signed = signed / np.where(scale > 0, scale, 1.0)
    found: Any = linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=[(-1, 1)] * x.shape[1]
    )
    return bool(found.status == 0 and -found.fun > 1e-7)


def _scaled(x: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """The predictors about their means and by their SD, for the arithmetic; with the means and SDs."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    return np.column_stack([np.ones(len(x)), (x - centre) / spread]), centre, spread


def logistic(
    y: Sequence[int],
    predictors: Sequence[tuple[str, Sequence[float]]],
    *,
    confidence: float = 0.95,
    firth: bool | None = None,
    tested: bool = True,
) -> Logistic:
    """The model of ``y`` (0 or 1) on the columns; ``firth`` None takes Firth's when the outcomes separate.

    No value may be missing.  ``tested`` False is for samples drawn again: P and limits of
    a penalised model, which cost most, are left out.  Without an answer ``terms`` is empty and ``notes`` say why.
    """
    y, predictors = in_order(y, predictors)
    outcome = np.array(y, dtype=float)
    events = int(min(outcome.sum(), len(outcome) - outcome.sum())) if len(outcome) else 0
    try:
        design, centre, spread = _design(outcome, predictors)
    except Undefined as reason:
        return Logistic(len(outcome), events, notes=(str(reason),))
    b = None if firth else fit(design, outcome, firth=False)
    # Where the outcomes separate, maximum likelihood never settles: only then is the question asked.
    penalised = bool(firth) or (firth is None and b is None and (not tested or separated(design, outcome)))
    if penalised:
        b = fit(design, outcome, firth=True, close=_CLOSE if tested else _ROUGH)
    if b is None:
        return Logistic(len(outcome), events, notes=("the estimates do not settle",))
    names = ("(intercept)", *(name for name, _ in predictors))
    p = 1 / (1 + np.exp(-_eta_bounded(design, b)))
    covariance = np.linalg.inv((design.T * (p * (1 - p))) @ design)
    best = _likelihood(design, outcome, b, firth=penalised)
    # Back to the predictors' own units: the intercept gathers what the centring took.
    back = np.diag(np.concatenate([[1.0], 1 / spread]))
    back[0, 1:] = -centre / spread
    own, errors = back @ b, np.sqrt(np.diag(back @ covariance @ back.T))
    z = normal_quantile(0.5 + confidence / 2)
    terms = []
    for j, name in enumerate(names):
        if penalised and j and tested:
            unit = spread[j - 1]
            low, high = (_profile(design, outcome, b, j, best, z, side) for side in (-1, 1))
            constrained = fit(design, outcome, firth=True, fixed=(j, 0.0))
            null = best if constrained is None else _likelihood(design, outcome, constrained, firth=True)
            terms.append(
                Term(name, float(own[j]), float(errors[j]), chi2_sf(max(0.0, 2 * (best - null)), 1),
                     None if low is None else low / unit, None if high is None else high / unit)
            )  # fmt: skip
        else:
            half = z * float(errors[j])
            terms.append(
                Term(name, float(own[j]), float(errors[j]), normal_two_sided(float(own[j] / errors[j])),
                     float(own[j]) - half, float(own[j]) + half)
            )  # fmt: skip
    return Logistic(len(outcome), events, tuple(terms), penalised, best)


def in_order(
    y: Sequence[int], predictors: Sequence[tuple[str, Sequence[float]]]
) -> tuple[Sequence[int], Sequence[tuple[str, Sequence[float]]]]:
    """The participants in the order of their values, so that the order of rows changes no digit and no drawn sample."""
    keys = sorted(range(len(y)), key=lambda i: (y[i], *(column[i] for _, column in predictors)))
    return [y[i] for i in keys], [(name, [column[i] for i in keys]) for name, column in predictors]


def _design(
    outcome: Matrix, predictors: Sequence[tuple[str, Sequence[float]]]
) -> tuple[Matrix, Matrix, Matrix]:
    if len(outcome) < len(predictors) + 2:
        raise Undefined(f"needs at least {len(predictors) + 2} participants, has {len(outcome)}")
    if len(set(outcome.tolist())) < 2:
        raise Undefined("all participants have the same outcome")
    x = np.array([column for _, column in predictors], dtype=float).T.reshape(len(outcome), len(predictors))
    if not np.isfinite(x).all():
        raise Undefined("a value is missing or infinite")
    for (name, _), spread in zip(predictors, x.std(axis=0), strict=True):
        if not spread > 0:
            raise Undefined(f"{name} is constant")
    design, centre, spread = _scaled(x)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise Undefined("one predictor is a straight line of the others")
    return design, centre, spread


def _profile(x: Matrix, y: Matrix, b: Matrix, j: int, best: float, z: float, side: int) -> float | None:
    """The end of the profile interval on one side; None when it is beyond reach."""
    from scipy.optimize import brentq

    def below(value: float) -> float:
        held = fit(x, y, firth=True, fixed=(j, value))
        return math.inf if held is None else 2 * (best - _likelihood(x, y, held, firth=True)) - z * z

    step, edge = 0.5, float(b[j])
    for _ in range(_WIDEST):
        edge += side * step
        if below(edge) > 0:
            inside = edge - side * step
            return float(brentq(below, inside, edge, xtol=1e-10)) if math.isfinite(below(edge)) else None
    return None


def c_statistic(y: Sequence[int], score: Sequence[float]) -> float | None:
    """The share of pairs, one with and one without the event, in which the one with it scores higher; ties half."""
    from scipy.stats import rankdata

    outcome = np.asarray(y)
    ones = int(outcome.sum())
    zeros = len(outcome) - ones
    if not ones or not zeros:
        return None
    ranks = rankdata(np.asarray(score, dtype=float))
    return float((ranks[outcome == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))
