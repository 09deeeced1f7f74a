"""Term sets: the shipped one keeps its own tests, a failing one says so, and a new version says what is new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.chart.termsets import examine, load_set, shipped
from extract.errors import NotFound, ProtocolInvalid
from flows.cli import main

ROOT = Path(__file__).parents[3]

SET = """
format = 1
id = "itch"
version = {version}
owner = "allergy clinic"
title = {{ zh = "瘙痒", en = "itch" }}
[[term]]
term = "瘙痒"
label = {{ zh = "瘙痒", en = "itch" }}
synonyms = [{synonyms}]
look_alikes = ["止瘙痒膏"]
[[test]]
text = "全身皮肤发痒，无瘙痒，予止瘙痒膏。"
finds = {{ "瘙痒" = [{finds}] }}
"""


def write(folder, version, synonyms="", finds='"negated"'):
    path = folder / f"itch-v{version}.toml"
    path.write_text(SET.format(version=version, synonyms=synonyms, finds=finds), encoding="utf-8")
    return path


def test_every_shipped_set_passes_its_own_tests():
    """...has an owner, tests for each term, and a name that is its id and version."""
    there = sorted((ROOT / "sql" / "terms").glob("*.toml"))
    assert there
    for path in there:
        found = load_set(path)
        told = examine(found, path)
        assert told["failures"] == []
        assert found.owner
        assert {name for test in found.test for name in test.finds} == {term.term for term in found.term}
    assert shipped("pain-zh").stem == shipped("pain-zh-v1").stem == "pain-zh-v1"


def test_a_failing_set_tells_what_was_found(tmp_path):
    path = write(tmp_path, 1, finds='"present"')
    told = examine(load_set(path), path)
    assert told["ok"] is False
    assert told["failures"] == [{"test": 1, "term": "瘙痒", "expected": ["present"], "found": ["negated"]}]
    assert told["terms"] == [{"term": "瘙痒", "hits": 1, "negated": 1, "look_alikes": 1}]
    assert told["since"] is None


def test_a_new_version_says_what_is_new(tmp_path):
    """Words added and removed, and the hits that its own tests gain."""
    write(tmp_path, 1)
    path = write(tmp_path, 2, synonyms='"发痒"', finds='"present", "negated"')
    told = examine(load_set(path), path)
    assert told["ok"] is True
    added = [{"term": "瘙痒", "what": "synonym", "word": "发痒"}]
    assert told["since"] == {"version": 1, "added": added, "removed": [], "new_hits": 1, "lost_hits": 0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("version = 1", "version = 3"), "version 3"),
        (('owner = "allergy clinic"', 'owner = ""'), "owner"),
        (("synonyms = []", 'synonyms = ["瘙痒"]'), "twice"),
        (('finds = { "瘙痒"', 'finds = { "痛"'), "痛"),
        (("format = 1", "format = "), "itch-v1.toml"),
    ],
)
def test_a_set_that_is_wrong_is_refused(tmp_path, change, said):
    path = write(tmp_path, 1)
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(ProtocolInvalid, match=said):
        load_set(path)


def test_a_set_that_is_not_there_names_those_that_are():
    with pytest.raises(NotFound) as error:
        shipped("nothing")
    assert "pain-zh-v1" in error.value.next_step


@pytest.mark.parametrize(("finds", "code"), [('"negated"', 0), ('"present"', 10)])
def test_the_verb_s_exit_code_is_the_set_s(tmp_path, capfd, finds, code):
    path = write(tmp_path, 1, finds=finds)
    with pytest.raises(SystemExit) as left:
        main(["terms", "test", str(path), "--json"])
    assert (left.value.code or 0) == code
    assert json.loads(capfd.readouterr().out)["ok"] is (code == 0)
