"""The door: sign-in by password or by a provider, sign-out, and one's own password and second factor."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from extract.errors import Refused
from validate.desk.passwords import change_password
from validate.desk.room import COOKIE, Form, Room, form, in_session, room
from validate.desk.words import LANGUAGES
from validate.review.accounts import active
from validate.review.rules import Account

__all__ = ["POLICY", "router"]

router = APIRouter(include_in_schema=False)
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'self'{and_to}; frame-ancestors 'none'; base-uri 'none'"
)
_ERRAND: Final = "desk-errand"
_PURPOSE: Final = ("the purpose of reading charts is confirmed at each sign-in", "Tick the box.")


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    """Where somebody says who they are."""
    return _sign_in_page(request)


@router.post("/sign-in")
def sign_in(request: Request, sent: Form = form) -> Response:
    """In, by account, password and, where one is set up, code."""
    try:
        token = room(request).sessions.sign_in(
            sent.one("account"), sent.one("password"), sent.one("code"), confirmed=bool(sent.one("purpose"))
        )
    except Refused as refused:
        return _sign_in_page(request, refused)
    return _entered(request, token)


@router.post("/sign-in/demo")
def sign_in_demo(request: Request, sent: Form = form) -> Response:
    """In, on the demo's study, as anybody."""
    here = room(request)
    if sent.one("account") not in {one.id for one in here.demo}:
        raise Refused("this is no demo account", "Sign in with your own account.")
    return _entered(request, here.sessions.open(sent.one("account")))


@router.post("/sign-in/provider")
def to_provider(request: Request, sent: Form = form) -> Response:
    """Off to the provider, once the purpose is confirmed."""
    here = room(request)
    if here.provider is None:
        raise Refused("this study has no provider of identities", "Sign in with your password.")
    if not sent.one("purpose"):
        return _sign_in_page(request, Refused(*_PURPOSE))
    address, state = here.provider.begin(_back(request))
    response = RedirectResponse(address, status_code=303)
    # The way back begins at another site, so a strict cookie would stay behind.
    response.set_cookie(
        _ERRAND, state, httponly=True, samesite="lax", secure=_secure(request), path="/sign-in", max_age=600
    )
    return response


@router.get("/sign-in/provider/back")
def from_provider(request: Request, state: str = "", code: str = "") -> Response:
    """Back from the provider: in, where it vouches for an account of this study."""
    here = room(request)
    try:
        account_id = _vouched_for(here, request, state, code)
    except Refused as refused:
        response = _sign_in_page(request, refused)
    else:
        # A page and no redirect: a browser sends a strict cookie only when it comes from our own site.
        response = here.page(request, "arrived.html")
        _carry(request, response, here.sessions.open(account_id))
    _forget(response, _ERRAND, "/sign-in")
    return response


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Out, here and on the server."""
    room(request).sessions.sign_out(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/sign-in", status_code=303)
    _forget(response, COOKIE, "/")
    return response


@router.post("/language/{wanted}")
def language(wanted: str) -> Response:
    """The pages in another language, in this browser."""
    response = RedirectResponse("/", status_code=303)
    if wanted in LANGUAGES:
        response.set_cookie("language", wanted, httponly=True, samesite="strict", max_age=365 * 86400)
    return response


@router.get("/account")
def account_page(request: Request, account: Account = in_session) -> Response:
    """One's own account: password and second factor."""
    return _account_page(request, account)


@router.post("/account/password")
def password(request: Request, sent: Form = form, account: Account = in_session) -> Response:
    """Another password; every other session of this account ends."""
    here = room(request)
    token = request.cookies.get(COOKIE, "")
    try:
        here.sessions.confirm(token, sent.one("password"), sent.one("code"))
        change_password(here.database, account, sent.one("fresh"), again=sent.one("again"))
    except Refused as refused:
        return _account_page(request, account, refused)
    here.sessions.sign_out_everywhere(account.id)
    return _entered(request, here.sessions.open(account.id), "/account")


@router.post("/account/second-factor")
def begin_factor(request: Request, sent: Form = form, account: Account = in_session) -> Response:
    """A fresh secret to put into an authenticator."""
    here = room(request)
    try:
        here.sessions.confirm(request.cookies.get(COOKIE, ""), sent.one("password"))
        secret, address = here.factor.begin(account, here.protocol.study.id)
    except Refused as refused:
        return _account_page(request, account, refused)
    return _account_page(request, account, secret=secret, address=address)


@router.post("/account/second-factor/confirm")
def confirm_factor(request: Request, sent: Form = form, account: Account = in_session) -> Response:
    """From now on a code is asked for."""
    try:
        room(request).factor.confirm(account, sent.one("code"))
    except Refused as refused:
        return _account_page(request, account, refused)
    return RedirectResponse("/account", status_code=303)


@router.post("/account/second-factor/remove")
def remove_factor(request: Request, sent: Form = form, account: Account = in_session) -> Response:
    """No code any more; whoever asks for it shows the last."""
    here = room(request)
    try:
        here.sessions.confirm(request.cookies.get(COOKIE, ""), sent.one("password"), sent.one("code"))
        here.factor.remove(account, account.id)
    except Refused as refused:
        return _account_page(request, account, refused)
    return RedirectResponse("/account", status_code=303)


def _vouched_for(here: Room, request: Request, state: str, code: str) -> str:
    if here.provider is None:
        raise Refused("this study has no provider of identities", "Sign in with your password.")
    kept = request.cookies.get(_ERRAND, "")
    account_id = here.provider.finish(_back(request), kept=kept, state=state, code=code)
    with here.database.reading() as connection:
        if account_id not in active(connection):
            raise Refused(
                "you have no account in this study", "Ask the data manager for an account of this name."
            )
    return account_id


def _sign_in_page(request: Request, refused: Refused | None = None) -> Response:
    here = room(request)
    response = here.page(request, "sign_in.html", problem=refused, status=403 if refused else 200)
    if here.provider is not None and (origin := here.provider.known_origin()):
        # A browser holds the redirect of a form against the policy of the page that the form stood on.
        response.headers["Content-Security-Policy"] = POLICY.format(and_to=f" {origin}")
    return response


def _account_page(
    request: Request,
    account: Account,
    refused: Refused | None = None,
    *,
    secret: str = "",
    address: str = "",
) -> Response:
    here = room(request)
    return here.page(
        request,
        "account.html",
        account=account,
        problem=refused,
        status=403 if refused else 200,
        has_factor=here.factor.has(account.id),
        needs_factor=here.settings.session.second_factor == "required",
        secret=secret,
        address=address,
    )


def _entered(request: Request, token: str, to: str = "/") -> Response:
    response = RedirectResponse(to, status_code=303)
    _carry(request, response, token)
    return response


def _carry(request: Request, response: Response, token: str) -> None:
    here: Room = room(request)
    # A session that this browser held before is over: nobody goes on in somebody else's.
    here.sessions.sign_out(request.cookies.get(COOKIE, ""))
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=_secure(request), path="/")


def _forget(response: Response, cookie: str, path: str) -> None:
    # Without a date: an answer that holds the time of day differs each time it is given.
    response.set_cookie(cookie, "", max_age=0, httponly=True, samesite="strict", path=path)


def _back(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/sign-in/provider/back"


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
