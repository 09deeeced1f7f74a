"""What moved since the last snapshot: each column's distribution against the locked one, as a warning.

A distribution has no row that fails, so the key of a shift is the column; a code that is new names the
participants who have it.  Thresholds are the constants below, and docs/checks.md gives the same numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from extract.study.protocol import Label, Protocol
from validate.checks.results import CheckResult, Status
from validate.lock.columns import PARTICIPANT, Column, columns
from validate.lock.verify import verify

__all__ = ["Earlier", "drift", "last_snapshot"]

FEWEST: Final = 20
"""Values on either side below which a shape says nothing."""
KS_LEAST: Final = 0.1
"""Smallest Kolmogorov-Smirnov distance that anybody need look at."""
KS_SURE: Final = 1.949
"""Its critical value at 0.001 for large samples, times sqrt((n + m) / (n m))."""
PSI_MOST: Final = 0.25
"""Population stability index above which a distribution of codes has shifted."""


@dataclass(frozen=True)
class Earlier:
    """The newest version before this draft: its dataset, or why nothing may be compared with it."""

    version: int
    table: pa.Table | None
    fault: str = ""


def last_snapshot(snapshots: Path, recorded: Mapping[int, str]) -> Earlier | None:
    """The newest of the ``recorded`` versions (number -> SHA-256 of its manifest) that is in the folder.

    It is verified against the recorded hash before its data are read. None where there is none.
    """
    there = [version for version in recorded if (snapshots / f"v{version}").is_dir()]
    if not there:
        return None
    version = max(there)
    path = snapshots / f"v{version}"
    report = verify(path, expected_manifest=recorded[version])
    if not report.ok:
        return Earlier(version, None, report.problems[0].message)
    return Earlier(version, pq.read_table(path / "data.parquet"))


def drift(protocol: Protocol, now: pa.Table, before: Earlier | None) -> tuple[CheckResult, ...]:
    """A result per value column and question; not evaluated without an earlier snapshot or its column.

    One more says whether the earlier snapshot is what was signed: an error when it is not, and nothing is
    compared with it then.
    """
    table = None if before is None else before.table
    found = [result for item in columns(protocol) if item.kind == "value" for result in _of(item, now, table)]
    return tuple(found if before is None else [_sound(before), *found])


def _sound(before: Earlier) -> CheckResult:
    label = Label(
        zh=f"上一版（第 {before.version} 版）与签名时一致",
        en=f"the last snapshot, version {before.version}, is what was signed",
    )
    status: Status = "error" if before.fault else "pass"
    return CheckResult("snapshot.sound", "drift", status, "warning", label, 1, (), before.fault)


def _of(item: Column, now: pa.Table, before: pa.Table | None) -> Iterator[CheckResult]:
    assert item.variable is not None  # noqa: S101 - columns of kind "value" have one
    name, label = item.name, item.label
    there = before is not None and name in before.column_names
    old = _values(before.column(name)) if before is not None and there else []
    new = _values(now.column(name))
    said = Label(zh=f"{label.zh}分布与上一版一致", en=f"{label.en} is distributed as in the last snapshot")
    enough = min(len(old), len(new)) >= FEWEST
    shape = _codes_moved if item.variable.categorical else _numbers_moved
    moved = enough and shape(old, new)
    yield _result(f"{name}.shift", said, len(new) if enough else 0, (name,) if moved else ())
    if item.variable.categorical:
        fresh, gone = set(new) - set(old), set(old) - set(new)
        who = _having(now, name, fresh) if old else ()
        said = Label(zh=f"{label.zh}的类别与上一版相同", en=f"{label.en} has the codes of the last snapshot")
        looked_at = len(new) if old else 0
        yield _result(f"{name}.codes", said, looked_at, (*((name,) if gone else ()), *who))


def _result(id_: str, label: Label, rows: int, keys: tuple[str, ...]) -> CheckResult:
    status: Status = "not_evaluated" if not rows else "fail" if keys else "pass"
    return CheckResult(id_, "drift", status, "warning", label, rows, keys if rows else ())


def _values(column: pa.ChunkedArray) -> list[Any]:
    """What is there, codes of a many-valued column one by one; numbers as they are."""
    found = column.drop_null().to_pylist()
    return [code for text in found for code in text.split(";")] if pa.types.is_string(column.type) else found


def _having(now: pa.Table, name: str, fresh: set[Any]) -> tuple[str, ...]:
    rows = zip(now.column(PARTICIPANT).to_pylist(), now.column(name).to_pylist(), strict=True)
    return tuple(
        str(who)
        for who, value in rows
        if value is not None and fresh & (set(value.split(";")) if isinstance(value, str) else {value})
    )


def _numbers_moved(old: list[Any], new: list[Any]) -> bool:
    n, m = len(old), len(new)
    distance = _distance(np.sort(np.array(old, np.float64)), np.sort(np.array(new, np.float64)))
    return distance > max(KS_LEAST, KS_SURE * math.sqrt((n + m) / (n * m)))


def _distance(old: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> float:
    """The two-sample Kolmogorov-Smirnov distance of sorted values."""
    at = np.concatenate([old, new])
    below = np.searchsorted(old, at, "right") / len(old), np.searchsorted(new, at, "right") / len(new)
    return float(np.max(np.abs(below[0] - below[1])))


def _codes_moved(old: list[Any], new: list[Any]) -> bool:
    """By the population stability index, each code counted with half a value more: none is then zero."""
    counts = Counter(old), Counter(new)
    codes = counts[0].keys() | counts[1].keys()
    shares = [
        [(count[c] + 0.5) / (sum(count.values()) + 0.5 * len(codes)) for c in codes] for count in counts
    ]
    index: float = sum((b - a) * math.log(b / a) for a, b in zip(*shares, strict=True))
    return index > PSI_MOST
