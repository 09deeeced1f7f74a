"""The study database is checked in SQL: each rule finds its fault, on both databases, and as pandas finds it."""

import json
import random

import pandas as pd
import pytest
from sqlalchemy import create_engine, select

from extract.study.tables import (
    arbitration,
    candidate,
    candidate_state,
    decision,
    entry,
    resolution,
)
from sql import study_query
from validate.checks.page import KINDS
from validate.checks.results import CheckReport
from validate.checks.stored import check_stored, stored_rules

CANARY = "CANARY-7f3a9"
PATIENT = f"{CANARY}-1"
FIELD = {"variable": "score", "timepoint": "T0"}


class Writing:
    """Rows as no function of ours would write them: straight into the tables, each sealed in the audit."""

    def __init__(self, db):
        self.db, self.number = db, 0

    def add(self, table, **row):
        """One row; its id."""
        self.number += 1
        if "request_id" in table.c:
            row["request_id"] = f"r{self.number}"
        with self.db.writing("machine") as writer:
            return writer.append(table, "test.row", [row], subjects=["row/"])[0]["id"]

    def candidate(self, patient, hashes, auto=(), state="present"):
        """A candidate with these hashes of criteria."""
        with self.db.reading() as connection:
            there = connection.execute(select(candidate).where(candidate.c.patient_id == patient)).first()
        number = there.id if there else self.add(candidate, patient_id=patient, run="r")
        machine = {c: {"auto": c in auto, "reason": CANARY, "verdict": "met"} for c in hashes}
        texts = {
            "evidence_hash": "e", "criterion_hashes": json.dumps(hashes), "field_hashes": "{}",
            "machine_verdicts": json.dumps(machine), "machine_values": "[]",
        }  # fmt: skip
        self.add(candidate_state, patient_id=patient, state=state, run="r", protocol_hash="p", **texts)
        return number

    def opinion(self, slot, reviewer, verdict, evidence="h", patient=PATIENT, criterion="I2"):
        """An opinion."""
        return self.add(
            decision, patient_id=patient, criterion=criterion, slot=slot, reviewer=reviewer,
            verdict=verdict, reason=CANARY, evidence_hash=evidence,
        )  # fmt: skip

    def ruling(self, first, second, arbitrator, evidence="h", patient=PATIENT, criterion="I2"):
        """A ruling."""
        return self.add(
            arbitration, patient_id=patient, criterion=criterion, arbitrator=arbitrator, verdict="met",
            reason=CANARY, evidence_hash=evidence, first_decision=first, second_decision=second,
        )  # fmt: skip

    def entry(self, pass_, who, scaled=50, patient=PATIENT, evidence="f", **more):
        """An entry of the score."""
        value = {"raw": CANARY, "value": "" if scaled is None else str(scaled), "scaled": scaled}
        row = {**FIELD, **value, "evidence_hash": evidence, **more}
        return self.add(entry, patient_id=patient, abstractor=who, **{"pass": pass_}, **row)

    def resolution(self, first, second, who, scaled=50, patient=PATIENT, evidence="f", **more):
        """A resolution of the score."""
        row = {**FIELD, "scaled": scaled, "value": str(scaled), "evidence_hash": evidence, **more}
        return self.add(
            resolution, patient_id=patient, resolver=who, choice="third", reason=CANARY,
            first_entry=first, second_entry=second, **row,
        )  # fmt: skip


def sound(w):
    """A candidate whom two judged and entered, and a third settled what differed."""
    number = w.candidate(PATIENT, {"I1": "a", "I2": "h"}, auto={"I1"})
    w.ruling(w.opinion(1, "ann", "met"), w.opinion(2, "bob", "not_met"), "eve")
    w.resolution(w.entry(1, "tim"), w.entry(2, "tom", 60), "eve")
    w.entry(1, "tim", None, missing="not_done", timepoint="T1")
    return number


SEEDS = {
    "stored.verdict_evidence": lambda w: w.opinion(1, "ann", "met", evidence="", criterion="E1"),
    "stored.opinion_stands": lambda w: w.candidate(PATIENT, {"I1": "a", "I2": "changed"}, auto={"I1"}),
    "stored.two_reviewers": lambda w: w.opinion(2, "ann", "met"),
    "stored.two_passes": lambda w: w.entry(2, "tim", 70),
    "stored.third_arbitrator": lambda w: w.ruling(
        w.opinion(1, "cat", "met"), w.opinion(2, "dan", "not_met"), "dan"
    ),
    "stored.third_resolver": lambda w: w.resolution(w.entry(1, "kim"), w.entry(2, "lee", 70), "kim"),
    "stored.ruling_settles": lambda w: w.ruling(
        w.opinion(1, "cat", "met"), w.opinion(2, "dan", "met"), "eve"
    ),
    "stored.resolution_settles": lambda w: w.resolution(w.entry(1, "kim"), w.entry(2, "lee"), "eve"),
    "stored.score.range": lambda w: w.entry(1, "tim", 98765),
    "stored.score.missing_code": lambda w: w.entry(1, "tim", None, missing=CANARY),
    "stored.site.missing_code": lambda w: w.entry(
        1, "tim", None, missing=CANARY, variable="site", timepoint=""
    ),
}
"""Rule -> what breaks it and leaves every other whole."""


def results_of(db):
    with db.reading() as connection:
        return {result.id: result for result in check_stored(connection, db.protocol)}


def test_every_rule_has_a_seed_a_name_and_no_fault_on_sound_rows(db, small):
    assert {rule.id for rule in stored_rules(small)} == set(SEEDS)
    assert {rule.kind for rule in stored_rules(small)} <= set(KINDS)
    sound(Writing(db))
    statuses = {id_: result.status for id_, result in results_of(db).items()}
    assert statuses.pop("stored.site.missing_code") == "not_evaluated"
    assert set(statuses.values()) == {"pass"}


@pytest.mark.parametrize("check", sorted(SEEDS))
def test_a_rule_finds_its_fault_alone_and_tells_no_value(db, check):
    writing = Writing(db)
    number = sound(writing)
    SEEDS[check](writing)
    results = results_of(db)
    assert [id_ for id_, result in results.items() if result.status == "fail"] == [check]
    (key,) = results[check].keys
    assert key.startswith(f"candidate/{number}/")
    told = [repr(results), str(CheckReport(tuple(results.values())).to_json())]
    assert not [text for text in told if CANARY in text or "98765" in text]


def test_an_empty_database_is_not_evaluated(db):
    assert {result.status for result in results_of(db).values()} == {"not_evaluated"}


def test_a_database_that_cannot_answer_is_an_error_and_its_words_are_not_repeated(small):
    with create_engine("sqlite://").connect() as connection:
        results = check_stored(connection, small)
    assert {(r.status, r.detail) for r in results} == {("error", "the database could not evaluate it")}


def test_one_failing_statement_takes_no_other_with_it(db, monkeypatch):
    """On PostgreSQL an error ends the whole transaction, unless each has its own savepoint."""
    sound(Writing(db))
    from validate.checks import stored

    def broken(name):
        return "SELECT nowhere FROM entry" if name.endswith("/two_passes") else study_query(name)

    monkeypatch.setattr(stored, "study_query", broken)
    results = results_of(db)
    assert results["stored.two_passes"].status == "error"
    assert results["stored.third_resolver"].status == "pass"


def random_rows(writing, draw):
    """A history that no function of ours would write: people, evidence and verdicts by chance."""
    names, hashes = ["ann", "bob", "cat"], ["h", "i", ""]
    patients = [f"p{n}" for n in range(6)]
    for patient in [*patients, *draw.sample(patients, 3)]:
        judged = {c: draw.choice("hi") for c in draw.sample(["I1", "I2", "E1"], 2)}
        state = draw.choice(["present", "present", "vanished"])
        writing.candidate(patient, judged, auto=draw.sample(["I1", "I2"], 1), state=state)
    pairs = set()
    given, typed = [], []
    for _ in range(40):
        given.append(
            writing.opinion(
                draw.choice([1, 2]),
                draw.choice(names),
                draw.choice(["met", "not_met", "cannot_tell"]),
                draw.choice(hashes),
                draw.choice(patients),
                draw.choice(["I1", "I2", "E1"]),
            )
        )
        where = draw.choice([FIELD, {"variable": "site", "timepoint": ""}])
        said = draw.choice([{"scaled": 50}, {"scaled": 101}, {"scaled": -1}, {"scaled": 50, "comparator": "<"},
                            {"scaled": None, "missing": "not_done"}, {"scaled": None, "missing": "no"},
                            {"scaled": None, "value": "1;3"}])  # fmt: skip
        typed.append(
            writing.entry(
                draw.choice([1, 2]),
                draw.choice(names),
                patient=draw.choice(patients),
                **{"evidence": draw.choice(hashes), **where, **said},
            )
        )
        for made, settle in ((given, writing.ruling), (typed, writing.resolution)):
            pair = (draw.choice(made), draw.choice(made))
            if draw.random() < 0.5 and pair not in pairs:
                pairs.add(pair)
                settle(*pair, draw.choice(names), patient=draw.choice(patients), evidence=draw.choice(hashes))


def differ(one, other):
    """Whether two entries say different things."""
    if one["missing"] or other["missing"]:
        return one["missing"] != other["missing"]
    if one["comparator"] != other["comparator"]:
        return True
    if pd.isna(one["scaled"]) or pd.isna(other["scaled"]):
        return one["value"] != other["value"]
    return one["scaled"] != other["scaled"]


def standing_places(states, opinions, key):
    """(criterion of a candidate, place) -> whether an opinion is on the present evidence."""
    newest = states.sort_values("id").groupby("patient_id").last().to_dict("index")
    stands = {}
    for row in opinions:
        state = newest[row["patient_id"]]
        now = json.loads(state["criterion_hashes"]).get(row["criterion"])
        machine = json.loads(state["machine_verdicts"]).get(row["criterion"], {})
        if state["state"] == "present" and now is not None and not machine["auto"]:
            place = (key(row), row["slot"])
            stands[place] = stands.get(place, False) or row["evidence_hash"] == now
    return stands


def by_pandas(db):
    """The same rules in pandas and Python: rule -> (rows looked at, keys that fail)."""
    with db.reading() as connection:
        tables = {
            t.name: pd.read_sql(select(t), connection).astype(object)
            for t in (candidate, candidate_state, decision, arbitration, entry, resolution)
        }
    numbers = dict(zip(tables["candidate"]["patient_id"], tables["candidate"]["id"], strict=True))
    rows = {name: table.to_dict("records") for name, table in tables.items()}

    def key(row):
        place = row.get("criterion") or row["variable"] + (f"@{row['timepoint']}" if row["timepoint"] else "")
        return f"candidate/{numbers[row['patient_id']]}/{place}"

    def told(looked_at):
        looked_at = list(looked_at)
        return len(looked_at), {where for where, bad in looked_at if bad}

    def pairs(name, place, on, who):
        table = tables[name]
        both = table[table[place] == 1].merge(table[table[place] == 2], on=[*on, "evidence_hash"])
        return told((key(row), row[f"{who}_x"] == row[f"{who}_y"]) for row in both.to_dict("records"))

    opinion = {row["id"]: row for row in rows["decision"]}
    made = {row["id"]: row for row in rows["entry"]}
    rulings = [(r, opinion[r["first_decision"]], opinion[r["second_decision"]]) for r in rows["arbitration"]]
    settled = [(r, made[r["first_entry"]], made[r["second_entry"]]) for r in rows["resolution"]]

    def same(names, *three):
        return all(len({row[name] for row in three}) == 1 for name in names)

    stands = standing_places(tables["candidate_state"], rows["decision"], key)
    field, judged = ("patient_id", "variable", "timepoint"), ("patient_id", "criterion")
    typed = rows["entry"] + rows["resolution"]

    def coded(variable):
        legal = {"not_documented", "not_done"} if variable == "score" else {"not_documented"}
        return told(
            (key(r), r["missing"] not in legal) for r in typed if r["missing"] and r["variable"] == variable
        )

    return {
        "stored.verdict_evidence": told(
            (key(r), not r["evidence_hash"]) for r in rows["decision"] + rows["arbitration"]
        ),
        "stored.opinion_stands": told((place[0], not there) for place, there in stands.items()),
        "stored.two_reviewers": pairs("decision", "slot", judged, "reviewer"),
        "stored.two_passes": pairs("entry", "pass", field, "abstractor"),
        "stored.third_arbitrator": told(
            (key(r), r["arbitrator"] in {a["reviewer"], b["reviewer"]}) for r, a, b in rulings
        ),
        "stored.third_resolver": told(
            (key(r), r["resolver"] in {a["abstractor"], b["abstractor"]}) for r, a, b in settled
        ),
        "stored.ruling_settles": told(
            (key(r), not ((a["slot"], b["slot"]) == (1, 2) and a["verdict"] != b["verdict"]
                          and same((*judged, "evidence_hash"), r, a, b)))
            for r, a, b in rulings
        ),
        "stored.resolution_settles": told(
            (key(r), not ((a["pass"], b["pass"]) == (1, 2) and differ(a, b)
                          and same((*field, "evidence_hash"), r, a, b)))
            for r, a, b in settled
        ),
        "stored.score.range": told(
            (key(r), not 0 <= r["scaled"] <= 100)
            for r in typed
            if r["variable"] == "score" and not pd.isna(r["scaled"])
        ),
        "stored.score.missing_code": coded("score"),
        "stored.site.missing_code": coded("site"),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_on_any_history_the_database_finds_what_pandas_finds(db, seed):
    random_rows(Writing(db), random.Random(seed))
    expected = by_pandas(db)
    found = {id_: (result.rows, set(result.keys)) for id_, result in results_of(db).items()}
    assert found == expected
    assert sum(bool(keys) for _, keys in expected.values()) >= 8
