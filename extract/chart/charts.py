"""The landed records as charts: merged patients resolved, every record given its visit and its time.

Nothing is dropped here: a record that finds no visit keeps its patient and its time and is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import polars as pl
import pyarrow as pa

from extract.chart.assertion import Reading
from extract.chart.links import link
from extract.chart.people import survivors
from extract.his.packs import Pack
from extract.his.records import DATED_BY, TABLES

__all__ = ["SPARE_TIME", "Charts", "Landed", "Record", "read_charts"]

Record = dict[str, Any]
"""One landed row with ``record_id, version, patient_id`` (surviving), ``visit_id`` (found) and ``at``."""

SPARE_TIME: Final = {"lab": "reported_at", "medication": "ended_at"}
"""The column that dates a record when its clinical time is missing."""


class Landed(Protocol):
    """What screening asks of the landing store."""

    def current(self, table: str, /) -> pa.Table:
        """The records of a table as they now stand, with ``record_id`` and ``version``."""

    def candidates(self) -> pa.Table:
        """``visit_id, patient_id, window``: the superset that the SQL fetched."""

    def window_totals(self) -> dict[str, int]:
        """``patients`` and ``visits`` in the search window, counted in the HIS."""


@dataclass
class Charts:
    """All charts of a study. ``tables`` are frames of ``Record`` columns, sorted by record id."""

    visits: pl.DataFrame
    patients: dict[str, Record]
    tables: dict[str, pl.DataFrame]
    links: pl.DataFrame
    merged: dict[str, str]
    known_sections: frozenset[str] = frozenset()
    _readings: dict[tuple[str, str], Reading] = field(default_factory=dict)

    def reading(self, record_id: str, column: str, text: str, kind: str = "") -> Reading:
        """The prepared text of one column of one record, prepared once."""
        key = (record_id, column)
        if key not in self._readings:
            self._readings[key] = Reading(text, kind or "", self.known_sections)
        return self._readings[key]

    def of(self, patients: Iterable[str], table: str, keep: pl.Expr | None = None) -> dict[str, list[Record]]:
        """The records of ``table`` by patient, by time; ``keep`` filters them first."""
        frame = self.tables[table].filter(pl.col("patient_id").is_in(list(patients)))
        if keep is not None:
            frame = frame.filter(keep)
        found: dict[str, list[Record]] = {}
        for row in frame.sort("at", "record_id", nulls_last=True).iter_rows(named=True):
            found.setdefault(row["patient_id"], []).append(row)
        return found

    def survivor(self, patient_id: str) -> str:
        """The id under which a patient's chart is kept."""
        return self.merged.get(patient_id, patient_id)


def read_charts(landing: Landed, pack: Pack, known_sections: Iterable[str] = ()) -> Charts:
    """The charts of everything that has landed."""
    people = _frame(landing.current("patient"))
    merged = survivors(zip(people["patient_id"], people["merged_into"], strict=True))
    visits = _resolved(_frame(landing.current("visit")), merged).sort(
        "started_at", "visit_id", nulls_last=True
    )
    tables: dict[str, pl.DataFrame] = {}
    links: list[pl.DataFrame] = []
    for name in TABLES:
        if name in {"patient", "visit"}:
            continue
        dated = DATED_BY[name] or ""
        spare = SPARE_TIME.get(name, dated)
        frame = _resolved(_frame(landing.current(name)), merged)
        frame = frame.with_columns(pl.coalesce(dated, spare).alias("at"))
        found = link(frame, visits, pack.link.get(name))
        links.append(found)
        tables[name] = _dated(frame.drop("visit_id").join(found, on="record_id", how="left"), visits)
    return Charts(
        visits=visits,
        patients={row["patient_id"]: row for row in _survivors_only(people, merged)},
        tables=tables,
        links=pl.concat(links).sort("record_id"),
        merged=merged,
        known_sections=frozenset(known_sections),
    )


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):  # pragma: no cover - a Table is never a Series
        raise TypeError("not a table")
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(times).cast(pl.Datetime("ms")))


def _resolved(frame: pl.DataFrame, merged: dict[str, str]) -> pl.DataFrame:
    return frame.with_columns(pl.col("patient_id").replace(merged))


def _dated(frame: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    # A record without any time of its own happened when its visit began, as far as anybody knows.
    begun = visits.select("visit_id", pl.col("started_at").alias("begun")).unique("visit_id", keep="first")
    return (
        frame.join(begun, on="visit_id", how="left")
        .with_columns(pl.coalesce("at", "begun").alias("at"))
        .drop("begun")
        .sort("record_id")
    )


def _survivors_only(people: pl.DataFrame, merged: dict[str, str]) -> Iterator[Record]:
    for row in people.sort("patient_id").iter_rows(named=True):
        if row["patient_id"] not in merged:
            yield row
