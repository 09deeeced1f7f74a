"""Screening on charts of a few rows: each rule of selection and judgement, once, where nothing else moves."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from extract.chart import screens
from extract.chart.screening import Screening
from extract.errors import NotFound, NotReady
from extract.study.folder import StudyFolder


def moment(day):
    """Day n of 2023, at 08:00; day 0 is the last of 2022."""
    return datetime(2022, 12, 31, 8) + timedelta(days=day)  # noqa: DTZ001 - naive by contract


def test_an_eligible_patient_passes_everything(rows, screened):
    """...with every value, its record and its day; only the judged criterion stays unknown."""
    rows.eligible()
    found = screened()
    assert found.candidate()["state"] == "screened_in"
    assert found.candidate()["bits"] == 0b1111111
    assert [found.verdict(c) for c in ("I1", "I2", "I3")] == ["met"] * 3
    assert [found.verdict(c) for c in ("E1", "E2", "E3")] == ["not_met"] * 3
    assert found.verdict("E4") == "unknown"
    assert found.value("age")["value"] == "42"
    assert found.value("sex")["value"] == "1"
    assert found.value("place")["value"] == "1"
    score = found.value("score", "T1")
    assert (score["value"], score["scaled"], score["day"], score["record_id"]) == (
        "3.0",
        30,
        28,
        "document:p-n1",
    )
    assert found.value("ige", "T0")["method"] == "lab:IgE"


def test_every_quote_stands_in_its_record_at_its_offsets(rows, screened):
    rows.eligible()
    shown = screened().evidence()
    texts = {row["record_id"]: row for table in rows.rows.values() for row in table}
    assert {e["kind"] for e in shown} == {"keyword", "criterion", "value"}
    for e in shown:
        assert str(texts[e["record_id"]][e["field"]])[e["start"] : e["end"]] == e["quote"]


def test_a_visit_needs_both_terms_and_a_look_alike_is_no_hit(rows, screened):
    rows.eligible()
    rows.rows["lab"].clear()
    rows.lab("x", 1, "1", "p-v0", name="IgE抗体谱")
    assert screened().screening.candidates.num_rows == 0


def test_a_visit_outside_the_search_dates_is_no_anchor(rows, screened):
    rows.eligible()
    rows.visit("old", -40).note("old-n", -40, "瘙痒", "old").lab("old-l", -40, "5", "old")
    assert screened().candidate()["t0_visit_id"] == "p-v0"


def test_the_anchor_is_the_first_matched_visit_even_if_its_only_mention_is_negated(rows, screened):
    """Negated mentions are a layer to filter by, never a silent deletion; they are marked."""
    rows.eligible()
    rows.visit("later", 5).note("later-n", 5, "瘙痒。", "later").lab("later-l", 5, "5", "later")
    found = screened()
    assert found.candidate()["t0_visit_id"] == "p-v0"
    matches = {m["visit_id"]: m for m in found.screening.matches.to_pylist()}
    assert matches["p-v0"]["negated_only"] is False
    rows.drop("document:p-n0")
    rows.note("p-n0", 1, "否认瘙痒。", "p-v0")
    found = screened()
    assert found.candidate()["t0_visit_id"] == "p-v0"
    matches = {m["visit_id"]: m for m in found.screening.matches.to_pylist()}
    assert matches["p-v0"]["matched"] is True
    assert matches["p-v0"]["negated_only"] is True
    assert matches["later"]["negated_only"] is False


def test_a_result_without_a_visit_is_linked_by_the_rule_and_the_link_recorded(rows, screened):
    rows.eligible().lab("far", 200, "9")
    links = {r["record_id"]: (r["visit_id"], r["how"]) for r in screened().screening.links.to_pylist()}
    assert links["lab:p-l0"] == ("p-v0", "derived")
    assert links["document:p-n0"] == ("p-v0", "source")
    assert links["lab:far"] == (None, "none")


def test_merged_patients_are_one_patient(rows, screened):
    """The chart of the old id counts for the surviving one."""
    rows.eligible()
    rows.patient("old", merged_into="p")
    for row in rows.rows["lab"]:
        row["patient_id"] = "old"
    found = screened()
    assert found.screening.candidates["patient_id"].to_pylist() == ["p"]
    assert found.value("ige", "T0")["value"] == "120.0"


def test_of_a_corrected_result_the_latest_report_counts(rows, screened):
    rows.eligible().lab("fix", 1, "99", reported=3)
    assert screened().value("ige", "T0")["value"] == "99.0"
    rows.lab("spoilt", 1, "溶血", reported=4)
    found = screened()
    assert found.value("ige", "T0")["status"] == "missing"
    assert found.verdict("I3") == "unknown"
    assert found.candidate()["state"] == "auto_excluded"


@pytest.mark.parametrize(
    ("raw", "unit", "value", "comparator"),
    [("<2", "IU/mL", "2.0", "<"), ("120↑", "kIU/L", "120.0", ""), ("12", "mg/L", "", ""), ("12", "", "", "")],
)
def test_a_result_keeps_its_comparator_and_an_unknown_unit_gives_no_value(
    rows, screened, raw, unit, value, comparator
):
    rows.eligible()
    rows.drop("lab:p-l0")
    rows.lab("x", 1, raw, unit=unit)
    found = screened().value("ige", "T0")
    assert (found["value"], found["comparator"]) == (value, comparator)


def test_a_scale_comes_before_the_note(rows, screened):
    rows.eligible()
    rows.add(
        "scale",
        "s",
        patient_id="p",
        visit_id="p-v0",
        name="瘙痒评分",
        measured_at=moment(1),
        raw_value="8/10",
    )
    found = screened().value("score", "T0")
    assert (found["value"], found["method"]) == ("8.0", "scale:score")


@pytest.mark.parametrize(
    ("born", "verdict", "state"),
    [
        (date(2010, 1, 1), "not_met", "auto_excluded"),
        (None, "unknown", "screened_in"),
    ],
)
def test_only_a_certain_automatic_criterion_excludes(rows, screened, born, verdict, state):
    rows.eligible()
    rows.rows["patient"][0]["birth_date"] = born
    found = screened()
    assert found.verdict("I1") == verdict
    assert found.candidate()["state"] == state


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("瘙痒评分7分", "met"),
        ("瘙痒评分3分", "not_met"),
        ("瘙痒评分3-5分", "unknown"),
        ("瘙痒评分4-5分", "met"),
        ("瘙痒评分1-3分", "not_met"),
        ("瘙痒评分未评", "unknown"),
    ],
)
def test_a_range_that_could_do_either_is_unknown(rows, screened, text, verdict):
    rows.eligible()
    rows.drop("document:p-n0")
    rows.note("p-n0", 1, f"瘙痒。{text}。", "p-v0")
    assert screened().verdict("I2") == verdict


@pytest.mark.parametrize(
    ("day", "modality", "verdict"),
    [
        (2, "超声", "met"),
        (30, "彩色超声", "met"),
        (-60, "超声", "unknown"),
        (60, "超声", "not_met"),
        (2, "SUSPECT", "not_met"),
    ],
)
def test_imaging_counts_from_the_window_to_the_last_timepoint(rows, screened, day, modality, verdict):
    rows.eligible()
    rows.rows["imaging"].clear()
    rows.add("imaging", "i", patient_id="p", modality=modality, performed_at=moment(day))
    assert screened().verdict("I3") == verdict


@pytest.mark.parametrize(
    ("day", "code", "name", "verdict"),
    [
        (1, "C34.900", "肺癌", "met"),
        (1, "M47.8;C34.9", "颈椎病；肺癌", "met"),
        (1, "C34.9", "肺癌？", "unknown"),
        (-100, "C34.9", "肺癌", "unknown"),
        (20, "C34.9", "肺癌", "unknown"),
        (60, "C34.9", "肺癌", "not_met"),
        (1, "D34", "良性肿瘤", "not_met"),
    ],
)
def test_a_diagnosis_is_certain_only_now_and_without_a_doubt(rows, screened, day, code, name, verdict):
    rows.eligible()
    rows.add("diagnosis", "d", patient_id="p", code=code, name=name, diagnosed_at=moment(day))
    assert screened().verdict("E1") == verdict


@pytest.mark.parametrize(
    ("day", "text", "verdict"),
    [
        (1, "诊断：恶性肿瘤。", "met"),
        (1, "否认恶性肿瘤。", "not_met"),
        (1, "父亲患恶性肿瘤。", "not_met"),
        (1, "既往史：恶性肿瘤。", "unknown"),
        (1, "恶性肿瘤待排。", "unknown"),
        (1, "鉴别诊断：恶性肿瘤多见于老年。", "not_met"),
        (-100, "诊断：恶性肿瘤。", "unknown"),
        (60, "诊断：恶性肿瘤。", "not_met"),
    ],
)
def test_a_word_in_a_note_excludes_only_when_it_is_true_of_the_patient_now(
    rows, screened, day, text, verdict
):
    """What is denied is still shown as evidence."""
    rows.eligible().note("x", day, text)
    found = screened()
    assert found.verdict("E1") == verdict
    if day == 1:
        assert any(e["record_id"] == "document:x" for e in found.evidence(criterion="E1"))


@pytest.mark.parametrize(
    ("start", "end", "verdict"),
    [
        (-30, None, "met"),
        (-88, None, "met"),
        (-91, None, "not_met"),
        (-200, -10, "met"),
        (5, None, "unknown"),
        (60, None, "not_met"),
    ],
)
def test_a_drug_counts_when_taken_within_the_days_before(rows, screened, start, end, verdict):
    """Begun after the anchor it may be the treatment itself: a person decides."""
    rows.eligible()
    rows.add(
        "medication",
        "m",
        patient_id="p",
        name="醋酸泼尼松片",
        started_at=moment(start),
        ended_at=moment(end) if end else None,
    )
    assert screened().verdict("E2") == verdict


def test_the_same_content_gives_the_same_bytes_whatever_the_order_of_rows(rows, screened, tmp_path):
    for patient in ("p", "q"):
        rows.eligible(patient)
    folders = []
    for name in ("a", "b"):
        folder = StudyFolder(tmp_path / name)
        screened().screening.save(folder)
        folders.append(folder)
        for table in rows.rows.values():
            table.reverse()
    for file in sorted(path.name for path in folders[0].screen.iterdir()):
        assert (folders[0].screen / file).read_bytes() == (folders[1].screen / file).read_bytes()
    assert Screening.load(folders[0]).tables == screened().screening.tables


def test_a_screening_that_was_cut_short_is_not_read(rows, screened, tmp_path):
    rows.eligible()
    folder = StudyFolder(tmp_path)
    with pytest.raises(NotReady):
        Screening.load(folder)
    screened().screening.save(folder)
    rows.lab("more", 2, "7")
    other = StudyFolder(tmp_path / "other")
    screened().screening.save(other)
    (folder.screen / "links.parquet").write_bytes((other.screen / "links.parquet").read_bytes())
    with pytest.raises(NotReady, match="links"):
        Screening.load(folder)


def test_the_evidence_hash_changes_with_the_evidence_and_with_nothing_else(rows, screened):
    """...and only for the criterion whose evidence changed."""
    rows.eligible("p").eligible("q")
    before = screened().screening
    for row in rows.rows["document"]:
        row["version"] = "v2"
        row["text"] = "患者神志清。" + row["text"]
    same = screened().screening
    assert same.evidence_hash("p") == before.evidence_hash("p")
    rows.note("x", 1, "诊断：恶性肿瘤。", patient="p")
    after = screened().screening
    assert after.evidence_hash("p", "E1") != before.evidence_hash("p", "E1")
    assert after.evidence_hash("p", "I2") == before.evidence_hash("p", "I2")
    assert after.evidence_hash("q") == before.evidence_hash("q")
    with pytest.raises(NotFound):
        before.evidence_hash("nobody")


def test_the_tables_have_the_promised_columns(rows, screened):
    """Also when nothing has landed."""
    for tables in (screened().screening.tables, screened().screening.tables):
        for name, schema in screens.SCHEMAS.items():
            assert tables[name].schema.equals(schema)
            assert tables[name].num_rows == 0
