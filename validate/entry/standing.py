"""What stands in each field of the form: two blind entries, perhaps a resolution; computed, never stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from extract.study.protocol import Protocol
from extract.study.tables import entry, resolution
from validate.entry.forms import Field, Value, equal, form_fields
from validate.review.cases import Candidate, rows_of
from validate.review.evidence import field_key
from validate.review.rules import ValuePhase, value_phase

__all__ = ["Entered", "FieldStanding", "Resolved", "entered", "standing_of", "standings"]


@dataclass(frozen=True)
class Entered:
    """One person's entry in one field."""

    id: int
    patient_id: str
    variable: str
    timepoint: str
    pass_: int
    abstractor: str
    raw: str
    value: Value
    record_id: str
    evidence_hash: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Entered:
        """The entry in a row of ``entry``."""
        return cls(
            id=row["id"],
            patient_id=row["patient_id"],
            variable=row["variable"],
            timepoint=row["timepoint"],
            pass_=row["pass"],
            abstractor=row["abstractor"],
            raw=row["raw"],
            value=Value(row["scaled"], row["value"], row["missing"], row["comparator"]),
            record_id=row["record_id"],
            evidence_hash=row["evidence_hash"],
        )


@dataclass(frozen=True)
class Resolved:
    """How a difference between two entries was settled."""

    id: int
    patient_id: str
    variable: str
    timepoint: str
    resolver: str
    choice: str
    value: Value
    record_id: str
    reason: str
    first_entry: int
    second_entry: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Resolved:
        """The resolution in a row of ``resolution``."""
        return cls(
            id=row["id"],
            patient_id=row["patient_id"],
            variable=row["variable"],
            timepoint=row["timepoint"],
            resolver=row["resolver"],
            choice=row["choice"],
            value=Value(row["scaled"], row["value"], row["missing"], row["comparator"]),
            record_id=row["record_id"],
            reason=row["reason"],
            first_entry=row["first_entry"],
            second_entry=row["second_entry"],
        )


@dataclass(frozen=True)
class FieldStanding:
    """What stands in one field of one candidate."""

    field: Field
    first: Entered | None = None
    second: Entered | None = None
    resolved: Resolved | None = None

    @property
    def same(self) -> bool:
        """Whether both entries stand and say the same."""
        return (
            self.first is not None and self.second is not None and equal(self.first.value, self.second.value)
        )

    @property
    def phase(self) -> ValuePhase:
        """Where the field stands."""
        return value_phase(
            entered=(self.first is not None, self.second is not None),
            equal=self.same,
            resolved=self.resolved is not None,
        )

    @property
    def final(self) -> Value | None:
        """The value that counts, or None while the field is open."""
        if self.phase is not ValuePhase.COMPLETE or self.first is None:
            return None
        return self.resolved.value if self.resolved else self.first.value

    @property
    def record_id(self) -> str:
        """The record that whoever gave the final value pointed at, or ""."""
        if self.resolved:
            return self.resolved.record_id
        pointed = (one.record_id for one in (self.first, self.second) if one and one.record_id)
        return next(pointed, "")

    def of(self, pass_: int) -> Entered | None:
        """The entry of a pass."""
        return self.first if pass_ == 1 else self.second


def entered(connection: Connection, patient_id: str | None = None) -> list[Entered]:
    """Every entry ever made, in order."""
    return [Entered.of(row) for row in rows_of(connection, entry, patient_id)]


def standings(
    connection: Connection, protocol: Protocol, candidates: Iterable[Candidate]
) -> dict[str, dict[tuple[str, str], FieldStanding]]:
    """Patient -> (variable, timepoint) -> what stands, for each of ``candidates``."""
    listed = list(candidates)
    only = listed[0].patient_id if len(listed) == 1 else None
    typed: dict[str, list[Entered]] = defaultdict(list)
    for one in entered(connection, only):
        typed[one.patient_id].append(one)
    settled: dict[str, list[Resolved]] = defaultdict(list)
    for row in rows_of(connection, resolution, only):
        settled[row["patient_id"]].append(Resolved.of(row))
    form = form_fields(protocol)
    return {c.patient_id: standing_of(form, c, typed[c.patient_id], settled[c.patient_id]) for c in listed}


def standing_of(
    form: Iterable[Field], candidate: Candidate, typed: Iterable[Entered], settled: Iterable[Resolved]
) -> dict[tuple[str, str], FieldStanding]:
    """What stands in each field of ``form``: the last entry of each pass on the present evidence."""
    passes: dict[tuple[str, str, int], Entered] = {}
    for one in typed:
        key = field_key(one.variable, one.timepoint)
        if candidate.field_hashes.get(key, "") == one.evidence_hash:
            passes[one.variable, one.timepoint, one.pass_] = one
    by_pair = {(one.first_entry, one.second_entry): one for one in settled}
    standing = {}
    for field in form:
        first, second = passes.get((*field.key, 1)), passes.get((*field.key, 2))
        resolved = by_pair.get((first.id, second.id)) if first and second else None
        standing[field.key] = FieldStanding(field, first, second, resolved)
    return standing
