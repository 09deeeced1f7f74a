"""Handover: a reviewer leaves, their open work moves to others, and what they have judged stays theirs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from extract.errors import NotFound, Refused
from extract.study.audit import canonical
from extract.study.database import StudyDatabase
from extract.study.tables import assignment
from validate.review.accounts import acting, active
from validate.review.cases import Case, cases
from validate.review.rules import Account, Action, Role

__all__ = ["Handover", "hand_over", "open_work"]


@dataclass(frozen=True)
class Handover:
    """Places that moved, and those for which nobody was left who has not held one of the candidate's before."""

    moved: int
    stuck: int


def open_work(held: Case, account: str) -> bool:
    """Whether this person holds a place of the candidate in which something is still to be judged."""
    slot = held.candidate.place_of(account)
    return (
        held.candidate.present
        and slot is not None
        and any(held.standing[criterion].of(slot) is None for criterion in held.candidate.reviewed)
    )


def hand_over(db: StudyDatabase, actor: Account, leaving: str, *, reason: str) -> Handover:
    """Move every unfinished place of ``leaving`` to other reviewers, evenly; all of it, or nothing.

    A place in which all is judged stays, and so does each opinion in a place that moves.  Raises Refused without a
    reason or another reviewer, NotFound where this person holds no place.
    """
    if not reason.strip() or len(reason) > 4000 or "\0" in reason:
        raise Refused("moving work needs a reason", "Say why; it stands in the audit.")
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ASSIGN)
        held = [one for one in cases(writer.connection).values() if one.candidate.present]
        if not any(one.candidate.place_of(leaving) for one in held):
            raise NotFound("this person holds no place", "Choose one of the reviewers with open work.")
        others = sorted(
            one.id
            for one in active(writer.connection).values()
            if one.role is Role.REVIEWER and one.id != leaving
        )
        if not others:
            raise Refused(
                "there is no other reviewer", "`cohortlock user STUDY add ID --role reviewer` makes one."
            )
        load = {name: sum(open_work(one, name) for one in held) for name in others}
        rows, stuck = [], 0
        for one in (case for case in held if open_work(case, leaving)):
            free = [name for name in others if name not in one.candidate.ever]
            if not free:
                stuck += 1
                continue
            patient = one.candidate.patient_id
            taker = min(free, key=lambda name: (load[name], _lot(patient, name)))
            load[taker] += 1
            slot = one.candidate.place_of(leaving)
            row = {"patient_id": patient, "slot": slot, "reviewer": taker, "reason": reason.strip()}
            rows.append((f"candidate/{one.candidate.id}", row))
        writer.append(
            assignment,
            "assignment.moved",
            [row for _, row in rows],
            subjects=[subject for subject, _ in rows],
        )
        return Handover(len(rows), stuck)


def _lot(*parts: str) -> str:
    return hashlib.sha256(canonical(["handover", *parts]).encode()).hexdigest()
