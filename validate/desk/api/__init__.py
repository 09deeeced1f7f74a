"""The JSON interface: what the pages do, for scripts, under /api/v1 and by a token (docs/openapi.json).

It calls the same operations as the pages do, so it can show nobody more than a page would.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response

from extract.errors import Refused
from validate.desk.api import calibrating, judging, overseeing, values
from validate.desk.api.token import RESPONSES

__all__ = ["PREFIX", "description", "router", "unknown", "unreadable"]

PREFIX = "/api/v1"
router = APIRouter(prefix=PREFIX, responses=RESPONSES)
for _part in (overseeing, calibrating, judging, values):
    router.include_router(_part.router)


def description() -> str:
    """docs/openapi.json: the interface as OpenAPI, in a fixed order."""
    app = FastAPI(
        title="cohortlock desk",
        version="1",
        description="The desk's operations as JSON. A token is made by `cohortlock token STUDY add ID`.",
    )
    app.include_router(router)
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@router.get("/openapi.json", include_in_schema=False)
def _description() -> Response:
    return Response(description(), media_type="application/json")


def unknown() -> Response:
    """The answer to a request without a token that is good."""
    told = {
        "code": "unknown",
        "problem": "no token, or one that is not good",
        "next": "Send `Authorization: Bearer` with a token of `cohortlock token`.",
    }
    return JSONResponse(told, status_code=401, headers={"WWW-Authenticate": "Bearer"})


def unreadable(why: Refused) -> Response:
    """The answer to a request that does not fit the description."""
    told: dict[str, Any] = {"code": "unreadable", "problem": why.message, "next": why.next_step}
    return JSONResponse(told, status_code=422)
