"""A pull of the hand-made hospital: who is a candidate, what is landed, what a second pull sees."""

from __future__ import annotations

import json
from datetime import datetime

import pyarrow as pa
import pytest

from extract.errors import NotFound, NotReady
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.his.records import SCHEMAS


def landed(study, table):
    return {row["record_id"]: row for row in Landing(study.landing).current(table).to_pylist()}


def counts(report, table):
    return {name: n for name, n in report.records[table].items() if n}


def rejected(report):
    return {(row["table"], row["reason"]): row["count"] for row in report.rejected}


def test_candidates_are_visits_that_may_satisfy_the_search(study):
    """001 has both words in one note; 004's result was not released.

    002's test stands under the number that was merged into it, and has no visit: it counts for every
    visit of the person.
    """
    report = pull(study)
    assert Landing(study.landing).candidates().to_pylist() == [
        {"visit_id": "I|001|1", "patient_id": "001", "window": "2022"},
        {"visit_id": "O|2023-05-06|7", "patient_id": "002", "window": "2023"},
    ]
    assert report.candidates == 2


def test_whole_charts_are_landed_with_where_they_came_from(study):
    report = pull(study)
    assert set(landed(study, "patient")) == {"patient:001", "patient:002", "patient:003"}
    lab = landed(study, "lab")["lab:T1|1|1"]
    assert (lab["raw_value"], lab["visit_id"], lab["source_table"]) == ("35", "I|001|1", "LAB_RESULT")
    assert lab["specimen_at"] == datetime(2022, 3, 5, 7)  # noqa: DTZ001
    assert lab["run"] == report.run
    assert landed(study, "lab")["lab:T2|1|1"]["visit_id"] is None
    note = landed(study, "document")["document:M|002|2023-05-06|7|1"]
    assert note["text"].startswith("【主诉】颈痛3月")
    assert "【既往史】体健" in note["text"]
    assert landed(study, "document")["document:J|F1"]["text"] == "【主诉】腰痛半年。\n查ESR 35mm/h"
    assert {row["name"] for row in landed(study, "medication").values()} == {"塞来昔布胶囊"}
    assert [row["raw_value"] for row in landed(study, "scale").values()] == ["6.5"]
    assert landed(study, "patient")["patient:003"]["merged_into"] == "002"


def test_landed_tables_have_the_canonical_types(study):
    pull(study)
    for table, schema in SCHEMAS.items():
        current = Landing(study.landing).current(table)
        assert current.schema.names[: len(schema)] == schema.names
        assert current.select(schema.names).schema.types == schema.types
        assert current.column("first_seen").type == pa.timestamp("s")


def test_what_no_mapping_can_deliver_is_counted(study):
    found = rejected(pull(study))
    assert found["lab", "result_without_request"] == 1
    assert found["lab", "request_without_patient"] == 1
    assert found["lab", "result_not_released"] == 1
    assert found["document", "deleted_document"] == 1
    assert found["medication", "voided_order"] == 1
    assert found["visit", "refunded_registration"] == 1
    assert found["lab", "no_visit"] == 1


def test_the_top_of_the_funnel_counts_persons_not_numbers(study, change):
    change(
        "INSERT INTO CLINIC_MASTER (VISIT_DATE, VISIT_NO, PATIENT_ID) VALUES ('2024-01-01 00:00:00', 1, '003')"
    )
    pull(study)
    assert Landing(study.landing).window_totals() == {"patients": 3, "visits": 4}


def test_visits_that_no_search_can_reach_are_counted(study, change):
    """A visit without a patient, and one without a date, stand outside every window."""
    change("UPDATE CLINIC_MASTER SET PATIENT_ID = NULL WHERE VISIT_NO = 8",
           "UPDATE PAT_VISIT SET ADMISSION_DATE_TIME = NULL")  # fmt: skip
    found = rejected(pull(study))
    assert found["visit", "without_patient"] == 1
    assert found["visit", "without_date"] == 1
    assert Landing(study.landing).window_totals() == {"patients": 1, "visits": 2}


def test_a_chain_of_mergers_is_one_chart(study, change):
    change("INSERT INTO PAT_MASTER_INDEX (PATIENT_ID) VALUES ('005'), ('006')",
           "INSERT INTO PAT_ID_MERGE (PATIENT_ID, INTO_PATIENT_ID) VALUES ('005', '003'), ('006', '005')")  # fmt: skip
    pull(study)
    assert set(landed(study, "patient")) == {f"patient:00{n}" for n in (1, 2, 3, 5, 6)}


def test_a_second_pull_without_change_writes_nothing(study):
    pull(study)
    files = {file: file.stat().st_mtime_ns for file in (study.landing / "records").rglob("*")}
    before = Landing(study.landing).content_hashes()
    report = pull(study)
    assert {name for row in report.records.values() for name, n in row.items() if n} == {"unchanged"}
    assert {file: file.stat().st_mtime_ns for file in (study.landing / "records").rglob("*")} == files
    assert Landing(study.landing).content_hashes() == before


def test_new_changed_and_gone_are_told_apart_and_every_version_is_kept(study, change):
    first = pull(study)
    change("UPDATE LAB_RESULT SET RESULT = '36' WHERE TEST_NO = 'T1'",
           "DELETE FROM VITAL_SIGNS_REC",
           "INSERT INTO LAB_RESULT (TEST_NO, ITEM_NO, PRINT_ORDER, REPORT_ITEM_NAME, RESULT)"
           " VALUES ('T1', 2, 1, 'C反应蛋白', '<0.5')")  # fmt: skip
    second = pull(study)
    assert counts(second, "lab") == {"new": 1, "changed": 1, "unchanged": 1}
    assert counts(second, "scale") == {"gone": 1}
    versions = Landing(study.landing).versions("lab:T1|1|1").to_pylist()
    assert [(row["raw_value"], row["run"]) for row in versions] == [("35", first.run), ("36", second.run)]
    assert landed(study, "lab")["lab:T1|1|1"]["raw_value"] == "36"
    assert landed(study, "scale") == {}
    gone = "scale:001|2022-03-04 08:30:00|疼痛评分"
    assert Landing(study.landing).versions(gone).num_rows == 1


def test_a_value_that_is_changed_back_is_no_third_version(study, change):
    pull(study)
    change("UPDATE LAB_RESULT SET RESULT = '36' WHERE TEST_NO = 'T1'")
    pull(study)
    change("UPDATE LAB_RESULT SET RESULT = '35' WHERE TEST_NO = 'T1'")
    assert counts(pull(study), "lab") == {"changed": 1, "unchanged": 1}
    assert landed(study, "lab")["lab:T1|1|1"]["raw_value"] == "35"
    assert Landing(study.landing).versions("lab:T1|1|1").num_rows == 2


def test_a_touched_row_is_unchanged(study, change):
    pull(study)
    change("UPDATE LAB_RESULT SET RESULT_DATE_TIME = NULL",
           "UPDATE JHMR_FILE_INDEX SET LAST_MODIFY_DATE_TIME = '2026-01-01 00:00:00'")  # fmt: skip
    assert counts(pull(study), "document") == {"unchanged": 2}


def test_a_patient_who_leaves_the_search_is_followed_so_that_the_change_is_seen(study, change):
    pull(study)
    change("UPDATE OUTP_MR SET ILLNESS_DESC = '咳嗽' WHERE PATIENT_ID = '002'")
    report = pull(study)
    assert report.candidates == 1
    assert counts(report, "document") == {"changed": 1, "unchanged": 1}
    assert counts(report, "patient") == {"unchanged": 3}


def test_a_key_that_comes_twice_is_kept_once_and_counted(study, change):
    change("DROP INDEX PK_LAB_RESULT", "INSERT INTO LAB_RESULT SELECT * FROM LAB_RESULT WHERE TEST_NO = 'T1'")
    assert rejected(pull(study))["lab", "repeated_key"] == 1
    change("UPDATE LAB_RESULT SET RESULT = '99' WHERE rowid = (SELECT MAX(rowid) FROM LAB_RESULT)")
    report = pull(study)
    assert rejected(report)["lab", "contradicted_key"] == 1
    assert landed(study, "lab")["lab:T1|1|1"]["raw_value"] in {"35", "99"}
    assert counts(pull(study), "lab") == {"unchanged": 2}


def test_a_time_that_cannot_be_read_is_null_and_counted(study, change):
    change("UPDATE LAB_TEST_MASTER SET SPCM_SAMPLE_DATE_TIME = '2022-13-45 99:00' WHERE TEST_NO = 'T1'")
    assert rejected(pull(study))["lab", "unreadable_specimen_at"] == 1
    assert landed(study, "lab")["lab:T1|1|1"]["specimen_at"] is None


def test_small_batches_land_the_same(study, hospital, studies, tmp_path):
    pull(study)
    limits = 'key_batch = 1\nbatch_rows = 1\nwindow = "month"'
    small = studies(tmp_path / "small", f"sqlite:///{hospital}", limits=limits)
    pull(small)
    assert Landing(small.landing).content_hashes() == Landing(study.landing).content_hashes()


def test_counting_queries_can_be_declined(hospital, studies, tmp_path):
    """...and then the reasons are listed as not counted, not left out."""
    shy = studies(tmp_path / "shy", f"sqlite:///{hospital}", limits="count_scans = false")
    assert rejected(pull(shy))["lab", "result_without_request"] is None


def test_an_absent_table_is_said_to_be_absent(hospital, studies, tmp_path):
    report = pull(studies(tmp_path / "less", f"sqlite:///{hospital}", 'absent = ["scale"]'))
    assert rejected(report)["scale", "declared_absent"] is None
    assert counts(report, "scale") == {}


def test_progress_only_goes_forward_and_the_report_is_json(study):
    told = []
    report = pull(study, progress=lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("done", 1.0)
    shape = json.loads(json.dumps(report.to_json()))
    assert set(shape) == {
        "run", "mode", "asked", "windows", "records", "candidates", "rejected", "late", "seconds", "load_report",
    }  # fmt: skip
    assert {row["state"] for row in shape["windows"]} == {"done"}


def test_a_landing_store_without_a_finished_pull_says_so(study):
    with pytest.raises(NotReady, match="nothing has been pulled"):
        Landing(study.landing)
    pull(study)
    with pytest.raises(NotFound, match="lab:nope"):
        Landing(study.landing).versions("lab:nope")
