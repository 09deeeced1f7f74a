"""Which visit a record belongs to: as the source says, or derived by the pack's rule, or none; always counted."""

from __future__ import annotations

from typing import Final

import polars as pl

from extract.his.packs import LinkRule

__all__ = ["HOW", "link"]

HOW: Final = ("source", "derived", "none")


def link(records: pl.DataFrame, visits: pl.DataFrame, margin: LinkRule | None) -> pl.DataFrame:
    """One row per record: ``record_id, visit_id, how`` in the order of ``records``.

    ``records`` has ``record_id, patient_id, visit_id, at`` and ``visits`` has ``visit_id, patient_id,
    started_at, ended_at``.  A visit id that no visit of the patient has is as good as
    none: nobody's record enters another person's visit.  Without one, the record goes
    to the patient's visit whose days, widened by the margin (calendar days, both ends included), contain it;
    among several the nearest in days, then in seconds, then the earlier, then the smaller id.
    """
    known = visits.select("visit_id", "patient_id").unique().with_columns(pl.lit(True).alias("known"))
    marked = records.select("record_id", "patient_id", "visit_id", "at").join(
        known, on=["visit_id", "patient_id"], how="left", maintain_order="left"
    )
    if margin is None:
        derived = pl.DataFrame(schema={"record_id": pl.String, "derived": pl.String})
    else:
        loose = marked.filter(pl.col("known").is_null() & pl.col("at").is_not_null())
        derived = _nearest(loose.select("record_id", "patient_id", "at"), visits, margin)
    return marked.join(derived, on="record_id", how="left", maintain_order="left").select(
        "record_id",
        pl.when(pl.col("known")).then(pl.col("visit_id")).otherwise(pl.col("derived")).alias("visit_id"),
        pl.when(pl.col("known"))
        .then(pl.lit("source"))
        .when(pl.col("derived").is_not_null())
        .then(pl.lit("derived"))
        .otherwise(pl.lit("none"))
        .alias("how"),
    )


def _nearest(loose: pl.DataFrame, visits: pl.DataFrame, margin: LinkRule) -> pl.DataFrame:
    day = pl.col("at").dt.date()
    first, last = pl.col("started_at").dt.date(), pl.col("closed_at").dt.date()
    days = pl.max_horizontal((first - day).dt.total_days(), (day - last).dt.total_days(), pl.lit(0))
    seconds = pl.max_horizontal(
        (pl.col("started_at") - pl.col("at")).dt.total_seconds(),
        (pl.col("at") - pl.col("closed_at")).dt.total_seconds(),
        pl.lit(0),
    )
    closed = pl.coalesce("ended_at", "started_at").alias("closed_at")
    return (
        loose.join(
            visits.filter(pl.col("started_at").is_not_null()).select(
                "patient_id", "started_at", closed, pl.col("visit_id").alias("derived")
            ),
            on="patient_id",
        )
        .filter(
            (day >= first - pl.duration(days=margin.before_days))
            & (day <= last + pl.duration(days=margin.after_days))
        )
        .with_columns(days.alias("days"), seconds.alias("seconds"))
        .sort("record_id", "days", "seconds", "started_at", "derived")
        .unique("record_id", keep="first", maintain_order=True)
        .select("record_id", "derived")
    )
