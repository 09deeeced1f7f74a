"""Cases: what stands now for each candidate, computed from append-only rows and never stored.

An opinion stands while the evidence it was given on is the candidate's present evidence for that
criterion; a ruling stands while the two opinions that it settled stand.  So a later pull reopens
exactly what it touches, without anybody writing "reopened" anywhere.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, Table, bindparam, func, select

from extract.errors import NotFound
from extract.study.memory import remembered
from extract.study.protocol import Protocol
from extract.study.storage import rows
from extract.study.tables import (
    arbitration,
    assignment,
    candidate,
    candidate_state,
    decision,
    entry,
    resolution,
)
from validate.review.rules import Phase, Verdict, review_phase, whole_phase

__all__ = [
    "Candidate",
    "Case",
    "Opinion",
    "Quote",
    "Ruling",
    "Standing",
    "case",
    "case_of",
    "cases",
    "eligible",
    "opinions",
    "rows_of",
]


@dataclass(frozen=True)
class Quote:
    """Characters of a record that a person pointed at; offsets count code points of the original."""

    record_id: str
    start: int
    end: int
    text: str
    seal: str = field(default="", compare=False)
    """SHA-256 of the whole record as the person read it (validate/review/quoted.py); "" where nobody knew."""


@dataclass(frozen=True)
class Opinion:
    """One reviewer's verdict on one criterion, given on the evidence with this hash."""

    id: int
    patient_id: str
    criterion: str
    slot: int
    reviewer: str
    verdict: Verdict
    reason: str
    quotes: tuple[Quote, ...]
    evidence_hash: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Opinion:
        """The opinion in a row of ``decision``."""
        return cls(
            id=row["id"],
            patient_id=row["patient_id"],
            criterion=row["criterion"],
            slot=row["slot"],
            reviewer=row["reviewer"],
            verdict=Verdict(row["verdict"]),
            reason=row["reason"],
            quotes=_quotes(row["quotes"]),
            evidence_hash=row["evidence_hash"],
        )


@dataclass(frozen=True)
class Ruling:
    """A third person's verdict on two opinions that differ."""

    id: int
    patient_id: str
    criterion: str
    arbitrator: str
    verdict: Verdict
    reason: str
    quotes: tuple[Quote, ...]
    evidence_hash: str
    first_decision: int
    second_decision: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Ruling:
        """The ruling in a row of ``arbitration``."""
        return cls(
            id=row["id"],
            patient_id=row["patient_id"],
            criterion=row["criterion"],
            arbitrator=row["arbitrator"],
            verdict=Verdict(row["verdict"]),
            reason=row["reason"],
            quotes=_quotes(row["quotes"]),
            evidence_hash=row["evidence_hash"],
            first_decision=row["first_decision"],
            second_decision=row["second_decision"],
        )


@dataclass(frozen=True)
class Candidate:
    """A patient in the queue, with the evidence as the last screening left it."""

    id: int
    patient_id: str
    present: bool
    run: str
    evidence_hash: str
    criterion_hashes: Mapping[str, str]
    field_hashes: Mapping[str, str]
    machine_verdicts: Mapping[str, Mapping[str, Any]]
    """criterion -> {"verdict", "auto", "reason", "evidence"}, as the screening said."""
    machine_values: tuple[Mapping[str, Any], ...]
    reviewers: Mapping[int, str] = field(default_factory=dict)
    """Place (1, 2) -> the account that holds it now."""
    ever: frozenset[str] = frozenset()
    """All accounts that ever held one of the two places."""

    def place_of(self, account: str) -> int | None:
        """The place that ``account`` holds, or None."""
        return next((slot for slot, holder in self.reviewers.items() if holder == account), None)

    def decided_by_machine(self, criterion: str) -> str | None:
        """The machine's verdict where the protocol lets it decide alone and it could; else None."""
        verdict = self.machine_verdicts.get(criterion, {})
        return str(verdict["verdict"]) if verdict.get("auto") and verdict["verdict"] != "unknown" else None

    @cached_property
    def reviewed(self) -> tuple[str, ...]:
        """Criteria that people must judge, in the protocol's order."""
        return tuple(c for c in self.criterion_hashes if self.decided_by_machine(c) is None)


@dataclass(frozen=True)
class Standing:
    """What stands for one criterion of one candidate."""

    criterion: str
    first: Opinion | None = None
    second: Opinion | None = None
    ruling: Ruling | None = None
    machine: str | None = None

    @property
    def phase(self) -> Phase:
        """Where the criterion stands; what the machine decides alone is complete."""
        if self.machine is not None:
            return Phase.COMPLETE
        verdicts = (
            self.first.verdict if self.first else None,
            self.second.verdict if self.second else None,
        )
        return review_phase(verdicts, arbitrated=self.ruling is not None)

    @property
    def final(self) -> str | None:
        """The verdict that counts, or None while the criterion is open."""
        if self.machine is not None:
            return self.machine
        if self.phase is not Phase.COMPLETE or self.first is None:
            return None
        return (self.ruling or self.first).verdict.value

    def of(self, slot: int) -> Opinion | None:
        """The opinion in a place."""
        return self.first if slot == 1 else self.second


@dataclass(frozen=True)
class Case:
    """A candidate and what stands for each of its criteria."""

    candidate: Candidate
    standing: Mapping[str, Standing]

    @property
    def phase(self) -> Phase:
        """Where the candidate stands as a whole."""
        return whole_phase([s.phase for s in self.standing.values()])

    @property
    def finals(self) -> dict[str, str]:
        """The verdict that counts by criterion, for those that have one."""
        return {c: s.final for c, s in self.standing.items() if s.final is not None}


def eligible(protocol: Protocol, finals: Mapping[str, str]) -> bool:
    """All inclusion criteria met and all exclusion criteria not met; anything open or unknown is not."""
    return all(finals.get(c.id) == "met" for c in protocol.include) and all(
        finals.get(c.id) == "not_met" for c in protocol.exclude
    )


def cases(connection: Connection) -> dict[str, Case]:
    """Every candidate by patient id, in the order in which they came, those that vanished too."""
    return _cases(connection, None)


def case(connection: Connection, patient_id: str) -> Case:
    """One candidate. Raises NotFound."""
    found = _cases(connection, patient_id).get(patient_id)
    if found is None:
        raise NotFound("there is no such candidate in the queue", "`cohortlock why STUDY ID` says why not.")
    return found


def opinions(connection: Connection, patient_id: str | None = None) -> list[Opinion]:
    """Every opinion ever given, in the order in which they were given."""
    return [Opinion.of(row) for row in rows_of(connection, decision, patient_id)]


def _cases(connection: Connection, patient_id: str | None) -> dict[str, Case]:
    holders: dict[str, dict[int, str]] = defaultdict(dict)
    ever: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(connection, assignment, patient_id):
        holders[row["patient_id"]][row["slot"]] = row["reviewer"]
        ever[row["patient_id"]].add(row["reviewer"])
    given: dict[str, list[Opinion]] = defaultdict(list)
    for opinion in opinions(connection, patient_id):
        given[opinion.patient_id].append(opinion)
    ruled: dict[str, list[Ruling]] = defaultdict(list)
    for row in rows_of(connection, arbitration, patient_id):
        ruled[row["patient_id"]].append(Ruling.of(row))
    return {
        row["patient_id"]: case_of(
            _candidate(row, holders[row["patient_id"]], ever[row["patient_id"]]),
            given[row["patient_id"]],
            ruled[row["patient_id"]],
        )
        for row in _states(connection, patient_id)
    }


def _present(newest: Select[Any]) -> Select[Any]:
    return (
        select(candidate_state, candidate.c.id.label("number"))
        .join(candidate, candidate.c.patient_id == candidate_state.c.patient_id)
        .where(candidate_state.c.id.in_(newest))
        .order_by(candidate.c.id)
    )


# A statement is built once: every answer of the desk asks for a case or several.
_PATIENT: Final[BindParameter[str]] = bindparam("patient")
_NEWEST: Final = select(func.max(candidate_state.c.id)).group_by(candidate_state.c.patient_id)
_ALL_STATES: Final = _present(_NEWEST)
_STATE_OF_ONE: Final = _present(_NEWEST.where(candidate_state.c.patient_id == _PATIENT))
_ROWS_OF_ONE: Final = {
    table.name: select(table).where(table.c.patient_id == _PATIENT).order_by(table.c.id)
    for table in (assignment, decision, arbitration, entry, resolution)
}


def _states(connection: Connection, patient_id: str | None) -> Sequence[Mapping[str, Any]]:
    """The newest state of each candidate with the candidate's ``number``, in the order of these."""
    known = remembered(connection, candidate, patient_id)
    told = remembered(connection, candidate_state, patient_id)
    if known is not None and told is not None:
        newest = {row["patient_id"]: row for row in told}
        return [
            {**newest[one["patient_id"]], "number": one["id"]} for one in known if one["patient_id"] in newest
        ]
    if patient_id is None:
        return rows(connection, _ALL_STATES)
    return rows(connection, _STATE_OF_ONE, {"patient": patient_id})


def case_of(held: Candidate, given: Iterable[Opinion], ruled: Iterable[Ruling]) -> Case:
    """What stands for ``held``, from all opinions and rulings ever given on it, in their order."""
    places: dict[tuple[str, int], Opinion] = {}
    for opinion in given:
        if held.criterion_hashes.get(opinion.criterion) == opinion.evidence_hash:
            places[opinion.criterion, opinion.slot] = opinion
    settled = {(ruling.first_decision, ruling.second_decision): ruling for ruling in ruled}
    standing = {}
    for criterion in held.criterion_hashes:
        machine = held.decided_by_machine(criterion)
        if machine is not None:
            standing[criterion] = Standing(criterion, machine=machine)
            continue
        first, second = places.get((criterion, 1)), places.get((criterion, 2))
        ruling = settled.get((first.id, second.id)) if first and second else None
        standing[criterion] = Standing(criterion, first, second, ruling)
    return Case(held, standing)


def rows_of(connection: Connection, table: Table, patient_id: str | None) -> Sequence[Mapping[str, Any]]:
    """The rows of a table of what people did, oldest first: of one patient, or of all (None)."""
    if (known := remembered(connection, table, patient_id)) is not None:
        return known
    if patient_id is None:
        return rows(connection, select(table).order_by(table.c.id))
    return rows(connection, _ROWS_OF_ONE[table.name], {"patient": patient_id})


def _quotes(text: str) -> tuple[Quote, ...]:
    return () if text == "[]" else tuple(Quote(**quote) for quote in json.loads(text))


def _candidate(row: Mapping[str, Any], reviewers: Mapping[int, str], ever: Iterable[str]) -> Candidate:
    return Candidate(
        id=row["number"],
        patient_id=row["patient_id"],
        present=row["state"] == "present",
        run=row["run"],
        evidence_hash=row["evidence_hash"],
        criterion_hashes=_said(row["criterion_hashes"]),
        field_hashes=_said(row["field_hashes"]),
        machine_verdicts=_said(row["machine_verdicts"]),
        machine_values=_said(row["machine_values"]),
        reviewers=dict(reviewers),
        ever=frozenset(ever),
    )


@lru_cache(maxsize=8192)
def _said(text: str) -> Any:
    """What the screening wrote, read once; nobody changes it: it stands in as many cases as are asked for."""
    held = json.loads(text)
    return tuple(held) if isinstance(held, list) else MappingProxyType(held)
