"""The JSON interface of review: chart, judgements, handing in, and arbitration."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from validate.desk.api import models
from validate.desk.api.token import by_token
from validate.desk.chart import Chart
from validate.desk.drafts import Draft
from validate.desk.operations import judging as judgement
from validate.desk.operations.charts import chart_of
from validate.desk.room import room
from validate.review.cases import Opinion, Quote
from validate.review.decisions import Given
from validate.review.rules import Account, Verdict

__all__ = ["router"]

router = APIRouter(prefix="/candidates/{number}")


@router.get("/chart", response_model=models.Chart, tags=["chart"])
def chart(request: Request, number: models.Number, account: Account = by_token) -> Any:
    """The chart of a candidate on which one has work; that it was opened is recorded first."""
    _, opened = chart_of(room(request), account, number)
    sex, birth_date = opened.chart.person
    return models.Chart(
        candidate=number,
        sex=sex,
        birth_date=birth_date,
        visits=_visits(opened.chart),
        labs=_labs(opened.chart),
        kept_back=opened.chart.kept_back,
        evidence={c: [_evidence(row) for row in rows] for c, rows in sorted(opened.cited.items())},
    )


@router.get("/judgement", response_model=models.Judgement, tags=["review"])
def judgement_of(request: Request, number: models.Number, account: Account = by_token) -> Any:
    """One's own judgements, and others' where they may be seen."""
    here = room(request)
    view = judgement.judging(here, account, number)
    include = {c.id for c in here.protocol.include}
    listed = []
    for criterion in here.protocol.criteria:
        if criterion.id not in view.case.candidate.reviewed:
            continue
        ruling = view.visible.rulings.get(criterion.id)
        others = [o for o in view.visible.opinions[criterion.id] if o.reviewer != account.id]
        listed.append(
            models.Criterion(
                criterion=criterion.id,
                kind="include" if criterion.id in include else "exclude",
                label={"zh": criterion.label.zh, "en": criterion.label.en},
                mine=_draft(view.now(criterion.id)),
                drafted=criterion.id in view.drafts,
                others=[_opinion(one) for one in others],
                ruling=models.Ruling(verdict=ruling.verdict, reason=ruling.reason) if ruling else None,
            )
        )
    return models.Judgement(candidate=number, phase=view.visible.phase, criteria=listed)


@router.put("/drafts/{criterion}", response_model=models.Kept, tags=["review"])
def keep(
    request: Request,
    number: models.Number,
    criterion: models.Line,
    sent: models.Draft,
    account: Account = by_token,
) -> Any:
    """Keep a judgement: durable, one's own, and no opinion until it is handed in."""
    kept = judgement.keep(
        room(request), account, number, criterion, sent.verdict, sent.reason, _quotes(sent.quotes)
    )
    return _answer(models.Kept(criterion=criterion, mine=_draft(kept)))


@router.delete("/drafts/{criterion}", response_model=models.Kept, tags=["review"])
def take_back(
    request: Request, number: models.Number, criterion: models.Line, account: Account = by_token
) -> Any:
    """Undo: forget a draft; what was handed in before is what one says again."""
    back = judgement.take_back(room(request), account, number, criterion)
    return models.Kept(criterion=criterion, mine=_draft(back))


@router.post("/opinions", response_model=models.Judgement, tags=["review"])
def hand_in(request: Request, number: models.Number, sent: models.HandIn, account: Account = by_token) -> Any:
    """Hand in opinions: all are kept, or none; the same request twice is kept once."""
    given = None
    if sent.opinions is not None:
        given = [Given(o.criterion, o.verdict, o.reason, _quotes(o.quotes)) for o in sent.opinions]
    judgement.hand_in(room(request), account, number, given, request_id=sent.request)
    return _answer(judgement_of(request, number, account))


@router.get("/arbitration", response_model=models.Arbitration, tags=["arbitration"])
def arbitration(request: Request, number: models.Number, account: Account = by_token) -> Any:
    """What two nameless reviewers said where they differ."""
    view = judgement.arbitrating(room(request), account, number)
    differing = {c: [_opinion(o) for o in view.visible.opinions[c]] for c in view.open}
    return models.Arbitration(candidate=number, differences=differing)


@router.post("/arbitration", status_code=204, response_class=Response, tags=["arbitration"])
def settle(
    request: Request, number: models.Number, sent: models.RulingIn, account: Account = by_token
) -> None:
    """Rule on one difference, with a reason."""
    judgement.settle(
        room(request),
        account,
        number,
        sent.criterion,
        sent.verdict,
        sent.reason,
        _quotes(sent.quotes),
        request_id=sent.request,
    )


def _answer(said: BaseModel) -> Response:
    # What is asked for most often: a model that was just made is not checked once more, in another thread.
    return Response(said.model_dump_json(), media_type="application/json")


def _quotes(given: list[models.Quote]) -> tuple[Quote, ...]:
    return tuple(Quote(q.record_id, q.start, q.end, q.text) for q in given)


def _draft(held: Draft | None) -> models.Draft | None:
    if held is None:
        return None
    return models.Draft(verdict=Verdict(held.verdict), reason=held.reason, quotes=_shown(held.quotes))


def _opinion(one: Opinion) -> models.Draft:
    return models.Draft(verdict=one.verdict, reason=one.reason, quotes=_shown(one.quotes))


def _shown(quotes: tuple[Quote, ...]) -> list[models.Quote]:
    # As it was stored: it was held against its record then.
    return [
        models.Quote.model_construct(record_id=q.record_id, start=q.start, end=q.end, text=q.text)
        for q in quotes
    ]


def _visits(held: Chart) -> list[models.Visit]:
    return [
        models.Visit(
            visit_id=visit.visit_id,
            at=visit.at,
            kind=visit.kind,
            department=visit.department,
            index=visit.first,
            notes=[
                models.Note(
                    record_id=note.record_id,
                    at=note.at,
                    title=note.title,
                    text="".join(p.head + "".join(piece.text for piece in p.pieces) for p in note.parts),
                )
                for note in visit.notes
            ],
            records={
                table: [models.Record(record_id=r.record_id, at=r.at, cells=list(r.cells)) for r in rows]
                for table, rows in visit.rows.items()
            },
        )
        for visit in held.visits
    ]


def _labs(held: Chart) -> list[models.Lab]:
    return [
        models.Lab(
            name=one.name,
            unit=one.unit,
            reference=one.reference,
            results=[models.Result(record_id=record, at=at, raw=raw) for at, raw, record, _ in one.results],
        )
        for one in held.trends
    ]


def _evidence(row: dict[str, Any]) -> models.Evidence:
    text = {name: str(row[name] or "") for name in ("at", "table", "section", "term", "quote", "assertion")}
    return models.Evidence(record_id=row["record_id"], start=row["start"], end=row["end"], **text)
