"""Opening: a candidate looked up by number, and its chart, whose opening is recorded before it is shown."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from extract.errors import NotFound, Refused
from extract.study.memory import remembered
from extract.study.tables import candidate
from validate.desk.chart import Chart
from validate.desk.room import Room
from validate.review.cases import Case, case
from validate.review.queries import Thread, threads
from validate.review.rules import Account

__all__ = ["Opened", "find_case", "open_chart"]


@dataclass(frozen=True)
class Opened:
    """A chart that somebody has opened, and what they themselves have asked about it."""

    chart: Chart
    cited: Mapping[str, list[dict[str, Any]]]
    """Criterion -> its evidence."""
    asked: list[Thread]


def find_case(connection: Connection, number: int) -> Case:
    """The candidate of this number. Raises NotFound."""
    # A number beyond what a database key can be is asked of no database.
    patient = _patient(connection, number) if 0 < number < 2**63 else None
    if patient is None:
        raise NotFound("there is no such candidate", "Go back to your work.")
    return case(connection, patient)


def _patient(connection: Connection, number: int) -> str | None:
    known = remembered(connection, candidate)
    if known is None:
        return connection.execute(select(candidate.c.patient_id).where(candidate.c.id == number)).scalar()
    place = bisect_left(known, number, key=_id)
    return str(known[place]["patient_id"]) if place < len(known) and known[place]["id"] == number else None


def _id(row: Mapping[str, Any]) -> int:
    return int(row["id"])


def open_chart(here: Room, account: Account, found: Case) -> Opened:
    """The chart of a candidate that ``account`` works on. Raises Refused when it is no longer among those reviewed."""
    if not found.candidate.present:
        raise Refused("this candidate is no longer among those reviewed", "Go back to your work.")
    patient = found.candidate.patient_id
    with here.database.writing(account.id) as writer:
        writer.note("chart.opened", f"candidate/{found.candidate.id}")
    with here.database.reading() as connection:
        # Another's query would tell what another thinks.
        asked = [one for one in threads(connection, patient) if one.said[0][1] == account.id]
    chart = here.charts.of(patient)
    return Opened(chart, here.charts.cited(chart, patient), asked)
