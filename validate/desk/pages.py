"""Pages: what every page with a chart on it shares, and how an error is told to a person or to a script."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from extract.errors import CohortlockError, NotFound, Refused, SourceUnreachable, StorageFault
from validate.desk.operations.opening import open_chart
from validate.desk.room import room
from validate.review.cases import Case
from validate.review.rules import Account, Verdict

__all__ = ["chart_page", "problem", "told", "wants_json"]

_STATUS: Final[dict[type[Exception], int]] = {
    Refused: 403,
    NotFound: 404,
    StorageFault: 503,
    SourceUnreachable: 503,
}


def wants_json(request: Request) -> bool:
    """Whether a script of ours asks, and not the browser for a page."""
    return request.headers.get("accept") == "application/json"


def chart_page(
    request: Request, template: str, account: Account, found: Case, *, status: int = 200, **more: Any
) -> Response:
    """A page with the chart on it; that it was opened is recorded before it is shown."""
    here = room(request)
    opened = open_chart(here, account, found)
    return here.page(
        request,
        template,
        status,
        account=account,
        candidate=found.candidate,
        chart=opened.chart,
        timeline=opened.chart.timeline(here.protocol),
        cited=opened.cited,
        by_sentence=request.method == "GET" and request.query_params.get("sentences") == "1",
        asked=opened.asked,
        verdicts=[verdict.value for verdict in Verdict],
        **more,
    )


def told(error: CohortlockError) -> Response:
    """An error as JSON."""
    said = {"code": error.slug, "problem": error.message, "next": error.next_step}
    return JSONResponse(said, status_code=_STATUS.get(type(error), 409))


def problem(request: Request, error: CohortlockError) -> Response:
    """An error as a page, or as JSON where a script asked."""
    if wants_json(request):
        return told(error)
    status = _STATUS.get(type(error), 409)
    return room(request).page(request, "problem.html", problem=error, status=status)
