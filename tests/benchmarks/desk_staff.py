"""A desk with work for every role at once: opinions to give, differences to settle, values to type and to settle.

What stands before anybody is at work is written here, under request ids that begin with ``BEFORE``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from desk_load import BEFORE, Person, person, team

from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.entry.entries import Typed, enter_all
from validate.review import accounts
from validate.review.cases import Case, cases, eligible
from validate.review.decisions import Given, decide_all
from validate.review.evidence import field_key
from validate.review.rules import Account

__all__ = ["FIELDS", "Staff", "staff", "typed"]

FIELDS = (("course_months", ""), ("vas", "T0"), ("vas", "T1"))
"""Of the demo's form: what is typed by those who are at work."""
_CODED = (("pain_site", ""), ("adverse_event", ""))
_DIFFERENT, _TO_ENTER, _TO_SETTLE = 8, 4, 4


@dataclass(frozen=True)
class Staff:
    """Who is at work, by what they do. Two arbitrators share their cases, and so do two who settle values."""

    reviewers: list[Person]
    arbitrators: list[Person]
    abstractors: list[Person]
    settlers: list[Person]


def typed(turn: int) -> dict[str, str]:
    """What an abstractor types: no field as the turn before, so that each request writes all of its rows."""
    values = (str(3 + turn % 500), str(turn % 11), str((turn + 5) % 11))
    return {field_key(*key): value for key, value in zip(FIELDS, values, strict=True)}


def staff(folder: StudyFolder, database: str, reviewers: int) -> Staff:
    """A fresh queue on ``database`` (the study's own file where it is empty) with work for everybody."""
    people = team(folder, database, reviewers)
    with StudyDatabase.open(database or folder, folder.protocol()) as db:
        cast = {"cat": "arbitrator", "coy": "arbitrator", "dan": "abstractor", "eve": "abstractor"}
        cast |= {"fay": "abstractor", "gus": "abstractor", "may": "data_manager", "moe": "data_manager"}
        for name, role in cast.items():
            accounts.add(db, accounts.MACHINE, account_id=name, name=name, role=role)
        with db.reading() as connection:
            everyone, listed = accounts.active(connection), list(cases(connection).values())
        differ, enter, settle, rest = _prepared(db, listed, everyone)
        arbitrated = {c.candidate.id: c.candidate.reviewed for c in differ}
        fields = tuple(field_key(*key) for key in (*FIELDS, *_CODED))
        half = len(enter) // 2
        return Staff(
            [Person(p.account, p.token, p.session, _within(p.candidates, rest)) for p in people],
            [person(folder, db, name, arbitrated) for name in ("cat", "coy")],
            [
                person(folder, db, name, {c.candidate.id: fields for c in some})
                for name, some in (("dan", enter[:half]), ("eve", enter[half:]))
            ],
            [person(folder, db, name, {c.candidate.id: fields for c in settle}) for name in ("may", "moe")],
        )


def _prepared(
    db: StudyDatabase, listed: list[Case], everyone: Mapping[str, Account]
) -> tuple[list[Case], list[Case], list[Case], set[int]]:
    """Candidates to arbitrate, to enter, with entries to settle, and the numbers of those left to review."""
    differ: list[Case] = []
    whole: list[Case] = []
    taken: set[int] = set()
    for one in listed:
        if len(differ) == _DIFFERENT and len(whole) == _TO_ENTER + _TO_SETTLE:
            break
        taken.add(one.candidate.id)
        agree = len(whole) < _TO_ENTER + _TO_SETTLE and _could_be_eligible(db, one)
        if not agree and len(differ) == _DIFFERENT:
            taken.discard(one.candidate.id)
            continue
        (whole if agree else differ).append(one)
        for slot, name in one.candidate.reviewers.items():
            given = [Given(c, _verdict(db, c, slot, agree)) for c in one.candidate.reviewed]
            decide_all(
                db,
                everyone[name],
                one.candidate.patient_id,
                given,
                request_id=f"{BEFORE}/{one.candidate.id}/{slot}",
            )
    enter, settle = whole[:_TO_ENTER], whole[_TO_ENTER:]
    for one in settle:
        for pass_, name in ((1, "fay"), (2, "gus")):
            said = [Typed(*key, raw=typed(pass_)[field_key(*key)]) for key in FIELDS]
            said += [Typed(*key, raw=str(pass_)) for key in _CODED]
            enter_all(
                db,
                everyone[name],
                one.candidate.patient_id,
                said,
                pass_=pass_,
                request_id=f"{BEFORE}/{one.candidate.id}/{pass_}",
            )
    assert len(differ) == _DIFFERENT, "too few candidates for a load of every role"
    assert len(settle) == _TO_SETTLE, "too few eligible candidates for a load of every role"
    return differ, enter, settle, {c.candidate.id for c in listed} - taken


def _could_be_eligible(db: StudyDatabase, one: Case) -> bool:
    """Whether a candidate is eligible where both reviewers say so: unless the machine has ruled it out."""
    said = {c: _verdict(db, c, 1, agree=True) for c in one.candidate.reviewed}
    return bool(one.candidate.reviewed) and eligible(db.protocol, one.finals | said)


def _verdict(db: StudyDatabase, criterion: str, slot: int, agree: bool) -> str:
    included = criterion in {c.id for c in db.protocol.include}
    met = included if agree else slot == 1
    return "met" if met else "not_met"


def _within(work: Mapping[int, tuple[str, ...]], numbers: set[int]) -> dict[int, tuple[str, ...]]:
    return {number: criteria for number, criteria in work.items() if number in numbers}
