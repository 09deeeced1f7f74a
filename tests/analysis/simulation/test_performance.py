"""Measures of performance and their Monte Carlo errors, by hand and by closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.simulation.kernels import Answers
from analysis.simulation.performance import Measure, measured, wilson


def answers(estimate, se, *, half: float = 1.959963984540054) -> Answers:
    estimate, se = np.asarray(estimate, float), np.asarray(se, float)
    p = 2 * stats.norm.sf(np.abs(estimate / se))
    return Answers(p, estimate, se, estimate - half * se, estimate + half * se)


def test_the_measures_are_those_of_morris_white_and_crowther():
    """Table 6 of the paper, over four replications that a reader can add up."""
    found = measured(answers([1.0, 2.0, 3.0, 6.0], [1.0, 1.0, 2.0, 1.0]), 2.0, 0.05)
    assert found.mean == 3.0
    assert found.bias.value == 1.0
    assert found.bias.mcse == pytest.approx(math.sqrt(14 / 3 / 4))
    assert found.empirical_se.value == pytest.approx(math.sqrt(14 / 3))
    assert found.empirical_se.mcse == pytest.approx(math.sqrt(14 / 3) / math.sqrt(6))
    assert found.model_se.value == pytest.approx(math.sqrt(7 / 4))
    assert found.model_se.mcse == pytest.approx(math.sqrt(2.25 / (4 * 4 * 7 / 4)))
    mse, squares = 18 / 4, [1, 0, 1, 16]
    assert found.rmse.value == pytest.approx(math.sqrt(mse))
    error = math.sqrt(sum((s - mse) ** 2 for s in squares) / (4 * 3))
    assert found.rmse.mcse == pytest.approx(error / (2 * math.sqrt(mse)))
    assert found.coverage == Measure(0.75, pytest.approx(math.sqrt(0.75 * 0.25 / 4)))
    assert found.rejected == Measure(0.5, 0.25)
    assert found.type_s.value == 0.0
    assert found.type_m.value == 2.0


def test_sign_and_size_of_what_is_significant_are_gelman_and_carlins():
    """An effect of one tenth with a standard error of one: the sign is wrong in two of five, the size twenty-odd times."""
    rng = np.random.default_rng(3)
    n, effect = 200_000, 0.1
    found = measured(answers(rng.normal(effect, 1, n), np.ones(n)), effect, 0.05)
    edge = stats.norm.ppf(0.975)
    power = stats.norm.sf(edge - effect) + stats.norm.cdf(-edge - effect)
    assert abs(found.rejected.value - power) < 4 * found.rejected.mcse
    assert abs(found.type_s.value - stats.norm.cdf(-edge - effect) / power) < 4 * found.type_s.mcse
    beyond = effect * (stats.norm.sf(edge - effect) - stats.norm.cdf(-edge - effect))
    beyond += stats.norm.pdf(edge - effect) + stats.norm.pdf(-edge - effect)
    assert abs(found.type_m.value - beyond / power / effect) < 4 * found.type_m.mcse


def test_a_replication_without_an_answer_is_counted_and_not_significant():
    found = answers([1.0, 5.0, 5.0], [1.0, 1.0, 1.0])
    gone = Answers(*(np.append(getattr(found, f), np.nan) for f in ("p", "estimate", "se", "low", "high")))
    told = measured(gone, 5.0, 0.05)
    assert (told.replications, told.undefined, told.rejected.value) == (4, 1, 0.5)
    assert told.coverage.value == pytest.approx(2 / 3)


def test_no_multiple_of_nothing_is_told():
    """Where the truth may be nought, an exaggeration of it is no number."""
    told = measured(answers([3.0, -4.0, 0.1], [1.0, 1.0, 1.0]), 0.001, 0.05, truth_error=0.001)
    assert told.type_s == told.type_m == Measure()
    assert measured(answers([3.0, -4.0], [1.0, 1.0]), 0.0, 0.05).type_m == Measure()


def test_wilsons_interval_is_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    for hits, n in ((0, 20), (7, 20), (20, 20), (981, 2000)):
        assert wilson(hits, n) == pytest.approx(proportion_confint(hits, n, method="wilson"))
