"""The pilot round, consistency and handover as pages and as JSON: who sees what, and when."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def pilot(prepared, tmp_path, open_desk):
    """A desk on a study that asks for a pilot of two cases; the round is drawn."""
    shutil.copytree(prepared, tmp_path / "copy")
    study = tmp_path / "copy" / "study" / "study.toml"
    text = study.read_text(encoding="utf-8")
    study.write_text(text.replace("cases = 20", "cases = 2"), encoding="utf-8")
    desk = open_desk(tmp_path / "copy")
    desk.pilot = desk.script("may").post("calibration/rounds").json()["rounds"][0]["cases"]
    yield desk
    desk.db.close()


def disputed(desk):
    """Both cases judged by both; they differ on one criterion of the first."""
    first, second = desk.pilot
    criterion = desk.db.protocol.exclude[0].id
    for name in ("ann", "bob"):
        assert desk.judge(name, second).status_code == 303
    assert desk.judge("ann", first).status_code == 303
    assert desk.judge("bob", first, **{criterion: "met"}).status_code == 303
    return first, criterion


def test_reviewers_see_the_pilot_and_nothing_else(pilot):
    """On the page, in JSON and by the number of another candidate; and the page says why."""
    other = next(n for n in pilot.numbers if n not in pilot.pilot)
    assert "Pilot round: only its cases" in pilot["ann"].get("/").text
    listed = pilot.script("ann").get("queue").json()["work"]["judge"]
    assert sorted(one["number"] for one in listed) == sorted(pilot.pilot)
    for refused in (
        pilot["ann"].get(f"/judge/{other}"),
        pilot.judge("ann", other),
        pilot.script("ann").get(f"candidates/{other}/judgement"),
        pilot.script("ann").put(f"candidates/{other}/drafts/I2", json={"verdict": "met"}),
    ):
        assert refused.status_code == 403
        assert "pilot" in refused.text


def test_a_disagreement_is_shown_when_it_is_settled_and_not_before(pilot):
    number, criterion = disputed(pilot)
    for name in ("may", "aud"):
        told = pilot.script(name).get("calibration").json()
        assert told["rounds"][0]["disagreements"] == []
        assert {one["what"] for one in told["lacking"]} == {"arbitration", "threshold"}
    ruling = {"request": "r", "criterion": criterion, "verdict": "not_met", "reason": "read again"}
    assert pilot.script("cat").post(f"candidates/{number}/arbitration", json=ruling).status_code == 204
    (one,) = pilot.script("aud").get("calibration").json()["rounds"][0]["disagreements"]
    assert (one["candidate"], one["criterion"], one["verdicts"]) == (number, criterion, ["met", "not_met"])
    page = pilot["may"].get("/calibration").text
    assert 'name="cause"' in page
    assert "ann" not in page.replace("cannot", "")
    assert 'name="cause"' not in pilot["aud"].get("/calibration").text


def test_from_the_first_round_to_the_open_gate_by_json(pilot):
    """...and what stands on the page afterwards; a note is text, whatever it looks like."""
    number, criterion = disputed(pilot)
    ruling = {"request": "r", "criterion": criterion, "verdict": "not_met", "reason": "read again"}
    pilot.script("cat").post(f"candidates/{number}/arbitration", json=ruling)
    may = pilot.script("may")
    cause = {"request": "c", "candidate": number, "criterion": criterion, "cause": "reader_error"}
    assert may.post("calibration/causes", json=cause | {"note": ""}).status_code == 422
    assert may.post("calibration/causes", json=cause | {"note": "x", "wording": "y"}).status_code == 403
    assert (
        may.post("calibration/causes", json=cause | {"note": "<script>alert(1)</script>"}).status_code == 204
    )
    assert may.post("calibration/gate", json={"request": "g"}).status_code == 403, "below, and no reason"
    opened = may.post("calibration/gate", json={"request": "g", "reason": "read together"}).json()
    assert (opened["open"], opened["met"], opened["reason"]) == (True, False, "read together")
    page = pilot["may"].get("/calibration").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    other = next(n for n in pilot.numbers if n not in pilot.pilot)
    assert pilot.judge("ann", other).status_code == 303


def test_a_page_s_form_does_what_the_json_does(pilot):
    number, criterion = disputed(pilot)
    form = {"request": "a", "criterion": criterion, "verdict": "not_met", "reason": "read again"}
    pilot["cat"].post(f"/arbitrate/{number}", data=form)
    named = {"request": "c", "candidate": str(number), "criterion": criterion, "cause": "true_ambiguity"}
    assert (
        pilot["may"].post("/calibration/cause", data=named | {"candidate": "²", "note": "n"}).status_code
        == 403
    )
    assert pilot["may"].post("/calibration/cause", data=named | {"note": "either way"}).status_code == 303
    assert "either way" in pilot["may"].get("/calibration").text
    assert pilot["may"].post("/calibration/draw").status_code == 303
    told = pilot.script("may").get("calibration").json()
    assert [one["number"] for one in told["rounds"]] == [1, 2]


def test_phrases_are_the_data_manager_s_and_reading_them_is_recorded(pilot):
    """An auditor sees the counts and no word of a chart."""
    for number in pilot.pilot:
        for name in ("ann", "bob"):
            pilot.judge(name, number)
    seen = pilot.script("may").get("consistency").json()
    assert isinstance(seen["phrases"], list)
    assert {one["rater"] for one in seen["raters"]} == {"machine", "codes"}
    assert all(len(one["thirds"]) == 3 for one in seen["drift"].values())
    before = [event for event in pilot.db.audit() if event["action"] == "phrases.read"]
    assert [event["actor"] for event in before] == ["may"]
    assert pilot.script("aud").get("consistency").json()["phrases"] is None
    assert pilot["aud"].get("/consistency").status_code == 200
    assert [event for event in pilot.db.audit() if event["action"] == "phrases.read"] == before


def test_a_judgement_made_at_the_desk_leaves_its_time_and_no_name(pilot):
    """The draft's time enters the study with the opinions; one form for all leaves none."""
    first, second = pilot.pilot
    reviewed = pilot.case(first).candidate.reviewed
    for name in ("ann", "bob"):
        pilot[name].get(f"/judge/{first}")
        for criterion in reviewed:
            pilot.script(name).put(f"candidates/{first}/drafts/{criterion}", json={"verdict": "met"})
        assert (
            pilot.script(name).post(f"candidates/{first}/opinions", json={"request": f"h{name}"}).status_code
            == 200
        )
        pilot.judge(name, second)
    pace = pilot.script("may").get("consistency").json()["pace"]
    assert {one["n"] for one in pace.values()} == {2}
    assert all(one["median"] is None for one in pace.values()), "two judgements are too few to show"


def test_open_work_is_handed_over_from_the_page(prepared, tmp_path, open_desk):
    shutil.copytree(prepared, tmp_path / "copy")
    desk = open_desk(tmp_path / "copy")
    desk.judge("ann", desk.numbers[0])
    told = desk.script("may").post("handovers", json={"reviewer": "ann", "reason": "on leave"}).json()
    assert told == {"moved": 0, "stuck": len(desk.numbers) - 1}, "the only other reviewer has the other place"
    assert "Hand over open work" in desk["may"].get("/owed").text
    sent = {"reviewer": "ann", "reason": " "}
    assert desk["may"].post("/owed/hand-over", data=sent).status_code == 403
    assert desk["may"].post("/owed/hand-over", data=sent | {"reason": "on leave"}).status_code == 303
    desk.db.close()
