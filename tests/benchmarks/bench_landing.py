"""Benches (c) and (e): laboratory results of a whole hospital, landed; and what memory any number of rows takes."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Iterator

from big_hospital import LABS, POSTGRES, hospital
from prepared import prepared

ROWS = tuple(int(n) for n in os.environ.get("BENCH_MEMORY_ROWS", "1000000,10000000,50000000").split(","))
COLUMNS = "result_no, visit_no, patient_no, code, name, taken, reported, result, unit, usual"
LANDED = """
import shutil, time
from collections import Counter
from pathlib import Path
from extract.his import reading
from extract.his.guard.watch import Guard
from extract.his.holdings import Holdings
from extract.his.parts import Part
from extract.his.pull import pull
from extract.study.folder import StudyFolder
import psycopg, pyarrow.csv, sqlalchemy.dialects.postgresql.psycopg, sqlglot.dialects.postgres, sqlglot.optimizer.scope

spent = Counter()

def timed(owner, name):
    whole = getattr(owner, name)
    def call(*args, **kwargs):
        start = time.perf_counter()
        try:
            return whole(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - start
    setattr(owner, name, call)

def main(root, split):
    study = StudyFolder.at(Path(root))
    shutil.rmtree(study.landing, ignore_errors=True)
    if split == "split":
        for owner, name in ((reading, "versions"), (Holdings, "meet"), (Holdings, "landed"), (Part, "write"), (Part, "close")):
            timed(owner, name)
    start = time.perf_counter()
    found = pull(study, full=True).records["lab"]["new"]
    whole = time.perf_counter() - start
    parts = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in spent.most_common())
    return f"{found} rows" + (f" ({parts} of {whole:.1f} s)" if parts else "")
"""
STREAMED = """
import os
from pathlib import Path
from extract.his.engines.relational import RelationalEngine
from extract.his.parts import Part, canonical
from extract.his.records import SCHEMAS
from extract.his.versions import versions
import psycopg, pyarrow.csv, sqlalchemy.dialects.postgresql.psycopg
import tempfile

SCHEMA = SCHEMAS["lab"]

def main(url, sql, versioned):
    engine = RelationalEngine(url, root=Path(), zone="Asia/Shanghai", seconds=7200)
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        part = Part(Path(folder), "lab", "run", "all")
        for batch in engine.stream(sql, {}, SCHEMA, batch_rows=20_000):
            landed = canonical(batch, "lab", "result")
            ids = ["lab:" + key for key in batch.column("result_id").to_pylist()]
            found = versions(landed, SCHEMA) if versioned == "yes" else ids
            part.write(landed, ids, found, list(range(len(ids))))
            rows += len(ids)
        part.close()
    engine.close()
    return f"{rows} rows"
"""
ON_DISK = """
import os, pathlib, tempfile

def on_disk(folder):
    for file in pathlib.Path(folder).rglob("*.parquet"):
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
"""
"""Whoever lands rows has them on the disk when the clock stops, as we have."""
READ_SQL = f"""{ON_DISK}
import pandas as pd
from sqlalchemy import create_engine
import psycopg, sqlalchemy.dialects.postgresql.psycopg

def main(url, kept):
    found = pd.read_sql("SELECT {COLUMNS} FROM result", create_engine(url))
    if kept == "yes":
        with tempfile.TemporaryDirectory() as folder:
            found.to_parquet(folder + "/lab.parquet", compression="zstd")
            on_disk(folder)
    return f"{{len(found)}} rows"
"""
CONNECTORX = f"""{ON_DISK}
import connectorx as cx
import pyarrow.parquet as pq

def main(dsn):
    stream = cx.read_sql(dsn, "SELECT {COLUMNS} FROM result", return_type="arrow_stream", batch_size=20_000)
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        with pq.ParquetWriter(folder + "/lab.parquet", stream.schema, compression="zstd") as file:
            for batch in stream:
                file.write_batch(batch)
                rows += batch.num_rows
        on_disk(folder)
    return f"{{rows}} rows"
"""
ADBC = f"""{ON_DISK}
import adbc_driver_postgresql.dbapi as adbc
import pyarrow.parquet as pq

def main(dsn):
    rows = 0
    with adbc.connect(dsn) as server, server.cursor() as cursor, tempfile.TemporaryDirectory() as folder:
        cursor.execute("SELECT {COLUMNS} FROM result")
        stream = cursor.fetch_record_batch()
        with pq.ParquetWriter(folder + "/lab.parquet", stream.schema, compression="zstd") as file:
            for batch in stream:
                file.write_batch(batch)
                rows += batch.num_rows
        on_disk(folder)
    return f"{{rows}} rows"
"""
DLT = f"""{ON_DISK}
import os
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
import dlt
from dlt.sources.sql_database import sql_table
import connectorx, pyarrow, psycopg, sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.postgresql.psycopg2

def main(dsn, url, backend):
    with tempfile.TemporaryDirectory() as folder:
        target = dlt.destinations.filesystem(bucket_url="file://" + folder + "/out")
        pipeline = dlt.pipeline("bench", destination=target, dataset_name="his", pipelines_dir=folder + "/work")
        table = sql_table(
            dsn if backend == "connectorx" else url, table="result", backend=backend, chunk_size=100_000,
            backend_kwargs={{"conn": dsn}} if backend == "connectorx" else None,
        )
        pipeline.run(table, loader_file_format="parquet")
        on_disk(folder)
        return f"{{pipeline.last_trace.last_normalize_info.row_counts['result']}} rows"
"""
MADE = (
    "SELECT 'L' || n AS result_id, CASE WHEN n % 6 > 0 THEN 'V' || n / 6 END AS visit_id, 'P' || n / 30 AS patient_id,"
    " 'C' || n % 60 AS code, '项目' || n % 60 AS name, timestamp '2022-01-01' + n % 1700000 * interval '1 minute' AS specimen_at,"
    " timestamp '2022-01-01' + n % 1700000 * interval '1 minute' AS reported_at, CAST(n % 1200 AS TEXT) AS raw_value,"
    " 'mm/h' AS unit, '0-20' AS reference_range, NULL AS updated_at FROM generate_series(1, {rows}) n"
)


def bench_landing() -> Iterator[tuple[str, Callable[[], object]]]:
    """(c) All of 3 M laboratory results from PostgreSQL to disk (BENCH_LABS)"""  # noqa: D400 - a title
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    his = stack.enter_context(hospital(1000, LABS, visits=LABS // 6))
    every = "lab:项目 OR lab:ESR"
    study = his.study("landing", expression=every, dates=("2021-07-01", "2025-12-31"))
    rows = "SELECT {} FROM result r".format(
        "result_no AS result_id, visit_no AS visit_id, patient_no AS patient_id, code, name, taken AS specimen_at,"
        " reported AS reported_at, result AS raw_value, unit, usual AS reference_range, NULL AS updated_at"
    )
    yield (
        "cohortlock: COPY to canonical values, versions, Parquet, fsync",
        prepared(STREAMED, his.url, rows, "yes"),
    )
    yield "the same without versions", prepared(STREAMED, his.url, rows, "no")
    yield "cohortlock: a whole pull of everybody, with the ledger", prepared(LANDED, study.root, "whole")
    yield "the same, where its time goes", prepared(LANDED, study.root, "split")
    yield "pandas.read_sql, in memory only", prepared(READ_SQL, his.url, "no")
    yield "pandas.read_sql to Parquet", prepared(READ_SQL, his.url, "yes")
    for backend in ("sqlalchemy", "pandas", "pyarrow", "connectorx"):
        yield f"dlt sql_database to Parquet, {backend}", prepared(DLT, his.dsn, his.url, backend)
    yield "connectorx to Parquet", prepared(CONNECTORX, his.dsn)
    yield "ADBC to Parquet", prepared(ADBC, his.dsn)


def bench_memory() -> Iterator[tuple[str, Callable[[], object]]]:
    """(e) Peak memory by rows landed from PostgreSQL (BENCH_MEMORY_ROWS)"""  # noqa: D400 - a title
    for rows in ROWS:
        yield f"{rows:,} laboratory results", prepared(STREAMED, POSTGRES, MADE.format(rows=rows), "yes")
