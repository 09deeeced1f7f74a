"""Opened: a candidate looked up by number, and the page with the chart on it that every kind of work shares."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import Connection, select

from extract.errors import NotFound, Refused
from extract.study.tables import candidate
from validate.desk.room import Room
from validate.review.cases import Case, case
from validate.review.queries import Thread, threads
from validate.review.rules import Account, Verdict

__all__ = ["chart_page", "find_case", "own_threads"]


def find_case(connection: Connection, number: int) -> Case:
    """The candidate of this number. Raises NotFound."""
    # A number beyond what a database key can be is asked of no database.
    query = select(candidate.c.patient_id).where(candidate.c.id == number)
    patient = connection.execute(query).scalar() if 0 < number < 2**63 else None
    if patient is None:
        raise NotFound("there is no such candidate", "Go back to your work.")
    return case(connection, patient)


def own_threads(connection: Connection, account: Account, patient_id: str) -> list[Thread]:
    """Queries on a candidate that this person asked; another's would tell what another thinks."""
    return [one for one in threads(connection, patient_id) if one.said[0][1] == account.id]


def chart_page(
    here: Room,
    request: Request,
    template: str,
    account: Account,
    found: Case,
    *,
    status: int = 200,
    **more: Any,
) -> Response:
    """A page with the chart on it; that it was opened is recorded before it is shown."""
    if not found.candidate.present:
        raise Refused("this candidate is no longer among those reviewed", "Go back to your work.")
    with here.database.writing(account.id) as writer:
        writer.note("chart.opened", f"candidate/{found.candidate.id}")
    with here.database.reading() as connection:
        asked = own_threads(connection, account, found.candidate.patient_id)
    chart = here.charts.of(found.candidate.patient_id)
    return here.page(
        request,
        template,
        status,
        account=account,
        candidate=found.candidate,
        standing=found.standing if template == "arbitrate.html" else {},
        chart=chart,
        timeline=chart.timeline(here.protocol),
        cited=here.charts.cited(chart, found.candidate.patient_id),
        verdicts=[verdict.value for verdict in Verdict],
        asked=asked,
        **more,
    )
