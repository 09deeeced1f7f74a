"""The queue: which candidates are to be judged, on which evidence, and by whom.

Each screening is compared with what the queue knew.  A candidate whose evidence changed gets a new
state row; because an opinion stands only on the evidence it was given on, exactly the opinions on the
criteria that changed reopen.  A candidate that vanished is marked, never deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from typing import Protocol as Shape

import pyarrow as pa
import pyarrow.compute as pc

from extract.errors import Refused
from extract.study.audit import canonical
from extract.study.database import StudyDatabase
from extract.study.protocol import Criterion, Protocol
from extract.study.tables import assignment, candidate, candidate_state
from validate.review.accounts import MACHINE, acting, active
from validate.review.cases import Candidate, Case, case, cases
from validate.review.rules import Account, Action, Role

__all__ = ["ScreeningTables", "assign", "enqueue", "field_key", "reassign"]

_EVIDENCE: Final = ("table", "field", "record_id", "version", "start", "end", "quote")
"""What a reader was shown of a record; what our own software concluded from it is left out on purpose."""

_VALUE: Final = ("variable", "timepoint", "scaled", "value", "comparator", "unit", "status", "method", "day")
_PLACE: Final = ("record_id", "version", "start", "end", "measured_at")


class ScreeningTables(Shape):
    """What the queue reads of a screening (extract/chart/screening.py)."""

    @property
    def candidates(self) -> pa.Table:
        """One row per patient: patient_id, state."""
        ...

    @property
    def verdicts(self) -> pa.Table:
        """One row per patient and criterion."""
        ...

    @property
    def evidence(self) -> pa.Table:
        """Pieces of records, each for a criterion or a value."""
        ...

    @property
    def values(self) -> pa.Table:
        """One row per patient, variable and timepoint."""
        ...

    def evidence_hash(self, patient_id: str, /) -> str:
        """The hash of all of a patient's evidence."""
        ...


@dataclass(frozen=True)
class _State:
    """A candidate's evidence as this screening has it, in the spelling that is stored and compared."""

    evidence_hash: str
    criterion_hashes: str
    field_hashes: str
    machine_verdicts: str
    machine_values: str

    def row(self) -> dict[str, str]:
        return dict(vars(self))

    def differs(self, held: Candidate) -> bool:
        return self.row() != {
            "evidence_hash": held.evidence_hash,
            "criterion_hashes": _ordered(held.criterion_hashes),
            "field_hashes": _ordered(held.field_hashes),
            "machine_verdicts": canonical(dict(held.machine_verdicts)),
            "machine_values": canonical([dict(v) for v in held.machine_values]),
        }


def enqueue(db: StudyDatabase, protocol: Protocol, screening: ScreeningTables, run: str) -> dict[str, int]:
    """Bring the queue up to a screening: counts of candidates new, changed, vanished, and of opinions reopened."""
    states = _states(protocol, screening)
    with db.writing(MACHINE.id) as writer:
        known = cases(writer.connection)
        new = [patient for patient in states if patient not in known]
        kept = [patient for patient in states if patient in known]
        changed = [p for p in kept if not known[p].candidate.present or states[p].differs(known[p].candidate)]
        vanished = [p for p, c in known.items() if c.candidate.present and p not in states]
        reopened = sum(_reopened(known[p], states[p]) for p in changed)
        added = writer.append(
            candidate,
            "candidate.new",
            [{"patient_id": patient, "run": run} for patient in new],
            subjects=["candidate/"] * len(new),
        )
        numbers = {row["patient_id"]: row["id"] for row in added}
        numbers |= {patient: c.candidate.id for patient, c in known.items()}

        def record(action: str, patients: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
            common = {"run": run, "protocol_hash": protocol.hash}
            writer.append(
                candidate_state,
                action,
                [{"patient_id": p, **common, **row} for p, row in zip(patients, rows, strict=True)],
                subjects=[f"candidate/{numbers[p]}" for p in patients],
            )

        record("candidate.present", new, [{"state": "present", **states[p].row()} for p in new])
        record("candidate.changed", changed, [{"state": "present", **states[p].row()} for p in changed])
        record("candidate.vanished", vanished, [_vanished(known[p].candidate) for p in vanished])
        writer.note("queue.updated", f"run/{run}", {"new": len(new), "vanished": len(vanished)})
    return {"new": len(new), "changed": len(changed), "vanished": len(vanished), "reopened": reopened}


def assign(db: StudyDatabase, actor: Account, *, seed: int = 0) -> int:
    """Give every candidate without reviewers two of them; returns how many candidates were assigned.

    Loads stay within one of each other as far as earlier work allows, and who reviews with whom, and
    in which place, follows from ``seed`` and the ids alone.  Raises Refused with fewer than two reviewers.
    """
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ASSIGN)
        reviewers = sorted(a.id for a in active(writer.connection).values() if a.role is Role.REVIEWER)
        held = [c.candidate for c in cases(writer.connection).values() if c.candidate.present]
        waiting = [c for c in held if not c.reviewers]
        if waiting and len(reviewers) < 2:
            raise Refused(
                "two reviewers are needed to assign candidates",
                "`cohortlock user STUDY add ID --role reviewer` makes one.",
            )
        load = dict.fromkeys(reviewers, 0)
        for other in held:
            for reviewer in other.reviewers.values():
                load[reviewer] = load.get(reviewer, 0) + 1
        rows = []
        for one in sorted(waiting, key=lambda c: _draw(seed, c.patient_id)):
            drawn = {reviewer: _draw(seed, one.patient_id, reviewer) for reviewer in reviewers}
            ranked = sorted((load[reviewer], draw, reviewer) for reviewer, draw in drawn.items())
            pair = sorted((draw, reviewer) for _, draw, reviewer in ranked[:2])
            for slot, (_, reviewer) in enumerate(pair, start=1):
                load[reviewer] += 1
                rows.append((one.id, {"patient_id": one.patient_id, "slot": slot, "reviewer": reviewer}))
        writer.append(
            assignment,
            "assignment.made",
            [row for _, row in rows],
            subjects=[f"candidate/{number}" for number, _ in rows],
        )
        return len(waiting)


def reassign(
    db: StudyDatabase, actor: Account, patient_id: str, slot: int, reviewer: str, *, reason: str
) -> None:
    """Move a place to another reviewer; opinions already given in it stay. Raises Refused, NotFound."""
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ASSIGN)
        held = case(writer.connection, patient_id).candidate
        found = active(writer.connection).get(reviewer)
        if slot not in {1, 2} or found is None or found.role is not Role.REVIEWER:
            raise Refused("a place is 1 or 2 and is held by an active reviewer", "Name one of them.")
        if reviewer in held.ever:
            raise Refused(
                "this reviewer already holds or held a place of this candidate", "Name another reviewer."
            )
        if not reason.strip():
            raise Refused("moving work needs a reason", "Say why; it stands in the audit.")
        row = {"patient_id": patient_id, "slot": slot, "reviewer": reviewer, "reason": reason}
        writer.append(assignment, "assignment.moved", [row], subjects=[f"candidate/{held.id}"])


def field_key(variable: str, timepoint: str) -> str:
    """A field's name within a candidate: ``bmi``, ``hb@T0``."""
    return f"{variable}@{timepoint}" if timepoint else variable


def _draw(seed: int, *parts: str) -> str:
    """A number like chance, the same on every machine."""
    return hashlib.sha256(canonical([seed, *parts]).encode()).hexdigest()


def _reopened(held: Case, state: _State) -> int:
    present = _parsed(state.criterion_hashes)
    return sum(
        opinion is not None and present.get(criterion) != opinion.evidence_hash
        for criterion, standing in held.standing.items()
        for opinion in (standing.first, standing.second)
    )


def _vanished(held: Candidate) -> dict[str, str]:
    return {
        "state": "vanished",
        "evidence_hash": held.evidence_hash,
        "criterion_hashes": _ordered(held.criterion_hashes),
        "field_hashes": _ordered(held.field_hashes),
        "machine_verdicts": canonical(dict(held.machine_verdicts)),
        "machine_values": canonical([dict(v) for v in held.machine_values]),
    }


def _states(protocol: Protocol, screening: ScreeningTables) -> dict[str, _State]:
    """Every screened-in patient's evidence, in the screening's order."""
    screened = screening.candidates.filter(pc.equal(screening.candidates["state"], "screened_in"))
    patients = [str(patient) for patient in screened["patient_id"].to_pylist()]
    verdicts = _by_patient(screening.verdicts, patients)
    evidence = _by_patient(screening.evidence, patients)
    values = _by_patient(screening.values, patients)
    return {
        patient: _state(
            protocol,
            screening.evidence_hash(patient),
            verdicts[patient],
            evidence[patient],
            values[patient],
        )
        for patient in patients
    }


def _by_patient(table: pa.Table, patients: list[str]) -> dict[str, list[dict[str, Any]]]:
    kept = table.filter(pc.is_in(table["patient_id"], value_set=pa.array(patients, pa.string())))
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in kept.to_pylist():
        grouped[row["patient_id"]].append(row)
    return grouped


def _state(
    protocol: Protocol,
    evidence_hash: str,
    verdicts: list[dict[str, Any]],
    evidence: list[dict[str, Any]],
    values: list[dict[str, Any]],
) -> _State:
    said = {row["criterion"]: row for row in verdicts}
    machine: dict[str, dict[str, Any]] = {
        c.id: {
            "verdict": said[c.id]["verdict"] if c.id in said else "unknown",
            "auto": bool(c.auto and c.id in said and said[c.id]["auto"]),
            "reason": (said[c.id]["reason"] or "") if c.id in said else "",
            "evidence": sorted(said[c.id]["evidence"] or ()) if c.id in said else [],
        }
        for c in protocol.criteria
    }
    cited = {c: set(verdict["evidence"]) for c, verdict in machine.items()}
    shown = {
        c.id: [row for row in evidence if row["criterion"] == c.id or row["evidence_id"] in cited[c.id]]
        for c in protocol.criteria
    }
    kept = sorted(values, key=lambda row: (row["variable"], row["timepoint"] or ""))
    return _State(
        evidence_hash=evidence_hash,
        criterion_hashes=_ordered({c.id: _criterion_hash(c, shown[c.id]) for c in protocol.criteria}),
        field_hashes=_ordered(
            {field_key(row["variable"], row["timepoint"] or ""): _field_hash(row) for row in kept}
        ),
        machine_verdicts=canonical(machine),
        machine_values=canonical(
            [{name: _plain(row.get(name)) for name in (*_VALUE, *_PLACE)} for row in kept]
        ),
    )


def _criterion_hash(criterion: Criterion, evidence: list[dict[str, Any]]) -> str:
    """Of the rule and the evidence, so a change of label keeps opinions and a change of rule reopens them."""
    rule = criterion.rule.model_dump(mode="json", by_alias=True, exclude_none=True)
    rows = sorted({canonical([_plain(row[name]) for name in _EVIDENCE]) for row in evidence})
    return hashlib.sha256(canonical([rule, rows]).encode()).hexdigest()


def _field_hash(value: Mapping[str, Any]) -> str:
    named = ("record_id", "version", "start", "end", "status", "scaled", "comparator")
    return hashlib.sha256(canonical([_plain(value.get(name)) for name in named]).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _ordered(mapping: Mapping[str, str]) -> str:
    """JSON in the mapping's own order: criteria keep the protocol's."""
    return json.dumps(dict(mapping), ensure_ascii=False, separators=(",", ":"))


def _parsed(text: str) -> dict[str, str]:
    return dict(json.loads(text))
