"""The chart as a page shows it: one patient's landed records in their original characters, evidence marked."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from extract.chart.people import survivors
from extract.chart.screening import Screening
from extract.errors import Refused
from extract.his.landing import Landing
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol
from validate.desk.drawing import Timeline, Trend, timeline, trend
from validate.desk.marks import PRESENT, Mark, Part, Piece, parts, sentences
from validate.review.withheld import Withheld, WithheldList

__all__ = ["Chart", "Charts", "Note", "Row", "Sentence", "Visit"]

_NOTES: Final = {
    "document": ("text", "written_at", ("kind",)),
    "imaging": ("report_text", "performed_at", ("modality", "body_part")),
}
_ROWS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "diagnosis": ("diagnosed_at", ("code", "name")),
    "medication": ("started_at", ("name", "route")),
    "procedure": ("performed_at", ("code", "name")),
    "scale": ("measured_at", ("name", "raw_value")),
}
_TABLES: Final = ("patient", "visit", "lab", *_NOTES, *_ROWS)
_FRESH: Final = 2.0
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Note:
    """A document or a report."""

    record_id: str
    at: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Sentence:
    """One sentence of a note, and where in the note it begins."""

    record_id: str
    at: str
    title: str
    start: int
    pieces: tuple[Piece, ...]

    @property
    def marked(self) -> bool:
        """Whether something in it is evidence, asserted or not."""
        return any(piece.marks for piece in self.pieces)


@dataclass(frozen=True)
class Row:
    """Any other record."""

    record_id: str
    at: str
    cells: tuple[str, ...]
    marked: bool


@dataclass(frozen=True)
class Visit:
    """A visit with what was written and done in it; ``""`` is what belongs to none."""

    visit_id: str
    at: str
    kind: str
    department: str
    first: bool
    """Whether it is the index visit."""
    marked: bool
    notes: tuple[Note, ...]
    rows: Mapping[str, tuple[Row, ...]]


class Chart:
    """One patient's records and the screening's evidence in them."""

    def __init__(
        self,
        records: Mapping[str, list[dict[str, Any]]],
        evidence: list[dict[str, Any]],
        t0: Record | None,
        kept_back: int = 0,
    ) -> None:
        self.kept_back = kept_back
        """How many records the law keeps from this study; they are in no other part of this chart."""
        self._records = records
        self._t0 = t0
        dated = {"patient": "birth_date", "visit": "started_at", "lab": "specimen_at"}
        dated |= {table: at for table, (_, at, _) in _NOTES.items()}
        dated |= {table: at for table, (at, _) in _ROWS.items()}
        self._at = {r["record_id"]: _time(r[dated[t]]) for t, rows in records.items() for r in rows}
        # Anchors are plain numbers: a record's own id may hold the patient's, and an anchor ends in the
        # address that the browser keeps in its history.
        named = [*self._at, *(v["visit_id"] for v in records["visit"])]
        self.anchors = {name: f"r{i}" for i, name in enumerate(dict.fromkeys(named))}
        self.evidence = [
            row | {"at": self._at.get(row["record_id"], ""), "assertion": row["assertion"] or PRESENT}
            for row in evidence
        ]

    @cached_property
    def marked(self) -> frozenset[str]:
        """Records that are evidence for something asserted."""
        return frozenset(e["record_id"] for e in self.evidence if e["assertion"] == PRESENT)

    @property
    def person(self) -> tuple[str, str]:
        """Sex and date of birth, as the hospital writes them."""
        one: Record = next(iter(self._records["patient"]), {})
        return str(one.get("sex") or ""), _time(one.get("birth_date"))[:10]

    @property
    def why(self) -> dict[str, list[dict[str, Any]]]:
        """Term of the search -> where it was found, oldest first."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(self.evidence, key=lambda e: (e["at"], e["start"] or 0)):
            if row["kind"] == "keyword":
                found[row["term"]].append(row)
        return dict(found)

    @property
    def found(self) -> dict[str, list[dict[str, Any]]]:
        """Variable -> where a value of it was read."""
        by_variable: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.evidence:
            if row["variable"]:
                by_variable[row["variable"]].append(row)
        return dict(by_variable)

    @property
    def trends(self) -> list[Trend]:
        """Laboratory items, those that are evidence first."""
        by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(self._records["lab"], key=lambda r: (self._at[r["record_id"]], r["record_id"])):
            by_name[row["name"] or ""].append(row | {"at": self._at[row["record_id"]]})
        drawn = [trend(name, rows, self.marked) for name, rows in by_name.items()]
        return sorted(drawn, key=lambda one: (not one.marked, one.name))

    def timeline(self, protocol: Protocol) -> Timeline | None:
        """All visits by time, with the protocol's windows."""
        t0 = self._t0["t0_date"] if self._t0 else None
        marked = frozenset(e["visit_id"] for e in self.evidence if e["assertion"] == PRESENT)
        return timeline(self._records["visit"], t0, protocol.timepoints, marked - {None})

    @property
    def visits(self) -> list[Visit]:
        """Visits with their records, oldest first, then what belongs to none of them."""
        known = {v["visit_id"] for v in self._records["visit"]}
        notes: dict[str, list[Note]] = defaultdict(list)
        for note, visit in self._notes():
            notes[visit if visit in known else ""].append(note)
        rows: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for table, (_, cells) in _ROWS.items():
            for row in self._records[table]:
                visit = row["visit_id"] if row["visit_id"] in known else ""
                rows[visit][table].append(self._row(row, cells))
        listed = sorted(self._records["visit"], key=lambda v: (_time(v["started_at"]), v["visit_id"]))
        shown = [self._visit(v, notes[v["visit_id"]], rows[v["visit_id"]]) for v in listed]
        if notes[""] or rows[""]:
            shown.append(self._visit({"visit_id": ""}, notes[""], rows[""]))
        return shown

    def _visit(self, visit: Record, notes: list[Note], rows: Mapping[str, list[Row]]) -> Visit:
        held = [*(n.record_id for n in notes), *(r.record_id for some in rows.values() for r in some)]
        return Visit(
            visit_id=visit["visit_id"],
            at=_time(visit.get("started_at"))[:10],
            kind=visit.get("visit_type") or "",
            department=visit.get("department") or "",
            first=bool(self._t0 and self._t0["t0_visit_id"] == visit["visit_id"]),
            marked=any(record in self.marked for record in held),
            notes=tuple(sorted(notes, key=lambda note: (note.at, note.record_id))),
            rows={t: tuple(sorted(some, key=lambda r: (r.at, r.record_id))) for t, some in rows.items()},
        )

    @property
    def sentences(self) -> list[Sentence]:
        """Every sentence of every note, oldest note first; blank ones left out."""
        marks = self._marks()
        told = sorted(
            (
                (self._at[row["record_id"]], row["record_id"], row[text] or "", _title(row, title))
                for table, (text, _, title) in _NOTES.items()
                for row in self._records[table]
            ),
        )
        return [
            Sentence(record, at, title, start, found)
            for at, record, text, title in told
            for start, found in sentences(text, marks[record])
            if any(piece.text.strip() for piece in found)
        ]

    def _marks(self) -> dict[str, list[Mark]]:
        marks: dict[str, list[Mark]] = defaultdict(list)
        for row in self.evidence:
            if row["start"] is not None and row["field"] in {"text", "report_text"}:
                about = row["criterion"] or row["variable"] or row["term"] or ""
                marks[row["record_id"]].append(
                    Mark(row["start"], row["end"], row["kind"], row["assertion"], about)
                )
        return marks

    def _notes(self) -> list[tuple[Note, str]]:
        marks = self._marks()
        return [
            (
                Note(
                    row["record_id"],
                    self._at[row["record_id"]],
                    _title(row, title),
                    parts(row[text] or "", marks[row["record_id"]]),
                ),
                row["visit_id"] or "",
            )
            for table, (text, _, title) in _NOTES.items()
            for row in self._records[table]
        ]

    def _row(self, row: Record, cells: tuple[str, ...]) -> Row:
        texts = tuple(str(row[name] or "") for name in cells)
        return Row(row["record_id"], self._at[row["record_id"]], texts, row["record_id"] in self.marked)

    def texts(self) -> dict[str, str]:
        """Record id -> original text, of every note: what quotes are held against."""
        return {
            row["record_id"]: row[text] or ""
            for table, (text, _, _) in _NOTES.items()
            for row in self._records[table]
        }


class Charts:
    """The landed charts of one study; read again when a newer pull has finished."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._withheld = WithheldList(folder)
        self._guard = threading.Lock()
        self._looked = 0.0
        self._run = ""
        self._tables: dict[str, _Grouped] = {}
        self._evidence = self._verdicts = self._candidates = _Grouped(pa.table({"patient_id": []}))
        self._ids: dict[str, list[str]] = {}

    def warm(self) -> None:
        """Read everything now. Raises what reading raises."""
        self._refresh()

    def of(self, patient_id: str) -> Chart:
        """The chart of a patient."""
        self._refresh()
        ids = [patient_id, *self._ids.get(patient_id, [])]
        listed = self._withheld.now()
        if listed.patients & {*ids}:
            raise Refused("this patient has declined: the chart is shown to nobody", "Go back to your work.")
        records = {
            table: [row for one in ids for row in held.of(one)] for table, held in self._tables.items()
        }
        records, gone = _shown(records, listed)
        evidence = [row for row in self._evidence.of(patient_id) if row["record_id"] not in gone]
        return Chart(records, evidence, next(iter(self._candidates.of(patient_id)), None), len(gone))

    def declined(self, patients: Collection[str]) -> int:
        """How many of ``patients`` have declined."""
        return len(self._withheld.now().patients & {*patients})

    def cited(self, chart: Chart, patient_id: str) -> dict[str, list[dict[str, Any]]]:
        """Criterion -> its evidence, without what the machine concluded from it."""
        shown = {row["evidence_id"]: row for row in chart.evidence}
        return {
            row["criterion"]: [shown[one] for one in row["evidence"] or () if one in shown]
            for row in self._verdicts.of(patient_id)
        }

    def _refresh(self) -> None:
        with self._guard:
            if self._run and time.monotonic() - self._looked < _FRESH:
                return
            landing = Landing(self._folder.landing)
            try:
                self._looked = time.monotonic()
                if landing.run == self._run:
                    return
                people = landing.current("patient", ["patient_id", "merged_into"], followed=True)
                merged = survivors(
                    zip(people["patient_id"].to_pylist(), people["merged_into"].to_pylist(), strict=True)
                )
                ids: dict[str, list[str]] = defaultdict(list)
                for old, new in merged.items():
                    ids[new].append(old)
                self._tables = {table: _Grouped(landing.current(table, followed=True)) for table in _TABLES}
                screening = Screening.load(self._folder)
                self._evidence = _Grouped(screening.evidence)
                self._verdicts = _Grouped(screening.verdicts)
                self._candidates = _Grouped(screening.candidates)
                self._ids = dict(ids)
                self._run = landing.run
            finally:
                landing.close()


def _shown(
    records: dict[str, list[dict[str, Any]]], listed: Withheld
) -> tuple[dict[str, list[dict[str, Any]]], set[str]]:
    """``records`` without those that are kept back, and the ids of these."""
    departments = {v["visit_id"]: v["department"] or "" for v in records["visit"]}

    def back(row: Record) -> bool:
        return listed.keeps_back(row, departments.get(row.get("visit_id"), ""))

    gone = {
        row["record_id"] for table, rows in records.items() if table != "patient" for row in rows if back(row)
    }
    return {t: [row for row in rows if row["record_id"] not in gone] for t, rows in records.items()}, gone


class _Grouped:
    """A table of which one patient's rows are found without looking at the others'."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        order = pc.sort_indices(table, sort_keys=[("patient_id", "ascending")])
        patients = table["patient_id"].combine_chunks().take(order)
        ends = pc.run_end_encode(patients) if len(patients) else None
        names = ends.values.to_pylist() if ends is not None else []
        stops = ends.run_ends.to_pylist() if ends is not None else []
        self._order = order
        self._places = dict(zip(names, zip([0, *stops], stops, strict=False), strict=True))

    def of(self, patient_id: str) -> list[dict[str, Any]]:
        begin, end = self._places.get(patient_id, (0, 0))
        if begin == end:
            return []
        return [dict(row) for row in self._table.take(self._order[begin:end]).to_pylist()]


def _title(row: Record, names: tuple[str, ...]) -> str:
    return " ".join(row[name] for name in names if row[name])


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return value.isoformat() if isinstance(value, date) else ""
