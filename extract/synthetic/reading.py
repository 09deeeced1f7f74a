"""What a careful physician concludes from one chart of the demo hospital.

The simulated reviewers and abstractors read with this and then err at their own rates.  It sees landed
records only, never the truth file, and shares no code with the product's own evidence and extractors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from extract.synthetic.reading_text import asserted, course, flat, score, sections

__all__ = ["CRITERIA", "Chart", "Reading", "read"]

Record = Mapping[str, Any]
Chart = Mapping[str, Sequence[Record]]
"""Canonical table name -> records of one patient (extract/his/records.py)."""

CRITERIA: Final = ("I1", "I2", "I3", "I4", "E1", "E2", "E3", "E4")
"""Criteria of the demo's study that a reading judges."""

_PAIN: Final = {
    1: ("颈痛", "颈部疼痛", "颈项痛", "颈肩痛", "项痛"),
    2: ("肩痛", "肩部疼痛", "肩周痛"),
    3: ("腰痛", "腰部疼痛", "腰腿痛", "腰背痛"),
    4: ("腿痛", "下肢疼痛", "下肢放射痛"),
}
_ANY_PAIN: Final = tuple(word for words in _PAIN.values() for word in words)
_EVENTS: Final = {
    1: ("肝功能异常", "转氨酶升高"),
    2: ("肾功能异常", "肌酐升高"),
    3: ("恶心", "胃部不适", "反酸", "胃肠道反应"),
}
_PLAN_DRUGS: Final = ("塞来昔布", "洛索洛芬", "双氯芬酸", "甲钴胺", "乙哌立松", "依托考昔", "布洛芬")
_REHABILITATION: Final = ("牵引", "中频", "超短波", "运动疗法", "松动", "红外线", "康复")
_STEROIDS: Final = ("泼尼松", "地塞米松", "甲泼尼龙", "倍他米松", "可的松")
_SUPPRESSANTS: Final = ("甲氨蝶呤", "来氟米特", "环孢素", "硫唑嘌呤", "羟氯喹", "环磷酰胺", "他克莫司")
_OPERATED: Final = ("摘除术", "融合", "内固定", "置换术", "关节镜", "修补术")
_LASTING: Final = ("恶性肿瘤", "类风湿", "强直性脊柱炎", "骨折", "术后")
_NOT_OWN: Final = frozenset({"家族史", "鉴别诊断"})
_REQUESTS: Final = frozenset({"检查申请", "检验申请"})


@dataclass(frozen=True)
class Reading:
    """Verdicts (``met`` means the condition literally holds), why, and what an abstractor would type.

    ``values`` is keyed by (variable, timepoint); a variable taken once has the timepoint ''; an empty
    text means that the chart does not say.  Several codes are joined by ``;``.
    """

    verdicts: dict[str, str]
    reasons: dict[str, str]
    values: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def eligible(self) -> bool:
        """Every inclusion criterion met and no exclusion criterion."""
        return all((self.verdicts[name] == "met") == name.startswith("I") for name in CRITERIA)


@dataclass(frozen=True, slots=True)
class _Note:
    """A document that was read: days from T0, its parts."""

    day: int
    order: int
    parts: tuple[tuple[str, str], ...]

    def part(self, *names: str) -> str:
        return "".join(body for name, body in self.parts if name in names)

    @property
    def own(self) -> str:
        return "。".join(body for name, body in self.parts if name not in _NOT_OWN)


def _day(moment: Any, t0: date) -> int | None:
    if moment is None:
        return None
    when = moment.date() if isinstance(moment, datetime) else moment
    return int((when - t0).days)


class _Reader:
    """One chart, sorted by days from T0."""

    def __init__(self, chart: Chart, t0: date, window: tuple[int, int], target: int) -> None:
        self.chart, self.t0, self.window, self.target = chart, t0, window, target
        self.notes = sorted(self._notes(), key=lambda n: (n.day, n.order))
        self.first = self._first_note()

    def records(self, table: str, at: str, low: int, high: int) -> list[tuple[int, Record]]:
        """(day, record) of a table from day ``low`` to day ``high``, counted from T0."""
        found = []
        for record in self.chart.get(table, ()):
            day = _day(record.get(at), self.t0)
            if day is not None and low <= day <= high:
                found.append((day, record))
        return found

    def _notes(self) -> list[_Note]:
        found = []
        for day, record in self.records("document", "written_at", -100_000, 100_000):
            if record.get("kind") not in _REQUESTS and record.get("text"):
                order = 0 if record.get("kind") in {"入院记录", "门诊病历"} else 1
                found.append(_Note(day, order, tuple(sections(flat(str(record["text"]))))))
        return found

    def _first_note(self) -> _Note | None:
        """The note of T0: nearest to the day, the admission note before others; one with a complaint."""
        near = [n for n in self.notes if -3 <= n.day <= 7 and n.part("主诉")]
        return min(near, key=lambda n: (abs(n.day), n.order), default=None)

    # ---- values ----

    def course(self) -> Decimal | None:
        if self.first is None:
            return None
        complaint = self.first.part("主诉")
        return course(complaint) if asserted(complaint, _ANY_PAIN) else None

    def sites(self) -> list[int]:
        if self.first is None:
            return []
        told = self.first.part("主诉", "现病史", "专科检查")
        return [code for code, words in _PAIN.items() if asserted(told, words)]

    def scores(self) -> list[tuple[int, Decimal]]:
        found = []
        for day, record in self.records("scale", "measured_at", -3, self.window[1]):
            if "疼痛" in str(record.get("name")) or "VAS" in str(record.get("name")):
                match = re.search(r"\d+(?:\.\d+)?", flat(str(record.get("raw_value") or "")))
                if match:
                    found.append((day, Decimal(match[0])))
        for note in self.notes:
            told = score(note.own)
            if told is not None:
                found.append((note.day, told))
        return found

    def score_first(self) -> Decimal | None:
        inside = [(abs(day), day, value) for day, value in self.scores() if -3 <= day <= 7]
        return min(inside, key=lambda s: s[:2])[2] if inside else None

    def score_last(self) -> Decimal | None:
        low, high = self.window
        inside = [(abs(day - self.target), -day, value) for day, value in self.scores() if low <= day <= high]
        return min(inside, key=lambda s: s[:2])[2] if inside else None

    def events(self) -> list[int]:
        low, high = self.window
        for note in sorted(self.notes, key=lambda n: (abs(n.day - self.target), -n.day)):
            told = note.part("不良反应")
            if low <= note.day <= high and told:
                return [code for code, words in _EVENTS.items() if asserted(told, words)] or [0]
        return []

    def lab(self, concept: str, low: int, high: int) -> bool:
        """Whether a number of the concept was reported on a specimen of these days."""
        for _, record in self.records("lab", "specimen_at", low, high):
            if _concept(str(record.get("name"))) == concept and re.search(
                r"\d", flat(str(record.get("raw_value") or ""))
            ):
                return True
        return False

    # ---- criteria ----

    def age(self) -> int | None:
        rows = [r for r in self.chart.get("patient", ()) if not r.get("merged_into")]
        born = next((r["birth_date"] for r in rows if r.get("birth_date")), None)
        if born is None:
            return None
        return int(self.t0.year - born.year - ((self.t0.month, self.t0.day) < (born.month, born.day)))

    def imaged(self) -> bool:
        return any(
            re.search(r"CT|MR|磁共振|核磁", str(record.get("modality")))
            for _, record in self.records("imaging", "performed_at", -30, 14)
        )

    def treated(self) -> tuple[bool, bool]:
        high = self.window[1]
        drugs = [str(r.get("name")) for _, r in self.records("medication", "started_at", 0, high)]
        treatments = [str(r.get("name")) for _, r in self.records("procedure", "performed_at", 0, high)]
        return _any(drugs, _PLAN_DRUGS), _any(treatments, _REHABILITATION)

    def codes(self, low: int) -> list[str]:
        found: list[str] = []
        for _, record in self.records("diagnosis", "diagnosed_at", low, 7):
            found += [code.strip() for code in re.split(r"[;；,，]", str(record.get("code") or "")) if code]
        return found

    def excluded_disease(self) -> str:
        for code in self.codes(-100_000):
            block = code[:3]
            infection = block[:1] in {"A", "B"}
            if infection and code not in self.codes(-90):
                continue
            if (
                infection
                or ("C00" <= block <= "C97")
                or "M05" <= block <= "M14"
                or "M30" <= block <= "M36"
                or block in {"M45", "S12", "S22", "S32"}
            ):
                return "diagnosis"
        operations = [str(r.get("name")) for _, r in self.records("procedure", "performed_at", -180, 0)]
        if _any(operations, _OPERATED):
            return "operation"
        for note in self.notes:
            terms = (*_LASTING, "感染") if note.day >= -90 else _LASTING
            if note.day <= 7 and asserted(note.own, terms):
                return "note"
        return ""

    def washout_broken(self) -> bool:
        drugs = [str(r.get("name")) for _, r in self.records("medication", "started_at", -90, 0)]
        return _any(drugs, (*_STEROIDS, *_SUPPRESSANTS))

    def pregnant(self) -> str:
        if any(code[:1] == "O" or code[:3] in {"Z33", "Z34"} for code in self.codes(-280)):
            return "diagnosis"
        told = [n.own for n in self.notes if -30 <= n.day <= 7]
        return "note" if any(asserted(text, ("妊娠", "孕妇", "停经")) for text in told) else ""


def _any(names: Sequence[str], words: tuple[str, ...]) -> bool:
    return any(word in name for name in names for word in words)


def _concept(name: str) -> str:
    plain = re.sub(r"[\s（()）—-]", "", flat(name)).upper()
    if re.search(r"方程|最大|压积|速率|棕黄", plain):
        return ""
    if re.fullmatch(r"(血沉|红细胞沉降率|ESR)(测定|检测|定量|检验)?(ESR)?(手工法)?", plain):
        return "ESR"
    return "CRP" if re.fullmatch(r"(C反应蛋白|CRP)(测定)?(CRP)?", plain) else ""


def read(
    chart: Chart, t0: datetime | date, *, t1_window: tuple[int, int] = (21, 35), t1_day: int = 28
) -> Reading:
    """The careful reading of one patient's records, T0 given; days are calendar days.

    Verdicts cover ``CRITERIA``; values cover ``course_months``, ``pain_site``, ``vas`` at T0 and T1 and
    ``adverse_event``.
    """
    reader = _Reader(chart, t0.date() if isinstance(t0, datetime) else t0, t1_window, t1_day)
    months, sites, events = reader.course(), reader.sites(), reader.events()
    before, after = reader.score_first(), reader.score_last()
    labs = {
        (name, point): reader.lab(name, *days)
        for name in ("ESR", "CRP")
        for point, days in (("T0", (-3, 7)), ("T1", t1_window))
    }
    age = reader.age()
    drugs, rehabilitation = reader.treated()
    disease, pregnancy = reader.excluded_disease(), reader.pregnant()
    absent = [f"{name} {point}" for (name, point), there in labs.items() if not there]
    absent += [f"VAS {point}" for point, value in (("T0", before), ("T1", after)) if value is None]
    holds: dict[str, tuple[bool, str]] = {
        "I1": (age is not None and 18 <= age <= 80, "age at T0"),
        "I2": (
            months is not None and months >= 3 and before is not None and before >= 4,
            "course and VAS at T0",
        ),
        "I3": (labs["ESR", "T0"] and labs["CRP", "T0"] and reader.imaged(), "ESR, CRP, MRI or CT at T0"),
        "I4": (drugs and rehabilitation, f"drugs {_yes(drugs)}, rehabilitation {_yes(rehabilitation)}"),
        "E1": (bool(disease), disease or "nothing found"),
        "E2": (reader.washout_broken(), "orders of the 90 days before T0"),
        "E3": (bool(pregnancy), pregnancy or "nothing found"),
        "E4": (bool(absent), "missing: " + ", ".join(absent) if absent else "complete"),
    }

    def typed(value: Decimal | None) -> str:
        return "" if value is None else f"{value.quantize(Decimal('0.1')).normalize():f}"

    return Reading(
        verdicts={name: "met" if held else "not_met" for name, (held, _) in holds.items()},
        reasons={name: why for name, (_, why) in holds.items()},
        values={
            ("course_months", ""): typed(months),
            ("pain_site", ""): ";".join(map(str, sites)),
            ("vas", "T0"): typed(before),
            ("vas", "T1"): typed(after),
            ("adverse_event", ""): ";".join(map(str, events)),
        },
    )


def _yes(there: bool) -> str:
    return "found" if there else "not found"
