"""Consistency in counts: drift, pace and the machine as a rater, in one consistent view and without a word of a chart."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from extract.study.protocol import Protocol
from validate.review.cases import cases, opinions
from validate.review.drift import drift
from validate.review.pace import paces
from validate.review.raters import ratings
from validate.review.rules import Phase

__all__ = ["counted"]


def counted(connection: Connection, protocol: Protocol) -> dict[str, Any]:
    """Plain values, of candidates that both have judged as a whole; the codes as a rater need charts and are the desk's."""
    held = cases(connection)
    judged = {p: c for p, c in held.items() if c.candidate.present and c.phase is not Phase.INDEPENDENT}
    reviewed = [
        c.id for c in protocol.criteria if any(c.id in one.candidate.reviewed for one in judged.values())
    ]
    given = [one for one in opinions(connection) if one.patient_id in judged]
    return {
        "drift": {name: one.to_json() for name, one in drift(given, reviewed).items()},
        "pace": {name: asdict(one) for name, one in paces(connection, held, reviewed).items()},
        "raters": [one.to_json() for one in ratings(protocol, judged.values())],
    }
