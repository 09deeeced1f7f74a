"""Two opinions and a ruling become one verdict, two entries one value; what is missing is said, and by whom owed."""

from __future__ import annotations

import pytest
from sqlalchemy import BigInteger, Connection, Integer, text

from extract.errors import NotReady
from extract.study.audit import verify_chain
from extract.study.tables import TABLES, audit_event
from validate.entry.entries import Typed, enter_all, resolve
from validate.reconcile import Reconciled, finished, reconcile
from validate.review import queue
from validate.review.decisions import Given, arbitrate, decide_all


def judge(db, who, patient, **verdicts):
    verdicts = {"I2": "met", "E1": "not_met", "E2": "not_met"} | verdicts
    given = [Given(criterion, verdict) for criterion, verdict in verdicts.items()]
    decide_all(db, who, patient, given, request_id=f"{who.id}-{patient}")


@pytest.fixture
def worked(queued, people):
    """P1 eligible after a ruling, p2 not; values typed with one difference that is settled."""
    judge(queued, people.first, "p1")
    judge(queued, people.second, "p1", E1="met")
    judge(queued, people.first, "p2", E2="met")
    judge(queued, people.second, "p2", E2="met")
    arbitrate(queued, people.third, "p1", "E1", "not_met", reason="old", request_id="a")
    typed = [Typed("score", "T0", "5"), Typed("score", "T1", "2.5"), Typed("site", raw="1;3")]
    enter_all(queued, people.typist, "p1", typed, pass_=1, request_id="t1")
    typed[1] = Typed("score", "T1", "2", record_id="document:other")
    enter_all(queued, people.retypist, "p1", typed, pass_=2, request_id="t2")
    resolve(queued, people.manager, "p1", "score", "T1", "second", reason="note", request_id="r")
    return queued


def test_the_tables_show_each_step_beside_the_result(worked, small):
    found = reconcile(worked, small)
    rows = {(r["patient_id"], r["criterion"]): r for r in found.verdicts.to_pylist()}
    assert len(rows) == 8
    settled = rows["p1", "E1"]
    assert {settled["first"], settled["second"]} == {"met", "not_met"}
    assert (settled["arbitrated"], settled["arbitrated_by"], settled["final"]) == (
        "not_met",
        "arb1",
        "not_met",
    )
    assert settled["concordant"] is False
    assert rows["p1", "I1"]["auto"]
    assert rows["p1", "I1"]["first"] is None
    assert rows["p1", "I1"]["final"] == "met"
    assert found.final_verdicts["p2", "E2"] == "met"
    assert found.eligible == ("p1",)
    assert found.protocol_hash == small.hash


def test_values_carry_their_lineage(worked, small):
    """The machine's place where people found the same, the record they pointed at, or nothing: never a guess."""
    found = reconcile(worked, small)
    same = found.final_values["p1", "score", "T0"]
    assert (same.scaled, same.value, same.source, same.record_id) == (50, "5.0", "entry", "document:p1-score")
    other = found.final_values["p1", "score", "T1"]
    assert (other.scaled, other.source, other.record_id, other.version) == (
        20,
        "resolution",
        "document:other",
        "",
    )
    single = found.final_values["p1", "hb", "T0"]
    assert (single.scaled, single.source, single.record_id, single.unit) == (
        120,
        "machine",
        "document:p1-hb",
        "g/L",
    )
    assert found.final_values["p1", "site", ""].value == "1;3"
    rows = {(r["variable"], r["timepoint"]): r for r in found.values.to_pylist()}
    assert len(rows) == 6, "one row per cell, of eligible candidates only"
    assert rows["score", "T1"]["outcome"] == "different"
    assert (rows["score", "T1"]["first"], rows["score", "T1"]["resolution"]) == ("2.5", "second")
    assert rows["hb", "T0"]["first"] is None


def test_agreement_is_of_first_opinions_whatever_the_arbitrator_said(worked, small):
    found = reconcile(worked, small).agreement
    assert list(found.criteria) == ["I2", "E1", "E2"], "what a rule decides alone has no agreement"
    assert found.overall.n == 6
    assert found.criteria["E1"].percent.value == pytest.approx(0.5)
    assert found.overall.percent.value == pytest.approx(5 / 6)


def test_a_finished_study_is_reconciled(worked, small):
    found = reconcile(worked, small)
    assert found.open == ()
    assert isinstance(finished(found), Reconciled)
    assert finished(found).final_values == found.final_values


def test_what_is_open_names_who_owes_it(queued, people, small, screening):
    judge(queued, people.first, "p1")
    judge(queued, people.second, "p1", E1="met")
    judge(queued, people.first, "p2")
    open_ = reconcile(queued, small).open
    assert {(o.patient_id, o.what, o.item, o.owner) for o in open_} == {
        ("p1", "arbitration", "E1", "arbitrator"),
        ("p2", "opinion", "I2", "rev2"),
        ("p2", "opinion", "E1", "rev2"),
        ("p2", "opinion", "E2", "rev2"),
    }
    with pytest.raises(NotReady, match="1 arbitration, 3 opinion"):
        finished(reconcile(queued, small))
    queue.enqueue(queued, small, screening(3), "run2")
    assert ("p3", "assignment") in {(o.patient_id, o.what) for o in reconcile(queued, small).open}


def test_eligible_candidates_owe_their_values(queued, people, small):
    for who in (people.first, people.second):
        judge(queued, who, "p1")
        judge(queued, who, "p2", I2="cannot_tell")
    found = reconcile(queued, small)
    assert found.eligible == ("p1",), "what nobody can tell is not met"
    assert {(o.what, o.item) for o in found.open} == {
        ("entry", f"{field} pass {n}") for field in ("score@T0", "score@T1", "site") for n in (1, 2)
    }
    assert ("p1", "score", "T0") not in found.final_values


def test_who_vanished_is_out_of_the_tables_and_owes_nothing(worked, small, screening):
    gone = screening(2)
    gone.patients = ["p2"]
    queue.enqueue(worked, small, gone, "run2")
    found = reconcile(worked, small)
    assert set(found.verdicts["patient_id"].to_pylist()) == {"p2"}
    assert found.eligible == found.open == ()
    assert found.agreement.overall.n == 6, "how well two people agreed stays known"


def test_the_same_rows_reconcile_to_the_same_tables(worked, small):
    one, other = reconcile(worked, small), reconcile(worked, small)
    assert one.verdicts.equals(other.verdicts)
    assert one.values.equals(other.values)
    assert one == other


def without_triggers(connection: Connection) -> None:
    """What only somebody with full rights on the database can do."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
        return
    connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        connection.execute(text(f"DROP TRIGGER {name}"))


OTHER = {
    "verdict": "CASE WHEN verdict = 'met' THEN 'not_met' ELSE 'met' END",
    "slot": "3 - slot",
    "pass": "3 - pass",
    "state": "CASE WHEN state = 'present' THEN 'vanished' ELSE 'present' END",
    "kind": "CASE WHEN kind = 'created' THEN 'protocol' ELSE 'created' END",
    "choice": "CASE WHEN choice = 'first' THEN 'second' ELSE 'first' END",
    "active": "NOT active",
}
"""Another value that the column's own constraint lets through."""


def harms(connection: Connection) -> list[str]:
    """A statement for each column of the first and the last row of each table, and for removing the row."""
    found = []
    for table in (audit_event, *TABLES.values()):
        key = next(iter(table.primary_key.columns)).name
        ends = connection.execute(text(f"SELECT min({key}), max({key}) FROM {table.name}")).one()
        for row in {number for number in ends if number is not None}:
            for column in table.columns:
                number = isinstance(column.type, Integer | BigInteger)
                value = OTHER.get(column.name, "1000000" if number else "'forged'")
                found.append(f'UPDATE {table.name} SET "{column.name}" = {value} WHERE {key} = {row}')
            found.append(f"DELETE FROM {table.name} WHERE {key} = {row}")
    return found


def test_a_change_of_any_column_of_any_table_is_found(worked):
    """...and a removed row as well, after a whole study's work; the last event by the signed head."""
    signed = worked.head()
    with worked.engine.connect() as connection:
        statements = harms(connection)
        assert verify_chain(connection, signed) == []
        connection.rollback()
        assert len(statements) > 150
        for statement in statements:
            without_triggers(connection)
            assert connection.execute(text(statement)).rowcount == 1, statement
            assert verify_chain(connection, signed), statement
            connection.rollback()
        assert verify_chain(connection, signed) == []
