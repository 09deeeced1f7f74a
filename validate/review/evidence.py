"""What a decision is made on: the evidence of each criterion and field, as hashes that change when it does.

A criterion's hash covers its rule with what the rule names (validate/review/structure.py), the anchor visit
and every piece of record that is shown for it, with the record's version: the reviewer read that version of
the note, so a correction in it asks again.  What our own software concluded (assertion, section, verdict)
is left out: a better lexicon reopens nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from typing import Protocol as Shape

import pyarrow as pa
import pyarrow.compute as pc

from extract.study.audit import canonical
from extract.study.protocol import Criterion, Protocol
from validate.review.cases import Candidate
from validate.review.structure import named, structure

__all__ = ["ScreeningTables", "State", "field_key", "held", "states"]

_EVIDENCE: Final = ("table", "field", "record_id", "version", "start", "end", "quote")
"""What a reader was shown of a record; what our own software concluded from it is left out on purpose."""

_ANCHOR: Final = ("t0_visit_id", "t0_at")
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
class State:
    """A candidate's evidence as this screening has it, in the spelling that is stored and compared."""

    evidence_hash: str
    criterion_hashes: str
    field_hashes: str
    machine_verdicts: str
    machine_values: str

    def row(self) -> dict[str, str]:
        """The columns of ``candidate_state`` that hold it."""
        return dict(vars(self))

    def judged_on(self, hashes: Mapping[str, str]) -> State:
        """The same with these hashes of criteria in the place of its own."""
        return replace(self, criterion_hashes=_ordered({**self.by_criterion, **hashes}))

    @property
    def by_criterion(self) -> dict[str, str]:
        """Criterion -> hash of what it is judged on."""
        return dict(json.loads(self.criterion_hashes))


def states(protocol: Protocol, screening: ScreeningTables) -> dict[str, State]:
    """Every screened-in patient's evidence, in the screening's order."""
    screened = screening.candidates.filter(pc.equal(screening.candidates["state"], "screened_in"))
    patients = [str(patient) for patient in screened["patient_id"].to_pylist()]
    verdicts = _by_patient(screening.verdicts, patients)
    evidence = _by_patient(screening.evidence, patients)
    values = _by_patient(screening.values, patients)
    anchors = _by_patient(screened, patients)
    return {
        patient: _state(
            protocol,
            screening.evidence_hash(patient),
            [_plain(anchors[patient][0].get(name)) for name in _ANCHOR],
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
    anchor: list[Any],
    verdicts: list[dict[str, Any]],
    evidence: list[dict[str, Any]],
    values: list[dict[str, Any]],
) -> State:
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
    return State(
        evidence_hash=evidence_hash,
        criterion_hashes=_ordered(
            {c.id: _criterion_hash(protocol, c, anchor, shown[c.id]) for c in protocol.criteria}
        ),
        field_hashes=_ordered(
            {field_key(row["variable"], row["timepoint"] or ""): _field_hash(row) for row in kept}
        ),
        machine_verdicts=canonical(machine),
        machine_values=canonical(
            [{name: _plain(row.get(name)) for name in (*_VALUE, *_PLACE)} for row in kept]
        ),
    )


def _criterion_hash(
    protocol: Protocol, criterion: Criterion, anchor: list[Any], evidence: list[dict[str, Any]]
) -> str:
    """Of the rule and the evidence, so a change of label keeps opinions and a change of rule reopens them."""
    names = named(protocol, criterion)
    rows = sorted({canonical([_plain(row[name]) for name in _EVIDENCE]) for row in evidence})
    asked = [structure(criterion), *([names] if names else []), anchor, rows]
    return hashlib.sha256(canonical(asked).encode()).hexdigest()


def _field_hash(value: Mapping[str, Any]) -> str:
    named = ("record_id", "version", "start", "end", "status", "scaled", "comparator")
    return hashlib.sha256(canonical([_plain(value.get(name)) for name in named]).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _ordered(mapping: Mapping[str, str]) -> str:
    """JSON in the mapping's own order: criteria keep the protocol's."""
    return json.dumps(dict(mapping), ensure_ascii=False, separators=(",", ":"))


def held(candidate: Candidate) -> State:
    """The evidence as the queue last had it."""
    return State(
        evidence_hash=candidate.evidence_hash,
        criterion_hashes=_ordered(candidate.criterion_hashes),
        field_hashes=_ordered(candidate.field_hashes),
        machine_verdicts=canonical(dict(candidate.machine_verdicts)),
        machine_values=canonical([dict(value) for value in candidate.machine_values]),
    )


def field_key(variable: str, timepoint: str) -> str:
    """A field's name within a candidate: ``bmi``, ``hb@T0``."""
    return f"{variable}@{timepoint}" if timepoint else variable
