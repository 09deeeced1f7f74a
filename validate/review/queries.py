"""Queries on a field: somebody asks, somebody answers, whoever asked closes it; a thread of rows, never edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from extract.errors import NotFound, Refused
from extract.study.database import StudyDatabase, Writer
from extract.study.storage import rows
from extract.study.tables import query
from validate.review.accounts import acting
from validate.review.cases import case
from validate.review.rules import Account, Action

__all__ = ["Thread", "answer", "ask", "close", "threads"]


@dataclass(frozen=True)
class Thread:
    """A query with everything that was said in it, first to last."""

    id: int
    patient_id: str
    field: str
    """The criterion or the field that it is about."""
    said: tuple[tuple[str, str, str], ...]
    """(kind, author, text), kind being ``open``, ``answer`` or ``close``."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.said[-1][0] != "close"


def threads(connection: Connection, patient_id: str | None = None) -> list[Thread]:
    """All queries, in the order in which they were asked."""
    asked = select(query).order_by(query.c.id)
    if patient_id is not None:
        asked = asked.where(query.c.patient_id == patient_id)
    by_first: dict[int, list[dict[str, Any]]] = {}
    for row in rows(connection, asked):
        by_first.setdefault(row["query_id"] or row["id"], []).append(row)
    return [
        Thread(
            first,
            said[0]["patient_id"],
            said[0]["field"],
            tuple((row["kind"], row["author"], row["text"]) for row in said),
        )
        for first, said in by_first.items()
    ]


def ask(
    db: StudyDatabase, actor: Account, patient_id: str, field: str, text: str, *, request_id: str
) -> Thread:
    """Open a query on a criterion or field of a candidate. Raises Refused, NotFound."""
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ASK)
        held = case(writer.connection, patient_id).candidate
        if field not in held.criterion_hashes and field not in held.field_hashes:
            raise NotFound("there is no such criterion or field", "Ask about one of the protocol's.")
        first = _say(writer, actor, {"patient_id": patient_id, "field": field}, "open", text, request_id)
        return _thread(writer.connection, patient_id, first)


def answer(db: StudyDatabase, actor: Account, thread: int, text: str, *, request_id: str) -> Thread:
    """Answer an open query. Raises Refused, NotFound."""
    return _follow(db, actor, thread, "answer", text, request_id)


def close(db: StudyDatabase, actor: Account, thread: int, text: str, *, request_id: str) -> Thread:
    """Close a query; only who asked may. Raises Refused, NotFound."""
    return _follow(db, actor, thread, "close", text, request_id)


def _follow(db: StudyDatabase, actor: Account, thread: int, kind: str, text: str, request_id: str) -> Thread:
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ASK)
        found = next((one for one in threads(writer.connection) if one.id == thread), None)
        if found is None:
            raise NotFound("there is no such query", "The queue page lists the open ones.")
        again = rows(writer.connection, select(query).where(query.c.request_id == request_id))
        if not found.is_open and not again:
            raise Refused("this query is closed", "Open a new one.")
        if kind == "close" and found.said[0][1] != actor.id:
            raise Refused("a query is closed by who asked it", "Answer it instead.")
        about = {"patient_id": found.patient_id, "field": found.field, "query_id": thread}
        _say(writer, actor, about, kind, text, request_id)
        return _thread(writer.connection, found.patient_id, thread)


def _say(writer: Writer, actor: Account, about: dict[str, Any], kind: str, text: str, request_id: str) -> int:
    if not text.strip() or len(text) > 4000 or "\0" in text:
        raise Refused("a query holds 1 to 4000 characters", "Say what is asked or answered.")
    again = rows(writer.connection, select(query).where(query.c.request_id == request_id))
    said = {**about, "kind": kind, "text": text.strip(), "author": actor.id}
    if again:
        if any(again[0][name] != value for name, value in said.items()):
            raise Refused("this request id was used for something else", "Send a fresh id with each form.")
        return int(again[0]["id"])
    subject = f"query/{about['query_id']}" if "query_id" in about else "query/"
    row = {"request_id": request_id, **said}
    return int(writer.append(query, f"query.{kind}", [row], subjects=[subject])[0]["id"])


def _thread(connection: Connection, patient_id: str, first: int) -> Thread:
    return next(one for one in threads(connection, patient_id) if one.id == first)
