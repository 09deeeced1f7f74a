"""The study database keeps everything, changes nothing, and notices whoever does."""

from __future__ import annotations

import stat
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, create_engine, inspect, make_url, text
from sqlalchemy.exc import IntegrityError

from extract.errors import CohortlockError, Refused, StorageFault
from extract.study.audit import Head, head, lines, verify_chain, verify_events
from extract.study.database import StudyDatabase
from extract.study.protocol import Protocol, load
from extract.study.tables import DATA_TABLES, candidate, metadata

TEMPLATE = Path(__file__).parents[3] / "extract/study/templates/esr-pain/study.toml"


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load(TEMPLATE)


@pytest.fixture(scope="module")
def postgres_database(postgres_url: str) -> Iterator[URL]:
    """A database of our own on the server: making one per test would cost seconds each."""
    server = make_url(postgres_url)
    name = f"review_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address at which an empty study database may be made: a file, or a schema of its own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    server: URL = request.getfixturevalue("postgres_database")
    schema = f"s{uuid.uuid4().hex}"
    admin = create_engine(server)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    admin.dispose()
    mine = server.update_query_dict({"options": f"-csearch_path={schema}"})
    return mine.render_as_string(hide_password=False)


@pytest.fixture
def db(url: str, protocol: Protocol) -> Iterator[StudyDatabase]:
    with StudyDatabase.open(url, protocol) as opened:
        yield opened


def add(db: StudyDatabase, *patients: str) -> None:
    with db.writing("rev1") as writer:
        rows = [{"patient_id": p, "run": "run1"} for p in patients]
        writer.append(candidate, "candidate.new", rows, subjects=["candidate/"] * len(rows))


def tampering(db: StudyDatabase) -> Connection:
    """A connection of somebody with full rights on the database and none of our scruples."""
    connection = db.engine.connect()
    if db.engine.dialect.name == "postgresql":
        connection.execute(text("SET session_replication_role = 'replica'"))
    else:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
        for name in list(names):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("BEGIN")
    return connection


def test_every_row_has_its_audit_event_and_the_chain_verifies(db):
    add(db, "p1", "p2")
    with db.writing("audi") as writer:
        writer.note("chart.opened", "candidate/2", {"for": "reading"})
    with db.reading() as connection:
        assert verify_chain(connection, head(connection)) == []
        assert [(e["action"], e["subject"], e["actor"]) for e in lines(connection)] == [
            ("study.created", "study/1", "machine"),
            ("candidate.new", "candidate/2", "rev1"),
            ("candidate.new", "candidate/3", "rev1"),
            ("chart.opened", "candidate/2", "audi"),
        ]


def triggers(connection: Connection, table: str) -> set[str]:
    if connection.dialect.name == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE tgrelid = CAST(:t AS regclass)"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :t"
    return {
        name.removeprefix(f"{table}_") for name in connection.execute(text(query), {"t": table}).scalars()
    }


def test_every_table_is_guarded_in_the_database_itself(db):
    """...so that a forgotten table cannot be edited by whoever has the same rights as the program."""
    guards = (
        {"no_change", "no_truncate"}
        if db.engine.dialect.name == "postgresql"
        else {"no_update", "no_delete", "no_replace"}
    )
    with db.reading() as connection:
        assert set(inspect(connection).get_table_names()) == set(metadata.tables)
        for table in metadata.tables:
            assert guards <= triggers(connection, table), table
            assert ("frozen" in triggers(connection, table)) == (table in DATA_TABLES), table


@pytest.mark.parametrize("table", ["audit_event", "study_event", "candidate", "schema_version"])
@pytest.mark.parametrize("verb", ["UPDATE {t} SET {c} = {c}", "DELETE FROM {t}"])
def test_the_database_refuses_to_change_a_row(db, table, verb):
    add(db, "p1")
    columns = {"audit_event": "at", "schema_version": "at", "study_event": "kind", "candidate": "run"}
    with pytest.raises(IntegrityError, match="append-only"), db.engine.begin() as connection:
        connection.execute(text(verb.format(t=table, c=columns[table])))


def test_replace_and_truncate_are_no_way_around(db):
    """INSERT OR REPLACE deletes without asking a DELETE trigger, TRUNCATE without asking a row trigger."""
    add(db, "p1")
    if db.engine.dialect.name == "postgresql":
        ways = ["TRUNCATE candidate CASCADE", "TRUNCATE audit_event CASCADE"]
    else:
        ways = [
            "REPLACE INTO candidate (id, patient_id, run) VALUES (2, 'p9', 'forged')",
            "REPLACE INTO candidate (id, patient_id, run) VALUES (1, 'p1', 'forged')",
            "UPDATE OR REPLACE candidate SET id = 1",
        ]
    for way in ways:
        with pytest.raises(IntegrityError, match="append-only"), db.engine.begin() as connection:
            connection.execute(text(way))


def test_a_row_without_an_audit_event_is_refused_by_the_database(db):
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text("INSERT INTO candidate (id, patient_id, run) VALUES (99, 'p9', 'r')"))


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE candidate SET run = 'other' WHERE id = 3",
        "UPDATE candidate SET patient_id = 'p9' WHERE id = 2",
        "DELETE FROM candidate WHERE id = 3",
        "UPDATE audit_event SET actor = 'rev2' WHERE seq = 2",
        "UPDATE audit_event SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 3",
        "UPDATE audit_event SET action = 'x' WHERE seq = 1",
        "UPDATE audit_event SET subject = 'candidate/9' WHERE seq = 2",
        "UPDATE audit_event SET detail = '{\"a\":1}' WHERE seq = 4",
        "UPDATE audit_event SET detail = '{\"a\":1}' WHERE seq = 2",
        "UPDATE audit_event SET salt = 'x' WHERE seq = 2",
        "UPDATE audit_event SET table_name = '' WHERE seq = 2",
        "DELETE FROM audit_event WHERE seq = 3",
        "DELETE FROM audit_event WHERE seq = 1",
        "DELETE FROM audit_event WHERE seq = 4",
        "INSERT INTO candidate (id, patient_id, run) VALUES (9, 'p9', 'forged')",
        "UPDATE candidate SET id = id + 10",
    ],
)
def test_whoever_gets_past_the_triggers_is_found(db, harm):
    """...for any row and any event; a cut end is found by the head that was written down elsewhere."""
    add(db, "p1", "p2")
    with db.writing("audi") as writer:
        signed = writer.note("chart.opened", "candidate/2")
    connection = tampering(db)
    connection.exec_driver_sql(harm)
    connection.commit()
    problems = verify_chain(connection, signed)
    connection.close()
    assert problems
    assert not any("p9" in str(problem) for problem in problems)


def test_a_chain_forged_whole_does_not_reach_the_signed_head(db):
    add(db, "p1")
    with db.reading() as connection:
        events = list(lines(connection))
        good = head(connection)
    assert verify_events(events, good) == []
    assert verify_events(events[:-1]) == []
    assert [p.what for p in verify_events(events[:-1], good)] == [
        "is missing: the end of the chain was cut off"
    ]
    assert verify_events(events, Head(good.seq, "f" * 64))


def test_what_leaves_the_house_names_no_patient(db):
    """...and its payload hashes are salted, so that a patient's id cannot be guessed back from them."""
    add(db, "patient-0815")
    exported = str(db.audit())
    assert "patient-0815" not in exported
    with db.reading() as connection:
        salts = connection.execute(text("SELECT salt FROM audit_event")).scalars().all()
    assert len(set(salts)) == len(salts)
    assert not any(salt in exported for salt in salts)


def test_after_a_lock_the_database_takes_no_more_data_and_goes_on_recording(db):
    add(db, "p1")
    db.lock("boss", 1)
    assert db.locked() == 1
    with pytest.raises(Refused, match="locked"):
        add(db, "p2")
    with pytest.raises(Refused, match="locked at version 1"):
        db.lock("boss", 2)
    with db.writing("boss") as writer:
        writer.note("snapshot.exported", "snapshot/1")
    db.unlock("boss", reason="a corrected laboratory value")
    add(db, "p2")
    with db.reading() as connection:
        assert verify_chain(connection) == []
    with pytest.raises(Refused, match="reason"):
        db.unlock("boss", reason=" ")
    with pytest.raises(Refused, match="not locked"):
        db.unlock("boss", reason="again")


def test_a_failed_change_leaves_nothing_behind(db):
    """...neither row nor event, and the next change continues the chain."""
    before = db.head()
    with pytest.raises(CohortlockError):
        add(db, "p1", "p2", "p1")
    assert db.head() == before
    add(db, "p1")
    with db.reading() as connection:
        assert verify_chain(connection) == []


def test_many_writers_make_one_chain(db, url, protocol):
    """...with no gap, no fork and no lost row."""

    def work(n: int) -> None:
        with StudyDatabase.open(url, protocol) as mine:
            for i in range(5):
                add(mine, f"w{n}-{i}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as connection:
        assert verify_chain(connection) == []
        assert connection.execute(text("SELECT count(*) FROM candidate")).scalar() == 30
    assert db.head().seq == 31


def test_an_error_carries_nothing_of_what_was_written(db):
    """A driver quotes the failing row; we name the kind of error only."""
    add(db, "secret-patient")
    with pytest.raises(CohortlockError) as caught:
        add(db, "secret-patient")
    said = f"{caught.value}{caught.value.__cause__}{caught.value.next_step}"
    assert "secret-patient" not in said
    assert caught.value.__suppress_context__


def test_a_database_belongs_to_one_study(db, url, protocol):
    other = protocol.model_copy(update={"study": protocol.study.model_copy(update={"id": "other"})})
    with pytest.raises(Refused, match="belongs to the study"):
        StudyDatabase.open(url, other)


def test_a_new_protocol_is_noted_and_refused_once_locked(db, url, protocol):
    stricter = protocol.model_copy(update={"lock": protocol.lock.model_copy(update={"small_cell": 9})})
    with StudyDatabase.open(url, stricter) as opened:
        assert opened.audit()[-1]["action"] == "study.protocol"
        opened.lock("boss", 1)
    with pytest.raises(Refused, match="locked under"):
        StudyDatabase.open(url, protocol)


def test_a_database_of_another_schema_is_refused(db, url, protocol):
    with db.engine.begin() as connection:
        connection.execute(text("INSERT INTO schema_version (version, at) VALUES (99, 'later')"))
    with pytest.raises(Refused, match="schema 99"):
        StudyDatabase.open(url, protocol)


def test_the_file_is_private_and_durable(tmp_path, protocol):
    """Only its owner may read it, and a commit is on the disk before it is acknowledged."""
    with StudyDatabase.open(tmp_path / "study.db", protocol) as db:
        assert stat.S_IMODE((tmp_path / "study.db").stat().st_mode) == 0o600
        with db.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("nowhere/study.db", "cannot be opened"),
        ("mysql://u:hidden@h/d", "cannot live on mysql"),
        ("postgresql+psycopg://u:hidden@127.0.0.1:1/d", "does not answer"),
        ("://", "cannot be read"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_clear_sentence(tmp_path, protocol, where, says):
    place = where if "://" in where else tmp_path / where
    with pytest.raises(StorageFault, match=says) as caught:
        StudyDatabase.open(place, protocol)
    assert "hidden" not in str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path, protocol):
    (tmp_path / "study.db").write_bytes(b"somebody's thesis, not a database" * 50)
    before = (tmp_path / "study.db").read_bytes()
    with pytest.raises(StorageFault, match="not a study database"):
        StudyDatabase.open(tmp_path / "study.db", protocol)
    assert (tmp_path / "study.db").read_bytes() == before
