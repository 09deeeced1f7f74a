"""Three-valued logic, diagnosis codes, merged patients, formulas and sections."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart.codes import code_in, split_codes
from extract.chart.derived import age, evaluate, names
from extract.chart.logic import all_of, any_of, negate
from extract.chart.people import survivors
from extract.chart.sections import split
from extract.errors import ProtocolInvalid

VERDICTS = st.lists(st.sampled_from(["met", "not_met", "unknown"]), max_size=6)
WORLDS = {"met": [True], "not_met": [False], "unknown": [True, False]}


@given(VERDICTS)
def test_a_verdict_is_what_all_possible_worlds_agree_on(verdicts):
    """Unknown means that it may turn out either way: all/any are certain exactly when every way agrees."""
    for how, combined in ((all, all_of), (any, any_of)):
        outcomes = {how(world) for world in product(*(WORLDS[v] for v in verdicts))}
        expected = "unknown" if len(outcomes) == 2 else "met" if outcomes == {True} else "not_met"
        assert combined(verdicts) == expected


@given(VERDICTS)
def test_de_morgan_holds(verdicts):
    assert negate(all_of(verdicts)) == any_of(negate(v) for v in verdicts)
    assert [negate(negate(v)) for v in verdicts] == verdicts


@pytest.mark.parametrize(
    ("code", "listed", "expected"),
    [
        ("C00", "C00-C97", True),
        ("C97.1", "C00-C97", True),
        ("C34.900x001", "C00-C97", True),
        ("c34.9", "C00-C97", True),
        ("D00", "C00-C97", False),
        ("B99.9", "A00-B99", True),
        ("M54.502", "M54.5", True),
        ("M54502", "M54.5", True),
        ("M54.4", "M54.5", False),
        ("M54", "M54.5", False),
        ("M45.x00", "M45", True),
        ("M45+", "M45", True),
        ("S12.000", "S12", True),
        ("M14.8", "M05-M14", True),
        ("M15", "M05-M14", False),
        ("7242", "724.2", True),
        ("72402", "724.2", False),
        ("724.2", "720-724", True),
        ("279039007", "279039007", True),
        ("2790390071", "279039007", False),
        ("Z33", "O00-O99", False),
        ("E10", "001-139", False),
        ("", "C00-C97", False),
        (None, "C00-C97", False),
    ],
)
def test_a_code_is_in_its_list_by_prefix_and_range(code, listed, expected):
    assert code_in(code, listed) is expected


def test_a_column_may_hold_several_codes():
    assert split_codes("M47.8;A23.9；Z33, M54.5") == ["M47.8", "A23.9", "Z33", "M54.5"]
    assert split_codes(None) == []


def test_merges_lead_through_chains_to_the_survivor():
    assert survivors({"a": "b", "b": "c", "c": None, "d": "c", "e": None}) == {"a": "c", "b": "c", "d": "c"}


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh") | st.none()))
def test_resolving_twice_changes_nothing(into):
    """...even where the HIS merged patients in a circle; and everybody linked by a merge has one survivor."""
    found = survivors(into)
    for old, new in found.items():
        assert old != new
        assert new not in found
    for old, new in into.items():
        if new:
            assert found.get(old, old) == found.get(new, new)


def test_an_age_is_completed_years():
    assert age(date(2000, 2, 29), date(2023, 2, 28)) == 22
    assert age(date(2000, 2, 29), date(2023, 3, 1)) == 23
    assert age(date(1950, 6, 1), date(2023, 6, 1)) == 73


def test_a_formula_is_arithmetic_over_variables():
    values = {"w": Decimal(70), "h": Decimal("1.75"), "gone": None, "zero": Decimal(0)}
    assert evaluate("w / (h * h)", values.get, lambda _: None) == Decimal(70) / (Decimal("1.75") ** 2)
    assert evaluate("-w + 2.5", values.get, lambda _: None) == Decimal("-67.5")
    assert evaluate("age_at(T0) - 1", values.get, lambda _: Decimal(52)) == 51
    assert evaluate("w / zero", values.get, lambda _: None) is None
    assert evaluate("w + gone", values.get, lambda _: None) is None
    assert names("w / (h * h) + age_at(T0)") == {"w", "h"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "w ** 9",
        "w.real",
        "[w]",
        "w if h else 0",
        "age_at('T0')",
        "open(w)",
        "w and h",
        "True",
        "w +",
    ],
)
def test_anything_else_is_refused_before_it_is_computed(text):
    with pytest.raises(ProtocolInvalid):
        evaluate(text, lambda _: Decimal(1), lambda _: Decimal(1))


def test_sections_are_found_by_brackets_colons_and_lines():
    text = "【主诉】腰痛3月。\n现病史：患者3月前起病。既往史：高血压。\n体格检查\n脊柱侧弯"
    assert [(s.name, text[s.body : s.end].strip()) for s in split(text)] == [
        ("主诉", "腰痛3月。"),
        ("现病史", "患者3月前起病。"),
        ("既往史", "高血压。"),
        ("体格检查", "脊柱侧弯"),
    ]
    english = "Chief Complaint: back pain\nPAST MEDICAL HISTORY:\nDiabetes.\n"
    assert [(s.name, s.effect) for s in split(english)] == [
        ("chief complaint", "current"),
        ("past medical history", "historical"),
    ]


def test_a_word_in_a_sentence_is_no_head():
    assert [s.name for s in split("患者既往史不详，诊断不明。")] == [""]


@given(st.text(alphabet="【】主诉现病史既往：: \n。腰痛[]ab", max_size=60))
def test_sections_cover_the_text_without_gap_or_overlap(text):
    found = split(text)
    assert found[0].start == 0
    assert found[-1].end == len(text)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(s.start <= s.body <= s.end for s in found)
