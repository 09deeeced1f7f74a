"""After the lock nothing is written to a study: by no function of ours, and by no statement of anybody's.

The desk's routes are tried in tests/validate/desk/test_locked_routes.py.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from extract.errors import Refused
from extract.study.audit import verify_chain
from extract.study.tables import (
    DATA_TABLES,
    TABLES,
    calibration_code,
    calibration_gate,
    calibration_round,
    decision,
    metadata,
)
from validate.checks.waivers import waive_check
from validate.entry.entries import Typed, enter, enter_all, resolve
from validate.review import accounts, queries, queue
from validate.review.decisions import Given, arbitrate, decide, decide_all
from validate.review.handover import hand_over

ROOT = Path(__file__).parents[3]


@pytest.fixture
def busy(db, people, small, screening):
    """Work of every kind has been done, and more of every kind is waiting: at each place the next step is legal."""
    queue.enqueue(db, small, screening(6), "run1")
    queue.assign(db, accounts.MACHINE, seed=1)
    yes = [Given("I2", "met"), Given("E1", "not_met"), Given("E2", "not_met")]
    no = [Given("I2", "met"), Given("E1", "not_met"), Given("E2", "met")]
    for patient, second in (("p1", yes), ("p2", no), ("p3", no)):
        decide_all(db, people.first, patient, yes, request_id=f"1{patient}", taken={"I2": 900})
        decide_all(db, people.second, patient, second, request_id=f"2{patient}")
    arbitrate(db, people.third, "p2", "E2", "not_met", reason="read again", request_id="a2")
    for point in ("T0", "T1"):
        for pass_, who, raw in ((1, people.typist, "5"), (2, people.retypist, "6")):
            enter(db, who, "p1", "score", point, raw, pass_=pass_, request_id=f"{pass_}{point}")
    resolve(db, people.third, "p1", "score", "T0", "first", reason="page 2", request_id="r0")
    asked = queries.ask(db, people.manager, "p1", "score@T0", "which page?", request_id="q0")
    waive_check(db, people.manager, "age.range", reason="known", request_id="w0")
    queue.enqueue(db, small, screening(7), "run2")
    pilot(db, people.manager)
    db.query = asked.id
    return db


def pilot(db, manager):
    """The rows that a pilot round leaves; this protocol asks for none, so they stand for nothing else."""
    with db.writing(manager.id) as writer:
        ids = writer.connection.scalars(select(decision.c.id).where(decision.c.patient_id == "p2")).all()
        common = {"number": 1, "protocol_hash": db.protocol.hash}
        drawn = common | {"cases": "[]", "wording": "{}"}
        writer.append(calibration_round, "calibration.drawn", [drawn], subjects=["calibration/1"])
        coded = {
            "request_id": "c0",
            "number": 1,
            "patient_id": "p2",
            "criterion": "E2",
            "first_decision": ids[0],
            "second_decision": ids[-1],
            "cause": "reader_error",
            "note": "overlooked",
            "author": manager.id,
        }
        writer.append(calibration_code, "calibration.coded", [coded], subjects=["candidate/1/E2"])
        opened = common | {"request_id": "g0", "met": True, "measured": "{}", "author": manager.id}
        writer.append(calibration_gate, "calibration.opened", [opened], subjects=["calibration/1"])


Call = Callable[[], object]


def next_steps(db, people, small, screening) -> dict[str, Call]:
    """Every public function that writes to the study's data, each with what is legal now, in an order that stays so."""
    return {
        "validate.review.decisions.decide": lambda: decide(
            db, people.first, "p4", "I2", "met", request_id="d"
        ),
        "validate.review.decisions.decide_all": lambda: decide_all(
            db, people.second, "p4", [Given("E1", "met")], request_id="da"
        ),
        "validate.review.decisions.arbitrate": lambda: arbitrate(
            db, people.third, "p3", "E2", "met", reason="r", request_id="a"
        ),
        "validate.entry.entries.enter": lambda: enter(
            db, people.typist, "p2", "score", "T0", "5", pass_=1, request_id="e"
        ),
        "validate.entry.entries.enter_all": lambda: enter_all(
            db, people.retypist, "p2", [Typed("score", "T0", "5")], pass_=2, request_id="ea"
        ),
        "validate.entry.entries.resolve": lambda: resolve(
            db, people.third, "p1", "score", "T1", "second", reason="r", request_id="r"
        ),
        "validate.review.queries.ask": lambda: queries.ask(
            db, people.manager, "p1", "score@T1", "why?", request_id="q"
        ),
        "validate.review.queries.answer": lambda: queries.answer(
            db, people.typist, db.query, "page 1", request_id="qa"
        ),
        "validate.review.queries.close": lambda: queries.close(
            db, people.manager, db.query, "seen", request_id="qc"
        ),
        "validate.checks.waivers.waive_check": lambda: waive_check(
            db, people.manager, "score.range", reason="r", request_id="w"
        ),
        "validate.review.queue.enqueue": lambda: queue.enqueue(db, small, screening(9), "run3"),
        "validate.review.queue.assign": lambda: queue.assign(db, accounts.MACHINE, seed=2),
    }


RECORDING = {
    "extract.study.database": "created, protocol, lock and unlock are the study's own events",
    "extract.his.approval": "who approved which statement for the hospital",
    "validate.review.accounts": "people come and go after the lock",
    "validate.desk.passwords": "the same",
    "validate.desk.sessions": "sign-ins",
    "validate.desk.tokens": "the same for scripts",
    "validate.desk.second_factor": "the same",
    "validate.desk.operations.opening": "who opened a chart",
    "validate.desk.operations.overseeing": "who exported what",
    "validate.desk.operations.calibrating": "who read phrases of the charts; its acts are the review's",
    "validate.lock.publish": "refuses by itself: test_publish",
}
"""Modules that write to tables which a lock does not close, and why."""


def writing_modules() -> dict[str, set[str]]:
    """Module -> its public functions, of every module of ours that opens the study database's transaction."""
    found = {}
    for room in ("extract", "validate", "analysis", "flows"):
        for file in (ROOT / room).rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
            if not any(isinstance(c, ast.Attribute) and c.attr == "writing" for c in calls):
                continue
            functions = (n.name for n in tree.body if isinstance(n, ast.FunctionDef))
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            found[name] = {one for one in functions if not one.startswith("_")}
    return found


ELSEWHERE = {"validate.review.calibration_acts": "needs a protocol that asks for a pilot: test_calibration"}
"""Modules whose functions are tried against a lock in a test of their own."""
READING = {"check", "threads", "standing_waivers"}
OPENED_LAST = {"reassign", "hand_over", "open_work"}
"""Need a third reviewer, or only read: tried by themselves below."""


def test_every_function_that_writes_is_tried_here_or_writes_what_a_lock_leaves_open(
    db, people, small, screening
):
    """...so that a new one cannot be forgotten."""
    tried = next_steps(db, people, small, screening)
    for module, functions in writing_modules().items():
        if module in RECORDING or module in ELSEWHERE:
            continue
        here = {name.rpartition(".")[2] for name in tried if name.startswith(f"{module}.")}
        assert functions - READING - OPENED_LAST == here, module
    assert set(RECORDING) - {"validate.desk.passwords"} <= set(writing_modules())


def contents(db) -> dict[str, list[object]]:
    with db.reading() as connection:
        return {
            name: [tuple(row) for row in connection.execute(table.select().order_by(*table.primary_key))]
            for name, table in metadata.tables.items()
        }


def test_every_public_function_is_refused_while_locked_and_works_when_opened(busy, people, small, screening):
    """The same calls succeed after the unlock: it was the lock that refused them, and nothing else."""
    third = accounts.add(busy, accounts.MACHINE, account_id="rev3", name="R", role="reviewer")
    steps = next_steps(busy, people, small, screening)
    steps["validate.review.queue.reassign"] = lambda: queue.reassign(
        busy, accounts.MACHINE, "p5", 1, third.id, reason="leave"
    )
    steps["validate.review.handover.hand_over"] = lambda: hand_over(
        busy, accounts.MACHINE, people.first.id, reason="leave"
    )
    busy.lock("boss", 1)
    before = contents(busy)
    for name, step in steps.items():
        with pytest.raises(Refused, match="locked"):
            step()
        assert contents(busy) == before, name
    with pytest.raises(Refused, match="locked"):
        busy.lock("boss", 2)
    busy.unlock("boss", reason="one value is wrong")
    for name, step in steps.items():
        rows = sum(len(found) for found in contents(busy).values())
        step()
        assert sum(len(found) for found in contents(busy).values()) > rows, name
    with busy.reading() as connection:
        assert verify_chain(connection) == []


def forged(table: str, columns: list[str], key: str) -> tuple[str, str]:
    """A new row like the first, with an audit event of its own, as somebody with a database client writes it."""
    event = (
        "INSERT INTO audit_event SELECT (SELECT MAX(seq) + 1 FROM audit_event), at, actor, action, subject, "
        "table_name, detail, salt, payload_hash, previous, 'forged' FROM audit_event WHERE seq = 1"
    )
    fresh = {key: "(SELECT MAX(seq) FROM audit_event)", "request_id": "'forged'", "patient_id": "patient_id"}
    if table == "candidate":
        fresh["patient_id"] = "'forged'"
    values = ", ".join(fresh.get(c, f'"{c}"') for c in columns)
    names = ", ".join(f'"{c}"' for c in columns)
    row = f'INSERT INTO {table} ({names}) SELECT {values} FROM {table} ORDER BY "{key}" LIMIT 1'
    return event, row


def attacks(table: str, columns: list[str], key: str, dialect: str) -> list[str]:
    """Every statement that changes what stands in a table."""
    other = next(c for c in columns if c != key)
    names = ", ".join(f'"{c}"' for c in columns)
    same = f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE true"
    found = [
        f'UPDATE {table} SET "{other}" = "{other}"',
        f"DELETE FROM {table}",
        f'{same} ON CONFLICT ("{key}") DO UPDATE SET "{other}" = excluded."{other}"',
    ]
    if dialect == "sqlite":
        again = same.replace("INSERT", "INSERT OR REPLACE", 1)
        return [
            *found,
            again,
            again.replace("INSERT OR REPLACE", "REPLACE", 1),
            f'UPDATE OR REPLACE {table} SET "{other}" = "{other}"',
        ]
    merge = f'MERGE INTO {table} AS t USING {table} AS s ON t."{key}" = s."{key}" WHEN MATCHED THEN '
    return [
        *found,
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
        f'{merge}UPDATE SET "{other}" = s."{other}"',
        f"{merge}DELETE",
    ]


def test_raw_sql_cannot_write_to_a_locked_study(busy):
    """INSERT, UPDATE, DELETE, TRUNCATE, REPLACE, UPSERT and MERGE on every table, by whoever has our rights.

    A row in a table that goes on recording (accounts, the study's events) can be inserted by hand, and is
    then found by the chain.
    """
    busy.lock("boss", 1)
    before = contents(busy)
    assert all(before[name] for name in metadata.tables), "every table has a row to harm"
    dialect = busy.engine.dialect.name
    tried = 0
    for name, table in metadata.tables.items():
        columns, (key,) = [c.name for c in table.columns], [c.name for c in table.primary_key]
        for statement in attacks(name, columns, key, dialect):
            with pytest.raises(DBAPIError) as refused, busy.engine.begin() as connection:
                connection.execute(text(statement))
            said = str(refused.value.orig)
            assert any(word in said for word in ("append-only", "locked", "cannot truncate")), statement
            tried += 1
        if name in TABLES:
            event, row = forged(name, columns, key)
            with busy.engine.connect() as connection:
                connection.execute(text(event))
                if name in DATA_TABLES:
                    with pytest.raises(DBAPIError, match="study locked"):
                        connection.execute(text(row))
                else:
                    connection.execute(text(row))
                    assert verify_chain(connection), name
                connection.rollback()
            tried += 1
        assert contents(busy) == before, name
    assert tried == len(metadata.tables) * (6 if dialect == "sqlite" else 7) + len(TABLES)
