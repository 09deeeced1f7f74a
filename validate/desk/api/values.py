"""The JSON interface of double entry: one's own pass, and fields whose entries differ."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from extract.study.protocol import Label
from validate.desk.api import models
from validate.desk.api.token import by_token
from validate.desk.operations import values
from validate.desk.room import room
from validate.entry.entries import Typed
from validate.entry.forms import Field, Value
from validate.entry.standing import Entered
from validate.review.rules import Account

__all__ = ["router"]

router = APIRouter(prefix="/candidates/{number}", tags=["values"])


@router.get("/entries", response_model=models.Entries)
def entries(request: Request, number: models.Number, account: Account = by_token) -> Any:
    """The form of one's own pass, with what one has entered."""
    view = values.entering(room(request), account, number)
    fields = [_field(one.field, view.own.get(one.field.key)) for one in view.fields]
    return models.Entries(candidate=number, turn=view.turn, fields=fields)


@router.post("/entries", response_model=models.Entries)
def enter(
    request: Request, number: models.Number, sent: models.EntriesIn, account: Account = by_token
) -> Any:
    """Keep entries of one's own pass: all of them, or none; the same request twice is kept once."""
    here = room(request)
    view = values.entering(here, account, number)
    typed = [Typed(e.variable, e.timepoint, e.raw, e.missing, e.record_id) for e in sent.entries]
    values.enter_values(here, account, view, typed, request_id=sent.request)
    return entries(request, number, account)


@router.get("/differences", response_model=models.Differences)
def differences(request: Request, number: models.Number, account: Account = by_token) -> Any:
    """Fields whose two entries differ."""
    _, listed = values.differing(room(request), account, number)
    fields = [
        models.Difference(
            variable=one.field.variable.id,
            timepoint=one.field.timepoint,
            first=_said(one.first.value if one.first else None),
            second=_said(one.second.value if one.second else None),
        )
        for one in listed
    ]
    return models.Differences(candidate=number, fields=fields)


@router.post("/differences", status_code=204, response_class=Response)
def settle(
    request: Request, number: models.Number, sent: models.Resolution, account: Account = by_token
) -> None:
    """Settle one field: the first entry, the second or a third value, with a reason."""
    field = f"{sent.variable}@{sent.timepoint}" if sent.timepoint else sent.variable
    values.settle_field(
        room(request),
        account,
        number,
        field,
        sent.choice,
        raw=sent.raw,
        missing=sent.missing,
        reason=sent.reason,
        request_id=sent.request,
    )


def _field(field: Field, own: Entered | None) -> models.Entry:
    held = field.variable
    return models.Entry(
        variable=held.id,
        timepoint=field.timepoint,
        kind=field.kind,
        label=_both(held.label),
        unit=_both(held.unit) if held.unit else None,
        range=[float(limit) for limit in held.range] if held.range else None,
        codes={str(code): _both(label) for code, label in field.codes},
        missing=list(held.missing),
        mine=models.EntryIn.model_construct(
            variable=held.id,
            timepoint=field.timepoint,
            raw=own.raw,
            missing=own.value.missing,
            record_id=own.record_id,
        )
        if own
        else None,
    )


def _both(label: Label) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}


def _said(value: Value | None) -> str:
    return (value.missing or value.comparator + value.value) if value else ""
