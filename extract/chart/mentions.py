"""Values that stand in notes: which documents are read for a candidate, and coded values among them."""

from __future__ import annotations

from collections.abc import Iterator

from extract.chart.charts import Record
from extract.chart.evidence import Evidence
from extract.chart.extractors import Extracted, extract
from extract.chart.known import Chart, Known
from extract.study.protocol import TextSource, Variable

__all__ = ["coded", "documents", "mention"]


def documents(chart: Chart) -> Iterator[Record]:
    """The dated notes of the anchor visit, and those from the first window's start to the last one's end."""
    low = min(span.low for span in chart.spans.values())
    for record in chart.records.get("document", ()):
        dated = record["text"] and record["at"] is not None
        if dated and (record["visit_id"] == chart.visit_id or low <= record["at"].date() <= chart.end):
            yield record


def mention(chart: Chart, record: Record, found: Extracted, variable: Variable) -> Evidence:
    """A value in a note as evidence of a variable."""
    return Evidence(
        patient_id=chart.patient_id,
        visit_id=record["visit_id"],
        record_id=record["record_id"],
        version=record["version"],
        table="document",
        field="text",
        start=found.start,
        end=found.end,
        quote=found.raw,
        kind="value",
        term=found.term,
        variable=variable.id,
        assertion=found.assertion.status,
        cue=found.assertion.cue,
        section=found.assertion.section,
    )


def coded(chart: Chart, variable: Variable, timepoint: str, source: TextSource) -> Known:
    """Codes asserted present: of the anchor visit, else of the window; events over the whole time asked for."""
    extractor = chart.protocol.extractor[source.text]
    found: list[tuple[Record, Extracted]] = []
    for record in documents(chart):
        found += [(record, e) for e in extract(chart.reading(record, "text"), extractor, variable.values)]
    present = [(r, e) for r, e in found if e.assertion.status == "present"]
    pool, rule = _pool(chart, variable, timepoint, present)
    method = f"text:{source.text}"
    shown = tuple(mention(chart, r, e, variable) for r, e in (pool or found))
    if not pool:
        return Known(variable.id, timepoint, method=method, rule=rule, considered=len(found), evidence=shown)
    if not variable.many:
        pool = pool[:1]
    first, value = pool[0]
    return Known(
        variable.id,
        timepoint,
        codes=tuple(sorted({e.code for _, e in pool if e.code is not None})),
        raw=value.raw,
        method=method,
        record_id=first["record_id"],
        version=first["version"],
        start=value.start,
        end=value.end,
        measured_at=first["at"],
        day=(first["at"].date() - chart.origin).days,
        rule=rule,
        considered=len(found),
        evidence=shown,
    )


def _pool(
    chart: Chart, variable: Variable, timepoint: str, present: list[tuple[Record, Extracted]]
) -> tuple[list[tuple[Record, Extracted]], str]:
    if variable.over is not None:
        low, high = chart.spans[variable.over[0]].low, chart.spans[variable.over[1]].high
        return [p for p in present if low <= p[0]["at"].date() <= high], (
            f"{variable.over[0]} to {variable.over[1]}: every mention"
        )
    span = chart.spans[timepoint or chart.protocol.first]
    if span.anchor and (visit := [p for p in present if p[0]["visit_id"] == chart.visit_id]):
        return visit, f"{span.name}: visit, every mention"
    inside = [p for p in present if span.low <= p[0]["at"].date() <= span.high]
    return inside, f"{span.name}: window, every mention"
