"""The places where a question is asked: one database for each engine and driver, filled again and again.

``PLACES`` is the register: a name and the function that makes the place.  An engine joins the spec suite
by standing in it.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from extract.his import compile as compiled
from extract.his.engines.base import Engine
from extract.his.packs import read_pack
from extract.his.sites import Limits, Site, dialect_of
from extract.his.source import source
from extract.his.windows import windows
from extract.study import protocol as protocols
from extract.study.protocol import Search

plain: Any = sys.modules["spec_reference"]
Records = Any

PACK = Path(__file__).parent / "pack"
PROTOCOL = protocols.load(Path(protocols.__file__).parent / "templates" / "esr-pain" / "study.toml")
TABLES = {
    "person": {"person_no": "VARCHAR(20)", "born": "DATE", "into_no": "VARCHAR(20)"},
    "attendance": {"person_no": "VARCHAR(20)", "ordinal": "INTEGER", "began": "TIMESTAMP"},
    "entry": {
        "entry_no": "INTEGER", "field": "VARCHAR(12)", "person_no": "VARCHAR(20)", "ordinal": "INTEGER",
        "at_time": "TIMESTAMP", "said": "TEXT", "amount": "NUMERIC(10,2)", "of_no": "VARCHAR(20)",
    },
}  # fmt: skip
ARROW = {"INTEGER": pa.int64(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("s"), "NUMERIC(10,2)": pa.decimal128(10, 2)}  # fmt: skip


class Place:
    """A database that is filled again and again, and the engine that reads it."""

    def __init__(self, url: str, fill: Callable[[Records], None], *, reopen: bool = False) -> None:
        dialect = dialect_of(url)
        self.site = Site(
            pack=read_pack(PACK, dialect), url=url, zone="Asia/Shanghai", limits=Limits(), root=Path()
        )
        self.fill, self._reopen = fill, reopen
        self.batch_rows = 3
        self._stack = contextlib.ExitStack()
        self._engine: Engine | None = None
        self._chart: dict[str, list[dict[str, Any]]] | None = None

    @property
    def engine(self) -> Engine:
        """The session, opened when first asked for."""
        if self._engine is None:
            self._engine = self._stack.enter_context(source(self.site))
        return self._engine

    def close(self) -> None:
        """End the session."""
        self._engine = None
        self._stack.close()

    def load(self, records: Records) -> None:
        """Put these records in the place of the last."""
        self._chart = None
        if self._reopen:
            self.close()
        self.fill(records)

    def rows(self, statement: compiled.Statement, schema: pa.Schema) -> list[dict[str, Any]]:
        """All rows, fetched in small batches: of three where a hospital is small."""
        stream = self.engine.stream(statement.sql, statement.params, schema, batch_rows=self.batch_rows)
        return [row for batch in stream for row in batch.to_pylist()]

    def candidates(self, search: Search, size: str = "decade") -> set[str]:
        """What the SQL finds: a superset, the same in every order."""
        asked = PROTOCOL.model_copy(update={"search": search})
        cut = windows(search.from_, search.to, size)  # type: ignore[arg-type]
        found = [
            {
                row["visit_id"]
                for window in cut
                for row in self.rows(
                    compiled.candidates(self.site, asked, window, self.engine.day, order), compiled.CANDIDATES
                )
            }
            for order in compiled.orders(self.site, asked)
        ]
        assert all(one == found[0] for one in found)
        return found[0]

    def chart(self, search: Search, persons: list[str]) -> dict[str, list[dict[str, Any]]]:
        """The canonical rows of these persons, asked for once."""
        asked = PROTOCOL.model_copy(update={"search": search})
        if self._chart is None:
            self._chart = {
                table: self.rows(
                    compiled.chart(self.site, asked, table, persons, self.engine.day),
                    compiled.chart_schema(self.site, table),
                )
                for table in self.site.pack.tables
            }
        return self._chart


def _sqlite(path: Path) -> Callable[[Records], None]:
    with sqlite3.connect(path) as db:
        for table, columns in TABLES.items():
            db.execute(f"CREATE TABLE {table} ({', '.join(f'{c} {t}' for c, t in columns.items())})")
    db.close()

    def fill(records: Records) -> None:
        with sqlite3.connect(path) as db:
            for table, rows in records.rows().items():
                db.execute(f"DELETE FROM {table}")
                marks = ", ".join("?" * len(TABLES[table]))
                db.executemany(f"INSERT INTO {table} VALUES ({marks})", [tuple(map(_plain, r)) for r in rows])
        db.close()

    return fill


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return float(value) if isinstance(value, Decimal) else value


def _server(connection: Any, types: dict[str, str]) -> Callable[[Records], None]:
    cursor = connection.cursor()
    for table, columns in TABLES.items():
        listed = ", ".join(f"{c} {types.get(t, t)}" for c, t in columns.items())
        cursor.execute(f"CREATE TABLE {table} ({listed})")
    connection.commit()

    def fill(records: Records) -> None:
        for table, rows in records.rows().items():
            cursor.execute(f"DELETE FROM {table}")
            marks = ", ".join(["%s"] * len(TABLES[table]))
            if rows:
                cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()

    return fill


def _files(folder: Path, form: str) -> Callable[[Records], None]:
    def fill(records: Records) -> None:
        for table, rows in records.rows().items():
            names = list(TABLES[table])
            if form == "csv":
                with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(names)
                    writer.writerows(rows)
                continue
            schema = pa.schema([(c, ARROW.get(t, pa.string())) for c, t in TABLES[table].items()])
            table_rows = [dict(zip(names, row, strict=True)) for row in rows]
            pq.write_table(pa.Table.from_pylist(table_rows, schema), folder / f"{table}.parquet")

    return fill


@contextlib.contextmanager
def postgres(address: str) -> Iterator[tuple[str, Callable[[Records], None]]]:
    """A database of our own: its name, and how it is filled."""
    name, admin = f"spec_{uuid.uuid4().hex[:12]}", address.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    try:
        with psycopg.connect(admin, dbname=name) as connection:
            yield name, _server(connection, {})
    finally:
        with psycopg.connect(admin, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def mariadb(address: str) -> Iterator[tuple[str, Callable[[Records], None]]]:
    """The same on MariaDB."""
    import pymysql

    at = address.rpartition("@")[2].partition("/")[0].partition(":")
    login = {"host": at[0], "port": int(at[2]), "user": "root", "charset": "utf8mb4"}
    name = f"spec_{uuid.uuid4().hex[:12]}"
    with contextlib.closing(pymysql.connect(**login)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {name}")
        try:
            yield name, _server(connection, {"TIMESTAMP": "DATETIME", "TEXT": "LONGTEXT"})
        finally:
            cursor.execute(f"DROP DATABASE {name}")


def odbc(dialect: str, text: str) -> str:
    """The URL of an ODBC connection string."""
    return f"{dialect}odbc:///?odbc_connect={quote(text)}"


Maker = Callable[[Callable[[str], Any], Path, contextlib.ExitStack], Place]
"""Makes a place: given how to ask for a fixture by its name, a folder, and what is undone at the end."""


def _in_sqlite(by_odbc_as: str | None = None) -> Maker:
    def make(fixture: Callable[[str], Any], folder: Path, stack: contextlib.ExitStack) -> Place:
        file = folder / "his.db"
        if by_odbc_as is None:
            return Place(f"sqlite:///{file}", _sqlite(file))
        fixture("odbc_drivers")
        return Place(odbc(by_odbc_as, f"DRIVER={{SQLite3}};Database={file}"), _sqlite(file))

    return make


def _in_files(form: str) -> Maker:
    def make(fixture: Callable[[str], Any], folder: Path, stack: contextlib.ExitStack) -> Place:
        return Place(f"duckdb:///{folder}", _files(folder, form), reopen=True)

    return make


def _in_postgres(*, by_odbc: bool) -> Maker:
    def make(fixture: Callable[[str], Any], folder: Path, stack: contextlib.ExitStack) -> Place:
        if by_odbc:
            fixture("odbc_drivers")
        address = fixture("postgres_url")
        base, fill = stack.enter_context(postgres(address))
        at = address.rpartition("@")[2].partition("/")[0].partition(":")
        text = f"DRIVER={{PostgreSQL Unicode}};SERVER={at[0]};PORT={at[2]};DATABASE={base};UID=postgres"
        url = odbc("postgresql+", text) if by_odbc else f"{address.rpartition('/')[0]}/{base}"
        return Place(url, fill)

    return make


def _in_mariadb(scheme: str, *, by_odbc: bool = False) -> Maker:
    def make(fixture: Callable[[str], Any], folder: Path, stack: contextlib.ExitStack) -> Place:
        if by_odbc:
            fixture("odbc_drivers")
        address = fixture("mariadb_url")
        base, fill = stack.enter_context(mariadb(address))
        at = address.rpartition("@")[2].partition("/")[0]
        host, _, port = at.partition(":")
        text = f"DRIVER={{MariaDB Unicode}};SERVER={host};PORT={port};DATABASE={base};UID=root"
        return Place(
            odbc(scheme, text) if by_odbc else f"{scheme}+pymysql://root@{at}/{base}?charset=utf8mb4", fill
        )

    return make


PLACES: dict[str, Maker] = {
    "sqlite": _in_sqlite(),
    "postgresql": _in_postgres(by_odbc=False),
    "mariadb": _in_mariadb("mariadb"),
    "mysql": _in_mariadb("mysql"),
    "parquet": _in_files("parquet"),
    "csv": _in_files("csv"),
    "odbc-sqlite": _in_sqlite("sqlite+"),
    "odbc-postgresql": _in_postgres(by_odbc=True),
    "odbc-mariadb": _in_mariadb("mariadb+", by_odbc=True),
    "odbc-common": _in_sqlite(""),
}
