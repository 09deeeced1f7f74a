"""Engines of the study database: how SQLite and PostgreSQL are opened, and what their errors mean to us."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from extract.errors import CohortlockError, DriverMissing, Refused, StorageFault
from extract.study.folder import StudyFolder

__all__ = ["database_exists", "database_url", "fault", "open_engine", "rows"]

_VARIABLE: Final = "COHORTLOCK_STUDY_DATABASE"

_BUSY_MS: Final = 30_000
_POOL: Final[dict[str, Any]] = {"pool_size": 16, "max_overflow": 24, "pool_use_lifo": True}
"""As many are kept open as the desk answers at once; one beyond them is opened and closed for each answer."""
_IDLE: Final = 1.0
_GIVEN_BACK: Final = "given back"


def database_url(where: StudyFolder | Path | str | URL) -> URL:
    """Where the study database of ``where`` is; raises StorageFault when a URL cannot be read.

    A study folder keeps its own SQLite file, unless the environment names a team's PostgreSQL:
    ``COHORTLOCK_STUDY_DATABASE`` is its URL (one database a study), and
    ``COHORTLOCK_STUDY_DATABASE_PASSWORD_FILE`` a file with its password, for container secrets.
    """
    if isinstance(where, URL):
        return where
    if isinstance(where, StudyFolder):
        if team := os.environ.get(_VARIABLE):
            return _with_password(database_url(team))
        where = where.database
    if isinstance(where, str) and "://" in where:
        try:
            return make_url(where)
        except ArgumentError:
            raise StorageFault(
                "the study database's URL cannot be read",
                "Write it as postgresql+psycopg://USER@HOST:PORT/DATABASE.",
            ) from None
    return URL.create("sqlite", database=str(where))


def database_exists(folder: StudyFolder) -> bool:
    """Whether the study has a database yet; a team's server is there before the study is."""
    return bool(os.environ.get(_VARIABLE)) or folder.database.is_file()


def _with_password(url: URL) -> URL:
    file = os.environ.get(f"{_VARIABLE}_PASSWORD_FILE")
    if not file:
        return url
    try:
        return url.set(password=Path(file).read_text(encoding="utf-8").strip())
    except OSError as error:
        raise StorageFault(
            f"the study database's password file cannot be read: {error.strerror}",
            f"{_VARIABLE}_PASSWORD_FILE names the file.",
        ) from None


def open_engine(url: URL) -> Engine:
    """An engine for ``url``; a transaction of one with ``writes=True`` is the only writer's.

    Raises StorageFault when the file cannot be made, DriverMissing without a driver.
    """
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise StorageFault(
            f"the study database cannot live on {url.get_backend_name()}", "Use SQLite or PostgreSQL."
        )
    if url.get_backend_name() == "sqlite" and url.database:
        _private_file(Path(url.database))
    try:
        # hide_parameters: a driver's message must not carry what was being written.
        engine = create_engine(url, hide_parameters=True, **_POOL)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise DriverMissing(
            f"the driver of {url.drivername} is not installed", "Use postgresql+psycopg:// or SQLite."
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        event.listen(engine, "begin", _postgresql_begin)
        event.listen(engine, "checkin", _given_back)
        event.listen(engine, "checkout", partial(_still_there, engine))
    return engine


def _private_file(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can read it for a moment."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageFault(
            f"{path}: the study database cannot be opened: {error.strerror}",
            "Check the folder's rights and free space.",
        ) from None


def _sqlite_connect(connection: Any, _record: object) -> None:
    # The driver's own idea of when a transaction starts would leave reads outside of it.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _sqlite_begin(connection: Connection) -> None:
    # IMMEDIATE takes the only writer's place at once, so that sequence and hash can be continued.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql_begin(connection: Connection) -> None:
    # The same on PostgreSQL, held until the transaction ends; one study is one database and schema.
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtext('cohortlock ' || current_schema()))"
        )


def _given_back(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_GIVEN_BACK] = time.monotonic()


def _still_there(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Ask a connection that has lain idle whether the server is still at its other end; else another is made."""
    given_back = record.info.get(_GIVEN_BACK)
    # Asked each time, as pool_pre_ping does, a busy desk would spend a tenth of its time on the question.
    if given_back is None or time.monotonic() - given_back < _IDLE:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        raise DisconnectionError from None


def fault(error: SQLAlchemyError, url: URL) -> CohortlockError:
    """What a driver's error means, without a word of what was being written."""
    said = str(error.orig).lower() if isinstance(error, DBAPIError) and error.orig else ""
    if "study locked" in said:
        return Refused("the study is locked", "`cohortlock unlock` with a reason opens a new version.")
    if "append-only" in said:
        return Refused("the study database is append-only", "Write a new row; the old one stays beside it.")
    place = url.render_as_string(hide_password=True)
    # A refused row may quote anything; only an error of the connection or the file is read further.
    refused_row = isinstance(error, IntegrityError | DataError)
    for sign, what, step in (
        ()
        if refused_row
        else (
            ("readonly", "is read-only", "Give this user the right to write the file and its folder."),
            ("full", "cannot be written: the disk is full", "Make room; nothing was half-written."),
            ("locked", "is held by another process", "Try again when it has finished."),
            ("not a database", "is not a study database", "Check the path."),
            ("malformed", "is damaged", "Bring back the last copy."),
            ("password", "refuses the login", "Check user and password of the study database."),
            ("connection", "does not answer", "Check that the server runs and the address is right."),
        )
    ):
        if sign in said:
            return StorageFault(f"{place}: the study database {what}", step)
    # Only the kind of error: a driver's text may quote the row.
    return StorageFault(
        f"{place}: the study database refused the write ({type(error).__name__})",
        "Nothing was written. If it happens again, report it with this line.",
    )


def rows(
    connection: Connection, query: Select[Any], values: Mapping[str, object] | None = None
) -> list[dict[str, Any]]:
    """What ``query`` finds, as plain dicts by column name; ``values`` of its parameters, where it has any."""
    found = connection.execute(query, values)
    names = list(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found.all()]
