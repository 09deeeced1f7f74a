"""What is typed is read by what it means, and nothing that the form forbids gets in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import Refused
from validate.entry.forms import Field, Value, equal, form_fields, of_scaled, read, warnings


@pytest.fixture(scope="session")
def score(small):
    return Field(small.variable_named("score"), "T0")


@pytest.fixture(scope="session")
def site(small):
    return Field(small.variable_named("site"), "")


def test_the_form_is_the_protocol_s_double_variables_at_their_timepoints(small):
    assert [field.name for field in form_fields(small)] == ["score@T0", "score@T1", "site"]


@pytest.mark.parametrize(
    "typed", ["5", "5.0", "５", "５．０", " 5 ", "+5", "05", "5.00", "5分", "5 cm", "5CM"]
)
def test_one_value_however_it_is_typed(score, typed):
    assert read(score, typed) == Value(50, "5.0")


@pytest.mark.parametrize("typed", ["1;3", "3,1", "１、３", "3；1", "颈;back", "neck, 腰", "1;3;1"])
def test_one_set_of_codes_however_it_is_typed(site, typed):
    assert read(site, typed) == Value(None, "1;3")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "say why"),
        ("abc", "a number is expected"),
        ("1,5", "unit is not"),
        ("5.05", "steps of 0.1"),
        ("11", "between 0 and 10"),
        ("-1", "between 0 and 10"),
        ("5 mmol", "unit is not"),
        ("5 6", "unit is not"),
        ("NaN", "a number is expected"),
        ("1e3", "unit is not"),
        ("٥", None),
        ("5" * 300, "at most"),
        ("illegible", "missing value is one of"),
        ("5\0", "a number is expected|at most|unit"),
    ],
)
def test_what_the_form_forbids_is_refused_without_repeating_it(score, typed, says):
    if says is None:
        assert read(score, typed).scaled == 50, "a digit of another script is still that digit"
        return
    with pytest.raises(Refused, match=says) as caught:
        read(score, typed)
    if len(typed) > 2 and typed != "illegible":
        assert typed not in str(caught.value)


def test_a_value_and_a_reason_for_having_none_exclude_each_other(score):
    assert read(score, "not_done") == read(score, "", "not_done") == Value(None, "", "not_done")
    with pytest.raises(Refused, match="exclude"):
        read(score, "5", "not_done")


def test_an_unknown_code_is_refused(site):
    with pytest.raises(Refused, match="legal codes are 1, 2, 3"):
        read(site, "1;4")


def test_what_is_legal_but_unusual_is_pointed_out(score):
    assert warnings(score, read(score, "5")) == []
    assert "9.5" not in warnings(score, read(score, "9.5"))[0]
    assert warnings(score, read(score, "not_done")) == []


def test_a_limit_is_not_its_number(score):
    below, at = read(score, "<0.5"), read(score, "0.5")
    assert below == Value(5, "0.5", comparator="<")
    assert read(score, "≤0.5") == read(score, "<=0.5")
    assert not equal(below, at)


@given(scaled=st.integers(0, 100))
def test_every_value_reads_back_as_itself(score, scaled):
    value = of_scaled(score, scaled)
    assert read(score, value.value) == value
    assert Decimal(value.value) == scaled * Decimal("0.1")


values = st.one_of(
    st.integers(0, 100).map(lambda n: Value(n, str(n))),
    st.sampled_from(["not_done", "not_documented"]).map(lambda code: Value(None, "", code)),
    st.sampled_from(["1", "1;3"]).map(lambda codes: Value(None, codes)),
)


@given(values, values, st.integers(0, 3))
def test_equality_is_reflexive_symmetric_and_widens_with_tolerance(one, other, tolerance):
    assert equal(one, one)
    assert equal(one, other) == equal(other, one)
    assert equal(one, other, tolerance=tolerance + 1) or not equal(one, other, tolerance=tolerance)
    if one.missing != other.missing:
        assert not equal(one, other, tolerance=100)
