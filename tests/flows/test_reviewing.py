"""``cohortlock assign`` and ``cohortlock calibration``: a study's reviewers get their work, and the pilot comes first."""

from __future__ import annotations

import json

import pytest

from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.tables import candidate, candidate_state
from flows.demo import write_study
from validate.review import accounts
from validate.review.cases import cases
from validate.review.decisions import Given, arbitrate, decide_all

TEAM = {"ann": "reviewer", "bob": "reviewer", "cat": "arbitrator", "may": "data_manager"}


@pytest.fixture
def queued(tmp_path):
    """A study with 25 candidates in its queue, as a screening would leave them, and people."""
    write_study(tmp_path / "study", his="sqlite:///nowhere.db")
    folder = StudyFolder.at(tmp_path / "study")
    with StudyDatabase.open(folder, folder.protocol()) as db:
        for name, role in TEAM.items():
            accounts.add(db, accounts.MACHINE, account_id=name, name=name.title(), role=role)
        people = [f"p{n}" for n in range(25)]
        hashes = json.dumps({c.id: f"h{c.id}" for c in db.protocol.criteria})
        said = {"verdict": "unknown", "auto": False, "reason": "", "evidence": []}
        state = {
            "state": "present",
            "run": "r",
            "protocol_hash": db.protocol.hash,
            "evidence_hash": "e",
            "criterion_hashes": hashes,
            "field_hashes": "{}",
            "machine_verdicts": json.dumps({c.id: said for c in db.protocol.criteria}),
            "machine_values": "[]",
        }
        with db.writing("machine") as writer:
            writer.append(
                candidate,
                "candidate.new",
                [{"patient_id": p, "run": "r"} for p in people],
                subjects=["candidate/"] * len(people),
            )
            writer.append(
                candidate_state,
                "candidate.present",
                [{"patient_id": p, **state} for p in people],
                subjects=["candidate/"] * len(people),
            )
    return folder


def judge_pilot(folder, numbers, differing=()):
    """Both judge every case of the pilot; the arbitrator settles where they differ."""
    with StudyDatabase.open(folder, folder.protocol()) as db:
        with db.reading() as connection:
            team = accounts.active(connection)
            held = {c.candidate.id: c.candidate for c in cases(connection).values()}
        for number in numbers:
            one = held[number]
            for who in ("ann", "bob"):
                turned = number in differing and who == "bob"
                given = [
                    Given(c, "not_met" if turned and c == one.reviewed[0] else "met") for c in one.reviewed
                ]
                decide_all(db, team[who], one.patient_id, given, request_id=f"{who}{number}")
            if number in differing:
                arbitrate(
                    db,
                    team["cat"],
                    one.patient_id,
                    one.reviewed[0],
                    "met",
                    reason="read again",
                    request_id=f"a{number}",
                )


def test_the_first_assignment_draws_the_pilot_and_the_next_one_does_not(queued, cohortlock):
    first = cohortlock("assign", queued.root, "--json")
    assert (first.code, first.json) == (0, {"assigned": 25, "pilot": 20, "open": False})
    assert cohortlock("assign", queued.root, "--json").json == {"assigned": 0, "pilot": 20, "open": False}
    told = cohortlock("calibration", queued.root, "--json").json
    assert told["declared"]["cases"] == 20
    assert [(one["what"], one["count"]) for one in told["lacking"]] == [("opinions", 20)]
    assert "nothing else is judged" in cohortlock("assign", queued.root).out


def test_without_a_pilot_everything_is_open(queued, cohortlock):
    assert cohortlock("assign", queued.root, "--no-pilot", "--json").json == {
        "assigned": 25,
        "pilot": 0,
        "open": True,
    }
    assert cohortlock("calibration", queued.root, "--json").json["lacking"][0]["what"] == "round"


def test_the_pilot_by_the_command_line(queued, cohortlock, monkeypatch):
    """Two of twenty differ on one criterion: coded, then opened with a reason; each refusal has its own code."""
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    cohortlock("assign", queued.root)
    numbers = cohortlock("calibration", queued.root, "--json").json["rounds"][0]["cases"]
    judge_pilot(queued, numbers, numbers[:2])
    act = ("calibration", queued.root)
    assert cohortlock(*act, "open", "--by", "may").code == 22, "not ready"
    assert cohortlock(*act, "open").code == 2, "who acts must be said"
    assert cohortlock(*act, "open", "--by", "nobody").code == 19, "unknown account"
    told = cohortlock(*act, "--json").json
    (first, second) = told["rounds"][0]["disagreements"]
    where = ("--candidate", first["candidate"], "--criterion", first["criterion"], "--note", "overlooked")
    assert cohortlock(*act, "cause", "--by", "ann", *where, "--cause", "reader_error").code == 21, (
        "not her role"
    )
    assert cohortlock(*act, "cause", "--by", "may", *where, "--cause", "guideline_gap").code == 21, (
        "no wording"
    )
    assert cohortlock(*act, "cause", "--by", "may", *where, "--cause", "reader_error").code == 0
    again = ("--candidate", second["candidate"], "--criterion", second["criterion"], "--note", "either way")
    coded = cohortlock(*act, "cause", "--by", "may", *again, "--cause", "true_ambiguity", "--json").json
    assert [one["what"] for one in coded["lacking"]] == ["threshold"]
    assert cohortlock(*act, "open", "--by", "may").code == 21, "below the threshold, and no reason"
    opened = cohortlock(*act, "open", "--by", "may", "--reason", "read together", "--json").json
    assert opened["open"] is True
    assert (opened["gate"]["met"], opened["gate"]["author"]) == (False, "may")
    assert [one["n"] for one in opened["drift"]["I2"]["thirds"]] == [7, 7, 6]
    assert opened["pace"]["I2"] == {"n": 0, "interrupted": 0, "median": None, "low": None, "high": None}
    assert {one["unknown"] for one in opened["raters"] if one["criterion"] == "I2"} == {20}
    said = cohortlock(*act).out
    assert "0.900" in said
    assert "true_ambiguity" in said
    assert "overlooked" not in said + json.dumps(opened["rounds"]), "counts and verdicts, no words of anybody"
