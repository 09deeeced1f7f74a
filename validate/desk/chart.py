"""The chart as a page shows it: one patient's landed records in their original characters, evidence marked."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from extract.chart.people import survivors
from extract.chart.screening import Screening
from extract.his.landing import Landing
from extract.study.folder import StudyFolder

__all__ = ["Charts", "Mark", "Note", "Piece", "Row", "pieces"]

_NOTES: Final = {
    "document": ("text", "written_at", "kind"),
    "imaging": ("report_text", "performed_at", "modality"),
}
_ROWS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "patient": ("birth_date", ("sex",)),
    "lab": ("specimen_at", ("name", "raw_value", "unit", "reference_range")),
    "diagnosis": ("diagnosed_at", ("code", "name")),
    "medication": ("started_at", ("name", "route")),
    "procedure": ("performed_at", ("code", "name")),
    "scale": ("measured_at", ("name", "raw_value")),
}


@dataclass(frozen=True)
class Mark:
    """A place in a text that is evidence for something."""

    start: int
    end: int
    kind: str
    assertion: str
    about: str


@dataclass(frozen=True)
class Piece:
    """A run of text under the same marks; the pieces of a text joined are the text."""

    text: str
    marks: tuple[Mark, ...]

    @property
    def css(self) -> str:
        """Classes: ``hit``, its kind, and ``not`` where every mark is negated, historical, family or so."""
        if not self.marks:
            return ""
        kinds = sorted({mark.kind for mark in self.marks})
        asserted = any(mark.assertion == "present" for mark in self.marks)
        return " ".join(["hit", *kinds, *([] if asserted else ["not"])])

    @property
    def about(self) -> str:
        """What it is evidence for, and how it is asserted."""
        return "; ".join(dict.fromkeys(f"{mark.about} ({mark.assertion})" for mark in self.marks))


@dataclass(frozen=True)
class Note:
    """A document or a report."""

    record_id: str
    at: str
    title: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Row:
    """Any other record."""

    record_id: str
    at: str
    cells: tuple[str, ...]
    marked: bool


def pieces(text: str, marks: Iterable[Mark]) -> tuple[Piece, ...]:
    """``text`` cut at the ends of all ``marks``; marks that lie outside of it are left out."""
    inside = [m for m in marks if 0 <= m.start < m.end <= len(text)]
    cuts = sorted({0, len(text), *(m.start for m in inside), *(m.end for m in inside)})
    return tuple(
        Piece(text[a:b], tuple(m for m in inside if m.start <= a and b <= m.end))
        for a, b in itertools.pairwise(cuts)
    )


class Charts:
    """The landed charts of one study; read again when a newer pull has finished."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._run = ""
        self._tables: dict[str, pa.Table] = {}
        self._screening: Screening | None = None
        self._ids: dict[str, list[str]] = {}

    def texts(self, patient_id: str) -> dict[str, str]:
        """Record id -> original text, of every note of a patient: what quotes are held against."""
        return {
            row["record_id"]: row[_NOTES[table][0]] or ""
            for table in _NOTES
            for row in self._records(table, patient_id)
        }

    def notes(self, patient_id: str) -> list[Note]:
        """Documents and reports, oldest first, with the evidence marked."""
        marks: dict[str, list[Mark]] = defaultdict(list)
        for row in self.evidence(patient_id):
            if row["start"] is not None and row["field"] in {"text", "report_text"}:
                about = row["criterion"] or row["variable"] or row["term"] or ""
                marks[row["record_id"]].append(
                    Mark(row["start"], row["end"], row["kind"], row["assertion"] or "present", about)
                )
        found = [
            Note(
                row["record_id"],
                _time(row[at]),
                row[title] or "",
                pieces(row[text] or "", marks[row["record_id"]]),
            )
            for table, (text, at, title) in _NOTES.items()
            for row in self._records(table, patient_id)
        ]
        return sorted(found, key=lambda note: (note.at, note.record_id))

    def rows(self, patient_id: str) -> dict[str, list[Row]]:
        """Laboratory, diagnoses, drugs, procedures and scales, oldest first."""
        marked = {row["record_id"] for row in self.evidence(patient_id)}
        return {
            table: sorted(
                (
                    Row(
                        row["record_id"],
                        _time(row[at]),
                        tuple(str(row[name] or "") for name in cells),
                        row["record_id"] in marked,
                    )
                    for row in self._records(table, patient_id)
                ),
                key=lambda row: (row.at, row.record_id),
            )
            for table, (at, cells) in _ROWS.items()
        }

    def evidence(self, patient_id: str) -> list[dict[str, Any]]:
        """The screening's evidence of a patient."""
        self._refresh()
        return _of(self._screening.evidence, [patient_id]) if self._screening else []

    def cited(self, patient_id: str) -> Mapping[str, list[dict[str, Any]]]:
        """Criterion -> its evidence, without what the machine concluded from it."""
        self._refresh()
        if self._screening is None:
            return {}
        shown = {row["evidence_id"]: row for row in self.evidence(patient_id)}
        return {
            row["criterion"]: [shown[one] for one in row["evidence"] or () if one in shown]
            for row in _of(self._screening.verdicts, [patient_id])
        }

    def _records(self, table: str, patient_id: str) -> list[dict[str, Any]]:
        self._refresh()
        return _of(self._tables[table], [patient_id, *self._ids.get(patient_id, [])])

    def _refresh(self) -> None:
        with self._guard:
            landing = Landing(self._folder.landing)
            try:
                if landing.run == self._run:
                    return
                people = landing.current("patient", ["patient_id", "merged_into"])
                merged = survivors(
                    zip(people["patient_id"].to_pylist(), people["merged_into"].to_pylist(), strict=True)
                )
                ids: dict[str, list[str]] = defaultdict(list)
                for old, new in merged.items():
                    ids[new].append(old)
                self._tables = {table: landing.current(table) for table in (*_NOTES, *_ROWS)}
                self._screening = Screening.load(self._folder)
                self._ids = dict(ids)
                self._run = landing.run
            finally:
                landing.close()


def _of(table: pa.Table, patients: list[str]) -> list[dict[str, Any]]:
    kept = table.filter(pc.is_in(table["patient_id"], value_set=pa.array(patients, pa.string())))
    return [dict(row) for row in kept.to_pylist()]


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return value.isoformat() if isinstance(value, date) else ""
