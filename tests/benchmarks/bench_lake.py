"""Keywords over a lake of Chinese notes: the candidates of a study against a bare decode, LIKE and ripgrep."""

from __future__ import annotations

import atexit
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from process import Process

NOTES = [int(n) for n in os.environ.get("BENCH_NOTES", "1000000").split(",")]
"""How many notes; 1000000,10000000 for both sizes of the issue."""
PART = 200_000
HELD_WHOLE = 2_000_000
"""Pandas holds every text at once, a gigabyte a million: it is not asked of more notes than these."""
HITS = 0.05
TERMS = ("颈痛", "肩痛", "腰痛", "腰腿痛")
Contender = tuple[str, Callable[[], object]]

PACK = """format = 1
name = "lake"
version = "1"
label = { zh = "湖", en = "lake" }
dialects = ["duckdb"]
absent = ["lab", "diagnosis", "medication", "imaging", "procedure", "scale"]
"""
HEAD = "-- name: {0}\n-- purpose: the lake's {0}\n-- params: none\n-- grain: one row\n-- phi: none\n"
SELECTS = {
    "patient": "SELECT p.person_id AS patient_id, NULL AS sex, NULL AS birth_date, NULL AS merged_into, NULL AS updated_at FROM person p",
    "visit": "SELECT v.visit_id AS visit_id, v.person_id AS patient_id, NULL AS visit_type, NULL AS department,"
    " v.began AS started_at, NULL AS ended_at, NULL AS updated_at FROM visit v",
    "document": "SELECT n.note_id AS document_id, n.visit_id AS visit_id, n.person_id AS patient_id, NULL AS kind,"
    " NULL AS written_at, n.note_text AS text, NULL AS updated_at FROM note n",
}
LIKES = " OR ".join(f"note_text LIKE '%{term}%'" for term in TERMS)
DECODE = """
import sys, polars as pl
def answer():
    frame = pl.scan_parquet(sys.argv[1] + "/note/*.parquet").select(pl.col("note_text").str.len_bytes().sum())
    return f'{frame.collect(engine="streaming").item()} bytes of text'
"""
DUCK = """
import sys, duckdb
session = duckdb.connect(config={{"threads": 2}})
session.execute("SET enable_progress_bar = false")
def answer():
    found = session.execute("SELECT {what} FROM '" + sys.argv[1] + "/note/*.parquet' {where}").fetchone()[0]
    return f"{{found}} {unit}"
"""
POLARS = """
import sys, polars as pl
def answer():
    held = pl.col("note_text").str.contains("{terms}").sum()
    return f'{{pl.scan_parquet(sys.argv[1] + "/note/*.parquet").select(held).collect(engine="streaming").item()}} notes'
"""
READ = """
import sys, pandas as pd
def answer():
    texts = pd.read_parquet(sys.argv[1] + "/note", columns=["note_text"]).note_text
    return f'{{int(texts.str.contains("{terms}").sum())}} notes'
"""
SERVING = """
print(answer(), flush=True)
for _ in sys.stdin:
    print(answer(), flush=True)
"""


@dataclass
class Served(Process):
    """A contender that has been started, with its imports done; its memory is that of all its turns."""

    running: subprocess.Popen[str] | None = None

    def __call__(self) -> str:
        """One turn: its answer."""
        if self.running is None:
            raise RuntimeError("not started")
        assert self.running.stdin
        self.running.stdin.write("\n")
        self.running.stdin.flush()
        said = self._said()
        status = Path(f"/proc/{self.running.pid}/status").read_text(encoding="utf-8")
        self.peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
        return said

    def started(self) -> Served:
        """Itself, running; it ends when this process does."""
        self.running = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.running.kill)
        self._said()  # a first turn, outside the clock: imports, and the files in the page cache
        return self

    def _said(self) -> str:
        assert self.running
        assert self.running.stdout
        said = self.running.stdout.readline().strip()
        if not said:
            raise RuntimeError(f"a contender ended with {self.running.wait()}")
        return said


def bench_lake() -> Iterator[Contender]:
    """Candidates of four terms over a lake of notes: within 2 of the bare decode, a fifth of LIKE (BENCH_NOTES)."""
    for notes in NOTES:
        yield from _contenders(notes)


def _contenders(notes: int) -> Iterator[Contender]:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    lake = Path(folder.name)
    # In a process of its own: a small parent, so that its children's peak memory is their own.
    subprocess.run([sys.executable, __file__, str(lake), str(notes)], check=True)
    of = f"{notes:,} notes: "
    yield of + "bare decode of the text column (Polars)", _python(DECODE, lake)
    yield (
        of + "bare decode of the text column (DuckDB)",
        _python(DUCK.format(what="sum(strlen(note_text))", where="", unit="bytes of text"), lake),
    )
    yield of + "cohortlock: candidates, joined with visits and patients", _ours(lake, "literal")
    yield of + "cohortlock: the same, folded (width, case, script)", _ours(lake, "folded")
    yield (
        of + "DuckDB, four LIKEs alone",
        _python(DUCK.format(what="count(*)", where=f"WHERE {LIKES}", unit="notes"), lake),
    )
    yield of + "Polars regex alone", _python(POLARS.format(terms="|".join(TERMS)), lake)
    if notes <= HELD_WHOLE:
        yield of + "pandas str.contains", _python(READ.format(terms="|".join(TERMS)), lake)
    yield (
        of + "ripgrep over the same notes as lines of text",
        Process(["rg", "--count", "|".join(TERMS), str(lake / "notes.txt")]),
    )


def _python(text: str, lake: Path) -> Process:
    return Served([sys.executable, "-c", text + SERVING, str(lake)]).started()


def _ours(lake: Path, match: str) -> Process:
    return Served([sys.executable, __file__, str(lake), match]).started()


def write(lake: Path, notes: int) -> None:
    """Visits, persons and notes as Parquet, and the notes as lines; one in twenty holds a term."""
    import numpy as np
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    base = _notes()
    hit = pl.Series([note for note in base if any(term in note for term in TERMS)])
    plain = pl.Series([note for note in base if not any(term in note for term in TERMS)])
    dice = np.random.default_rng(1)
    (lake / "note").mkdir()
    with (lake / "notes.txt").open("w", encoding="utf-8") as lines:
        for part, start in enumerate(range(0, notes, PART)):
            number = np.arange(start, min(start + PART, notes))
            size = len(number)
            pieces = [plain.gather(dice.integers(0, len(plain), size)) for _ in range(3)]
            held = pl.Series(dice.random(size) < HITS)
            first = held.to_frame("h").select(
                pl.when("h").then(hit.gather(dice.integers(0, len(hit), size))).otherwise(pieces[0])
            )
            frame = pl.DataFrame(
                {
                    "note_id": number.astype(str),
                    "visit_id": (number // 2).astype(str),
                    "person_id": (number // 6).astype(str),
                }
            ).with_columns(
                pl.concat_str(
                    [pl.lit("门诊号") + pl.Series(number.astype(str)), first.to_series(), *pieces[1:]],
                    separator="。",
                ).alias("note_text")
            )
            lines.writelines(f"{text.replace(chr(10), ' ')}\n" for text in frame["note_text"])
            schema = pa.schema([(name, pa.string()) for name in frame.columns])
            pq.write_table(frame.to_arrow().cast(schema), lake / "note" / f"{part}.parquet")
    visits = np.arange((notes + 1) // 2)
    began = pa.array(np.datetime64("2022-01-01T08:00:00") + (visits % 365).astype("timedelta64[D]"))
    pq.write_table(
        pa.table({"visit_id": visits.astype(str), "person_id": (visits // 3).astype(str), "began": began}),
        lake / "visit.parquet",
    )
    pq.write_table(
        pa.table({"person_id": np.arange(visits[-1] // 3 + 1).astype(str)}), lake / "person.parquet"
    )


def _notes() -> list[str]:
    """The demo hospital's outpatient notes."""
    from extract.synthetic.hospital import build

    with tempfile.TemporaryDirectory() as name:
        his = Path(name) / "his.db"
        build(his, patients=5_000, truth=Path(name) / "truth.json")
        with sqlite3.connect(his) as connection:
            rows = connection.execute(
                "SELECT COALESCE(ILLNESS_DESC, '') || '。' || COALESCE(MED_HISTORY, '') FROM OUTP_MR"
            ).fetchall()
        connection.close()
    return [row[0] for row in rows]


def candidates(lake: Path, match: str) -> int:
    """The statement of a pull on the lake's own engine, as it is in `cohortlock pull`."""
    from extract.his import compile as compiled
    from extract.his.packs import read_pack
    from extract.his.sites import Limits, Site
    from extract.his.source import source
    from extract.his.windows import Window
    from extract.study import protocol as protocols
    from extract.study.protocol import Search

    with tempfile.TemporaryDirectory() as name:
        pack = Path(name)
        (pack / "pack.toml").write_text(PACK, encoding="utf-8")
        for table, select in SELECTS.items():
            (pack / f"{table}.sql").write_text(HEAD.format(table) + select, encoding="utf-8")
        site = Site(
            pack=read_pack(pack, "duckdb"), url=f"duckdb:///{lake}", zone="Asia/Shanghai",
            limits=Limits(window="decade"), root=Path(),
        )  # fmt: skip
    search = Search.model_validate(
        {
            "expression": " OR ".join(f'"{t}"' for t in TERMS),
            "from": "2022-01-01",
            "to": "2022-12-31",
            "match": match,
        }
    )
    template = Path(protocols.__file__).parent / "templates" / "esr-pain" / "study.toml"
    protocol = protocols.load(template).model_copy(update={"search": search})
    with source(site) as engine:
        window = Window("2022", date(2022, 1, 1), date(2023, 1, 1))
        statement = compiled.candidates(site, protocol, window, engine.day)
        stream = engine.stream(statement.sql, statement.params, compiled.CANDIDATES, batch_rows=20_000)
        return sum(batch.num_rows for batch in stream)


def main() -> None:
    """``LAKE NOTES`` writes a lake; ``LAKE literal|folded`` searches it once for each line of stdin."""
    lake, asked = Path(sys.argv[1]), sys.argv[2]
    if asked.isdigit():
        write(lake, int(asked))
        return
    while True:
        sys.stdout.write(f"{candidates(lake, asked)} visits\n")
        sys.stdout.flush()
        if not sys.stdin.readline():
            return


if __name__ == "__main__":
    main()
