"""Agreement equals the published worked examples, and says so where it has no value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit
from statsmodels.stats.inter_rater import cohens_kappa

from validate.review.agreement import agreement, first_pairs, of_pairs, report, wilson
from validate.review.cases import Opinion
from validate.review.rules import Verdict

# Gwet, Handbook of Inter-Rater Reliability, 4th ed. 2014; as his R package irrCAC 1.0 prints it (CRAN, vignette
# "Calculating Chance-corrected Agreement Coefficients", kappa2.table, gwet.ac1.table and bp2.table of
# cont3x3abstractors): 0.7964094 (0.05891072), 0.8493305 (0.04321747) and 0.835.
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
# Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 3rd ed., table 18.1.
FLEISS = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]


def se(estimate, n):
    return (estimate.high - estimate.value) / stdtrit(n - 1, 0.975)


def test_the_paradox_table_gives_its_four_numbers():
    """95/3/2/0: nearly all alike, and kappa says worse than chance."""
    found = agreement([[95, 3], [2, 0]])
    assert found.percent.value == pytest.approx(0.95)
    assert found.kappa.value == pytest.approx(-0.025, abs=5e-4)
    assert found.pabak.value == pytest.approx(0.90)
    assert found.ac1.value == pytest.approx(0.947, abs=5e-4)


def test_kappa_and_ac1_with_their_errors_equal_irrcac():
    """Kappa 0.7964094 (SE 0.05891072, CI 0.680 to 0.913); AC1 0.8493305 (SE 0.04321747, CI 0.764 to 0.935)."""
    found = agreement(ABSTRACTORS)
    assert found.kappa.value == pytest.approx(0.7964094, abs=5e-8)
    assert se(found.kappa, 100) == pytest.approx(0.05891072, abs=5e-9)
    assert (found.kappa.low, found.kappa.high) == pytest.approx((0.680, 0.913), abs=5e-4)
    assert found.ac1.value == pytest.approx(0.8493305, abs=5e-8)
    assert se(found.ac1, 100) == pytest.approx(0.04321747, abs=5e-9)
    assert (found.ac1.low, found.ac1.high) == pytest.approx((0.764, 0.935), abs=5e-4)
    # Brennan-Prediger of the same vignette is PABAK by another name: 0.835.
    assert found.pabak.value == pytest.approx(0.835)


def test_kappa_equals_fleiss_levin_and_paik():
    """Their section 18.1: kappa 0.68 in 100 patients."""
    assert agreement(FLEISS).kappa.value == pytest.approx(0.68, abs=5e-3)


@pytest.mark.parametrize(
    ("table", "percent", "kappa"),
    [
        ([[40, 9], [6, 45]], 0.85, 0.70),
        ([[80, 10], [5, 5]], 0.85, 0.32),
        ([[45, 15], [25, 15]], 0.60, 0.13),
        ([[25, 35], [5, 35]], 0.60, 0.26),
    ],
)
def test_both_paradoxes_of_feinstein_and_cicchetti(table, percent, kappa):
    """J Clin Epidemiol 1990;43:543: the same agreement, quite different kappas."""
    found = agreement(table)
    assert found.percent.value == pytest.approx(percent)
    assert found.kappa.value == pytest.approx(kappa, abs=5e-3)


def test_positive_and_negative_agreement_of_cicchetti_and_feinstein():
    """J Clin Epidemiol 1990;43:551: 2a/(2a+b+c) and 2d/(2d+b+c) resolve the first paradox."""
    found = agreement([[80, 10], [5, 5]])
    assert found.positive.value == pytest.approx(160 / 175)
    assert found.negative.value == pytest.approx(10 / 25)
    assert found.positive.low < 160 / 175 < found.positive.high


tables = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 40), min_size=k, max_size=k), min_size=k, max_size=k)
)


@given(tables)
def test_kappa_equals_statsmodels_wherever_it_has_a_value(table):
    """A second implementation of Fleiss, Cohen & Everitt's variance agrees to rounding."""
    found = agreement(table)
    if found.kappa.value is None:
        assert found.kappa.note
        return
    theirs = cohens_kappa(table)
    assert found.kappa.value == pytest.approx(theirs.kappa, abs=1e-12)
    if found.kappa.high is not None and found.kappa.high < 1:
        assert se(found.kappa, found.n) == pytest.approx(theirs.std_kappa, rel=1e-6, abs=1e-9)


@given(tables)
def test_every_number_is_in_its_range_and_inside_its_interval(table):
    found = agreement(table)
    for name, floor in (("percent", 0), ("kappa", -1), ("pabak", -1), ("ac1", -1)):
        estimate = getattr(found, name)
        if estimate.value is None:
            assert estimate.note
            continue
        assert floor - 1e-12 <= estimate.value <= 1 + 1e-12
        if estimate.low is None:
            assert estimate.note
        else:
            assert estimate.low <= estimate.value + 1e-12
            assert estimate.value <= estimate.high + 1e-12


@given(tables, st.randoms())
def test_the_order_of_raters_and_of_categories_does_not_matter(table, chance):
    k = len(table)
    order = list(range(k))
    chance.shuffle(order)
    one = agreement(table)
    turned = agreement([[table[order[j]][order[i]] for j in range(k)] for i in range(k)])
    for name in ("percent", "kappa", "pabak", "ac1"):
        a, b = getattr(one, name), getattr(turned, name)
        assert a.value == b.value or a.value == pytest.approx(b.value, abs=1e-9)


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[20, 0], [0, 0]]])
def test_undefined_is_said_and_never_shown_as_a_number(table):
    kappa = agreement(table).kappa
    assert kappa.value is None
    assert kappa.note


@pytest.mark.parametrize(
    "table", [[[88, 2], [0, 0]], [[88, 0], [2, 0]], [[19, 1], [0, 0]], [[0, 0], [7, 83]]]
)
def test_one_rater_who_never_varies_gives_kappa_zero_and_no_interval_of_dust(table):
    """In floats 88/2/0/0 had one from -1.4e-07 to 1.4e-07, which a page showed as 0.00 to 0.00."""
    found = agreement(table).kappa
    assert (found.value, found.low, found.high) == (0, None, None)
    assert "same verdict" in found.note


def test_perfect_agreement_has_kappa_one_and_no_invented_interval():
    found = agreement([[10, 0], [0, 7]])
    assert found.kappa.value == found.ac1.value == 1
    assert found.kappa.low is None
    assert found.kappa.note
    assert found.percent.low < 1 == found.percent.high


def test_wilson_equals_its_published_example():
    """Newcombe, Stat Med 1998;17:857, table I: 81/263 gives 0.2553 to 0.3662; 0/20 gives 0 to 0.1611."""
    assert (wilson(81, 263).low, wilson(81, 263).high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20).low == 0
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=5e-5)


def said(number, patient, slot, verdict, evidence="e1", criterion="I2"):
    return Opinion(number, patient, criterion, slot, f"rev{slot}", Verdict(verdict), "", (), evidence)


def test_only_first_opinions_count():
    """...not a second thought, and not what was said when changed evidence was judged again."""
    given_ = [
        said(1, "p1", 1, "met"),
        said(2, "p1", 1, "not_met"),
        said(3, "p1", 2, "not_met"),
        said(4, "p1", 1, "met", "e2"),
        said(5, "p1", 2, "met", "e2"),
        said(6, "p2", 1, "met"),
    ]
    assert first_pairs(given_) == {"I2": [("met", "not_met")]}


def test_two_opinions_on_different_evidence_are_no_pair():
    assert first_pairs([said(1, "p1", 1, "met", "e1"), said(2, "p1", 2, "met", "e2")]) == {}


def test_cannot_tell_is_a_category_only_where_it_was_said():
    assert of_pairs([("met", "met"), ("not_met", "met")]).categories == ("met", "not_met")
    assert len(of_pairs([("met", "cannot_tell")]).categories) == 3


def test_the_report_has_every_criterion_even_one_that_nobody_judged():
    found = report([said(1, "p1", 1, "met"), said(2, "p1", 2, "met")], ["I2", "E1"])
    assert list(found.criteria) == ["I2", "E1"]
    assert found.criteria["E1"].percent.note
    assert found.overall.n == 1
    assert found.to_json()["criteria"]["E1"]["kappa"]["value"] is None
