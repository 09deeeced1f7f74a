"""The JSON interface beside the charts: one's work, queries, who owes what, agreement and the audit."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from validate.desk.api import models
from validate.desk.api.token import by_token
from validate.desk.operations import overseeing
from validate.desk.room import room
from validate.review import handover
from validate.review.agreement import Agreement, Estimate
from validate.review.rules import Account

__all__ = ["estimate", "raters", "router"]

router = APIRouter()


@router.get("/queue", response_model=models.Queue, tags=["work"])
def queue(request: Request, account: Account = by_token) -> Any:
    """What lies on one's desk."""
    work = overseeing.mine(room(request), account)
    lists = {
        kind: [
            models.Candidate(
                number=item.candidate,
                done=item.done,
                of=item.of,
                reopened=item.reopened,
                drafted=item.drafted,
            )
            for item in items
        ]
        for kind, items in work.lists.items()
    }
    queries = [_query(one) for one in work.queries]
    return models.Queue(account=account.id, role=account.role, work=lists, queries=queries)


@router.post("/candidates/{number}/queries", response_model=models.Query, tags=["queries"])
def ask(request: Request, number: models.Number, sent: models.Asked, account: Account = by_token) -> Any:
    """Ask about a criterion or a field."""
    here = room(request)
    return _query(overseeing.ask(here, account, number, sent.field, sent.text, request_id=sent.request))


@router.post("/queries/{ref}/answer", status_code=204, response_class=Response, tags=["queries"])
def answer(request: Request, ref: models.Line, sent: models.Answer, account: Account = by_token) -> None:
    """Answer a query."""
    overseeing.answer(room(request), account, ref, sent.text, close=False, request_id=sent.request)


@router.post("/queries/{ref}/close", status_code=204, response_class=Response, tags=["queries"])
def close(request: Request, ref: models.Line, sent: models.Answer, account: Account = by_token) -> None:
    """Close a query that one has asked."""
    overseeing.answer(room(request), account, ref, sent.text, close=True, request_id=sent.request)


@router.get("/owed", response_model=list[models.Owed], tags=["oversight"])
def owed(request: Request, account: Account = by_token) -> Any:
    """Who owes what before the study can be locked."""
    listed = overseeing.owed(room(request), account)
    return [models.Owed(owner=owner, what=what, count=count) for owner, what, count in listed]


@router.post("/handovers", response_model=models.Handover, tags=["oversight"])
def hand_over(request: Request, sent: models.HandoverIn, account: Account = by_token) -> Any:
    """Move a reviewer's open work to others; what they have judged stays theirs."""
    told = handover.hand_over(room(request).database, account, sent.reviewer, reason=sent.reason)
    return models.Handover(moved=told.moved, stuck=told.stuck)


@router.get("/agreement", response_model=models.Agreement, tags=["oversight"])
def agreement(request: Request, account: Account = by_token) -> Any:
    """Agreement of first opinions as it stands now."""
    report = overseeing.agreement(room(request), account)
    return models.Agreement(
        overall=raters(report.overall),
        criteria={criterion: raters(one) for criterion, one in report.criteria.items()},
    )


@router.get("/audit", response_model=models.Trail, tags=["oversight"])
def audit(
    request: Request,
    actor: models.Line = "",
    action: models.Line = "",
    before: int = 0,
    account: Account = by_token,
) -> Any:
    """Who did what and when, newest first."""
    trail = overseeing.trail(room(request), account, actor=actor, action=action, before=before)
    events = [
        models.Event(seq=e.seq, at=e.at, actor=e.actor, action=e.action, subject=e.subject, hash=e.hash)
        for e in trail.events
    ]
    return models.Trail(events=events, total=trail.total, older=trail.older)


def _query(one: overseeing.Query) -> models.Query:
    said = [models.Said(kind=kind, author=author, text=text) for kind, author, text in one.thread.said]
    return models.Query(
        ref=one.ref, candidate=one.candidate, field=one.thread.field, open=one.thread.is_open, said=said
    )


def raters(one: Agreement) -> models.Raters:
    """Agreement of two raters, as the interface gives it."""
    return models.Raters(
        n=one.n,
        percent=estimate(one.percent),
        kappa=estimate(one.kappa),
        pabak=estimate(one.pabak),
        ac1=estimate(one.ac1),
        positive=estimate(one.positive),
        negative=estimate(one.negative),
    )


def estimate(one: Estimate) -> models.Estimate:
    """A number with its interval, as the interface gives it."""
    return models.Estimate(value=one.value, low=one.low, high=one.high, note=one.note)
