"""Who asks, by the token in the Authorization header; cookies are not looked at here."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from validate.desk.room import SignInNeeded, room
from validate.review.rules import Account

__all__ = ["RESPONSES", "Problem", "by_token"]


class Problem(BaseModel):
    """What is wrong and what to do next; never a patient's value."""

    code: str
    problem: str
    next: str


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Problem, "description": "The body is no JSON."},
    401: {"model": Problem, "description": "No token, or one that is not good."},
    403: {"model": Problem, "description": "The study's rules forbid it: role, phase, blinding, a lock."},
    404: {"model": Problem, "description": "No such thing, or nothing of yours."},
    409: {"model": Problem, "description": "Something else is in the way."},
    422: {"model": Problem, "description": "The request does not fit this description."},
    503: {"model": Problem, "description": "The study database cannot be reached."},
}

_bearer: Final = HTTPBearer(
    auto_error=False, description="A token of one person in one role: `cohortlock token STUDY add ID`."
)


def _by_token(
    request: Request,
    given: HTTPAuthorizationCredentials | None = Depends(_bearer),  # noqa: B008 - how FastAPI injects
) -> Account:
    account = room(request).tokens.account(given.credentials) if given else None
    if account is None:
        raise SignInNeeded
    return account


by_token: Final = Depends(_by_token)
