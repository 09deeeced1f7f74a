"""The exact search: which visits satisfy the expression, by which records, and whether only negated ones."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from extract.chart.assertion import Assertion
from extract.chart.charts import Charts, Record
from extract.chart.evidence import Evidence
from extract.his.records import HIT_COLUMNS, TEXT_COLUMNS
from extract.study.keywords import Hit, Matcher

__all__ = ["VisitMatch", "as_found", "search"]

_PRESENT = Assertion("present")


@dataclass
class VisitMatch:
    """One visit of the search window: the decision and everything that made it."""

    visit_id: str
    patient_id: str
    started_at: datetime
    matched: bool = False
    negated_only: bool = False
    leaves: set[int] = field(default_factory=set)
    hits: list[Evidence] = field(default_factory=list)
    affirmed: set[int] = field(default_factory=set)

    @property
    def record_ids(self) -> list[str]:
        """The records that were hit, once each, sorted."""
        return sorted({hit.record_id for hit in self.hits})


def search(charts: Charts, matcher: Matcher, low: date, high: date) -> list[VisitMatch]:
    """Every visit begun from ``low`` to ``high`` (both included) by time; matched or not.

    A negated mention is a hit like any other; ``negated_only`` says that the visit would be out without
    its negated mentions.
    """
    window = charts.visits.filter(pl.col("started_at").dt.date().is_between(low, high))
    visits = {
        row["visit_id"]: VisitMatch(row["visit_id"], row["patient_id"], row["started_at"])
        for row in window.iter_rows(named=True)
    }
    scopes = sorted({scope for leaf in matcher.leaves for scope in leaf.scopes})
    for scope in scopes:
        table, column = HIT_COLUMNS[scope]
        frame = charts.tables[table].filter(
            pl.col("visit_id").is_in(list(visits)) & pl.col(column).is_not_null()
        )
        free_text = column in TEXT_COLUMNS.get(table, ())
        find = _finder(matcher, scope, remember=not free_text)
        if not free_text:
            # Names repeat: only the records whose name is hit are looked at one by one.
            hit = [name for name in frame[column].unique().to_list() if find(name)]
            frame = frame.filter(pl.col(column).is_in(hit))
        for record in frame.iter_rows(named=True):
            for found in find(record[column]):
                _add(visits[record["visit_id"]], charts, record, table, column, found)
    for visit in visits.values():
        visit.matched = matcher.decide(visit.leaves)
        visit.negated_only = visit.matched and not matcher.decide(visit.affirmed)
    return list(visits.values())


def as_found(charts: Charts, chosen: Collection[str]) -> list[VisitMatch]:
    """These visits as if the search had found them, by nothing that could be shown."""
    rows = charts.visits.filter(pl.col("visit_id").is_in(list(chosen)) & pl.col("started_at").is_not_null())
    return [
        VisitMatch(row["visit_id"], row["patient_id"], row["started_at"], matched=True)
        for row in rows.iter_rows(named=True)
    ]


def _finder(matcher: Matcher, scope: str, *, remember: bool) -> Callable[[str], list[Hit]]:
    seen: dict[str, list[Hit]] = {}

    def find(text: str) -> list[Hit]:
        if not remember:
            return matcher.find(text, scope)
        if text not in seen:
            seen[text] = matcher.find(text, scope)
        return seen[text]

    return find


def _add(visit: VisitMatch, charts: Charts, record: Record, table: str, column: str, hit: Hit) -> None:
    about = _PRESENT
    if column in TEXT_COLUMNS.get(table, ()):
        reading = charts.reading(record["record_id"], column, record[column], record.get("kind") or "")
        about = reading.assess(hit.start, hit.end)
    visit.leaves.add(hit.leaf)
    if about.status != "negated":
        visit.affirmed.add(hit.leaf)
    visit.hits.append(
        Evidence(
            patient_id=visit.patient_id,
            visit_id=visit.visit_id,
            record_id=record["record_id"],
            version=record["version"],
            table=table,
            field=column,
            start=hit.start,
            end=hit.end,
            quote=record[column][hit.start : hit.end],
            kind="keyword",
            term=hit.term,
            assertion=about.status,
            cue=about.cue,
            section=about.section,
        )
    )
