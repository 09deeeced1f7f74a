"""Second factor: a code of six digits that changes every half minute (TOTP, RFC 6238), and is good once.

The secret stands in the desk's own file, not in the study database: it is nobody's but the person's, and
the study's audit records that it was set up or taken away, never what it is.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from extract.errors import Refused
from extract.study.database import StudyDatabase
from validate.desk.file import DeskFile
from validate.review.rules import Account

__all__ = ["SecondFactor"]

_STEP: Final = 30
_DRIFT: Final = 1
"""Steps that a telephone's clock may be off, either way."""


class SecondFactor:
    """Who has a second factor, and whether a code is theirs now."""

    def __init__(
        self,
        db: StudyDatabase,
        file: DeskFile,
        clock: Callable[[], float] = time.time,
        fresh: Callable[[], bytes] = lambda: os.urandom(20),
    ) -> None:
        self._db = db
        self._file = file
        self._clock = clock
        self._fresh = fresh

    def has(self, account_id: str) -> bool:
        """Whether a code is asked of this account at sign-in."""
        found = self._file.rows("SELECT confirmed FROM factor WHERE account_id = ?", account_id)
        return bool(found and found[0][0])

    def begin(self, account: Account, study: str) -> tuple[str, str]:
        """A fresh secret, in base32 and as the address that an authenticator reads; not asked for yet.

        Raises Refused where one is in use: it is taken away first.
        """
        if self.has(account.id):
            raise Refused("a second factor is in use", "Take it away first.")
        secret = self._fresh()
        self._file.write("INSERT OR REPLACE INTO factor VALUES (?, ?, 0, 0)", account.id, secret.hex())
        shown = base64.b32encode(secret).decode()
        return shown, _totp(secret).get_provisioning_uri(account.id, f"cohortlock {study}")

    def confirm(self, account: Account, code: str) -> None:
        """From now on a code is asked for. Raises Refused unless ``code`` shows that the secret arrived."""
        if not self._good(account.id, code, confirmed=False):
            raise Refused("this code is wrong", "Look at the authenticator again; its clock may be off.")
        with self._db.writing(account.id) as writer:
            writer.note("second_factor.added", f"account/{account.id}")
            self._file.write("UPDATE factor SET confirmed = 1 WHERE account_id = ?", account.id)

    def remove(self, actor: Account, account_id: str) -> None:
        """Ask this account for no code any more."""
        with self._db.writing(actor.id) as writer:
            writer.note("second_factor.removed", f"account/{account_id}")
            self._file.write("DELETE FROM factor WHERE account_id = ?", account_id)

    def passes(self, account_id: str, code: str) -> bool:
        """Whether ``code`` opens the account now, or none is asked for; each code is good once."""
        return not self.has(account_id) or self._good(account_id, code, confirmed=True)

    def _good(self, account_id: str, code: str, *, confirmed: bool) -> bool:
        found = self._file.rows(
            "SELECT secret, step FROM factor WHERE account_id = ? AND confirmed = ?",
            account_id,
            int(confirmed),
        )
        said = "".join(code.split())
        if not found or not said.isascii() or not said.isdecimal():
            return False
        now = int(self._clock()) // _STEP
        for step in range(now - _DRIFT, now + _DRIFT + 1):
            try:
                _totp(bytes.fromhex(found[0][0])).verify(said.encode(), step * _STEP)
            except InvalidToken:
                continue
            # One statement: of two that come with the same code, one is let in.
            used = "UPDATE factor SET step = ? WHERE account_id = ? AND step < ?"
            return self._file.write(used, step, account_id, step) == 1
        return False


def _totp(secret: bytes) -> TOTP:
    # SHA-1 is what authenticators know; the strength of TOTP does not rest on its collisions (RFC 6238, 1.2).
    return TOTP(secret, 6, SHA1(), _STEP)  # noqa: S303 - the RFC's own
