"""A session that dies while its rows are read."""

import contextlib
import gc
import sys

import pyarrow as pa
import pymysql
import pytest
import sqlalchemy as sa

from extract.errors import CohortlockError
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
