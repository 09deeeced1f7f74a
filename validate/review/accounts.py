"""Accounts: who may act in a study, read from the database at every act, never believed from a session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from extract.errors import AlreadyExists, NotFound, Refused
from extract.study.database import StudyDatabase, Writer
from extract.study.memory import remembered
from extract.study.storage import rows
from extract.study.tables import account
from validate.review.rules import Account, Action, Role, may

__all__ = [
    "MACHINE",
    "acting",
    "active",
    "add",
    "change",
    "change_own_password",
    "one_active",
    "password_hash",
    "require",
]

MACHINE: Final = Account("machine", "cohortlock", Role.MACHINE)
"""Pulls, queues and assigns; no person can have this account."""

_ID: Final = re.compile(r"[a-z][a-z0-9._-]{0,40}")


def active(connection: Connection) -> dict[str, Account]:
    """The accounts that may act now, by id."""
    latest: dict[str, tuple[Account, bool]] = {}
    known = remembered(connection, account)
    for row in rows(connection, select(account).order_by(account.c.id)) if known is None else known:
        latest[row["account_id"]] = (_account(row), row["active"])
    return {id_: found for id_, (found, works) in latest.items() if works}


_NEWEST: Final = (
    select(account).where(account.c.account_id == bindparam("account")).order_by(account.c.id.desc()).limit(1)
)


def one_active(connection: Connection, account_id: str) -> Account | None:
    """The account of this id as it is now; None when there is none that may act."""
    known = remembered(connection, account, account_id)
    found = rows(connection, _NEWEST, {"account": account_id}) if known is None else known
    return _account(found[-1]) if found and found[-1]["active"] else None


def _account(row: Mapping[str, Any]) -> Account:
    return Account(row["account_id"], row["name"], Role(row["role"]))


def require(connection: Connection, actor: Account, action: Action) -> Account:
    """The account of ``actor`` as the database has it. Raises Refused when it may not do ``action``."""
    found = MACHINE if actor is MACHINE else one_active(connection, actor.id)
    if found is None:
        raise Refused("this account is unknown or closed", "Ask the data manager for an account.")
    if not may(found.role, action):
        raise Refused(
            f"the role {found.role} may not {action}", "`cohortlock user STUDY` lists accounts and roles."
        )
    return found


def acting(writer: Writer, actor: Account, action: Action) -> Account:
    """As ``require``, inside a change: also refuses a transaction in another's name."""
    if writer.actor != actor.id:
        raise ValueError("a transaction is opened in the name of who acts in it")
    return require(writer.connection, actor, action)


def add(
    db: StudyDatabase,
    actor: Account,
    *,
    account_id: str,
    name: str,
    role: Role | str,
    password_hash: str = "",
) -> Account:
    """A new account. Raises Refused for a bad id, role or actor, AlreadyExists when the id is taken."""
    if not _ID.fullmatch(account_id) or account_id == MACHINE.id:
        raise Refused("an account id is a-z, then a-z 0-9 . _ -, at most 41", "Choose another id.")
    fresh = Account(account_id, _named(name), _role(role))
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ACCOUNTS)
        taken = select(account.c.id).where(account.c.account_id == account_id).limit(1)
        if writer.connection.execute(taken).first():
            raise AlreadyExists(
                f"the account {account_id!r} exists", "Choose another id, or change that account."
            )
        _write(writer, "account.added", fresh, True, password_hash)
    return fresh


def change(
    db: StudyDatabase,
    actor: Account,
    account_id: str,
    *,
    name: str | None = None,
    role: Role | str | None = None,
    works: bool | None = None,
    password_hash: str | None = None,
) -> Account:
    """The account as it is from now on; what it was stays beside it. Raises NotFound, Refused."""
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ACCOUNTS)
        newest = (
            select(account).where(account.c.account_id == account_id).order_by(account.c.id.desc()).limit(1)
        )
        row = writer.connection.execute(newest).first()
        if row is None:
            raise NotFound(f"there is no account {account_id!r}", "`cohortlock user STUDY` lists them.")
        fresh = Account(
            account_id,
            row.name if name is None else _named(name),
            Role(row.role) if role is None else _role(role),
        )
        _write(
            writer,
            "account.changed",
            fresh,
            row.active if works is None else works,
            row.password_hash if password_hash is None else password_hash,
        )
    return fresh


def change_own_password(db: StudyDatabase, actor: Account, secret: str) -> None:
    """A new password hash for one's own account. Raises Refused when it is unknown or closed."""
    with db.writing(actor.id) as writer:
        held = active(writer.connection).get(actor.id)
        if held is None:
            raise Refused("this account is unknown or closed", "Ask the data manager for an account.")
        _write(writer, "account.password", held, True, secret)


def password_hash(connection: Connection, account_id: str) -> str:
    """The stored hash of an active account's password; empty when there is none."""
    newest = select(account).where(account.c.account_id == account_id).order_by(account.c.id.desc()).limit(1)
    row = connection.execute(newest).first()
    return row.password_hash if row and row.active else ""


def _write(writer: Writer, action: str, fresh: Account, works: bool, secret: str) -> None:
    row = {
        "account_id": fresh.id,
        "name": fresh.name,
        "role": fresh.role.value,
        "active": works,
        "password_hash": secret,
    }
    writer.append(account, action, [row], subjects=[f"account/{fresh.id}"])


def _named(name: str) -> str:
    if not name.strip() or len(name) > 100:
        raise Refused("an account has a name of at most 100 characters", "Give the person's name.")
    return name.strip()


def _role(role: Role | str) -> Role:
    try:
        found = Role(role)
    except ValueError:
        found = Role.MACHINE
    if found is Role.MACHINE:
        people = ", ".join(r.value for r in Role if r is not Role.MACHINE)
        raise Refused("there is no such role for a person", f"Roles are {people}.")
    return found
