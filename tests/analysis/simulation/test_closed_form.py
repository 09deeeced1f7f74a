"""Power from outside: noncentral t, exact integrals and R's own functions, within four Monte Carlo errors."""

from __future__ import annotations

import math
import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from analysis.simulation.questions import Question, questions
from analysis.simulation.replications import Bench

REPLICATIONS = 4000


def power_of(world, key: str, n: int) -> float:
    (q,) = (q for q in questions(world.protocol, frozenset(world.assumptions.variable)) if q.key == key)
    found = Bench(REPLICATIONS, 11).run(world, [q], n)[q]
    return float(np.mean(found.p < 0.05))


def near(found: float, wanted: float, more: float = 0.0) -> None:
    error = math.sqrt(wanted * (1 - wanted) / REPLICATIONS)
    assert abs(found - wanted) < 4 * error + more, (found, wanted)


def in_r(code: str) -> float:
    told = subprocess.run(
        ["Rscript", "--vanilla", "-e", f"cat(sprintf('%.12f', {code}))"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return float(told.stdout)


needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R: apt-get install r-base-core")


@pytest.fixture(scope="module")
def paired(make_world) -> float:
    """A fall of 4 with an SD of the change of 10, in 40."""
    world = make_world(variable={"esr": {"mean": [60, 56]}})
    return power_of(world, "2.esr.all.delta", 40)


@pytest.fixture(scope="module")
def two_groups(make_world) -> float:
    """Changes that differ by 6 between arms, SD 10, in 80."""
    world = make_world(variable={"esr": {"shift": {"2": [0, -6]}}})
    return power_of(world, "2.esr.difference.delta", 80)


@pytest.fixture(scope="module")
def proportions(make_world) -> tuple[float, float, float]:
    """Power in 300, and the share of code 1 in each arm that the assumed association makes."""
    world = make_world(association=[{"x": "sex", "y": "arm", "same_visit": 0.3}])
    both = float(stats.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]]).cdf([0, 0]))
    return power_of(world, "1.sex.difference", 300), 2 * both, 1 - 2 * both


def test_the_paired_t_test_has_the_power_of_the_noncentral_t(paired):
    near(paired, TTestPower().power(effect_size=0.4, nobs=40, alpha=0.05))


def test_the_two_sample_t_test_has_it_over_all_sizes_of_the_arms(two_groups):
    """Arms are drawn, so the power is that of each split times its chance."""
    wanted = sum(
        stats.binom.pmf(a, 80, 0.5) * TTestIndPower().power(0.6, nobs1=a, alpha=0.05, ratio=(80 - a) / a)
        for a in range(15, 66)
    )
    near(two_groups, wanted)


@pytest.mark.parametrize(("rho", "n"), [(0.3, 60), (-0.5, 25)])
def test_the_correlation_has_its_exact_power(make_world, rho, n):
    """Given x, t is noncentral; x's sum of squares is chi-square."""
    world = make_world(association=[{"x": "esr", "y": "crp", "change": rho}])
    at = (np.arange(2000) + 0.5) / 2000
    spread = np.sqrt(stats.chi2.ppf(at, n - 1)) * rho / math.sqrt(1 - rho * rho)
    edge = stats.t.ppf(0.975, n - 2)
    wanted = float(np.mean(stats.nct.sf(edge, n - 2, spread) + stats.nct.cdf(-edge, n - 2, spread)))
    near(power_of(world, "3.esr.all.delta.crp", n), wanted)


def test_the_chi_square_test_has_the_power_of_two_proportions(proportions):
    """The closed form is of large samples: one point more is granted."""
    power, first, second = proportions
    mean = (first + second) / 2
    noncentral = 150 * (first - second) ** 2 / (2 * mean * (1 - mean))
    near(power, float(stats.ncx2.sf(stats.chi2.ppf(0.95, 1), 1, noncentral)), 0.01)


@needs_r
def test_r_says_the_same(paired, two_groups, proportions):
    near(paired, in_r("power.t.test(n=40, delta=4, sd=10, type='paired', strict=TRUE)$power"))
    near(two_groups, in_r("power.t.test(n=40, delta=6, sd=10, strict=TRUE)$power"), 0.005)
    power, first, second = proportions
    near(power, in_r(f"power.prop.test(n=150, p1={first}, p2={second}, strict=TRUE)$power"), 0.01)


def test_a_question_has_the_key_of_the_frame():
    assert Question("correlation", "3", "esr", "all", "delta", "crp").key == "3.esr.all.delta.crp"
