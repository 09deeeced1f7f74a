"""Values: the form of one's own pass, and the settling of fields whose two entries differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from extract.errors import NotFound
from validate.desk import work
from validate.desk.operations.opening import find_case
from validate.desk.room import Room
from validate.entry.entries import Typed, enter_all, resolve
from validate.entry.standing import Entered, FieldStanding, Resolved, standings
from validate.review.accounts import require
from validate.review.cases import Case, cases, eligible
from validate.review.rules import Account, Action, Phase, ValuePhase, sees_entry

__all__ = [
    "Entering",
    "differing",
    "enter_values",
    "entering",
    "next_to_enter",
    "settle_field",
    "still_differing",
]

_Fields = Mapping[tuple[str, str], FieldStanding]


@dataclass(frozen=True)
class Entering:
    """A candidate as one of its two abstractors sees it."""

    case: Case
    fields: tuple[FieldStanding, ...]
    """For the form itself; whose entries may be seen is in ``own``."""
    turn: int
    own: Mapping[tuple[str, str], Entered]


def entering(here: Room, account: Account, number: int) -> Entering:
    """The form of this person's pass. Raises Refused, NotFound when there is none for them."""
    with here.database.reading() as connection:
        require(connection, account, Action.ENTER)
        found = find_case(connection, number)
        held = found.candidate
        if not held.present or not eligible(here.protocol, found.finals):
            raise NotFound("there is nothing to enter for this candidate", "Go back to your work.")
        fields = standings(connection, here.protocol, [held])[held.patient_id]
    turn = work.pass_of(account, fields)
    if turn is None:
        raise NotFound("both entries of this candidate have their persons", "Go back to your work.")
    return Entering(found, tuple(fields.values()), turn, _own(account, fields, turn))


def enter_values(
    here: Room, account: Account, form: Entering, typed: Sequence[Typed], *, request_id: str
) -> list[Entered]:
    """Keep what was typed: all of it or nothing. Raises Refused as ``enter_all`` does."""
    fresh = [one for one in typed if (one.raw.strip() or one.missing) and not _unchanged(form, one)]
    patient = form.case.candidate.patient_id
    if not fresh:
        return []
    return enter_all(here.database, account, patient, fresh, pass_=form.turn, request_id=request_id)


def next_to_enter(here: Room, account: Account, number: int) -> int | None:
    """The next candidate with something left for this abstractor. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.ENTER)
        ready = {
            patient: one
            for patient, one in cases(connection).items()
            if one.candidate.present and one.phase is Phase.COMPLETE and eligible(here.protocol, one.finals)
        }
        typed = standings(connection, here.protocol, [one.candidate for one in ready.values()])
    listed = work.to_enter(account, here.protocol, ready, typed)
    return next((item.candidate for item in listed if item.left and item.candidate != number), None)


def differing(here: Room, account: Account, number: int) -> tuple[Case, list[FieldStanding]]:
    """Fields to settle, both entries in each. Raises Refused, NotFound when there is none for this person."""
    with here.database.reading() as connection:
        require(connection, account, Action.RESOLVE)
        found = find_case(connection, number)
        open_ = _differing(here, connection, found, account)
    if not open_:
        raise NotFound("there is nothing for you to settle here", "Go back to your work.")
    return found, open_


def still_differing(here: Room, account: Account, number: int) -> bool:
    """Whether something is left to settle here. Raises Refused, NotFound."""
    with here.database.reading() as connection:
        require(connection, account, Action.RESOLVE)
        return bool(_differing(here, connection, find_case(connection, number), account))


def settle_field(
    here: Room,
    account: Account,
    number: int,
    field: str,
    choice: str,
    *,
    raw: str,
    missing: str,
    reason: str,
    request_id: str,
) -> Resolved:
    """Settle one field, ``variable@timepoint``. Raises Refused and NotFound as ``resolve`` does."""
    with here.database.reading() as connection:
        require(connection, account, Action.RESOLVE)
        patient = find_case(connection, number).candidate.patient_id
    variable, _, timepoint = field.partition("@")
    return resolve(
        here.database,
        account,
        patient,
        variable,
        timepoint,
        choice,
        raw=raw,
        missing=missing,
        reason=reason,
        request_id=request_id,
    )


def _own(account: Account, fields: _Fields, turn: int) -> dict[tuple[str, str], Entered]:
    return {
        key: one
        for key, standing in fields.items()
        if (one := standing.of(turn)) is not None and sees_entry(account, one.abstractor, standing.phase)
    }


def _unchanged(form: Entering, typed: Typed) -> bool:
    mine = form.own.get((typed.variable, typed.timepoint))
    return mine is not None and (mine.raw, mine.value.missing) == (typed.raw, typed.missing)


def _differing(here: Room, connection: Connection, found: Case, account: Account) -> list[FieldStanding]:
    held = found.candidate
    if not held.present or not eligible(here.protocol, found.finals):
        return []
    return [
        field
        for field in standings(connection, here.protocol, [held])[held.patient_id].values()
        if field.phase is ValuePhase.RECONCILIATION
        and field.first is not None
        and field.second is not None
        and account.id not in {field.first.abstractor, field.second.abstractor}
        and sees_entry(account, field.first.abstractor, field.phase)
    ]
