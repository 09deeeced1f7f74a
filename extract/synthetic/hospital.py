"""Builds the demo hospital: patients one by one, rows in batches, the truth in a file apart."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from extract.errors import NotFound, StorageFault
from extract.synthetic.casebook import Row
from extract.synthetic.cases import COHORT_SIZE
from extract.synthetic.roster import admit, truth_of
from extract.synthetic.schema import TABLES
from extract.synthetic.sinks import Sink, open_sink

__all__ = ["BuildReport", "build", "export"]

_BATCH: Final = 2_000
_EXPORT_ROWS: Final = 50_000


@dataclass(frozen=True)
class BuildReport:
    """What was built: rows per table, study patients placed on purpose, seconds."""

    patients: int
    seed: int
    rows: dict[str, int]
    planted: int
    decoys: int
    seconds: float


def build(
    target: Path | str,
    *,
    patients: int = 20_000,
    seed: int = 20_220_101,
    truth: Path,
    progress: Callable[[str, float], None] | None = None,
) -> BuildReport:
    """Fills ``target`` (an SQLite path, or a SQLAlchemy URL) and writes the truth file.

    The same seed gives the same patients, whatever the number; memory stays bounded by one batch.
    ``patients`` is at least 90, and ``roster.FULL`` for every kind of decoy to be present.
    Raises AlreadyExists, StorageFault, SourceUnreachable; ValueError for fewer than the planted patients.
    """
    if patients < COHORT_SIZE:
        raise ValueError(f"a hospital holds at least the {COHORT_SIZE} planted patients")
    begun = time.perf_counter()
    people: list[dict[str, Any]] = []
    counts: dict[str, int] = dict.fromkeys(TABLES, 0)
    with open_sink(target) as sink:
        waiting: dict[str, list[Row]] = defaultdict(list)
        for index in range(patients):
            book, case = admit(seed, index)
            for table, rows in book.rows.items():
                _keep(sink, counts, waiting[table], table, rows)
            if case is not None:
                people.append(truth_of(case, book.who.number))
            if progress and index % 500 == 0:
                progress("patients", index / patients)
        for table, rows in waiting.items():
            _write(sink, counts, table, rows)
        _write_truth(truth, seed, patients, people)
        if progress:
            progress("indexes", 1.0)
    planted = sum(1 for one in people if one["kind"] == "planted")
    return BuildReport(
        patients, seed, counts, planted, len(people) - planted, round(time.perf_counter() - begun, 3)
    )


def _keep(sink: Sink, counts: dict[str, int], waiting: list[Row], table: str, rows: list[Row]) -> None:
    waiting += rows
    if len(waiting) >= _BATCH:
        _write(sink, counts, table, waiting)
        waiting.clear()


def _write(sink: Sink, counts: dict[str, int], table: str, rows: list[Row]) -> None:
    if rows:
        sink.write(table, rows)
        counts[table] += len(rows)


def _write_truth(path: Path, seed: int, patients: int, people: list[dict[str, Any]]) -> None:
    found = {
        "seed": seed,
        "patients": patients,
        "planted": [one for one in people if one["kind"] == "planted"],
        "decoys": [one for one in people if one["kind"] != "planted"],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageFault(f"{path}: cannot be written: {error.strerror}", "Choose another folder.") from None


def _arrow_type(sql: str) -> pa.DataType:
    if sql.startswith("INTEGER"):
        return pa.int64()
    if sql.startswith("NUMERIC"):
        return pa.float64()
    return pa.timestamp("s") if sql.startswith("TIMESTAMP") else pa.string()


def export(path: Path, folder: Path, *, form: Literal["parquet", "csv"] = "parquet") -> dict[str, int]:
    """Writes each table of the SQLite hospital ``path`` to ``folder/<TABLE>.parquet`` (or ``.csv``).

    Times are timestamps to the second; returns rows per table. Raises NotFound.
    """
    if not path.is_file():
        raise NotFound(f"{path}: there is no such hospital", "`cohortlock demo` builds one.")
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for name, table in TABLES.items():
            schema = pa.schema([(column, _arrow_type(sql)) for column, sql in table.columns])
            file = folder / f"{name}.{form}"
            writer: Any = (
                pq.ParquetWriter(file, schema) if form == "parquet" else pa_csv.CSVWriter(file, schema)
            )
            with writer:
                counts[name] = _copy(connection, name, schema, writer)
    finally:
        connection.close()
    return counts


def _copy(connection: sqlite3.Connection, name: str, schema: pa.Schema, writer: Any) -> int:
    cursor = connection.execute(f"SELECT * FROM {name}")  # noqa: S608 - a table of our own DDL
    total = 0
    while rows := cursor.fetchmany(_EXPORT_ROWS):
        arrays = []
        for values, field in zip(zip(*rows, strict=True), schema, strict=True):
            if pa.types.is_timestamp(field.type):
                arrays.append(pa.array(values, pa.string()).cast(field.type))
            else:
                arrays.append(pa.array(values, field.type))
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        total += len(rows)
    return total
