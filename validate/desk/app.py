"""The desk's application: pages, JSON interface, headers and errors.

Nothing of a chart stands in a URL or a title or may be cached.  The one script is ours, in a file; the
browser is told to run no other.  A change is taken only from a page of our own (Sec-Fetch-Site, else
Origin), or by a token, which no browser sends by itself.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from extract.errors import CohortlockError, NotFound, Refused
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.desk import api, calibration, door, oversight, review, values
from validate.desk.file import desk_file
from validate.desk.pages import problem, told
from validate.desk.room import Chance, Room, SecondFactorNeeded, SignInNeeded, room
from validate.desk.settings import Settings, settings
from validate.review.cases import cases

__all__ = ["create_app", "serve"]

_LOG: Final = logging.getLogger("cohortlock.desk")
_HERE: Final = Path(__file__).parent
_HEADERS: Final = {
    "Content-Security-Policy": door.POLICY.format(and_to=""),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LARGEST_FORM: Final = 256 * 1024
_AT_ONCE: Final = 16


def create_app(
    folder: StudyFolder,
    database: StudyDatabase,
    *,
    demo: Sequence[str] = (),
    file: Path | None = None,
    settings: Settings | None = None,
    chance: Chance | None = None,
) -> FastAPI:
    """The desk of one study; whoever opened ``database`` closes it.

    ``demo``: accounts that anybody may use without a password. Raises Refused where the study is not
    simulated. ``file``: where sessions, tokens and drafts outlive a restart.
    """
    if demo and not database.protocol.study.simulated:
        raise Refused(
            "there are no demo accounts outside of a simulated study", "`cohortlock user` makes one."
        )
    database.remember()
    app = FastAPI(
        title="cohortlock desk", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_few_at_once
    )
    app.state.room = Room(
        folder, database, _HERE / "templates", demo=demo, file=file, settings=settings, chance=chance
    )
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    for part in (door, review, values, oversight, calibration, api):
        app.include_router(part.router)
    app.add_middleware(_Guarded)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(SecondFactorNeeded, _to_account)
    app.add_exception_handler(CohortlockError, _problem)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _nowhere)
    return app


def serve(
    folder: StudyFolder,
    *,
    host: str = "127.0.0.1",
    port: int = 8770,
    database: StudyDatabase | None = None,
    demo: Sequence[str] = (),
) -> None:
    """Run the desk until it is stopped, on ``database`` or the study's own.

    What is being answered when it is stopped is answered. Raises what opening the study database raises,
    and SiteInvalid for a desk.toml that cannot be used.
    """
    import uvicorn

    with ExitStack() as stack:
        held = settings(folder)
        if host in {"127.0.0.1", "::1", "localhost"} and not held.hosts:
            # Another site's name that leads to this machine is not ours to answer to.
            held = held.model_copy(update={"hosts": ("localhost",)})
        if database is None:
            database = stack.enter_context(StudyDatabase.open(folder, folder.protocol()))
        app = create_app(folder, database, demo=demo, file=desk_file(folder, database), settings=held)
        stack.callback(app.state.room.close)
        # Reading all charts takes a moment: begun now, so that the first page need not wait for it.
        threading.Thread(target=_warm, args=(app.state.room,), daemon=True).start()
        # The access log is off: it would record who looked at which candidate outside of the audit.
        uvicorn.run(
            app,
            host=host,
            port=port,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=10,
        )


@contextlib.asynccontextmanager
async def _few_at_once(_app: FastAPI) -> AsyncIterator[None]:
    # Answers are made in threads, of which one computes at a time: forty that wait for their turn at once
    # cost more in turns than they gain while another waits for the disk.
    anyio.to_thread.current_default_thread_limiter().total_tokens = _AT_ONCE
    yield


def _warm(here: Room) -> None:
    # Whoever opens a page is told what is amiss; nobody is watching here.
    with contextlib.suppress(CohortlockError):
        here.charts.warm()
        with here.database.reading() as connection:
            cases(connection)


def _from_here(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and origin.split("://", 1)[-1] == request.headers.get("host")


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(f"{api.PREFIX}/")


def _turned_away(request: Request) -> Response | None:
    """Why a request is not looked at, or None."""
    length = request.headers.get("content-length", "0")
    if not room(request).settings.answers_to(request.headers.get("host", "")):
        return Response("This desk has another address.", status_code=400)
    if request.method not in {"GET", "HEAD"} and not _is_api(request) and not _from_here(request):
        return Response("This form was not sent from the desk.", status_code=403)
    if not length.isdecimal() or int(length) > _LARGEST_FORM or "transfer-encoding" in request.headers:
        return Response("This form is too large.", status_code=413)
    return None


class _Guarded:
    """Around every request: who is turned away, our headers on every answer, and silence about a bug."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        headers = _headers(scope)

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                said = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in headers if one[0] not in said)]
            await send(message)

        away = _turned_away(Request(scope))
        try:
            await (away or self._app)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - its text may quote a row: nobody is to print or log it
            frames = traceback.extract_tb(error.__traceback__)
            at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
            _LOG.error("a bug of cohortlock: %s at %s", type(error).__name__, at)
            if not begun:
                said = "This is a bug of cohortlock. What was sent may not have been kept."
                await Response(said, status_code=500)(scope, receive, answer)


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    named = dict(_HEADERS)
    if scope["path"].startswith("/static/"):
        # Our own style and script: nobody's chart, and asked for again only when they changed.
        named["Cache-Control"] = "no-cache"
    if scope["scheme"] == "https":
        named["Strict-Transport-Security"] = "max-age=31536000"
    return [(name.lower().encode(), value.encode()) for name, value in named.items()]


def _to_sign_in(request: Request, _error: Exception) -> Response:
    return api.unknown() if _is_api(request) else RedirectResponse("/sign-in", status_code=303)


def _to_account(_request: Request, _error: Exception) -> Response:
    return RedirectResponse("/account", status_code=303)


def _problem(request: Request, error: Any) -> Response:
    return told(error) if _is_api(request) else problem(request, error)


def _unreadable(request: Request, error: Any) -> Response:
    # The framework's own answer would send back what was sent.
    at = ", ".join(sorted({_place(one) for one in error.errors()}))
    refused = Refused(f"this cannot be read: {at}", "docs/openapi.json says what is expected.")
    if _is_api(request):
        return api.unreadable(refused)
    return problem(request, NotFound("there is no such page", "Go back to your work."))


def _place(wrong: dict[str, Any]) -> str:
    # A name that we do not know was given by the sender, like a value.
    unknown = wrong["type"] == "extra_forbidden"
    at = wrong["loc"][:-1] if unknown else wrong["loc"]
    return ".".join(str(part) for part in at) + (" (a field too many)" if unknown else "")


def _nowhere(request: Request, error: Any) -> Response:
    wrong = NotFound("there is nothing here", "Go back to your work.")
    answer = told(wrong) if _is_api(request) else problem(request, wrong)
    answer.status_code = error.status_code
    if error.headers:
        answer.headers.update(error.headers)
    return answer
