"""Verbs about people: accounts and roles, signing keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from extract.errors import NotReady
from flows.cli.arguments import Study
from flows.cli.output import AsJson, result, table, talk

__all__ = ["passphrase", "register"]

_HERE = Path()
PASSWORD = "COHORTLOCK_PASSWORD"  # noqa: S105 - the variable's name


class Act(StrEnum):
    """What can be done with accounts."""

    list = "list"
    add = "add"
    password = "password"  # noqa: S105 - a verb, not a secret
    close = "close"


class TokenAct(StrEnum):
    """What can be done with tokens."""

    list = "list"
    add = "add"
    revoke = "revoke"


def register(app: typer.Typer) -> None:
    """Add this module's verbs to ``app``."""
    for verb in (desk, user, token, key):
        app.command()(verb)


def user(
    study: Study = _HERE,
    action: Annotated[Act, typer.Argument(help="What to do.")] = Act.list,
    account: Annotated[str, typer.Argument(metavar="ID", help="Whose account to add or close.")] = "",
    role: Annotated[
        str, typer.Option(help="data_manager, reviewer, arbitrator, abstractor, analyst or auditor.")
    ] = "reviewer",
    name: Annotated[str, typer.Option(help="The person's name, as the audit will show it.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the study's accounts; add one, give it a password for the desk, or close it.

    A password is asked for on a terminal, or taken from COHORTLOCK_PASSWORD for this command.
    """
    from extract.study.database import StudyDatabase
    from extract.study.folder import StudyFolder
    from validate.review import accounts

    if action is not Act.list and not account:
        raise typer.BadParameter("an account's id is needed to add or close it", param_hint="ID")
    folder = StudyFolder.at(study)
    with StudyDatabase.open(folder, folder.protocol()) as database:
        if action is Act.add:
            accounts.add(database, accounts.MACHINE, account_id=account, name=name or account, role=role)
        elif action is Act.password:
            from validate.desk.passwords import set_password

            set_password(database, accounts.MACHINE, account, _secret(f"Password of {account}", PASSWORD))
        elif action is Act.close:
            accounts.change(database, accounts.MACHINE, account, works=False)
        with database.reading() as connection:
            people = [
                {"id": a.id, "name": a.name, "role": a.role.value}
                for a in accounts.active(connection).values()
            ]
    result(
        {"accounts": people},
        as_json,
        lambda: table(("id", "role", "name"), ([p["id"], p["role"], p["name"]] for p in people)),
    )


def token(
    study: Study = _HERE,
    action: Annotated[TokenAct, typer.Argument(help="What to do.")] = TokenAct.list,
    which: Annotated[
        str, typer.Argument(metavar="ID", help="Whose token to add, or which token to revoke.")
    ] = "",
    days: Annotated[int, typer.Option(help="Days that a new token lives.")] = 30,
    label: Annotated[str, typer.Option(help="What a new token is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the tokens of the desk's JSON interface; add one for a person in their role, or revoke one.

    A new token is printed once and kept as a hash; it ends with its days, the account or its role.
    """
    from extract.study.database import StudyDatabase
    from extract.study.folder import StudyFolder
    from validate.desk.file import DeskFile, desk_file
    from validate.desk.tokens import Tokens
    from validate.review.accounts import MACHINE

    if action is not TokenAct.list and not which:
        raise typer.BadParameter("an account's or a token's id is needed", param_hint="ID")
    folder = StudyFolder.at(study)
    with StudyDatabase.open(folder, folder.protocol()) as database:
        file = DeskFile(desk_file(folder, database))
        try:
            tokens, fresh = Tokens(database, file), {}
            if action is TokenAct.add:
                made, secret = tokens.add(MACHINE, which, days=days, label=label)
                fresh = {"id": made.id, "token": secret}
            elif action is TokenAct.revoke:
                tokens.revoke(MACHINE, which)
            listed = [
                {
                    "id": t.id,
                    "account": t.account,
                    "role": t.role,
                    "expires": _day(t.expires),
                    "label": t.label,
                }
                for t in tokens.listed()
            ]
        finally:
            file.close()
    result({"tokens": listed, **({"added": fresh} if fresh else {})}, as_json, lambda: _tokens(listed, fresh))


def key(
    study: Study = _HERE,
    role: Annotated[str, typer.Option(help="Make a key for this role of [lock] signatures.")] = "",
    name: Annotated[str, typer.Option(help="Who signs in this role.")] = "",
    meaning: Annotated[str, typer.Option(help="What the signature means.")] = "I approve this dataset",
    as_json: AsJson = False,
) -> None:
    """List which roles can sign the lock, or make a signing key for one."""
    from extract.study.folder import StudyFolder
    from validate.lock.keys import available, create_signer

    folder = StudyFolder.at(study)
    roles = folder.protocol().lock.signatures
    if role:
        create_signer(folder, name=name or role, role=role, meaning=meaning, passphrase=passphrase(role))
    held = available(folder, roles)
    result(
        {"roles": [{"role": r, "key": there} for r, there in held.items()]},
        as_json,
        lambda: table(("role", "key"), ((r, "yes" if there else "no") for r, there in held.items())),
    )


def desk(
    study: Study = _HERE,
    host: Annotated[
        str, typer.Option(help="Address to listen on; TLS in front of any but loopback.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8770,
) -> None:
    """Serve the pages of reviewers, arbitrator, abstractors, data manager and auditor until Ctrl-C.

    On a simulated study, and on loopback only, anybody may sign in to an account of every role; once it
    is locked they work in practice.db, which is filled with work to do and leaves the study as it is.
    """
    from extract.study.folder import StudyFolder
    from validate.desk.app import serve

    folder = StudyFolder.at(study)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if folder.protocol().study.simulated and host in {"127.0.0.1", "::1", "localhost"}:
        from flows.practice import open_practice

        talk("Preparing the demo's desk ...")
        database, people = open_practice(folder)
        talk(f"{address} - stop with Ctrl-C")
        with database:
            serve(folder, host=host, port=port, database=database, demo=people)
    else:
        talk(f"{address} - stop with Ctrl-C")
        serve(folder, host=host, port=port)


def _tokens(listed: list[dict[str, str]], fresh: dict[str, str]) -> Iterator[str]:
    columns = ("id", "account", "role", "expires", "label")
    yield from table(columns, ([one[name] for name in columns] for one in listed))
    if fresh:
        yield f"\n{fresh['token']}"
        talk("Copy the token now: it is not shown again.")


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def passphrase(role: str) -> str:
    """The passphrase of a role's key: from COHORTLOCK_PASSPHRASE_<ROLE>, or asked for on a terminal."""
    from flows.steps import passphrase_variable

    return _secret(f"Passphrase of {role}", passphrase_variable(role))


def _secret(what: str, variable: str) -> str:
    """A secret from the environment, or typed unseen. Raises NotReady where there is neither."""
    if (given := os.environ.get(variable)) is not None:
        return given
    if not sys.stdin.isatty():
        raise NotReady(f"{what}: needed", f"Run in a terminal, or set {variable} for this command.")
    import getpass

    return getpass.getpass(f"{what}: ")
