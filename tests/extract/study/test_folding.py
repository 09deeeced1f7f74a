"""Folding: what becomes equal, and that every folded character leads back to where it stood."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.study import folding
from extract.study.folding import fold, folded_text, variants


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ＥＳＲ", "esr"),
        ("頸椎", "颈椎"),
        ("①Ⅱ型", "1ii型"),
        ("血 沉 ( ESR )", "血沉(esr)"),
        ("血　沉", "血沉"),
        ("low   back", "low back"),
        ("5 mg / L", "5 mg/l"),
        ("腰\n痛", "腰\n痛"),
        ("腰 \r\n 痛", "腰\n痛"),
        ("血\u200b沉", "血沉"),
        ("⾎沉", "血沉"),
        ("\ufeff  a  ", "a"),
        ("´", "´"),
        ("", ""),
    ],
)
def test_what_becomes_equal(text, plain):
    assert fold(text).text == plain


MESSY = st.text(
    st.one_of(st.sampled_from("aA ＡßİⅡ㎡頸颈\n\r\t　\u200b\ufe0f\u0301´é①"), st.characters(codec="utf-8"))
)


@given(MESSY)
def test_the_quick_folding_is_the_folding(text):
    assert folded_text(text) == fold(text).text


@given(MESSY)
def test_folding_twice_changes_nothing(text):
    assert folded_text(folded_text(text)) == folded_text(text)


@given(MESSY)
def test_offsets_lead_back(text):
    """They never run backwards, and each visible character's original folds to something with it."""
    folded = fold(text)
    assert len(folded.offsets) == len(folded.text)
    assert list(folded.offsets) == sorted(folded.offsets)
    for at, mark in enumerate(folded.text):
        start, end = folded.span(at, at + 1)
        assert end == start + 1
        assert mark.isspace() or mark in folded_text(text[start])


@given(MESSY, MESSY, MESSY)
def test_a_word_folds_the_same_wherever_it_stands(before, word, after):
    """So what is found literally is found folded, at the same place."""
    word = word.strip()
    folded = fold(before + word + after)
    plain = folded_text(word)
    if not plain:
        return
    at = folded.text.find(plain)
    places = []
    while at >= 0:
        places.append(folded.span(at, at + len(plain)))
        at = folded.text.find(plain, at + 1)
    assert any(len(before) <= start and end <= len(before) + len(word) for start, end in places)


def test_all_of_unicode_is_covered():
    """No character beyond the planes of the table folds, and variants lists every source of a letter."""
    table = folding._table()
    simplified = folding._simplified()
    for code in range(0x30000, sys.maxunicode + 1):
        if code not in table and unicodedata.category(chr(code)) not in {"Cn", "Co"}:
            assert folding._plain(chr(code), simplified) == chr(code)
    for code, plain in table.items():
        for letter in plain:
            assert chr(code) in variants(letter)
            assert variants(letter)[0] == letter
