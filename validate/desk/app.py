"""The desk's application: sessions, language, headers and errors; the pages themselves are in ``pages``.

Nothing of a chart stands in a URL or a title or may be cached; there is no script at all, and the browser
is told to run none.  A change is taken only from a page of our own (Sec-Fetch-Site, else Origin).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from extract.errors import CohortlockError, NotFound, Refused, StorageFault
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.desk import pages
from validate.desk.room import COOKIE, Form, Room, SignInNeeded, form, room
from validate.desk.words import LANGUAGES

__all__ = ["create_app", "serve"]

_HERE: Final = Path(__file__).parent
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LARGEST_FORM: Final = 256 * 1024


def create_app(folder: StudyFolder, database: StudyDatabase) -> FastAPI:
    """The desk of one study; whoever opened ``database`` closes it."""
    app = FastAPI(title="cohortlock desk", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.room = Room(folder, database, _HERE / "templates")
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    app.include_router(pages.router)
    app.add_api_route("/sign-in", _sign_in_page, methods=["GET"])
    app.add_api_route("/sign-in", _sign_in, methods=["POST"])
    app.add_api_route("/sign-out", _sign_out, methods=["POST"])
    app.add_api_route("/language/{wanted}", _language, methods=["POST"])
    app.middleware("http")(_guarded)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(CohortlockError, _problem)
    return app


def serve(folder: StudyFolder, *, host: str = "127.0.0.1", port: int = 8770) -> None:
    """Run the desk until it is stopped. Raises what opening the study database raises."""
    import uvicorn

    with StudyDatabase.open(folder, folder.protocol()) as database:
        # The access log is off: it would record who looked at which candidate outside of the audit.
        uvicorn.run(create_app(folder, database), host=host, port=port, access_log=False, log_level="warning")


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
    return room(request).page(request, "problem.html", problem=error, status=status)
