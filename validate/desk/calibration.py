"""The desk's pages of the calibration: the pilot round with its gate, and how steadily people judge."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from extract.errors import Refused
from validate.desk.operations import calibrating
from validate.desk.room import Form, form, room, signed_in
from validate.review.calibration import Cause
from validate.review.pace import FEWEST, LONGEST_MINUTES
from validate.review.rules import Account

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/calibration")
def calibration(request: Request, account: Account = signed_in) -> Response:
    """Where the pilot round stands, what the gate waits for, and the disagreements to be given a cause."""
    here = room(request)
    found = calibrating.calibration(here, account)
    return here.page(
        request,
        "calibration.html",
        account=account,
        state=found,
        causes=[cause.value for cause in Cause],
        criteria={criterion.id: criterion for criterion in here.protocol.criteria},
    )


@router.post("/calibration/draw")
def draw_round(request: Request, account: Account = signed_in) -> Response:
    """Draw the first round, or another."""
    calibrating.draw_round(room(request), account)
    return RedirectResponse("/calibration", status_code=303)


@router.post("/calibration/cause")
def name_cause(request: Request, sent: Form = form, account: Account = signed_in) -> Response:
    """Keep the cause of one disagreement."""
    number = sent.one("candidate")
    if not number.isascii() or not number.isdecimal():
        raise Refused("there is no such candidate", "Choose one of those listed.")
    calibrating.name_cause(
        room(request),
        account,
        int(number),
        sent.one("criterion"),
        sent.one("cause"),
        note=sent.one("note"),
        wording=sent.one("wording"),
        request_id=sent.one("request"),
    )
    return RedirectResponse("/calibration", status_code=303)


@router.post("/calibration/open")
def open_rest(request: Request, sent: Form = form, account: Account = signed_in) -> Response:
    """Open the rest to the reviewers."""
    calibrating.open_rest(room(request), account, reason=sent.one("reason"), request_id=sent.one("request"))
    return RedirectResponse("/calibration", status_code=303)


@router.get("/consistency")
def consistency(request: Request, account: Account = signed_in) -> Response:
    """Drift, pace, the machine and the codes, and phrases that were read both ways."""
    here = room(request)
    return here.page(
        request,
        "consistency.html",
        account=account,
        found=calibrating.consistency(here, account),
        fewest=FEWEST,
        longest=LONGEST_MINUTES,
        criteria={criterion.id: criterion for criterion in here.protocol.criteria},
    )
