"""Rows per second of each engine: one table of laboratory results, streamed as Arrow batches."""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pymysql
import sqlalchemy as sa

from extract.his.engines.base import Engine
from extract.his.engines.odbc import OdbcEngine, connection_string
from extract.his.engines.relational import RelationalEngine

ROWS = int(os.environ.get("BENCH_ROWS", "200000"))
POSTGRES = os.environ.get("COHORTLOCK_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
MARIADB = os.environ.get("COHORTLOCK_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/")
SCHEMA = pa.schema(
    [("no", pa.string()), ("name", pa.string()), ("at_time", pa.timestamp("s")), ("result", pa.string())]
)
TABLE = "CREATE TABLE lab (no VARCHAR(20), name VARCHAR(40), at_time {time}, result VARCHAR(20))"
Contender = tuple[str, Callable[[], object]]


def bench_engines() -> Iterator[Contender]:
    """Rows streamed by each engine and driver (200,000 rows of four columns; BENCH_ROWS)"""  # noqa: D400 - a title
    rows = [
        (f"{n:09}", "红细胞沉降率(ESR)", f"2022-{n % 12 + 1:02}-{n % 28 + 1:02} 08:00:00", str(n % 120))
        for n in range(ROWS)
    ]
    name = f"bench_{uuid.uuid4().hex[:12]}"
    # The contenders run after this generator has ended.
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    _sqlite(folder / "his.db", rows)
    _postgres(stack, name, rows)
    _mariadb(stack, name, rows)
    pg, my = sa.make_url(POSTGRES), sa.make_url(MARIADB)
    urls = {
        "SQLite": f"sqlite:///{folder / 'his.db'}",
        "PostgreSQL, psycopg": f"{POSTGRES.rpartition('/')[0]}/{name}",
        "MariaDB, pymysql": f"mariadb+pymysql://root@{my.host}:{my.port or 3306}/{name}?charset=utf8mb4",
        "SQLite, ODBC": _odbc("sqlite", f"DRIVER={{SQLite3}};Database={folder / 'his.db'}"),
        "PostgreSQL, ODBC": _odbc(
            "postgresql",
            f"DRIVER={{PostgreSQL Unicode}};SERVER={pg.host};PORT={pg.port};DATABASE={name};UID={pg.username}",
        ),
        "MariaDB, ODBC": _odbc(
            "mariadb",
            f"DRIVER={{MariaDB Unicode}};SERVER={my.host};PORT={my.port or 3306};DATABASE={name};UID={my.username}",
        ),
    }
    for title, url in urls.items():
        yield title, lambda url=url: _read(url)  # type: ignore[misc]
    yield "PostgreSQL, ADBC: bare columns", lambda: _adbc(urls["PostgreSQL, psycopg"])
    yield "MariaDB, arrow-odbc: bare columns", lambda: _arrow_odbc(urls["MariaDB, ODBC"])


def _read(url: str) -> int:
    with contextlib.closing(_opened(url)) as engine:
        sql = "SELECT l.no, l.name, l.at_time, l.result FROM lab l"
        return sum(batch.num_rows for batch in engine.stream(sql, {}, SCHEMA, batch_rows=20_000))


def _adbc(url: str) -> int:
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(url.replace("+psycopg", "")) as server, server.cursor() as cursor:
        cursor.execute("SELECT l.no, l.name, l.at_time, l.result FROM lab l")
        return sum(batch.num_rows for batch in cursor.fetch_record_batch())


def _arrow_odbc(url: str) -> int:
    import arrow_odbc

    server = arrow_odbc.connect(f"{connection_string(url)};NO_CACHE=1;FORWARDONLY=1;CHARSET=utf8mb4")
    return sum(
        batch.num_rows
        for batch in server.read_arrow_batches(
            "SELECT l.no, l.name, l.at_time, l.result FROM lab l", batch_size=20_000
        )
    )


def _opened(url: str) -> Engine:
    scheme = url.partition("://")[0]
    if scheme.endswith("+odbc"):
        return OdbcEngine(url, dialect=scheme.partition("+")[0], zone="Asia/Shanghai", seconds=300)
    return RelationalEngine(url, root=Path(), zone="Asia/Shanghai", seconds=300)


def _odbc(dialect: str, text: str) -> str:
    return f"{dialect}+odbc:///?odbc_connect={quote(text)}"


def _sqlite(path: Path, rows: list[tuple[str, ...]]) -> None:
    with sqlite3.connect(path) as db:
        db.execute(TABLE.format(time="TIMESTAMP"))
        db.executemany("INSERT INTO lab VALUES (?, ?, ?, ?)", rows)
    db.close()


def _postgres(stack: contextlib.ExitStack, name: str, rows: list[tuple[str, ...]]) -> None:
    server = stack.enter_context(psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True))
    server.execute(f"CREATE DATABASE {name}")
    stack.callback(server.execute, f"DROP DATABASE {name} WITH (FORCE)")
    with psycopg.connect(POSTGRES.replace("+psycopg", ""), dbname=name) as inside:
        inside.execute(TABLE.format(time="TIMESTAMP"))
        with inside.cursor().copy("COPY lab FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _mariadb(stack: contextlib.ExitStack, name: str, rows: list[tuple[str, ...]]) -> None:
    at = sa.make_url(MARIADB)
    server = pymysql.connect(host=at.host, port=at.port or 3306, user=at.username, charset="utf8mb4")
    stack.callback(server.close)
    cursor = server.cursor()
    cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    stack.callback(cursor.execute, f"DROP DATABASE {name}")
    cursor.execute(f"USE {name}")
    cursor.execute(TABLE.format(time="DATETIME"))
    cursor.executemany("INSERT INTO lab VALUES (%s, %s, %s, %s)", rows)
    server.commit()
