"""Annotating a line: the contract of each hit and value, and offsets in whatever characters the line has."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.chart.annotate import Annotator
from extract.study.protocol import load
from flows.cli import main

ROOT = Path(__file__).parents[3]
STUDY = ROOT / "extract" / "study" / "templates" / "esr-pain"
ANNOTATOR = Annotator.of(load(STUDY / "study.toml"))
STATUSES = {"present", "negated", "historical", "family", "hypothetical", "resolved"}


@pytest.fixture
def annotated(capfd, tmp_path):
    """What ``cohortlock annotate --json`` says of a file of these bytes, line by line."""

    def run(content, *options):
        file = tmp_path / "notes.txt"
        file.write_bytes(content)
        with pytest.raises(SystemExit) as left:
            main(["annotate", str(file), "--study", str(STUDY), "--json", *options])
        out, err = capfd.readouterr()
        return int(left.value.code or 0), [json.loads(line) for line in out.splitlines()], err

    return run


def test_one_object_a_line_of_the_stable_shape(annotated):
    """Also for empty lines; a line ends at a line feed and nowhere else."""
    code, told, _ = annotated("无颈痛、肩痛和腰痛，VAS评分6～7分。\n\n腰痛\u2028消失\r\n若腰痛加重".encode())
    assert code == 0
    assert [one["line"] for one in told] == [1, 2, 3, 4]
    assert all(list(one) == ["line", "hits", "values"] for one in told)
    assert told[0]["hits"] == [
        {"term": "颈痛", "start": 1, "end": 3, "assertion": "negated", "cue": "无"},
        {"term": "肩痛", "start": 4, "end": 6, "assertion": "negated", "cue": "无"},
        {"term": "腰痛", "start": 7, "end": 9, "assertion": "negated", "cue": "无"},
    ]
    vas = {"variable": "vas", "value": 6.5, "low": 6, "high": 7, "unit": "cm", "start": 15, "end": 19}
    assert told[0]["values"] == [vas]
    assert told[1] == {"line": 2, "hits": [], "values": []}
    assert [hit["assertion"] for hit in told[2]["hits"]] == ["resolved"]
    assert [hit["assertion"] for hit in told[3]["hits"]] == ["hypothetical"]


@pytest.mark.parametrize(
    ("text", "term", "start", "assertion"),
    [
        ("𠮷😀腰痛3月", "腰痛", 2, "present"),
        ("ｅ\u0301\u200b腰痛（－）", "腰痛", 3, "negated"),
        ("\ufeff父亲有腰痛", "腰痛", 3, "family"),
        ("𬌗畸形，否认骨折", "骨折", 6, "negated"),
    ],
)
def test_offsets_are_characters_of_the_line(annotated, text, term, start, assertion):
    """Beyond the first plane a character is one; a byte order mark is none."""
    _, told, _ = annotated(text.encode())
    (hit,) = told[0]["hits"]
    assert (hit["term"], hit["start"], hit["end"], hit["assertion"]) == (term, start, start + 2, assertion)


def test_a_gbk_export_is_read_when_it_is_said(annotated):
    """...and otherwise refused by line and byte, never guessed."""
    raw = "颈痛\n无腰痛".encode("gb18030")
    assert [one["hits"][0]["assertion"] for one in annotated(raw, "--encoding", "gb18030")[1]] == [
        "present",
        "negated",
    ]
    code, _, err = annotated(raw)
    assert code == 21
    assert "line 1" in err
    assert annotated(raw, "--encoding", "klingon")[0] == 21


def test_a_file_that_is_not_there(capfd):
    with pytest.raises(SystemExit) as left:
        main(["annotate", "nowhere.txt", "--study", str(STUDY), "--json"])
    assert left.value.code == 19
    assert "nowhere.txt" in capfd.readouterr().err


def test_values_stand_only_where_they_are_asserted():
    """A number after 若 is none; a course is in months; a code has no bounds."""
    assert ANNOTATOR.annotate("若VAS评分7分以上随诊")["values"] == []
    found = {v["variable"]: v for v in ANNOTATOR.annotate("主诉：腰痛1年，加重1周。BMI 24.5kg/m²")["values"]}
    assert found["course_months"]["value"] == 12
    assert found["bmi"]["value"] == 24.5
    assert (found["pain_site"]["value"], found["pain_site"]["low"]) == (3, None)


@settings(max_examples=200)
@given(st.text(alphabet="无颈腰痛、，。VAS评分６7.~-/否认骨折若消失（）𠮷😀 \tESRD", max_size=80))
def test_every_span_lies_in_its_line(text):
    """...a hit's span is its term, a value's is not empty, and all stand in order."""
    told = ANNOTATOR.annotate(text)
    for hit in told["hits"]:
        assert text[hit["start"] : hit["end"]] == hit["term"]
        assert hit["assertion"] in STATUSES
        assert hit["cue"] in text
    for value in told["values"]:
        assert 0 <= value["start"] < value["end"] <= len(text)
        assert set(value) == {"variable", "value", "low", "high", "unit", "start", "end"}
    starts = [hit["start"] for hit in told["hits"]]
    assert starts == sorted(starts)


@pytest.mark.timeout(60)
def test_a_very_long_line_costs_its_length():
    """Twice the line takes about twice the time, also without a single full stop."""

    def seconds(repeats):
        begun = time.process_time()
        found = ANNOTATOR.annotate("患者腰痛VAS评分6分，无颈痛" * repeats)
        assert len(found["hits"]) == 2 * repeats
        return time.process_time() - begun

    seconds(50)
    assert seconds(1200) < 12 * max(seconds(300), 0.05)
