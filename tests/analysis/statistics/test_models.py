"""Models: equal to statsmodels where it has them, to closed forms and to direct maximisation where it has not."""

from __future__ import annotations

import itertools
import math
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import optimize
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.outliers_influence import variance_inflation_factor

from analysis import statistics as st
from analysis.statistics.logistic import _likelihood, fit


def people(n: int, seed: int, effect: float = 0.9) -> tuple[list[int], dict[str, list[float]]]:
    chance = random.Random(seed)
    x = {"a": [], "b": [], "c": []}
    y = []
    for _ in range(n):
        a, b = chance.gauss(50, 12), chance.gauss(0, 1)
        c = float(chance.random() < 0.4)
        for name, value in (("a", a), ("b", b + 0.05 * a), ("c", c)):
            x[name].append(value)
        y.append(int(chance.random() < 1 / (1 + math.exp(-(effect * b + 0.02 * (a - 50) - 0.6 * c + 0.3)))))
    return y, x


@pytest.mark.parametrize("seed", range(4))
def test_logistic_regression_is_statsmodels(seed):
    y, x = people(120, seed)
    found = st.logistic(y, list(x.items()))
    assert not found.firth
    theirs = sm.Logit(y, sm.add_constant(np.array(list(x.values())).T)).fit(disp=0, tol=1e-12)
    assert [t.b for t in found.terms] == pytest.approx(list(theirs.params), rel=1e-6)
    assert [t.se for t in found.terms] == pytest.approx(list(theirs.bse), rel=1e-6)
    assert [t.p for t in found.terms] == pytest.approx(list(theirs.pvalues), rel=1e-5)
    assert found.log_likelihood == pytest.approx(theirs.llf)


@given(
    some.lists(some.integers(0, 12), min_size=4, max_size=4).filter(
        lambda t: sum(t) > 3 and t[0] + t[1] and t[2] + t[3] and t[0] + t[2] and t[1] + t[3]
    )
)
@settings(max_examples=15, deadline=None)
def test_firths_estimate_of_a_fourfold_table_adds_a_half_to_each_cell(cells):
    """The closed form of a saturated model (Firth 1993, 2.2): finite for an empty cell, where maximum likelihood is not."""
    a, b, c, d = cells
    y = [1] * a + [0] * b + [1] * c + [0] * d
    found = st.logistic(y, [("x", [1.0] * (a + b) + [0.0] * (c + d))], firth=True)
    wanted = math.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)))
    assert found.terms[1].b == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_firths_estimate_is_the_top_of_the_penalised_likelihood(seed):
    """...by a general maximiser; its interval ends where twice the fall is the quantile of chi-square."""
    y, x = people(40, seed + 20)
    columns = {n: [(v - np.mean(c)) / np.std(c) for v in c] for n, c in x.items()}
    found = st.logistic(y, list(columns.items()), firth=True)
    design = np.column_stack([np.ones(40), *columns.values()])
    outcome = np.array(y, dtype=float)
    top = optimize.minimize(
        lambda b: -_likelihood(design, outcome, b, firth=True), np.zeros(4), method="BFGS", tol=1e-9
    )
    assert [t.b for t in found.terms] == pytest.approx(list(top.x), abs=1e-4)
    for j in (1, 2, 3):
        for edge in (found.terms[j].low, found.terms[j].high):
            held = fit(design, outcome, firth=True, fixed=(j, edge))
            fall = 2 * (found.log_likelihood - _likelihood(design, outcome, held, firth=True))
            assert fall == pytest.approx(3.841459, abs=1e-4)


def test_separated_outcomes_get_firths_penalty_and_finite_answers():
    y = [0] * 10 + [1] * 10
    x = [float(i) for i in range(20)]
    found = st.logistic(y, [("x", x)])
    assert found.firth
    assert 0 < found.terms[1].b < 10
    assert found.terms[1].low > 0
    assert found.terms[1].p < 0.001
    overlap = [0] * 9 + [1, 0] + [1] * 9
    assert not st.logistic(overlap, [("x", x)]).firth


@pytest.mark.parametrize(
    ("y", "x"),
    [
        ([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]),
        ([0, 1, 0, 1, 1], [2, 2, 2, 2, 2]),
        ([0, 1], [1, 2]),
        ([], []),
        ([0, 1, 0, 1, 1], [1, 2, math.nan, 4, 5]),
    ],
)
def test_a_model_without_an_answer_says_why(y, x):
    found = st.logistic(y, [("x", x)])
    assert found.terms == ()
    assert found.notes
    assert st.validate(y, [("x", x)], repeats=5, seed=1).c is None


@given(some.lists(some.tuples(some.integers(0, 1), some.integers(-4, 4)), min_size=2, max_size=30))
def test_the_c_statistic_counts_pairs(rows):
    y, score = [a for a, _ in rows], [b for _, b in rows]
    pairs = [(s, t) for (a, s), (b, t) in itertools.product(rows, rows) if a == 1 and b == 0]
    wanted = sum(1.0 if s > t else 0.5 if s == t else 0.0 for s, t in pairs) / len(pairs) if pairs else None
    assert st.c_statistic(y, score) == (pytest.approx(wanted) if pairs else None)


def test_optimism_is_what_fresh_people_lose():
    """Eight columns of noise, ten times: apparent c well above a half, corrected c about a half, slope far below one."""
    apparent, corrected, slopes = [], [], []
    for seed in range(10):
        chance = random.Random(seed)
        y = [chance.randint(0, 1) for _ in range(80)]
        noise = [(f"x{i}", [chance.gauss(0, 1) for _ in y]) for i in range(8)]
        found = st.validate(y, noise, repeats=12, seed=3)
        apparent.append(found.c)
        corrected.append(found.c_corrected)
        slopes.append(found.slope)
    assert found == st.validate(y, noise, repeats=12, seed=3)
    assert min(apparent) > 0.58
    assert abs(sum(corrected) / 10 - 0.5) < 0.08
    assert sum(slopes) / 10 < 0.6
    big, x = people(1500, 7)
    sure = st.validate(big, list(x.items()), repeats=15, seed=3)
    assert sure.c - sure.c_corrected < 0.01
    assert sure.slope > 0.9


def test_the_linear_model_is_statsmodels_with_its_inflation_factors():
    _, x = people(70, 2)
    chance = random.Random(9)
    y = [2 + 0.1 * a - b + chance.gauss(0, 2) for a, b in zip(x["a"], x["b"], strict=True)]
    found = st.linear_model(y, x)
    design = sm.add_constant(np.array(list(x.values())).T)
    theirs = sm.OLS(y, design).fit()
    assert (found.statistic, found.p, found.effect) == pytest.approx(
        (theirs.fvalue, theirs.f_pvalue, theirs.rsquared)
    )
    assert found.named("adjusted_r2") == pytest.approx(theirs.rsquared_adj)
    for j, name in enumerate(x, start=1):
        got = [found.named(f"{k}:{name}") for k in ("b", "se", "t", "p", "vif")]
        assert got == pytest.approx(
            [
                theirs.params[j],
                theirs.bse[j],
                theirs.tvalues[j],
                theirs.pvalues[j],
                variance_inflation_factor(design, j),
            ]
        )
    assert st.inflation(list(x.values())) == pytest.approx([found.named(f"vif:{n}") for n in x])


def test_welchs_analysis_of_variance_is_statsmodels():
    chance = random.Random(4)
    groups = [[chance.gauss(m, s) for _ in range(n)] for m, s, n in ((0, 1, 12), (1, 3, 9), (0.4, 2, 20))]
    found = st.welch_anova(*groups)
    theirs = anova_oneway(groups, use_var="unequal", welch_correction=True)
    assert (found.statistic, found.p, found.df[1]) == pytest.approx(
        (theirs.statistic, theirs.pvalue, theirs.df_denom)
    )
    two = st.welch_anova(*groups[:2])
    t = st.welch_t(*groups[:2])
    assert (two.statistic, two.p, two.df[1]) == pytest.approx((t.statistic**2, t.p, t.df[0]))


@given(some.lists(some.integers(0, 30), min_size=4, max_size=4))
def test_mcnemar_is_statsmodels(cells):
    table = [cells[:2], cells[2:]]
    found = st.mcnemar(table)
    if cells[1] + cells[2] == 0:
        assert found.undefined
        return
    assert found.p == pytest.approx(sm_mcnemar(table, exact=True).pvalue)
    plain = sm_mcnemar(table, exact=False, correction=False)
    assert (found.statistic, found.named("p_asymptotic")) == pytest.approx((plain.statistic, plain.pvalue))


def test_imputed_values_are_values_that_somebody_had_and_follow_the_others():
    _, x = people(200, 11)
    y = [3 * a + 1 for a in x["a"]]
    chance = random.Random(1)
    holes = {"a": x["a"], "b": x["b"], "y": [None if chance.random() < 0.3 else round(v, 1) for v in y]}
    copies = st.chained(holes, times=5, seed=8)
    assert len(copies) == 5
    assert st.chained(holes, times=5, seed=8) == copies
    assert st.chained(holes, times=5, seed=9) != copies
    known = {v for v in holes["y"] if v is not None}
    for copy in copies:
        assert set(copy["y"]) <= known
        assert copy["a"] == x["a"]
        off = [
            abs(got - true) for got, true, had in zip(copy["y"], y, holes["y"], strict=True) if had is None
        ]
        assert sum(off) / len(off) < 8  # the column's own SD is 36
    assert len({tuple(c["y"]) for c in copies}) == 5


def test_pooling_undoes_itself_and_widens_with_what_is_missing():
    """Copies that agree give the complete-data answer (but for Barnard and Rubin's df); disagreement widens it."""
    one = st.pool([2.0] * 5, [0.25] * 5, 50)
    assert (one.estimate, one.named("se")) == pytest.approx((2.0, 0.5))
    assert one.named("fmi") == pytest.approx(2 / (one.df[0] + 3))
    two = st.pool([1.5, 2.5, 2.0, 1.0, 3.0], [0.25] * 5, 50)
    assert two.named("se") > 0.5
    assert two.df[0] < one.df[0]
    assert st.pool([1.0], [1.0], 5).undefined


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R: apt-get install r-base-core")
def test_r_pools_exported_imputations_to_the_same_numbers(tmp_path: Path):
    """Each completed copy written out, analysed by R's lm, pooled by the published formulas in R: all digits of 1e-8."""
    _, x = people(60, 3)
    chance = random.Random(2)
    holes = {n: [None if n == "b" and chance.random() < 0.25 else v for v in c] for n, c in x.items()}
    copies = st.chained(holes, times=7, seed=4)
    estimates, variances = [], []
    for i, copy in enumerate(copies):
        lines = ["a,b,c", *(",".join(map(repr, row)) for row in zip(*(copy[n] for n in "abc"), strict=True))]
        (tmp_path / f"{i}.csv").write_text("\n".join(lines))
        found = st.linear_model(copy["a"], {"b": copy["b"], "c": copy["c"]})
        estimates.append(found.named("b:b"))
        variances.append(found.named("se:b") ** 2)
    (tmp_path / "pool.R").write_text("""
      m <- 7; s <- sapply(0:(m - 1), function(i) coef(summary(lm(a ~ b + c, read.csv(paste0(i, ".csv")))))["b", 1:2])
      q <- mean(s[1, ]); u <- mean(s[2, ]^2); b <- var(s[1, ]); t <- u + (1 + 1 / m) * b
      lambda <- (1 + 1 / m) * b / t; com <- 57
      old <- (m - 1) / lambda^2; obs <- (com + 1) / (com + 3) * com * (1 - lambda); df <- old * obs / (old + obs)
      r <- (1 + 1 / m) * b / u
      cat(format(c(q, sqrt(t), df, 2 * pt(-abs(q / sqrt(t)), df), (r + 2 / (df + 3)) / (r + 1)), digits = 15))
    """)
    run = subprocess.run(
        ["Rscript", "--vanilla", "pool.R"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    ours = st.pool(estimates, variances, 57)
    wanted = (ours.estimate, ours.named("se"), ours.df[0], ours.p, ours.named("fmi"))
    assert [float(v) for v in run.stdout.split()] == pytest.approx(wanted, rel=1e-8)
