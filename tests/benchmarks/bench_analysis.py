"""What the tables and the whole report cost."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from process import Process

HERE = Path(__file__).parent
ROWS = int(os.environ.get("BENCH_ANALYSIS_ROWS", "1000000"))
SNAPSHOT = os.environ.get("BENCH_SNAPSHOT", "")


def bench_table_one() -> Iterator[tuple[str, Process]]:
    """Table 1 with its tests: six measurements and four categories by two groups, start and reading included."""
    path = Path(tempfile.mkdtemp()) / "wide.parquet"
    draws = np.random.default_rng(20250430)
    columns: dict[str, np.ndarray] = {"treated": draws.integers(0, 2, ROWS)}
    for place, (mean, sd) in enumerate(
        ((52.7, 11.4), (18.6, 9.3), (24.5, 3.2), (6.4, 1.3), (28.3, 12.7), (8.7, 5.5))
    ):
        columns[f"number_{place}"] = np.round(draws.normal(mean, sd, ROWS), 1)
    for place, levels in enumerate((3, 3, 4, 5)):
        columns[f"category_{place}"] = draws.integers(0, levels, ROWS)
    pq.write_table(pa.table(columns), path)
    for name in ("ours", "tableone"):
        label = (
            "cohortlock, with medians, quartiles, Student and Levene beside"
            if name == "ours"
            else "tableone 0.9.6"
        )
        yield f"{label} ({ROWS} rows)", Process([sys.executable, str(HERE / "table_one.py"), name, str(path)])


def bench_report() -> Iterator[tuple[str, Process]]:
    """The whole report of the demo's snapshot: verify, analyse, eight figures twice, HTML, three Word files."""
    out = Path(tempfile.mkdtemp())
    snapshot = SNAPSHOT or str(_demo(out) / "study" / "snapshots" / "v1")
    program = str(Path(sys.executable).with_name("cohortlock"))
    target = out / "report"

    def fresh() -> None:
        shutil.rmtree(target, ignore_errors=True)

    command = [program, "analyse", snapshot, "--out", str(target), "--json"]
    yield "cohortlock analyse (90 participants)", Process(command, before=fresh)


def _demo(folder: Path) -> Path:
    """A demo run of its own, outside the clock."""
    import subprocess

    program = str(Path(sys.executable).with_name("cohortlock"))
    subprocess.run([program, "demo", "--out", str(folder / "demo")], check=True, capture_output=True)
    return folder / "demo"
