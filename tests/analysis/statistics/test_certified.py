"""The statistics against certified and published values: NIST, studentized range, Student-Newman-Keuls."""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from analysis import statistics as st
from analysis.statistics.distributions import range_sf

DATA = Path(__file__).parents[1] / "data" / "statistics"
ANOVA = sorted((DATA / "nist_anova").glob("*.gz"))
UNIVARIATE = json.loads((DATA / "gsl_univ" / "certified.json").read_text())
PUBLISHED = json.loads((DATA / "snk" / "published.json").read_text())


def digits(computed: float, certified: float) -> float:
    """Correct significant digits (the log relative error); 15 at most."""
    if computed == certified:
        return 15.0
    return min(15.0, -math.log10(abs(computed - certified) / (abs(certified) or 1.0)))


def nist_rows(text: str) -> list[list[str]]:
    first, last = map(int, re.search(r"Data\s+\(lines\s+(\d+) to\s+(\d+)\)", text).groups())
    return [line.split() for line in text.splitlines()[first - 1 : last] if line.split()]


@pytest.mark.parametrize("path", ANOVA, ids=lambda p: p.name)
def test_anova_meets_the_certified_f(path):
    """...to 13 digits, also where 13 leading digits are shared by every value (SmLs07 to SmLs09)."""
    text = gzip.decompress(path.read_bytes()).decode()
    groups = defaultdict(list)
    for group, value in nist_rows(text):
        groups[group].append(float(value))
    between, within = (
        next(line.split() for line in text.splitlines() if line.startswith(word))
        for word in ("Between", "Within")
    )
    result = st.anova(*groups.values())
    assert digits(result.statistic, float(between[-1])) >= 13
    assert digits(result.named("ss_between"), float(between[-3])) >= 13
    assert digits(result.named("ss_within"), float(within[-2])) >= 13
    assert result.df == (len(groups) - 1, sum(map(len, groups.values())) - len(groups))


def test_all_eleven_anova_sets_are_here():
    assert len(ANOVA) == 11


@pytest.mark.parametrize("name", UNIVARIATE)
def test_mean_and_sd_meet_the_certified_values(name):
    """...to 14 digits; numacc4 has ten leading digits in common."""
    text = (DATA / "gsl_univ" / f"{name}.txt").read_text()
    values = [Decimal(word) for word in text.split()]
    certified = UNIVARIATE[name]
    for column in (values, [float(v) for v in values]):
        found = st.describe(column)
        assert found.n == certified["n"]
        assert digits(found.mean, float(certified["mean"])) >= 14
        assert digits(found.sd, float(certified["sd"])) >= 14


def test_the_line_through_norris_is_the_certified_one():
    text = (DATA / "nist_linregress" / "Norris.dat").read_text()
    y, x = zip(*((float(a), float(b)) for a, b in nist_rows(text)), strict=True)
    found = st.line(x, y)
    assert digits(found.intercept, -0.262323073774029) >= 12
    assert digits(found.slope, 1.00211681802045) >= 14
    assert digits(found.intercept_error, 0.232818234301152) >= 13
    assert digits(found.slope_error, 0.429796848199937e-03) >= 13
    assert digits(found.residual_sd, 0.884796396144373) >= 13
    assert digits(found.r_squared, 0.999993745883712) >= 14
    assert digits(found.f, 5436385.54079785) >= 13


def test_the_studentized_range_meets_its_72_reference_points():
    cases = json.loads((DATA / "studentized_range_mpmath_ref.json").read_text())["cdf_data"]
    assert len(cases) == 72
    for case in cases:
        at = case["src_case"]
        assert 1 - range_sf(at["q"], at["k"], at["v"]) == pytest.approx(case["mp_result"], abs=1e-9)


def raw_groups(name: str) -> dict[str, list[float]]:
    groups = defaultdict(list)
    with (DATA / "snk" / name).open() as file:
        for group, value in list(csv.reader(file))[1:]:
            groups[group].append(float(value))
    return dict(groups)


def as_sets(subsets) -> set[frozenset[str]]:
    return {frozenset(s) for s in subsets}


def criticals(result: st.Snk) -> dict[int, float]:
    """Critical range in the data's unit, by span."""
    error = math.sqrt(result.mse / result.n)
    return {c.span: c.critical * error for c in result.comparisons}


def test_keppels_pair_is_protected_by_the_step_down():
    """Groups 5 and 4 differ by more than their own critical range, and still may not be called different."""
    case = PUBLISHED["keppel_6_1"]
    result = st.snk(raw_groups("keppel_6_1.csv"))
    assert result.mse == pytest.approx(case["MSE"], abs=5e-6)
    for span, critical in case["critical_range"].items():
        assert criticals(result)[int(span)] == pytest.approx(critical, rel=1e-4)
    assert as_sets(result.subsets) == {frozenset(map(str, g)) for g in case["groups"].values()}
    pair = next(c for c in result.comparisons if {c.first, c.second} == {"5", "4"})
    assert pair.statistic > pair.critical
    assert pair.protected
    assert not pair.rejected


def test_the_sweet_potatoes_fall_into_three_sets():
    case = PUBLISHED["sweetpotato"]
    result = st.snk(raw_groups("sweetpotato.csv"))
    assert as_sets(result.subsets) == {frozenset(g) for g in case["groups"].values()}
    for span, critical in case["critical_range"].items():
        assert criticals(result)[int(span)] == pytest.approx(critical, rel=1e-6)


def test_hyperstats_table_and_q():
    case = PUBLISHED["hyperstat"]
    means = {str(i): float(m) for i, m in enumerate(case["means"])}
    result = st.snk_from_means(means, case["n"], case["MSE"], case["df"])
    for comparison in result.comparisons:
        assert comparison.critical == pytest.approx(case["q05"][str(comparison.span)], abs=0.005)
    widest = result.comparisons[0]
    assert (widest.first, widest.second) == ("4", "0")
    assert widest.statistic == pytest.approx(case["q_10_25"], abs=0.005)


def test_welschs_means_have_the_published_criteria():
    case = PUBLISHED["welsch_mit"]
    means = {str(i): float(m) for i, m in enumerate(case["means"])}
    result = st.snk_from_means(means, 1, case["se"] ** 2, case["df"])
    for comparison in result.comparisons:
        assert comparison.critical == pytest.approx(case["q05"][str(comparison.span)], abs=0.006)
