"""A session that dies while its rows are read."""

import contextlib
import gc
import sys

import psycopg
import pyarrow as pa
import pymysql
import pytest
import sqlalchemy as sa

from extract.errors import CohortlockError, SourceUnreachable
from extract.his.engines.relational import RelationalEngine

MANY = (
    "SELECT CONCAT(CAST(a.seq AS CHAR), REPEAT('x', 900)) AS x FROM seq_1_to_20000 a CROSS JOIN seq_1_to_9 b"
)


def test_it_is_one_error_and_no_traceback_on_the_terminal(mariadb_url, tmp_path, monkeypatch):
    """The driver's own clean-up, which fails on a session that is gone, must not be heard."""
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", lambda said: heard.append(said.object))
    url = sa.make_url(mariadb_url).set(database="mysql")
    engine = RelationalEngine(
        url.render_as_string(hide_password=False), root=tmp_path, zone="UTC", seconds=60
    )
    [(session,)] = engine.ask("SELECT CONNECTION_ID()")
    rows = engine.stream(MANY, {}, pa.schema([("x", pa.string())]), batch_rows=100)
    next(rows)
    login = {"host": url.host, "port": url.port or 3306, "user": url.username}
    with contextlib.closing(pymysql.connect(**login)) as other:
        other.cursor().execute(f"KILL {int(session)}")
    with pytest.raises(CohortlockError):
        for _ in rows:
            pass
    engine.close()
    del rows, engine
    gc.collect()
    assert heard == []


ONE = pa.schema([("x", pa.string())])


def _kill_mariadb(url, session):
    login = {"host": url.host, "port": url.port or 3306, "user": url.username}
    with contextlib.closing(pymysql.connect(**login)) as other:
        other.cursor().execute(f"KILL {int(session)}")


def _kill_postgres(url, session):
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [int(session)]).fetchone() == (True,)


@pytest.mark.parametrize(
    ("product", "number", "kill"),
    [
        ("postgres", "SELECT pg_backend_pid()", _kill_postgres),
        ("mariadb", "SELECT CONNECTION_ID()", _kill_mariadb),
    ],
)
def test_a_session_lost_between_two_statements_is_never_replaced(product, number, kill, request, tmp_path):
    """A new one would be neither read-only nor limited: the guard prepared the one that is gone."""
    url = sa.make_url(request.getfixturevalue(f"{product}_url"))
    engine = RelationalEngine(
        url.render_as_string(hide_password=False), root=tmp_path, zone="UTC", seconds=60
    )
    [(session,)] = engine.ask(number)
    list(engine.stream("SELECT 'a' AS x", {}, ONE, batch_rows=1))
    kill(url, session)
    with pytest.raises(CohortlockError):
        list(engine.stream("SELECT 'a' AS x", {}, ONE, batch_rows=1))
    for _ in range(3):
        with pytest.raises(SourceUnreachable):
            list(engine.stream("SELECT 'a' AS x", {}, ONE, batch_rows=1))
        with pytest.raises(SourceUnreachable):
            engine.ask(number)
        with pytest.raises(SourceUnreachable):
            engine.columns("nothing")
    engine.close()
