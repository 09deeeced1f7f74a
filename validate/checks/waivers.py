"""Waivers: a data manager takes a failed check upon themselves, in writing, for named rows or for all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, select

from extract.errors import Refused
from extract.study.database import StudyDatabase
from extract.study.tables import audit_event, waiver
from validate.checks.results import Waiver
from validate.review.accounts import acting
from validate.review.rules import Account, Action

__all__ = ["standing_waivers", "waive_check"]


def waive_check(
    db: StudyDatabase,
    actor: Account,
    check_id: str,
    *,
    reason: str,
    request_id: str,
    keys: Iterable[str] = (),
) -> Waiver:
    """Waives ``check_id`` for the rows ``keys`` (all rows when empty). Raises Refused without a reason.

    The same ``request_id`` twice is one waiver.
    """
    why = reason.strip()
    if not why:
        raise Refused("a waiver needs a reason", "Say why the data may stay as they are.")
    named = sorted(set(keys))
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.WAIVE)
        same = writer.connection.execute(select(waiver).where(waiver.c.request_id == request_id)).first()
        if same is None:
            row = {
                "request_id": request_id,
                "check_id": check_id,
                "keys": json.dumps(named),
                "reason": why,
                "author": actor.id,
            }
            writer.append(waiver, "check.waived", [row], subjects=[f"check/{check_id}"])
            return Waiver(check_id, actor.id, writer.at, why, frozenset(named))
    return _as_waiver(same, next(row.at for row in _rows(db) if row.id == same.id))


def standing_waivers(db: StudyDatabase) -> list[Waiver]:
    """Every waiver, in the order in which they were given; its time is that of its audit event."""
    return [_as_waiver(row, row.at) for row in _rows(db)]


def _rows(db: StudyDatabase) -> list[Row[Any]]:
    sealed = select(waiver, audit_event.c.at).join(audit_event, audit_event.c.seq == waiver.c.id)
    with db.reading() as connection:
        return list(connection.execute(sealed.order_by(waiver.c.id)))


def _as_waiver(row: Row[Any], at: str) -> Waiver:
    return Waiver(row.check_id, row.author, at, row.reason, frozenset(json.loads(row.keys)))
