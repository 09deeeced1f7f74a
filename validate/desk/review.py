"""The desk's pages of review: independent judgement, one criterion at a time, and arbitration."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from extract.errors import Refused
from validate.desk.operations import judging as judgement
from validate.desk.pages import chart_page, wants_json
from validate.desk.room import Form, form, room, signed_in
from validate.review.cases import Quote
from validate.review.decisions import Given
from validate.review.rules import Account

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/judge/next")
def next_to_judge(request: Request, after: int = 0, account: Account = signed_in) -> Response:
    """On to the next candidate that this reviewer has still to judge."""
    return RedirectResponse(_onward(judgement.next_to_judge(room(request), account, after)), status_code=303)


@router.get("/judge/{number}")
def judge_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and the criteria that this reviewer judges."""
    here = room(request)
    view = judgement.judging(here, account, number)
    progress = judgement.progress(here, account)
    return chart_page(
        request, "judge.html", account, view.case, view=view, visible=view.visible, progress=progress
    )


@router.post("/judge/{number}")
def judge(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Hand in what was judged and go on to the next candidate; criteria left open stay open."""
    here = room(request)
    view = judgement.judging(here, account, number)
    given = []
    for criterion in view.case.candidate.reviewed:
        if verdict := sent.one(f"verdict-{criterion}"):
            before = view.now(criterion)
            quotes = before.quotes if before else ()
            given.append(Given(criterion, verdict, sent.one(f"reason-{criterion}"), quotes))
    judgement.hand_in(here, account, number, given, request_id=sent.one("request"))
    onward = _onward(judgement.next_to_judge(here, account, number)) if given else "/"
    return JSONResponse({"onward": onward}) if wants_json(request) else RedirectResponse(onward, 303)


@router.post("/judge/{number}/{criterion}")
def judge_one(
    request: Request, number: int, criterion: str, sent: Form = form, account: Account = signed_in
) -> Response:
    """Keep one judgement as soon as it is made, or take it back where no verdict is sent."""
    here = room(request)
    if sent.one("verdict"):
        now = judgement.keep(
            here,
            account,
            number,
            criterion,
            sent.one("verdict"),
            sent.one("reason"),
            _quotes(sent.one("quotes")),
        )
        return JSONResponse({"kept": criterion, "verdict": now.verdict})
    back = judgement.take_back(here, account, number, criterion)
    return JSONResponse({"kept": criterion, "verdict": back.verdict if back else ""})


@router.get("/arbitrate/{number}")
def arbitrate_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and what two nameless reviewers said where they differ."""
    view = judgement.arbitrating(room(request), account, number)
    return chart_page(request, "arbitrate.html", account, view.case, visible=view.visible, open=view.open)


@router.post("/arbitrate/{number}")
def settle(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep one ruling, and go on to the next difference."""
    here = room(request)
    judgement.settle(
        here,
        account,
        number,
        sent.one("criterion"),
        sent.one("verdict"),
        sent.one("reason"),
        request_id=sent.one("request"),
    )
    onward = judgement.next_to_arbitrate(here, account, number)
    return RedirectResponse("/" if onward is None else f"/arbitrate/{onward}", status_code=303)


def _onward(number: int | None) -> str:
    return "/" if number is None else f"/judge/{number}"


def _quotes(text: str) -> list[Quote]:
    try:
        given = json.loads(text or "[]")
        return [
            Quote(str(q["record_id"]), int(q["start"]), int(q["end"]), str(q["text"])) for q in given[:50]
        ]
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        raise Refused("a quote cannot be read", "Select the text again.") from None
