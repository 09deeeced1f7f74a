"""The careful reading: right on every chart that was placed, and nobody else passes."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.synthetic import hospital, reading_text, roster, scoring
from extract.synthetic.cases import CHANGES
from extract.synthetic.dice import Dice
from extract.synthetic.reading import CRITERIA, read
from extract.synthetic.spine import course_text, score_text

PAIN = re.compile("颈痛|肩痛|腰痛|腰腿痛")
ESR = re.compile("ESR(?![D1])")


def failing(verdicts: dict[str, str]) -> list[str]:
    return [name for name in CRITERIA if (verdicts[name] == "met") != name.startswith("I")]


def test_every_placed_chart_fails_exactly_what_the_truth_says(demo):
    """Planted charts fail nothing; a decoy fails its criterion and no other; several, all of theirs."""
    for one in demo.placed:
        reading = read(demo.charts[one["patient_id"]], datetime.fromisoformat(one["t0"]))
        assert failing(reading.verdicts) == [name for name in one["fails"] if name != "search"], one["kind"]
        assert reading.eligible == (set(one["fails"]) <= {"search"})


@pytest.mark.parametrize("seed", [1, 2])
def test_the_reading_is_right_whatever_the_seed(tmp_path, seed, canonical):
    """Other dice, other words: still every placed chart is read as it is."""
    hospital.build(tmp_path / "his.db", patients=roster.FULL, seed=seed, truth=tmp_path / "truth.json")
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    charts = canonical(tmp_path / "his.db")
    for one in truth["planted"] + truth["decoys"]:
        reading = read(charts[one["patient_id"]], date.fromisoformat(one["t0"]))
        assert failing(reading.verdicts) == [name for name in one["fails"] if name != "search"], one["kind"]


def test_double_entered_values_are_read_as_they_are(demo):
    """Course, sites, both scores and adverse events, as an abstractor would type them."""
    for one in demo.placed:
        read_values = read(demo.charts[one["patient_id"]], date.fromisoformat(one["t0"])).values
        true = one["values"]
        for key, name in ((("course_months", ""), "course_months"), (("vas", "T0"), "vas_t0")):
            assert same(read_values[key], true[name]), (one["kind"], key)
        assert read_values["pain_site", ""] == ";".join(map(str, true["pain_site"]))
        if 21 <= one["t1_day"] <= 35:
            assert same(read_values["vas", "T1"], true["vas_t1"])
            assert read_values["adverse_event", ""] == ";".join(map(str, true["adverse_event"]))
        else:
            assert read_values["vas", "T1"] == ""


def same(typed: str, true: str | None) -> bool:
    return typed == "" if true is None else typed != "" and Decimal(typed) == Decimal(true)


def test_each_single_criterion_has_decoys_that_fail_it_alone(demo):
    """At least six of each kind; those of a value at T0 cannot but fail the missing-data rule too."""
    kinds = Counter((one["kind"], tuple(one["fails"])) for one in demo.truth["decoys"])
    together = {
        "I3.esr": ("I3", "E4"),
        "I3.crp": ("I3", "E4"),
        "E4.vas_t0": ("I2", "E4"),
    }
    for kind in CHANGES:
        if not kind.startswith("near."):
            assert kinds[kind, together.get(kind, (kind.partition(".")[0],))] >= 6, kind
    several = [one for one in demo.truth["decoys"] if one["kind"] == "several"]
    assert len(several) == roster.SEVERAL
    assert sum(len(one["fails"]) > 1 for one in several) > 140


def matches(path: Path) -> dict[str, date]:
    """Patient -> first day in the search window of a visit with a pain word and ESR, generously linked."""
    connection = sqlite3.connect(path)
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    began: dict[tuple[str, str], str] = {}
    for patient, on, visit, text in connection.execute(
        "SELECT PATIENT_ID, VISIT_DATE, 'O' || VISIT_DATE, coalesce(ILLNESS_DESC, '') || coalesce(ANAMNESIS, '')"
        " || coalesce(FAMILY_ILL, '') || coalesce(MED_HISTORY, '') || coalesce(BODY_EXAM, '')"
        " || coalesce(DIAG_DESC, '') FROM OUTP_MR"
        " UNION ALL SELECT PATIENT_ID, ADMISSION_DATE_TIME, 'I' || v.VISIT_ID, MR_CONTENT FROM PAT_VISIT v"
        " JOIN JHMR_FILE_INDEX i USING (PATIENT_ID) JOIN JHMR_FILE_CONTENT_TEXT USING (FILE_UNIQUE_ID)"
        " WHERE i.VISIT_ID = CAST(v.VISIT_ID AS TEXT) AND DELETE_FLAG = '0'"
    ):
        texts[patient, visit].append(text)
        began[patient, visit] = on
    labs = defaultdict(list)
    for patient, at in connection.execute(
        "SELECT PATIENT_ID, coalesce(SPCM_SAMPLE_DATE_TIME, SPCM_RECEIVED_DATE_TIME) FROM LAB_TEST_MASTER"
        " JOIN LAB_RESULT USING (TEST_NO) WHERE RESULT_STATUS = '4' AND REPORT_ITEM_NAME LIKE '%ESR%'"
    ):
        labs[patient].append(date.fromisoformat(at[:10]))
    connection.close()
    found: dict[str, date] = {}
    for (patient, visit), parts in texts.items():
        on = date.fromisoformat(began[patient, visit][:10])
        text = "".join(parts)
        near = any(on - timedelta(days=1) <= lab <= on + timedelta(days=7) for lab in labs[patient])
        in_window = date(2022, 1, 1) <= on <= date(2025, 4, 30)
        if in_window and PAIN.search(text) and (near or ESR.search(text)):
            found[patient] = min(found.get(patient, on), on)
    return found


def test_nobody_but_the_ninety_is_eligible_among_those_who_match(demo):
    """Every patient of the hospital with a matching visit is read from that visit; only the planted pass."""
    first = matches(demo.path)
    planted = {one["patient_id"]: one["t0"] for one in demo.truth["planted"]}
    eligible = {patient for patient, t0 in first.items() if read(demo.charts[patient], t0).eligible}
    assert eligible == set(planted)
    assert {patient: t0.isoformat() for patient, t0 in first.items() if patient in planted} == planted
    ordinary = set(first) - {one["patient_id"] for one in demo.placed}
    assert len(ordinary) > 10


def test_hidden_spellings_are_eligible_and_do_not_match_literally(demo):
    """ESRD, ESR1, full width, 血沉 only: nothing but the literal search keeps these patients out."""
    first = matches(demo.path)
    hidden = [one for one in demo.truth["decoys"] if one["fails"] == ["search"]]
    assert len(hidden) >= 4 * 6
    assert not {one["patient_id"] for one in hidden} & set(first)


def test_mentions_that_are_no_pain_of_the_patient_match_and_fail(demo):
    """Negated, family, historical and questionnaire mentions hit the search, and fail I2 for a stated reason."""
    first = matches(demo.path)
    near = [one for one in demo.truth["decoys"] if one["kind"].startswith("near.") and "I2" in one["fails"]]
    assert len(near) >= 4 * 6
    for one in near:
        assert first[one["patient_id"]].isoformat() == one["t0"]
        assert read(demo.charts[one["patient_id"]], first[one["patient_id"]]).verdicts["I2"] == "not_met"


def test_an_empty_chart_is_read_as_missing_everything():
    reading = read({}, date(2023, 1, 1))
    assert failing(reading.verdicts) == ["I1", "I2", "I3", "I4", "E4"]
    assert set(reading.values.values()) == {""}


@given(st.integers(1, 1200), st.integers())
def test_a_course_is_read_back_exactly(halves, seed):
    """Whatever way the doctor writes a length of time, the reader gets the same months."""
    months = Decimal(halves) / 2
    if months >= 1:
        assert reading_text.course(f"反复腰痛{course_text(months, Dice(seed))}，加重3天。") == months


@given(st.integers(0, 100), st.integers(0, 6))
def test_a_score_is_read_back_exactly(tenths, habit):
    value = Decimal(tenths).scaleb(-1)
    assert reading_text.score(f"外院治疗前VAS评分9分，现{score_text(value, habit)}。") == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("患者1年前无明显诱因出现腰痛", ["腰痛"]),
        ("无颈痛、腰痛", []),
        ("否认颈痛，腰痛明显", ["腰痛"]),
        ("SAS量表：8.我因头痛、颈痛和背痛而烦恼（1分），总分36分。", []),
        ("未见异常；腰痛", ["腰痛"]),
    ],
)
def test_denials_end_with_their_clause(text, found):
    assert reading_text.asserted(text, ("颈痛", "腰痛")) == found


def test_the_score_counts_who_is_missing_and_who_should_not_be_there(demo, tmp_path):
    """Precision and recall with names, and wrong inclusions by what they fail."""
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(demo.truth), encoding="utf-8")
    planted = [one["patient_id"] for one in demo.truth["planted"]]
    perfect = scoring.score(file, planted)
    assert (perfect["precision"], perfect["recall"], perfect["missed"]) == (1.0, 1.0, [])
    decoy = next(one for one in demo.truth["decoys"] if one["kind"] == "E2.glucocorticoid")
    flawed = scoring.score(file, [*planted[1:], decoy["patient_id"], "00000000"])
    assert flawed["precision"] == 89 / 91
    assert flawed["recall"] == 89 / 90
    assert flawed["missed"] == [planted[0]]
    assert flawed["wrongly_included"] == {"E2": 1, "ordinary": 1}
    assert scoring.score(file, [])["precision"] is None
