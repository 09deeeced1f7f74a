"""The desk's pages beside the charts: one's own work, who owes what, agreement, queries, the audit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from validate.desk.operations import overseeing
from validate.desk.room import Form, form, room, signed_in
from validate.review import handover
from validate.review.rules import Account

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/")
def queue(request: Request, account: Account = signed_in) -> Response:
    """What lies on this person's desk."""
    work = overseeing.mine(room(request), account)
    return room(request).page(
        request,
        "queue.html",
        account=account,
        lists=work.lists,
        queries=work.queries,
        pilot=work.pilot,
    )


@router.get("/owed")
def owed(request: Request, account: Account = signed_in) -> Response:
    """Who still owes what, before the study can be locked."""
    here = room(request)
    listed, declined = overseeing.owed(here, account), overseeing.declined(here, account)
    leavers = overseeing.leavers(here, account)
    return here.page(request, "owed.html", account=account, owed=listed, declined=declined, leavers=leavers)


@router.post("/owed/hand-over")
def hand_over(request: Request, sent: Form = form, account: Account = signed_in) -> Response:
    """Move a reviewer's open work to others; what they have judged stays theirs."""
    database = room(request).database
    handover.hand_over(database, account, sent.one("reviewer"), reason=sent.one("reason"))
    return RedirectResponse("/owed", status_code=303)


@router.get("/agreement")
def agreement(request: Request, account: Account = signed_in) -> Response:
    """Agreement of first opinions as it stands now, over candidates that both have judged as a whole."""
    here = room(request)
    return here.page(request, "agreement.html", account=account, report=overseeing.agreement(here, account))


@router.get("/audit")
def audit(
    request: Request, actor: str = "", action: str = "", before: int = 0, account: Account = signed_in
) -> Response:
    """Who did what and when, newest first; it names candidates by number and holds no value."""
    here = room(request)
    trail = overseeing.trail(here, account, actor=actor, action=action, before=before)
    return here.page(request, "audit.html", account=account, trail=trail, chosen=(actor, action))


@router.get("/audit/export")
def export(request: Request, actor: str = "", action: str = "", account: Account = signed_in) -> Response:
    """The audit as it is filtered, as CSV for a spreadsheet; that it was taken is an event itself."""
    events = overseeing.export(room(request), account, actor=actor, action=action)
    named = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(_csv(events), media_type="text/csv; charset=utf-8", headers=named)


@router.post("/ask/{number}")
def ask(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Ask about a criterion or a field of a candidate."""
    overseeing.ask(
        room(request), account, number, sent.one("field"), sent.one("text"), request_id=sent.one("request")
    )
    return RedirectResponse("/", status_code=303)


@router.post("/answer/{ref}")
def answer(request: Request, ref: str, sent: Form = form, account: Account = signed_in) -> Response:
    """Answer a query, or close it if it is one's own; only the data manager reads others' queries."""
    overseeing.answer(
        room(request),
        account,
        ref,
        sent.one("text"),
        close=bool(sent.one("close")),
        request_id=sent.one("request"),
    )
    return RedirectResponse("/", status_code=303)


def _csv(events: Iterable[tuple[object, ...]]) -> str:
    # A byte-order mark: spreadsheets take the text for UTF-8 then.
    held = io.StringIO("\ufeff")
    held.seek(0, io.SEEK_END)
    writer = csv.writer(held)
    writer.writerow(overseeing.COLUMNS)
    writer.writerows([_inert(str(cell)) for cell in event] for event in events)
    return held.getvalue()


def _inert(cell: str) -> str:
    """``cell`` so that a spreadsheet takes it for text, never for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
