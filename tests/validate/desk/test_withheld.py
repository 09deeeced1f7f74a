"""Patients who declined and records that the law keeps back: before nobody, in no chart, and counted."""

from __future__ import annotations

import pytest

from extract.chart.screening import Screening
from extract.errors import SiteInvalid
from validate.review import queue
from validate.review.withheld import Withheld, withheld


def keep_back(desk, *lines):
    """Write the study's list."""
    text = "\n".join(["what,which,why", *(",".join(line) for line in lines)])
    (desk.folder.root / "withheld.csv").write_text(text + "\n", encoding="utf-8")


@pytest.fixture
def apart(desk):
    """A desk whose charts are its own, so that its list is read for no other test."""
    desk.room.charts = type(desk.room.charts)(desk.folder)
    return desk


def everything(desk, number) -> str:
    """What a reviewer gets of a candidate, page and JSON."""
    chart = desk.script("ann").get(f"candidates/{number}/chart").text
    return desk["ann"].get(f"/judge/{number}").text + chart


def test_a_record_that_is_kept_back_is_in_no_chart_and_counted(apart):
    """...one by its id, a kind of document, and a whole department with its visits."""
    number = apart.numbers[0]
    before = apart.script("ann").get(f"candidates/{number}/chart").json()
    assert before["kept_back"] == 0
    notes = [note for visit in before["visits"] for note in visit["notes"]]
    by_id, by_kind = notes[0], notes[-1]
    department = next(v["department"] for v in before["visits"] if v["department"])
    keep_back(apart, ("record", by_id["record_id"], "court"))
    assert by_id["record_id"] not in everything(apart, number)
    assert apart.script("ann").get(f"candidates/{number}/chart").json()["kept_back"] == 1
    assert "Records kept from this study by law: 1" in apart["ann"].get(f"/judge/{number}").text
    criterion = apart.case(number).candidate.reviewed[0]
    quote = {"record_id": by_id["record_id"], "start": 0, "end": 1, "text": by_id["text"][:1]}
    told = {"verdict": "met", "quotes": [quote]}
    refused = apart.script("ann").put(f"candidates/{number}/drafts/{criterion}", json=told)
    assert refused.status_code == 403, "nor can it be quoted"
    keep_back(apart, ("document", by_kind["title"], "law"), ("department", department, "law"))
    after = apart.script("ann").get(f"candidates/{number}/chart").json()
    left = [note for visit in after["visits"] for note in visit["notes"]]
    assert by_kind["title"] not in {note["title"] for note in left}
    assert department not in {visit["department"] for visit in after["visits"]}
    kept = {note["record_id"] for note in left}
    gone = {note["record_id"] for note in notes} - kept
    assert after["kept_back"] >= len(gone) > 0
    assert not [record for record in gone if record in everything(apart, number)]
    assert not [e for found in after["evidence"].values() for e in found if e["record_id"] in gone]


def test_a_patient_who_declined_comes_before_nobody(apart):
    """The chart at once, the queue at the next run; what was said of them stands in the audit, and all is counted."""
    number = apart.numbers[0]
    patient = apart.case(number).candidate.patient_id
    apart.judge("ann", number)
    keep_back(apart, ("patient", patient, "declined"))
    assert apart["ann"].get(f"/judge/{number}").status_code == 403
    assert apart.script("ann").get(f"candidates/{number}/chart").status_code == 403
    assert "declined and are shown to nobody: 1" in apart["may"].get("/owed").text
    listed = withheld(apart.folder).patients
    counts = queue.enqueue(apart.db, apart.db.protocol, Screening.load(apart.folder), "run2", withheld=listed)
    assert (counts["vanished"], counts["declined"], counts["new"]) == (1, 1, 0)
    assert f"/judge/{number}" not in apart["ann"].get("/").text
    assert apart["ann"].get(f"/judge/{number}").status_code == 404
    assert not apart.case(number).candidate.present
    assert apart.case(apart.numbers[1]).candidate.present
    for name in ("ann", "cat", "dan", "may"):
        assert apart.script(name).get(f"candidates/{number}/chart").status_code == 404
    exported = apart["aud"].get("/audit/export?action=queue.updated").text
    assert '""declined"":1' in exported
    (apart.folder.root / "withheld.csv").unlink()
    back = queue.enqueue(apart.db, apart.db.protocol, Screening.load(apart.folder), "run3")
    assert (back["changed"], back["declined"], back["new"]) == (1, 0, 0), (
        "consent given after all: the work done stands"
    )
    assert apart["ann"].get(f"/judge/{number}").status_code == 200


def test_a_list_that_cannot_be_read_lets_nothing_pass(apart):
    """...and says which line, never who stands in it."""
    file = apart.folder.root / "withheld.csv"
    assert withheld(apart.folder) == Withheld()
    for text, said in (
        ("patient;CANARY", "line 1"),
        ("what,which,why\npatient,CANARY,x\nperson,CANARY,x", "line 3"),
        ("what,which,why\npatient,,CANARY", "line 2"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SiteInvalid, match=said) as wrong:
            withheld(apart.folder)
        assert "CANARY" not in str(wrong.value)
        answer = apart["ann"].get(f"/judge/{apart.numbers[0]}")
        assert answer.status_code == 409
        assert "CANARY" not in answer.text
    file.write_text("what,which,why\npatient,P1,declined\n\n", encoding="utf-8-sig")
    assert withheld(apart.folder).patients == {"P1"}
