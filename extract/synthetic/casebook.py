"""One patient's rows: what a ward clerk's terminal would write, table by table, keys included.

Keys are made from the patient's own number alone, so that a patient is the same in a hospital of any
size: TEST_NO is the day, the patient's number and a count; VISIT_NO is unique within its day because it
contains the patient's index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from extract.synthetic.labs import Result
from extract.synthetic.people import Person

__all__ = ["Casebook", "Outpatient", "Row", "stamp"]

Row = tuple[str | int | float | None, ...]


def stamp(moment: datetime | None) -> str | None:
    """``YYYY-MM-DD HH:MM:SS``, or None."""
    return None if moment is None else moment.isoformat(sep=" ", timespec="seconds")


@dataclass(frozen=True, slots=True)
class Outpatient:
    """An outpatient visit's key, and the moment of its registration."""

    number: str
    day: datetime
    visit_no: int
    at: datetime
    department: str
    doctor: str


class Casebook:
    """Collects the rows of the patient ``index``. ``rows[table]`` is in DDL order (schema.TABLES)."""

    def __init__(self, index: int, who: Person) -> None:
        self.who = who
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.index = index
        self._tests = 0
        self._exams = 0
        self._stays: dict[str, int] = {}
        self._orders: dict[tuple[str, int], int] = {}
        self._files: dict[tuple[str, int], int] = {}
        self._days: dict[datetime, int] = {}
        self._items: dict[tuple[str, datetime, int], int] = {}
        self._last: datetime | None = None

    def close(self, created: datetime) -> None:
        """Writes the patient's own row, once all visits are known."""
        self.rows["PAT_MASTER_INDEX"].append(self._master(self.who.number, created))

    def merge(self, twin: str, at: datetime, created: datetime) -> None:
        """A second number of the same person, merged into the first at ``at``."""
        self.rows["PAT_MASTER_INDEX"].append(self._master(twin, created))
        self.rows["PAT_ID_MERGE"].append((twin, self.who.number, stamp(at)))

    def _master(self, number: str, created: datetime) -> Row:
        who = self.who
        birth = datetime.combine(who.birth, time())
        # 000000 is no district's code: the identity number can be nobody's.
        identity = f"000000{who.birth:%Y%m%d}{int(number) % 10_000:04d}"
        return (
            number, "Z" + number, who.name, None, who.sex, stamp(birth), None, "汉族", identity,
            who.charge, who.address, who.phone, who.kin, "0", who.phone, stamp(self._last), stamp(created),
        )  # fmt: skip

    def _age(self, on: date) -> int:
        birth = self.who.birth
        return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))

    def outpatient(
        self,
        at: datetime,
        department: str,
        doctor: str,
        note: Sequence[str | None] | None,
        *,
        symptom: str = "",
        returned: datetime | None = None,
        number: str | None = None,
    ) -> Outpatient:
        """A registration and its note: the eleven texts of OUTP_MR from ILLNESS_DESC to ADVICE."""
        day = datetime.combine(at.date(), time())
        ordinal = self._days.get(day, 0)
        self._days[day] = ordinal + 1
        visit_no = self.index * 4 + ordinal + 1
        patient = number or self.who.number
        self.rows["CLINIC_MASTER"].append((
            stamp(day), visit_no, patient, self.who.sex, self._age(at.date()), "普通门诊", department,
            doctor, "2" if returned else "1", stamp(at), symptom[:40] or None, stamp(returned),
        ))  # fmt: skip
        if note is not None:
            self.rows["OUTP_MR"].append((patient, stamp(day), visit_no, 1, *note, doctor))
        self._last = max(self._last or at, at)
        return Outpatient(patient, day, visit_no, at, department, doctor)

    def inpatient(
        self, at: datetime, until: datetime, department: str, doctor: str, *, number: str | None = None
    ) -> int:
        """An admission; its VISIT_ID is the next ordinal of the patient's number."""
        patient = number or self.who.number
        visit_id = self._stays.get(patient, 0) + 1
        self._stays[patient] = visit_id
        cost = float((until - at).days * 900 + 1800)
        self.rows["PAT_VISIT"].append((
            patient, visit_id, department, stamp(at), department, stamp(until), "其他", "2",
            self.who.charge, "1", "3", doctor, doctor, "1", cost,
        ))  # fmt: skip
        self._last = max(self._last or until, until)
        return visit_id

    def note(
        self,
        visit_id: int,
        at: datetime,
        topic: str,
        text: str,
        doctor: str,
        *,
        deleted: bool = False,
        number: str | None = None,
    ) -> None:
        """A document of an admission."""
        patient = number or self.who.number
        count = self._files.get((patient, visit_id), 0) + 1
        self._files[patient, visit_id] = count
        unique = f"{patient}_{visit_id}_{count}"
        moment = stamp(at)
        self.rows["JHMR_FILE_INDEX"].append((
            unique, patient, str(visit_id), f"EMR{10 + count:02d}.00.01", topic, moment, moment, moment,
            stamp(at + timedelta(minutes=25)), doctor, None, "1" if deleted else "0", "A",
        ))  # fmt: skip
        self.rows["JHMR_FILE_CONTENT_TEXT"].append((unique, text))

    def diagnoses(
        self,
        visit_id: int,
        kind: str,
        found: Iterable[tuple[str, str]],
        at: datetime,
        number: str | None = None,
    ) -> None:
        """ICD-10 codes and names; ``kind`` is 2 at admission, 3 at discharge."""
        for count, (code, name) in enumerate(found, start=1):
            self.rows["DIAGNOSIS"].append(
                (number or self.who.number, visit_id, kind, count, code or None, name, stamp(at), None, "0")
            )

    def lab(
        self,
        at: datetime,
        visit_id: int | None,
        subject: str,
        code: str,
        results: Sequence[Result],
        *,
        reported: datetime | None = None,
        status: str = "4",
        specimen: str = "血清",
        relevant: str = "",
        department: str = "",
        corrected: Sequence[Result] = (),
        number: str | None = None,
        undated: bool = False,
    ) -> None:
        """One test. ``corrected`` holds later rows of the same items, which count instead."""
        self._tests += 1
        patient = number or self.who.number
        test_no = f"{at:%y%m%d}{patient}{self._tests:03d}"
        reported = reported or at + timedelta(hours=3)
        memo = "结果已更正" if corrected else None
        self.rows["LAB_TEST_MASTER"].append((
            test_no, patient, visit_id, self.who.sex, self._age(at.date()), relevant or None, specimen,
            None, stamp(at + timedelta(minutes=20)), None if undated else stamp(at),
            stamp(at - timedelta(minutes=50)), department or None, None, None, status,
            stamp(reported), subject, memo,
        ))  # fmt: skip
        self.rows["LAB_TEST_ITEMS"].append((test_no, 1, subject, code))
        rows = self.rows["LAB_RESULT"]
        for order, one in enumerate(results, start=1):
            rows.append((
                test_no, 1, order, one.name, one.code, one.text, one.unit or None, one.flag, "LIS01",
                stamp(reported), one.reference,
            ))  # fmt: skip
        for order, one in enumerate(corrected, start=len(results) + 1):
            rows.append((
                test_no, 1, order, one.name, one.code, one.text, one.unit or None, one.flag, "LIS01",
                stamp(reported + timedelta(hours=5)), one.reference,
            ))  # fmt: skip

    def exam(
        self,
        at: datetime,
        visit_id: int | None,
        kind: str,
        part: str,
        symptom: str,
        diagnosis: str,
        described: str,
        impression: str,
        *,
        status: str = "4",
        number: str | None = None,
    ) -> None:
        """One imaging examination and its report."""
        patient = number or self.who.number
        exam_no = f"{patient}{self._exams:02d}"
        self._exams += 1
        self.rows["EXAM_MASTER"].append((
            exam_no, patient, visit_id, kind, part, symptom or None, None, diagnosis[:100] or None,
            "1" if visit_id is None else "2", stamp(at - timedelta(hours=20)), None, stamp(at),
            stamp(at + timedelta(hours=4)), None, status,
        ))  # fmt: skip
        if status == "4":
            self.rows["EXAM_REPORT"].append((exam_no, f"{part}平扫", described, impression, None, "1"))

    def order(
        self,
        visit_id: int,
        kind: str,
        text: str,
        code: str,
        start: datetime,
        stop: datetime | None,
        doctor: str,
        *,
        route: str = "",
        status: str = "3",
        number: str | None = None,
    ) -> None:
        """An inpatient order: kind A is a drug, B a treatment; status 4 is voided."""
        patient = number or self.who.number
        count = self._orders.get((patient, visit_id), 0) + 1
        self._orders[patient, visit_id] = count
        self.rows["ORDERS"].append((
            patient, visit_id, count, 1, 1, kind, text, code, 1.0, "次" if kind == "B" else "片",
            route or None, "1/日", stamp(start), stamp(stop), None, doctor,
            stamp(start - timedelta(minutes=10)), status,
        ))  # fmt: skip

    def prescribe(
        self,
        visit: Outpatient,
        code: str,
        name: str,
        days: int,
        *,
        route: str = "口服",
        refunded: bool = False,
    ) -> None:
        """An outpatient prescription, from the visit for ``days`` days."""
        item = self._next(visit, "P")
        self.rows["OUTP_PRESC"].append((
            stamp(visit.day), visit.visit_no, item, visit.number, code, name, None, 1.0, "片", route,
            "2/日", stamp(visit.at), stamp(visit.at + timedelta(days=days)), 2 if refunded else 1,
        ))  # fmt: skip

    def treat(self, visit: Outpatient, code: str, name: str, at: datetime, times: int = 1) -> None:
        """An outpatient treatment (rehabilitation, dressing, ...)."""
        item = self._next(visit, "T")
        self.rows["OUTP_TREAT_REC"].append((
            stamp(visit.day), visit.visit_no, item, visit.number, "E", code, name, times, stamp(at), None, 1,
        ))  # fmt: skip

    def _next(self, visit: Outpatient, kind: str) -> int:
        key = (kind, visit.day, visit.visit_no)
        self._items[key] = self._items.get(key, 0) + 1
        return self._items[key]

    def vital(self, visit_id: int | None, at: datetime, name: str, value: str, unit: str) -> None:
        """A line of the nurses' chart; the value is text, as typed."""
        day = datetime.combine(at.date(), time())
        self.rows["VITAL_SIGNS_REC"].append(
            (self.who.number, visit_id, stamp(day), stamp(at), name, None, value, unit or None)
        )

    def operation(
        self, visit_id: int, name: str, code: str, at: datetime, doctor: str, *, number: str | None = None
    ) -> None:
        """An operation of an admission (ICD-9-CM-3)."""
        patient = number or self.who.number
        count = sum(1 for row in self.rows["OPERATION"] if row[:2] == (patient, visit_id)) + 1
        self.rows["OPERATION"].append(
            (patient, visit_id, count, name, code, "Ⅰ", stamp(at), "全身麻醉", doctor)
        )
