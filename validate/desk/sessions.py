"""Sessions: who is signed in, kept on the server; a cookie carries a random token and nothing else.

They stand in the desk's own file, so that a restart signs nobody out; it holds hashes of tokens, never
tokens.  Wrong passwords and codes cost time that doubles with each try, per account, so that guessing is
hopeless and nobody is locked out for good.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Final

from extract.errors import Refused
from extract.study.database import StudyDatabase
from validate.desk.file import DeskFile
from validate.desk.passwords import is_password
from validate.desk.second_factor import SecondFactor
from validate.desk.settings import Settings
from validate.review import accounts
from validate.review.rules import Account

__all__ = ["Sessions"]

_SEEN_AGAIN: Final = 15.0
_FREE_TRIES: Final = 5
_LONGEST_PAUSE: Final = 900.0
_FORGET: Final = 86400.0
_WRONG: Final = ("account, password or code is wrong", "Ask the data manager if you have forgotten it.")


class Sessions:
    """The sessions of one study's desk.

    ``elsewhere`` is asked whether a password is right where the account has none here (a directory).
    """

    def __init__(
        self,
        db: StudyDatabase,
        file: DeskFile,
        *,
        settings: Settings | None = None,
        factor: SecondFactor | None = None,
        elsewhere: Callable[[str, str], bool] | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._db = db
        self._file = file
        self._settings = settings or Settings()
        self._factor = factor or SecondFactor(db, file, clock)
        self._elsewhere = elsewhere
        self._clock = clock
        self._chance = chance

    def sign_in(self, account_id: str, password: str, code: str = "", *, confirmed: bool) -> str:
        """A new token. Raises Refused in the same words whatever was wrong, and unless the purpose is confirmed."""
        if not confirmed:
            raise Refused("the purpose of reading charts is confirmed at each sign-in", "Tick the box.")
        self._prove(account_id, password, code)
        return self.open(account_id)

    def confirm(self, token: str, password: str, code: str = "") -> Account:
        """Make sure once more who sits there, in the same post as what is signed or changed. Raises Refused."""
        account = self.account(token)
        if account is None:
            raise Refused(*_WRONG)
        self._prove(account.id, password, code)
        return account

    def open(self, account_id: str) -> str:
        """A new token for somebody whose right to it has been made sure of."""
        now = self._clock()
        with self._db.writing(account_id) as writer:
            approval = self._db.protocol.study.ethics.approval
            writer.note("session.opened", f"account/{account_id}", {"purpose": "study", "approval": approval})
        token = self._chance()
        idle, longest = self._limits
        self._file.write("DELETE FROM session WHERE seen < ? OR started < ?", now - idle, now - longest)
        self._file.write("INSERT INTO session VALUES (?, ?, ?, ?)", _hash(token), account_id, now, now)
        return token

    def account(self, token: str) -> Account | None:
        """Who holds ``token`` now, as the database has them; None when it ended or the account closed."""
        now = self._clock()
        found = self._file.rows(
            "SELECT account_id, started, seen FROM session WHERE token_hash = ?", _hash(token)
        )
        if not found:
            return None
        account_id, started, seen = found[0]
        idle, longest = self._limits
        if now - seen > idle or now - started > longest:
            self.sign_out(token)
            return None
        if now - seen > _SEEN_AGAIN:
            self._file.write("UPDATE session SET seen = ? WHERE token_hash = ?", now, _hash(token))
        with self._db.reading() as connection:
            return accounts.one_active(connection, account_id)

    def sign_out(self, token: str) -> None:
        """End a session."""
        self._file.write("DELETE FROM session WHERE token_hash = ?", _hash(token))

    def sign_out_everywhere(self, account_id: str, *, but: str = "") -> None:
        """End every session of an account, save the one of the token ``but``."""
        self._file.write(
            "DELETE FROM session WHERE account_id = ? AND token_hash <> ?", account_id, _hash(but)
        )

    @property
    def _limits(self) -> tuple[float, float]:
        held = self._settings.session
        return held.idle_minutes * 60.0, held.longest_hours * 3600.0

    def _prove(self, account_id: str, password: str, code: str) -> None:
        """Raises Refused unless password and code are the account's, and after too many wrong ones."""
        account_id = account_id[:100]
        now = self._clock()
        found = self._file.rows("SELECT tries, until FROM failed WHERE account_id = ?", account_id)
        tries, until = found[0] if found else (0, 0.0)
        if now < until:
            raise Refused(
                "too many wrong passwords for this account", f"Try again in {int(until - now) + 1} s."
            )
        # Counted before it is looked at: guesses that come side by side are as many as one after the other.
        pause = 0.0 if tries + 1 < _FREE_TRIES else min(2.0 ** (tries + 1 - _FREE_TRIES), _LONGEST_PAUSE)
        self._file.write("DELETE FROM failed WHERE until < ?", now - _FORGET)
        counted = self._file.write(
            "INSERT INTO failed VALUES (?, 1, ?) ON CONFLICT (account_id) DO UPDATE"
            " SET tries = tries + 1, until = excluded.until WHERE tries = ?",
            account_id,
            now + pause,
            tries,
        )
        if not counted:
            raise Refused("two sign-ins to this account at the same moment", "Try again.")
        if not self._right(account_id, password) or not self._factor.passes(account_id, code):
            raise Refused(*_WRONG)
        self._file.write("DELETE FROM failed WHERE account_id = ?", account_id)

    def _right(self, account_id: str, password: str) -> bool:
        with self._db.reading() as connection:
            known = account_id in accounts.active(connection)
            local = known and self._settings.local_passwords
            stored = accounts.password_hash(connection, account_id) if local else ""
        if known and not stored and self._elsewhere is not None:
            return self._elsewhere(account_id, password)
        return is_password(stored, password)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
