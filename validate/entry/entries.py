"""Entries: two people type the same fields without seeing each other, a third settles what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from extract.errors import NotFound, Refused
from extract.study.database import StudyDatabase, Writer
from extract.study.protocol import Protocol
from extract.study.storage import rows
from extract.study.tables import entry, resolution
from validate.entry.form_rules import NOT_APPLICABLE, check
from validate.entry.forms import Field, Value, form_fields, read
from validate.entry.standing import Entered, FieldStanding, Resolved, standings
from validate.review.accounts import acting
from validate.review.cases import Case, case, eligible
from validate.review.evidence import field_key
from validate.review.rules import Account, Action, Phase, open_for

__all__ = ["Typed", "enter", "enter_all", "resolve"]


@dataclass(frozen=True)
class Typed:
    """One field as it is posted: what was typed, or why there is nothing to type."""

    variable: str
    timepoint: str = ""
    raw: str = ""
    missing: str = ""
    record_id: str = ""
    """The record that the value was read in, if the person pointed at one."""


def enter(
    db: StudyDatabase,
    actor: Account,
    patient_id: str,
    variable: str,
    timepoint: str,
    raw: str = "",
    *,
    missing: str = "",
    pass_: int,
    request_id: str,
    record_id: str = "",
) -> Entered:
    """Enter one field in pass 1 or 2; a missing code may be typed or given as ``missing``.

    Raises Refused for a wrong role, person, pass or phase and for what the form does not allow,
    NotFound for an unknown candidate or field.
    """
    typed = Typed(variable, timepoint, raw, missing, record_id)
    return _enter(db, actor, patient_id, [(request_id, typed)], pass_)[0]


def enter_all(
    db: StudyDatabase,
    actor: Account,
    patient_id: str,
    typed: Sequence[Typed],
    *,
    pass_: int,
    request_id: str,
) -> list[Entered]:
    """Enter several fields of one candidate: all are kept, or none. Raises as ``enter``."""
    if len({(one.variable, one.timepoint) for one in typed}) != len(typed):
        raise Refused("one request names a field twice", "Send each field once.")
    posts = [(f"{request_id}/{field_key(one.variable, one.timepoint)}", one) for one in typed]
    return _enter(db, actor, patient_id, posts, pass_)


def resolve(
    db: StudyDatabase,
    actor: Account,
    patient_id: str,
    variable: str,
    timepoint: str,
    choice: str,
    *,
    reason: str,
    request_id: str,
    raw: str = "",
    missing: str = "",
    record_id: str = "",
) -> Resolved:
    """Settle a field whose two entries differ: ``first``, ``second`` or a ``third`` value, with a reason.

    Raises Refused for who entered it, without a reason, when there is no difference or it is settled.
    """
    field = _field(db.protocol, variable, timepoint)
    if choice not in {"first", "second", "third"}:
        raise Refused("a resolution is first, second or third", "Choose one of them.")
    if not reason.strip() or len(reason) > 4000 or "\0" in reason:
        raise Refused("a resolution needs a reason of at most 4000 characters", "Say where the value stands.")
    third = read(field, raw, missing) if choice == "third" else None
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.RESOLVE)
        found = case(writer.connection, patient_id)
        standing = standings(writer.connection, db.protocol, [found.candidate])[patient_id][field.key]
        again = rows(writer.connection, select(resolution).where(resolution.c.request_id == request_id))
        if again:
            said = (again[0]["resolver"], again[0]["patient_id"], again[0]["variable"], again[0]["timepoint"])
            if (*said, again[0]["choice"]) != (actor.id, patient_id, variable, timepoint, choice):
                raise _reused()
            return Resolved.of(again[0])
        _ready(db.protocol, found)
        first, second = standing.first, standing.second
        if standing.resolved is not None:
            raise Refused("somebody has settled this field", "Take the next one; nothing was written.")
        if first is None or second is None or not open_for(Action.RESOLVE, standing.phase):
            raise Refused(f"{field.name}: there is no difference to settle", "Both entries must stand first.")
        if actor.id in {first.abstractor, second.abstractor}:
            raise Refused("who entered a field does not settle it", "Leave it to another person.")
        chosen = first if choice == "first" else second
        row = {
            "request_id": _request(request_id),
            "patient_id": patient_id,
            "variable": variable,
            "timepoint": timepoint,
            "resolver": actor.id,
            "choice": choice,
            "raw": raw if third else chosen.raw,
            "record_id": record_id if third else chosen.record_id,
            "reason": reason.strip(),
            "evidence_hash": first.evidence_hash,
            "first_entry": first.id,
            "second_entry": second.id,
            **_stored(third or chosen.value),
        }
        subject = f"candidate/{found.candidate.id}/{field.name}"
        return Resolved.of(writer.append(resolution, "resolution.given", [row], subjects=[subject])[0])


def _enter(
    db: StudyDatabase, actor: Account, patient_id: str, posts: Sequence[tuple[str, Typed]], pass_: int
) -> list[Entered]:
    if pass_ not in {1, 2}:
        raise Refused("a pass is 1 or 2", "Say which of the two entries this is.")
    values = {
        _request(request): read(_field(db.protocol, one.variable, one.timepoint), one.raw, one.missing)
        for request, one in posts
    }
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ENTER)
        found = case(writer.connection, patient_id)
        before = _replayed(writer, list(values))
        standing = standings(writer.connection, db.protocol, [found.candidate])[patient_id]
        done: dict[str, Entered] = {}
        fresh: dict[str, Typed] = {}
        for request, one in posts:
            if request in before:
                done[request] = _again(before[request], actor, patient_id, one, values[request], pass_)
                continue
            _ready(db.protocol, found)
            _one_person(standing, actor, pass_)
            _mine(standing[one.variable, one.timepoint], actor, pass_)
            fresh[request] = one
        for request, one in _jumped(db.protocol, standing, pass_, fresh, values):
            fresh[request], values[request] = one, NOT_APPLICABLE
        made = [
            {
                "request_id": request,
                "patient_id": patient_id,
                "variable": one.variable,
                "timepoint": one.timepoint,
                "pass": pass_,
                "abstractor": actor.id,
                "raw": one.raw,
                "record_id": one.record_id,
                "evidence_hash": found.candidate.field_hashes.get(field_key(one.variable, one.timepoint), ""),
                "supersedes": mine.id if (mine := standing[one.variable, one.timepoint].of(pass_)) else None,
                **_stored(values[request]),
            }
            for request, one in fresh.items()
        ]
        subjects = [
            f"candidate/{found.candidate.id}/{field_key(one.variable, one.timepoint)}"
            for one in fresh.values()
        ]
        for row in writer.append(entry, "entry.made", made, subjects=subjects):
            done[row["request_id"]] = Entered.of(row)
    return [done[request] for request, _ in posts]


def _jumped(
    protocol: Protocol,
    standing: Mapping[tuple[str, str], FieldStanding],
    pass_: int,
    fresh: Mapping[str, Typed],
    values: Mapping[str, Value],
) -> list[tuple[str, Typed]]:
    """What the form's jumps reset beside what was typed. Raises Refused for what its rules forbid."""
    if not fresh:
        return []
    held = {key: mine.value for key, one in standing.items() if (mine := one.of(pass_))}
    typed = {(one.variable, one.timepoint): values[request] for request, one in fresh.items()}
    closed = [key for key, one in standing.items() if not open_for(Action.ENTER, one.phase)]
    first = next(iter(fresh))
    return [
        (f"{first}/jump/{field_key(*key)}", Typed(*key, missing=NOT_APPLICABLE.missing))
        for key in check(protocol, held, typed, closed)
    ]


def _ready(protocol: Protocol, found: Case) -> None:
    if not found.candidate.present or found.phase is not Phase.COMPLETE:
        raise Refused(
            f"candidate {found.candidate.id}: its review is not complete",
            "Values are entered for patients whose eligibility is settled.",
        )
    if not eligible(protocol, found.finals):
        raise Refused(f"candidate {found.candidate.id}: not eligible", "Take the next one.")


def _one_person(standing: dict[tuple[str, str], FieldStanding], actor: Account, pass_: int) -> None:
    """Second entry by another person: whoever typed anything of this candidate stays in that pass."""
    for one in standing.values():
        other = one.of(3 - pass_)
        if other is not None and other.abstractor == actor.id:
            raise Refused(
                "the same person made the other entry of this candidate", "Leave this pass to a colleague."
            )


def _mine(standing: FieldStanding, actor: Account, pass_: int) -> None:
    """Refuse to change what a colleague entered, and what both entered."""
    mine = standing.of(pass_)
    if mine is None:
        return
    if mine.abstractor != actor.id:
        raise Refused(f"{standing.field.name}: a colleague has made this entry", "Take the next field.")
    if not open_for(Action.ENTER, standing.phase):
        raise Refused(
            f"{standing.field.name}: both entries stand",
            "They stay as they are; differences are settled apart.",
        )


def _field(protocol: Protocol, variable: str, timepoint: str) -> Field:
    for field in form_fields(protocol):
        if field.key == (variable, timepoint):
            return field
    raise NotFound("the form has no such field", 'Fields are the variables with entry = "double".')


def _again(
    row: dict[str, Any], actor: Account, patient_id: str, one: Typed, value: Value, pass_: int
) -> Entered:
    made = Entered.of(row)
    asked = (actor.id, patient_id, one.variable, one.timepoint, pass_, value)
    if (made.abstractor, made.patient_id, made.variable, made.timepoint, made.pass_, made.value) != asked:
        raise _reused()
    return made


def _stored(value: Value) -> dict[str, Any]:
    return {
        "scaled": value.scaled,
        "value": value.value,
        "missing": value.missing,
        "comparator": value.comparator,
    }


def _replayed(writer: Writer, requests: list[str]) -> dict[str, dict[str, Any]]:
    query = select(entry).where(entry.c.request_id.in_(requests))
    return {row["request_id"]: row for row in rows(writer.connection, query)}


def _request(request_id: str) -> str:
    if not request_id or len(request_id) > 200 or "\0" in request_id:
        raise Refused("a request id has 1 to 200 characters", "Send a fresh random id with each form.")
    return request_id


def _reused() -> Refused:
    return Refused("this request id was used for something else", "Send a fresh id with each form.")
