"""A site's own expectations: read from TOML and from a suite's JSON, refused with the line, told in keys."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extract.errors import ProtocolInvalid
from flows.cli.app import app
from validate.checks import CheckReport
from validate.checks.engine import load
from validate.checks.frames import build_frames
from validate.checks.own import _FORMS, own_faults, own_rules
from validate.checks.page import KINDS
from validate.checks.run import evaluate
from validate.lock.assemble import Cell

TOML = """# what our ward expects
[[check]]
id = "old"
expectation = "column_values_to_be_between"
column = "age"
min_value = 41
severity = "warning"
label = { zh = "四十以上", en = "over forty" }

[[check]]
id = "kinds"
expectation = "expect_column_values_to_not_be_in_set"
column = "kind"
value_set = [2]

[[check]]
id = "grown"
expectation = "column_pair_values_a_to_be_greater_than_b"
column_A = "height_t0"
column_B = "height_t1"
only = { column = "kind", value_set = [1] }
"""


@pytest.fixture
def results(tmp_path, protocol, draft_of, sound_cells, sound_facts):
    """Results by id of the site's files over the sound study with some cells changed."""

    def run(cells=(), **files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
        rules = own_rules(tmp_path, protocol)
        frames = build_frames(protocol, draft_of(sound_cells | dict(cells)), sound_facts)
        return {result.id: result for result in evaluate(rules, frames)}

    return run


def test_toml_is_checked_like_the_protocol(results, victim, canary):
    patient, name = victim
    found = results(
        {
            (patient, "age", ""): Cell(patient, "age", "", "77", method="m"),
            (patient, "kind", ""): Cell(patient, "kind", "", "2", method="m"),
            (patient, "height", "T1"): Cell(patient, "height", "T1", "9.9", method="m", day=28),
        },
        checks_toml=TOML,
    )
    assert {id_: (r.status, r.severity, r.rows) for id_, r in found.items()} == {
        "own.old": ("fail", "warning", 6),
        "own.kinds": ("fail", "error", 6),
        "own.grown": ("pass", "error", 5),
    }
    assert found["own.kinds"].keys == (name,)
    assert name not in found["own.old"].keys
    assert len(found["own.old"].keys) == 5
    assert found["own.old"].label.zh == "四十以上"
    assert {r.kind for r in found.values()} == {"own"} <= set(KINDS)
    assert canary not in repr(found) + str(CheckReport(tuple(found.values())).to_json())


def test_a_condition_that_no_row_meets_is_not_evaluated(results):
    found = results(checks_toml=TOML.replace("value_set = [1] }", "value_set = [9] }"))
    assert found["own.grown"].status == "not_evaluated"


def test_a_suite_that_great_expectations_wrote_is_read(results):
    """Written by the library itself, not by us."""
    library = load()
    expectations = library.expectations
    suite = library.ExpectationSuite(
        name="ward",
        expectations=[
            expectations.ExpectColumnValuesToBeBetween(column="age", min_value=18, max_value=39),
            expectations.ExpectColumnValuesToMatchRegex(
                column="spots", regex="^1", meta={"id": "spots", "label": {"zh": "斑", "en": "spots"}}
            ),
        ],
    )
    found = results(expectations_json=json.dumps(suite.to_json_dict(), indent=2))
    assert {id_: r.status for id_, r in found.items()} == {"own.gx_1": "fail", "own.spots": "pass"}
    assert len(found["own.gx_1"].keys) == 6


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('column = "age"', 'column = "aged"', 2, "no column 'aged'"),
        ("min_value = 41", 'min_value = "41"', 2, "min_value is a number"),
        ("min_value = 41\n", "", 2, "min_value or max_value is missing"),
        ("min_value = 41", "min_value = 41\nmostly = 0.9", 2, "'mostly' cannot be given"),
        ("to_be_between", "mean_to_be_between", 2, "names the rows which fail"),
        ('"warning"', '"fatal"', 2, "error or warning"),
        ('id = "kinds"', 'id = "old"', 10, "used twice"),
        ('id = "kinds"', 'id = "Kinds!"', 10, "lower-case"),
        ("value_set = [2]", "value_set = []", 10, "something in it"),
        ('column_A = "height_t0"', 'column_A = "spots"', 16, "spots is no number"),
        ('only = { column = "kind"', 'only = { column = "kin"', 16, "only = {"),
        ('[[check]]\nid = "grown"', '[[chek]]\nid = "grown"', 16, "'chek' is not known"),
        ("min_value = 41", "min_value = = 41", 6, "not valid TOML"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_line(tmp_path, protocol, old, new, line, words):
    (tmp_path / "checks.toml").write_text(TOML.replace(old, new, 1), encoding="utf-8")
    (fault,) = own_faults(tmp_path, protocol)
    assert (fault.file, fault.line) == ("checks.toml", line)
    assert words in fault.message
    with pytest.raises(ProtocolInvalid, match=f"checks.toml, line {line}:"):
        own_rules(tmp_path, protocol)


def test_a_faulty_suite_is_refused_with_its_line(tmp_path, protocol):
    wrong = {"column": "age", "min_value": 1, "row_condition": "kind == 1"}
    good = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "participant"}}
    listed = [good, {"type": "expect_column_values_to_be_between", "kwargs": wrong}]
    text = json.dumps({"expectations": listed}, indent=1)
    (tmp_path / "expectations.json").write_text(text, encoding="utf-8")
    (fault,) = own_faults(tmp_path, protocol)
    assert fault.line == next(n for n, one in enumerate(text.splitlines(), 1) if "to_be_between" in one)
    assert "row_condition" in fault.message
    (tmp_path / "expectations.json").write_text(text[:-1], encoding="utf-8")
    assert [f.message for f in own_faults(tmp_path, protocol)] == ["not valid JSON"]


def test_lint_names_the_file_and_the_line(tmp_path, study_file):
    """...of the site's own files, beside those of study.toml."""
    (tmp_path / "checks.toml").write_text(TOML.replace('"age"', '"aged"'), encoding="utf-8")
    found = CliRunner().invoke(app, ["lint", str(study_file.parent)])
    assert found.exit_code == ProtocolInvalid.code
    assert "checks.toml, line 2: error: old: the dataset has no column 'aged'" in found.output


def test_a_study_without_such_files_has_no_such_rules(tmp_path, protocol):
    assert own_rules(tmp_path, protocol) == ()


def test_every_expectation_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")
    said = set(re.findall(r"`(expect_\w+)`", text))
    said |= {
        f"expect_column_values_{rest}"
        for rest in ("to_not_be_in_set", "to_not_match_regex", "to_not_be_null")
    }
    assert set(_FORMS) <= said
