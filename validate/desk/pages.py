"""The desk's pages: queue, review, arbitration, entry, resolution; each a thin shell over the room's functions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection, select

from extract.errors import NotFound, Refused
from extract.study.tables import candidate
from validate.desk import work
from validate.desk.room import Form, Room, form, room, signed_in
from validate.entry.entries import Typed, enter_all, resolve
from validate.entry.standing import FieldStanding, standings
from validate.reconcile import reconcile
from validate.review.accounts import require
from validate.review.cases import Case, case, cases, eligible, opinions
from validate.review.decisions import Given, arbitrate, decide_all
from validate.review.rules import Account, Action, Phase, Role, ValuePhase, Verdict, sees_entry
from validate.review.visible import shown

__all__ = ["router"]

router = APIRouter()
_Fields = dict[tuple[str, str], FieldStanding]


@router.get("/")
def queue(request: Request, account: Account = signed_in) -> Response:
    """What lies on this person's desk."""
    here = room(request)
    owed: Counter[tuple[str, str]] = Counter()
    lists: dict[str, list[work.Item]] = {}
    with here.database.reading() as connection:
        found = cases(connection)
        if account.role is Role.REVIEWER:
            lists["judge"] = work.to_judge(account, found.values(), opinions(connection))
        if account.role is Role.ARBITRATOR:
            lists["arbitrate"] = work.to_arbitrate(account, found.values())
        if account.role in {Role.ABSTRACTOR, Role.ARBITRATOR, Role.DATA_MANAGER}:
            ready = {
                p: c for p, c in found.items() if eligible(here.protocol, c.finals) and c.candidate.present
            }
            typed = standings(connection, here.protocol, [c.candidate for c in ready.values()])
            if account.role is Role.ABSTRACTOR:
                lists["enter"] = work.to_enter(account, here.protocol, ready, typed)
            else:
                lists["resolve"] = work.to_resolve(account, ready, typed)
    if account.role is Role.DATA_MANAGER:
        owed = Counter((one.what, one.owner) for one in reconcile(here.database, here.protocol).open)
    return here.page(request, "queue.html", account=account, lists=lists, owed=owed)


@router.get("/judge/{number}")
def judge_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and the criteria that this reviewer judges."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = _case(connection, number)
        if not found.candidate.present or found.candidate.place_of(account.id) is None:
            raise NotFound("this candidate is not in your queue", "Go back to your work.")
        visible = shown(connection, account, found.candidate.patient_id)
    return _chart_page(here, request, "judge.html", account, found, visible=visible)


@router.post("/judge/{number}")
def judge(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep what was judged and go on to the next candidate; criteria left open stay open."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = _case(connection, number)
        slot = found.candidate.place_of(account.id)
    mine = {c: found.standing[c].of(slot) for c in found.candidate.reviewed} if slot else {}
    given = [
        Given(criterion, verdict, sent.one(f"reason-{criterion}"))
        for criterion in found.candidate.reviewed
        if (verdict := sent.one(f"verdict-{criterion}"))
        and not _unchanged(mine.get(criterion), verdict, sent.one(f"reason-{criterion}"))
    ]
    if not given:
        return RedirectResponse("/", status_code=303)
    decide_all(here.database, account, found.candidate.patient_id, given, request_id=sent.one("request"))
    with here.database.reading() as connection:
        listed = work.to_judge(account, cases(connection).values(), opinions(connection))
    onward = next((item.candidate for item in listed if item.left and item.candidate != number), None)
    return RedirectResponse("/" if onward is None else f"/judge/{onward}", status_code=303)


@router.get("/arbitrate/{number}")
def arbitrate_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and what two nameless reviewers said where they differ."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ARBITRATE)
        found = _case(connection, number)
        if found.phase is not Phase.ARBITRATION or account.id in found.candidate.ever:
            raise NotFound("there is nothing for you to settle here", "Go back to your work.")
        visible = shown(connection, account, found.candidate.patient_id)
    return _chart_page(here, request, "arbitrate.html", account, found, visible=visible)


@router.post("/arbitrate/{number}")
def settle(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep one ruling."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ARBITRATE)
        patient = _case(connection, number).candidate.patient_id
    arbitrate(
        here.database,
        account,
        patient,
        sent.one("criterion"),
        sent.one("verdict"),
        reason=sent.one("reason"),
        request_id=sent.one("request"),
    )
    return RedirectResponse("/", status_code=303)


@router.get("/enter/{number}")
def enter_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and the form with this person's own entries."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ENTER)
        found = _case(connection, number)
        fields, turn = _turn(here, connection, found, account)
    own = {
        key: one
        for key, field in fields.items()
        if (one := field.of(turn)) and sees_entry(account, one.abstractor, field.phase)
    }
    return _chart_page(
        here,
        request,
        "enter.html",
        account,
        found,
        turn=turn,
        form=[f.field for f in fields.values()],
        own=own,
    )


@router.post("/enter/{number}")
def enter(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep what was typed; fields left empty stay open."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ENTER)
        found = _case(connection, number)
        fields, turn = _turn(here, connection, found, account)
    typed = []
    for field in (f.field for f in fields.values()):
        raw, missing = sent.one(f"raw-{field.name}"), sent.one(f"missing-{field.name}")
        mine = fields[field.key].of(turn)
        same = mine is not None and (mine.raw, mine.value.missing) == (raw, missing)
        if (raw.strip() or missing) and not same:
            typed.append(Typed(*field.key, raw, missing))
    if typed:
        enter_all(
            here.database,
            account,
            found.candidate.patient_id,
            typed,
            pass_=turn,
            request_id=sent.one("request"),
        )
    return RedirectResponse("/", status_code=303)


@router.get("/resolve/{number}")
def resolve_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and both entries where they differ."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.RESOLVE)
        found = _case(connection, number)
        differing = _differing(here, connection, found, account)
    return _chart_page(here, request, "resolve.html", account, found, differing=differing)


@router.post("/resolve/{number}")
def settle_field(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep one resolution."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.RESOLVE)
        patient = _case(connection, number).candidate.patient_id
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
    return RedirectResponse("/", status_code=303)


def _case(connection: Connection, number: int) -> Case:
    # A number beyond what a database key can be is asked of no database.
    query = select(candidate.c.patient_id).where(candidate.c.id == number)
    patient = connection.execute(query).scalar() if 0 < number < 2**63 else None
    if patient is None:
        raise NotFound("there is no such candidate", "Go back to your work.")
    return case(connection, patient)


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
    fields = standings(connection, here.protocol, [held])[held.patient_id]
    differing = [
        field
        for field in fields.values()
        if field.phase is ValuePhase.RECONCILIATION
        and field.first is not None
        and field.second is not None
        and account.id not in {field.first.abstractor, field.second.abstractor}
        and sees_entry(account, field.first.abstractor, field.phase)
    ]
    if not differing or not eligible(here.protocol, found.finals):
        raise NotFound("there is nothing for you to settle here", "Go back to your work.")
    return differing


def _unchanged(mine: object, verdict: str, reason: str) -> bool:
    said = (getattr(mine, "verdict", None), getattr(mine, "reason", ""))
    return said == (verdict, reason.strip())


def _chart_page(
    here: Room, request: Request, template: str, account: Account, found: Case, **more: Any
) -> Response:
    """A page with the chart on it; that it was opened is recorded before it is shown."""
    if not found.candidate.present:
        raise Refused("this candidate is no longer among those reviewed", "Go back to your work.")
    with here.database.writing(account.id) as writer:
        writer.note("chart.opened", f"candidate/{found.candidate.id}")
    patient = found.candidate.patient_id
    return here.page(
        request,
        template,
        account=account,
        candidate=found.candidate,
        standing=found.standing if template == "arbitrate.html" else {},
        notes=here.charts.notes(patient),
        rows=here.charts.rows(patient),
        cited=here.charts.cited(patient),
        verdicts=[verdict.value for verdict in Verdict],
        **more,
    )
