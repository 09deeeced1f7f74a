"""An answer of any length is read in the memory of a batch, by every driver that could hold it whole."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from urllib.parse import quote

import pytest
import sqlalchemy as sa

ROWS = 60_000
WIDE = 1000
CHILD = """
import sys
from pathlib import Path
import pyarrow as pa
from extract.his.engines.odbc import OdbcEngine
from extract.his.engines.relational import RelationalEngine

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024

url, sql = sys.argv[1:]
dialect = url.partition("://")[0].partition("+")[0]
engine = (
    OdbcEngine(url, dialect=dialect, zone="UTC", seconds=300)
    if "+odbc" in url.partition("://")[0]
    else RelationalEngine(url, root=Path("/"), zone="UTC", seconds=300)
)
schema = pa.schema([("n", pa.string()), ("x", pa.string())])
rows = first = 0
for batch in engine.stream(sql, {}, schema, batch_rows=2000):
    rows += batch.num_rows
    assert len(batch["x"][0].as_py()) == 1000
    first = first or peak()
print(rows, peak() - first)
"""
SQL = {
    "postgresql": f"SELECT CAST(n AS VARCHAR(10)) AS n, repeat('x', {WIDE}) AS x FROM generate_series(1, {ROWS}) n",
    "mariadb": f"SELECT CAST(s.seq AS CHAR) AS n, REPEAT('x', {WIDE}) AS x FROM seq_1_to_{ROWS} s",
    "sqlite": f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS})"
    f" SELECT n, hex(zeroblob({WIDE // 2})) AS x FROM c",
}


@pytest.mark.parametrize(
    "way", ["postgresql", "mariadb", "sqlite", "odbc-postgresql", "odbc-mariadb", "odbc-sqlite"]
)
def test_the_memory_is_of_a_batch_and_not_of_the_answer(way, request, tmp_path):
    """Sixty megabytes pass; what the process needs grows by less than a third of them."""
    product = way.removeprefix("odbc-")
    if way.startswith("odbc"):
        request.getfixturevalue("odbc_drivers")
    if product == "sqlite":
        file = tmp_path / "his.db"
        with contextlib.closing(sqlite3.connect(file)) as db:
            db.execute("CREATE TABLE t (n INTEGER)")
        url, text = f"sqlite:///{file}", f"DRIVER={{SQLite3}};Database={file}"
    elif product == "postgresql":
        url = request.getfixturevalue("postgres_url")
        at = sa.make_url(url)
        text = f"DRIVER={{PostgreSQL Unicode}};SERVER={at.host};PORT={at.port};DATABASE={at.database};UID={at.username}"
    else:
        at = sa.make_url(request.getfixturevalue("mariadb_url"))
        url = at.set(database="mysql", query={"charset": "utf8mb4"}).render_as_string(hide_password=False)
        text = f"DRIVER={{MariaDB Unicode}};SERVER={at.host};PORT={at.port or 3306};DATABASE=mysql;UID={at.username}"
    if way.startswith("odbc"):
        url = f"{product}+odbc:///?odbc_connect={quote(text)}"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, url, SQL[product]], capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr[-500:]
    rows, grown = (int(word) for word in child.stdout.split())
    assert rows == ROWS
    assert grown < ROWS * WIDE / 2**20 / 3
