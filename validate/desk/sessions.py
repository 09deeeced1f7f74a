"""Sessions: who is signed in, kept on the server; a cookie carries a random token and nothing else.

Passwords are argon2id.  Wrong ones cost time that doubles with each try, per account, so that guessing
is hopeless and nobody is locked out for good.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from extract.errors import Refused
from extract.study.database import StudyDatabase
from validate.review import accounts
from validate.review.rules import Account

__all__ = ["Sessions", "set_password"]

_IDLE: Final = 30 * 60.0
_LONGEST: Final = 12 * 3600.0
_FREE_TRIES: Final = 5
_SHORTEST_PASSWORD: Final = 10
_HASHER: Final = PasswordHasher()
# Verified when the account is unknown, so that the time taken does not tell.
_NOBODY: Final = _HASHER.hash(secrets.token_hex(16))


def set_password(db: StudyDatabase, actor: Account, account_id: str, password: str) -> None:
    """Give an account a password of 10 characters or more. Raises Refused, NotFound."""
    if not _SHORTEST_PASSWORD <= len(password) <= 200:
        raise Refused(
            f"a password has {_SHORTEST_PASSWORD} to 200 characters", "A sentence is easy to remember."
        )
    accounts.change(db, actor, account_id, password_hash=_HASHER.hash(password))


@dataclass
class _Session:
    account_id: str
    started: float
    seen: float


class Sessions:
    """The sessions of one running desk; all end when it stops."""

    def __init__(self, db: StudyDatabase, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._open: dict[str, _Session] = {}
        self._failed: dict[str, tuple[int, float]] = {}
        self._guard = threading.Lock()

    def sign_in(self, account_id: str, password: str, *, confirmed: bool) -> str:
        """A new token. Raises Refused in the same words whatever was wrong, and unless the purpose is confirmed."""
        if not confirmed:
            raise Refused("the purpose of reading charts is confirmed at each sign-in", "Tick the box.")
        now = self._clock()
        with self._guard:
            tries, until = self._failed.get(account_id, (0, 0.0))
            if now < until:
                raise Refused(
                    "too many wrong passwords for this account", f"Try again in {int(until - now) + 1} s."
                )
        with self._db.reading() as connection:
            stored = accounts.password_hash(connection, account_id)
        try:
            _HASHER.verify(stored or _NOBODY, password)
            right = bool(stored)
        except (VerificationError, InvalidHashError):
            right = False
        with self._guard:
            if not right:
                tries += 1
                wait = 0.0 if tries < _FREE_TRIES else min(2.0 ** (tries - _FREE_TRIES), 900.0)
                self._failed[account_id] = (tries, now + wait)
            else:
                self._failed.pop(account_id, None)
        if not right:
            raise Refused("account or password is wrong", "Ask the data manager if you have forgotten it.")
        with self._db.writing(account_id) as writer:
            approval = self._db.protocol.study.ethics.approval
            writer.note("session.opened", f"account/{account_id}", {"purpose": "study", "approval": approval})
        token = secrets.token_urlsafe(32)
        with self._guard:
            self._open[token] = _Session(account_id, now, now)
        return token

    def account(self, token: str) -> Account | None:
        """Who holds ``token`` now, as the database has them; None when it ended or the account closed."""
        now = self._clock()
        with self._guard:
            session = self._open.get(token)
            if session is None:
                return None
            if now - session.seen > _IDLE or now - session.started > _LONGEST:
                del self._open[token]
                return None
            session.seen = now
        with self._db.reading() as connection:
            return accounts.active(connection).get(session.account_id)

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._guard:
            self._open.pop(token, None)
