"""The tests of ``analysis.statistics`` over many replications at once: a row a replication, NaN what is not there.

Each gives what its namesake gives for one row; ``proof`` holds them against each other on every run, and
tests/analysis/simulation/test_kernels.py over random columns.  Formulas and conventions are documented there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "Answers", "Array", "ancova", "anova", "blank", "compare_correlations", "kendall", "kruskal_wallis", "levene",
    "mann_whitney", "one_mean", "partial", "pearson", "shapiro", "spearman", "student_t", "welch_t", "wilcoxon",
]  # fmt: skip

Array = NDArray[np.float64]

_DUST: Final = 1e-22
_Z: Final = float(special.ndtri(0.975))


@dataclass(frozen=True)
class Answers:
    """One test in every replication, each an (R,) array; NaN is undefined. ``se`` is the one behind the interval."""

    p: Array
    estimate: Array
    se: Array
    low: Array
    high: Array


def blank(p: Array) -> Answers:
    """A test that has a P and estimates nothing."""
    no = np.full(p.shape, np.nan)
    return Answers(p, no, no, no, no)


def _t_p(t: Array, df: Array) -> Array:
    return np.minimum(1.0, 2.0 * special.stdtr(df, -np.abs(t)))


def _moments(x: Array) -> tuple[Array, Array, Array]:
    """n, mean, and the sum of squares about the mean, exactly nought of a constant row; each (R,)."""
    known = ~np.isnan(x)
    n = known.sum(axis=1).astype(np.float64)
    with np.errstate(all="ignore"):
        mean = np.where(known, x, 0.0).sum(axis=1) / n
        squares = (np.where(known, x - mean[:, None], 0.0) ** 2).sum(axis=1)
        # What is left of equal values is dust of the arithmetic: recorded values differ in their first nine digits.
        whole = (np.where(known, x, 0.0) ** 2).sum(axis=1)
    return n, mean, np.where(squares <= _DUST * whole, 0.0, squares)


def _by_t(estimate: Array, se: Array, df: Array, usable: NDArray[np.bool_]) -> Answers:
    with np.errstate(all="ignore"):
        se, df = np.where(usable, se, np.nan), np.where(usable, df, np.nan)
        half = special.stdtrit(df, 0.975) * se
        kept = np.where(usable, estimate, np.nan)
        return Answers(_t_p(kept / se, df), kept, se, kept - half, kept + half)


def one_mean(x: Array) -> Answers:
    """Student's t of one mean against nought: of changes, the paired t test."""
    n, mean, squares = _moments(x)
    with np.errstate(all="ignore"):
        return _by_t(mean, np.sqrt(squares / (n - 1) / n), n - 1, (n >= 2) & (squares > 0))


def student_t(a: Array, b: Array) -> Answers:
    """First mean minus second, variances taken as equal."""
    (n1, m1, s1), (n2, m2, s2) = _moments(a), _moments(b)
    with np.errstate(all="ignore"):
        error = np.sqrt((s1 + s2) / (n1 + n2 - 2) * (1 / n1 + 1 / n2))
    return _by_t(m1 - m2, error, n1 + n2 - 2, (n1 >= 2) & (n2 >= 2) & (s1 + s2 > 0))


def welch_t(a: Array, b: Array) -> Answers:
    """First mean minus second, each with its own variance; Satterthwaite's df."""
    (n1, m1, s1), (n2, m2, s2) = _moments(a), _moments(b)
    with np.errstate(all="ignore"):
        left, right = s1 / (n1 - 1) / n1, s2 / (n2 - 1) / n2
        df = (left + right) ** 2 / (left**2 / (n1 - 1) + right**2 / (n2 - 1))
    return _by_t(m1 - m2, np.sqrt(left + right), df, (n1 >= 2) & (n2 >= 2) & (s1 + s2 > 0))


def anova(groups: Sequence[Array]) -> Array:
    """P of one-way analysis of variance; empty groups are left out."""
    found = [_moments(g) for g in groups]
    sizes = np.array([n for n, _, _ in found])
    means = np.array([np.where(n > 0, m, 0.0) for n, m, _ in found])
    within = np.array([s for _, _, s in found]).sum(axis=0)
    n, k = sizes.sum(axis=0), (sizes > 0).sum(axis=0)
    with np.errstate(all="ignore"):
        level = (sizes * means).sum(axis=0) / n
        between = (sizes * (means - level) ** 2).sum(axis=0)
        f = (between / (k - 1)) / (within / (n - k))
        p = special.fdtrc(k - 1, n - k, f)
    return np.where((k >= 2) & (n > k) & (within > 0), p, np.nan)


def levene(groups: Sequence[Array]) -> Array:
    """P of Levene's test about the mean."""
    with np.errstate(all="ignore"):
        return anova([np.abs(g - _moments(g)[1][:, None]) for g in groups])


def _ranks(x: Array) -> tuple[Array, Array]:
    """Average ranks within each row, NaN where there is no value; and the sum of t^3 - t over its ties."""
    rows, n = x.shape
    order = np.argsort(x, axis=1, kind="stable")  # NaN last
    sorted_ = np.take_along_axis(x, order, axis=1)
    place = np.broadcast_to(np.arange(n), (rows, n))
    fresh = np.ones((rows, n), dtype=bool)
    fresh[:, 1:] = sorted_[:, 1:] != sorted_[:, :-1]
    first = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    ends = np.ones((rows, n), dtype=bool)
    ends[:, :-1] = fresh[:, 1:]
    last = np.minimum.accumulate(np.where(ends, place, n)[:, ::-1], axis=1)[:, ::-1]
    known = ~np.isnan(sorted_)
    size = (last - first + 1).astype(np.float64)
    ties = np.where(known, size**2 - 1, 0.0).sum(axis=1)  # t of them, each (t^3 - t) / t
    ranks = np.empty((rows, n))
    np.put_along_axis(ranks, order, np.where(known, (first + last) / 2 + 1, np.nan), axis=1)
    return ranks, ties


def _normal_p(z: Array) -> Array:
    return np.asarray(special.erfc(np.abs(z) / np.sqrt(2.0)))


def wilcoxon(change: Array) -> Array:
    """Asymptotic P of the signed ranks, zero differences dropped, ties accounted for."""
    moved = np.where(change == 0, np.nan, change)
    ranks, ties = _ranks(np.abs(moved))
    n = (~np.isnan(moved)).sum(axis=1).astype(np.float64)
    plus = np.where(moved > 0, ranks, 0.0).sum(axis=1)
    with np.errstate(all="ignore"):
        z = (plus - n * (n + 1) / 4) / np.sqrt(n * (n + 1) * (2 * n + 1) / 24 - ties / 48)
    return np.where(n >= 1, _normal_p(z), np.nan)


def mann_whitney(a: Array, b: Array) -> Array:
    """Asymptotic P of the rank sum, ties accounted for."""
    ranks, ties = _ranks(np.concatenate([a, b], axis=1))
    n1, n2 = ((~np.isnan(x)).sum(axis=1).astype(np.float64) for x in (a, b))
    n = n1 + n2
    first = np.nansum(ranks[:, : a.shape[1]], axis=1)
    with np.errstate(all="ignore"):
        variance = n1 * n2 / 12 * ((n + 1) - ties / (n * (n - 1)))
        z = (first - n1 * (n + 1) / 2) / np.sqrt(variance)
    return np.where((n1 >= 1) & (n2 >= 1) & (variance > 0), _normal_p(z), np.nan)


def kruskal_wallis(groups: Sequence[Array]) -> Array:
    """P of Kruskal and Wallis' H, ties accounted for; empty groups are left out."""
    ranks, ties = _ranks(np.concatenate(groups, axis=1))
    parts = np.split(ranks, np.cumsum([g.shape[1] for g in groups])[:-1], axis=1)
    sizes = np.array([(~np.isnan(p)).sum(axis=1) for p in parts], dtype=np.float64)
    sums = np.array([np.nansum(p, axis=1) for p in parts])
    n, k = sizes.sum(axis=0), (sizes > 0).sum(axis=0)
    with np.errstate(all="ignore"):
        spread = np.where(sizes > 0, sums**2 / sizes, 0.0).sum(axis=0) - n * (n + 1) ** 2 / 4
        variance = n * (n + 1) / 12 - ties / (12 * (n - 1))
        p = special.chdtrc(k - 1, spread / variance)
    return np.where((k >= 2) & (variance > 1e-9), p, np.nan)


def _polynomial(coefficients: Sequence[float], at: Array) -> Array:
    return np.asarray(np.polynomial.polynomial.polyval(at, coefficients))


_A1: Final = (0.0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056)
_A2: Final = (0.0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633)


def _weights(n: int) -> Array:
    """The (n,) weights of W by Royston's approximation (Applied Statistics 1995;44:547, AS R94)."""
    if n == 3:
        return np.array([-np.sqrt(0.5), 0.0, np.sqrt(0.5)])
    m = np.asarray(special.ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25)))
    whole, u = float(m @ m), 1 / np.sqrt(n)
    a = np.empty(n)
    last = float(_polynomial(_A1, u)) + m[-1] / np.sqrt(whole)
    if n <= 5:
        a[1:-1] = m[1:-1] / np.sqrt((whole - 2 * m[-1] ** 2) / (1 - 2 * last**2))
    else:
        before = float(_polynomial(_A2, u)) + m[-2] / np.sqrt(whole)
        spread = (whole - 2 * m[-1] ** 2 - 2 * m[-2] ** 2) / (1 - 2 * last**2 - 2 * before**2)
        a[2:-2] = m[2:-2] / np.sqrt(spread)
        a[1], a[-2] = -before, before
    a[0], a[-1] = -last, last
    return a


def shapiro(x: Array) -> Array:
    """P of Shapiro and Wilk's W as Royston gives it; NaN under three values or of a constant row."""
    n, mean, squares = _moments(x)
    size = n.astype(int)
    usable = (size >= 3) & (squares > 0)
    sorted_ = np.sort(x, axis=1)
    weights = np.zeros(x.shape)
    for one in np.unique(size[usable]):
        weights[size == one, :one] = _weights(int(one))
    with np.errstate(all="ignore"):
        top = (np.where(np.isnan(sorted_), 0.0, sorted_ - mean[:, None]) * weights).sum(axis=1)
        w = np.minimum(1.0, top**2 / squares / (weights**2).sum(axis=1))
        p = np.empty(len(n))
        y, ln = np.log1p(-w), np.log(n)
        few = size <= 11
        gamma = _polynomial((-2.273, 0.459), n)
        beyond = few & (y >= gamma)
        y = np.where(few, -np.log(gamma - y), y)
        m = np.where(
            few,
            _polynomial((0.5440, -0.39978, 0.025054, -6.714e-4), n),
            _polynomial((-1.5861, -0.31082, -0.083751, 0.0038915), ln),
        )
        s = np.exp(
            np.where(
                few,
                _polynomial((1.3822, -0.77857, 0.062767, -0.0020322), n),
                _polynomial((-0.4803, -0.082676, 0.0030302), ln),
            )
        )
        p = np.where(beyond, 1e-99, special.ndtr(-(y - m) / s))
        three = 6 / np.pi * (np.arcsin(np.sqrt(w)) - np.arcsin(np.sqrt(0.75)))
        p = np.where(size == 3, np.maximum(three, 0.0), p)
    return np.where(usable, p, np.nan)


def _both(x: Array, y: Array) -> tuple[Array, Array]:
    gone = np.isnan(x) | np.isnan(y)
    return np.where(gone, np.nan, x), np.where(gone, np.nan, y)


def _r(x: Array, y: Array) -> tuple[Array, Array]:
    """N and Pearson's r of the pairs; NaN where a side is constant or n is under 3."""
    x, y = _both(x, y)
    (n, mx, xx), (_, my, yy) = _moments(x), _moments(y)
    with np.errstate(all="ignore"):
        cross = np.where(np.isnan(x), 0.0, (x - mx[:, None]) * (y - my[:, None])).sum(axis=1)
        r = cross / np.sqrt(xx * yy)
    return n, np.where((n >= 3) & (xx > 0) & (yy > 0), np.clip(r, -1, 1), np.nan)


def _of_r(n: Array, r: Array, error: Array, df: Array) -> Answers:
    """The t test of r, and the interval on Fisher's scale; ``se`` is the delta method's."""
    with np.errstate(all="ignore"):
        inside = np.abs(r) < 1
        p = np.where(inside, _t_p(r * np.sqrt(df / (1 - r * r)), df), np.nan)
        z, sure = np.arctanh(r), inside & (n > 3)
        low, high = (np.where(sure, np.tanh(z + side * _Z * error), np.nan) for side in (-1, 1))
        return Answers(p, r, np.where(sure, (1 - r * r) * error, np.nan), low, high)


def pearson(x: Array, y: Array) -> Answers:
    """R with Fisher's interval."""
    n, r = _r(x, y)
    with np.errstate(all="ignore"):
        return _of_r(n, r, 1 / np.sqrt(n - 3), n - 2)


def spearman(x: Array, y: Array) -> Answers:
    """R of the ranks, Bonett and Wright's standard error."""
    x, y = _both(x, y)
    n, r = _r(_ranks(x)[0], _ranks(y)[0])
    with np.errstate(all="ignore"):
        return _of_r(n, r, np.sqrt((1 + r * r / 2) / (n - 3)), n - 2)


def kendall(x: Array, y: Array) -> Answers:
    """Kendall's tau-b; Z with ties, Fieller's standard error."""
    x, y = _both(x, y)
    n = (~np.isnan(x)).sum(axis=1).astype(np.float64)
    score = np.zeros(len(x))
    for i in range(1, x.shape[1]):
        with np.errstate(all="ignore"):
            product = np.sign(x[:, i, None] - x[:, :i]) * np.sign(y[:, i, None] - y[:, :i])
        score += np.nansum(product, axis=1)
    sums = [_tied(x), _tied(y)]
    with np.errstate(all="ignore"):
        free = (n * (n - 1) / 2 - sums[0][0] / 2) * (n * (n - 1) / 2 - sums[1][0] / 2)
        tau = np.where((n >= 3) & (free > 0), score / np.sqrt(free), np.nan)
        variance = (n * (n - 1) * (2 * n + 5) - sums[0][2] - sums[1][2]) / 18
        variance += sums[0][1] * sums[1][1] / (9 * n * (n - 1) * (n - 2))
        variance += sums[0][0] * sums[1][0] / (2 * n * (n - 1))
        p = np.where(np.isnan(tau), np.nan, _normal_p(score / np.sqrt(variance)))
        error, sure = np.sqrt(0.437 / (n - 4)), (n > 4) & (np.abs(tau) < 1)
        low, high = (np.where(sure, np.tanh(np.arctanh(tau) + s * _Z * error), np.nan) for s in (-1, 1))
        return Answers(p, tau, np.where(sure, (1 - tau * tau) * error, np.nan), low, high)


def _tied(x: Array) -> tuple[Array, Array, Array]:
    """Per row the sums over ties of t(t - 1), t(t - 1)(t - 2) and t(t - 1)(2t + 5)."""
    ordered = np.sort(x, axis=1)
    known = ~np.isnan(ordered)
    same = np.zeros(x.shape)  # how many equal values stand before this one
    for i in range(1, x.shape[1]):
        same[:, i] = np.where(ordered[:, i] == ordered[:, i - 1], same[:, i - 1] + 1, 0.0)
    k = np.where(known, same, 0.0)
    pairs = (2 * k).sum(axis=1)
    triples = (3 * k * (k - 1)).sum(axis=1)
    # t(t-1)(2t+5) = 2 t(t-1)(t-2) + 9 t(t-1)
    return pairs, triples, 2 * triples + 9 * pairs


def compare_correlations(first: tuple[Array, Array], second: tuple[Array, Array]) -> Answers:
    """Pearson's r of the pairs ``first`` minus that of ``second``, Fisher's z of independent people."""
    (n1, r1), (n2, r2) = _r(*first), _r(*second)
    with np.errstate(all="ignore"):
        sure = (n1 >= 4) & (n2 >= 4) & (np.abs(r1) < 1) & (np.abs(r2) < 1)
        z = (np.arctanh(r1) - np.arctanh(r2)) / np.sqrt(1 / (n1 - 3) + 1 / (n2 - 3))
    found = blank(np.where(sure, _normal_p(z), np.nan))
    return Answers(found.p, np.where(sure, r1 - r2, np.nan), found.se, found.low, found.high)


def partial(x: Array, y: Array, given: Sequence[Array]) -> Answers:
    """Pearson's r of x and y with the straight-line part of ``given`` taken out; complete rows only."""
    gone = np.isnan(np.array([x, y, *given])).any(axis=0)
    columns = np.array([np.where(gone, 0.0, c) for c in (x, y, *given)])  # (k, R, n)
    n, k = (~gone).sum(axis=1).astype(np.float64), len(given)
    with np.errstate(all="ignore"):
        centred = np.where(gone, 0.0, columns - (columns.sum(axis=2) / n)[:, :, None])
        cross = np.einsum("irn,jrn->rij", centred, centred)
        own = np.einsum("rii->ri", cross)
        sd = np.sqrt(np.where(own <= _DUST * (columns**2).sum(axis=2).T, np.nan, own))
        matrix = cross / sd[:, :, None] / sd[:, None, :]
        usable = np.isfinite(matrix).all(axis=(1, 2)) & (n >= k + 3)
        matrix[~usable] = np.eye(k + 2)
        a, b, c = matrix[:, :2, :2], matrix[:, :2, 2:], matrix[:, 2:, 2:]
        usable &= np.linalg.det(c) > 1e-12
        c[~usable] = np.eye(k)
        left = a - b @ np.linalg.solve(c, np.swapaxes(b, 1, 2))
        r = np.where(usable, np.clip(left[:, 0, 1] / np.sqrt(left[:, 0, 0] * left[:, 1, 1]), -1, 1), np.nan)
        df = n - 2 - k
        return _of_r(n - k, r, 1 / np.sqrt(n - k - 3), df)


def ancova(groups: Sequence[tuple[Array, Array]]) -> Answers:
    """Two groups compared in y at one x, slopes taken as parallel; ``estimate`` is first minus second."""
    sums = []
    for one in groups:
        x, y = _both(*one)
        (n, mx, xx), (_, my, yy) = _moments(x), _moments(y)
        with np.errstate(all="ignore"):
            xy = np.where(np.isnan(x), 0.0, (x - mx[:, None]) * (y - my[:, None])).sum(axis=1)
        sums.append((n, mx, my, xx, yy, xy))
    (n1, x1, y1, *_), (n2, x2, y2, *_) = sums
    xx, yy, xy = (sums[0][i] + sums[1][i] for i in (3, 4, 5))
    df = n1 + n2 - 3
    with np.errstate(all="ignore"):
        slope = xy / xx
        left = yy - xy * xy / xx
        error = np.sqrt(left / df * (1 / n1 + 1 / n2 + (x1 - x2) ** 2 / xx))
        estimate = (y1 - y2) - slope * (x1 - x2)
    return _by_t(estimate, error, df, (n1 > 0) & (n2 > 0) & (df > 0) & (xx > 0) & (left > 0))
