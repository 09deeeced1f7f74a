"""What stays known of a record: every version in the order it was seen, and patients who left the search."""

from __future__ import annotations

from contextlib import closing

import pytest

from extract.errors import NotFound
from extract.his.history import history
from extract.his.landing import Landing
from extract.his.ledger import Ledger
from extract.his.pull import pull
from extract.his.records import TABLES
from validate.review.quoted import now_said

LAB = "lab:T1|1|1"
CORRECT = "UPDATE LAB_RESULT SET RESULT = '36', RESULT_DATE_TIME = '2022-03-09 10:00:00' WHERE TEST_NO = 'T1'"


def test_a_version_that_comes_back_and_a_record_that_goes_and_returns_are_all_told(study, change):
    """35, 36, 35 again, gone, and back: one line for each stretch, with the runs that began and ended it."""
    runs = [pull(study).run]
    change("UPDATE LAB_RESULT SET RESULT = '36' WHERE TEST_NO = 'T1'")
    runs += [pull(study).run, pull(study).run]
    change("UPDATE LAB_RESULT SET RESULT = '35' WHERE TEST_NO = 'T1'")
    runs.append(pull(study).run)
    change("UPDATE LAB_TEST_MASTER SET RESULT_STATUS = '1' WHERE TEST_NO = 'T1'")
    runs.append(pull(study).run)
    change("UPDATE LAB_TEST_MASTER SET RESULT_STATUS = '4' WHERE TEST_NO = 'T1'")
    runs.append(pull(study).run)
    seen = history(study.landing, LAB)
    assert [(one.values["raw_value"], one.run, one.last_run, one.gone) for one in seen] == [
        ("35", runs[0], runs[0], None),
        ("36", runs[1], runs[2], None),
        ("35", runs[3], runs[3], runs[4]),
        ("35", runs[5], runs[5], None),
    ]
    assert [one.changed for one in seen] == [(), ("raw_value",), ("raw_value",), ()]
    assert len({one.version for one in seen}) == 2
    times = [time for one in seen for time in (one.first_seen, one.last_seen)]
    assert times == sorted(times)


def test_the_changed_columns_are_named_and_the_time_of_the_change_is_none_of_them(study, change):
    pull(study)
    change(CORRECT)
    pull(study)
    assert history(study.landing, LAB)[1].changed == ("reported_at", "raw_value")


def test_values_are_told_only_where_they_are_asked_for(study):
    pull(study)
    (seen,) = history(study.landing, LAB)
    assert "values" not in seen.to_json(values=False)
    assert "'35'" not in str(seen.to_json(values=False))
    assert seen.to_json(values=True)["values"]["raw_value"] == "35"
    assert seen.to_json(values=True)["values"]["specimen_at"] == "2022-03-05 07:00:00"


@pytest.mark.parametrize("name", ["lab:T7|1|1", "nonsense", "lab:"])
def test_a_record_that_never_landed_is_not_found(study, name):
    pull(study)
    with pytest.raises(NotFound):
        history(study.landing, name)


def test_the_current_state_is_that_of_a_fresh_pull_when_somebody_left_the_search(
    study, hospital, studies, change, tmp_path
):
    """002 is followed on, but no part of the current state; back in the search, the chart is there again."""
    pull(study)
    for said in ("咳嗽", "颈痛3月"):
        change(f"UPDATE OUTP_MR SET ILLNESS_DESC = '{said}' WHERE PATIENT_ID = '002'")
        pull(study)
        fresh = studies(tmp_path / f"fresh-{said}", f"sqlite:///{hospital}")
        pull(fresh)
        assert Landing(study.landing).content_hashes() == Landing(fresh.landing).content_hashes()
        for table in TABLES:
            ours, theirs = (Landing(s.landing).current(table, []).column("record_id") for s in (study, fresh))
            assert ours.to_pylist() == theirs.to_pylist()
        followed = Landing(study.landing).current("patient", followed=True).column("patient_id").to_pylist()
        assert followed == ["001", "002", "003"]
    assert [one.values["text"][:6] for one in history(study.landing, "document:M|002|2023-05-06|7|1")] == [
        "【主诉】颈痛", "【主诉】咳嗽", "【主诉】颈痛",
    ]  # fmt: skip


def test_a_ledger_of_an_earlier_version_is_read_on(study):
    """Without the column that says who is followed on; nobody was."""
    pull(study)
    before = Landing(study.landing).content_hashes()
    ledger = Ledger(study.landing)
    ledger.query("DROP INDEX record_state")
    ledger.query("ALTER TABLE record DROP COLUMN followed")
    ledger.close()
    assert Landing(study.landing).content_hashes() == before


def test_what_a_quoted_record_says_now(study, change):
    """The current text of a note; nothing of one that is gone, never was, or is no text."""
    pull(study)
    note, lost = "document:J|F1", "document:M|002|2023-05-06|7|1"
    change("UPDATE JHMR_FILE_CONTENT_TEXT SET MR_CONTENT = '腰痛，ESR，改' WHERE FILE_UNIQUE_ID = 'F1'",
           "DELETE FROM OUTP_MR WHERE PATIENT_ID = '002'")  # fmt: skip
    pull(study)
    with closing(Landing(study.landing)) as landing:
        assert now_said(landing)([note, lost, LAB, "document:never"]) == {note: "腰痛，ESR，改"}
