"""Keyword search over Chinese notes: ours, with its exact answer and offsets, against what people use today."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl

from extract.study.keywords import Matcher
from extract.study.protocol import Search
from extract.synthetic.hospital import build

TERMS = ["颈痛", "肩痛", "腰痛", "腰腿痛"]


def bench_notes() -> Iterator[tuple[str, Callable[[], object]]]:
    """Notes that hold one of four terms, on the demo hospital's outpatient notes."""
    texts = _notes()
    frame = pd.Series(texts)
    series = pl.Series(texts)
    pattern = "|".join(TERMS)
    search = {"expression": " OR ".join(f'"{t}"' for t in TERMS), "from": "2022-01-01", "to": "2022-12-31"}
    literal = Matcher.of(Search.model_validate(search))
    folded = Matcher.of(Search.model_validate(search | {"match": "folded"}))
    lite = sqlite3.connect(":memory:")
    lite.execute("CREATE TABLE note (text TEXT)")
    lite.executemany("INSERT INTO note VALUES (?)", ((t,) for t in texts))
    likes = " OR ".join(f"text LIKE '%{t}%'" for t in TERMS)
    duck = duckdb.connect()
    duck.register("note", pl.DataFrame({"text": texts}).to_arrow())

    yield (
        f"cohortlock literal, with offsets ({len(texts)} notes)",
        lambda: sum(bool(literal.find(t, "document")) for t in texts),
    )
    yield (
        "cohortlock folded, with offsets (finds more: width, script, spaces)",
        lambda: sum(bool(folded.find(t, "document")) for t in texts),
    )
    yield "pandas str.contains, no offsets", lambda: int(frame.str.contains(pattern).sum())
    yield "polars str.contains, no offsets", lambda: int(series.str.contains(pattern).sum())
    yield (
        "SQLite LIKE, no offsets",
        lambda: lite.execute(f"SELECT count(*) FROM note WHERE {likes}").fetchone()[0],
    )
    yield (
        "DuckDB LIKE, no offsets",
        lambda: duck.execute(f"SELECT count(*) FROM note WHERE {likes}").fetchone()[0],
    )


def _notes() -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        his = Path(name) / "his.db"
        build(his, patients=20_000, truth=Path(name) / "truth.json")
        with sqlite3.connect(his) as connection:
            rows = connection.execute(
                "SELECT COALESCE(ILLNESS_DESC, '') || '。' || COALESCE(MED_HISTORY, '') FROM OUTP_MR"
            ).fetchall()
        connection.close()
    return [row[0] for row in rows]
