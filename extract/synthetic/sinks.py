"""Where generated rows go: a fresh SQLite file, any database of SQLAlchemy, PostgreSQL by COPY."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from extract.errors import AlreadyExists, SourceUnreachable, StorageFault
from extract.synthetic.casebook import Row
from extract.synthetic.schema import TABLES, create_indexes, create_tables

__all__ = ["Sink", "open_sink"]


class Sink(ABC):
    """A database being filled. Leaving it well makes the keys and commits; leaving it by an error does not."""

    def __enter__(self) -> Self:
        self.execute(create_tables())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.execute(create_indexes())
            self.close(commit=error is None)
        except BaseException:
            self.close(commit=False)
            raise

    @abstractmethod
    def execute(self, statements: Sequence[str]) -> None:
        """Runs DDL."""

    @abstractmethod
    def write(self, table: str, rows: Sequence[Row]) -> None:
        """Appends rows in DDL order."""

    @abstractmethod
    def close(self, *, commit: bool) -> None:
        """Ends the one transaction; harmless when called again."""


class _Sqlite(Sink):
    """Writes beside the target and renames at the end, so a killed build leaves no half hospital."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise AlreadyExists(f"{path}: is already there", "Give another path, or remove the file first.")
        self._path, self._part = path, path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._part.unlink(missing_ok=True)
            self._connection: sqlite3.Connection | None = sqlite3.connect(self._part, isolation_level=None)
            # A fresh file that is renamed when whole needs no journal.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE",
                           "cache_size = -65536", "temp_store = FILE"):  # fmt: skip
                self._connection.execute(f"PRAGMA {pragma}")
        except (OSError, sqlite3.Error) as error:
            raise StorageFault(f"{path}: cannot be written: {error}", "Choose another folder.") from None
        self._connection.execute("BEGIN")
        self._insert = {
            name: f"INSERT INTO {name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - our DDL
            for name, table in TABLES.items()
        }

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageFault(f"{self._path}: was closed before it was whole", "Build it again.")
        return self._connection

    def execute(self, statements: Sequence[str]) -> None:
        for statement in statements:
            with self._disk():
                self._open().execute(statement)

    def write(self, table: str, rows: Sequence[Row]) -> None:
        with self._disk():
            self._open().executemany(self._insert[table], rows)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """A full or vanished disk becomes StorageFault."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StorageFault(f"{self._path}: cannot be written: {error}", "Free some space.") from None

    def close(self, *, commit: bool) -> None:
        if self._connection is None:
            return
        if commit:
            self._connection.execute("COMMIT")
        self._connection.close()
        self._connection = None
        if commit:
            self._part.rename(self._path)
        else:
            self._part.unlink(missing_ok=True)


class _Server(Sink):
    """One transaction on a server; rows go by COPY where the driver is psycopg, else by INSERT."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)
        try:
            self._connection: sa.Connection | None = self._engine.connect()
        except sa.exc.OperationalError:
            raise SourceUnreachable(
                f"{sa.make_url(url).render_as_string()}: does not answer", "Check host, port, name and login."
            ) from None
        if sa.inspect(self._connection).has_table("pat_master_index"):
            self.close(commit=False)
            raise AlreadyExists("the database already holds a hospital", "Give an empty database.")

    def _open(self) -> sa.Connection:
        if self._connection is None:
            raise StorageFault("the connection was closed before the hospital was whole", "Build it again.")
        return self._connection

    def execute(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self._open().exec_driver_sql(statement)

    def write(self, table: str, rows: Sequence[Row]) -> None:
        connection = self._open()
        if connection.dialect.driver == "psycopg":
            raw: Any = connection.connection.dbapi_connection
            with raw.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        columns = TABLES[table].names
        statement = sa.text(f"INSERT INTO {table} VALUES ({', '.join(':' + c for c in columns)})")  # noqa: S608
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])

    def close(self, *, commit: bool) -> None:
        if self._connection is None:
            return
        if commit:
            self._connection.commit()
        self._connection.close()
        self._connection = None
        self._engine.dispose()


def open_sink(target: Path | str) -> Sink:
    """A sink for a path, or for a URL such as ``postgresql+psycopg://...`` or ``sqlite:///his.db``.

    Raises AlreadyExists when something is there, StorageFault, SourceUnreachable.
    """
    if isinstance(target, str) and "://" in target:
        url = sa.make_url(target)
        if url.get_backend_name() == "sqlite" and url.database:
            return _Sqlite(Path(url.database))
        return _Server(target)
    return _Sqlite(Path(target))
