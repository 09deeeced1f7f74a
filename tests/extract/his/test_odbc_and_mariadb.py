"""MariaDB, and three databases through unixODBC: the same pull, read-only sessions, time-outs, faults said."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import uuid
from pathlib import Path
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pymysql
import pytest
import sqlalchemy as sa

from extract.errors import DriverMissing, SiteInvalid, SourceRefused, SourceUnreachable
from extract.his.engines.dialects import searched
from extract.his.engines.odbc import OdbcEngine, connection_string
from extract.his.engines.relational import RelationalEngine
from extract.his.engines.sessions import opening, product_of
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.his.records import SCHEMAS
from extract.study import protocol
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from extract.synthetic.schema import TABLES, create_indexes, create_tables

ONE = pa.schema([("x", pa.string())])
SLOW = {
    "mariadb": "SELECT SLEEP(20) AS x",
    "postgresql": "SELECT CAST(pg_sleep(20) AS VARCHAR(10)) AS x",
    "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT MAX(x) AS x FROM c",
}


def odbc(text: str, dialect: str) -> str:
    return f"{dialect}+odbc:///?odbc_connect={quote(text)}"


@pytest.fixture(scope="module")
def little(tmp_path_factory):
    """A demo hospital of 90 patients as an SQLite file."""
    file = tmp_path_factory.mktemp("little") / "his.db"
    build(file, patients=90, truth=file.with_suffix(".json"))
    return file


@pytest.fixture(scope="module")
def on_mariadb(little, mariadb_url):
    """The same on MariaDB, its names in lower case, for an account that only reads."""
    at, name = sa.make_url(mariadb_url), f"his_{uuid.uuid4().hex[:12]}"
    login = {"host": at.host, "port": at.port or 3306, "user": at.username, "charset": "utf8mb4"}
    with contextlib.closing(pymysql.connect(**login)) as server, sqlite3.connect(little) as db:
        cursor = server.cursor()
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {name}")
        try:
            for statement in create_tables():
                made = re.sub(r"(?i)(create table \w+)", lambda m: m[1].lower(), statement)
                cursor.execute(made.replace("TIMESTAMP", "DATETIME").replace(" TEXT", " LONGTEXT"))
            for table, shape in TABLES.items():
                insert = f"INSERT INTO {table.lower()} VALUES ({', '.join(['%s'] * len(shape.columns))})"
                if rows := db.execute(f"SELECT * FROM {table}").fetchall():
                    cursor.executemany(insert, rows)
            for statement in create_indexes():
                cursor.execute(re.sub(r" ON (\w+)", lambda m: f" ON {m[1].lower()}", statement))
            server.commit()
            cursor.execute(f"CREATE USER {name}@'%'")
            cursor.execute(f"GRANT SELECT ON {name}.* TO {name}@'%'")
            yield name, f"{at.host}:{at.port or 3306}"
        finally:
            cursor.execute(f"DROP USER IF EXISTS {name}@'%'")
            cursor.execute(f"DROP DATABASE {name}")
    db.close()


@pytest.fixture(scope="module")
def on_postgres(little, postgres_url):
    """The same on PostgreSQL, for an account that only reads."""
    name, admin = f"his_{uuid.uuid4().hex[:12]}", postgres_url.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            build(f"{postgres_url.rpartition('/')[0]}/{name}", patients=90, truth=little.with_name("pg.json"))
            with psycopg.connect(admin, dbname=name, autocommit=True) as inside:
                inside.execute(f"CREATE ROLE {name} LOGIN")
                inside.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
            yield name, sa.make_url(postgres_url)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
            server.execute(f"DROP ROLE IF EXISTS {name}")


def study_of(folder: Path, url: str) -> StudyFolder:
    folder.mkdir(parents=True)
    shutil.copy(Path(protocol.__file__).parent / "templates" / "esr-pain" / "study.toml", folder)
    (folder / "site.toml").write_text(
        f'format = 1\npack = "jw1"\n[source]\nurl = "{url}"\n[limits]\nwindow = "decade"\n'
        '[safety]\nallow_write_right = "the owner of a database made for this test"\n',
        encoding="utf-8",
    )
    return StudyFolder.at(folder)


@pytest.fixture(scope="module")
def reference(little, tmp_path_factory):
    study = study_of(tmp_path_factory.mktemp("reference") / "study", f"sqlite:///{little}")
    pull(study)
    return Landing(study.landing)


@pytest.fixture
def address(request, little):
    """URL of the hospital by the way that the test asks for."""

    def of(way: str) -> str:
        if way.startswith("odbc"):
            request.getfixturevalue("odbc_drivers")
        if way == "odbc-sqlite":
            return odbc(f"DRIVER={{SQLite3}};Database={little}", "sqlite")
        if way == "odbc-postgresql":
            name, at = request.getfixturevalue("on_postgres")
            where = f"SERVER={at.host};PORT={at.port or 5432};DATABASE={name};UID={name}"
            return odbc(f"DRIVER={{PostgreSQL Unicode}};{where}", "postgresql")
        name, at = request.getfixturevalue("on_mariadb")
        if way != "odbc-mariadb":
            return f"{way}+pymysql://{name}@{at}/{name}?charset=utf8mb4"
        host, _, port = at.partition(":")
        where = f"SERVER={host};PORT={port};DATABASE={name};UID={name}"
        return odbc(f"DRIVER={{MariaDB Unicode}};{where}", "mariadb")

    return of


WAYS = ["mariadb", "mysql", "odbc-mariadb", "odbc-postgresql", "odbc-sqlite"]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "mysql"])
def test_the_same_pull_lands_the_same_records(way, address, reference, tmp_path):
    """...candidates, counts, rejected and content hashes: those of SQLite."""
    study = study_of(tmp_path / "study", address(way))
    pull(study)
    found = Landing(study.landing)
    assert found.candidates().equals(reference.candidates())
    assert found.window_totals() == reference.window_totals()
    assert found.rejected() == reference.rejected()
    assert found.content_hashes() == reference.content_hashes()
    assert found.current("document").num_rows > 100


def opened(url: str, seconds: int = 30) -> OdbcEngine | RelationalEngine:
    dialect = url.partition("://")[0].partition("+")[0]
    if "+odbc" in url.partition("://")[0]:
        return OdbcEngine(url, dialect=dialect, zone="Asia/Shanghai", seconds=seconds)
    return RelationalEngine(url, root=Path(), zone="Asia/Shanghai", seconds=seconds)


@pytest.fixture
def session(address):
    with contextlib.ExitStack() as stack:

        def begin(way: str, seconds: int = 30):
            engine = opened(address(way), seconds)
            stack.callback(engine.close)
            return engine

        yield begin


def rows(engine, sql, **params):
    return [r["x"] for batch in engine.stream(sql, params, ONE, batch_rows=100) for r in batch.to_pylist()]


@pytest.mark.parametrize("way", WAYS)
def test_a_session_cannot_write(way, session):
    engine = session(way)
    with pytest.raises(SourceRefused):
        rows(engine, "DELETE FROM pat_master_index")
    assert int(rows(engine, "SELECT COUNT(*) AS x FROM pat_master_index")[0]) > 0


@pytest.mark.parametrize("way", ["mariadb", "mysql", "odbc-mariadb", "odbc-postgresql"])
def test_a_statement_that_takes_too_long_is_stopped_by_the_server(way, session):
    engine = session(way, seconds=1)
    slow = SLOW["postgresql" if way.endswith("postgresql") else "mariadb"]
    with pytest.raises(SourceRefused, match="longer than 1 s"):
        rows(engine, slow)


@pytest.mark.parametrize("way", WAYS)
def test_columns_are_told_and_a_missing_table_is_none(way, session):
    engine = session(way)
    assert {"patient_id", "sex"} <= (engine.columns("pat_master_index") or set())
    assert engine.columns("no_such_table") is None


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_may_be_left_early_and_the_session_goes_on(way, session):
    engine = session(way)
    stream = engine.stream("SELECT f.mr_content AS x FROM jhmr_file_content_text f", {}, ONE, batch_rows=10)
    assert next(stream).num_rows == 10
    stream.close()
    assert rows(engine, "SELECT COUNT(*) AS x FROM pat_visit") != []


@pytest.mark.parametrize("way", ["mariadb", "mysql", "odbc-mariadb"])
def test_literals_mean_what_ansi_says(way, session):
    """|| joins, a backslash is a character, "x" is a name, NULL joined is NULL."""
    engine = session(way)
    assert rows(engine, r"""SELECT 'a\' || 'b' AS "x" """) == ["a\\b"]
    assert rows(engine, "SELECT 'a' || NULL AS x") == [None]
    assert rows(engine, "SELECT 1 AS x WHERE 'a%b' LIKE :leaf_0_0 ESCAPE '!'", leaf_0_0="%a!%b%") == ["1"]


def test_a_gbk_column_on_mariadb_is_searched_and_read_as_any_other(mariadb_url):
    """...also for a term that GBK cannot write, which the server would else refuse to compare."""
    at, name = sa.make_url(mariadb_url), f"gbk_{uuid.uuid4().hex[:12]}"
    login = {"host": at.host, "port": at.port or 3306, "user": at.username, "charset": "utf8mb4"}
    with contextlib.closing(pymysql.connect(**login)) as server:
        cursor = server.cursor()
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET gbk")
        try:
            cursor.execute(
                f"CREATE TABLE {name}.note (no INT, said TEXT, key_no VARCHAR(10)) CHARACTER SET gbk"
            )
            texts = [(1, "颈痛3月", "甲"), (2, None, "乙"), (3, "腰痛", None)]
            cursor.executemany(f"INSERT INTO {name}.note VALUES (%s, %s, %s)", texts)
            server.commit()
            url = f"mariadb+pymysql://root@{at.host}:{at.port or 3306}/{name}?charset=utf8mb4"
            with contextlib.closing(opened(url)) as engine:
                asked = "SELECT n.said AS x FROM note n WHERE n.said LIKE :leaf_0_0 ESCAPE '!' OR n.key_no IN (:k0)"
                assert rows(engine, asked, leaf_0_0="%颈痛%", k0="乙") == ["颈痛3月", None]
                wide = asked.replace("n.said LIKE", f"{searched('n.said', 'mariadb')} LIKE")
                assert rows(engine, wide, leaf_0_0="%颈痛%", k0="乙") == ["颈痛3月", None]
                assert rows(engine, wide, leaf_0_0="%😀%", k0="丙") == []
                assert rows(engine, "SELECT '键|' || n.key_no AS x FROM note n ORDER BY n.no")[0] == "键|甲"
        finally:
            cursor.execute(f"DROP DATABASE {name}")


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("DRIVER={MariaDB Nowhere};SERVER=h;UID=u;PWD=secret", "odbc-mariadb"),
        ("DRIVER=/no/such/psqlodbcw.so;SERVER=h;PWD=secret", "odbc-postgresql"),
        ("DRIVER={Some Vendor};PWD=secret", "vendor"),
    ],
)
def test_a_missing_driver_is_named_with_the_package_that_brings_it(text, package, odbc_drivers):
    with pytest.raises(DriverMissing, match=package) as caught:
        opened(odbc(text, "postgresql"))
    assert "secret" not in str(caught.value)
    assert "PostgreSQL Unicode" in str(caught.value)


def test_an_unknown_data_source_is_no_dead_server(odbc_drivers):
    with pytest.raises(DriverMissing, match="no_such_source"):
        opened("postgresql+odbc://no_such_source")


def test_a_dead_server_and_a_refused_login_are_told_apart(odbc_drivers, mariadb_url):
    at = sa.make_url(mariadb_url)
    with pytest.raises(SourceUnreachable):
        opened(
            odbc(
                "DRIVER={PostgreSQL Unicode};SERVER=127.0.0.1;PORT=1;DATABASE=x;UID=x;PWD=secret",
                "postgresql",
            )
        )
    with pytest.raises(SourceRefused) as caught:
        opened(f"mariadb+pymysql://nobody:secret@{at.host}:{at.port or 3306}/mysql")
    assert "secret" not in str(caught.value)


def test_a_password_may_hold_any_character():
    assert connection_string("odbc://reader:p%40%7Dw%3B1@HIS") == "DSN=HIS;UID={reader};PWD={p@}}w;1}"
    asked = connection_string("mssql+odbc://reader:x@/?odbc_connect=DRIVER%3D%7BFreeTDS%7D%3BSERVER%3Dh%3B")
    assert asked == "DRIVER={FreeTDS};SERVER=h;UID={reader};PWD={x}"
    with pytest.raises(SiteInvalid, match="names no ODBC source"):
        connection_string("odbc:///")


def test_a_product_is_known_by_the_name_its_driver_gives():
    assert product_of("Microsoft SQL Server") == "mssql"
    assert product_of("KingbaseES") == "postgresql"
    assert product_of("DM8") == ""
    assert opening("", 5) == []
    assert any("READ ONLY" in statement for statement in opening("mariadb", 5))


def test_every_table_of_the_pack_reaches_us(reference):
    """The reference is worth comparing with."""
    assert all(reference.current(table).num_rows for table in SCHEMAS)
