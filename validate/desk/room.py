"""The room in which a request is answered: the study, its database and charts, who is signed in, the templates."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from extract.errors import Refused
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.desk.chart import Charts
from validate.desk.places import Places
from validate.desk.sessions import Sessions
from validate.desk.words import LANGUAGES, WORDS, language
from validate.review.accounts import active
from validate.review.rules import Account

__all__ = ["COOKIE", "Form", "Room", "SignInNeeded", "form", "room", "signed_in"]

COOKIE: Final = "desk"


class SignInNeeded(Exception):
    """Nobody is signed in."""


@dataclass(frozen=True)
class Form:
    """What a page sent."""

    fields: dict[str, list[str]]

    def one(self, name: str) -> str:
        """The field's value, or ""."""
        return self.fields.get(name, [""])[0]


async def _form(request: Request) -> Form:
    try:
        sent = (await request.body()).decode("utf-8")
        return Form(parse_qs(sent, keep_blank_values=True, max_num_fields=1000, errors="strict"))
    except ValueError:
        raise Refused("the form cannot be read", "Go back and send it again.") from None


form: Final = Depends(_form)


class Room:
    """What all pages of one study share."""

    def __init__(
        self,
        folder: StudyFolder,
        database: StudyDatabase,
        templates: Path,
        *,
        demo: Sequence[str] = (),
        sessions: Path | None = None,
    ) -> None:
        self.database = database
        self.protocol = database.protocol
        self.sessions = Sessions(database, sessions)
        self.demo = _accounts(database, demo)
        self.charts = Charts(folder)
        self.places = Places()
        self._templates = Environment(
            loader=FileSystemLoader(templates),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
        )

    def page(self, request: Request, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page in the language of the request."""
        tongue = language(request.cookies.get("language"), request.headers.get("accept-language", ""))
        place = LANGUAGES.index(tongue)

        def word(key: str, **values: Any) -> str:
            return WORDS[key][place].format(**values) if values else WORDS[key][place]

        context = {
            "account": None,
            "problem": None,
            "demo": self.demo,
            "protocol": self.protocol,
            "t": word,
            "tongue": tongue,
            "other": LANGUAGES[1 - place],
            "exact": _exact,
            "label": lambda label: getattr(label, tongue),
            "fresh": secrets.token_urlsafe(16),
            **shown,
        }
        return HTMLResponse(self._templates.get_template(template).render(context), status_code=status)


def _exact(text: str) -> Markup:
    """``text`` so that a browser keeps every character: it would read a bare CR LF as one line feed."""
    return Markup(str(escape(text)).replace("\r", "&#13;"))  # noqa: S704 - escaped one call before


def _accounts(database: StudyDatabase, ids: Sequence[str]) -> tuple[Account, ...]:
    with database.reading() as connection:
        there = active(connection) if ids else {}
    return tuple(there[one] for one in ids if one in there)


def room(request: Request) -> Room:
    """The room of this application."""
    found: Room = request.app.state.room
    return found


def _signed_in(request: Request) -> Account:
    account = room(request).sessions.account(request.cookies.get(COOKIE, ""))
    if account is None:
        raise SignInNeeded
    return account


signed_in: Final = Depends(_signed_in)
