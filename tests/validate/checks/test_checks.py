"""Each kind of check fails on what it is for, names the row and not the value, and is not evaluated on nothing."""

import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.study.protocol import Label
from validate.checks import CheckReport, Facts, Step, Verdict, Waiver, engine
from validate.checks.failing import evaluated, failing
from validate.checks.frames import build_frames
from validate.checks.results import waive
from validate.checks.rules import Rule, compile_rules
from validate.checks.run import evaluate, run
from validate.lock.assemble import Cell


def test_a_sound_study_passes_every_check_that_has_something_to_look_at(results_of):
    statuses = {r.id: r.status for r in results_of().values()}
    assert set(statuses.values()) == {"pass", "not_evaluated"}
    assert all(id_.endswith(".missing_code") for id_, status in statuses.items() if status == "not_evaluated")


def seeded(victim, variable, timepoint, **changes):
    """The victim's cell with a fault."""
    patient, _ = victim
    cell = Cell(patient, variable, timepoint, method="m", day=28 if timepoint == "T1" else 0)
    return {(patient, variable, timepoint): replace(cell, **changes)}


@pytest.mark.parametrize(
    ("check", "variable", "timepoint", "changes"),
    [
        ("height_t0.type", "height", "T0", {"value": "6.25"}),
        ("age.type", "age", "", {"value": "4O"}),
        ("spots.type", "spots", "", {"value": "1;x"}),
        ("age.range", "age", "", {"value": "81"}),
        ("age.range", "age", "", {"value": "17"}),
        ("height_t0.range", "height", "T0", {"value": "10.1"}),
        ("height_t0.warn_range", "height", "T0", {"value": "9.1"}),
        ("kind.legal", "kind", "", {"value": "3"}),
        ("spots.legal", "spots", "", {"value": "1;3"}),
        ("sap_t0.missing_code", "sap", "T0", {"missing": "illegible"}),
        ("height_t0.missing_code", "height", "T0", {"missing": "not_entered"}),
        ("height_t0.not_null", "height", "T0", {"missing": "not_documented"}),
        ("height_t1.window", "height", "T1", {"value": "2.5", "day": 36}),
        ("height_t0.window", "height", "T0", {"value": "6.5", "day": -4}),
        ("height.order", "height", "T1", {"value": "2.5", "day": 0}),
        ("height_t1.dated", "height", "T1", {"value": "2.5", "day": None}),
    ],
)
def test_a_fault_in_a_value_is_found_and_its_participant_named(
    results_of, victim, check, variable, timepoint, changes
):
    result = results_of(seeded(victim, variable, timepoint, **changes), only=check)[check]
    assert (result.status, result.keys) == ("fail", (victim[1],))


def changed(name, value):
    """A wide table whose third row says something else in one column."""

    def change(wide):
        values = wide.column(name).to_pylist()
        values[2] = value
        number = wide.schema.get_field_index(name)
        return wide.set_column(
            number, wide.schema.field(name), pa.array(values, wide.schema.field(name).type)
        )

    return change


@pytest.mark.parametrize(
    ("check", "column", "value"),
    [
        ("height_delta.recomputed", "height_delta", Decimal("4.0")),
        ("height_delta.recomputed", "height_delta", None),
        ("height_relief.recomputed", "height_relief", Decimal("0.615386")),
        ("responder.recomputed", "responder", 0),
        ("responder.recomputed", "responder", None),
        ("age.as_recorded", "age", 41),
        ("sap_t0.as_recorded", "sap_t0", Decimal("0.6")),
        ("participants.unique", "participant", "P001"),
    ],
)
def test_a_changed_cell_of_the_wide_table_is_found(results_of, check, column, value):
    result = results_of(wide=changed(column, value), only=check)[check]
    assert result.status == "fail"
    assert result.keys == (("P001",) if column == "participant" else ("P003",))


def test_a_below_limit_value_is_recomputed_by_the_protocols_rule(results_of, victim):
    cells = seeded(victim, "sap", "T0", value="0.5", comparator="<")
    assert results_of(cells)["sap_t0.as_recorded"].status == "pass"


def test_verdicts_entries_units_and_the_funnel_are_checked(results_of, victim, sound_facts):
    patient, name = victim
    place = (patient, "height", "T1")

    def verdicts(**changes):
        return {
            "verdicts": tuple(
                replace(v, **changes) if (v.patient_id, v.criterion) == (patient, "I1") else v
                for v in sound_facts.verdicts
            )
        }

    cases = [
        ({"entries": sound_facts.entries | {place: "open"}}, "height_t1.double_entry", name),
        ({"entries": {}}, "height_t1.double_entry", name),
        ({"units": sound_facts.units | {(patient, "sap", "T0"): "unknown"}}, "sap_t0.unit", name),
        (verdicts(final=None), "verdicts.final", f"{name}/I1"),
        (verdicts(final="cannot_tell"), "verdicts.final", f"{name}/I1"),
        (verdicts(final="not_met"), "verdicts.eligible", f"{name}/I1"),
        (verdicts(sealed=False), "verdicts.sealed", f"{name}/I1"),
        (verdicts(evidence=0), "verdicts.evidence", f"{name}/I1"),
        ({"verdicts": ()}, "verdicts.final", f"{name}/E1"),
        ({"funnel": (Step("a", 10, 10, 0, 0), Step("b", 6, 8, 3, 2))}, "funnel.patients", "b"),
        ({"funnel": (Step("a", 10, 10, 0, 0), Step("b", 6, 8, 4, 1))}, "funnel.visits", "b"),
        ({"funnel": (Step("a", 10, 10, 0, 0), Step("b", 7, 8, 3, 2))}, "funnel.participants", "b"),
    ]
    for facts, check, key in cases:
        result = results_of(facts=facts, only=check)[check]
        assert result.status == "fail", check
        assert key in result.keys, check


def test_two_long_rows_of_one_place_are_found(protocol, rules, draft_of, sound_cells, sound_facts):
    draft = draft_of(sound_cells)
    draft = replace(draft, long=pa.concat_tables([draft.long, draft.long.slice(3, 1)]))
    results = {r.id: r for r in evaluate(rules, build_frames(protocol, draft, sound_facts))}
    assert results["long.unique"].keys == ("P001/height/T0",)


def test_nothing_is_not_a_pass(protocol, rules, draft_of):
    """Great Expectations passes on zero rows and on columns without a value; we do not."""
    results = evaluate(rules, build_frames(protocol, draft_of({}), Facts()))
    assert {r.status for r in results} == {"not_evaluated"}


def test_a_column_without_a_value_is_not_a_pass_and_missing_is_still_a_failure(results_of, sound_cells):
    gone = {
        place: replace(cell, value=None, missing="not_documented")
        for place, cell in sound_cells.items()
        if place[1:] == ("sap", "T0")
    }
    results = results_of(gone)
    for check in ("type", "range", "as_recorded"):
        assert results[f"sap_t0.{check}"].status == "not_evaluated"
    assert results["sap_t0.not_null"].status == "fail"
    assert len(results["sap_t0.not_null"].keys) == 6
    assert results["sap_t0.missing_code"].status == "pass"


def test_a_missing_column_is_an_error_and_cannot_be_waived(
    rules, protocol, draft_of, sound_cells, sound_facts
):
    frames = dict(build_frames(protocol, draft_of(sound_cells), sound_facts))
    frames["participants"] = frames["participants"].drop(columns="age:recorded")
    results = evaluate(rules, frames)
    waived = waive(results, [Waiver("age.range", "ann", "now", "because")])
    assert next(r for r in waived if r.id == "age.range").status == "error"
    assert not CheckReport(waived).ok


def test_a_waiver_covers_its_rows_only_and_says_who_when_and_why(results_of, sound_cells):
    old = {p: replace(c, value="90") for p, c in list(sound_cells.items()) if p[1] == "age"}
    failed = results_of(old, only="age.range")["age.range"]
    assert len(failed.keys) == 6
    some = Waiver("age.range", "ann", "2024-05-01T08:00Z", "known to the sponsor", frozenset(failed.keys[:5]))
    rest = replace(some, who="bo", keys=frozenset(failed.keys[5:]))
    assert waive([failed], [some])[0].status == "fail"
    waived = waive([failed], [some, rest])[0]
    assert waived.status == "waived"
    assert waive([failed], [replace(some, keys=frozenset())])[0].waiver.who == "ann"
    assert waived.to_json()["waived"] == {
        "who": "bo",
        "when": "2024-05-01T08:00Z",
        "why": "known to the sponsor",
    }
    assert "why" not in waived.to_json(inside=False)["waived"]
    assert CheckReport((waived,)).ok
    assert not CheckReport((failed,)).ok


def test_a_warning_does_not_block(results_of, victim):
    results = results_of(seeded(victim, "height", "T0", value="9.1"))
    assert results["height_t0.warn_range"].status == "fail"
    assert CheckReport(tuple(results.values())).ok


def test_results_hold_keys_and_no_value(results_of, victim, canary):
    patient, _ = victim
    cells = {
        (patient, "spots", ""): Cell(patient, "spots", "", canary, method="m"),
        (patient, "age", ""): Cell(patient, "age", "", "98765", method="m"),
        (patient, "kind", ""): Cell(patient, "kind", "", missing=canary, method="m"),
    }
    report = CheckReport(tuple(results_of(cells).values()))
    failed = {r.id for r in report.of_status("fail")}
    assert {"spots.type", "age.range", "kind.missing_code"} <= failed
    for told in (str(report.to_json()), str(report.to_json(inside=False)), repr(report)):
        assert canary not in told
        assert "98765" not in told


LABEL = Label(zh="甲", en="a")
numbers = st.none() | st.integers(-3, 3).map(float)
texts = st.none() | st.sampled_from(["1", "1;2", "x", "", "12"])
EXPECTATIONS = [
    ("expect_column_values_to_be_between", {"column": "a", "min_value": -1, "max_value": 2}, ("a",)),
    ("expect_column_values_to_be_between", {"column": "a", "min_value": 1}, ("a",)),
    ("expect_column_values_to_be_in_set", {"column": "a", "value_set": [0, 1, 2]}, ("a",)),
    ("expect_column_values_to_be_in_set", {"column": "t", "value_set": ["1", "x"]}, ("t",)),
    ("expect_column_values_to_not_be_in_set", {"column": "a", "value_set": [0, 1, 2]}, ("a",)),
    ("expect_column_values_to_match_regex", {"column": "t", "regex": r"^\d+(;\d+)*$"}, ("t",)),
    ("expect_column_values_to_not_match_regex", {"column": "t", "regex": r"^\d+(;\d+)*$"}, ("t",)),
    ("expect_column_values_to_be_unique", {"column": "a"}, ("a",)),
    ("expect_column_values_to_not_be_null", {"column": "a"}, ("key",)),
    ("expect_compound_columns_to_be_unique", {"column_list": ["t", "u"]}, ("key",)),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "a", "column_B": "b", "ignore_row_if": "both_values_are_missing"},
        ("a", "b"),
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "a", "column_B": "b", "ignore_row_if": "either_value_is_missing"},
        ("a", "b"),
    ),
]
RULES = [
    Rule(f"r{number}", "k", "error", "long", name, arguments, LABEL, looks_at)
    for number, (name, arguments, looks_at) in enumerate(EXPECTATIONS)
]


@given(st.lists(st.tuples(numbers, numbers, texts, st.sampled_from("pq")), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_engine_and_the_search_for_failing_rows_agree(rows):
    """Great Expectations says whether, pandas says where: on any data the two must be of one mind."""
    frame = pd.DataFrame(rows, columns=["a", "b", "t", "u"]).astype(
        {"a": float, "b": float, "t": object, "u": object}
    )
    frame["key"] = [str(n) for n in range(len(frame))]
    due = [rule for rule in RULES if evaluated(rule, frame)]
    said = engine.verdicts(frame, due)
    assert said == {rule.id: not failing(rule, frame) for rule in due}


def test_the_suite_names_every_column_and_has_no_id_twice(protocol, rules):
    ids = [rule.id for rule in rules]
    assert len(ids) == len(set(ids))
    assert {rule.kind for rule in rules} >= {
        "type", "range", "warn_range", "legal_values", "missing_code", "unique", "not_null", "time_order",
        "window", "delta", "relief", "responder", "double_entry", "reconciled", "funnel", "unit", "evidence",
    }  # fmt: skip
    assert all(rule.label.zh and rule.label.en for rule in rules)
    assert compile_rules(protocol) == rules


def test_a_run_is_quick_quiet_and_writes_nothing(
    protocol, draft_of, sound_cells, sound_facts, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    # The library likes to make folders for its Data Docs in the temporary folder, too.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    report = run(protocol, draft_of(sound_cells), sound_facts)
    assert report.ok
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert report.seconds < 10


def test_importing_the_checks_does_not_load_the_engine():
    code = "import sys, validate.checks; print('great_expectations' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_responder_of_open_tests_stays_open(protocol, draft_of, sound_cells, sound_facts, victim):
    """A missing last value leaves the answer open, in the data and in its recomputation alike."""
    patient, name = victim
    cells = sound_cells | {
        (patient, "height", "T1"): Cell(patient, "height", "T1", missing="not_documented", method="m")
    }
    frame = build_frames(protocol, draft_of(cells), sound_facts)["participants"].set_index("key")
    assert np.isnan(frame.loc[name, "responder"])
    assert np.isnan(frame.loc[name, "responder:recomputed"])


def test_a_verdict_of_somebody_else_does_not_count(results_of, sound_facts):
    others = tuple(
        Verdict("stranger", v.criterion, v.final, sealed=True, evidence=1) for v in sound_facts.verdicts
    )
    assert results_of(facts={"verdicts": others})["verdicts.final"].status == "fail"


def test_every_kind_of_check_is_documented(rules):
    text = (Path(__file__).parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")
    assert {rule.kind for rule in rules} <= set(re.findall(r"`(\w+)`", text))
