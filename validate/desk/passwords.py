"""Passwords: argon2id, and a check that takes the same time whoever is asked for."""

from __future__ import annotations

import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from extract.errors import Refused
from extract.study.database import StudyDatabase
from validate.review import accounts
from validate.review.rules import Account

__all__ = ["change_password", "is_password", "set_password"]

_SHORTEST: Final = 10
_LONGEST: Final = 200
_HASHER: Final = PasswordHasher()
# Verified when the account is unknown, so that the time taken does not tell.
_NOBODY: Final = _HASHER.hash(secrets.token_hex(16))


def set_password(db: StudyDatabase, actor: Account, account_id: str, password: str) -> None:
    """Give an account a password of 10 characters or more. Raises Refused, NotFound."""
    accounts.change(db, actor, account_id, password_hash=_hashed(password))


def change_password(db: StudyDatabase, actor: Account, password: str, *, again: str) -> None:
    """Change one's own password; that the old one is known has been made sure of. Raises Refused."""
    if password != again:
        raise Refused("the new password was typed in two ways", "Type it the same twice.")
    accounts.change_own_password(db, actor, _hashed(password))


def is_password(stored: str, password: str) -> bool:
    """Whether ``password`` is the one behind ``stored``; never where there is none."""
    if len(password) > _LONGEST:
        return False
    try:
        _HASHER.verify(stored or _NOBODY, password.encode(errors="surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored)


def _hashed(password: str) -> str:
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise Refused(
            f"a password has {_SHORTEST} to {_LONGEST} characters", "A sentence is easy to remember."
        )
    return _HASHER.hash(password.encode(errors="surrogatepass"))
