"""A night of the demo hospital: what happens to its tables between two pulls, and the list of it for tests.

Hospitals change the past: results are reported late and corrected, notes are edited, deleted and voided,
patients are found to be two or one, and many a change leaves no time behind, or only a day.  What a night
does follows from the seed and the hospital's content, and is the same on SQLite and PostgreSQL.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from extract.synthetic import case_chart
from extract.synthetic.cases import COHORT_SIZE, eligible
from extract.synthetic.dice import Dice
from extract.synthetic.people import patient_number
from extract.synthetic.roster import FULL
from extract.synthetic.schema import TABLES
from extract.synthetic.standing import opened, tables

__all__ = ["Change", "NightReport", "next_night"]

_NEWCOMERS: Final = 1_000_000
"""Index of the first patient who comes by night; no demo hospital is as large."""

_CARDS: Final = 2_000_000
"""Index of the second card of planted patient 0."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One thing that a night did: what, to which row, of whom. Never a value."""

    kind: str
    table: str
    key: tuple[str, ...]
    patient_id: str


@dataclass(frozen=True)
class NightReport:
    """What a night did. For tests: nothing of the product may know it."""

    at: datetime
    changes: tuple[Change, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many changes of each kind."""
        return dict(sorted(Counter(change.kind for change in self.changes).items()))

    def patients(self, *kinds: str) -> list[str]:
        """Whom changes of these kinds (or all) concern, once each, sorted; numbers as the row has them."""
        return sorted({c.patient_id for c in self.changes if not kinds or c.kind in kinds})


def next_night(target: Path | str, *, seed: int, changed: float = 0.01) -> NightReport:
    """Changes the demo hospital ``target`` (SQLite path, or SQLAlchemy URL) as a night does, in one transaction.

    ``changed`` is about the share of rows that change in each table that changes, 0 for a night in which
    nothing happens; whatever the share above 0, every kind happens, and to a planted patient or a decoy where
    it can.  Nights go on from each other: give each its own seed.  Raises NotFound, SourceUnreachable.
    """
    with opened(target) as connection:
        night = _Night(connection, seed, changed)
        if changed > 0:
            night.do()
    return NightReport(night.at, tuple(night.changes))


class _Night:
    """One night; each method is one kind of change."""

    def __init__(self, connection: sa.Connection, seed: int, changed: float) -> None:
        self.connection, self.seed, self.changed = connection, seed, changed
        self.tables = tables()
        self.changes: list[Change] = []
        self.study = {patient_number(index) for index in range(FULL)}
        results = self.tables["LAB_RESULT"]
        last: datetime | None = connection.execute(
            sa.select(sa.func.max(results.c.result_date_time))
        ).scalar()
        began = (last or datetime(2025, 7, 1)) + timedelta(days=1)  # noqa: DTZ001 - hospital clocks know no zone
        self.at = began.replace(hour=23, minute=10, second=7, microsecond=0)
        self.pairs = math.ceil(changed * 100)

    def do(self) -> None:
        """Everything that happens, the cards first: later kinds meet patients as they then stand."""
        self.cards_joined()
        self.merged()
        self.unmerged()
        self.card_found()
        self.released()
        self.late()
        self.corrected()
        self.edited()
        self.deleted()
        self.voided()
        self.touched()
        self.visits()
        self.newcomers()

    # ---- tools ----

    def rows(self, table: str, *where: sa.ColumnElement[bool]) -> list[Row]:
        """Rows by key; sorted here, because servers sort text by their own rules."""
        found = self.connection.execute(sa.select(self.tables[table]).where(*where)).mappings()
        key = [name.lower() for name in TABLES[table].key]
        return sorted((dict(row) for row in found), key=lambda row: [str(row[name]) for name in key])

    def chosen(self, kind: str, rows: Sequence[Row], share: float) -> list[Row]:
        """A share of the rows by chance, among them one of a study patient where there is one."""
        if not rows or not share:
            return []
        dice = Dice(self.seed, "night", kind)
        some = dice.some(rows, math.ceil(share * len(rows)))
        study = [row for row in rows if row["patient_id"] in self.study]
        if study and not any(row["patient_id"] in self.study for row in some):
            some[0] = dice.pick(study)
        return some

    def stamps(self, n: int) -> datetime | None:
        """The time that the ``n``-th change leaves: tonight, none at all, or only the day."""
        return (self.at + timedelta(seconds=n), None, self.at.replace(hour=0, minute=0, second=0))[n % 3]

    def told(self, kind: str, table: str, row: Row, patient: str | None = None) -> None:
        key = tuple(str(row[name.lower()]) for name in TABLES[table].key)
        self.changes.append(Change(kind, table, key, patient or str(row["patient_id"])))

    def at_key(self, table: str, row: Row) -> sa.ColumnElement[bool]:
        columns = self.tables[table].c
        return sa.and_(*(columns[name.lower()] == row[name.lower()] for name in TABLES[table].key))

    def update(self, kind: str, table: str, row: Row, **values: object) -> None:
        self.connection.execute(self.tables[table].update().where(self.at_key(table, row)).values(values))
        self.told(kind, table, row)
        if values.keys() & {name.lower() for name in TABLES[table].key}:
            self.told(kind, table, row | values)

    def delete(self, kind: str, table: str, row: Row) -> None:
        self.connection.execute(self.tables[table].delete().where(self.at_key(table, row)))
        self.told(kind, table, row)

    def insert(self, kind: str, table: str, row: Row, patient: str | None = None) -> None:
        columns = {name.lower() for name in TABLES[table].names}
        kept = {name: value for name, value in row.items() if name in columns}
        self.connection.execute(self.tables[table].insert().values(kept))
        self.told(kind, table, row, patient)

    def results(self) -> list[Row]:
        """Results with the patient of their test."""
        tests = {row["test_no"]: row["patient_id"] for row in self.rows("LAB_TEST_MASTER")}
        found = [row | {"patient_id": tests.get(row["test_no"])} for row in self.rows("LAB_RESULT")]
        return [row for row in found if row["patient_id"]]

    # ---- who is who ----

    def merge(self, kind: str, old: str, into: str) -> None:
        row = {"patient_id": old, "into_patient_id": into, "merged_at": self.at}
        self.insert(kind, "PAT_ID_MERGE", row, into)

    def known(self) -> tuple[dict[str, Row], dict[str, str]]:
        """Everybody in the index, and who was merged into whom."""
        people = {row["patient_id"]: row for row in self.rows("PAT_MASTER_INDEX")}
        return people, {row["patient_id"]: row["into_patient_id"] for row in self.rows("PAT_ID_MERGE")}

    def cards_joined(self) -> None:
        """Second cards that an earlier night gave out are merged: a planted patient's T1 comes back."""
        people, merged = self.known()
        for index in range(COHORT_SIZE):
            card = patient_number(_CARDS + index)
            if card in people and card not in merged:
                self.merge("card.joined", card, patient_number(index))

    def merged(self) -> None:
        """A planted patient's number is given up for that of somebody who never was a candidate, if there is one."""
        people, merged = self.known()
        free = people.keys() - merged.keys() - set(merged.values())
        dice = Dice(self.seed, "night", "merge")
        planted = [n for n in map(patient_number, range(COHORT_SIZE)) if n in free]
        others = sorted(free - self.study) or sorted(free - set(planted))
        pairs = min(self.pairs, len(planted), len(others))
        for old, into in zip(dice.some(planted, pairs), dice.some(others, pairs), strict=True):
            self.merge("merged", old, into)

    def unmerged(self) -> None:
        """A merger of an earlier day was a mistake; one of a study patient if there is one."""
        tonight = {change.key[0] for change in self.changes}
        before = [row for row in self.rows("PAT_ID_MERGE") if row["patient_id"] not in tonight]
        of_study = [row for row in before if {row["into_patient_id"], row["patient_id"]} & self.study]
        for row in Dice(self.seed, "night", "unmerge").some(of_study or before, self.pairs):
            self.delete("unmerged", "PAT_ID_MERGE", row)

    def card_found(self) -> None:
        """The visit of T1 of a planted patient was booked on a second card, and is moved to it."""
        people, merged = self.known()
        taken = merged.keys() | set(merged.values())
        able = []
        for index in range(COHORT_SIZE):
            number, card = patient_number(index), patient_number(_CARDS + index)
            if number in people and number not in taken and card not in people and (day := self.t1(number)):
                able.append((number, card, day))
        for number, card, day in Dice(self.seed, "night", "card").some(able, self.pairs):
            self.insert("card.found", "PAT_MASTER_INDEX", people[number] | {"patient_id": card}, card)
            for table, dated, days in (
                ("CLINIC_MASTER", "visit_date", 0),
                ("OUTP_MR", "visit_date", 0),
                ("OUTP_PRESC", "visit_date", 0),
                ("OUTP_TREAT_REC", "visit_date", 0),
                ("VITAL_SIGNS_REC", "recording_date", 0),
                ("LAB_TEST_MASTER", "requested_date_time", 1),
            ):
                columns = self.tables[table].c
                when = columns[dated]
                begins, ends = day - timedelta(days=days), day + timedelta(days=1)
                for row in self.rows(table, columns.patient_id == number, when >= begins, when < ends):
                    self.update("card.found", table, row, patient_id=card)

    def t1(self, number: str) -> datetime | None:
        """The day of the outpatient visit that is nearest to four weeks after another visit, and within a week of it."""
        clinic, wards = self.tables["CLINIC_MASTER"].c, self.tables["PAT_VISIT"].c
        days: list[datetime] = [
            row["visit_date"]
            for row in self.rows("CLINIC_MASTER", clinic.patient_id == number, clinic.returned_date.is_(None))
        ]
        stays = self.rows("PAT_VISIT", wards.patient_id == number)
        begun = [*days, *(row["admission_date_time"] for row in stays)]
        far = {day: min(abs((day - b.replace(hour=0, minute=0)).days - 28) for b in begun) for day in days}
        return min(
            (day for day in days if far[day] <= 7), key=lambda day: (far[day], -day.toordinal()), default=None
        )

    # ---- the laboratory ----

    def released(self) -> None:
        """Tests that the laboratory had not reported are reported."""
        status = self.tables["LAB_TEST_MASTER"].c.result_status
        for n, row in enumerate(
            self.chosen("released", self.rows("LAB_TEST_MASTER", status != "4"), min(0.5, self.changed * 10))
        ):
            self.update(
                "released", "LAB_TEST_MASTER", row, result_status="4", results_rpt_date_time=self.stamps(n)
            )

    def late(self) -> None:
        """Results of old specimens arrive only now."""
        status = self.tables["LAB_TEST_MASTER"].c.result_status
        rows = self.rows(
            "LAB_TEST_MASTER", status == "4", self.tables["LAB_TEST_MASTER"].c.patient_id.is_not(None)
        )
        for n, row in enumerate(self.chosen("late", rows, self.changed / 4)):
            test_no = f"N{self.at:%y%m%d}{n:06d}"
            when = self.stamps(n)
            self.insert("late", "LAB_TEST_MASTER", row | {"test_no": test_no, "results_rpt_date_time": when})
            for result in self.rows("LAB_RESULT", self.tables["LAB_RESULT"].c.test_no == row["test_no"]):
                new = {"test_no": test_no, "result": _altered(result["result"]), "result_date_time": when}
                self.insert("late", "LAB_RESULT", result | new, row["patient_id"])

    def corrected(self) -> None:
        """Results are corrected: by a new row, or by writing over the old one."""
        rows = self.results()
        last: dict[tuple[str, int], int] = {}
        for row in rows:
            item = (row["test_no"], row["item_no"])
            last[item] = max(last.get(item, 0), row["print_order"])
        for row in self.chosen("corrected.row", rows, self.changed / 4):
            item = (row["test_no"], row["item_no"])
            last[item] += 1
            new = {"print_order": last[item], "result": _altered(row["result"]), "result_date_time": self.at}
            self.insert("corrected.row", "LAB_RESULT", row | new)
        for n, row in enumerate(self.chosen("corrected.place", rows, self.changed / 2)):
            # Some systems stamp a correction, some clear the time, some leave it as it was.
            when = {} if n % 4 == 3 else {"result_date_time": self.stamps(n)}
            self.update("corrected.place", "LAB_RESULT", row, result=_altered(row["result"]), **when)

    # ---- notes, orders, visits ----

    def documents(self) -> list[Row]:
        files = self.tables["JHMR_FILE_INDEX"].c
        return self.rows("JHMR_FILE_INDEX", files.delete_flag == "0", files.patient_id.is_not(None))

    def edited(self) -> None:
        """Notes are written on, before or after what stands; outpatient notes have no time of change at all."""
        texts = self.tables["JHMR_FILE_CONTENT_TEXT"]
        for n, row in enumerate(self.chosen("edited", self.documents(), self.changed / 2)):
            here = texts.c.file_unique_id == row["file_unique_id"]
            text = self.connection.execute(sa.select(texts.c.mr_content).where(here)).scalar() or ""
            new = f"【修改】补充签名。\n{text}" if n % 2 else f"{text}\n【补记】已向患者说明病情。"
            self.connection.execute(texts.update().where(here).values(mr_content=new))
            when = row["last_modify_date_time"] if n % 4 == 3 else self.stamps(n)
            self.update("edited", "JHMR_FILE_INDEX", row, last_modify_date_time=when)
        for row in self.chosen("edited.out", self.rows("OUTP_MR"), self.changed / 2):
            self.update("edited.out", "OUTP_MR", row, advice=f"{row['advice'] or ''}；不适随诊")

    def deleted(self) -> None:
        """Documents are marked as deleted; outpatient notes go without a trace."""
        for row in self.chosen("deleted", self.documents(), self.changed / 4):
            self.update("deleted", "JHMR_FILE_INDEX", row, delete_flag="1")
        for row in self.chosen("deleted.out", self.rows("OUTP_MR"), self.changed / 8):
            self.delete("deleted.out", "OUTP_MR", row)

    def voided(self) -> None:
        """Orders are voided, and registrations refunded after the fact."""
        status = self.tables["ORDERS"].c.order_status
        for row in self.chosen("voided", self.rows("ORDERS", status != "4"), self.changed / 2):
            self.update("voided", "ORDERS", row, order_status="4")
        clinic = self.tables["CLINIC_MASTER"].c
        rows = self.rows("CLINIC_MASTER", clinic.returned_date.is_(None), clinic.patient_id.is_not(None))
        for row in self.chosen("refunded", rows, self.changed / 8):
            self.update("refunded", "CLINIC_MASTER", row, returned_date=self.at)

    def touched(self) -> None:
        """Documents are opened and saved: the time changes and nothing else."""
        for row in self.chosen("touched", self.documents(), self.changed):
            self.update("touched", "JHMR_FILE_INDEX", row, last_modify_date_time=self.at)

    def visits(self) -> None:
        """Patients come again: visits of the search's dates that are booked only now."""
        clinic = self.tables["CLINIC_MASTER"].c
        rows = self.rows("CLINIC_MASTER", clinic.patient_id.is_not(None), clinic.returned_date.is_(None))
        booked = (*self.rows("CLINIC_MASTER"), *self.rows("OUTP_MR"))
        there = {(row["visit_date"], row["visit_no"]) for row in booked}
        notes = self.tables["OUTP_MR"].c
        for row in self.chosen("visit", rows, self.changed / 2):
            days = timedelta(days=Dice(self.seed, "visit", row["visit_no"]).between(9, 60))
            if (row["visit_date"] + days, row["visit_no"]) in there:
                continue
            there.add((row["visit_date"] + days, row["visit_no"]))
            came = {"visit_date": row["visit_date"] + days}
            self.insert(
                "visit", "CLINIC_MASTER", row | came | {"registering_date": row["registering_date"] + days}
            )
            here = sa.and_(notes.visit_date == row["visit_date"], notes.visit_no == row["visit_no"])
            for note in self.rows("OUTP_MR", here):
                self.insert("visit", "OUTP_MR", note | came)

    def newcomers(self) -> None:
        """Somebody who meets every criterion is registered, with the whole chart."""
        people = self.known()[0]
        index = _NEWCOMERS
        for _ in range(self.pairs):
            while patient_number(index) in people:
                index += 1
            dice = Dice(self.seed, "night", "newcomer", index)
            book = case_chart.write(eligible("night", dice), index, dice)
            for table, rows in book.rows.items():
                names = [name.lower() for name in TABLES[table].names]
                kinds = [kind for _, kind in TABLES[table].columns]
                found = [
                    {
                        n: _moment(v) if k.startswith("TIMESTAMP") else v
                        for n, k, v in zip(names, kinds, r, strict=True)
                    }
                    for r in rows
                ]
                self.connection.execute(self.tables[table].insert(), found)
            self.told("newcomer", "PAT_MASTER_INDEX", {"patient_id": book.who.number})
            index += 1


def _moment(value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _altered(text: str | None) -> str:
    """Another result: the first number one up in its last digit; words are said to be checked."""
    number = re.search(r"\d+(\.\d+)?", text or "")
    if number is None:
        return f"{text or ''}（复核）"
    value = Decimal(number[0])
    step = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return f"{(text or '')[: number.start()]}{value + step}{(text or '')[number.end() :]}"
