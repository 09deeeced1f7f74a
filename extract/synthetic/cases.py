"""Study patients as facts: the planted ninety, and others who differ from an eligible one in named ways.

A ``Case`` is what is true of a patient; ``case_chart`` writes it down as a hospital would.  Each kind of
decoy is one change to an eligible case, so that what it fails is known: ``Case.fails``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Final

from extract.synthetic.dice import Dice
from extract.synthetic.spine import SITES, Site

__all__ = ["CHANGES", "COHORT_SIZE", "Case", "Change", "cohort", "eligible", "planted"]

COHORT_SIZE: Final = 90
_FIRST: Final = datetime(2022, 1, 10)  # noqa: DTZ001 - hospital clocks know no zone
_DAYS: Final = 1_190  # to 2025-04-14

Pair = tuple[Decimal | None, Decimal | None]
Change = Callable[["Case", Dice], "Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is true of one study patient.

    ``pain`` says how the searched word occurs: ``present``, or only ``negated``, ``family``,
    ``historical`` or in a ``template``.  ``esr_word`` is how the letters occur: ``literal``, or a
    look-alike, full width, or not at all.
    """

    kind: str
    sex: str
    age: int
    t0: datetime
    inpatient: bool
    site: Site
    course: Decimal | None
    bmi: Decimal
    vas: Pair
    esr: Pair
    crp: Pair
    t1_day: int
    events: tuple[int, ...] = (0,)
    imaging: bool = True
    drugs: bool = True
    rehabilitation: bool = True
    diagnoses: tuple[tuple[str, str], ...] = ()
    past: str = ""
    now: str = ""
    earlier_drug: tuple[str, str, int] | None = None
    operation: tuple[str, str, str, int] | None = None
    pain: str = "present"
    esr_word: str = "literal"
    cohort_id: int = 0
    excluded: tuple[str, ...] = ()

    @property
    def fails(self) -> tuple[str, ...]:
        """What stands against this patient, in the protocol's order; empty for the planted ones."""
        found = set(self.excluded)
        if self.esr_word != "literal":
            found.add("search")
        if not 18 <= self.age <= 80:
            found.add("I1")
        if self.course is None or self.course < 3 or self.vas[0] is None or self.vas[0] < 4:
            found.add("I2")
        if self.esr[0] is None or self.crp[0] is None or not self.imaging:
            found.add("I3")
        if not self.drugs or not self.rehabilitation:
            found.add("I4")
        in_window = 21 <= self.t1_day <= 35
        if None in (self.vas[0], self.esr[0], self.crp[0]) or not in_window:
            found.add("E4")
        if None in (self.vas[1], self.esr[1], self.crp[1]):
            found.add("E4")
        order = ("search", "I1", "I2", "I3", "I4", "E1", "E2", "E3", "E4")
        return tuple(name for name in order if name in found)


@cache
def cohort() -> tuple[dict[str, str], ...]:
    """The ninety rows of cohort.csv, made for this project: numbers as printed."""
    text = files("extract.synthetic").joinpath("cohort.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _moment(dice: Dice) -> datetime:
    day = _FIRST + timedelta(days=dice.between(0, _DAYS))
    return day + timedelta(hours=dice.between(8, 16), minutes=dice.between(0, 59))


def planted(number: int, dice: Dice) -> Case:
    """The patient of row ``number`` (0..89) of the cohort: the row's values, the rest by chance."""
    row = cohort()[number]

    def pair(name: str) -> Pair:
        return Decimal(row[f"{name}_t0"]), Decimal(row[f"{name}_t1"])

    events = dice.weighted(((86, (0,)), (6, (3,)), (4, (1,)), (2, (2,)), (2, (1, 3))))
    return Case(
        kind="planted",
        sex="男" if row["male"] == "1" else "女",
        age=int(row["age"]),
        t0=_moment(dice),
        inpatient=dice.chance(0.45),
        site=dice.pick(SITES),
        course=Decimal(row["duration"]),
        bmi=Decimal(row["bmi"]),
        vas=pair("vas"),
        esr=pair("esr"),
        crp=pair("crp"),
        t1_day=dice.weighted(((70, 28), (20, dice.between(25, 31)), (10, dice.between(21, 35)))),
        events=events,
        cohort_id=int(row["id"]),
    )


def _tenths(dice: Dice, low: int, high: int) -> Decimal:
    return Decimal(dice.between(low, high)).scaleb(-1)


def eligible(kind: str, dice: Dice) -> Case:
    """Somebody who meets every criterion, by chance; decoys start here."""
    before = _tenths(dice, 42, 88)
    esr, crp = _tenths(dice, 60, 480), _tenths(dice, 11, 190)
    return Case(
        kind=kind,
        sex=dice.pick("男女"),
        age=dice.between(24, 77),
        t0=_moment(dice),
        inpatient=dice.chance(0.4),
        site=dice.pick(SITES),
        course=Decimal(dice.between(7, 70)) / 2,
        bmi=_tenths(dice, 185, 310),
        vas=(before, max(Decimal("0.4"), before - _tenths(dice, 10, 45))),
        esr=(esr, max(Decimal(2), esr - _tenths(dice, 0, 200))),
        crp=(crp, max(Decimal("0.6"), crp - _tenths(dice, 0, 90))),
        t1_day=dice.between(24, 33),
    )


# ---- the changes, one per sub-condition of the protocol -------------------------------------------------


def _excluded(case: Case, criterion: str) -> tuple[str, ...]:
    return tuple(sorted({*case.excluded, criterion}))


def _diagnosis(criterion: str, *codes: tuple[str, str]) -> Change:
    def change(case: Case, dice: Dice) -> Case:
        found = (*case.diagnoses, dice.pick(codes))
        return replace(case, diagnoses=found, excluded=_excluded(case, criterion))

    return change


def _told(criterion: str, *sentences: str) -> Change:
    def change(case: Case, dice: Dice) -> Case:
        return replace(case, past=case.past + dice.pick(sentences), excluded=_excluded(case, criterion))

    return change


def _mother(case: Case, dice: Dice) -> Case:
    return replace(case, sex="女", age=dice.between(23, 39))


def _pregnant_code(case: Case, dice: Dice) -> Case:
    found = dice.pick((("O26.9", "妊娠相关情况"), ("Z34.9", "正常妊娠监督"), ("Z33", "孕期状态")))
    case = _mother(case, dice)
    return replace(case, diagnoses=(*case.diagnoses, found), excluded=_excluded(case, "E3"))


def _pregnant_text(case: Case, dice: Dice) -> Case:
    told = dice.pick(("现妊娠16周。", "孕妇，孕22周。", "停经10周，彩超示宫内早期妊娠。"))
    case = _mother(case, dice)
    return replace(case, now=case.now + told, excluded=_excluded(case, "E3"))


_OPERATIONS: Final = (
    ("腰椎间盘髓核摘除术", "80.51", "腰椎间盘突出症", "M51.2"),
    ("腰椎后路减压植骨融合内固定术", "81.08", "腰椎管狭窄症", "M48.0"),
    ("人工全膝关节置换术", "81.54", "膝骨关节炎", "M17.9"),
    ("人工全髋关节置换术", "81.51", "股骨头坏死", "M87.0"),
    ("肩关节镜下肩袖修补术", "83.63", "肩袖损伤", "M75.1"),
)


def _operated(case: Case, dice: Dice) -> Case:
    name, code, why, _ = dice.pick(_OPERATIONS)
    return replace(case, operation=(name, code, why, dice.between(45, 160)), excluded=_excluded(case, "E1"))


def _drug(*drugs: tuple[str, str]) -> Change:
    def change(case: Case, dice: Dice) -> Case:
        code, name = dice.pick(drugs)
        return replace(case, earlier_drug=(code, name, dice.between(12, 80)), excluded=_excluded(case, "E2"))

    return change


def _mention(how: str) -> Change:
    """The word of the search stands in the chart, and is no pain of this patient."""

    def change(case: Case, dice: Dice) -> Case:
        low = _tenths(dice, 0, 25)
        scored = dice.chance(0.5)
        vas: Pair = (low, max(Decimal(0), low - 1)) if scored else (None, None)
        return replace(case, pain=how, course=None, vas=vas)

    return change


def _hidden(word: str) -> Change:
    return lambda case, _: replace(case, esr_word=word)


def _without(name: str, point: int) -> Change:
    def gap(pair: Pair) -> Pair:
        return (None, pair[1]) if point == 0 else (pair[0], None)

    def change(case: Case, _: Dice) -> Case:
        if name == "vas":
            return replace(case, vas=gap(case.vas))
        return replace(case, esr=gap(case.esr)) if name == "esr" else replace(case, crp=gap(case.crp))

    return change


CHANGES: Final[dict[str, Change]] = {
    "I1.young": lambda c, d: replace(c, age=d.between(13, 17)),
    "I1.old": lambda c, d: replace(c, age=d.between(81, 92)),
    "I2.course": lambda c, d: replace(c, course=Decimal(d.between(1, 5)) / 2),
    "I2.vas": lambda c, d: replace(c, vas=(_tenths(d, 15, 39), _tenths(d, 0, 14))),
    "I3.imaging": lambda c, _: replace(c, imaging=False),
    "I3.esr": _without("esr", 0),
    "I3.crp": _without("crp", 0),
    "I4.drugs": lambda c, _: replace(c, drugs=False),
    "I4.rehabilitation": lambda c, _: replace(c, rehabilitation=False),
    "E1.malignancy": _diagnosis("E1", ("C34.9", "肺恶性肿瘤"), ("C16.9", "胃恶性肿瘤"), ("C61", "前列腺恶性肿瘤")),
    "E1.infection": _diagnosis("E1", ("B02.9", "带状疱疹"), ("A15.0", "肺结核"), ("A23.9", "布鲁菌病")),
    "E1.arthritis": _diagnosis("E1", ("M06.9", "类风湿关节炎"), ("M10.9", "痛风")),
    "E1.connective": _diagnosis("E1", ("M32.9", "系统性红斑狼疮"), ("M35.3", "风湿性多肌痛")),
    "E1.ankylosing": _diagnosis("E1", ("M45", "强直性脊柱炎")),
    "E1.fracture": _diagnosis("E1", ("S32.0", "腰椎骨折"), ("S22.0", "胸椎骨折"), ("S12.9", "颈椎骨折")),
    "E1.operation": _operated,
    "E1.told_malignancy": _told("E1", "2年前确诊肺恶性肿瘤，规律靶向治疗。", "患甲状腺恶性肿瘤3年。"),
    "E1.told_infection": _told("E1", "1周前出现泌尿系感染，现口服左氧氟沙星。", "合并肺部感染，抗感染治疗中。"),
    "E1.told_rheumatoid": _told("E1", "类风湿关节炎病史6年。", "有类风湿病史10余年，间断服药。"),
    "E1.told_ankylosing": _told("E1", "强直性脊柱炎病史8年。", "外院确诊强直性脊柱炎2年。"),
    "E1.told_fracture": _told("E1", "2月前摔伤致L1压缩性骨折，支具固定中。", "1月前骶骨骨折，保守治疗。"),
    "E1.told_operated": _told("E1", "腰椎间盘突出症术后2年。", "右膝关节置换术后1年。"),
    "E2.glucocorticoid": _drug(
        ("D0803", "泼尼松片"), ("D3001", "甲泼尼龙片"), ("D3002", "地塞米松片"), ("D3003", "醋酸泼尼松龙片")
    ),
    "E2.immunosuppressant": _drug(
        ("D1101", "甲氨蝶呤片"), ("D1102", "来氟米特片"), ("D3011", "环孢素软胶囊"), ("D3012", "硫唑嘌呤片")
    ),
    "E3.diagnosis": _pregnant_code,
    "E3.text": _pregnant_text,
    "E4.vas_t0": _without("vas", 0),
    "E4.vas_t1": _without("vas", 1),
    "E4.esr_t1": _without("esr", 1),
    "E4.crp_t1": _without("crp", 1),
    "E4.late": lambda c, d: replace(c, t1_day=d.between(40, 75)),
    "E4.early": lambda c, d: replace(c, t1_day=d.between(10, 18)),
    "near.negated": _mention("negated"),
    "near.family": _mention("family"),
    "near.historical": _mention("historical"),
    "near.template": _mention("template"),
    "near.esrd": _hidden("ESRD"),
    "near.esr1": _hidden("ESR1"),
    "near.wide": _hidden("wide"),
    "near.synonym": _hidden("none"),
}  # fmt: skip
"""Kind of decoy -> what makes an eligible case into it."""
