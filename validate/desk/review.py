"""The desk's pages of review: independent judgement, one criterion at a time, and arbitration."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from extract.errors import NotFound, Refused
from validate.desk import work
from validate.desk.opened import chart_page, find_case
from validate.desk.room import Form, Room, form, room, signed_in
from validate.review.accounts import require
from validate.review.cases import Opinion, Quote, cases
from validate.review.decisions import Given, arbitrate, decide, decide_all
from validate.review.rules import Account, Action, Phase
from validate.review.visible import shown

__all__ = ["router"]

router = APIRouter()


@router.get("/judge/next")
def next_to_judge(request: Request, after: int = 0, account: Account = signed_in) -> Response:
    """On to the next candidate that this reviewer has still to judge."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
    return _onward(here, account, after)


@router.get("/judge/{number}")
def judge_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and the criteria that this reviewer judges."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = find_case(connection, number)
        if not found.candidate.present or found.candidate.place_of(account.id) is None:
            raise NotFound("this candidate is not in your queue", "Go back to your work.")
        visible = shown(connection, account, found.candidate.patient_id)
        listed = here.places.to_judge(connection, account)
    return chart_page(
        here,
        request,
        "judge.html",
        account,
        found,
        visible=visible,
        done=sum(item.left == 0 for item in listed),
        of=len(listed),
    )


@router.post("/judge/{number}")
def judge(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep what was judged and go on to the next candidate; criteria left open stay open."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = find_case(connection, number)
        slot = found.candidate.place_of(account.id)
    mine = {c: found.standing[c].of(slot) for c in found.candidate.reviewed} if slot else {}
    given = [
        Given(criterion, verdict, sent.one(f"reason-{criterion}"), mine_.quotes if mine_ else ())
        for criterion in found.candidate.reviewed
        if (verdict := sent.one(f"verdict-{criterion}"))
        and not _unchanged(mine_ := mine.get(criterion), verdict, sent.one(f"reason-{criterion}"))
    ]
    if not given:
        return RedirectResponse("/", status_code=303)
    decide_all(here.database, account, found.candidate.patient_id, given, request_id=sent.one("request"))
    return _onward(here, account, number)


@router.post("/judge/{number}/{criterion}")
def judge_one(
    request: Request, number: int, criterion: str, sent: Form = form, account: Account = signed_in
) -> Response:
    """Keep one opinion as soon as it is given; the same request twice is kept once."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = find_case(connection, number)
        if found.candidate.place_of(account.id) is None:
            raise NotFound("this candidate is not in your queue", "Go back to your work.")
    patient = found.candidate.patient_id
    quotes = _quotes(sent.one("quotes"))
    decide(
        here.database,
        account,
        patient,
        criterion,
        sent.one("verdict"),
        reason=sent.one("reason"),
        quotes=quotes,
        request_id=sent.one("request"),
        texts=here.charts.of(patient).texts() if quotes else None,
    )
    return JSONResponse({"kept": criterion})


@router.get("/arbitrate/{number}")
def arbitrate_page(request: Request, number: int, account: Account = signed_in) -> Response:
    """The chart, and what two nameless reviewers said where they differ."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ARBITRATE)
        found = find_case(connection, number)
        if found.phase is not Phase.ARBITRATION or account.id in found.candidate.ever:
            raise NotFound("there is nothing for you to settle here", "Go back to your work.")
        visible = shown(connection, account, found.candidate.patient_id)
    return chart_page(here, request, "arbitrate.html", account, found, visible=visible)


@router.post("/arbitrate/{number}")
def settle(request: Request, number: int, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep one ruling, and go on to the next difference."""
    here = room(request)
    with here.database.reading() as connection:
        require(connection, account, Action.ARBITRATE)
        patient = find_case(connection, number).candidate.patient_id
    arbitrate(
        here.database,
        account,
        patient,
        sent.one("criterion"),
        sent.one("verdict"),
        reason=sent.one("reason"),
        request_id=sent.one("request"),
    )
    with here.database.reading() as connection:
        listed = [item.candidate for item in work.to_arbitrate(account, cases(connection).values())]
    onward = number if number in listed else next(iter(listed), None)
    return RedirectResponse("/" if onward is None else f"/arbitrate/{onward}", status_code=303)


def _onward(here: Room, account: Account, after: int) -> Response:
    with here.database.reading() as connection:
        listed = here.places.to_judge(connection, account)
    open_ = [item.candidate for item in listed if item.left and item.candidate != after]
    onward = next((number for number in open_ if number > after), next(iter(open_), None))
    return RedirectResponse("/" if onward is None else f"/judge/{onward}", status_code=303)


def _unchanged(mine: Opinion | None, verdict: str, reason: str) -> bool:
    return mine is not None and (mine.verdict.value, mine.reason) == (verdict, reason.strip())


def _quotes(text: str) -> list[Quote]:
    try:
        given = json.loads(text or "[]")
        return [
            Quote(str(q["record_id"]), int(q["start"]), int(q["end"]), str(q["text"])) for q in given[:50]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Refused("a quote cannot be read", "Select the text again.") from None
