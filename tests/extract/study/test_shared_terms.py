"""A study names a term set by its version, and searches as if its words stood in its own file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extract.errors import ProtocolInvalid
from extract.study import protocol
from extract.study.keywords import Matcher
from extract.study.protocol import Search, parse

TEXT = (Path(protocol.__file__).parent / "templates" / "esr-pain" / "study.toml").read_text(encoding="utf-8")


def naming(*sets: str, match: str = "folded") -> str:
    named = ", ".join(f'"{name}"' for name in sets)
    text = re.sub(r'match\s+= "literal"', f'match = "{match}"\nterms = [{named}]', TEXT, count=1)
    assert "terms = [" in text
    return text


def test_synonyms_and_look_alikes_are_taken_in():
    """...of the words in the expression and of no others; what the study itself says stays first."""
    search = parse(naming("pain-zh-v1")).search
    assert search.synonyms["颈痛"][:2] == ["颈部疼痛", "项痛"]
    assert "颈背痛" in search.synonyms["颈痛"]
    assert "宫颈痛" in search.look_alike["颈痛"]
    assert search.look_alike["ESR"][:2] == ["ESRD", "ESR1"]
    assert set(search.synonyms) <= {"颈痛", "肩痛", "腰痛", "腰腿痛", "ESR"}
    matcher = Matcher.of(search)
    assert {hit.term for hit in matcher.find("颈背痛3天", "document")} == {"颈痛"}
    assert matcher.find("患者宫颈痛", "document") == []


def test_a_set_changes_the_protocol_and_its_absence_does_not():
    plain = parse(TEXT)
    assert plain.search.terms == ()
    assert parse(naming()).hash == parse(TEXT.replace('"literal"', '"folded"', 1)).hash
    assert parse(naming("pain-zh-v1")).hash != parse(naming()).hash


def test_what_was_taken_in_can_be_read_again():
    """A protocol written out and read back is the same: nothing is taken in twice."""
    search = parse(naming("pain-zh-v1")).search
    assert Search.model_validate(search.model_dump(by_alias=True)) == search


@pytest.mark.parametrize("name", ["pain-zh", "pain-zh-v99", "../pain-zh-v1", ""])
def test_a_set_that_is_not_there_is_named_with_those_that_are(name):
    with pytest.raises(ProtocolInvalid, match="pain-zh-v1"):
        parse(naming(name))
