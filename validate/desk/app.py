"""The desk's application: sessions, language, headers and errors; the pages are in ``review``, ``values``, ``oversight``.

Nothing of a chart stands in a URL or a title or may be cached.  The one script is ours, in a file; the
browser is told to run no other.  A change is taken only from a page of our own (Sec-Fetch-Site, else Origin).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from extract.errors import CohortlockError, NotFound, Refused, StorageFault
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.desk import oversight, review, values
from validate.desk.room import COOKIE, Form, Room, SignInNeeded, form, room
from validate.desk.words import LANGUAGES

__all__ = ["create_app", "serve"]

_HERE: Final = Path(__file__).parent
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LARGEST_FORM: Final = 256 * 1024


def create_app(
    folder: StudyFolder, database: StudyDatabase, *, demo: Sequence[str] = (), sessions: Path | None = None
) -> FastAPI:
    """The desk of one study; whoever opened ``database`` closes it.

    ``demo``: accounts that anybody may use without a password. Raises Refused where the study is not
    simulated. ``sessions``: the file in which sessions outlive a restart.
    """
    if demo and not database.protocol.study.simulated:
        raise Refused(
            "there are no demo accounts outside of a simulated study", "`cohortlock user` makes one."
        )
    app = FastAPI(title="cohortlock desk", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.room = Room(folder, database, _HERE / "templates", demo=demo, sessions=sessions)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    for room_of_pages in (review, values, oversight):
        app.include_router(room_of_pages.router)
    app.add_api_route("/sign-in", _sign_in_page, methods=["GET"])
    app.add_api_route("/sign-in", _sign_in, methods=["POST"])
    app.add_api_route("/sign-in/demo", _sign_in_demo, methods=["POST"])
    app.add_api_route("/sign-out", _sign_out, methods=["POST"])
    app.add_api_route("/language/{wanted}", _language, methods=["POST"])
    app.middleware("http")(_guarded)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(CohortlockError, _problem)
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

    What is being answered when it is stopped is answered. Raises what opening the study database raises.
    """
    import uvicorn

    with ExitStack() as stack:
        if database is None:
            database = stack.enter_context(StudyDatabase.open(folder, folder.protocol()))
        sessions = Path(str(database.engine.url.database)).name.removesuffix(".db")
        app = create_app(folder, database, demo=demo, sessions=folder.root / f"{sessions}.sessions.db")
        stack.callback(app.state.room.sessions.close)
        # Reading all charts takes a moment: begun now, so that the first page need not wait for it.
        threading.Thread(target=_warm, args=(app.state.room,), daemon=True).start()
        # The access log is off: it would record who looked at which candidate outside of the audit.
        uvicorn.run(
            app, host=host, port=port, access_log=False, log_level="warning", timeout_graceful_shutdown=10
        )


def _warm(here: Room) -> None:
    # Whoever opens a page is told what is amiss; nobody is watching here.
    with contextlib.suppress(CohortlockError):
        here.charts.warm()


def _from_here(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and origin.split("://", 1)[-1] == request.headers.get("host")


async def _guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    length = request.headers.get("content-length", "0")
    if request.method not in {"GET", "HEAD"} and not _from_here(request):
        response: Response = Response("This form was not sent from the desk.", status_code=403)
    elif not length.isdecimal() or int(length) > _LARGEST_FORM or "transfer-encoding" in request.headers:
        response = Response("This form is too large.", status_code=413)
    else:
        response = await call_next(request)
    response.headers.update(_HEADERS)
    if request.url.path.startswith("/static/"):
        # Our own style and script: nobody's chart, and asked for again only when they changed.
        response.headers["Cache-Control"] = "no-cache"
    if request.url.scheme == "https":
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _sign_in_page(request: Request) -> Response:
    return room(request).page(request, "sign_in.html")


def _sign_in(request: Request, sent: Form = form) -> Response:
    here = room(request)
    try:
        token = here.sessions.sign_in(
            sent.one("account"), sent.one("password"), confirmed=bool(sent.one("purpose"))
        )
    except Refused as refused:
        return here.page(request, "sign_in.html", problem=refused, status=403)
    return _entered(request, token)


def _sign_in_demo(request: Request, sent: Form = form) -> Response:
    here = room(request)
    if sent.one("account") not in {one.id for one in here.demo}:
        raise Refused("this is no demo account", "Sign in with your own account.")
    return _entered(request, here.sessions.open(sent.one("account")))


def _entered(request: Request, token: str) -> Response:
    # A session that this browser held before is over: nobody goes on in somebody else's.
    room(request).sessions.sign_out(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/", status_code=303)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/")
    return response


def _sign_out(request: Request) -> Response:
    room(request).sessions.sign_out(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


def _language(wanted: str) -> Response:
    response = RedirectResponse("/", status_code=303)
    if wanted in LANGUAGES:
        response.set_cookie("language", wanted, samesite="strict", max_age=365 * 86400)
    return response


def _to_sign_in(_request: Request, _error: Exception) -> Response:
    return RedirectResponse("/sign-in", status_code=303)


def _problem(request: Request, error: Exception) -> Response:
    known: dict[type[Exception], int] = {Refused: 403, NotFound: 404, StorageFault: 503}
    status = known.get(type(error), 409)
    if request.headers.get("accept") == "application/json" and isinstance(error, CohortlockError):
        told = {"problem": error.message, "next": error.next_step}
        return JSONResponse(told, status_code=status)
    return room(request).page(request, "problem.html", problem=error, status=status)
