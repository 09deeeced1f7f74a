"""The model of response fitted to many replications at once; what does not settle goes to ``analysis.statistics``.

Newton's steps are the same matrices for every replication, so one stacked solve serves all.  Where outcomes separate or
the steps run off, that replication is fitted by ``logistic`` itself, Firth's penalty included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis import statistics as st
from analysis.simulation.kernels import Answers, Array

__all__ = ["logistic"]

_Z: Final = float(special.ndtri(0.975))
_STEPS: Final = 30
_CLOSE: Final = 1e-11
_FAR: Final = 20.0


def logistic(y: Array, columns: Sequence[Array]) -> list[Answers]:
    """The coefficient of each column in the model of ``y`` (0 or 1, NaN missing); arrays are (R, n)."""
    gone = np.isnan(np.array([y, *columns])).any(axis=0)
    used = (~gone).astype(np.float64)
    outcome = np.where(gone, 0.0, y)
    with np.errstate(all="ignore"):
        scaled, spreads = [used], []
        for c in columns:
            n = used.sum(axis=1)
            kept = np.where(gone, 0.0, c)
            centre = (kept.sum(axis=1) / n)[:, None]
            spread = np.sqrt((np.where(gone, 0.0, c - centre) ** 2).sum(axis=1) / n)
            scaled.append(np.where(gone, 0.0, (c - centre) / spread[:, None]))
            spreads.append(spread)
        x = np.stack(scaled, axis=2)
        b, covariance, settled = _newton(x, outcome, used)
        found = np.array([b[:, j + 1] / spread for j, spread in enumerate(spreads)])
        error = np.array([np.sqrt(covariance[:, j + 1, j + 1]) / s for j, s in enumerate(spreads)])
        p = np.asarray(special.erfc(np.abs(found / error) / np.sqrt(2.0)))
    low, high = found - _Z * error, found + _Z * error
    for row in np.flatnonzero(~settled):
        there = ~gone[row]
        fitted = st.logistic(
            outcome[row, there].astype(int).tolist(),
            [(f"{j:03d}", c[row, there].tolist()) for j, c in enumerate(columns)],
        )
        for j in range(len(columns)):
            term = fitted.terms[j + 1] if fitted.terms else None
            told = (None,) * 5 if term is None else (term.b, term.se, term.p, term.low, term.high)
            for into, value in zip((found, error, p, low, high), told, strict=True):
                into[j, row] = np.nan if value is None else value
    return [Answers(p[j], found[j], error[j], low[j], high[j]) for j in range(len(columns))]


def _newton(x: Array, y: Array, used: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Coefficients (R, k), their covariance, and which replications settled; ``x`` is (R, n, k)."""
    rows, _, k = x.shape
    b, settled = np.zeros((rows, k)), np.zeros(rows, dtype=bool)
    lost = np.asarray(~np.isfinite(x).all(axis=(1, 2)))
    x = np.where(lost[:, None, None], 0.0, x)
    information = np.tile(np.eye(k), (rows, 1, 1))
    for _ in range(_STEPS):
        p = special.expit(np.einsum("rnk,rk->rn", x, b))
        information = np.einsum("rnj,rn,rnk->rjk", x, p * (1 - p) * used, x, optimize=True)
        score = np.einsum("rnk,rn->rk", x, (y - p) * used)
        lost |= ~(np.linalg.eigvalsh(information)[:, 0] > 1e-10 * np.maximum(used.sum(axis=1), 1))
        information[lost] = np.eye(k)
        move = np.where(lost[:, None], 0.0, np.linalg.solve(information, score[:, :, None])[:, :, 0])
        b = b + np.clip(move, -5, 5)
        settled = np.abs(move).max(axis=1) < _CLOSE
        if (settled | lost).all():
            break
    lost |= np.abs(np.einsum("rnk,rk->rn", x, b)).max(axis=1) >= _FAR
    return b, np.asarray(np.linalg.inv(information)), np.asarray(settled & ~lost)
