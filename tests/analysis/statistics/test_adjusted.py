"""Adjusted comparisons and P values against statsmodels, and the identities they must keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats.multitest import multipletests

from analysis import statistics as st

RNG = np.random.default_rng(62)
X = [np.round(RNG.normal(28, 9, n), 1) for n in (31, 19, 24)]
Y = [np.round(0.4 * x + shift + RNG.normal(0, 4, x.size), 1) for x, shift in zip(X, (3, 5, 8), strict=True)]


def fitted(k: int, *, slopes: bool = False):
    """A linear model of the first ``k`` groups: a dummy a group, and one slope or one a group."""
    x, y = np.concatenate(X[:k]), np.concatenate(Y[:k])
    which = np.repeat(np.arange(k), [v.size for v in X[:k]])
    dummies = (which[:, None] == np.arange(k)).astype(float)
    return OLS(y, np.column_stack([dummies, dummies * x[:, None] if slopes else x])).fit()


def test_ancova_is_the_linear_model_with_a_common_slope():
    """...estimate, interval, F, P, and the test that the slopes are parallel."""
    found = st.ancova(*zip(X[:2], Y[:2], strict=True))
    model = fitted(2)
    contrast = model.t_test([1.0, -1.0, 0.0])
    assert found.estimate == pytest.approx(contrast.effect[0], rel=1e-9)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(contrast.conf_int()[0]), rel=1e-9)
    assert found.p == pytest.approx(float(contrast.pvalue), rel=1e-8)
    three = st.ancova(*zip(X, Y, strict=True))
    joint = fitted(3).f_test([[1.0, -1, 0, 0], [0, 1, -1, 0]])
    assert (three.statistic, three.p) == pytest.approx((float(joint.fvalue), float(joint.pvalue)), rel=1e-8)
    apart = fitted(3, slopes=True).f_test([[0.0, 0, 0, 1, -1, 0], [0, 0, 0, 0, 1, -1]])
    assert three.named("f_slopes") == pytest.approx(float(apart.fvalue), rel=1e-8)
    assert three.named("p_slopes") == pytest.approx(float(apart.pvalue), rel=1e-8)
    assert three.named("df2_slopes") == apart.df_denom


def test_partial_correlation_is_that_of_the_residuals():
    x, y, z, w = X[0], Y[0], np.round(X[0] + RNG.normal(0, 3, 31), 1), np.round(RNG.normal(0, 1, 31), 2)
    around = np.column_stack([np.ones(31), z, w])
    left, right = (v - around @ np.linalg.lstsq(around, v, rcond=None)[0] for v in (x, y))
    found = st.partial_correlation(x, y, z, w)
    assert found.estimate == pytest.approx(stats.pearsonr(left, right).statistic, rel=1e-9)
    assert found.df == (27.0,)
    assert st.partial_correlation(x, y).estimate == pytest.approx(st.pearson(x, y).estimate)
    assert "straight line" in st.partial_correlation(x, y, x).notes[0]


def test_leaving_one_out_is_as_if_each_pair_were_never_there():
    x, y = list(X[1]), [None, *Y[1][1:]]
    each = [st.pearson(x[1:i] + x[i + 1 :], y[1:i] + y[i + 1 :]).estimate for i in range(1, len(x))]
    assert st.leave_one_out(x, y) == pytest.approx((min(each), max(each)), rel=1e-12)
    assert st.leave_one_out([1, 1, 1, 2], [1, 2, 3, 4]) is None
    assert st.leave_one_out([math.inf, 1], [1, 2]) is None
    assert st.leave_one_out([0, 0, 0, 0.1], [0, 0, 1e-300, 0.1]) is None
    assert st.leave_one_out([0, 0, 1, 2, 3], [0, 1e-300, 1, 2, 3]) == pytest.approx((1, 1))


def test_two_correlations_compared_by_hand():
    a, b = st.pearson(X[0], Y[0]), st.pearson(X[1], Y[1])
    z = (math.atanh(a.estimate) - math.atanh(b.estimate)) / math.sqrt(1 / 28 + 1 / 16)
    found = st.compare_correlations(a, b)
    assert found.statistic == pytest.approx(z)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert st.compare_correlations(a, st.pearson([1, 2], [1, 2])).undefined


@given(some.lists(some.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_agree_with_statsmodels(p):
    for ours, theirs in ((st.holm, "holm"), (st.benjamini_hochberg, "fdr_bh")):
        assert ours(p) == pytest.approx(multipletests(p, method=theirs)[1], abs=1e-12)


_VALUE = some.one_of(some.none(), some.integers(-20, 20).map(lambda i: i / 10), some.just(math.nan))
_COLUMN = some.lists(some.tuples(_VALUE, _VALUE), max_size=8)


@settings(deadline=None)
@given(some.lists(_COLUMN, max_size=3))
def test_what_has_no_answer_says_so(groups):
    """Constant, tiny, tied and missing input: a P in [0, 1], or none with a note; never an exception."""
    columns = [([a for a, _ in g], [b for _, b in g]) for g in groups]
    answers = [st.ancova(*columns)]
    for x, y in columns:
        answers += [st.partial_correlation(x, y), st.partial_correlation(x, y, y[::-1])]
        st.leave_one_out(x, y)
    for found in answers:
        assert (found.p is None and found.notes) or 0 <= found.p <= 1
