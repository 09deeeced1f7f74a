"""What a process remembers of the study database is what the database would say, to the row, in every view."""

from __future__ import annotations

import random
import shutil
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, select, text

from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from extract.study.memory import remembered
from extract.study.protocol import load
from extract.study.storage import rows
from extract.study.tables import account, candidate

TEMPLATE = Path(__file__).parents[3] / "extract/study/templates/esr-pain/study.toml"


@pytest.fixture(scope="module")
def protocol():
    return load(TEMPLATE)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    """Where an empty study database may be made: a file, or a schema of its own that is dropped."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'study.db'}"
        return
    server = make_url(request.getfixturevalue("postgres_url"))
    schema, engine = f"m{uuid.uuid4().hex}", create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    mine = server.update_query_dict({"options": f"-csearch_path={schema}"})
    yield mine.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def db(url, protocol):
    with StudyDatabase.open(url, protocol) as opened:
        opened.remember()
        yield opened


def person(name, *, active=True):
    return {"account_id": name, "name": name, "role": "reviewer", "active": active}


def hire(db, name, *, active=True):
    with db.writing("machine") as writer:
        writer.append(account, "account.added", [person(name, active=active)], subjects=[f"account/{name}"])


def come_to_nothing(db):
    with db.writing("machine") as writer:
        writer.append(account, "account.added", [person("never")], subjects=["account/never"])
        raise ZeroDivisionError


def known(connection, table=account, key=None):
    return [dict(row) for row in remembered(connection, table, key)]


def asked(connection, table=account):
    return rows(connection, select(table).order_by(table.c.id))


def test_what_is_remembered_is_what_the_database_says_whoever_wrote_it(db, url, protocol):
    """...this process, another one, or a transaction that came to nothing."""
    dice = random.Random(1)
    with StudyDatabase.open(url, protocol) as another:
        for n in range(40):
            hire(dice.choice((db, another)), f"p{dice.randrange(5)}", active=n % 3 > 0)
            with pytest.raises(ZeroDivisionError):
                come_to_nothing(db)
            if dice.random() < 0.5:
                with another.writing("machine") as writer:
                    found = {"patient_id": f"P{n}", "run": "first"}
                    writer.append(candidate, "candidate.found", [found], subjects=["candidate/"])
            with db.reading() as connection:
                assert known(connection) == asked(connection)
                assert known(connection, candidate) == asked(connection, candidate)
                mine = [row for row in asked(connection) if row["account_id"] == "p1"]
                assert known(connection, account, "p1") == mine
    with db.reading() as connection:
        assert len(known(connection)) == 40
        assert verify_chain(connection) == []


def test_a_view_sees_not_a_row_more_than_when_it_began(db):
    hire(db, "ann")
    with db.reading() as early:
        assert len(known(early)) == 1
        hire(db, "bob")
        with db.reading() as late:
            assert len(known(late)) == 2
        assert len(known(early)) == 1 == len(asked(early))


def test_a_view_older_than_what_is_remembered_asks_the_database(db):
    """It began before, and looks only when another view has looked."""
    hire(db, "ann")
    with db.reading() as early:
        assert len(asked(early)) == 1
        hire(db, "bob")
        assert remembered(early, account) is None


def test_a_change_sees_what_it_has_written_itself(db):
    with db.writing("machine") as writer:
        assert known(writer.connection) == []
        writer.append(account, "account.added", [person("ann")], subjects=["account/ann"])
        assert remembered(writer.connection, account) is None
        assert len(asked(writer.connection)) == 1
    with db.reading() as connection:
        assert known(connection) == asked(connection)


def test_whoever_was_not_asked_to_remember_does_not(url, protocol):
    with StudyDatabase.open(url, protocol) as forgetful:
        hire(forgetful, "ann")
        with forgetful.reading() as connection:
            assert remembered(connection, account) is None


def test_nobody_can_change_what_is_remembered(db):
    hire(db, "ann")
    with db.reading() as connection:
        row = remembered(connection, account)[0]
        with pytest.raises(TypeError):
            row["role"] = "data_manager"


def test_a_copy_that_is_put_back_is_continued_from_its_own_end(tmp_path, protocol):
    """The events that it lacks are no longer anybody's: the next change follows the last that is there."""
    file = tmp_path / "study.db"
    with StudyDatabase.open(file, protocol) as db:
        db.remember()
        hire(db, "ann")
        db.engine.dispose()
        shutil.copy(file, tmp_path / "copy.db")
        hire(db, "bob")
        hire(db, "cyd")
        db.engine.dispose()
        shutil.copy(tmp_path / "copy.db", file)
        with db.reading() as connection:
            assert remembered(connection, account) is None, "bob is still remembered"
        hire(db, "dan")
        with db.reading() as connection:
            assert [row["account_id"] for row in known(connection)] == ["ann", "dan"]
            assert known(connection) == asked(connection)
            assert verify_chain(connection) == []
