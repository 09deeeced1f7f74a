"""Every public test: the order of rows, the unit and the labels change nothing; no input makes one crash; arrays are exact.

One list of all tests of the issue, so that a new one without these properties fails here.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from analysis import statistics as st
from analysis.statistics.result import TestResult
from analysis.statistics.samples import Whole, samples

NUMBER = some.one_of(
    some.none(),
    some.integers(-40, 40).map(lambda i: i / 10),
    some.sampled_from([math.inf, -math.inf, math.nan, 1e300, 1e-300, 0.0]),
)
COUNT = some.integers(0, 6)
ROWS = some.lists(some.tuples(NUMBER, NUMBER, NUMBER), max_size=12)
TENTHS = some.integers(-60, 60)

# name -> the test on columns a, b and c, each with values of its own
OF_COLUMNS: dict[str, Callable[..., object]] = {
    "describe": lambda a, b, c: st.describe(a),
    "shapiro": lambda a, b, c: st.shapiro(a),
    "lilliefors": lambda a, b, c: st.lilliefors(a),
    "levene": st.levene,
    "one_sample_t": lambda a, b, c: st.one_sample_t(a),
    "paired_t": lambda a, b, c: st.paired_t(a, b),
    "wilcoxon": lambda a, b, c: st.wilcoxon(a, b),
    "student_t": lambda a, b, c: st.student_t(a, b),
    "welch_t": lambda a, b, c: st.welch_t(a, b),
    "mann_whitney": lambda a, b, c: st.mann_whitney(a, b),
    "anova": st.anova,
    "welch_anova": st.welch_anova,
    "snk": lambda a, b, c: st.snk({"a": a, "b": b, "c": c}),
    "tukey": lambda a, b, c: st.tukey({"a": a, "b": b, "c": c}),
    "kruskal_wallis": st.kruskal_wallis,
    "dunn": lambda a, b, c: st.dunn({"a": a, "b": b, "c": c}),
    "pearson": lambda a, b, c: st.pearson(a, b),
    "spearman": lambda a, b, c: st.spearman(a, b),
    "kendall": lambda a, b, c: st.kendall(a, b),
    "partial_correlation": st.partial_correlation,
    "compare_correlations": lambda a, b, c: st.compare_correlations(st.pearson(a, b), st.pearson(a, c)),
    "ancova": lambda a, b, c: st.ancova((a, b), (b, c)),
    "linear_model": lambda a, b, c: st.linear_model(a, {"b": b, "c": c}),
    "leave_one_out": lambda a, b, c: st.leave_one_out(a, b),
    "line": lambda a, b, c: st.line(a, b),
}
OF_COUNTS: dict[str, Callable[..., object]] = {
    "chi_square": lambda t: [st.chi_square(t, kind) for kind in ("pearson", "yates", "likelihood")],
    "fisher_exact": st.fisher_exact,
    "mcnemar": st.mcnemar,
    "rule": st.rule,
    "expected": st.expected,
}
OF_OTHERS = {
    "holm",
    "benjamini_hochberg",
    "snk_from_means",
    "c_statistic",
    "chained",
    "cut",
    "inflation",
    "logistic",
    "pool",
    "separated",
    "validate",
}
"""Of P values, fits and draws: their properties stand in test_adjusted and test_models. What cuts columns: below."""
OF_THE_ISSUE = [
    "describe",
    "shapiro",
    "lilliefors",
    "levene",
    "paired_t",
    "wilcoxon",
    "student_t",
    "welch_t",
    "mann_whitney",
    "anova",
    "welch_anova",
    "snk",
    "tukey",
    "kruskal_wallis",
    "dunn",
    "chi_square",
    "fisher_exact",
    "mcnemar",
    "pearson",
    "spearman",
    "kendall",
    "partial_correlation",
    "compare_correlations",
    "ancova",
    "linear_model",
    "holm",
    "benjamini_hochberg",
]


def test_every_public_function_is_in_one_of_the_lists():
    public = {name for name in st.__all__ if inspect.isfunction(getattr(st, name))}
    assert public == set(OF_COLUMNS) | set(OF_COUNTS) | OF_OTHERS
    assert set(OF_THE_ISSUE) <= public


@pytest.mark.parametrize("name", OF_COLUMNS)
@settings(max_examples=25, deadline=None)
@given(rows=ROWS)
def test_no_column_makes_a_test_crash_and_what_is_undefined_says_why(name, rows):
    """Constant, tiny, tied, infinite, missing, enormous: an answer of finite numbers, or None with a note."""
    found = OF_COLUMNS[name](*(([r[i] for r in rows]) for i in range(3)))
    if isinstance(found, TestResult):
        numbers = [
            found.statistic,
            found.p,
            found.estimate,
            found.ci_low,
            found.ci_high,
            found.effect,
            *dict(found.also).values(),
        ]
        assert all(v is None or math.isfinite(v) for v in numbers)
        assert found.p is None or 0 <= found.p <= 1
        assert found.p is not None or found.notes


@pytest.mark.parametrize("name", OF_COUNTS)
@settings(max_examples=25, deadline=None)
@given(table=some.lists(some.lists(COUNT, min_size=2, max_size=2), min_size=2, max_size=2))
def test_no_table_of_counts_makes_a_test_crash(name, table):
    found = OF_COUNTS[name](table)
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, TestResult):
            assert one.p is None or 0 <= one.p <= 1
            assert one.p is not None or one.notes


def numbers_of(found: object) -> tuple[object, ...]:
    if isinstance(found, TestResult):
        return (found.statistic, found.df, found.p, found.effect)
    if isinstance(found, st.Snk):
        return (
            found.df,
            found.n,
            [(c.first, c.second, c.statistic, c.p, c.rejected) for c in found.comparisons],
        )
    if isinstance(found, tuple) and found and isinstance(found[0], st.Comparison):
        return tuple((c.first, c.second, c.statistic, c.p) for c in found)
    return (found,)


@pytest.mark.parametrize("name", [n for n in OF_COLUMNS if n != "leave_one_out"])
@settings(max_examples=15, deadline=None)
@given(
    rows=some.lists(some.tuples(TENTHS, TENTHS, TENTHS), min_size=5, max_size=12),
    chance=some.randoms(use_true_random=False),
)
def test_the_order_of_rows_changes_no_digit(name, rows, chance):
    other = list(rows)
    chance.shuffle(other)
    test = OF_COLUMNS[name]
    first, second = (
        test(*([Decimal(r[i]) / 10 for r in given_] for i in range(3))) for given_ in (rows, other)
    )
    assert numbers_of(first) == numbers_of(second)


@pytest.mark.parametrize("name", [n for n in OF_COLUMNS if n not in {"describe", "leave_one_out", "line"}])
@settings(max_examples=15, deadline=None)
@given(
    rows=some.lists(some.tuples(TENTHS, TENTHS, TENTHS), min_size=5, max_size=12), power=some.integers(-2, 3)
)
def test_the_unit_changes_no_statistic(name, rows, power):
    """Mg to g, mm to cm: statistic, df, P and effect stay; SNK's and Tukey's q too."""
    test = OF_COLUMNS[name]
    first, second = (
        test(*([Decimal(r[i]) * Decimal(10) ** p for r in rows] for i in range(3))) for p in (0, power)
    )
    for a, b in zip(numbers_of(first), numbers_of(second), strict=True):
        if isinstance(a, float) and isinstance(b, float):
            assert b == pytest.approx(a, rel=1e-9, abs=1e-12)
        elif isinstance(a, tuple) and all(isinstance(v, float) for v in a):
            assert b == pytest.approx(a)
        else:
            assert (a is None) == (b is None)


@settings(max_examples=20, deadline=None)
@given(groups=some.lists(some.lists(TENTHS, min_size=2, max_size=6), min_size=3, max_size=3))
def test_labels_change_no_comparison(groups):
    """The same groups under other names, in another order: the same pairs, differences and verdicts."""
    names, other = ("a", "b", "c"), ("z", "y", "x")
    for test in (st.snk, st.tukey, st.dunn):
        found, again = (
            test({label[i]: groups[i] for i in order})
            for label, order in ((names, (0, 1, 2)), (other, (2, 0, 1)))
        )
        pairs, others = (getattr(f, "comparisons", f) for f in (found, again))
        back = dict(zip(other, names, strict=True))
        # Equal means have no order of their own: which of two tied groups comes first is theirs to choose.
        means = [sum(g) / len(g) for g in groups]
        if len(set(means)) == 3:
            told = {
                frozenset((c.first, c.second)): (pytest.approx(abs(c.statistic)), c.rejected) for c in pairs
            }
            assert {
                frozenset((back[c.first], back[c.second])): (abs(c.statistic), c.rejected) for c in others
            } == told


@settings(max_examples=60, deadline=None)
@given(
    columns=some.lists(
        some.lists(some.integers(-9999, 9999) | some.sampled_from([0, 7]), min_size=2, max_size=40),
        min_size=2, max_size=3,
    ),
    places=some.integers(0, 4), gaps=some.booleans(), far=some.booleans(),
)  # fmt: skip
def test_arrays_give_the_same_answer_to_the_last_bit(columns, places, gaps, far):
    """A long column goes the fast way, over what occurs and how often: equal to exact arithmetic, not nearly equal.

    ...also where one value lies so far from the others that they are sorted instead of counted.
    """
    columns = [[*c, 99_999_999] if far else c for c in columns]
    arrays = [np.array([v / 10**places for v in c] + ([math.nan] if gaps else [])) for c in columns]
    lists = [a.tolist() for a in arrays]
    assert all(isinstance(s, Whole) for s in samples(*arrays))
    for a, b in zip(arrays, lists, strict=True):
        assert st.describe(a) == st.describe(b)
    for test in (st.student_t, st.welch_t, st.mann_whitney):
        assert test(*arrays[:2]) == test(*lists[:2])
    for test in (st.levene, st.anova, st.welch_anova, st.kruskal_wallis):
        assert test(*arrays) == test(*lists)
    for test in (st.shapiro, st.lilliefors, st.one_sample_t):
        assert test(arrays[0]) == test(lists[0])
    for test in (st.snk, st.tukey, st.dunn):
        assert test(dict(enumerate(arrays))) == test(dict(enumerate(lists)))


@settings(max_examples=60, deadline=None)
@given(
    rows=some.lists(some.tuples(some.integers(0, 2), some.none() | some.integers(-999, 999)), min_size=4, max_size=40),
    places=some.integers(0, 3),
)  # fmt: skip
def test_a_column_cut_once_gives_each_test_what_its_own_reading_gives(rows, places):
    """...as a list of what was recorded and as an array; the groups may overlap, as everyone and each group do."""
    values = [None if v is None else v / 10**places for _, v in rows]
    groups = [range(len(rows)), *([i for i, (g, _) in enumerate(rows) if g == level] for level in range(3))]
    own = [[values[i] for i in group] for group in groups]
    array = np.array([math.nan if v is None else v for v in values])
    for parts in (st.cut(values, groups), st.cut(array, groups)):
        assert [st.describe(p) for p in parts] == [st.describe(o) for o in own]
        assert [st.shapiro(p) for p in parts] == [st.shapiro(o) for o in own]
        for test in (st.levene, st.anova, st.kruskal_wallis):
            assert test(*parts[1:]) == test(*own[1:])
        for test in (st.student_t, st.welch_t, st.mann_whitney):
            assert test(*parts[1:3]) == test(*own[1:3])


def test_an_infinite_value_is_said_by_each_group_that_has_it():
    parts = st.cut([1.0, 2.0, math.inf, 4.0], [[0, 1], [2, 3]])
    assert st.describe(parts[0]).mean == 1.5
    assert st.describe(parts[1]).notes == ("a value is infinite",)
    parts = st.cut(np.array([1.0, 2.0, math.inf, 4.0]), [[0, 1], [2, 3]])
    assert [st.describe(p).n for p in parts] == [2, 2]
    assert st.student_t(*parts).undefined


@pytest.mark.parametrize(
    "values", [[1e18, 2e18, 3.0], [0.1234567891, 2.0], [math.inf, 1.0], [1.0, math.nan, 1e-9]]
)
def test_what_has_no_room_in_64_bits_goes_the_exact_way(values):
    assert st.describe(np.array(values)) == st.describe(values)
    assert st.student_t(np.array(values), np.array([1.0, 2.0])) == st.student_t(values, [1.0, 2.0])
