"""The audit trail in a snapshot: the study database's own chain, as lines that verify without it.

The database exports events that name rows, never patients, and seals what they say with a salted hash
(``extract.study.audit``), so the chain leaves the house unbroken and its head is the manifest's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from extract.study.chain import EXPORTED, Head, canonical, verify_events

__all__ = ["audit_lines", "chain_fault"]


def audit_lines(events: Iterable[Mapping[str, Any]]) -> bytes:
    """audit.jsonl: one event a line, canonical JSON, only the columns that may leave the house."""
    return "".join(f"{canonical({name: event[name] for name in EXPORTED})}\n" for event in events).encode()


def chain_fault(data: bytes, expected: Head) -> str | None:
    """One sentence with the line where the chain breaks or ends too early, or None."""
    events: list[dict[str, Any]] = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            event = json.loads(line)
            if set(event) != set(EXPORTED) or int(event["seq"]) != number:
                return f"audit.jsonl, line {number}: is not the event that belongs here"
        except (ValueError, TypeError, RecursionError):
            return f"audit.jsonl, line {number}: is not an event"
        events.append(event)
    if not data.endswith(b"\n") or len(events) != expected.seq:
        return f"audit.jsonl: has {len(events)} whole events, the manifest names {expected.seq}"
    try:
        problems = verify_events(events, expected)
    except (TypeError, ValueError, RecursionError):
        return "audit.jsonl: an event cannot be read"
    return f"audit.jsonl, line {problems[0].seq}: {problems[0].what}" if problems else None
