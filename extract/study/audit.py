"""The audit chain: each event seals the one before it and the row it wrote.

The chain by itself is ``extract.study.chain``; here it meets the tables.  The payload hash covers the row
itself and is salted, and the subject names a row, never a patient, so the chain can leave the house
(``lines``) and still be verified there without saying who was studied.  A chain cannot know that its own
end was cut off: pass the ``Head`` that stands in a manifest.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select

from extract.study.chain import EXPORTED, GENESIS, Head, Problem, canonical, event_hash, sha, verify_events
from extract.study.tables import TABLES, audit_event

__all__ = [
    "EXPORTED",
    "GENESIS",
    "Event",
    "Head",
    "Problem",
    "canonical",
    "event_hash",
    "head",
    "lines",
    "payload_hash",
    "seal",
    "verify_chain",
    "verify_events",
]


@dataclass(frozen=True)
class Event:
    """One row of ``audit_event``."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    table_name: str
    detail: str
    salt: str
    payload_hash: str
    previous: str
    hash: str

    def row(self) -> dict[str, Any]:
        """The event as it is written."""
        return asdict(self)


def payload_hash(salt: str, table: str, row: Mapping[str, Any] | None, detail: str) -> str:
    """What an event says about the row it wrote (``None`` if none) and its details, salted."""
    return sha(canonical([salt, table, dict(row) if row is not None else None, detail]))


def seal(
    before: Head,
    *,
    at: str,
    actor: str,
    action: str,
    subject: str,
    table: str = "",
    row: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """The event that follows ``before`` and wrote ``row`` into ``table``."""
    salt, details = secrets.token_hex(16), canonical(dict(detail or {}))
    fields: dict[str, Any] = {
        "seq": before.seq + 1,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "table_name": table,
        "detail": details,
        "salt": salt,
        "payload_hash": payload_hash(salt, table, row, details),
        "previous": before.hash,
    }
    return Event(**fields, hash=event_hash(fields))


def head(connection: Connection) -> Head:
    """The newest event, or the genesis of an empty chain."""
    newest = select(audit_event.c.seq, audit_event.c.hash).order_by(audit_event.c.seq.desc()).limit(1)
    found = connection.execute(newest).first()
    return Head(found.seq, found.hash) if found else Head(0, GENESIS)


def lines(connection: Connection) -> Iterator[dict[str, Any]]:
    """The chain for the outside, in order: ``EXPORTED`` columns only."""
    columns = [audit_event.c[name] for name in EXPORTED]
    for row in connection.execute(select(*columns).order_by(audit_event.c.seq)).mappings():
        yield dict(row)


def verify_chain(connection: Connection, expected: Head | None = None) -> list[Problem]:
    """Everything that is wrong with the chain and with every row it vouches for; empty when nothing is."""
    events = {
        int(row["seq"]): dict(row)
        for row in connection.execute(select(audit_event).order_by(audit_event.c.seq)).mappings()
    }
    problems = verify_events(events.values(), expected)
    wrote: set[int] = set()
    for name, table in TABLES.items():
        for found in connection.execute(select(table).order_by(table.c.id)).mappings():
            row = dict(found)
            event = events.get(row["id"])
            if event is None or event["table_name"] != name:
                problems.append(Problem(row["id"], name, "was written without an audit event"))
                continue
            wrote.add(row["id"])
            if payload_hash(event["salt"], name, row, event["detail"]) != event["payload_hash"]:
                problems.append(Problem(row["id"], name, "was changed after it was written"))
    for seq, event in events.items():
        if seq in wrote:
            continue
        if event["table_name"]:
            problems.append(Problem(seq, event["table_name"], "is missing: its audit event is still there"))
        elif payload_hash(event["salt"], "", None, event["detail"]) != event["payload_hash"]:
            problems.append(Problem(seq, "audit_event", "its details were changed after it was written"))
    return sorted(set(problems), key=lambda problem: (problem.seq, problem.table, problem.what))
