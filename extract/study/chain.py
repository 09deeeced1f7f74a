"""The audit chain by itself: arithmetic only, so that a snapshot verifies without a database.

Each event seals the one before it:

hash = SHA-256(canonical JSON of previous hash, sequence, time, actor, action, subject, payload hash)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["EXPORTED", "GENESIS", "Head", "Problem", "canonical", "event_hash", "sha", "verify_events"]

GENESIS: Final = "0" * 64
"""What the first event names as the hash before it."""

EXPORTED: Final = ("seq", "at", "actor", "action", "subject", "payload_hash", "previous", "hash")
"""An event outside the study database: enough to verify the chain, nothing about a patient."""


@dataclass(frozen=True)
class Head:
    """The newest event: everything before it is sealed by ``hash``."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Problem:
    """Where the chain and the tables do not fit; names rows, never what is in them."""

    seq: int
    table: str
    what: str

    def __str__(self) -> str:
        return f"{self.table} {self.seq}: {self.what}"


def canonical(value: object) -> str:
    """One spelling per value: keys sorted, no spaces, original characters, no NaN."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha(text: str) -> str:
    """SHA-256 of a text, 64 hex digits."""
    # A lone surrogate is no text; "surrogatepass" would let two databases disagree on it.
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def event_hash(event: Mapping[str, Any]) -> str:
    """The seal of an event; the order is that of this module's docstring."""
    named = ("previous", "seq", "at", "actor", "action", "subject", "payload_hash")
    return sha(canonical([event[name] for name in named]))


def verify_events(events: Iterable[Mapping[str, Any]], expected: Head | None = None) -> list[Problem]:
    """What is wrong with a chain by itself: gaps, edits, reordering and, given ``expected``, a cut end."""
    problems: list[Problem] = []
    last = Head(0, GENESIS)
    sealed: str | None = None
    for event in events:
        seq = int(event["seq"])
        if seq != last.seq + 1:
            problems.append(Problem(seq, "audit_event", f"follows {last.seq}: events are missing"))
        elif event["previous"] != last.hash:
            problems.append(Problem(seq, "audit_event", "does not follow the event before it"))
        if event_hash(event) != event["hash"]:
            problems.append(Problem(seq, "audit_event", "was changed after it was written"))
        last = Head(seq, str(event["hash"]))
        if expected and seq == expected.seq:
            sealed = last.hash
    if expected and expected.seq and sealed != expected.hash:
        what = (
            "is not the event that was signed" if sealed else "is missing: the end of the chain was cut off"
        )
        problems.append(Problem(expected.seq, "audit_event", what))
    return problems
