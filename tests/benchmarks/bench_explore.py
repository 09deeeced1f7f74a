"""The keyword workbench over landed notes: a question while one still thinks, against DuckDB and a bare decode.

COHORTLOCK_BENCH_NOTES sets how many notes (a million by default).
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl

from extract.chart.workbench import explore
from extract.his.pull import pull
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from flows.demo import write_study

NOTES = int(os.environ.get("COHORTLOCK_BENCH_NOTES", "1000000"))
PART = 50_000


def bench_explore() -> Iterator[tuple[str, Callable[[], object]]]:
    """Five terms: counts, overlaps, look-alikes, months and departments, over every landed note."""
    study = landed(NOTES)
    parts = str(study.landing / "records" / "document" / "bench-*.parquet")
    duck = duckdb.connect()
    terms = ("颈痛", "肩痛", "腰痛", "腰腿痛", "ESR")
    likes = ", ".join(f"count(*) FILTER (text LIKE '%{term}%')" for term in terms)
    yield f"cohortlock explore ({NOTES} notes)", lambda: explore(study)["matched"]
    yield (
        "cohortlock explore, two other terms",
        lambda: explore(study, ["下肢放射痛", "腰椎间盘突出"])["matched"],
    )
    yield (
        "DuckDB LIKE, five counts of notes alone",
        lambda: duck.execute(f"SELECT {likes} FROM read_parquet('{parts}')").fetchall(),
    )
    yield "bare Parquet decode of the notes", lambda: pl.read_parquet(parts, columns=["text"]).height


def landed(notes: int) -> StudyFolder:
    """A study of the demo hospital whose landed notes are repeated until there are ``notes``, under new patients."""
    root = Path(tempfile.mkdtemp(prefix="cohortlock-bench-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    build(root / "his.db", patients=2_000, truth=root / "truth.json")
    write_study(root / "study", his="sqlite:///../his.db")
    study = StudyFolder.at(root / "study")
    pull(study)
    explore(study)
    shelf, records = study.landing / "explore", study.landing / "records" / "document"
    index = pl.read_parquet(shelf / "document.parquet")
    texts = pl.concat(
        pl.read_parquet(records / part, columns=["text"])[rows["row"]]
        for (part,), rows in index.group_by("part", maintain_order=True)
    )
    visits = pl.read_parquet(shelf / "visits.parquet")
    many = -(-notes // texts.height)
    patients = int(visits["patient"].max() or 0)
    # The index names visits and patients by number: each repetition is other people, and another text,
    # or a dictionary of the repeated ones would be all that is searched.
    rows = [
        index.select(
            (pl.lit(f"{turn} ") + texts["text"]).alias("text"),
            (pl.col("visit") + turn * visits.height).alias("visit"),
        )
        for turn in range(many)
    ]
    every = pl.concat(rows).head(notes)
    placed = []
    for start in range(0, notes, PART):
        name = f"bench-{start:09}.parquet"
        piece = every.slice(start, PART)
        piece.select("text").write_parquet(records / name, compression="zstd")
        placed.append(
            piece.select(
                pl.lit(name).alias("part"),
                pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
                pl.col("visit").cast(pl.UInt32),
            )
        )
    pl.concat(placed).write_parquet(shelf / "document.parquet")
    pl.concat(
        visits.with_columns(
            (pl.col("visit") + turn * visits.height).cast(pl.UInt32),
            (pl.col("patient") + turn * patients).cast(pl.Int32),
        )
        for turn in range(many)
    ).write_parquet(shelf / "visits.parquet")
    state = json.loads((shelf / "state.json").read_text(encoding="utf-8"))
    top = study.landing / "records"
    state["parts"] = [
        [p.relative_to(top).as_posix(), p.stat().st_size] for p in sorted(top.glob("*/*.parquet"))
    ]
    (shelf / "state.json").write_text(json.dumps(state), encoding="utf-8")
    return study
