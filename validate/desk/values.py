"""The desk's pages of double entry: the form of one's own pass, and the settling of differences."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from extract.errors import Refused
from validate.desk.operations import values
from validate.desk.pages import chart_page
from validate.desk.room import Form, form, room, signed_in
from validate.entry.entries import Typed
from validate.review.rules import Account

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/enter/{number}")
def enter_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and the form with this person's own entries."""
    return _form_page(request, account, values.entering(room(request), account, number))


@router.post("/enter/{number}")
def enter(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep what was typed and go on; fields left empty stay open. What is refused is shown again as typed."""
    here = room(request)
    view = values.entering(here, account, number)
    typed = [
        Typed(*one.field.key, sent.one(f"raw-{one.field.name}"), sent.one(f"missing-{one.field.name}"))
        for one in view.fields
    ]
    try:
        values.enter_values(here, account, view, typed, request_id=sent.one("request"))
    except Refused as refused:
        return _form_page(request, account, view, refused=refused, sent=sent)
    onward = values.next_to_enter(here, account, number)
    return RedirectResponse("/" if onward is None else f"/enter/{onward}", status_code=303)


@router.get("/resolve/{number}")
def resolve_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and both entries where they differ."""
    found, differing = values.differing(room(request), account, number)
    return chart_page(request, "resolve.html", account, found, differing=differing)


@router.post("/resolve/{number}")
def settle_field(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep one resolution, and go on to the next difference."""
    here = room(request)
    values.settle_field(
        here,
        account,
        number,
        sent.one("field"),
        sent.one("choice"),
        raw=sent.one("raw"),
        missing=sent.one("missing"),
        reason=sent.one("reason"),
        request_id=sent.one("request"),
    )
    left = values.still_differing(here, account, number)
    return RedirectResponse(f"/resolve/{number}" if left else "/", status_code=303)


def _form_page(
    request: Request,
    account: Account,
    view: values.Entering,
    *,
    refused: Refused | None = None,
    sent: Form | None = None,
) -> Response:
    held = {}
    for field in (one.field for one in view.fields):
        own = view.own.get(field.key)
        if sent is not None:
            held[field.key] = (sent.one(f"raw-{field.name}"), sent.one(f"missing-{field.name}"))
        elif own is not None:
            held[field.key] = ("" if own.value.missing else own.raw, own.value.missing)
    return chart_page(
        request,
        "enter.html",
        account,
        view.case,
        status=409 if refused else 200,
        refused=refused,
        turn=view.turn,
        form=[one.field for one in view.fields],
        held=held,
    )
