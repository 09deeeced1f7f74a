"""Where the current landed texts stand: file and row of each, its visit, month and department.

Made once after a pull (seconds), read by every question (milliseconds); it holds no text.  Parts are written once and
never changed, so an index of (part, row) stays true until the next pull.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import polars.selectors as cs
import pyarrow as pa

from extract.chart.charts import SPARE_TIME
from extract.chart.links import link
from extract.chart.people import survivors
from extract.his.disk import storage_faults
from extract.his.landing import Landing
from extract.his.records import DATED_BY, HIT_COLUMNS
from extract.his.sites import load_site
from extract.study.folder import StudyFolder

__all__ = ["Shelf"]

_FORMAT: Final = 1


@dataclass(frozen=True)
class Shelf:
    """The index of one landing store; ``visits`` has ``visit, patient, day, month, department`` (numbers, no key)."""

    folder: Path
    records: Path
    visits: pl.DataFrame

    @classmethod
    def of(cls, folder: StudyFolder) -> Shelf:
        """The index as it stands; made anew when a pull has run since. Raises NotReady before the first pull."""
        landing = Landing(folder.landing)
        place = folder.landing / "explore"
        records = folder.landing / "records"
        try:
            state = {"format": _FORMAT, "run": landing.run, "parts": _parts(records)}
            if _stands(place) != state:
                with storage_faults(place):
                    _make(folder, landing, place, records, state)
        finally:
            landing.close()
        return cls(place, records, pl.read_parquet(place / "visits.parquet"))

    def texts(self, table: str, column: str) -> Iterator[tuple[pl.Series, pl.DataFrame]]:
        """Part by part: the current texts of a column, and beside each its ``visit``, null for none."""
        rows = pl.read_parquet(self.folder / f"{table}.parquet")
        for (part,), frame in rows.group_by("part", maintain_order=True):
            series = pl.read_parquet(self.records / table / str(part), columns=[column])[column]
            at = frame["row"]
            whole = len(at) == len(series) and bool((at.diff().drop_nulls() == 1).all())
            yield series if whole else series.gather(at), frame.drop("part", "row")


def _parts(records: Path) -> list[list[Any]]:
    return [
        [p.relative_to(records).as_posix(), p.stat().st_size] for p in sorted(records.glob("*/*.parquet"))
    ]


def _stands(place: Path) -> dict[str, Any] | None:
    file = place / "state.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _make(folder: StudyFolder, landing: Landing, place: Path, records: Path, state: dict[str, Any]) -> None:
    fresh = place.with_name("explore.new")
    shutil.rmtree(fresh, ignore_errors=True)
    # No text, but whose visit when: nobody else on this machine looks in.
    fresh.mkdir(mode=0o700)
    people = _frame(landing.current("patient", ["patient_id", "merged_into"]))
    merged = survivors(zip(people["patient_id"], people["merged_into"], strict=True))
    columns = ["visit_id", "patient_id", "department", "started_at", "ended_at"]
    known = _frame(landing.current("visit", columns)).with_columns(pl.col("patient_id").replace(merged))
    visits = (
        known.sort("started_at", "visit_id", nulls_last=True)
        .select(
            "visit_id",
            pl.col("patient_id").rank("dense").cast(pl.Int32).alias("patient"),
            pl.col("started_at").dt.date().alias("day"),
            pl.col("started_at").dt.strftime("%Y-%m").fill_null("").alias("month"),
            pl.col("department").fill_null("").alias("department"),
        )
        .with_row_index("visit")
    )
    margins = load_site(folder).pack.link
    for table in dict.fromkeys(table for table, _ in HIT_COLUMNS.values()):
        dated = list(dict.fromkeys((DATED_BY[table] or "", SPARE_TIME.get(table, DATED_BY[table] or ""))))
        current = _frame(landing.current(table, ["patient_id", "visit_id", *dated])).with_columns(
            pl.col("patient_id").replace(merged), pl.coalesce(dated).alias("at")
        )
        linked = link(current, known, margins.get(table)).select("record_id", "visit_id")
        found = current.select("record_id", "version").join(linked, on="record_id")
        where = [
            pl.scan_parquet(file)
            .select("record_id", "version")
            .with_row_index("row")
            .with_columns(pl.lit(file.name).alias("part"))
            for file in sorted((records / table).glob("*.parquet"))
        ]
        placed = pl.concat(where).collect() if where else _NOWHERE
        placed.unique(["record_id", "version"], keep="first").join(found, on=["record_id", "version"]).join(
            visits, on="visit_id", how="left"
        ).sort("part", "row").select("part", "row", "visit").write_parquet(fresh / f"{table}.parquet")
    visits.drop("visit_id").write_parquet(fresh / "visits.parquet")
    (fresh / "state.json").write_text(json.dumps(state), encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)


def _frame(table: pa.Table) -> pl.DataFrame:
    return pl.DataFrame(table).with_columns(cs.datetime().cast(pl.Datetime("ms")))


_NOWHERE: Final = pl.DataFrame(
    schema={"row": pl.UInt32, "record_id": pl.String, "version": pl.String, "part": pl.String}
)
