"""Reconciliation: two opinions and an arbitration become one verdict, two entries one value, each row beside its sources.

Nothing here is stored; the same rows always reconcile to the same tables.  A ``Reconciliation`` may be
unfinished and says who owes what; only ``finished`` makes a ``Reconciled`` of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import pyarrow as pa

from extract.errors import NotReady
from extract.study.database import StudyDatabase
from extract.study.protocol import Protocol
from validate.entry.comparison import Comparison, compare, outcome
from validate.entry.forms import Field, Value, equal, form_fields, of_scaled
from validate.entry.forms import fields as variable_fields
from validate.entry.standing import FieldStanding, standings
from validate.review.agreement import Report, report
from validate.review.cases import Case, cases, eligible, opinions
from validate.review.rules import Phase, ValuePhase

__all__ = ["FinalValue", "Owed", "Reconciled", "Reconciliation", "finished", "reconcile"]

_TEXT: Final = pa.string()
VERDICTS: Final = pa.schema(
    [
        ("patient_id", _TEXT),
        ("criterion", _TEXT),
        ("kind", _TEXT),
        ("auto", pa.bool_()),
        ("machine", _TEXT),
        ("first", _TEXT),
        ("first_by", _TEXT),
        ("second", _TEXT),
        ("second_by", _TEXT),
        ("concordant", pa.bool_()),
        ("arbitrated", _TEXT),
        ("arbitrated_by", _TEXT),
        ("final", _TEXT),
        ("phase", _TEXT),
        ("evidence_hash", _TEXT),
    ]
)
VALUES: Final = pa.schema(
    [
        ("patient_id", _TEXT),
        ("variable", _TEXT),
        ("timepoint", _TEXT),
        ("entry", _TEXT),
        ("machine", _TEXT),
        ("first", _TEXT),
        ("first_by", _TEXT),
        ("second", _TEXT),
        ("second_by", _TEXT),
        ("outcome", _TEXT),
        ("resolution", _TEXT),
        ("resolved_by", _TEXT),
        ("scaled", pa.int64()),
        ("value", _TEXT),
        ("comparator", _TEXT),
        ("missing", _TEXT),
        ("unit", _TEXT),
        ("source", _TEXT),
        ("record_id", _TEXT),
        ("version", _TEXT),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("measured_at", _TEXT),
        ("day", pa.int64()),
        ("phase", _TEXT),
    ]
)


@dataclass(frozen=True)
class FinalValue:
    """The value that counts in one cell, and where it comes from.

    ``scaled`` counts the variable's steps; ``source`` is ``machine``, ``entry`` or ``resolution``;
    ``record_id`` is "" where nobody pointed at a record and the machine read something else.
    """

    scaled: int | None
    value: str
    missing: str
    comparator: str
    unit: str
    source: str
    record_id: str = ""
    version: str = ""
    start: int | None = None
    end: int | None = None
    measured_at: str | None = None
    day: int | None = None


@dataclass(frozen=True)
class Owed:
    """One thing that is still missing, and who owes it: an account where one is named, else a role."""

    patient_id: str
    what: str
    """``opinion``, ``arbitration``, ``assignment``, ``entry`` or ``resolution``."""
    item: str
    """The criterion or the field; "" for an assignment."""
    owner: str


@dataclass(frozen=True)
class Reconciliation:
    """Where the whole study stands."""

    protocol_hash: str
    verdicts: pa.Table
    """One row per candidate that is present and criterion."""
    values: pa.Table
    """One row per eligible candidate, variable and timepoint."""
    agreement: Report
    comparison: Comparison
    final_verdicts: Mapping[tuple[str, str], str]
    """(patient, criterion) -> met, not_met, cannot_tell (people) or unknown (a rule alone)."""
    eligible: tuple[str, ...]
    final_values: Mapping[tuple[str, str, str], FinalValue]
    """(patient, variable, timepoint) -> value; timepoint "" for a variable that is taken once."""
    open: tuple[Owed, ...]


class Reconciled(Reconciliation):
    """A reconciliation in which nothing is open; only ``finished`` makes one."""


def finished(reconciliation: Reconciliation) -> Reconciled:
    """The reconciliation as a finished one. Raises NotReady and counts what is open."""
    if reconciliation.open:
        counts: dict[str, int] = {}
        for owed in reconciliation.open:
            counts[owed.what] = counts.get(owed.what, 0) + 1
        listed = ", ".join(f"{n} {what}" for what, n in counts.items())
        raise NotReady(
            f"the review is not finished: {listed} open", "The desk's queue page says who owes what."
        )
    return Reconciled(**{field.name: getattr(reconciliation, field.name) for field in fields(reconciliation)})


def reconcile(db: StudyDatabase, protocol: Protocol) -> Reconciliation:
    """Reconcile what the study database holds now, in one consistent view of it."""
    with db.reading() as connection:
        present = {p: c for p, c in cases(connection).items() if c.candidate.present}
        given = opinions(connection)
        included = [p for p, c in present.items() if eligible(protocol, c.finals)]
        typed = standings(connection, protocol, [present[p].candidate for p in included])
    final_values: dict[tuple[str, str, str], FinalValue] = {}
    value_rows: list[dict[str, Any]] = []
    for patient in included:
        for row, final in _values(protocol, present[patient], typed[patient]):
            value_rows.append(row)
            if final is not None:
                final_values[patient, row["variable"], row["timepoint"]] = final
    reviewed = [
        c.id for c in protocol.criteria if any(c.id in p.candidate.reviewed for p in present.values())
    ]
    return Reconciliation(
        protocol_hash=protocol.hash,
        verdicts=pa.Table.from_pylist(
            [row for c in present.values() for row in _verdicts(protocol, c)], schema=VERDICTS
        ),
        values=pa.Table.from_pylist(value_rows, schema=VALUES),
        agreement=report(given, reviewed),
        comparison=compare(typed),
        final_verdicts={
            (patient, criterion): verdict
            for patient, found in present.items()
            for criterion, verdict in found.finals.items()
        },
        eligible=tuple(included),
        final_values=final_values,
        open=(*_opinions_owed(present), *_entries_owed(typed)),
    )


def _verdicts(protocol: Protocol, found: Case) -> Iterator[dict[str, Any]]:
    held = found.candidate
    included = {c.id for c in protocol.include}
    for criterion, standing in found.standing.items():
        first, second, ruling = standing.first, standing.second, standing.ruling
        yield {
            "patient_id": held.patient_id,
            "criterion": criterion,
            "kind": "include" if criterion in included else "exclude",
            "auto": standing.machine is not None,
            "machine": held.machine_verdicts.get(criterion, {}).get("verdict"),
            "first": first.verdict.value if first else None,
            "first_by": first.reviewer if first else None,
            "second": second.verdict.value if second else None,
            "second_by": second.reviewer if second else None,
            "concordant": first.verdict == second.verdict if first and second else None,
            "arbitrated": ruling.verdict.value if ruling else None,
            "arbitrated_by": ruling.arbitrator if ruling else None,
            "final": standing.final,
            "phase": standing.phase.value,
            "evidence_hash": held.criterion_hashes[criterion],
        }


def _values(
    protocol: Protocol, found: Case, typed: Mapping[tuple[str, str], FieldStanding]
) -> Iterator[tuple[dict[str, Any], FinalValue | None]]:
    machine = {(v["variable"], v["timepoint"] or ""): v for v in found.candidate.machine_values}
    cells = {field.key: field for entry in ("single", "double") for field in variable_fields(protocol, entry)}
    doubled = {field.key for field in form_fields(protocol)}
    ordered = [cells[v.id, t] for v in protocol.variable for t in v.at or ("",)]
    for field in ordered:
        read = machine.get(field.key)
        standing = typed[field.key] if field.key in doubled else None
        final = _entered(field, standing, read) if standing else _machine(field, read)
        row = {
            "patient_id": found.candidate.patient_id,
            "variable": field.variable.id,
            "timepoint": field.timepoint,
            "entry": field.variable.entry,
            "machine": _said(_read_by_machine(field, read)),
            "phase": (standing.phase if standing else ValuePhase.COMPLETE).value,
            **_sides(standing),
            **(vars(final) if final else {"source": None}),
        }
        yield row, final


def _sides(standing: FieldStanding | None) -> dict[str, Any]:
    if standing is None:
        return {}
    first, second, resolved = standing.first, standing.second, standing.resolved
    return {
        "first": _said(first.value) if first else None,
        "first_by": first.abstractor if first else None,
        "second": _said(second.value) if second else None,
        "second_by": second.abstractor if second else None,
        "outcome": outcome(standing).value,
        "resolution": resolved.choice if resolved else None,
        "resolved_by": resolved.resolver if resolved else None,
    }


def _said(value: Value) -> str:
    return value.missing or f"{value.comparator}{value.value}"


def _read_by_machine(field: Field, read: Mapping[str, Any] | None) -> Value:
    if read is None or read["status"] != "found":
        return Value(None, "", field.variable.missing[0] if field.variable.missing else "not_documented")
    if field.kind == "number":
        return of_scaled(field, int(read["scaled"]), read["comparator"] or "")
    return Value(read["scaled"] if field.kind == "code" else None, read["value"] or "")


def _machine(field: Field, read: Mapping[str, Any] | None) -> FinalValue:
    return _final(field, _read_by_machine(field, read), "machine", read)


def _entered(field: Field, standing: FieldStanding, read: Mapping[str, Any] | None) -> FinalValue | None:
    value = standing.final
    if value is None:
        return None
    source = "resolution" if standing.resolved else "entry"
    # The machine's place is the value's own where people found the same thing, or pointed at its record.
    pointed = standing.record_id
    same = read is not None and not value.missing and equal(value, _read_by_machine(field, read))
    if read is not None and (pointed == read["record_id"] or (not pointed and same)):
        return _final(field, value, source, read)
    return _final(field, value, source, {"record_id": pointed})


def _final(field: Field, value: Value, source: str, place: Mapping[str, Any] | None) -> FinalValue:
    at = place or {}
    unit = field.variable.unit
    return FinalValue(
        scaled=value.scaled,
        value=value.value,
        missing=value.missing,
        comparator=value.comparator,
        unit=unit.en if unit else "",
        source=source,
        record_id=at.get("record_id") or "",
        version=at.get("version") or "",
        start=at.get("start"),
        end=at.get("end"),
        measured_at=at.get("measured_at"),
        day=at.get("day"),
    )


def _opinions_owed(present: Mapping[str, Case]) -> Iterator[Owed]:
    for patient, found in present.items():
        reviewers = found.candidate.reviewers
        if found.candidate.reviewed and len(reviewers) < 2:
            yield Owed(patient, "assignment", "", "data_manager")
        for criterion, standing in found.standing.items():
            if standing.phase is Phase.INDEPENDENT:
                for slot in (n for n in (1, 2) if standing.of(n) is None):
                    yield Owed(patient, "opinion", criterion, reviewers.get(slot, "reviewer"))
            elif found.phase is Phase.ARBITRATION and standing.phase is Phase.ARBITRATION:
                # Not before both have judged all of the candidate: the count would tell that they differ.
                yield Owed(patient, "arbitration", criterion, "arbitrator")


def _entries_owed(typed: Mapping[str, Mapping[tuple[str, str], FieldStanding]]) -> Iterator[Owed]:
    for patient, standing in typed.items():
        for one in standing.values():
            if one.phase is ValuePhase.ENTRY:
                for number in (n for n in (1, 2) if one.of(n) is None):
                    yield Owed(patient, "entry", f"{one.field.name} pass {number}", "abstractor")
            elif one.phase is ValuePhase.RECONCILIATION:
                yield Owed(patient, "resolution", one.field.name, "arbitrator or data_manager")
