"""The room in which a request is answered: the study, its database and charts, who is signed in, the templates."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
from validate.desk.directory import Ldap
from validate.desk.drafts import Drafts
from validate.desk.file import DeskFile
from validate.desk.places import Places
from validate.desk.provider import OpenId
from validate.desk.second_factor import SecondFactor
from validate.desk.sessions import Sessions
from validate.desk.settings import Settings
from validate.desk.tokens import Tokens
from validate.desk.words import LANGUAGES, WORDS, language
from validate.review.accounts import active
from validate.review.pace import Stopwatch
from validate.review.rules import Account

__all__ = [
    "COOKIE",
    "Chance",
    "Form",
    "Room",
    "SecondFactorNeeded",
    "SignInNeeded",
    "form",
    "in_session",
    "room",
    "signed_in",
]

COOKIE: Final = "desk"


class SignInNeeded(Exception):
    """Nobody is signed in."""


class SecondFactorNeeded(Exception):
    """Signed in, but the study asks for a second factor that is not set up."""


@dataclass(frozen=True)
class Chance:
    """Where time and what nobody can guess come from; a test that compares answers gives its own."""

    clock: Callable[[], float] = time.time
    session: Callable[[], str] = field(default=lambda: secrets.token_urlsafe(32))
    request: Callable[[], str] = field(default=lambda: secrets.token_urlsafe(16))
    factor: Callable[[], bytes] = field(default=lambda: secrets.token_bytes(20))


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
    """What all pages and the JSON interface of one study share."""

    def __init__(
        self,
        folder: StudyFolder,
        database: StudyDatabase,
        templates: Path,
        *,
        demo: Sequence[str] = (),
        file: Path | None = None,
        settings: Settings | None = None,
        chance: Chance | None = None,
    ) -> None:
        self.database = database
        self.protocol = database.protocol
        self.settings = settings or Settings()
        self.chance = chance or Chance()
        self.file = DeskFile(file)
        clock = self.chance.clock
        self.factor = SecondFactor(database, self.file, clock, self.chance.factor)
        self.tokens = Tokens(database, self.file, clock)
        self.drafts = Drafts(self.file)
        self.provider = OpenId(self.settings.oidc, self.file, clock) if self.settings.oidc else None
        self.sessions = Sessions(
            database,
            self.file,
            settings=self.settings,
            factor=self.factor,
            elsewhere=Ldap(self.settings.ldap).is_password if self.settings.ldap else None,
            clock=clock,
            chance=self.chance.session,
        )
        self.demo = _accounts(database, demo)
        self.charts = Charts(folder)
        self.stopwatch = Stopwatch(clock)
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
            "provider": self.settings.oidc,
            "passwords": self.settings.local_passwords or self.settings.ldap is not None,
            "protocol": self.protocol,
            "t": word,
            "tongue": tongue,
            "other": LANGUAGES[1 - place],
            "exact": _exact,
            "label": lambda label: getattr(label, tongue),
            "fresh": self.chance.request(),
            **shown,
        }
        return HTMLResponse(self._templates.get_template(template).render(context), status_code=status)

    def close(self) -> None:
        """Give the desk's own file back; whoever opened the study database closes it."""
        self.file.close()


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


def _in_session(request: Request) -> Account:
    account = room(request).sessions.account(request.cookies.get(COOKIE, ""))
    if account is None:
        raise SignInNeeded
    return account


in_session: Final = Depends(_in_session)
"""Whoever is signed in, a second factor or not: for the pages on which one is set up."""


def _signed_in(request: Request, account: Account = in_session) -> Account:
    here = room(request)
    asked = here.settings.session.second_factor == "required" and account not in here.demo
    if asked and not here.factor.has(account.id):
        raise SecondFactorNeeded
    return account


signed_in: Final = Depends(_signed_in)
