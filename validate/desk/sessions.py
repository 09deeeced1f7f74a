"""Sessions: who is signed in, kept on the server; a cookie carries a random token and nothing else.

They stand in a small file beside the study database, so that a restart signs nobody out; the file holds
hashes of tokens, never tokens.  Passwords are argon2id.  Wrong ones cost time that doubles with each try,
per account, so that guessing is hopeless and nobody is locked out for good.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from extract.errors import Refused, StorageFault
from extract.study.database import StudyDatabase
from validate.review import accounts
from validate.review.rules import Account

__all__ = ["Sessions", "set_password"]

_IDLE: Final = 30 * 60.0
_LONGEST: Final = 12 * 3600.0
_SEEN_AGAIN: Final = 15.0
_FREE_TRIES: Final = 5
_SHORTEST_PASSWORD: Final = 10
_HASHER: Final = PasswordHasher()
# Verified when the account is unknown, so that the time taken does not tell.
_NOBODY: Final = _HASHER.hash(secrets.token_hex(16))
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS session (token_hash TEXT PRIMARY KEY, account_id TEXT, started REAL, seen REAL);
CREATE TABLE IF NOT EXISTS failed (account_id TEXT PRIMARY KEY, tries INTEGER, until REAL);
"""


def set_password(db: StudyDatabase, actor: Account, account_id: str, password: str) -> None:
    """Give an account a password of 10 characters or more. Raises Refused, NotFound."""
    if not _SHORTEST_PASSWORD <= len(password) <= 200:
        raise Refused(
            f"a password has {_SHORTEST_PASSWORD} to 200 characters", "A sentence is easy to remember."
        )
    accounts.change(db, actor, account_id, password_hash=_HASHER.hash(password))


class Sessions:
    """The sessions of one study's desk, in ``file``, or in memory where there is none."""

    def __init__(
        self, db: StudyDatabase, file: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._clock = clock
        self._guard = threading.Lock()
        self._held = _open(file)

    def sign_in(self, account_id: str, password: str, *, confirmed: bool) -> str:
        """A new token. Raises Refused in the same words whatever was wrong, and unless the purpose is confirmed."""
        if not confirmed:
            raise Refused("the purpose of reading charts is confirmed at each sign-in", "Tick the box.")
        now = self._clock()
        tries, until = self._tries(account_id)
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
        if not right:
            wait = 0.0 if tries + 1 < _FREE_TRIES else min(2.0 ** (tries + 1 - _FREE_TRIES), 900.0)
            self._write("INSERT OR REPLACE INTO failed VALUES (?, ?, ?)", account_id, tries + 1, now + wait)
            raise Refused("account or password is wrong", "Ask the data manager if you have forgotten it.")
        self._write("DELETE FROM failed WHERE account_id = ?", account_id)
        return self.open(account_id)

    def open(self, account_id: str) -> str:
        """A new token for somebody whose right to it has been made sure of."""
        now = self._clock()
        with self._db.writing(account_id) as writer:
            approval = self._db.protocol.study.ethics.approval
            writer.note("session.opened", f"account/{account_id}", {"purpose": "study", "approval": approval})
        token = secrets.token_urlsafe(32)
        self._write("DELETE FROM session WHERE seen < ? OR started < ?", now - _IDLE, now - _LONGEST)
        self._write("INSERT INTO session VALUES (?, ?, ?, ?)", _hash(token), account_id, now, now)
        return token

    def account(self, token: str) -> Account | None:
        """Who holds ``token`` now, as the database has them; None when it ended or the account closed."""
        now = self._clock()
        with self._guard:
            found = self._held.execute(
                "SELECT account_id, started, seen FROM session WHERE token_hash = ?", (_hash(token),)
            ).fetchone()
        if found is None:
            return None
        account_id, started, seen = found
        if now - seen > _IDLE or now - started > _LONGEST:
            self.sign_out(token)
            return None
        if now - seen > _SEEN_AGAIN:
            self._write("UPDATE session SET seen = ? WHERE token_hash = ?", now, _hash(token))
        with self._db.reading() as connection:
            return accounts.active(connection).get(account_id)

    def sign_out(self, token: str) -> None:
        """End a session."""
        self._write("DELETE FROM session WHERE token_hash = ?", _hash(token))

    def close(self) -> None:
        """Give the file back; sessions in it go on when it is opened again."""
        with self._guard:
            self._held.close()

    def _tries(self, account_id: str) -> tuple[int, float]:
        with self._guard:
            found = self._held.execute(
                "SELECT tries, until FROM failed WHERE account_id = ?", (account_id,)
            ).fetchone()
        return (int(found[0]), float(found[1])) if found else (0, 0.0)

    def _write(self, statement: str, *values: object) -> None:
        with self._guard:
            self._held.execute(statement, values)


def _open(file: Path | None) -> sqlite3.Connection:
    try:
        if file is not None:
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        held = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False, timeout=10)
        # A session lost in a power cut costs one sign-in; it is not worth a wait for the disk each time.
        held.execute("PRAGMA journal_mode = WAL")
        held.execute("PRAGMA synchronous = OFF")
        held.executescript(_TABLES)
    except (OSError, sqlite3.Error):
        raise StorageFault(f"{file}: the sessions cannot be kept", "Check the folder's rights.") from None
    return held


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
