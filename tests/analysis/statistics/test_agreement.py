"""Each test against scipy or by counting every arrangement, and what it says where there is no answer."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from analysis import statistics as st

RNG = np.random.default_rng(26)
A = np.round(RNG.normal(5, 2, 23), 1)
B = np.round(RNG.normal(6, 3, 31), 1)
C = np.round(RNG.normal(6.5, 2, 17), 1)
Y = np.round(A * 0.5 + RNG.normal(0, 1, 23), 1)

TWO = (
    st.student_t,
    st.welch_t,
    st.mann_whitney,
    st.paired_t,
    st.wilcoxon,
    st.pearson,
    st.spearman,
    st.kendall,
)
MANY = (st.anova, st.kruskal_wallis, st.levene)


def test_t_tests_agree_with_scipy():
    for ours, equal in ((st.student_t, True), (st.welch_t, False)):
        theirs = stats.ttest_ind(A, B, equal_var=equal)
        found = ours(A, B)
        assert (found.statistic, found.p, found.df[0]) == pytest.approx(
            (theirs.statistic, theirs.pvalue, theirs.df), rel=1e-11
        )
        interval = theirs.confidence_interval()
        assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    theirs = stats.ttest_rel(Y, A)
    found = st.paired_t(A, Y)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)
    change = st.one_sample_t(np.round(Y - A, 1))
    assert change.statistic == pytest.approx(found.statistic, rel=1e-12)


def test_rank_tests_agree_with_scipy():
    theirs = stats.mannwhitneyu(A, B, use_continuity=False, method="asymptotic")
    found = st.mann_whitney(A, B)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-11)
    assert found.named("u") == min(theirs.statistic, A.size * B.size - theirs.statistic)
    theirs = stats.kruskal(A, B, C)
    found = st.kruskal_wallis(A, B, C)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)
    tenths = np.rint((Y - A) * 10).astype(int)
    theirs = stats.wilcoxon(tenths, correction=False, method="asymptotic")
    found = st.wilcoxon(A, Y)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-11)
    assert found.statistic < 0


def test_variance_and_normality_tests_agree_with_scipy():
    theirs = stats.levene(A, B, C, center="mean")
    found = st.levene(A, B, C)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)
    theirs = stats.f_oneway(A, B, C)
    found = st.anova(A, B, C)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)
    theirs = stats.shapiro(A)
    found = st.shapiro(A)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-8)


def test_correlations_agree_with_scipy():
    theirs = stats.pearsonr(A, Y)
    found = st.pearson(A, Y)
    interval = theirs.confidence_interval()
    assert (found.estimate, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.effect == pytest.approx(found.estimate**2)
    theirs = stats.spearmanr(A, Y)
    found = st.spearman(A, Y)
    assert (found.estimate, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)


def test_kendall_and_tukey_agree_with_scipy():
    """...tau-b with ties in both variables; Tukey and Kramer with unequal groups."""
    x, y = np.rint(A), np.rint(Y)
    theirs = stats.kendalltau(x, y, method="asymptotic")
    found = st.kendall(x, y)
    assert (found.estimate, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)
    theirs = stats.tukey_hsd(A, B, C)
    places = {"a": 0, "b": 1, "c": 2}
    for pair in st.tukey({"a": A, "b": B, "c": C}):
        i, j = places[pair.first], places[pair.second]
        assert (pair.estimate, pair.p) == pytest.approx(
            (theirs.statistic[i, j], theirs.pvalue[i, j]), rel=1e-8
        )


def test_lilliefors_is_statsmodels_within_the_tables():
    from statsmodels.stats.diagnostic import lilliefors

    for column in (A, B, np.exp(A / 2)):
        d, p = lilliefors(column, pvalmethod="table")
        found = st.lilliefors(column)
        assert found.statistic == pytest.approx(d, rel=1e-9)
        assert found.p == pytest.approx(min(max(p, 0.001), 0.2), rel=1e-6)
        assert bool(found.notes) is (found.p in {0.001, 0.2})
    assert st.lilliefors([1, 1, 1, 1]).notes


def test_counts_agree_with_scipy():
    table = [[33, 25], [16, 16]]
    for kind, options in (
        ("pearson", {"correction": False}),
        ("yates", {"correction": True}),
        ("likelihood", {"correction": False, "lambda_": "log-likelihood"}),
    ):
        theirs = stats.chi2_contingency(table, **options)
        found = st.chi_square(table, kind)
        assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-11)
    for counts in ([[3, 1], [1, 3]], [[8, 2], [1, 5]], [[0, 6], [7, 1]], table):
        assert st.fisher_exact(counts).p == pytest.approx(stats.fisher_exact(counts).pvalue, rel=1e-9)


def test_fisher_counts_every_larger_table():
    """P of a 3 x 2 table equals the share found by dealing every arrangement of the people."""
    table = [[3, 0], [1, 2], [0, 3]]
    found = st.fisher_exact(table).p
    row_of = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    weights: dict[tuple[int, ...], int] = {}
    for chosen in combinations(range(9), 4):
        cells = tuple(sum(row_of[i] == r for i in chosen) for r in range(3))
        weights[cells] = weights.get(cells, 0) + 1
    limit = weights[3, 1, 0]
    share = Fraction(sum(w for w in weights.values() if w <= limit), math.comb(9, 4))
    assert found == pytest.approx(float(share), rel=1e-12)


def test_dunns_first_pair_by_hand():
    """Z of two mean ranks over the pooled variance of a rank, ties corrected; Holm keeps the order of P."""
    groups = {"a": A, "b": B, "c": C}
    found = st.dunn(groups)
    pooled = np.concatenate([A, B, C])
    rank = stats.rankdata(pooled)
    n = pooled.size
    counts = np.unique(pooled, return_counts=True)[1]
    variance = n * (n + 1) / 12 - (counts**3 - counts).sum() / (12 * (n - 1))
    means = rank[: A.size].mean(), rank[A.size : A.size + B.size].mean()
    z = (means[0] - means[1]) / math.sqrt(variance * (1 / A.size + 1 / B.size))
    assert found[0].statistic == pytest.approx(z, rel=1e-11)
    assert all(c.p_adjusted >= c.p for c in found)
    assert st.holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))


@settings(max_examples=40, deadline=None)
@given(some.lists(some.integers(-6, 6), min_size=1, max_size=9))
def test_wilcoxons_exact_p_is_that_of_all_signs(changes):
    """...with ties and zeros: every assignment of signs is counted."""
    found = st.wilcoxon([0] * len(changes), changes)
    moved = [d for d in changes if d]
    if not moved:
        assert found.undefined
        assert found.notes
        return
    rank = stats.rankdata(np.abs(moved))
    middle = rank.sum() / 2
    far = abs(rank[np.array(moved) > 0].sum() - middle)
    hits = [
        abs(rank[np.array(s)].sum() - middle) >= far - 1e-9 for s in product([False, True], repeat=rank.size)
    ]
    assert found.named("p_exact") == pytest.approx(np.mean(hits), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    some.lists(some.integers(0, 5), min_size=1, max_size=5),
    some.lists(some.integers(0, 5), min_size=1, max_size=5),
)
def test_mann_whitneys_exact_p_is_that_of_all_arrangements(first, second):
    found = st.mann_whitney(first, second)
    if len({*first, *second}) == 1:
        assert found.undefined
        return
    rank = stats.rankdata([*first, *second])
    n = len(first)
    middle = n * rank.mean()
    far = abs(rank[:n].sum() - middle)
    hits = [abs(rank[list(c)].sum() - middle) >= far - 1e-9 for c in combinations(range(rank.size), n)]
    assert found.named("p_exact") == pytest.approx(np.mean(hits), rel=1e-12)


def test_tenths_are_tied_when_they_are_tied():
    """2.9 - 2.8 and 0.3 - 0.2 differ as doubles; recorded in tenths they are the same change."""
    found = st.wilcoxon([2.8, 0.2, 5.0], [2.9, 0.3, 4.9])
    assert found.named("w") == 4.0


TENTHS = some.integers(-400, 400).map(lambda u: u / 10)


@settings(max_examples=60, deadline=None)
@given(some.lists(some.tuples(TENTHS, TENTHS), min_size=3, max_size=14), some.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_unit_change_nothing(rows, chance):
    """...to the last bit for the order; the unit (10 for 1) leaves statistic and P."""
    shuffled = list(rows)
    chance.shuffle(shuffled)
    x, y = zip(*rows, strict=True)
    u, v = zip(*shuffled, strict=True)
    for test in TWO:
        result = test(x, y)
        assert test(u, v) == result
        scaled = test([round(a * 10) for a in x], [round(b * 10) for b in y])
        assert scaled.statistic == (result.statistic and pytest.approx(result.statistic, rel=1e-9))
        assert scaled.undefined == result.undefined
    for test in MANY:
        assert test(x, y) == test(u, v)


@settings(max_examples=100, deadline=None)
@given(
    some.lists(
        some.tuples(*[some.one_of(some.none(), some.floats(), some.integers(-3, 3), some.just(1e-300))] * 2),
        max_size=7,
    )
)
def test_no_input_makes_a_test_crash(rows):
    """Constant, tiny, tied, infinite, missing: an answer, or a note that says why there is none."""
    x, y = [a for a, _ in rows], [b for _, b in rows]
    for test in (*TWO, *MANY):
        result = test(x, y)
        assert result.p is None or 0 <= result.p <= 1
        assert result.p is not None or result.notes
    for one in (st.shapiro, st.lilliefors, st.one_sample_t):
        assert one(x).p is not None or one(x).notes
    assert st.describe(x).n <= len(x)
    assert st.line(x, y).slope is not None or st.line(x, y).notes
    assert st.snk({"a": x, "b": y}).comparisons or st.snk({"a": x, "b": y}).notes
    st.dunn({"a": x, "b": y})
    st.tukey({"a": x, "b": y})


@pytest.mark.parametrize(
    "table", [[], [[]], [[0, 0], [0, 0]], [[3, 4]], [[3], [4]], [[5, 0], [7, 0]], [[1, 2], [3]]]
)
def test_a_table_without_a_comparison_is_undefined(table):
    for result in (st.chi_square(table), st.fisher_exact(table)):
        assert result.undefined
        assert result.notes
    assert st.rule(table)[1]


def test_the_2x2_rule_names_what_it_saw():
    assert st.rule([[33, 25], [16, 16]]) == ("pearson", "n = 90, least expected count 14.58")
    assert st.rule([[38, 2], [36, 6]])[0] == "yates"
    assert st.rule([[8, 2], [1, 5]])[0] == "fisher"
    assert st.rule([[1, 50], [0, 60]])[0] == "fisher"
    assert st.rule([[10, 10], [12, 9], [3, 1]])[0] == "fisher"


def test_quartiles_are_spss_haverage():
    """...1 to 6: ranks 1.75 and 5.25; kept inside the data for a single pair."""
    found = st.describe([1, 2, 3, 4, 5, 6])
    assert (found.q1, found.median, found.q3) == (1.75, 3.5, 5.25)
    found = st.describe([1, 2, None, math.nan])
    assert (found.n, found.missing, found.q1, found.q3) == (2, 2, 1.0, 2.0)
    assert st.describe([5.0]).sd is None
    assert st.describe([]).mean is None
