"""Relational databases through SQLAlchemy, read-only and time-limited, streamed by a server-side cursor."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa

from extract.errors import CohortlockError, DriverMissing, SchemaDrift, SiteInvalid, SourceUnreachable
from extract.his.engines.base import unwatched
from extract.his.engines.binds import for_psycopg, for_sqlalchemy, is_term, names
from extract.his.engines.copied import batches, copy_statement, drained, kinds
from extract.his.engines.dialects import day_bind
from extract.his.engines.faults import connection_fault, query_fault, text_fault
from extract.his.engines.forms import formed
from extract.his.engines.repertoire import holdable, repertoire
from extract.his.engines.sessions import opening

__all__ = ["RelationalEngine"]

_PACKAGES: Final = {
    "postgresql": "psycopg[binary]",
    "oracle": "oracledb",
    "mysql": "pymysql",
    "mariadb": "pymysql",
    "mssql": "pyodbc (and Microsoft's or FreeTDS' ODBC driver)",
    "dm": "dmPython and dmSQLAlchemy",
}
_PROGRESS_STEPS: Final = 100_000
"""SQLite's virtual machine steps between two looks at the clock: well under 10 ms."""


class RelationalEngine:
    """One connection to a database that SQLAlchemy knows."""

    def __init__(self, url: str, *, root: Path, zone: str, seconds: int) -> None:
        """Connect. Raises SiteInvalid, DriverMissing, SourceUnreachable, SourceRefused."""
        try:
            parsed = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):
            raise SiteInvalid(
                "site.toml: [source] url cannot be read as a database URL",
                "Write one such as postgresql+psycopg://reader:${PASSWORD}@host/his.",
            ) from None
        self.dialect = parsed.get_backend_name()
        self.where = _where(parsed)
        self._zone = ZoneInfo(zone)
        self._seconds = seconds
        self._deadline = float("inf")
        self.abandoned: Callable[[], object] = unwatched
        self._file: Path | None = None
        self._kinds: dict[str, list[int]] = {}
        """The types of the statement that was asked last: the keys of the next batch change none."""
        self._engine = self._created(parsed, root)
        self._copies = self._engine.driver == "psycopg"
        driver: Any = self._engine.dialect.dbapi
        self._faults = (sa.exc.SQLAlchemyError, sqlite3.Error, pa.ArrowInvalid, driver.Error)
        self._connection = self._connected()
        sa.event.listen(self._engine, "do_connect", self._lost)
        self._repertoire = repertoire(self.product, self.ask)

    def _created(self, url: sa.URL, root: Path) -> sa.Engine:
        try:
            if self.dialect == "sqlite":
                self._file = (root / (url.database or "")).resolve()
                return sa.create_engine("sqlite://", creator=self._sqlite, poolclass=sa.pool.NullPool)
            if url.get_driver_name() == "psycopg":
                # A server that knows no encoding (SQL_ASCII) would else speak bytes, even of its version.
                url = url.update_query_dict({"client_encoding": url.query.get("client_encoding", "utf8")})
            return sa.create_engine(url, poolclass=sa.pool.NullPool)
        except (ImportError, sa.exc.NoSuchModuleError):
            package = _PACKAGES.get(self.dialect, f"the SQLAlchemy dialect of {self.dialect}")
            raise DriverMissing(
                f"{self.where}: the driver for {self.dialect} is not installed", f"Install {package}."
            ) from None

    def _sqlite(self) -> sqlite3.Connection:
        if self._file is None or not self._file.is_file():
            raise SourceUnreachable(
                f"{self.where}: there is no such file", "Check [source] url in site.toml."
            )
        uri = f"{self._file.as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA cache_size = -65536")
        connection.set_progress_handler(lambda: int(time.monotonic() > self._deadline), _PROGRESS_STEPS)
        return connection

    def _connected(self) -> sa.Connection:
        try:
            connection = self._engine.connect()
            for statement in opening(self.product, self._seconds):
                connection.exec_driver_sql(statement)
            connection.commit()
            connection.exec_driver_sql(
                "SELECT 1" if self.dialect != "oracle" else "SELECT 1 FROM dual"
            ).close()
            connection.rollback()
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            raise connection_fault(getattr(error, "orig", None) or error, self.where) from None
        except (ImportError, sa.exc.NoSuchModuleError):
            raise DriverMissing(
                f"{self.where}: the driver for {self.dialect} is not installed",
                f"Install {_PACKAGES.get(self.dialect, self.dialect)}.",
            ) from None
        if self.dialect == "oracle":
            raw: Any = connection.connection.dbapi_connection
            raw.call_timeout = self._seconds * 1000
        return connection

    def _lost(self, *_connecting: object) -> None:
        """Refuse the new session that SQLAlchemy opens for a lost one: nobody has made it read-only and limited."""
        raise SourceUnreachable(
            f"{self.where}: the session was lost", "Run the command again: it goes on where it was."
        )

    @property
    def product(self) -> str:
        """What answers: MariaDB is spoken to by mysql:// as well, and limits time in its own way."""
        is_mariadb = getattr(self._engine.dialect, "is_mariadb", False)
        return "mariadb" if is_mariadb else self.dialect

    def _text(self, sql: str, binds: Mapping[str, object]) -> sa.TextClause:
        text = sa.text(for_sqlalchemy(sql))
        if self.dialect != "mssql":
            return text
        # A key bound as nvarchar would turn the whole column to nvarchar, and no index could be used.
        kinds = {name: sa.Unicode() if is_term(name) else sa.String() for name in binds}
        return text.bindparams(*(sa.bindparam(name, type_=kind) for name, kind in kinds.items()))

    def stream(
        self,
        sql: str,
        params: Mapping[str, object],
        schema: pa.Schema,
        *,
        batch_rows: int,
        unreadable: Counter[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """See ``Engine.stream``."""
        wanted = names(sql)
        binds = holdable({name: value for name, value in params.items() if name in wanted}, self._repertoire)
        self._deadline = time.monotonic() + self._seconds
        held: list[Callable[[], object]] = []
        read = self._copied if self._copies else self._fetched
        try:
            yield from read(sql, binds, schema, held, batch_rows=batch_rows, unreadable=unreadable)
        except BaseException as error:
            # First the server: a driver that closes its cursor may wait for the rest of the rows.
            self.abandoned()
            if isinstance(error, UnicodeError):
                raise text_fault(self.where) from None
            if isinstance(error, self._faults):
                raise self._fault(error) from None
            raise
        finally:
            self._deadline = float("inf")
            for let_go in reversed(held):
                self._quietly(let_go)
            self._ended()

    def _fetched(
        self,
        sql: str,
        binds: dict[str, object],
        schema: pa.Schema,
        held: list[Callable[[], object]],
        *,
        batch_rows: int,
        unreadable: Counter[str] | None,
    ) -> Iterator[pa.RecordBatch]:
        """By the driver's cursor on the server; ``held`` gets what is to be let go afterwards."""
        options = {"stream_results": True, "max_row_buffer": batch_rows}
        result = self._connection.execute(self._text(sql, binds), binds, execution_options=options)
        held += [partial(_let_go, result.cursor), result.close]
        for rows in result.partitions(batch_rows):
            columns = list(zip(*rows, strict=True))
            yield pa.record_batch(
                [
                    formed(column, field, self._zone, unreadable)
                    for column, field in zip(columns, schema, strict=True)
                ],
                schema=schema,
            )

    def _copied(
        self,
        sql: str,
        binds: dict[str, object],
        schema: pa.Schema,
        held: list[Callable[[], object]],
        *,
        batch_rows: int,
        unreadable: Counter[str] | None,
    ) -> Iterator[pa.RecordBatch]:
        """By COPY (``copied``), in the same session."""
        session: Any = self._connection.connection.dbapi_connection
        text = for_psycopg(sql)
        if text not in self._kinds:
            self._kinds = {text: kinds(session, text, binds)}
        copying = session.cursor().copy(copy_statement(session, text), binds or None)
        copying.__enter__()
        # Left early, psycopg cancels it and reads to its end.
        held.append(lambda: copying.__exit__(*sys.exc_info()))
        yield from batches(
            drained(session),
            session,
            self._kinds[text],
            schema,
            zone=self._zone,
            batch_rows=batch_rows,
            unreadable=unreadable,
        )

    def _ended(self) -> None:
        """Hold no transaction open between statements: the HIS may want to vacuum."""
        try:
            self._connection.rollback()
            if self._copies and not self._connection.invalidated:
                # SQLAlchemy knows of no transaction where it ran no statement itself.
                self._connection.connection.rollback()
        except self._faults:
            self._connection.invalidate()
            self._connection.rollback()

    def _fault(self, error: BaseException) -> CohortlockError:
        cause = getattr(error, "orig", None) or error
        # SQLAlchemy wraps what ``_lost`` says.
        return cause if isinstance(cause, CohortlockError) else query_fault(cause, self.where, self._seconds)

    def _quietly(self, action: Callable[[], object]) -> None:
        # A session that is lost already cannot be ended any better.
        with suppress(*self._faults):
            action()

    def ask(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """See ``Engine.ask``."""
        try:
            with self._connection.execute(sa.text(for_sqlalchemy(sql)), dict(params or {})) as result:
                rows = [tuple(row) for row in result] if result.returns_rows else []
            self._connection.commit()
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            raise self._fault(error) from None
        finally:
            self._ended()
        return rows

    def day(self, iso: str) -> object:
        """See ``Engine.day``."""
        return day_bind(self.dialect, iso)

    def columns(self, table: str) -> frozenset[str] | None:
        """See ``Engine.columns``; asks as the pack's SQL will, so synonyms and search paths count."""
        try:
            with self._connection.exec_driver_sql(f"SELECT * FROM {table} WHERE 1 = 0") as result:  # noqa: S608
                return frozenset(key.lower() for key in result.keys())  # noqa: SIM118 - a result, no dict
        except sa.exc.StatementError as error:
            fault = self._fault(error)
            if isinstance(fault, SchemaDrift):
                return None
            raise fault from None
        finally:
            self._ended()

    def close(self) -> None:
        """See ``Engine.close``."""
        self._quietly(self._connection.close)
        self._quietly(self._engine.dispose)


def _let_go(cursor: Any) -> None:
    """Forget the unread rows of a session that is gone.

    Thrown away, pymysql's cursor would read them once more, fail, and write a traceback to stderr.
    """
    unread: Any = getattr(cursor, "_result", None)
    if getattr(unread, "unbuffered_active", False):
        unread.unbuffered_active = False
        cursor.connection = None


def _where(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return Path(url.database or "").name or "SQLite"
    place = f"{url.host or 'local'}:{url.port}" if url.port else url.host or "local"
    return f"{url.get_backend_name()} at {place}, database {url.database or '(default)'}"
