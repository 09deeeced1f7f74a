"""The hospital's ordinary patients, some of whom match the study's search and none of whom belongs in it.

At most one visit of an ordinary patient carries a pain score, so a score at a second timepoint is always
missing: that is what keeps them out, whatever else chance gives them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from extract.synthetic import notes, spine_notes
from extract.synthetic.casebook import Casebook
from extract.synthetic.cases import Case, eligible
from extract.synthetic.dice import Dice
from extract.synthetic.families import FAMILIES, Family
from extract.synthetic.inflammation import Inflammation
from extract.synthetic.labs import PANELS, draw
from extract.synthetic.people import born_so_that, doctors, patient_number, person
from extract.synthetic.spine import DRUGS, IMAGING, REHABILITATION

__all__ = ["write"]

_SPINE_SHARE: Final = 0.036
_FIRST: Final = date(2021, 3, 1)
_DAYS: Final = 1_580  # to 2025-06-28
_VISITS: Final = ((38, 1), (32, 2), (20, 3), (10, 4))
_BY_SEX: Final[dict[str, tuple[tuple[float, Family], ...]]] = {
    sex: tuple((f.weight, f) for f in FAMILIES if f.sex in {"", sex}) for sex in "男女"
}
_OPERATIONS: Final = {
    "eye": ("白内障超声乳化吸除术", "13.41"),
    "breast": ("乳房肿物切除术", "85.21"),
    "knee": ("踝关节骨折切开复位内固定术", "79.36"),
    "pregnancy": ("子宫下段剖宫产术", "74.1"),
}
_EXAMS: Final = (
    ("超声", "腹部", "肝胆胰脾未见明显异常"), ("放射", "胸部", "双肺纹理增多"), ("CT", "头颅", "颅内未见明显异常"),
    ("CT", "胸部", "双肺散在小结节"), ("超声", "甲状腺", "甲状腺结节，TI-RADS 3类"),
)  # fmt: skip


def write(index: int, dice: Dice) -> Casebook:
    """All rows of one ordinary patient."""
    spine = dice.chance(_SPINE_SHARE)
    sex = dice.pick("男女")
    days = sorted({dice.between(0, _DAYS) for _ in range(dice.weighted(_VISITS))})
    moments = [_moment(_FIRST + timedelta(days=day), dice) for day in days]
    case: Case | None = None
    if spine:
        case = replace(eligible("ordinary", dice), sex=sex)
        birth = born_so_that(dice.between(16, 88), case.t0.date(), dice)
    else:
        birth = date(2021, 1, 1) - timedelta(days=dice.between(300, 88 * 365))
    book = Casebook(index, person(index, sex, birth, dice))
    twin = None
    if dice.chance(0.01):
        twin = patient_number(index, 1)
        book.merge(twin, moments[-1] + timedelta(days=9), moments[0] - timedelta(days=1))
    for moment in moments:
        family = dice.weighted(_BY_SEX[sex])
        if family.name == "pregnancy" and not 20 <= moment.year - birth.year <= 42:
            family = FAMILIES[0]
        number = twin if dice.chance(0.5) else None
        _visit(book, family, moment, dice, number)
    if case is not None:
        _spine_visit(book, case, dice)
    book.close(min([*moments, *([case.t0] if case else [])]) - timedelta(days=1))
    return book


def _moment(day: date, dice: Dice) -> datetime:
    return datetime.combine(day, time(dice.between(8, 16), dice.between(0, 59)))


def _visit(book: Casebook, family: Family, at: datetime, dice: Dice, number: str | None) -> None:
    staff = dice.pick(doctors(family.department))
    if dice.chance(0.02):
        book.outpatient(
            at, family.department, staff, None, returned=at + timedelta(hours=1), number=number,
            symptom=family.complaints[0].replace("{d}", "1周"),
        )  # fmt: skip
        return
    story = notes.ordinary(family, book.who.sex == "女", dice)
    stay: int | None = None
    if dice.chance(family.stay):
        end = at + timedelta(days=dice.between(3, 12), hours=2)
        stay = book.inpatient(at, end, family.department, staff, number=number)
        _documents(book, stay, story, at, end, staff, dice, number)
        for code, name in dice.some(family.drugs, 2):
            book.order(stay, "A", name, code, at + timedelta(hours=2), end, staff, route="口服", number=number,
                       status="4" if dice.chance(0.04) else "3")  # fmt: skip
        if family.name in _OPERATIONS and dice.chance(0.6):
            name, code = _OPERATIONS[family.name]
            book.operation(stay, name, code, at + timedelta(days=1, hours=3), staff, number=number)
    else:
        note = notes.on_form(story, coded=dice.chance(0.9))
        visit = book.outpatient(at, family.department, staff, note, symptom=story.complaint, number=number)
        if dice.chance(0.6):
            for drug in dice.some(family.drugs, dice.between(1, 2)):
                book.prescribe(visit, *drug, dice.between(3, 28), refunded=dice.chance(0.02))
    if stay is not None:
        _ward_labs(book, family, at, stay, dice, number)
    elif dice.chance(0.22):
        _labs(book, family, family.panels, at + timedelta(hours=1), dice.pick((0, None)), dice, number)
    if dice.chance(0.10):
        kind, part, found = dice.pick(_EXAMS)
        book.exam(at + timedelta(hours=3), stay, kind, part, "", story.diagnoses[0][1], found + "。",
                  found + "。", number=number)  # fmt: skip


def _documents(
    book: Casebook,
    stay: int,
    story: notes.Story,
    at: datetime,
    end: datetime,
    staff: str,
    dice: Dice,
    number: str | None,
) -> None:
    text = notes.admission(story)
    book.note(stay, at + timedelta(hours=2), "入院记录", text, staff, number=number,
              deleted=dice.chance(0.01))  # fmt: skip
    book.note(
        stay,
        end,
        "出院记录",
        notes.discharge(story, "完善检查，对症治疗。", "好转出院。"),
        staff,
        number=number,
    )
    book.diagnoses(stay, "2", story.diagnoses, at + timedelta(hours=2), number)
    book.diagnoses(stay, "3", story.diagnoses, end, number)
    if dice.chance(0.08):
        book.vital(stay, at + timedelta(minutes=20), "体温", f"{dice.between(361, 388) / 10}", "℃")


def _ward_labs(
    book: Casebook, family: Family, at: datetime, stay: int, dice: Dice, number: str | None
) -> None:
    """The tests of an admission: what it came for, then the morning rounds of every other day."""
    _labs(book, family, family.panels, at + timedelta(hours=1), stay, dice, number)
    for round_ in range(1, dice.between(2, 5)):
        morning = datetime.combine(at.date() + timedelta(days=2 * round_ - 1), time(6, 30))
        _labs(book, family, ("blood", "chemistry"), morning, stay, dice, number)


def _labs(
    book: Casebook,
    family: Family,
    panels: tuple[str, ...],
    at: datetime,
    visit: int | None,
    dice: Dice,
    number: str | None,
) -> None:
    for name in dice.some(panels, 1 if dice.chance(0.7) else 2):
        if name == "esr":
            _inflammation(book, family.department, at, visit, dice)
            continue
        panel = PANELS[name]
        late = timedelta(days=dice.between(2, 30)) if dice.chance(0.03) else timedelta(hours=4)
        book.lab(
            at, visit, panel.subject, panel.code, draw(panel, dice), specimen=panel.specimen,
            reported=at + late, relevant=family.diagnoses[0][1] if dice.chance(0.3) else "",
            undated=dice.chance(0.02), status="1" if dice.chance(0.02) else "4",
            department=family.department, number=number,
        )  # fmt: skip


def _inflammation(book: Casebook, department: str, at: datetime, visit: int | None, dice: Dice) -> None:
    esr, crp = Decimal(dice.between(20, 600)).scaleb(-1), Decimal(dice.between(5, 400)).scaleb(-1)
    Inflammation(book, dice, department).test(at, visit, esr, crp)


def _spine_visit(book: Casebook, case: Case, dice: Dice) -> None:
    """The one visit for pain: searched words in most, a score in some, a complete record in none."""
    clinic = dice.pick(("疼痛科", "脊柱外科", "骨科", "中医科"))
    habit = dice.between(0, 6)
    doctor = doctors(clinic)[habit % 6]
    if not dice.chance(0.75):
        case = replace(case, esr_word="none")
    named = dice.chance(0.8)
    story = spine_notes.first_visit(
        case, dice, habit, named=named, scored=dice.chance(0.45), weighed=dice.chance(0.4)
    )
    labs = Inflammation(book, dice, clinic, spelled=not named, hidden=case.esr_word == "none")
    stay: int | None = None
    if dice.chance(0.2):
        end = case.t0 + timedelta(days=dice.between(4, 12))
        stay = book.inpatient(case.t0, end, clinic, doctor)
        _documents(book, stay, story, case.t0, end, doctor, dice, None)
        for code, name in dice.some(DRUGS, 2):
            book.order(stay, "A", name, code, case.t0 + timedelta(hours=3), end, doctor, route="口服")
    else:
        visit = book.outpatient(
            case.t0, clinic, doctor, notes.on_form(story, coded=dice.chance(0.9)), symptom=story.complaint
        )
        book.prescribe(visit, *dice.pick(DRUGS), 14)
        if dice.chance(0.4):
            book.treat(visit, *dice.pick(REHABILITATION), case.t0 + timedelta(hours=2), 5)
    number = stay if stay is not None else dice.pick((0, None))
    if not named or dice.chance(0.65):
        labs.test(
            case.t0 + timedelta(hours=1), number, case.esr[0], case.crp[0] if dice.chance(0.8) else None
        )
    if dice.chance(0.4):
        part, described, impression = dice.pick(IMAGING[case.site.region])
        book.exam(case.t0 + timedelta(hours=5), stay, dice.pick(("磁共振", "CT", "放射")), part,
                  case.site.phrase, story.diagnoses[0][1], described + "。", impression + "。")  # fmt: skip
    if dice.chance(0.25):
        at = case.t0 + timedelta(days=dice.between(18, 45))
        again = spine_notes.next_visit(case, None, habit, dice)
        book.outpatient(at, clinic, doctor, notes.on_form(again), symptom=again.complaint)
        if dice.chance(0.6):
            labs.test(at + timedelta(hours=1), None, case.esr[1], case.crp[1])
