"""What changed between two snapshots, cell by cell, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from extract.errors import SnapshotBroken
from extract.study.protocol import column as column_name
from validate.lock.canonical import NULL, cell_texts
from validate.lock.reasons import KINDS, Act, Acts, Kind, Origins, Unlock, acts_between, kind_of, origins
from validate.lock.verify import TABLES, VerifyReport, verify

__all__ = ["Change", "Difference", "diff", "open_tables"]

_KEYS: Mapping[str, tuple[str, ...]] = {
    "data": ("participant",),
    "long": ("participant", "variable", "timepoint"),
}


@dataclass(frozen=True)
class Change:
    """One cell: its table, row key and column, before and after; None is missing or not there.

    ``why`` is what the lineage says of it (``reasons.KINDS``); ``acts`` what people did to it between the
    two locks, known in the study's own folder only.
    """

    table: str
    key: str
    column: str
    before: str | None
    after: str | None
    why: Kind = "unknown"
    acts: tuple[Act, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the reason in both languages."""
        return vars(self) | {"said": dict(KINDS[self.why]), "acts": [vars(act) for act in self.acts]}


@dataclass(frozen=True)
class Difference:
    """Everything that differs between two verified snapshots; rows that came or went are named once."""

    before: VerifyReport
    after: VerifyReport
    added: tuple[tuple[str, str], ...]
    """(table, row key) only in the second."""
    removed: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]
    """(table, column) in one of the two only."""
    cells: tuple[Change, ...]
    unlocks: tuple[Unlock, ...] = ()
    """Why the versions between were opened; known in the study's own folder only."""

    @property
    def same(self) -> bool:
        """Whether both hold the same data; equal logical hashes say so too."""
        return not (self.added or self.removed or self.columns or self.cells)

    def to_json(self) -> dict[str, Any]:
        """The shape of ``cohortlock diff --json``."""
        return {
            "same": self.same,
            "logical_hash": [self.before.logical_hash, self.after.logical_hash],
            "added": [{"table": table, "key": key} for table, key in self.added],
            "removed": [{"table": table, "key": key} for table, key in self.removed],
            "columns": [{"table": table, "column": name} for table, name in self.columns],
            "cells": [change.to_json() for change in self.cells],
            "unlocks": [vars(unlock) for unlock in self.unlocks],
        }


def open_tables(path: Path) -> tuple[VerifyReport, dict[str, pa.Table]]:
    """The tables of a snapshot that verifies. Raises SnapshotBroken otherwise."""
    report = verify(path, rows=True)
    if not report.ok:
        raise SnapshotBroken(
            f"{path}: {report.problems[0].message}", "`cohortlock verify` lists every difference."
        )
    return report, {name: pq.read_table(path / file) for name, file in TABLES.items()}


def diff(before: Path, after: Path) -> Difference:
    """What is different in ``after``, and why. Raises SnapshotBroken when either does not verify, StorageFault."""
    (first_report, first), (second_report, second) = open_tables(before), open_tables(after)
    added: list[tuple[str, str]] = []
    removed: list[tuple[str, str]] = []
    columns: list[tuple[str, str]] = []
    cells: list[Change] = []
    for name in TABLES:
        old, new = _rows(first[name], _KEYS[name]), _rows(second[name], _KEYS[name])
        added += [(name, key) for key in new if key not in old]
        removed += [(name, key) for key in old if key not in new]
        odd = set(first[name].column_names) ^ set(second[name].column_names)
        columns += [(name, column) for column in sorted(odd)]
        shared = [column for column in first[name].column_names if column not in odd]
        cells += _changes(name, shared, old, new)
    acts = acts_between(before, after)
    return Difference(
        first_report,
        second_report,
        tuple(added),
        tuple(removed),
        tuple(columns),
        tuple(_explained(cells, origins(before), origins(after), acts)),
        acts.unlocks if acts else (),
    )


def _explained(cells: list[Change], old: Origins, new: Origins, acts: Acts | None) -> Iterator[Change]:
    # A column of data.parquet is its variable and timepoint; what is computed has no acts of its own.
    places = {value_name(*place[1:]): place[1:] for place in (acts.cells if acts else ())}
    for cell in cells:
        if cell.table == "data":
            who, name = cell.key, cell.column
            place = (who, *places.get(name, (name, "")))
        else:
            who, variable, timepoint = cell.key.split("/", 2)
            name, place = value_name(variable, timepoint), (who, variable, timepoint)
        done = acts.cells.get(place, ()) if acts else ()
        yield replace(cell, why=kind_of(old.get((who, name)), new.get((who, name))), acts=done)


def value_name(variable: str, timepoint: str) -> str:
    """The column of data.parquet in which a row of long.parquet stands."""
    return column_name(variable, timepoint or None)


def _rows(table: pa.Table, keys: tuple[str, ...]) -> dict[str, dict[str, str]]:
    texts = {name: cell_texts(table.column(name)).to_pylist() for name in table.column_names}
    rows = (dict(zip(texts, row, strict=True)) for row in zip(*texts.values(), strict=True))
    return {"/".join(row[key] for key in keys): row for row in rows}


def _changes(
    table: str, columns: list[str], old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]
) -> Iterator[Change]:
    for key, row in old.items():
        other = new.get(key)
        if other is None:
            continue
        for column in columns:
            if row[column] != other[column]:
                yield Change(table, key, column, _said(row[column]), _said(other[column]))


def _said(text: str) -> str | None:
    return None if text == NULL else text
