"""Tokens: how a site's script works at the desk, in the name of one person and in one role, until a day.

A token is shown once and kept as a hash.  It is worth nothing when it has expired or been revoked, when
its person's account is closed, and when that account has another role than the token was made for.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from extract.errors import NotFound, Refused
from extract.study.database import StudyDatabase
from validate.desk.file import DeskFile
from validate.review import accounts
from validate.review.rules import Account, Action, Role

__all__ = ["PREFIX", "Token", "Tokens"]

PREFIX: Final = "cohortlock_"
"""What a token begins with, so that one that strayed into a repository is recognised."""
_LONGEST_DAYS: Final = 366


@dataclass(frozen=True)
class Token:
    """A token as a list shows it: never the token itself."""

    id: str
    account: str
    role: str
    label: str
    made: float
    expires: float


class Tokens:
    """The tokens of one study's desk."""

    def __init__(self, db: StudyDatabase, file: DeskFile, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._file = file
        self._clock = clock

    def add(self, actor: Account, account_id: str, *, days: int, label: str = "") -> tuple[Token, str]:
        """A new token for an account in its present role, and what it is: shown now and never again.

        Raises NotFound for an account that cannot act, Refused for who may not, and for its length of life.
        """
        if not 1 <= days <= _LONGEST_DAYS:
            raise Refused(f"a token lives 1 to {_LONGEST_DAYS} days", "Give fewer days; make a new one then.")
        if len(label) > 100 or "\0" in label:
            raise Refused("a token's label has at most 100 characters", "Say what it is for.")
        secret = PREFIX + secrets.token_urlsafe(32)
        with self._db.writing(actor.id) as writer:
            accounts.acting(writer, actor, Action.ACCOUNTS)
            person = accounts.active(writer.connection).get(account_id)
            if person is None:
                raise NotFound(
                    f"there is no open account {account_id!r}", "`cohortlock user STUDY` lists them."
                )
            now = self._clock()
            made = Token(secrets.token_hex(6), person.id, person.role.value, label, now, now + days * 86400.0)
            writer.note(
                "token.added", f"account/{person.id}", {"token": made.id, "role": made.role, "days": days}
            )
            self._file.write(
                "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?)",
                made.id,
                _hash(secret),
                made.account,
                made.role,
                made.label,
                made.made,
                made.expires,
            )
        return made, secret

    def revoke(self, actor: Account, token_id: str) -> None:
        """End a token now. Raises NotFound, Refused."""
        with self._db.writing(actor.id) as writer:
            accounts.acting(writer, actor, Action.ACCOUNTS)
            if not self._file.write("DELETE FROM token WHERE id = ?", token_id):
                raise NotFound("there is no such token", "`cohortlock token STUDY` lists them.")
            writer.note("token.revoked", "token/", {"token": token_id})

    def listed(self) -> list[Token]:
        """Every token that has not been revoked, newest first; those that have expired too."""
        columns = "id, account_id, role, label, made, expires"
        return [Token(*row) for row in self._file.rows(f"SELECT {columns} FROM token ORDER BY made DESC, id")]  # noqa: S608 - our own names

    def account(self, secret: str) -> Account | None:
        """Who acts by this token now; None when it is none, or its role is no longer the person's."""
        found = self._file.rows(
            "SELECT account_id, role, expires FROM token WHERE token_hash = ?", _hash(secret)
        )
        if not found or self._clock() >= found[0][2]:
            return None
        account_id, role, _ = found[0]
        with self._db.reading() as connection:
            person = accounts.one_active(connection, account_id)
        return person if person is not None and person.role is Role(role) else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
