"""Who stands at which index: the ninety, the decoys in turn, those who fail several things, everybody else.

The patient at an index depends on the seed and the index only, so a hospital of another size holds the
same people.
"""

from __future__ import annotations

from typing import Any, Final

from extract.synthetic import case_chart, ordinary
from extract.synthetic.casebook import Casebook
from extract.synthetic.cases import CHANGES, COHORT_SIZE, Case, eligible, planted
from extract.synthetic.dice import Dice

__all__ = ["FULL", "OF_EACH_KIND", "SEVERAL", "admit", "case_at", "truth_of"]

OF_EACH_KIND: Final = 8
"""Decoys of each kind."""

SEVERAL: Final = 150
"""Patients who fail two or more things."""

_KINDS: Final = tuple(CHANGES)
_COMBINED: Final = tuple(kind for kind in _KINDS if not kind.startswith("near."))
_DECOYS_END: Final = COHORT_SIZE + OF_EACH_KIND * len(_KINDS)

FULL: Final = _DECOYS_END + SEVERAL
"""Smallest hospital that holds everybody who is placed on purpose."""


def case_at(index: int, dice: Dice) -> Case | None:
    """The study patient at ``index``, or None for an ordinary patient."""
    if index < COHORT_SIZE:
        return planted(index, dice)
    if index < _DECOYS_END:
        kind = _KINDS[(index - COHORT_SIZE) % len(_KINDS)]
        return CHANGES[kind](eligible(kind, dice), dice)
    if index < FULL:
        case = eligible("several", dice)
        groups: set[str] = set()
        while len(groups) < 2 or (len(groups) < 4 and dice.chance(0.4)):
            kind = dice.pick(_COMBINED)
            group = kind.partition(".")[0]
            # Age and pregnancy both set the age: one of them only.
            if group in groups or {group, *groups} >= {"I1", "E3"}:
                continue
            groups.add(group)
            case = CHANGES[kind](case, dice)
        return case
    return None


def admit(seed: int, index: int) -> tuple[Casebook, Case | None]:
    """All rows of the patient at ``index``, and the facts behind them."""
    dice = Dice(seed, "patient", index)
    case = case_at(index, dice)
    if case is None:
        return ordinary.write(index, dice), None
    return case_chart.write(case, index, dice), case


def truth_of(case: Case, patient_id: str) -> dict[str, Any]:
    """What the truth file says of one study patient; numbers as text, None where there is none."""

    def said(value: object) -> str | None:
        return None if value is None else str(value)

    return {
        "patient_id": patient_id,
        "kind": case.kind,
        "cohort_id": case.cohort_id or None,
        "fails": list(case.fails),
        "t0": case.t0.date().isoformat(),
        "t1_day": case.t1_day,
        "values": {
            "age": case.age,
            "sex": 1 if case.sex == "男" else 2,
            "course_months": said(case.course),
            "bmi": str(case.bmi),
            "pain_site": list(case.site.codes) if case.pain == "present" else [],
            "adverse_event": list(case.events),
            "vas_t0": said(case.vas[0]),
            "vas_t1": said(case.vas[1]),
            "esr_t0": said(case.esr[0]),
            "esr_t1": said(case.esr[1]),
            "crp_t0": said(case.crp[0]),
            "crp_t1": said(case.crp[1]),
        },
    }
