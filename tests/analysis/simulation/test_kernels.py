"""Many replications at once give what one at a time gives, whatever is missing, tied or constant."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis import statistics as st
from analysis.simulation import kernels as k
from analysis.simulation.fits import logistic

ROWS = 12
FIELDS = {"p": "p", "estimate": "estimate", "low": "ci_low", "high": "ci_high"}


def columns(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recorded values of one place with ties, gaps, one constant row and one without any value."""
    rng = np.random.default_rng([seed, n])
    x = np.round(rng.normal(5, 2, (ROWS, n)), 1)
    y = np.round(x / 2 + rng.normal(0, 1, (ROWS, n)), 1)
    z = np.round(rng.normal(5, 2, (ROWS, n)), 0)
    for column in (x, y, z):
        column[rng.random((ROWS, n)) < 0.1] = np.nan
    x[0] = np.where(np.isnan(x[0]), np.nan, 0.1)
    y[1] = np.nan
    return x, y, z


def listed(column: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in column]


def one_by_one(test, *given: np.ndarray) -> list[st.TestResult]:
    return [test(*(listed(column[row]) for column in given)) for row in range(ROWS)]


def alike(found: np.ndarray, wanted: list[float | None], close: float = 1e-12) -> None:
    told = np.array([np.nan if w is None else w for w in wanted])
    assert (np.isnan(found) == np.isnan(told)).all(), (found, told)
    assert np.nanmax(np.abs(found - told), initial=0.0) < close


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 11, 12, 40])
def test_a_test_with_an_interval_is_its_namesake(n):
    """P, estimate and both limits."""
    x, y, _ = columns(n, 1)
    for many, one, given in (
        (k.one_mean, st.one_sample_t, (x,)),
        (k.student_t, st.student_t, (x, y)),
        (k.welch_t, st.welch_t, (x, y)),
        (k.pearson, st.pearson, (x, y)),
        (k.spearman, st.spearman, (x, y)),
        (k.kendall, st.kendall, (x, y)),
    ):
        found, wanted = many(*given), one_by_one(one, *given)
        for mine, theirs in FIELDS.items():
            alike(getattr(found, mine), [getattr(w, theirs) for w in wanted])


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 11, 12, 40])
def test_a_test_without_one_gives_the_same_p(n):
    """Normality, variances, ranks; scipy's own weights of W are good to eight digits."""
    x, y, z = columns(n, 2)
    alike(k.shapiro(x), [t.p for t in one_by_one(st.shapiro, x)], 1e-7)
    alike(k.levene([x, y]), [t.p for t in one_by_one(st.levene, x, y)])
    alike(k.mann_whitney(x, y), [t.p for t in one_by_one(st.mann_whitney, x, y)])
    alike(k.anova([x, y, z]), [t.p for t in one_by_one(st.anova, x, y, z)])
    alike(k.kruskal_wallis([x, y, z]), [t.p for t in one_by_one(st.kruskal_wallis, x, y, z)])
    change = np.round((z - x) * 10) / 10
    alike(k.wilcoxon(change), [t.p for t in one_by_one(st.wilcoxon, x, z)])


@pytest.mark.parametrize("n", [10, 41])
def test_an_adjusted_comparison_is_its_namesake(n):
    """Covariance, partial correlation, two correlations compared."""
    x, y, z = columns(n, 3)
    half = n // 2
    found = k.ancova([(x[:, :half], z[:, :half]), (x[:, half:], z[:, half:])])
    wanted = [st.ancova((listed(a[:half]), listed(b[:half])), (listed(a[half:]), listed(b[half:]))) for a, b in zip(x, z, strict=True)]  # fmt: skip
    for mine, theirs in FIELDS.items():
        alike(getattr(found, mine), [getattr(w, theirs) for w in wanted], 1e-10)
    found = k.partial(x, y, [z])
    wanted = one_by_one(st.partial_correlation, x, y, z)
    for mine, theirs in FIELDS.items():
        alike(getattr(found, mine), [getattr(w, theirs) for w in wanted], 1e-10)
    two = k.compare_correlations((x, y), (z, y))
    wanted = [
        st.compare_correlations(st.pearson(listed(a), listed(b)), st.pearson(listed(c), listed(b)))
        for a, b, c in zip(x, y, z, strict=True)
    ]
    alike(two.p, [w.p for w in wanted])
    alike(two.estimate, [w.estimate for w in wanted])


def test_the_model_is_its_namesake_where_outcomes_separate_too():
    """One row is separated, so that Firth's penalty answers; one has a single outcome, so that nothing does."""
    rng = np.random.default_rng(5)
    x, z = rng.normal(50, 10, (6, 40)), rng.normal(0, 1, (6, 40))
    y = (rng.random((6, 40)) < 1 / (1 + np.exp(-(x - 50) / 10))).astype(float)
    y[0] = x[0] > 50
    y[1] = 1.0
    x[2, :3] = np.nan
    found = logistic(y, [x, z])
    for row in range(6):
        there = ~np.isnan(x[row])
        wanted = st.logistic(
            y[row, there].astype(int).tolist(), [("a", x[row, there].tolist()), ("b", z[row, there].tolist())]
        )
        if not wanted.terms:
            assert row == 1
            assert np.isnan(found[0].p[row])
            continue
        assert wanted.firth is (row == 0)
        for place, term in enumerate(wanted.terms[1:]):
            mine = [getattr(found[place], name)[row] for name in ("p", "estimate", "se", "low", "high")]
            ends = [
                math.nan if end is None else end for end in (term.low, term.high)
            ]  # beyond reach: Firth's
            assert mine == pytest.approx([term.p, term.b, term.se, *ends], rel=1e-7, abs=1e-9, nan_ok=True)
