"""From a study's screening and reconciliation to the draft that is checked and locked, and the facts around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from typing import Protocol as Shape

import pyarrow as pa

from extract.errors import NotFound
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol
from validate.checks.facts import EntryState, Facts, Place, SourceState, Step, UnitState, Verdict
from validate.lock.assemble import Cell, Draft, assemble_cells
from validate.lock.files import held
from validate.lock.keys import PseudonymKey
from validate.lock.pseudonyms import Pseudonyms, read_linking, write_linking
from validate.reconcile import FinalValue, Reconciliation

__all__ = ["assemble", "cells", "collect_facts"]

_METHODS = {"entry": "double_entry", "resolution": "resolved"}


class Screened(Shape):
    """The tables of a screening that are read here."""

    @property
    def values(self) -> pa.Table:
        """patient_id, variable, timepoint, method, unit, status, ..."""

    @property
    def verdicts(self) -> pa.Table:
        """patient_id, criterion, evidence, ..."""

    def evidence_hash(self, patient_id: str, /) -> str:
        """The hash of all of a patient's evidence."""


def assemble(
    folder: StudyFolder, protocol: Protocol, screening: Screened, reconciliation: Reconciliation
) -> Draft:
    """The draft of everybody whom the reconciliation found eligible.

    Pseudonyms are given here, once, and kept in the landing zone, so that a waiver for P017 means the
    same participant tomorrow. Raises StorageFault, Busy.
    """
    key = PseudonymKey.of_study(folder)
    with held(folder.landing / ".linking.lock", "the linking table of this study"):
        pseudonyms = Pseudonyms.assign(key, reconciliation.eligible, read_linking(folder))
        found = cells(reconciliation.final_values, screening.values)
        draft = assemble_cells(protocol, reconciliation.eligible, found, pseudonyms, folder.landing)
        write_linking(folder, pseudonyms, draft.records)
    return draft


def cells(final_values: Mapping[Place, FinalValue], screened: pa.Table) -> Iterator[Cell]:
    """Each final value as a cell; what the machine read keeps the machine's method (``lab:...``)."""
    methods = {
        (row["patient_id"], row["variable"], row["timepoint"] or ""): row["method"]
        for row in screened.select(["patient_id", "variable", "timepoint", "method"]).to_pylist()
    }
    for (patient, variable, timepoint), final in final_values.items():
        method = _METHODS.get(final.source) or methods.get((patient, variable, timepoint)) or "machine"
        yield Cell(
            patient,
            variable,
            timepoint,
            value=final.value or None,
            comparator=final.comparator,
            missing=final.missing or None,
            method=method,
            day=final.day,
            record_id=final.record_id or None,
            version=final.version or None,
            start=_offset(final.start),
            end=_offset(final.end),
        )


def _offset(place: int | None) -> int | None:
    return None if place is None or place < 0 else place


def collect_facts(
    screening: Screened,
    reconciliation: Reconciliation,
    funnel: Mapping[str, Any],
    judged: Mapping[str, str],
) -> Facts:
    """What the checks need beside the draft; ``funnel`` is the funnel's JSON with the final verdicts.

    ``judged`` is patient -> hash of the evidence that lies before the people who judge.
    """
    shown = {
        (row["patient_id"], row["criterion"]): len(row["evidence"] or ())
        for row in screening.verdicts.select(["patient_id", "criterion", "evidence"]).to_pylist()
    }
    return Facts(
        verdicts=tuple(
            Verdict(
                row["patient_id"],
                row["criterion"],
                row["final"],
                sealed=bool(row["evidence_hash"]),
                evidence=shown.get((row["patient_id"], row["criterion"]), 0),
            )
            for row in reconciliation.verdicts.to_pylist()
        ),
        funnel=tuple(_steps(funnel["steps"])),
        entries=dict(_entries(reconciliation.values)),
        units=dict(_units(screening.values)),
        sources={patient: _source(screening, patient, judged) for patient in reconciliation.eligible},
    )


def _source(screening: Screened, patient: str, judged: Mapping[str, str]) -> SourceState:
    try:
        now = screening.evidence_hash(patient)
    except NotFound:  # the last screening no longer finds the patient, and nobody has queued that yet
        return "changed"
    return "unchanged" if now == judged.get(patient) else "changed"


def _steps(steps: Iterable[Mapping[str, Any]]) -> Iterator[Step]:
    for step in steps:
        yield Step(
            str(step["id"]),
            int(step["patients"]),
            step["visits"],
            int(step["removed_patients"] or 0),
            step["removed_visits"] or 0,
        )


def _entries(values: pa.Table) -> Iterator[tuple[Place, EntryState]]:
    for row in values.to_pylist():
        if row["entry"] != "double":
            continue
        state: EntryState = "open"
        if row["phase"] == "complete":
            state = "resolved" if row["source"] == "resolution" else "agree"
        yield (row["patient_id"], row["variable"], row["timepoint"]), state


def _units(values: pa.Table) -> Iterator[tuple[Place, UnitState]]:
    """A laboratory value that was read has its unit; one whose unit nobody knows says so."""
    for row in values.to_pylist():
        if row["status"] == "found" and str(row["method"]).startswith("lab"):
            yield (
                (row["patient_id"], row["variable"], row["timepoint"] or ""),
                "known" if row["unit"] else "unknown",
            )
