"""One question on every engine: ``spec(records, expression, expected)``, and the plain-Python answer to it."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import importlib.util
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
import pytest

from extract.his import compile as compiled
from extract.his.engines.base import Engine
from extract.his.packs import read_pack
from extract.his.records import HIT_COLUMNS, SCHEMAS
from extract.his.sites import Limits, Site, dialect_of
from extract.his.source import source
from extract.study import protocol as protocols
from extract.study.keywords import Matcher
from extract.study.protocol import Search

_FOUND = importlib.util.spec_from_file_location("spec_reference", Path(__file__).with_name("reference.py"))
assert _FOUND is not None
assert _FOUND.loader is not None
plain: Any = importlib.util.module_from_spec(_FOUND)
sys.modules["spec_reference"] = plain
_FOUND.loader.exec_module(plain)
Records = Any

PACK = Path(__file__).parent / "pack"
PROTOCOL = protocols.load(Path(protocols.__file__).parent / "templates" / "esr-pain" / "study.toml")
TABLES = {
    "person": {"person_no": "VARCHAR(10)", "born": "DATE", "into_no": "VARCHAR(10)"},
    "attendance": {"person_no": "VARCHAR(10)", "ordinal": "INTEGER", "began": "TIMESTAMP"},
    "entry": {
        "entry_no": "INTEGER", "field": "VARCHAR(12)", "person_no": "VARCHAR(10)", "ordinal": "INTEGER",
        "at_time": "TIMESTAMP", "said": "TEXT", "amount": "NUMERIC(10,2)",
    },
}  # fmt: skip
ARROW = {"INTEGER": pa.int64(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("s"), "NUMERIC(10,2)": pa.decimal128(10, 2)}  # fmt: skip


# ---- the places where the question is asked ----


class Place:
    """A database that is filled again and again, and the engine that reads it."""

    def __init__(self, url: str, fill: Callable[[Records], None], *, reopen: bool = False) -> None:
        dialect = dialect_of(url)
        self.site = Site(
            pack=read_pack(PACK, dialect), url=url, zone="Asia/Shanghai", limits=Limits(), root=Path()
        )
        self.fill, self._reopen = fill, reopen
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
        """All rows, fetched in batches of three."""
        stream = self.engine.stream(statement.sql, statement.params, schema, batch_rows=3)
        return [row for batch in stream for row in batch.to_pylist()]

    def candidates(self, search: Search) -> set[str]:
        """What the SQL finds: a superset."""
        asked = PROTOCOL.model_copy(update={"search": search})
        statement = compiled.candidates(self.site, asked, plain.WINDOW, self.engine.day)
        return {r["visit_id"] for r in self.rows(statement, compiled.CANDIDATES)}

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


def decided(found: set[str], chart: dict[str, list[dict[str, Any]]], search: Search) -> set[str]:
    """What remains of the SQL's candidates when the exact matcher has read the plain.delivered charts."""
    matcher = Matcher.of(search)
    into = {r["patient_id"]: r["merged_into"] for r in chart["patient"]}
    known = {r["visit_id"]: r["patient_id"] for r in chart["visit"]}

    def one(person: str) -> str:
        first = into.get(person)
        return person if first is None else into.get(first) or first

    by_visit: dict[str, set[int]] = {}
    by_person: dict[str, set[int]] = {}
    for scope in plain.FIELDS:
        for row in chart[scope]:
            hits = {h.leaf for h in matcher.find(row[HIT_COLUMNS[scope][1]] or "", scope)}
            if row["visit_id"] in known:
                by_visit.setdefault(row["visit_id"], set()).update(hits)
            else:
                by_person.setdefault(one(row["patient_id"]), set()).update(hits)
    return {
        visit for visit in found
        if matcher.decide(by_visit.get(visit, set()) | by_person.get(one(known[visit]), set()))
    }  # fmt: skip


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


PLACES = [
    "sqlite", "postgresql", "mariadb", "mysql", "parquet", "csv",
    "odbc-sqlite", "odbc-postgresql", "odbc-mariadb", "odbc-common",
]  # fmt: skip


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Each engine, and each driver, in turn."""
    name, folder = request.param, tmp_path_factory.mktemp("spec")
    if name.startswith("odbc"):
        request.getfixturevalue("odbc_drivers")
    with contextlib.ExitStack() as stack:
        if name == "sqlite":
            made = Place(f"sqlite:///{folder / 'his.db'}", _sqlite(folder / "his.db"))
        elif name in {"odbc-sqlite", "odbc-common"}:
            text = f"DRIVER={{SQLite3}};Database={folder / 'his.db'}"
            made = Place(odbc("" if name == "odbc-common" else "sqlite+", text), _sqlite(folder / "his.db"))
        elif name in {"parquet", "csv"}:
            made = Place(f"duckdb:///{folder}", _files(folder, name), reopen=True)
        elif name.endswith("postgresql"):
            address = request.getfixturevalue("postgres_url")
            base, fill = stack.enter_context(postgres(address))
            url = f"{address.rpartition('/')[0]}/{base}"
            if name.startswith("odbc"):
                at = address.rpartition("@")[2].partition("/")[0].partition(":")
                text = (
                    f"DRIVER={{PostgreSQL Unicode}};SERVER={at[0]};PORT={at[2]};DATABASE={base};UID=postgres"
                )
                url = odbc("postgresql+", text)
            made = Place(url, fill)
        else:
            address = request.getfixturevalue("mariadb_url")
            base, fill = stack.enter_context(mariadb(address))
            at = address.rpartition("@")[2].partition("/")[0]
            url = f"{name}+pymysql://root@{at}/{base}?charset=utf8mb4"
            if name.startswith("odbc"):
                host, _, port = at.partition(":")
                text = f"DRIVER={{MariaDB Unicode}};SERVER={host};PORT={port};DATABASE={base};UID=root"
                url = odbc("mariadb+", text)
            made = Place(url, fill)
        stack.callback(made.close)
        yield made


@pytest.fixture
def spec(place: Place) -> Callable[..., None]:
    """``spec(records, expression, expected)``: the visits that the expression lets in, on this engine."""

    def check(table: str, expression: str, expected: str, **search: Any) -> None:
        records = plain.read_records(table)
        place.load(records)
        agree(place, records, expression, search=search, expected={f"V|{v}" for v in expected.split()})

    return check


def agree(
    place: Place,
    records: Records,
    expression: str,
    *,
    expected: set[str],
    search: dict[str, Any] | None = None,
) -> None:
    """One question: candidates no fewer than the answer, and exactly the answer after the matcher."""
    asked = Search.model_validate(
        {"expression": expression, "from": "2022-01-01", "to": "2022-12-31", **(search or {})}
    )
    found = place.candidates(asked)
    chart = place.chart(asked, records.keys())
    assert expected <= found
    assert decided(found, chart, asked) == expected
    wanted = plain.delivered(records)
    for table, rows in chart.items():
        names = [*SCHEMAS[table].names, *(["raw_number"] if table == "lab" else [])]
        full = [{name: row.get(name) for name in names} for row in wanted[table]]
        key = names[0]
        assert sorted(rows, key=lambda r: r[key]) == sorted(full, key=lambda r: r[key]), table


@pytest.fixture
def asking() -> Any:
    """The pieces of the question, for tests that make their own."""
    return {"agree": agree, "reference": plain.reference, "Entry": plain.Entry, "Records": plain.Records}
