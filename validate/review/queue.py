"""The queue: which candidates are to be judged, on which evidence, and by whom.

Each screening is compared with what the queue knew.  A candidate whose evidence changed gets a new
state row; because an opinion stands only on the evidence it was given on, exactly the opinions on the
criteria that changed reopen.  A candidate that vanished is marked, never deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from extract.errors import Refused
from extract.study.audit import canonical
from extract.study.database import StudyDatabase
from extract.study.protocol import Protocol
from extract.study.tables import assignment, candidate, candidate_state
from validate.review.accounts import MACHINE, acting, active
from validate.review.cases import Case, case, cases
from validate.review.evidence import ScreeningTables, State, held, states
from validate.review.quoted import Texts, quoted, with_quoted
from validate.review.rules import Account, Action, Role

__all__ = ["assign", "enqueue", "reassign"]


def enqueue(
    db: StudyDatabase,
    protocol: Protocol,
    screening: ScreeningTables,
    run: str,
    *,
    texts: Texts | None = None,
    withheld: Collection[str] = (),
) -> dict[str, int]:
    """Bring the queue up to a screening: counts of candidates new, changed, vanished, and of opinions reopened.

    ``texts`` tells what the records that people quoted by hand now say; without it they are not looked at.
    Patients in ``withheld`` have declined: they vanish from the queue like any that left it, and are counted.
    """
    screened = states(protocol, screening)
    found = {patient: state for patient, state in screened.items() if patient not in withheld}
    declined = len(screened) - len(found)
    with db.writing(MACHINE.id) as writer:
        found = _with_quotes(writer.connection, found, texts) if texts else found
        known = cases(writer.connection)
        new = [patient for patient in found if patient not in known]
        kept = [patient for patient in found if patient in known]
        changed = [p for p in kept if not known[p].candidate.present or found[p] != held(known[p].candidate)]
        vanished = [p for p, c in known.items() if c.candidate.present and p not in found]
        reopened = sum(_reopened(known[p], found[p]) for p in changed)
        added = writer.append(
            candidate,
            "candidate.new",
            [{"patient_id": patient, "run": run} for patient in new],
            subjects=["candidate/"] * len(new),
        )
        numbers = {row["patient_id"]: row["id"] for row in added}
        numbers |= {patient: c.candidate.id for patient, c in known.items()}

        def record(action: str, patients: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
            common = {"run": run, "protocol_hash": protocol.hash}
            writer.append(
                candidate_state,
                action,
                [{"patient_id": p, **common, **row} for p, row in zip(patients, rows, strict=True)],
                subjects=[f"candidate/{numbers[p]}" for p in patients],
            )

        record("candidate.present", new, [{"state": "present", **found[p].row()} for p in new])
        record("candidate.changed", changed, [{"state": "present", **found[p].row()} for p in changed])
        record(
            "candidate.vanished",
            vanished,
            [{"state": "vanished", **held(known[p].candidate).row()} for p in vanished],
        )
        counts = {"new": len(new), "vanished": len(vanished), "declined": declined}
        writer.note("queue.updated", f"run/{run}", counts)
    return {**counts, "changed": len(changed), "reopened": reopened}


def assign(db: StudyDatabase, actor: Account, *, seed: int = 0) -> int:
    """Give every candidate without reviewers two of them; returns how many candidates were assigned.

    Loads stay within one of each other as far as earlier work allows, and who reviews with whom, and
    in which place, follows from ``seed`` and the ids alone.  Raises Refused with fewer than two reviewers.
    """
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ASSIGN)
        reviewers = sorted(a.id for a in active(writer.connection).values() if a.role is Role.REVIEWER)
        present = [c.candidate for c in cases(writer.connection).values() if c.candidate.present]
        waiting = [c for c in present if not c.reviewers]
        if waiting and len(reviewers) < 2:
            raise Refused(
                "two reviewers are needed to assign candidates",
                "`cohortlock user STUDY add ID --role reviewer` makes one.",
            )
        load = dict.fromkeys(reviewers, 0)
        for other in present:
            for reviewer in other.reviewers.values():
                load[reviewer] = load.get(reviewer, 0) + 1
        rows = []
        for one in sorted(waiting, key=lambda c: _draw(seed, c.patient_id)):
            drawn = {reviewer: _draw(seed, one.patient_id, reviewer) for reviewer in reviewers}
            ranked = sorted((load[reviewer], draw, reviewer) for reviewer, draw in drawn.items())
            pair = sorted((draw, reviewer) for _, draw, reviewer in ranked[:2])
            for slot, (_, reviewer) in enumerate(pair, start=1):
                load[reviewer] += 1
                rows.append((one.id, {"patient_id": one.patient_id, "slot": slot, "reviewer": reviewer}))
        writer.append(
            assignment,
            "assignment.made",
            [row for _, row in rows],
            subjects=[f"candidate/{number}" for number, _ in rows],
        )
        return len(waiting)


def reassign(
    db: StudyDatabase, actor: Account, patient_id: str, slot: int, reviewer: str, *, reason: str
) -> None:
    """Move a place to another reviewer; opinions already given in it stay. Raises Refused, NotFound."""
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ASSIGN)
        candidate_ = case(writer.connection, patient_id).candidate
        found = active(writer.connection).get(reviewer)
        if slot not in {1, 2} or found is None or found.role is not Role.REVIEWER:
            raise Refused("a place is 1 or 2 and is held by an active reviewer", "Name one of them.")
        if reviewer in candidate_.ever:
            raise Refused(
                "this reviewer already holds or held a place of this candidate", "Name another reviewer."
            )
        if not reason.strip():
            raise Refused("moving work needs a reason", "Say why; it stands in the audit.")
        row = {"patient_id": patient_id, "slot": slot, "reviewer": reviewer, "reason": reason}
        writer.append(assignment, "assignment.moved", [row], subjects=[f"candidate/{candidate_.id}"])


def _draw(seed: int, *parts: str) -> str:
    """A number like chance, the same on every machine."""
    return hashlib.sha256(canonical([seed, *parts]).encode()).hexdigest()


def _with_quotes(connection: Connection, found: dict[str, State], texts: Texts) -> dict[str, State]:
    pointed = {place: quotes for place, quotes in quoted(connection).items() if place[0] in found}
    said = texts({quote.record_id for quotes in pointed.values() for quote in quotes})
    for (patient, criterion), quotes in pointed.items():
        if (before := found[patient].by_criterion.get(criterion)) is not None:
            found[patient] = found[patient].judged_on({criterion: with_quoted(before, quotes, said)})
    return found


def _reopened(case_: Case, state: State) -> int:
    present = state.by_criterion
    return sum(
        opinion is not None and present.get(criterion) != opinion.evidence_hash
        for criterion, standing in case_.standing.items()
        for opinion in (standing.first, standing.second)
    )
