"""The gate: while a pilot round runs, its candidates are the only ones that anybody judges.

It is asked at every opinion, so it costs one small statement until it is open, and nothing afterwards:
what is open stays open.
"""

from __future__ import annotations

import json
from typing import Final
from weakref import WeakSet

from sqlalchemy import Connection, exists, select

from extract.errors import Refused
from extract.study.database import StudyDatabase
from extract.study.memory import remembered
from extract.study.tables import calibration_gate, calibration_round

__all__ = ["confined", "pass_gate"]

_CASES: Final = select(calibration_round.c.cases)
_OPENED: Final = select(exists(select(calibration_gate.c.id)))
_OPEN: Final[WeakSet[StudyDatabase]] = WeakSet()


def confined(db: StudyDatabase, connection: Connection) -> frozenset[int] | None:
    """The candidates that may be judged while the pilot runs; None where all may be.

    The gate stands from the moment the first round is drawn (``calibration_acts.draw``) until it is opened.
    """
    if db.protocol.review.pilot is None or db in _OPEN:
        return None
    known = remembered(connection, calibration_round)
    drawn = connection.scalars(_CASES).all() if known is None else [row["cases"] for row in known]
    if not drawn:
        return None
    opened = remembered(connection, calibration_gate)
    if connection.scalar(_OPENED) if opened is None else opened:
        _OPEN.add(db)
        return None
    return frozenset(number for cases in drawn for number in json.loads(cases))


def pass_gate(db: StudyDatabase, connection: Connection, number: int) -> None:
    """Raises Refused where candidate ``number`` is not to be judged yet."""
    only = confined(db, connection)
    if only is not None and number not in only:
        raise Refused(
            f"candidate {number}: the pilot round is not finished",
            "Judge the pilot's candidates; the others follow when the data manager opens the gate.",
        )
