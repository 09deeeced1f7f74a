"""The JSON interface of the calibration: the pilot round, its gate, and how steadily people judge."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from validate.desk.api import calibration_models as models
from validate.desk.api.overseeing import estimate, raters
from validate.desk.api.token import by_token
from validate.desk.operations import calibrating
from validate.desk.room import room
from validate.review.calibration import Round
from validate.review.rules import Account

__all__ = ["router"]

router = APIRouter(tags=["calibration"])


@router.get("/calibration", response_model=models.Pilot)
def calibration(request: Request, account: Account = by_token) -> Any:
    """Where the pilot round stands and what its gate waits for."""
    found = calibrating.calibration(room(request), account)
    return models.Pilot(
        declared=found.plan.model_dump() if found.plan else None,
        open=found.plan is None or found.gate is not None,
        met=found.gate.met if found.gate else None,
        reason=found.gate.reason if found.gate else "",
        lacking=[
            models.Lacking(what=one.what, count=one.count, criteria=list(one.criteria))
            for one in found.lacking
        ],
        rounds=[_round(one) for one in found.rounds],
    )


@router.post("/calibration/rounds", response_model=models.Pilot)
def draw_round(request: Request, account: Account = by_token) -> Any:
    """Draw the first round, or another once the last one is finished and did not reach the threshold."""
    calibrating.draw_round(room(request), account)
    return calibration(request, account)


@router.post("/calibration/causes", status_code=204, response_class=Response)
def name_cause(request: Request, sent: models.CauseIn, account: Account = by_token) -> None:
    """Say why two first opinions of the last round differ; said again, the last word counts."""
    calibrating.name_cause(
        room(request),
        account,
        sent.candidate,
        sent.criterion,
        sent.cause.value,
        note=sent.note,
        wording=sent.wording,
        request_id=sent.request,
    )


@router.post("/calibration/gate", response_model=models.Pilot)
def open_rest(request: Request, sent: models.GateIn, account: Account = by_token) -> Any:
    """Open the rest to the reviewers."""
    calibrating.open_rest(room(request), account, reason=sent.reason, request_id=sent.request)
    return calibration(request, account)


@router.get("/consistency", response_model=models.Consistency)
def consistency(request: Request, account: Account = by_token) -> Any:
    """Drift, pace, the machine and the codes as raters, and phrases that were read both ways."""
    found = calibrating.consistency(room(request), account)
    return models.Consistency(
        drift={
            name: models.Drift(
                thirds=[
                    models.Third(
                        n=third.n,
                        percent=estimate(third.percent),
                        kappa=estimate(third.kappa),
                        ac1=estimate(third.ac1),
                    )
                    for third in one.thirds
                ],
                p=one.trend.p,
                overlap=one.overlap,
            )
            for name, one in found.drift.items()
        },
        pace={name: models.Pace(**asdict(one)) for name, one in found.pace.items()},
        raters=[
            models.Rating(**vars(one), sensitivity=estimate(one.sensitivity), ppv=estimate(one.ppv))
            for one in found.raters
        ],
        phrases=None
        if found.phrases is None
        else [
            models.Phrase(
                criterion=one.criterion,
                text=one.text,
                verdicts=one.verdicts,
                candidates=list(one.candidates),
            )
            for one in found.phrases
        ],
    )


def _round(one: Round) -> models.PilotRound:
    return models.PilotRound(
        number=one.number,
        cases=list(one.cases),
        judged=one.judged,
        waiting=one.waiting,
        unsettled=one.unsettled,
        criteria={name: raters(found) for name, found in one.agreement.criteria.items()},
        met=dict(one.met),
        reworded=dict(one.reworded),
        disagreements=[
            models.Disagreement(
                candidate=d.candidate,
                criterion=d.criterion,
                verdicts=sorted({d.first.verdict.value, d.second.verdict.value}),
                final=d.final,
                cause=d.code.cause if d.code else None,
                note=d.code.note if d.code else "",
                wording=d.code.wording if d.code else "",
            )
            for d in one.disagreements
        ],
    )
