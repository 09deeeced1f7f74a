"""The desk's pages beside the charts: one's own work, who owes what, agreement, queries, the audit."""

from __future__ import annotations

from collections import Counter
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import func, select

from extract.errors import Refused
from extract.study.tables import audit_event
from validate.desk import work
from validate.desk.opened import find_case
from validate.desk.room import Form, form, room, signed_in
from validate.entry.standing import standings
from validate.reconcile import reconcile
from validate.review import queries
from validate.review.accounts import require
from validate.review.agreement import report
from validate.review.cases import cases, eligible, opinions
from validate.review.rules import Account, Action, Phase, Role

__all__ = ["router"]

router = APIRouter()
_PAGE: Final = 100


@router.get("/")
def queue(request: Request, account: Account = signed_in) -> Response:
    """What lies on this person's desk."""
    here = room(request)
    lists: dict[str, list[work.Item]] = {}
    with here.database.reading() as connection:
        found = cases(connection)
        if account.role is Role.REVIEWER:
            lists["judge"] = here.places.to_judge(connection, account)
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
        asked = [] if account.role is Role.ANALYST else queries.threads(connection)
        numbers = {patient: one.candidate.id for patient, one in found.items()}
    mine = account.role in {Role.DATA_MANAGER, Role.AUDITOR}
    threads = [
        (numbers[t.patient_id], t) for t in asked if t.is_open and (mine or t.said[0][1] == account.id)
    ]
    return here.page(request, "queue.html", account=account, lists=lists, threads=threads)


@router.get("/owed")
def owed(request: Request, account: Account = signed_in) -> Response:
    """Who still owes what, before the study can be locked."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.LOCK)
    counted = Counter((one.owner, one.what) for one in reconcile(here.database, here.protocol).open)
    return here.page(request, "owed.html", account=account, owed=sorted(counted.items()))


@router.get("/agreement")
def agreement(request: Request, account: Account = signed_in) -> Response:
    """Agreement of first opinions as it stands now, over candidates that both have judged as a whole."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.READ_AUDIT)
        judged = {
            patient
            for patient, one in cases(connection).items()
            if one.candidate.present and one.phase is not Phase.INDEPENDENT
        }
        given = [one for one in opinions(connection) if one.patient_id in judged]
    criteria = [c.id for c in here.protocol.criteria]
    return here.page(request, "agreement.html", account=account, report=report(given, criteria))


@router.get("/audit")
def audit(
    request: Request,
    actor: str = "",
    action: str = "",
    before: int = 0,
    account: Account = signed_in,
) -> Response:
    """Who did what and when, newest first; it names candidates by number and holds no value."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.READ_AUDIT)
        query = select(audit_event).order_by(audit_event.c.seq.desc()).limit(_PAGE)
        if actor:
            query = query.where(audit_event.c.actor == actor)
        if action:
            query = query.where(audit_event.c.action == action)
        if 0 < before < 2**63:
            query = query.where(audit_event.c.seq < before)
        events = connection.execute(query).all()
        actors = connection.scalars(select(audit_event.c.actor).distinct()).all()
        actions = connection.scalars(select(audit_event.c.action).distinct()).all()
        total = connection.scalar(select(func.count()).select_from(audit_event))
    return here.page(
        request,
        "audit.html",
        account=account,
        events=events,
        actors=sorted(actors),
        actions=sorted(actions),
        chosen=(actor, action),
        total=total,
        older=events[-1].seq if len(events) == _PAGE else 0,
    )


@router.post("/ask/{number}")
def ask(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Ask about a criterion or a field of a candidate."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ASK)
        found = find_case(connection, number)
    if account.role is Role.REVIEWER and found.candidate.place_of(account.id) is None:
        raise Refused("this candidate is not in your queue", "Go back to your work.")
    patient = found.candidate.patient_id
    queries.ask(
        here.database, account, patient, sent.one("field"), sent.one("text"), request_id=sent.one("request")
    )
    return RedirectResponse("/", status_code=303)


@router.post("/answer/{thread}")
def answer(request: Request, thread: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Answer a query, or close it if it is one's own; only the data manager reads others' queries."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ASK)
        mine = {t.id for t in queries.threads(connection) if t.said[0][1] == account.id}
    if thread not in mine and account.role is not Role.DATA_MANAGER:
        raise Refused("this query is not yours", "The data manager answers queries.")
    follow = queries.close if sent.one("close") else queries.answer
    follow(here.database, account, thread, sent.one("text"), request_id=sent.one("request"))
    return RedirectResponse("/", status_code=303)
