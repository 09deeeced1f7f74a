"""Bench (a): from a keyword and a laboratory item to the visits that hold both, on PostgreSQL."""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Callable, Iterator

from big_hospital import LABS, NOTES, TERMS, hospital
from prepared import prepared

OURS = """
import shutil
from functools import partial
from pathlib import Path
from extract.his import compile as compiled
from extract.his.guard.watch import Guard
from extract.his.landing import Landing
from extract.his.ledger import Ledger
from extract.his.ordering import ordered
from extract.his.patients import Patients
from extract.his.pull import pull
from extract.his.sites import load_site
from extract.his.source import opened, source
from extract.his.windows import windows
from extract.study.folder import StudyFolder
import psycopg, pyarrow.csv, sqlalchemy.dialects.postgresql.psycopg, sqlglot.dialects.postgres, sqlglot.optimizer.scope

def main(root, whole):
    study = StudyFolder.at(Path(root))
    shutil.rmtree(study.landing, ignore_errors=True)
    if whole == "charts":
        return f"{pull(study, full=True).candidates} visits"
    study.landing.mkdir()
    protocol, site = study.protocol(), load_site(study)
    with source(site) as engine, Guard(engine, site, partial(opened, site)) as guard:
        ledger = Ledger(study.landing)
        found = 0
        for window in windows(protocol.search.from_, protocol.search.to, site.limits.window):
            statement = ordered(engine, site, protocol, window).statement
            with ledger.transaction():
                for batch in guard.stream(statement, compiled.CANDIDATES):
                    pairs = list(zip(*(batch.column(i).to_pylist() for i in (0, 1)), strict=True))
                    ledger.holdings.find(window.name, pairs)
                    found += len(pairs)
        ledger.close()
    return f"{found} visits"
"""
DATES = "v.seen >= '2022-01-01' AND v.seen < '2025-05-01'"
NOTES_SQL = f"SELECT n.visit_no, n.patient_no, n.body FROM note n JOIN visit v ON v.visit_no = n.visit_no WHERE {DATES}"
LABS_SQL = (
    "SELECT r.visit_no, r.patient_no, r.name FROM result r LEFT JOIN visit v ON v.visit_no = r.visit_no"
    f" WHERE r.visit_no IS NULL OR {DATES}"
)
NOTEBOOK = f"""
import pandas as pd
from sqlalchemy import create_engine
import psycopg, sqlalchemy.dialects.postgresql.psycopg

def main(url):
    database = create_engine(url)
    notes = pd.read_sql({NOTES_SQL!r}, database)
    labs = pd.read_sql({LABS_SQL!r}, database)
    pain = notes[notes.body.str.contains({"|".join(TERMS)!r})]
    esr = labs[labs.name.str.contains("ESR")]
    hit = pain.visit_no.isin(esr.visit_no) | pain.patient_no.isin(esr.patient_no[esr.visit_no.isna()])
    return f"{{pain.visit_no[hit].nunique()}} visits"
"""
CONNECTORX = f"""
import connectorx as cx
import polars as pl

def main(dsn):
    notes = pl.from_arrow(cx.read_sql(dsn, {NOTES_SQL!r}, return_type="arrow"))
    labs = pl.from_arrow(cx.read_sql(dsn, {LABS_SQL!r}, return_type="arrow"))
    pain = notes.filter(pl.col("body").str.contains({"|".join(TERMS)!r}))
    esr = labs.filter(pl.col("name").str.contains("ESR", literal=True))
    loose = esr.filter(pl.col("visit_no").is_null())["patient_no"]
    hit = pain.filter(pl.col("visit_no").is_in(esr["visit_no"].drop_nulls().implode()) | pl.col("patient_no").is_in(loose.implode()))
    return f"{{hit['visit_no'].n_unique()}} visits"
"""
TUNED = f"""
import psycopg

SQL = '''WITH e AS MATERIALIZED (SELECT DISTINCT visit_no, patient_no FROM result WHERE name LIKE '%ESR%'),
w AS MATERIALIZED (
  SELECT v.visit_no, v.patient_no FROM visit v JOIN e ON e.visit_no = v.visit_no WHERE {DATES}
  UNION
  SELECT v.visit_no, v.patient_no FROM visit v JOIN e ON e.patient_no = v.patient_no AND e.visit_no IS NULL
  WHERE {DATES}
)
SELECT w.visit_no, w.patient_no FROM w WHERE EXISTS (
  SELECT 1 FROM note n WHERE n.visit_no = w.visit_no AND ({" OR ".join(f"n.body LIKE '%{term}%'" for term in TERMS)}))'''

def main(dsn):
    with psycopg.connect(dsn) as server:
        server.execute("SET jit = off")
        return f"{{len(server.execute(SQL).fetchall())}} visits"
"""


def bench_candidates() -> Iterator[tuple[str, Callable[[], object]]]:
    """(a) Candidates on PostgreSQL, 1 M notes and 3 M laboratory results (BENCH_NOTES, BENCH_LABS)"""  # noqa: D400 - a title
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    his = stack.enter_context(hospital(NOTES, LABS))
    study = his.study("candidates")
    yield (
        "cohortlock: candidates through the guard, into the ledger",
        prepared(OURS, study.root, "candidates"),
    )
    yield "hand-tuned SQL alone: laboratory first, materialised", prepared(TUNED, his.dsn)
    yield "pandas.read_sql of the window, str.contains", prepared(NOTEBOOK, his.url)
    yield "connectorx of the window, Polars", prepared(CONNECTORX, his.dsn)
    yield "cohortlock: a whole first pull, every chart landed", prepared(OURS, study.root, "charts")
