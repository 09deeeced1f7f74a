"""Keyword search of a lake on Spark with one and two workers, against Polars and DuckDB; NOTES says how many notes.

A contender is a process with all that it starts (cluster, executors, driver): its peak memory is that of the
whole tree.  Spark's answer also says what the second and third scan of a warm cluster took, by the clock and of
the executors' processors, which a busy machine hardly changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from process import Process

NOTES = int(os.environ.get("NOTES", "1000000"))
TERMS = ["颈痛", "肩痛", "腰痛", "腰腿痛"]
ANY = "|".join(TERMS)
CLUSTER = Path(__file__).parents[1] / "spark_cluster.py"

POLARS = f"""
import sys, polars as pl
print(pl.scan_parquet(sys.argv[1] + "/note.parquet").filter(pl.col("text").str.contains("{ANY}"))
      .select(pl.len()).collect().item(), "notes")
"""
DUCKDB = f"""
import sys, duckdb
likes = " OR ".join(f"text LIKE '%{{t}}%'" for t in {TERMS})
n = duckdb.sql(f"SELECT COUNT(*) FROM '{{sys.argv[1]}}/note.parquet' WHERE {{likes}}").fetchall()[0][0]
print(n, "notes")
"""
SPARK = f"""
import importlib.util, os, sys, tempfile, time
from pathlib import Path
from extract.his.engines.spark import SparkEngine
said = importlib.util.spec_from_file_location("spark_cluster", {str(CLUSTER)!r})
cluster = importlib.util.module_from_spec(said)
said.loader.exec_module(cluster)
lake, workers, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
found = {{
    "like": " OR ".join(f"n.text LIKE :t{{i}} ESCAPE '!'" for i in range({len(TERMS)})),
    "rlike": "n.text RLIKE :any",
}}[how]
binds = {{f"t{{i}}": f"%{{t}}%" for i, t in enumerate({TERMS})}} if how == "like" else {{"any": {ANY!r}}}
def used(application):
    "Seconds of processor that the executors of an application have used."
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said = (folder / "cmdline").read_bytes()
            if application in said and b"CoarseGrainedExecutorBackend" in said:
                ticks += sum(map(int, (folder / "stat").read_text().rpartition(")")[2].split()[11:13]))
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")
with tempfile.TemporaryDirectory() as name, cluster.standalone(Path(name) / "spark", workers=workers) as made:
    url = f"{{made.url}}?lake={{lake}}&cores={{workers}}&memory=768m"
    engine = SparkEngine(url, root=Path(), zone="Asia/Shanghai", seconds=600)
    application = engine._session.name.encode()
    took, burnt = [], []
    for _ in range(3):
        began, before = time.perf_counter(), used(application)
        [[n]] = engine.ask(f"SELECT COUNT(*) AS n FROM note n WHERE {{found}}", binds)
        took.append(f"{{time.perf_counter() - began:.2f}}")
        burnt.append(f"{{used(application) - before:.2f}}")
    engine.close()
print(n, "notes; scans took", ", ".join(took), "s, of processor", ", ".join(burnt), "s")
"""


@dataclass
class Tree(Process):
    """A process with all that it starts, in sessions of their own too."""

    def __call__(self) -> str:
        """The last line that the command prints."""
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=errors)
            done = threading.Event()
            watcher = threading.Thread(target=self._watch, args=(process.pid, done))
            watcher.start()
            said, _ = process.communicate()
            done.set()
            watcher.join()
            if process.returncode:
                errors.seek(0)
                raise RuntimeError(f"a contender ended: {errors.read().decode()[-500:]}")
        return said.decode().strip().splitlines()[-1]

    def _watch(self, root: int, done: threading.Event) -> None:
        while not done.wait(0.2):
            self.peak = max(self.peak, sum(_resident(pid) for pid in _tree(root)) // 1024)


def _tree(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found, more = {root}, True
    while more:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found |= new
        more = bool(new)
    return found


def _resident(pid: int) -> int:
    """Kilobytes of our own and our part of what is shared, so that a page counts once."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def bench_spark() -> Iterator[tuple[str, Process]]:
    """A keyword scan of a million Chinese notes on a lake: Spark against Polars and DuckDB, all processes counted."""
    # Lives as long as the contenders that name it.
    folder = tempfile.TemporaryDirectory()
    _write(Path(folder.name) / "note.parquet", NOTES)

    def tree(code: str, *more: str) -> Tree:
        made = Tree([sys.executable, "-c", code, folder.name, *more])
        made.folder = folder  # type: ignore[attr-defined]
        return made

    yield f"Polars, regex over Parquet ({NOTES:,} notes)", tree(POLARS)
    yield "DuckDB, four LIKE", tree(DUCKDB)
    for workers in (1, 2):
        yield (
            f"cohortlock on Spark, {workers} worker(s), LIKE: start, three scans, end",
            tree(SPARK, str(workers), "like"),
        )
        yield f"the same with {workers} worker(s) and one RLIKE", tree(SPARK, str(workers), "rlike")


def _write(path: Path, notes: int) -> None:
    """Notes of some 200 characters; one in eleven holds a term."""
    dice = np.random.default_rng(1)
    words = ["患者", "自述", "无明显诱因", "出现", "头晕", "乏力", "纳差", "查体", "未见异常", "复诊", "血压", "心肺", "腹软",
             "睡眠可", "大小便正常", "予以", "对症治疗", "随访", "建议", "复查", "血沉", "膝关节", "活动可", "颈部", "腰部"]  # fmt: skip
    writer = None
    for start in range(0, notes, 50_000):
        many = min(50_000, notes - start)
        picked = dice.integers(0, len(words), (many, 60))
        pain = dice.integers(0, 11 * len(TERMS), many)
        texts = [
            "".join(words[w] for w in row[:30])
            + (TERMS[p] if p < len(TERMS) else "")
            + "".join(words[w] for w in row[30:])
            for row, p in zip(picked, pain, strict=True)
        ]
        table = pa.table({"id": range(start, start + many), "text": texts})
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()
