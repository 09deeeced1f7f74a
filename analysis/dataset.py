"""The only door to data: a snapshot that ``verify`` accepts becomes a ``Locked``; nothing else is ever analysed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from extract.errors import NotLocked, SnapshotBroken
from extract.study.protocol import Protocol, column, load
from validate.lock.verify import verify

__all__ = ["Cell", "Locked", "open"]

Cell = int | float | Decimal | str | None
"""One value of the dataset; None is missing."""

_NEEDED: Final = ("manifest.json", "data.parquet", "codebook.json", "study.toml")
_NEXT: Final = "`cohortlock lock STUDY` makes a snapshot; `cohortlock verify SNAPSHOT` checks one."


@dataclass(frozen=True)
class Locked:
    """A verified snapshot in memory: one row per participant. Made by ``open`` alone (and by tests)."""

    protocol: Protocol
    table: pa.Table
    logical_hash: str
    version: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    codebook: Mapping[str, Any] = field(default_factory=dict)
    flow: Mapping[str, Any] = field(default_factory=dict)
    agreement: Mapping[str, Any] = field(default_factory=dict)
    days: Mapping[tuple[str, str], Sequence[int | None]] = field(default_factory=dict)
    """Study day of each recorded value, by variable and timepoint, in the order of the rows."""

    def __post_init__(self) -> None:
        _consistent(self)

    @property
    def participants(self) -> tuple[str, ...]:
        """Pseudonyms in the order of the rows."""
        return tuple(self.table.column("participant").to_pylist())

    def has(self, name: str) -> bool:
        """Whether the dataset has this column."""
        return name in self.table.column_names

    def values(self, name: str) -> list[Cell]:
        """The column in row order; all missing when the dataset has no such column."""
        if not self.has(name):
            return [None] * self.table.num_rows
        found: list[Cell] = self.table.column(name).to_pylist()
        return found


def open(path: Path) -> Locked:  # noqa: A001 - dataset.open reads as what it does
    """Verify the snapshot in the folder ``path`` and read it.

    Raises NotLocked when ``path`` is no snapshot, SnapshotBroken when a file differs from what was signed.
    """
    for name in _NEEDED:
        if not (path / name).is_file():
            raise NotLocked(f"{path}: is not a locked snapshot ({name} is not there)", _NEXT)
    report = verify(path, rows=True)
    if not report.ok:
        raise SnapshotBroken(
            f"{path}: differs from what was signed: {'; '.join(p.message for p in report.problems[:5])}",
            "Restore the snapshot from its copy, or lock a new version.",
        )
    table = pq.read_table(path / "data.parquet")
    return Locked(
        protocol=load(path / "study.toml"),
        table=table,
        logical_hash=report.logical_hash or "",
        version=path.resolve().name,
        manifest=_json(path / "manifest.json"),
        codebook=_json(path / "codebook.json"),
        flow=_json(path / "flow.json") if (path / "flow.json").is_file() else {},
        agreement=_json(path / "agreement.json") if (path / "agreement.json").is_file() else {},
        days=_days(path / "long.parquet", table.column("participant").to_pylist()),
    )


def _days(path: Path, people: Sequence[str]) -> dict[tuple[str, str], list[int | None]]:
    """Study day by variable and timepoint, in the order of ``people``; empty when the snapshot has no long table."""
    if not path.is_file():
        return {}
    place = {name: i for i, name in enumerate(people)}
    found: dict[tuple[str, str], list[int | None]] = {}
    columns = ("participant", "variable", "timepoint", "day")
    rows = pq.read_table(path, columns=list(columns))
    for who, variable, timepoint, day in zip(*(rows.column(c).to_pylist() for c in columns), strict=True):
        if day is not None and who in place:
            found.setdefault((variable, timepoint or ""), [None] * len(people))[place[who]] = int(day)
    return found


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _consistent(locked: Locked) -> None:
    """A change in the dataset must be what the protocol's direction makes of its two timepoints."""
    protocol = locked.protocol
    if not locked.has("participant"):
        raise SnapshotBroken("data.parquet: has no column participant", _NEXT)
    for variable in protocol.timed:
        change = column(variable.id, kind="delta")
        if variable.categorical or not locked.has(change):
            continue
        first = locked.values(column(variable.id, variable.at[0]))
        last = locked.values(column(variable.id, variable.at[-1]))
        sign = 1 if protocol.outcome.delta == "T1 - T0" else -1
        for row, (a, b, d) in enumerate(zip(first, last, locked.values(change), strict=True)):
            if a is None or b is None or d is None:
                continue
            if abs(float(d) - sign * (float(b) - float(a))) > float(variable.step) / 1000:
                raise SnapshotBroken(
                    f"data.parquet: {change} of {locked.participants[row]} is not {protocol.outcome.delta}",
                    _NEXT,
                )
