"""Acts of the calibration: a round is drawn, a disagreement gets its cause, the gate is opened; each with its audit event."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Table, select

from extract.errors import NotFound, NotReady, Refused
from extract.study.audit import canonical
from extract.study.database import StudyDatabase, Writer
from extract.study.storage import rows
from extract.study.tables import calibration_code, calibration_gate, calibration_round, decision
from validate.review.accounts import acting
from validate.review.calibration import Cause, Round, State, state
from validate.review.cases import Candidate, cases
from validate.review.rules import Account, Action
from validate.review.structure import wording_hash

__all__ = ["code", "draw", "open_gate"]

_LONGEST: Final = 4000
_WORDS: Final = {
    "opinions": "cases still to judge",
    "arbitration": "cases with the arbitrator",
    "codes": "disagreements without a cause",
    "wording": "criteria to reword in study.toml",
    "threshold": "criteria below the threshold",
    "round": "round to draw",
}


def draw(db: StudyDatabase, actor: Account, *, seed: int = 0) -> int:
    """Draw the next pilot round and return its number; from then on nothing else is judged.

    Cases that nobody has judged come first, in an order that follows from ``seed`` and the ids alone.  Raises
    Refused when the study asks for no round, the gate is open, or nobody is left; NotReady while the last one
    is not finished.
    """
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.CALIBRATE)
        held = cases(writer.connection)
        found = state(writer.connection, db.protocol, held)
        plan = _asked(found)
        if waiting := [one for one in found.lacking if one.what not in {"threshold", "round"}]:
            raise NotReady(
                _list("the last round is not finished", waiting), "See the page of the calibration."
            )
        if found.rounds and not found.lacking:
            raise Refused("the last round reached what the protocol asks", "Open the gate.")
        taken = {number for one in found.rounds for number in one.cases}
        judged = set(writer.connection.scalars(select(decision.c.patient_id).distinct()))
        free = [
            c.candidate
            for c in held.values()
            if c.candidate.present
            and len(c.candidate.reviewers) == 2
            and c.candidate.reviewed
            and c.candidate.id not in taken
        ]
        if not free:
            raise Refused("no assigned candidate is left for a round", "Assign candidates first.")
        number = len(found.rounds) + 1
        chosen = sorted(free, key=lambda c: (c.patient_id in judged, _lot(seed, number, c)))[: plan.cases]
        row = {
            "number": number,
            "cases": canonical(sorted(c.id for c in chosen)),
            "wording": canonical({c.id: wording_hash(c) for c in db.protocol.criteria}),
            "protocol_hash": db.protocol.hash,
        }
        writer.append(calibration_round, "calibration.drawn", [row], subjects=[f"calibration/{number}"])
        return number


def code(
    db: StudyDatabase,
    actor: Account,
    candidate: int,
    criterion: str,
    cause: Cause | str,
    *,
    note: str,
    wording: str = "",
    request_id: str,
) -> None:
    """Say why two first opinions of the last round differ; said again, the last word counts.

    ``wording`` is the new wording, for a guideline gap and for nothing else.  Raises Refused, and NotFound where
    there is no such disagreement, or none yet that may be seen.
    """
    why, what, words = _cause(cause), _text(note, "say what the disagreement came from"), wording.strip()
    if (why is Cause.GUIDELINE_GAP) != bool(words) or len(words) > _LONGEST or "\0" in words:
        raise Refused(
            "a guideline gap carries its new wording, and no other cause does",
            f"Write how the criterion should read, at most {_LONGEST} characters.",
        )
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.CALIBRATE)
        found = state(writer.connection, db.protocol)
        _asked(found)
        one = next(
            (
                d
                for d in (found.rounds[-1].disagreements if found.rounds else ())
                if (d.candidate, d.criterion) == (candidate, criterion)
            ),
            None,
        )
        if one is None:
            raise NotFound(
                "there is no such settled disagreement in this round", "Choose one of those listed."
            )
        row = {
            "request_id": request_id,
            "number": found.rounds[-1].number,
            "patient_id": one.patient_id,
            "criterion": criterion,
            "first_decision": one.first.id,
            "second_decision": one.second.id,
            "cause": why.value,
            "note": what,
            "wording": words,
            "author": actor.id,
        }
        if not _again(writer, calibration_code, row):
            subject = f"candidate/{candidate}/{criterion}"
            writer.append(calibration_code, "calibration.coded", [row], subjects=[subject])


def open_gate(db: StudyDatabase, actor: Account, *, reason: str = "", request_id: str) -> bool:
    """Open the rest to the reviewers; returns whether every criterion reached the threshold.

    Where one did not, and no further round is wanted, a ``reason`` takes that upon oneself and stands beside the
    figures.  Raises NotReady while anything else is lacking, Refused without a reason.
    """
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.CALIBRATE)
        found = state(writer.connection, db.protocol)
        again = _replayed(writer, calibration_gate, request_id)
        if again is not None:
            return bool(again["met"])
        _asked(found)
        if missing := [one for one in found.lacking if one.what != "threshold"]:
            raise NotReady(_list("the gate stays closed", missing), "See the page of the calibration.")
        last = found.rounds[-1]
        met = all(last.met.values())
        if not met:
            reason = _text(reason, "draw another round, or say why the rest is opened all the same")
        row = {
            "request_id": _request(request_id),
            "number": last.number,
            "met": met,
            "measured": canonical(_measured(last)),
            "reason": "" if met else reason,
            "protocol_hash": db.protocol.hash,
            "author": actor.id,
        }
        subject = f"calibration/{last.number}"
        writer.append(calibration_gate, "calibration.opened", [row], subjects=[subject])
        return met


def _asked(found: State) -> Any:
    if found.plan is None:
        raise Refused(
            "the protocol asks for no pilot round", "State `calibration` under [review] in study.toml."
        )
    if found.gate is not None:
        raise Refused("the gate is open", "What was coded and measured stays as it is.")
    return found.plan


def _measured(last: Round) -> dict[str, Any]:
    """What the gate was opened on; integers and text survive any database the same, so numbers are spelled."""
    return {
        name: {
            "n": one.n,
            "table": [list(line) for line in one.table],
            "percent": _spelled(one.percent.value),
            "kappa": _spelled(one.kappa.value),
            "ac1": _spelled(one.ac1.value),
            "met": last.met[name],
        }
        for name, one in last.agreement.criteria.items()
        if one.n
    }


def _spelled(value: float | None) -> str | None:
    return None if value is None else f"{value:.6f}"


def _lot(seed: int, number: int, one: Candidate) -> str:
    return hashlib.sha256(canonical(["pilot", seed, number, one.patient_id]).encode()).hexdigest()


def _cause(cause: Cause | str) -> Cause:
    try:
        return Cause(cause)
    except ValueError:
        listed = ", ".join(one.value for one in Cause)
        raise Refused("there is no such cause", f"A cause is one of {listed}.") from None


def _text(text: str, how: str) -> str:
    said = text.strip()
    if not said or len(said) > _LONGEST or "\0" in said:
        raise Refused(f"a note of 1 to {_LONGEST} characters is needed", f"{how[0].upper()}{how[1:]}.")
    return said


def _request(request_id: str) -> str:
    if not request_id or len(request_id) > 200 or "\0" in request_id:
        raise Refused("a request id has 1 to 200 characters", "Send a fresh random id with each form.")
    return request_id


def _replayed(writer: Writer, table: Table, request_id: str) -> dict[str, Any] | None:
    found = rows(writer.connection, select(table).where(table.c.request_id == _request(request_id)))
    return found[0] if found else None


def _again(writer: Writer, table: Table, row: Mapping[str, Any]) -> bool:
    """Whether this very row was written by an earlier post of the same request."""
    before = _replayed(writer, table, row["request_id"])
    if before is not None and any(before[name] != value for name, value in row.items()):
        raise Refused("this request id was used for something else", "Send a fresh id with each form.")
    return before is not None


def _list(what: str, lacking: list[Any]) -> str:
    return f"{what}: " + ", ".join(f"{one.count} {_WORDS[one.what]}" for one in lacking)
