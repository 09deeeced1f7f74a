"""A variable's value at a timepoint: its sources in the protocol's order, the choice, and where it stands.

The first source that has something usable gives the value; the others are not mixed in.  Every value
knows its record, its offsets, its day and the rule by which it was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from extract.chart.charts import Record
from extract.chart.derived import age, evaluate
from extract.chart.evidence import Evidence, whole
from extract.chart.extractors import extract
from extract.chart.known import Chart, Known
from extract.chart.measurements import Measurement, is_item, on_grid, parse_number, parse_result
from extract.chart.mentions import coded, documents, mention
from extract.chart.timepoints import Candidate, Choice, Role, Span, choose
from extract.errors import ProtocolInvalid
from extract.study.folding import folded_text
from extract.study.protocol import (
    DerivedSource,
    LabSource,
    PatientSource,
    ScaleSource,
    Source,
    TextSource,
    Variable,
)

__all__ = ["latest_reports", "results_of", "value_of"]


def value_of(chart: Chart, variable: Variable, timepoint: str) -> Known:
    """The value of ``variable`` at ``timepoint``; computed once. Raises ProtocolInvalid for a circle."""
    key = (variable.id, timepoint)
    if key not in chart.known:
        # A formula that comes back to itself finds this instead of recursing for ever.
        chart.known[key] = Known(variable.id, timepoint, rule="missing")
        seen: list[Known] = []
        for source in variable.source:
            found = _from(chart, variable, timepoint, source)
            seen.append(found)
            if found.found:
                break
        best = seen[-1] if seen[-1].found else max(seen, key=lambda k: k.considered)
        chart.known[key] = best
    return chart.known[key]


def _from(chart: Chart, variable: Variable, timepoint: str, source: Source) -> Known:
    span = chart.spans[timepoint or chart.protocol.first]
    if isinstance(source, PatientSource):
        return _of_patient(chart, variable, timepoint, source)
    if isinstance(source, LabSource):
        return _chosen(variable, timepoint, choose(_labs(chart, variable, source), span), f"lab:{source.lab}")
    if isinstance(source, ScaleSource):
        found = choose(_scales(chart, variable, source), span)
        return _chosen(variable, timepoint, found, f"scale:{source.scale}")
    if isinstance(source, TextSource):
        extractor = chart.protocol.extractor[source.text]
        if extractor.kind == "choice":
            return coded(chart, variable, timepoint, source)
        return _from_text(chart, variable, timepoint, source, span)
    return _derived(chart, variable, timepoint, source)


def _of_patient(chart: Chart, variable: Variable, timepoint: str, source: PatientSource) -> Known:
    raw = chart.patient.get(source.patient)
    method = f"patient:{source.patient}"
    if raw is None:
        return Known(variable.id, timepoint, method=method, rule="not recorded")
    record = {**chart.patient, source.patient: str(raw)}
    folded = folded_text(str(raw))
    codes = tuple(
        v.code for v in variable.values if folded in {folded_text(s) for s in (*v.from_, v.zh, v.en)}
    )
    return Known(
        variable.id,
        timepoint,
        codes=codes[:1],
        raw=str(raw),
        method=method,
        record_id=record["record_id"],
        version=record["version"],
        start=0,
        end=len(str(raw)),
        rule="patient record" if codes else "spelling not listed",
        considered=1,
        evidence=(whole(record, "patient", source.patient, "value", variable=variable.id),),
    )


def _derived(chart: Chart, variable: Variable, timepoint: str, source: DerivedSource) -> Known:
    parts: list[Known] = []

    def part(name: str) -> Decimal | None:
        try:
            other = chart.protocol.variable_named(name)
        except KeyError:
            raise ProtocolInvalid(
                f"variable {variable.id!r}: derived names {name!r}, which is not a variable",
                "Define it, or mend the formula.",
            ) from None
        at = timepoint if timepoint in other.at else (other.at[0] if other.at else "")
        known = value_of(chart, other, at)
        parts.append(known)
        return known.value

    def age_at(point: str) -> Decimal | None:
        if point not in chart.spans:
            raise ProtocolInvalid(f"variable {variable.id!r}: {point!r} is not a timepoint", "Use T0, T1, ….")
        born = chart.patient.get("birth_date")
        on = chart.spans[point].target
        if not isinstance(born, date) or born > on:
            return None
        record = {**chart.patient, "birth_date": born.isoformat()}
        shown = whole(record, "patient", "birth_date", "value", variable=variable.id)
        parts.append(
            Known(
                variable.id,
                timepoint,
                raw=shown.quote,
                record_id=shown.record_id,
                version=shown.version,
                start=0,
                end=len(shown.quote),
                evidence=(shown,),
            )
        )
        return Decimal(age(born, on))

    value = evaluate(source.derived, part, age_at)
    first = parts[0] if parts else Known(variable.id, timepoint)
    return Known(
        variable.id,
        timepoint,
        value=None if value is None else on_grid(value, variable.step),
        unit=variable.unit.en if variable.unit else "",
        raw=first.raw if value is not None else "",
        method=f"derived:{source.derived}",
        record_id=first.record_id,
        version=first.version,
        start=first.start,
        end=first.end,
        measured_at=first.measured_at,
        day=first.day,
        rule="formula" if value is not None else "a part is missing",
        considered=len(parts),
        evidence=tuple(e for known in parts for e in known.evidence),
    )


@dataclass(frozen=True)
class _Item:
    """What a candidate carries: the value and where it stands."""

    measurement: Measurement
    low: Decimal | None
    high: Decimal | None
    start: int
    end: int
    evidence: Evidence


def _candidate(
    anchor: str, record: Record, item: _Item, role: Role = "", *, usable: bool
) -> Candidate[_Item]:
    in_visit = record["visit_id"] == anchor
    return Candidate(record["at"], in_visit, usable, role, (record["record_id"], item.start), item)


def latest_reports(records: Sequence[Record]) -> tuple[list[Record], int]:
    """The results without those that a later report of the same specimen corrected, and how many those are."""
    best: dict[object, Record] = {}
    for record in records:
        specimen = record["specimen_at"]
        key: object = specimen if specimen is not None else record["record_id"]
        other = best.get(key)
        if other is None or _reported(record) > _reported(other):
            best[key] = record
    kept = sorted(best.values(), key=lambda r: (r["at"] or datetime.min, r["record_id"]))  # noqa: DTZ901
    return kept, len(records) - len(kept)


def _reported(record: Record) -> tuple[datetime, str]:
    return (record["reported_at"] or datetime.min, record["record_id"])  # noqa: DTZ901 - naive by contract


def _labs(chart: Chart, variable: Variable, source: LabSource) -> list[Candidate[_Item]]:
    found: list[Candidate[_Item]] = []
    records, _ = latest_reports(results_of(chart, source.lab, source.not_))
    concept = chart.pack.labs[source.lab]
    for record in records:
        measured = parse_result(record["raw_value"], record["unit"], concept, variable.step)
        found.append(_measured(chart, record, "lab", measured, variable))
    return found


def results_of(chart: Chart, concept: str, but_not: Sequence[str] = ()) -> list[Record]:
    """The dated results of a laboratory concept. Raises ProtocolInvalid when the pack has none of that name."""
    if concept not in chart.pack.labs:
        raise ProtocolInvalid(
            f"pack {chart.pack.name} has no laboratory concept {concept!r}",
            f"It has: {', '.join(sorted(chart.pack.labs))}.",
        )
    one = chart.pack.labs[concept]
    return [
        r
        for r in chart.records.get("lab", ())
        if r["at"] is not None
        and is_item(r["name"], r["code"], one.names, one.codes, (*one.not_names, *but_not))
    ]


def _scales(chart: Chart, variable: Variable, source: ScaleSource) -> list[Candidate[_Item]]:
    names = chart.pack.scales.get(source.scale, ())
    return [
        _measured(chart, record, "scale", parse_number(record["raw_value"], variable.step), variable)
        for record in chart.records.get("scale", ())
        if record["at"] is not None and is_item(record["name"], record["code"], names, names, ())
    ]


def _measured(
    chart: Chart, record: Record, table: str, measured: Measurement, variable: Variable
) -> Candidate[_Item]:
    shown = whole(record, table, "raw_value", "value", variable=variable.id, term=record["name"] or "")
    item = _Item(measured, measured.low, measured.high, 0, len(shown.quote), shown)
    return _candidate(chart.visit_id, record, item, usable=measured.usable)


def _from_text(chart: Chart, variable: Variable, timepoint: str, source: TextSource, span: Span) -> Known:
    extractor = chart.protocol.extractor[source.text]
    unit = variable.unit.en if variable.unit else ""
    candidates = []
    for record in documents(chart):
        for found in extract(chart.reading(record, "text"), extractor):
            measured = Measurement(
                "",
                on_grid(found.value, variable.step),
                unit,
                found.raw,
                "numeric" if found.low == found.high else "range",
                found.low,
                found.high,
            )
            item = _Item(
                measured,
                found.low,
                found.high,
                found.start,
                found.end,
                mention(chart, record, found, variable),
            )
            usable = found.assertion.status == "present"
            candidates.append(_candidate(chart.visit_id, record, item, found.role, usable=usable))
    return _chosen(variable, timepoint, choose(candidates, span), f"text:{source.text}")


def _chosen(variable: Variable, timepoint: str, choice: Choice[_Item], method: str) -> Known:
    if choice.candidate is None:
        return Known(variable.id, timepoint, method=method, rule=choice.rule, considered=choice.considered)
    item = choice.candidate.item
    measured = item.measurement
    rule = choice.rule
    if measured.status == "range":
        rule += ", middle of a range"
    return Known(
        variable.id,
        timepoint,
        value=measured.value,
        low=item.low,
        high=item.high,
        comparator=measured.comparator,
        unit=measured.unit or (variable.unit.en if variable.unit else ""),
        raw=measured.raw,
        method=method,
        record_id=item.evidence.record_id,
        version=item.evidence.version,
        start=item.start,
        end=item.end,
        measured_at=choice.candidate.at,
        day=choice.day,
        rule=rule,
        considered=choice.considered,
        evidence=(item.evidence,),
    )
