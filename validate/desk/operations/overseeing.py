"""Overseeing: one's own work, who owes what, agreement, queries and the audit trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from extract.errors import Refused
from extract.study.tables import audit_event
from validate.desk import work
from validate.desk.operations.opening import find_case
from validate.desk.operations.values import entering
from validate.desk.room import Room
from validate.entry.standing import standings
from validate.reconcile import reconcile
from validate.review import queries
from validate.review.accounts import require
from validate.review.agreement import Report, report
from validate.review.calibration_gate import confined
from validate.review.cases import cases, eligible, opinions
from validate.review.handover import open_work
from validate.review.queries import Thread
from validate.review.rules import Account, Action, Phase, Role

__all__ = [
    "COLUMNS",
    "Query",
    "Trail",
    "Work",
    "agreement",
    "answer",
    "ask",
    "export",
    "leavers",
    "mine",
    "owed",
    "trail",
]

_PAGE: Final = 100
COLUMNS: Final = ("seq", "at", "actor", "action", "subject", "detail", "hash")
"""What an export tells of an event."""


@dataclass(frozen=True)
class Query:
    """A query under the name by which it is answered: who asked, and how many they had asked by then.

    A row's own number would tell everybody how much others have done in between.
    """

    ref: str
    candidate: int
    thread: Thread


@dataclass(frozen=True)
class Work:
    """What lies on a person's desk: kind of work -> candidates, and open queries."""

    lists: dict[str, list[work.Item]]
    queries: list[Query]
    pilot: bool = False
    """Whether only the pilot round's candidates are listed."""


@dataclass(frozen=True)
class Trail:
    """A page of the audit trail, newest first, and what can be filtered by."""

    events: Sequence[Any]
    actors: list[str]
    actions: list[str]
    total: int
    older: int
    """Events before this one follow; 0 on the last page."""


def mine(here: Room, account: Account) -> Work:
    """What lies on this person's desk."""
    lists: dict[str, list[work.Item]] = {}
    pilot = None
    with here.database.reading() as connection:
        found = cases(connection)
        if account.role is Role.REVIEWER:
            drafted = here.drafts.candidates(account.id)
            pilot = confined(here.database, connection)
            lists["judge"] = here.places.to_judge(connection, account, drafted, pilot)
        if account.role is Role.ARBITRATOR:
            lists["arbitrate"] = work.to_arbitrate(account, found.values())
        if account.role in {Role.ABSTRACTOR, Role.ARBITRATOR, Role.DATA_MANAGER}:
            ready = {
                p: c for p, c in found.items() if eligible(here.protocol, c.finals) and c.candidate.present
            }
            typed = standings(connection, here.protocol, [c.candidate for c in ready.values()])
            if account.role is Role.ABSTRACTOR:
                lists["enter"] = work.to_enter(account, here.protocol, ready, typed)
            else:
                lists["resolve"] = work.to_resolve(account, ready, typed)
        asked = {} if account.role is Role.ANALYST else _referred(connection)
    everybody = account.role in {Role.DATA_MANAGER, Role.AUDITOR}
    open_ = [
        Query(ref, found[one.patient_id].candidate.id, one)
        for ref, one in asked.items()
        if one.is_open and (everybody or one.said[0][1] == account.id)
    ]
    return Work(lists, open_, pilot is not None)


def owed(here: Room, account: Account) -> list[tuple[str, str, int]]:
    """(who, what, how many) that stands between the study and its lock. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.LOCK)
    counted = Counter((one.owner, one.what) for one in reconcile(here.database, here.protocol).open)
    return [(owner, what, count) for (owner, what), count in sorted(counted.items())]


def leavers(here: Room, account: Account) -> list[tuple[str, int]]:
    """(reviewer, candidates on which they have still to judge), whoever has any. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.ASSIGN)
        held = list(cases(connection).values())
    names = sorted({name for one in held for name in one.candidate.reviewers.values()})
    counted = [(name, sum(open_work(one, name) for one in held)) for name in names]
    return [(name, count) for name, count in counted if count]


def declined(here: Room, account: Account) -> int:
    """How many candidates have declined since they were queued, or were never shown for it. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.LOCK)
        return here.charts.declined(list(cases(connection)))


def agreement(here: Room, account: Account) -> Report:
    """Agreement of first opinions as it stands now, over candidates that both have judged. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.READ_AUDIT)
        judged = {
            patient
            for patient, one in cases(connection).items()
            if one.candidate.present and one.phase is not Phase.INDEPENDENT
        }
        given = [one for one in opinions(connection) if one.patient_id in judged]
    return report(given, [c.id for c in here.protocol.criteria])


def trail(here: Room, account: Account, *, actor: str = "", action: str = "", before: int = 0) -> Trail:
    """Who did what and when; it names candidates by number and holds no value. Raises Refused."""
    if "\0" in actor + action:
        raise Refused("there is no such person or action", "Choose from the lists.")
    with here.database.reading() as connection:
        require(connection, account, Action.READ_AUDIT)
        query = _events(actor, action).order_by(audit_event.c.seq.desc()).limit(_PAGE)
        if 0 < before < 2**63:
            query = query.where(audit_event.c.seq < before)
        events = connection.execute(query).all()
        return Trail(
            events,
            sorted(connection.scalars(select(audit_event.c.actor).distinct())),
            sorted(connection.scalars(select(audit_event.c.action).distinct())),
            connection.scalar(select(func.count()).select_from(audit_event)) or 0,
            events[-1].seq if len(events) == _PAGE else 0,
        )


def export(here: Room, account: Account, *, actor: str = "", action: str = "") -> list[tuple[Any, ...]]:
    """Every event so chosen, oldest first, as in ``COLUMNS``; that it was taken is an event itself. Raises Refused."""
    if "\0" in actor + action:
        raise Refused("there is no such person or action", "Choose from the lists.")
    with here.database.reading() as connection:
        require(connection, account, Action.READ_AUDIT)
        columns = [audit_event.c[name] for name in COLUMNS]
        query = _events(actor, action).with_only_columns(*columns).order_by(audit_event.c.seq)
        events = [tuple(row) for row in connection.execute(query)]
    with here.database.writing(account.id) as writer:
        writer.note("audit.exported", "study/", {"events": len(events)})
    return events


def ask(here: Room, account: Account, number: int, field: str, text: str, *, request_id: str) -> Query:
    """Ask about a criterion or a field of a candidate. Raises Refused, NotFound."""
    with here.database.reading() as connection:
        require(connection, account, Action.ASK)
        found = find_case(connection, number)
    if account.role is Role.REVIEWER and found.candidate.place_of(account.id) is None:
        raise Refused("this candidate is not in your queue", "Go back to your work.")
    if account.role is Role.ABSTRACTOR:
        entering(here, account, number)
    patient = found.candidate.patient_id
    made = queries.ask(here.database, account, patient, field, text, request_id=request_id)
    with here.database.reading() as connection:
        ref = next(ref for ref, one in _referred(connection).items() if one.id == made.id)
    return Query(ref, number, made)


def answer(here: Room, account: Account, ref: str, text: str, *, close: bool, request_id: str) -> None:
    """Answer a query, or close it if it is one's own; only the data manager reads others' queries.

    Raises Refused in the same words for another's query and for one that is not there.
    """
    with here.database.reading() as connection:
        require(connection, account, Action.ASK)
        found = _referred(connection).get(ref)
    mine = found is not None and found.said[0][1] == account.id
    if found is None or not (mine or account.role is Role.DATA_MANAGER):
        raise Refused("this query is not yours", "The data manager answers queries.")
    follow = queries.close if close else queries.answer
    follow(here.database, account, found.id, text, request_id=request_id)


def _referred(connection: Connection) -> dict[str, Thread]:
    asked: Counter[str] = Counter()
    referred = {}
    for thread in queries.threads(connection):
        author = thread.said[0][1]
        asked[author] += 1
        referred[f"{author}-{asked[author]}"] = thread
    return referred


def _events(actor: str, action: str) -> Select[Any]:
    query = select(audit_event)
    if actor:
        query = query.where(audit_event.c.actor == actor)
    return query.where(audit_event.c.action == action) if action else query
