"""A study patient's chart, written from the facts of a ``Case``, with the dirt that real charts have.

Nothing written here changes what is true: values that do not count stand outside the windows, farther
from the target day, in voided tests, or under an item that is another test.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final

from extract.synthetic import notes, spine_notes
from extract.synthetic.casebook import Casebook, Outpatient
from extract.synthetic.cases import Case
from extract.synthetic.dice import Dice
from extract.synthetic.families import CALM
from extract.synthetic.inflammation import Inflammation
from extract.synthetic.labs import PANELS, draw
from extract.synthetic.people import (
    CANARY,
    CANARY_PHONE,
    born_so_that,
    doctors,
    patient_number,
    person,
)
from extract.synthetic.spine import DRUGS, IMAGING, REHABILITATION

__all__ = ["CANARY_COHORT_ID", "write"]

CANARY_COHORT_ID: Final = 42
"""The planted patient who carries the canary."""

_CLINICS: Final = ("疼痛科", "脊柱外科", "康复医学科")
_SKIN: Final = ("L40.0", "寻常型银屑病"), ("L20.9", "特应性皮炎"), ("L12.0", "大疱性类天疱疮")
_OTHER_PART: Final = ("膝关节", "半月板变性，关节腔少量积液", "膝关节退行性变")


def write(case: Case, index: int, dice: Dice) -> Casebook:
    """All rows of one study patient."""
    birth = born_so_that(case.age, case.t0.date(), dice)
    who = person(index, case.sex, birth, dice)
    if case.cohort_id == CANARY_COHORT_ID:
        who = replace(who, name=CANARY, kin=CANARY, phone=CANARY_PHONE)
    book = Casebook(index, who)
    _Chart(case, book, dice).all()
    book.close(case.t0 - timedelta(days=900))
    return book


class _Chart:
    """The writing of one case; one method for each part of its time line."""

    def __init__(self, case: Case, book: Casebook, dice: Dice) -> None:
        self.case, self.book, self.dice = case, book, dice
        self.clinic = dice.pick(_CLINICS)
        self.habit = dice.between(0, 6)
        staff = doctors(self.clinic)
        self.doctor = staff[self.habit % len(staff)]
        # The letters of the search stand in the note, in the lab item's name, or in both.
        literal = case.esr_word == "literal"
        self.named = literal and (case.esr[0] is None or dice.chance(0.55))
        self.labs = Inflammation(
            book, dice, self.clinic, spelled=literal and not self.named, hidden=not literal
        )

    def all(self) -> None:
        self.before()
        if self.case.inpatient:
            self.stay()
        else:
            self.clinic_visit()
        self.between()
        self.last_visit()
        self.afterwards()

    # ---- before T0 ----

    def before(self) -> None:
        case, dice, book = self.case, self.dice, self.book
        twin = None
        if dice.chance(0.06):
            twin = patient_number(book.index, 1)
            book.merge(twin, case.t0 - timedelta(days=dice.between(20, 90)), case.t0 - timedelta(days=800))
        for _ in range(dice.between(0, 2)):
            self.calm(case.t0 - timedelta(days=dice.between(130, 360)), twin)
        if case.operation:
            self.operation(*case.operation)
        if case.earlier_drug:
            code, name, days = case.earlier_drug
            self.skin(code, name, days)
        elif dice.chance(0.10):
            # Steroids, but longer ago than the washout.
            self.skin("D0803", "泼尼松片", dice.between(150, 330), course=14)
        elif dice.chance(0.08):
            self.voided_steroid()
        if dice.chance(0.08):
            gone = case.t0 - timedelta(days=dice.between(8, 60))
            book.outpatient(
                gone, self.clinic, self.doctor, None, symptom="复查", returned=gone + timedelta(hours=2)
            )

    def calm(self, at: datetime, number: str | None = None) -> None:
        """An ordinary visit for something that no criterion asks about."""
        family = self.dice.pick(CALM)
        story = notes.ordinary(family, self.case.sex == "女", self.dice)
        staff = self.dice.pick(doctors(family.department))
        visit = self.book.outpatient(
            at, family.department, staff, notes.on_form(story), symptom=story.complaint, number=number
        )
        self.book.prescribe(visit, *self.dice.pick(family.drugs), 28)
        if self.dice.chance(0.5):
            panel = PANELS[family.panels[0]]
            self.book.lab(
                at + timedelta(hours=1), None, panel.subject, panel.code, draw(panel, self.dice),
                specimen=panel.specimen, number=number,
            )  # fmt: skip

    def operation(self, name: str, code: str, why: str, days: int) -> None:
        start = datetime.combine((self.case.t0 - timedelta(days=days)).date(), time(9, 10))
        end = start + timedelta(days=6)
        doctor = doctors("骨科")[0]
        visit = self.book.inpatient(start, end, "骨科", doctor)
        self.book.diagnoses(visit, "3", [("", why)], end)
        self.book.operation(visit, name, code, start + timedelta(days=2), doctor)
        text = f"【入院情况】因“{why}”入院。\n【诊疗经过】完善检查后行{name}，过程顺利。\n【出院情况】切口愈合良好。"
        self.book.note(visit, end, "出院记录", text, doctor)

    def skin(self, code: str, name: str, days: int, course: int = 21) -> None:
        at = self.case.t0 - timedelta(days=days, hours=1)
        diagnosis = self.dice.pick(_SKIN)
        doctor = doctors("皮肤科")[1]
        if self.dice.chance(0.3):
            end = at + timedelta(days=5)
            visit = self.book.inpatient(at, end, "皮肤科", doctor)
            self.book.diagnoses(visit, "3", [diagnosis], end)
            self.book.order(visit, "A", name, code, at + timedelta(hours=2), end, doctor, route="口服")
            text = f"【主诉】皮肤红斑、脱屑加重1周。\n【初步诊断】1.{diagnosis[1]}"
            self.book.note(visit, at + timedelta(hours=1), "入院记录", text, doctor)
            return
        story = notes.Story(
            "皮肤红斑、瘙痒2周。", "患者2周前出现皮肤红斑、瘙痒，外用药膏效果不佳。", "", "", "",
            notes.general_exam(self.dice), "躯干红斑、鳞屑", "", (diagnosis,), "口服药物治疗，2周后复诊",
        )  # fmt: skip
        out = self.book.outpatient(at, "皮肤科", doctor, notes.on_form(story), symptom="皮肤红斑")
        self.book.prescribe(out, code, name, course)

    def voided_steroid(self) -> None:
        """An order that was written, and voided before it was given."""
        at = self.case.t0 - timedelta(days=self.dice.between(30, 70), hours=2)
        end = at + timedelta(days=2)
        doctor = doctors("眼科")[2]
        visit = self.book.inpatient(at, end, "眼科", doctor)
        self.book.diagnoses(visit, "3", [("H25.9", "老年性白内障")], end)
        self.book.order(
            visit, "A", "甲泼尼龙片", "D3001", at + timedelta(hours=3), None, doctor, route="口服", status="4"
        )
        text = "【主诉】右眼视物模糊半年。\n【初步诊断】1.老年性白内障"
        self.book.note(visit, at + timedelta(hours=1), "入院记录", text, doctor)

    # ---- T0 ----

    def clinic_visit(self) -> None:
        case, dice, book = self.case, self.dice, self.book
        story = spine_notes.first_visit(case, dice, self.habit, named=self.named, scored=True, weighed=True)
        self.sign(story)
        coded = bool(case.diagnoses) or dice.chance(0.9)
        visit = book.outpatient(
            case.t0, self.clinic, self.doctor, notes.on_form(story, coded=coded), symptom=story.complaint
        )
        at = case.t0 + timedelta(hours=1)
        if dice.chance(0.2):
            at = datetime.combine(case.t0.date() + timedelta(days=1), time(8, 5))
        self.first_labs(at, dice.pick((0, None)))
        self.imaging(at + timedelta(days=dice.between(0, 2)), None, story)
        if case.drugs:
            for drug in dice.some(DRUGS, dice.between(1, 2)):
                book.prescribe(visit, *drug, dice.between(14, 28))
        if case.rehabilitation:
            for treatment in dice.some(REHABILITATION, dice.between(1, 2)):
                for day in range(0, dice.between(4, 12), 3):
                    book.treat(visit, *treatment, case.t0 + timedelta(days=day, hours=1), times=1)

    def stay(self) -> None:
        case, dice, book = self.case, self.dice, self.book
        end = datetime.combine((case.t0 + timedelta(days=dice.between(8, 13))).date(), time(10, 30))
        visit = book.inpatient(case.t0, end, self.clinic, self.doctor)
        nurse = case.vas[0] is not None and dice.chance(0.3)
        weighed = dice.chance(0.5)
        story = spine_notes.first_visit(
            case,
            dice,
            self.habit,
            named=self.named,
            scored=not nurse or dice.chance(0.5),
            weighed=not weighed,
        )
        self.sign(story)
        if weighed:
            book.vital(visit, case.t0 + timedelta(minutes=30), "体重指数", str(case.bmi), "kg/m2")
        if nurse and case.vas[0] is not None:
            book.vital(visit, case.t0 + timedelta(minutes=35), "疼痛评分", str(case.vas[0]), "分")
        written = case.t0 + timedelta(hours=2)
        book.diagnoses(visit, "2", story.diagnoses, written)
        book.diagnoses(visit, "3", story.diagnoses, end)
        if dice.chance(0.12):
            wrong = replace(story, complaint="（误建病历）" + story.complaint, history="录入错误，作废。")
            book.note(visit, written, "入院记录", notes.admission(wrong), self.doctor, deleted=True)
        book.note(visit, written, "入院记录", notes.admission(story), self.doctor)
        differential = dice.pick(spine_notes.DIFFERENTIAL)
        first = notes.first_course(story, differential, written)
        book.note(visit, written + timedelta(hours=2), "首次病程记录", first, self.doctor)
        for day in dice.some((2, 4, 6), dice.between(1, 2)):
            at = datetime.combine(case.t0.date() + timedelta(days=day), time(9, 20))
            score = None if case.vas[0] is None else max(Decimal(0), case.vas[0] - Decimal(day) / 10)
            text = spine_notes.daily(case, at, score if dice.chance(0.6) else None, self.habit, dice)
            book.note(visit, at, "日常病程记录", text, self.doctor)
        told = "入院后予" + "、".join(
            (["药物镇痛"] if case.drugs else []) + (["物理康复"] if case.rehabilitation else [])
            or ["卧床休息"]
        )
        leaving = notes.discharge(story, told + "等治疗。", "症状较前好转，生命体征平稳。")
        book.note(visit, end, "出院记录", leaving, self.doctor)
        morning = datetime.combine(case.t0.date() + timedelta(days=1), time(6, 30))
        self.first_labs(morning, None if dice.chance(0.06) else visit)
        self.imaging(morning + timedelta(days=dice.between(0, 2), hours=3), visit, story)
        if case.drugs:
            for code, name in dice.some(DRUGS, dice.between(1, 3)):
                book.order(visit, "A", name, code, written, end, self.doctor, route="口服")
        if case.rehabilitation:
            for code, name in dice.some(REHABILITATION, dice.between(1, 3)):
                book.order(visit, "B", name, code, written + timedelta(hours=20), end, self.doctor)

    def sign(self, story: notes.Story) -> None:
        if self.case.cohort_id == CANARY_COHORT_ID:
            story.history += f"（联系人{CANARY}，电话{CANARY_PHONE}）"

    def first_labs(self, at: datetime, visit: int | None) -> None:
        case, dice = self.case, self.dice
        self.labs.test(at, visit, case.esr[0], case.crp[0])
        if dice.chance(0.12):  # a recheck inside the window, farther from T0
            later = datetime.combine(case.t0.date() + timedelta(days=dice.between(5, 6)), time(7, 0))
            self.labs.other(later, visit, case.esr[0], case.crp[0])
        if dice.chance(0.08):  # outside the window
            early = case.t0 - timedelta(days=dice.between(12, 25))
            self.labs.other(early, None, case.esr[0] or Decimal(20), case.crp[0] or Decimal(5))
        panel = PANELS[dice.pick(("blood", "chemistry"))]
        self.book.lab(
            at, visit, panel.subject, panel.code, draw(panel, dice), specimen=panel.specimen,
            department=self.clinic,
        )  # fmt: skip

    def imaging(self, at: datetime, visit: int | None, story: notes.Story) -> None:
        case, dice = self.case, self.dice
        present = case.pain == "present"
        part, described, impression = dice.pick(IMAGING[case.site.region]) if present else _OTHER_PART
        kind = dice.pick(("磁共振", "磁共振", "CT")) if case.imaging else "放射"
        symptom = case.site.phrase if present else ""
        self.book.exam(
            at, visit, kind, part if case.imaging else f"{part}正侧位", symptom, story.diagnoses[0][1],
            described if case.imaging else "骨质未见明显异常。", impression if case.imaging else "退行性变。",
        )  # fmt: skip

    # ---- from T0 to T1, and after ----

    def between(self) -> None:
        case, dice = self.case, self.dice
        if case.kind == "E4.early" or not dice.chance(0.45):
            return
        at = self.day(dice.between(15, 18))
        score = None if case.vas[0] is None else max(Decimal(0), case.vas[0] - Decimal("0.7"))
        self.back(at, spine_notes.next_visit(case, score, self.habit, dice))
        if dice.chance(0.4):
            self.labs.other(at + timedelta(hours=1), 0, case.esr[0], case.crp[0])

    def last_visit(self) -> None:
        case, dice = self.case, self.dice
        complete = None not in (*case.vas, *case.esr, *case.crp)
        rival = self.rival() if complete and dice.chance(0.3) else None
        if rival is not None and case.vas[1] is not None:
            at = self.day(rival)
            self.back(at, spine_notes.next_visit(case, case.vas[1] + Decimal("0.6"), self.habit, dice))
            self.labs.other(at + timedelta(hours=1), None, case.esr[1], case.crp[1])
        at = self.day(case.t1_day)
        if case.vas[1] is not None and dice.chance(0.1):
            self.book.vital(None, at + timedelta(minutes=5), "疼痛评分", str(case.vas[1]), "分")
        told = case.vas[0] is not None and case.vas[1] is not None and dice.chance(0.12)
        story = spine_notes.return_visit(case, self.habit, dice, told_before=told)
        visit = self.back(at, story)
        if case.drugs and dice.chance(0.5):
            self.book.prescribe(visit, *dice.pick(DRUGS), 14)
        drawn = at + timedelta(minutes=40)
        if rival is None and 23 <= case.t1_day <= 34 and dice.chance(0.2):
            drawn -= timedelta(days=1)
        self.labs.test(drawn, dice.pick((0, None)), case.esr[1], case.crp[1], follow_up=True)

    def rival(self) -> int | None:
        """Another day in the window that must lose: farther from day 28, or as far and earlier."""
        own = self.case.t1_day
        if own in {29, 30, 31}:
            return 56 - own
        far = [d for d in range(21, 36) if abs(d - 28) > abs(own - 28) + 1]
        return self.dice.pick(far) if 21 <= own <= 35 and far else None

    def afterwards(self) -> None:
        case, dice = self.case, self.dice
        if not dice.chance(0.2):
            return
        at = case.t0 + timedelta(days=dice.between(95, 200))
        if at < datetime(2025, 6, 30):  # noqa: DTZ001 - hospital clocks know no zone
            again = replace(case, course=None if case.course is None else case.course + 4, now="")
            story = spine_notes.first_visit(
                again, dice, self.habit, named=self.named, scored=False, weighed=True
            )
            self.back(at, story)
            self.labs.other(at + timedelta(hours=1), None, Decimal(18), Decimal(4))

    def back(self, at: datetime, story: notes.Story) -> Outpatient:
        return self.book.outpatient(
            at, self.clinic, self.doctor, notes.on_form(story), symptom=story.complaint
        )

    def day(self, number: int) -> datetime:
        hour = time(self.dice.between(8, 15), self.dice.between(0, 59))
        return datetime.combine(self.case.t0.date() + timedelta(days=number), hour)
