"""The study database: opinions, entries and their audit chain, on SQLite or PostgreSQL alike.

Every change goes through ``StudyDatabase.writing``: one transaction that takes the only writer's place,
appends rows and, for each, the audit event that seals it.  Rows are never updated or deleted; the
database's own triggers refuse it, and after a lock they refuse new rows as well (docs/adr/0004).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final, Self

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

from extract.errors import CohortlockError, Refused
from extract.study.audit import Event, Head, head, lines, seal, verify_chain
from extract.study.folder import StudyFolder
from extract.study.memory import Memory, View, forget
from extract.study.protocol import Protocol
from extract.study.storage import database_url, fault, open_engine
from extract.study.tables import (
    DATA_TABLES,
    SCHEMA_VERSION,
    SINCE,
    TABLES,
    audit_event,
    metadata,
    schema_version,
    study_event,
    unique_keys,
)

__all__ = ["StudyDatabase", "Writer", "now", "verify_chain"]

_MIGRATIONS: Final = files("sql") / "migrations"


def now() -> str:
    """UTC to the microsecond, in the one spelling that sorts as text."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Writer:
    """The open transaction of one actor; every row it appends gets its audit event at once.

    Use it only inside ``StudyDatabase.writing``, which commits all of it or nothing.
    """

    def __init__(self, connection: Connection, actor: str, started: Head | None = None) -> None:
        self.connection = connection
        self.actor = actor
        self.at = now()
        self.appended: dict[str, list[dict[str, Any]]] = {}
        """Rows of this transaction by table."""
        self._head = started or head(connection)

    def append(
        self,
        table: Table,
        action: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        subjects: Sequence[str],
        detail: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Append ``rows`` to ``table`` in order and return them whole, with ids and defaults.

        ``subjects`` names each row for the audit without naming a patient (``candidate/12/I2``); one
        that ends in ``/`` gets the new row's id, so that a candidate can be named by its own.
        """
        if len(subjects) != len(rows):
            raise ValueError("one subject per row")
        whole: list[dict[str, Any]] = []
        events: list[Event] = []
        for given, subject in zip(rows, subjects, strict=True):
            number = self._head.seq + 1
            row = {column.name: _default(column) for column in table.columns} | dict(given) | {"id": number}
            sealed = seal(
                self._head,
                at=self.at,
                actor=self.actor,
                action=action,
                subject=f"{subject}{number}" if subject.endswith("/") else subject,
                table=table.name,
                row=row,
                detail=detail,
            )
            self._head = Head(sealed.seq, sealed.hash)
            whole.append(row)
            events.append(sealed)
        if whole:
            self.connection.execute(insert(audit_event), [sealed.row() for sealed in events])
            self.connection.execute(insert(table), whole)
            self.appended.setdefault(table.name, []).extend(whole)
            forget(self.connection)
        return whole

    def note(self, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> Head:
        """Record something that wrote no row: a chart was opened, a snapshot exported."""
        sealed = seal(self._head, at=self.at, actor=self.actor, action=action, subject=subject, detail=detail)
        self.connection.execute(insert(audit_event), [sealed.row()])
        self._head = Head(sealed.seq, sealed.hash)
        return self._head

    @property
    def head(self) -> Head:
        """The event appended last; becomes the database's head when the transaction is kept."""
        return self._head


def _default(column: Any) -> Any:
    return column.default.arg if column.default is not None else None


class StudyDatabase:
    """One study's database. Open it with ``open``; ``close`` it, or use it in a ``with``."""

    def __init__(self, engine: Engine, protocol: Protocol) -> None:
        self.engine = engine
        self.protocol = protocol
        postgresql = engine.dialect.name == "postgresql"
        self._reader = (
            engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            if postgresql
            else engine
        )
        self._writer = engine.execution_options(writes=True)
        # Threads of one process take their turns here, at once; the database lets them poll or hold a connection.
        self._turns = threading.Lock()
        self._memory: Memory | None = None

    @classmethod
    def open(cls, where: StudyFolder | Path | str | URL, protocol: Protocol) -> StudyDatabase:
        """The study database in a study folder, an SQLite file or at a database URL; made if it is not there.

        Raises StorageFault when it cannot be reached or written, Refused when it belongs to another
        study, was made by another version, or is locked under a different protocol.
        """
        database = cls(open_engine(database_url(where)), protocol)
        try:
            with database._storage(), database._writer.begin() as connection:
                _create(connection)
            database._register()
        except CohortlockError:
            database.close()
            raise
        return database

    def remember(self) -> None:
        """Hold people's rows in memory from now on: for a process that answers many questions, as the desk does."""
        self._memory = self._memory or Memory()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of everything; sees no half of anybody's write."""
        with (
            self._storage(),
            self._reader.connect() as connection,
            connection.begin(),
            self._viewed(connection, newest=False),
        ):
            yield connection

    @contextmanager
    def writing(self, actor: str) -> Iterator[Writer]:
        """The one writer's transaction in the name of ``actor``: all of it is kept, or nothing.

        Raises StorageFault when the database refuses, Refused when a lock stands in the way.
        """
        with self._turns, self._storage():
            with self._writer.begin() as connection, self._viewed(connection, newest=True) as view:
                writer = Writer(connection, actor, None if view is None else view.head)
                yield writer
            if view is not None:
                view.wrote(writer.appended, writer.head)

    def head(self) -> Head:
        """The newest audit event; what a manifest records."""
        with self.reading() as connection:
            return head(connection)

    def audit(self) -> list[dict[str, Any]]:
        """The audit chain for the outside: no patient, no value, verifiable by itself."""
        with self.reading() as connection:
            return list(lines(connection))

    def locked(self) -> int | None:
        """The snapshot version that this study is locked at, or None while it is open."""
        with self.reading() as connection:
            return _locked_at(connection)

    def lock(self, actor: str, version: int, *, reason: str = "") -> Head:
        """Close the data tables under snapshot ``version``. Raises Refused when already locked."""
        return self._turn(actor, "lock", version, reason)

    def unlock(self, actor: str, *, reason: str) -> Head:
        """Open the data tables again, for a new version. Raises Refused without a reason or a lock."""
        if not reason.strip():
            raise Refused("an unlock needs a reason", "Say why the data must change: it stands in the audit.")
        return self._turn(actor, "unlock", None, reason)

    def _turn(self, actor: str, kind: str, version: int | None, reason: str) -> Head:
        with self.writing(actor) as writer:
            at = _locked_at(writer.connection)
            if (at is not None) == (kind == "lock"):
                state = f"locked at version {at}" if at is not None else "not locked"
                raise Refused(f"the study is {state}", "`cohortlock verify STUDY` shows the snapshots.")
            row = self._study_row(kind, version=at if version is None else version, reason=reason)
            writer.append(study_event, f"study.{kind}", [row], subjects=["study/"])
            return writer.head

    def _study_row(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"kind": kind, "study": self.protocol.study.id, "protocol_hash": self.protocol.hash, **more}

    def _register(self) -> None:
        """Note whose database this is, and each new version of the protocol."""
        kinds = study_event.c.kind.in_(("created", "protocol"))
        latest = select(study_event).where(kinds).order_by(study_event.c.id.desc()).limit(1)
        with self.reading() as connection:
            known = connection.execute(latest).first()
        if known and known.study == self.protocol.study.id and known.protocol_hash == self.protocol.hash:
            return
        with self.writing("machine") as writer:
            known = writer.connection.execute(latest).first()
            if known and known.study != self.protocol.study.id:
                raise Refused(
                    f"this database belongs to the study {known.study!r}, not {self.protocol.study.id!r}",
                    "Each study has a database of its own.",
                )
            if known and known.protocol_hash != self.protocol.hash:
                if _locked_at(writer.connection) is not None:
                    raise Refused(
                        "study.toml differs from the protocol that this study was locked under",
                        "Bring the old study.toml back, or `cohortlock unlock` with a reason.",
                    )
                writer.append(
                    study_event, "study.protocol", [self._study_row("protocol")], subjects=["study/"]
                )
            elif not known:
                writer.append(study_event, "study.created", [self._study_row("created")], subjects=["study/"])

    @contextmanager
    def _viewed(self, connection: Connection, *, newest: bool) -> Iterator[View | None]:
        if self._memory is None:
            yield None
        else:
            with self._memory.viewed(connection, newest=newest) as view:
                yield view

    @contextmanager
    def _storage(self) -> Iterator[None]:
        """Turn a driver's error, which may quote a row, into one of ours, which does not."""
        try:
            yield
        except SQLAlchemyError as error:
            raise fault(error, self.engine.url) from None
        except UnicodeEncodeError:
            raise Refused(
                "a text holds half of a character", "Type it again; it was cut while copying."
            ) from None


def _locked_at(connection: Connection) -> int | None:
    turns = study_event.c.kind.in_(("lock", "unlock"))
    found = connection.execute(
        select(study_event.c.kind, study_event.c.version)
        .where(turns)
        .order_by(study_event.c.id.desc())
        .limit(1)
    ).first()
    return found.version if found and found.kind == "lock" else None


def _create(connection: Connection) -> None:
    """Make tables and triggers in an empty database; refuse one of another version."""
    if not inspect(connection).has_table(schema_version.name):
        metadata.create_all(connection)
        for statement in trigger_statements(connection.dialect.name):
            connection.execute(text(statement))
        connection.execute(insert(schema_version), [{"version": SCHEMA_VERSION, "at": now()}])
        return
    newest = select(schema_version.c.version).order_by(schema_version.c.version.desc()).limit(1)
    version = connection.execute(newest).scalar()
    if version is None or not 0 < version <= SCHEMA_VERSION:
        raise Refused(
            f"the study database has schema {version}, this cohortlock knows {SCHEMA_VERSION}",
            "Open it with the cohortlock that made it.",
        )
    for step in range(version + 1, SCHEMA_VERSION + 1):
        _add(connection, SINCE[step])
        connection.execute(insert(schema_version), [{"version": step, "at": now()}])


def _add(connection: Connection, added: Sequence[Table]) -> None:
    """Tables that came with a version of the schema; what is there already stays as it is."""
    metadata.create_all(connection, tables=added)
    for statement in _guards(connection.dialect.name, added):
        connection.execute(text(statement))


def trigger_statements(dialect: str) -> list[str]:
    """The statements that make ``dialect`` itself refuse what an append-only table never sees."""
    functions = ("refuse_function", "frozen_function") if dialect == "postgresql" else ()
    tables = [audit_event, schema_version, *TABLES.values()]
    return [_statement(dialect, name) for name in functions] + _guards(dialect, tables)


def _guards(dialect: str, tables: Sequence[Table]) -> list[str]:
    """The triggers of ``tables``."""
    statements: list[str] = []
    for table in tables:
        if dialect == "postgresql":
            statements += [
                _statement(dialect, name, table=table.name) for name in ("no_change", "no_truncate")
            ]
        else:
            collides = " OR ".join(
                "(" + " AND ".join(f'"{column}" = NEW."{column}"' for column in key) + ")"
                for key in unique_keys(table)
            )
            statements += [_statement(dialect, name, table=table.name) for name in ("no_update", "no_delete")]
            statements.append(_statement(dialect, "no_replace", table=table.name, collides=collides))
    frozen = sorted(table.name for table in tables if table.name in DATA_TABLES)
    return statements + [_statement(dialect, "frozen", table=name) for name in frozen]


def _statement(dialect: str, name: str, **values: str) -> str:
    return Template((_MIGRATIONS / dialect / f"{name}.sql").read_text("utf-8")).substitute(values)
