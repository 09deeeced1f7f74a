"""Laboratory results: comparators, flags, words, units; whole item names and nothing like them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart.measurements import is_item, on_grid, parse_number, parse_result, scaled
from extract.his.packs import LabConcept

STEP = Decimal("0.1")
CRP = LabConcept(
    names=("C反应蛋白", "C-反应蛋白", "CRP"),
    codes=("1988-5",),
    not_names=("超敏C反应蛋白", "hs-CRP"),
    unit="mg/L",
    units={"mg/L": Decimal(1), "mg/l": Decimal(1), "mg/dL": Decimal(10), "ug/mL": Decimal(1)},
)


def read(raw, unit="mg/L"):
    found = parse_result(raw, unit, CRP, STEP)
    return found.comparator, None if found.value is None else str(found.value), found.status


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("12", ("", "12.0", "numeric")),
        ("12.5", ("", "12.5", "numeric")),
        (" 12.5 ", ("", "12.5", "numeric")),
        ("１２．５", ("", "12.5", "numeric")),
        ("<2", ("<", "2.0", "numeric")),
        ("＜2", ("<", "2.0", "numeric")),
        ("< 0.5", ("<", "0.5", "numeric")),
        ("≤2", ("<=", "2.0", "numeric")),
        (">100", (">", "100.0", "numeric")),
        (">=100", (">=", "100.0", "numeric")),
        ("小于2", ("<", "2.0", "numeric")),
        ("大于100", (">", "100.0", "numeric")),
        ("12↑", ("", "12.0", "numeric")),
        ("12 ↓", ("", "12.0", "numeric")),
        ("↑12", ("", "12.0", "numeric")),
        ("12 H", ("", "12.0", "numeric")),
        ("12H", ("", "12.0", "numeric")),
        ("12 (H)", ("", "12.0", "numeric")),
        ("12*", ("", "12.0", "numeric")),
        ("12 偏高", ("", "12.0", "numeric")),
        ("1,234", ("", "1234.0", "numeric")),
        ("1,234.5", ("", "1234.5", "numeric")),
        ("1.2e2", ("", "120.0", "numeric")),
        ("2-3", ("", "2.5", "range")),
        ("2~3", ("", "2.5", "range")),
        ("阴性", ("", None, "qualitative")),
        ("弱阳性", ("", None, "qualitative")),
        ("(-)", ("", None, "qualitative")),
        ("+", ("", None, "qualitative")),
        ("++", ("", None, "qualitative")),
        ("±", ("", None, "qualitative")),
        ("2+", ("", None, "qualitative")),
        ("溶血", ("", None, "invalid")),
        ("标本溶血", ("", None, "invalid")),
        ("12(溶血)", ("", None, "invalid")),
        ("标本量不足", ("", None, "invalid")),
        ("", ("", None, "blank")),
        (None, ("", None, "blank")),
        ("-", ("", None, "blank")),
        ("--", ("", None, "blank")),
        ("1,23", ("", None, "unreadable")),
        ("12..5", ("", None, "unreadable")),
        ("3-2", ("", None, "unreadable")),
        ("12 34", ("", None, "unreadable")),
        ("见报告", ("", None, "unreadable")),
    ],
)
def test_a_result_is_read_as_the_laboratory_wrote_it(raw, expected):
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "unit", "expected"),
    [
        ("1.2", "mg/dL", ("", "12.0", "numeric")),
        ("<0.5", "mg/dl", ("<", "5.0", "numeric")),
        ("1.2", "MG/DL", ("", "12.0", "numeric")),
        ("12", "ｍｇ／Ｌ", ("", "12.0", "numeric")),
        ("12", "μg/mL", ("", "12.0", "numeric")),
        ("12", "mmol/L", ("", None, "not_convertible")),
        ("12", "", ("", None, "no_unit")),
        ("12", None, ("", None, "no_unit")),
        ("12mg/L", "", ("", "12.0", "numeric")),
        ("1.2 mg/dL", None, ("", "12.0", "numeric")),
        ("12 mg/L", "mg/L", ("", "12.0", "numeric")),
        ("12 mg/L", "mg/dL", ("", None, "not_convertible")),
        ("12 g", "mg/L", ("", None, "not_convertible")),
    ],
)
def test_a_value_is_converted_by_the_stated_factor_or_not_at_all(raw, unit, expected):
    """An unknown unit, a missing one, and two that disagree are never times one."""
    assert read(raw, unit) == expected


@given(
    value=st.decimals(0, 9999, places=1),
    comparator=st.sampled_from(["", "<", ">", "≤"]),
    flag=st.sampled_from(["", "↑", " H", "↓", "*"]),
    wide=st.booleans(),
)
def test_a_written_result_reads_back(value, comparator, flag, wide):
    """Whatever the comparator, the flag and the width of the digits; the raw text is kept."""
    digits = str(value)
    if wide:
        digits = digits.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789."})
    raw = f"{comparator}{digits}{flag}"
    found = parse_result(raw, "mg/L", CRP, STEP)
    assert (found.comparator, found.value) == (comparator.replace("≤", "<="), value)
    assert found.raw == raw
    assert found.unit == "mg/L"


@given(st.text(max_size=30), st.text(max_size=10) | st.none())
def test_no_text_breaks_the_reading_and_a_value_is_always_on_the_grid(raw, unit):
    found = parse_result(raw, unit, CRP, STEP)
    assert found.raw == raw
    assert (found.value is not None) == (found.status in {"numeric", "range"})
    if found.value is not None:
        assert found.value == on_grid(found.value, STEP)
        assert scaled(found.value, STEP) * STEP == found.value


@given(st.decimals(-1000, 1000, places=4), st.sampled_from([Decimal("0.1"), Decimal(1), Decimal("0.05")]))
def test_the_grid_moves_a_value_by_at_most_half_a_step(value, step):
    assert abs(on_grid(value, step) - value) <= step / 2


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("C反应蛋白", None, True),
        ("Ｃ反应蛋白", None, True),
        ("C 反应蛋白", None, True),
        ("crp", None, True),
        ("C反应蛋白前体", None, False),
        ("非C反应蛋白", None, False),
        ("超敏C反应蛋白", None, False),
        ("hs-CRP", "1988-5", False),
        ("某项目", "1988-5", True),
        (None, "1988-5", True),
        ("", None, False),
        (None, None, False),
    ],
)
def test_an_item_is_its_whole_name_or_its_code(name, code, expected):
    """A name that contains another, or an excluded one, is something else."""
    assert is_item(name, code, CRP.names, CRP.codes, CRP.not_names) is expected


@pytest.mark.parametrize(
    ("raw", "value"),
    [("6", "6.0"), ("6分", "6.0"), ("7/10", "7.0"), ("6.5cm", "6.5"), ("6-7", "6.5"), ("拒绝", None)],
)
def test_a_scale_needs_no_unit(raw, value):
    found = parse_number(raw, STEP)
    assert (None if found.value is None else str(found.value)) == value
