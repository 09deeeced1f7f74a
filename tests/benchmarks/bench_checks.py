"""What checks cost: all rules and the keys of what fails, against the library's own yes or no."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from process import Process

HERE = Path(__file__).parent
ROWS = int(os.environ.get("BENCH_CHECKS_ROWS", "100000"))
CHECKS = int(os.environ.get("BENCH_CHECKS_COUNT", "60"))


WAYS = (
    ("theirs", "Great Expectations, BOOLEAN_ONLY: yes or no"),
    ("ours", "cohortlock: yes or no, rows looked at, every key that fails"),
    ("complete", "Great Expectations, COMPLETE with keys"),
)


def bench_checks() -> Iterator[tuple[str, Callable[[], object]]]:
    """Sixty checks of a dataset, every sixth failing, imports and reading outside the clock."""
    import checking

    frame = pd.read_parquet(_made())
    asked = checking.rules([name for name in frame.columns if name != "key"])
    for name, label in WAYS:
        checking.run(name, frame.iloc[:10], asked)
        yield _told(label), partial(checking.run, name, frame, asked)


def bench_checks_process() -> Iterator[tuple[str, Process]]:
    """Sixty checks of a dataset as a process: start, imports and reading included, and its peak memory."""
    path = _made()
    for name, label in WAYS:
        yield _told(label), Process([sys.executable, str(HERE / "checking.py"), name, str(path)])


def _told(label: str) -> str:
    return f"{label} ({ROWS} rows, {CHECKS} checks)"


def _made() -> Path:
    """A Parquet file of whole numbers from 0 to 99, with a key."""
    path = Path(tempfile.mkdtemp()) / "frame.parquet"
    draws = np.random.default_rng(20250430)
    columns: dict[str, object] = {"key": [f"P{n:06d}" for n in range(ROWS)]}
    for place in range(CHECKS):
        columns[f"c{place}"] = draws.integers(0, 100, ROWS).astype(float)
    pd.DataFrame(columns).to_parquet(path)
    return path
