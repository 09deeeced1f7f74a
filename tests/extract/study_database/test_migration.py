"""A study database of an earlier version is brought up to this one when it is opened, and nothing in it changes."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

from extract.errors import Refused
from extract.study.audit import head, verify_chain
from extract.study.database import StudyDatabase
from extract.study.tables import SCHEMA_VERSION, SINCE, calibration_round, candidate, schema_version
from tests.extract.study_database.test_database import db, postgres_database, protocol, url

__all__ = ["db", "postgres_database", "protocol", "url"]


@pytest.fixture
def of_version_one(db):
    """As it was before the calibration: without its tables, and with a candidate in it."""
    with db.writing("machine") as writer:
        writer.append(candidate, "candidate.new", [{"patient_id": "p1", "run": "r"}], subjects=["candidate/"])
    cascade = " CASCADE" if db.engine.dialect.name == "postgresql" else ""
    with db.engine.begin() as connection:
        for table in reversed([table for tables in SINCE.values() for table in tables]):
            connection.execute(text(f"DROP TABLE {table.name}{cascade}"))
        connection.execute(text(f"DROP TABLE schema_version{cascade}"))
        schema_version.create(connection)
        connection.execute(schema_version.insert(), [{"version": 1, "at": "then"}])
    return db


def test_what_is_new_is_added_and_what_is_there_stays(of_version_one, url, protocol):
    before = of_version_one.head()
    with StudyDatabase.open(url, protocol) as opened:
        assert opened.head() == before
        names = set(inspect(opened.engine).get_table_names())
        assert {table.name for tables in SINCE.values() for table in tables} <= names
        with opened.reading() as connection:
            versions = connection.scalars(schema_version.select().order_by("version")).all()
            assert versions == list(range(1, SCHEMA_VERSION + 1))
            assert verify_chain(connection) == []
    with StudyDatabase.open(url, protocol) as again, again.reading() as connection:
        assert head(connection) == before, "a second opening has nothing to do"


def test_the_new_tables_refuse_what_the_old_ones_refuse(of_version_one, url, protocol):
    """Append-only, and closed by the lock, as if they had always been there."""
    row = {"number": 1, "cases": "[1]", "wording": "{}", "protocol_hash": "h"}
    with StudyDatabase.open(url, protocol) as opened:
        with opened.writing("machine") as writer:
            writer.append(calibration_round, "calibration.drawn", [row], subjects=["calibration/"])
        for statement in ("UPDATE calibration_round SET cases = '[2]'", "DELETE FROM calibration_round"):
            with pytest.raises(Exception, match="append-only"), opened.engine.begin() as connection:
                connection.execute(text(statement))
        opened.lock("machine", 1)
        second = row | {"number": 2}
        with pytest.raises(Refused, match="locked"), opened.writing("machine") as writer:
            writer.append(calibration_round, "calibration.drawn", [second], subjects=["calibration/"])
