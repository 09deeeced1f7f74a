"""The desk's pages of double entry: the form of one's own pass, and the settling of differences."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from extract.errors import NotFound, Refused
from validate.desk import work
from validate.desk.opened import chart_page, find_case
from validate.desk.room import Form, Room, form, room, signed_in
from validate.entry.entries import Typed, enter_all, resolve
from validate.entry.standing import FieldStanding, standings
from validate.review.accounts import require
from validate.review.cases import Case, cases, eligible
from validate.review.rules import Account, Action, Phase, ValuePhase, sees_entry

__all__ = ["router"]

router = APIRouter()
_Fields = dict[tuple[str, str], FieldStanding]


@router.get("/enter/{number}")
def enter_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and the form with this person's own entries."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ENTER)
        found = find_case(connection, number)
        fields, turn = _turn(here, connection, found, account)
    return _form_page(here, request, account, found, fields, turn)


@router.post("/enter/{number}")
def enter(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep what was typed and go on; fields left empty stay open. What is refused is shown again as typed."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ENTER)
        found = find_case(connection, number)
        fields, turn = _turn(here, connection, found, account)
    typed = []
    for field in (f.field for f in fields.values()):
        raw, missing = sent.one(f"raw-{field.name}"), sent.one(f"missing-{field.name}")
        mine = fields[field.key].of(turn)
        same = mine is not None and (mine.raw, mine.value.missing) == (raw, missing)
        if (raw.strip() or missing) and not same:
            typed.append(Typed(*field.key, raw, missing))
    try:
        if typed:
            enter_all(
                here.database,
                account,
                found.candidate.patient_id,
                typed,
                pass_=turn,
                request_id=sent.one("request"),
            )
    except Refused as refused:
        return _form_page(here, request, account, found, fields, turn, refused=refused, sent=sent)
    with here.database.reading() as connection:
        ready = _ready(here, connection)
        listed = work.to_enter(
            account,
            here.protocol,
            ready,
            standings(connection, here.protocol, [c.candidate for c in ready.values()]),
        )
    onward = next((item.candidate for item in listed if item.left and item.candidate != number), None)
    return RedirectResponse("/" if onward is None else f"/enter/{onward}", status_code=303)


@router.get("/resolve/{number}")
def resolve_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and both entries where they differ."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.RESOLVE)
        found = find_case(connection, number)
        differing = _differing(here, connection, found, account)
        if not differing:
            raise NotFound("there is nothing for you to settle here", "Go back to your work.")
    return chart_page(here, request, "resolve.html", account, found, differing=differing)


@router.post("/resolve/{number}")
def settle_field(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep one resolution, and go on to the next difference."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.RESOLVE)
        patient = find_case(connection, number).candidate.patient_id
    variable, _, timepoint = sent.one("field").partition("@")
    resolve(
        here.database,
        account,
        patient,
        variable,
        timepoint,
        sent.one("choice"),
        raw=sent.one("raw"),
        missing=sent.one("missing"),
        reason=sent.one("reason"),
        request_id=sent.one("request"),
    )
    with here.database.reading() as connection:
        left = _differing(here, connection, find_case(connection, number), account)
    return RedirectResponse(f"/resolve/{number}" if left else "/", status_code=303)


def _form_page(
    here: Room,
    request: Request,
    account: Account,
    found: Case,
    fields: _Fields,
    turn: int,
    *,
    refused: Refused | None = None,
    sent: Form | None = None,
) -> Response:
    held = {}
    for key, standing in fields.items():
        one = standing.of(turn)
        if sent is not None:
            name = standing.field.name
            held[key] = (sent.one(f"raw-{name}"), sent.one(f"missing-{name}"))
        elif one is not None and sees_entry(account, one.abstractor, standing.phase):
            held[key] = ("" if one.value.missing else one.raw, one.value.missing)
    return chart_page(
        here,
        request,
        "enter.html",
        account,
        found,
        status=409 if refused else 200,
        refused=refused,
        turn=turn,
        form=[f.field for f in fields.values()],
        held=held,
    )


def _ready(here: Room, connection: Connection) -> dict[str, Case]:
    return {
        patient: one
        for patient, one in cases(connection).items()
        if one.candidate.present and one.phase is Phase.COMPLETE and eligible(here.protocol, one.finals)
    }


def _turn(here: Room, connection: Connection, found: Case, account: Account) -> tuple[_Fields, int]:
    held = found.candidate
    if not held.present or not eligible(here.protocol, found.finals):
        raise NotFound("there is nothing to enter for this candidate", "Go back to your work.")
    fields = standings(connection, here.protocol, [held])[held.patient_id]
    turn = work.pass_of(account, fields)
    if turn is None:
        raise NotFound("both entries of this candidate have their persons", "Go back to your work.")
    return fields, turn


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
