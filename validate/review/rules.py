"""The rules of review and double entry, as data and pure functions: who may, in which state, who sees what.

Blinding lives here and only here.  Three questions, three answers, no database:

    may(role, action)            permissions: what a role may do at all
    open_for(action, phase)      policies: in which phase it may be done
    sees(viewer, opinion, ...)   visibility: whose opinion this session may be shown

``REVIEW`` and ``VALUES`` are the transitions; ``mermaid`` draws docs/review.md from the same tables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = [
    "OWNERS",
    "REVIEW",
    "VALUES",
    "Account",
    "Action",
    "Event",
    "Phase",
    "Role",
    "ValueEvent",
    "ValuePhase",
    "Verdict",
    "Viewer",
    "may",
    "mermaid",
    "open_for",
    "review_phase",
    "sees_entry",
    "sees_opinion",
    "value_phase",
    "whole_phase",
]


class Role(StrEnum):
    """What an account is for; one account has one role."""

    DATA_MANAGER = "data_manager"
    REVIEWER = "reviewer"
    ARBITRATOR = "arbitrator"
    ABSTRACTOR = "abstractor"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    MACHINE = "machine"


@dataclass(frozen=True)
class Account:
    """A person, or the machine, under the name that stands in the audit."""

    id: str
    name: str
    role: Role


class Verdict(StrEnum):
    """What a person says of a criterion: whether its condition literally holds."""

    MET = "met"
    NOT_MET = "not_met"
    CANNOT_TELL = "cannot_tell"


class Phase(StrEnum):
    """Where a candidate's criterion stands."""

    INDEPENDENT = "independent"
    ARBITRATION = "arbitration"
    COMPLETE = "complete"


class Event(StrEnum):
    """What moves a criterion from phase to phase."""

    OPINION = "opinion"
    AGREED = "both agree"
    DIFFERED = "they differ"
    ARBITRATED = "arbitrated"
    EVIDENCE_CHANGED = "evidence changed"


class ValuePhase(StrEnum):
    """Where a doubly entered field stands."""

    ENTRY = "entry"
    RECONCILIATION = "reconciliation"
    COMPLETE = "complete"


class ValueEvent(StrEnum):
    """What moves a field from phase to phase."""

    ENTERED = "entered"
    EQUAL = "both equal"
    DIFFERED = "they differ"
    RESOLVED = "resolved"
    EVIDENCE_CHANGED = "evidence changed"


REVIEW: Final[Mapping[tuple[Phase, Event], Phase]] = {
    (Phase.INDEPENDENT, Event.OPINION): Phase.INDEPENDENT,
    (Phase.INDEPENDENT, Event.AGREED): Phase.COMPLETE,
    (Phase.INDEPENDENT, Event.DIFFERED): Phase.ARBITRATION,
    (Phase.INDEPENDENT, Event.EVIDENCE_CHANGED): Phase.INDEPENDENT,
    (Phase.ARBITRATION, Event.ARBITRATED): Phase.COMPLETE,
    (Phase.ARBITRATION, Event.EVIDENCE_CHANGED): Phase.INDEPENDENT,
    (Phase.COMPLETE, Event.EVIDENCE_CHANGED): Phase.INDEPENDENT,
}

VALUES: Final[Mapping[tuple[ValuePhase, ValueEvent], ValuePhase]] = {
    (ValuePhase.ENTRY, ValueEvent.ENTERED): ValuePhase.ENTRY,
    (ValuePhase.ENTRY, ValueEvent.EQUAL): ValuePhase.COMPLETE,
    (ValuePhase.ENTRY, ValueEvent.DIFFERED): ValuePhase.RECONCILIATION,
    (ValuePhase.ENTRY, ValueEvent.EVIDENCE_CHANGED): ValuePhase.ENTRY,
    (ValuePhase.RECONCILIATION, ValueEvent.RESOLVED): ValuePhase.COMPLETE,
    (ValuePhase.RECONCILIATION, ValueEvent.EVIDENCE_CHANGED): ValuePhase.ENTRY,
    (ValuePhase.COMPLETE, ValueEvent.EVIDENCE_CHANGED): ValuePhase.ENTRY,
}

OWNERS: Final[Mapping[Phase | ValuePhase, frozenset[Role]]] = {
    Phase.INDEPENDENT: frozenset({Role.REVIEWER}),
    Phase.ARBITRATION: frozenset({Role.ARBITRATOR}),
    Phase.COMPLETE: frozenset({Role.DATA_MANAGER}),
    ValuePhase.ENTRY: frozenset({Role.ABSTRACTOR}),
    ValuePhase.RECONCILIATION: frozenset({Role.ARBITRATOR, Role.DATA_MANAGER}),
    ValuePhase.COMPLETE: frozenset({Role.DATA_MANAGER}),
}
"""Whose turn it is; nothing may rest in a phase that is nobody's."""


class Action(StrEnum):
    """What can be done."""

    ENQUEUE = "enqueue"
    ASSIGN = "assign"
    DECIDE = "decide"
    ARBITRATE = "arbitrate"
    ENTER = "enter"
    RESOLVE = "resolve"
    ASK = "ask"
    CALIBRATE = "calibrate"
    WAIVE = "waive"
    LOCK = "lock"
    ACCOUNTS = "accounts"
    READ_CHART = "read chart"
    READ_AUDIT = "read audit"


_PEOPLE_AT_CHARTS: Final = frozenset({Role.REVIEWER, Role.ARBITRATOR, Role.ABSTRACTOR, Role.DATA_MANAGER})

_MAY: Final[Mapping[Action, frozenset[Role]]] = {
    Action.ENQUEUE: frozenset({Role.MACHINE}),
    Action.ASSIGN: frozenset({Role.MACHINE, Role.DATA_MANAGER}),
    Action.DECIDE: frozenset({Role.REVIEWER}),
    Action.ARBITRATE: frozenset({Role.ARBITRATOR}),
    Action.ENTER: frozenset({Role.ABSTRACTOR}),
    Action.RESOLVE: frozenset({Role.ARBITRATOR, Role.DATA_MANAGER}),
    Action.ASK: _PEOPLE_AT_CHARTS,
    Action.CALIBRATE: frozenset({Role.MACHINE, Role.DATA_MANAGER}),
    Action.WAIVE: frozenset({Role.DATA_MANAGER}),
    Action.LOCK: frozenset({Role.DATA_MANAGER}),
    Action.ACCOUNTS: frozenset({Role.MACHINE, Role.DATA_MANAGER}),
    Action.READ_CHART: _PEOPLE_AT_CHARTS,
    Action.READ_AUDIT: frozenset({Role.AUDITOR, Role.DATA_MANAGER}),
}

_OPEN: Final[Mapping[Action, frozenset[Phase | ValuePhase]]] = {
    Action.DECIDE: frozenset({Phase.INDEPENDENT}),
    Action.ARBITRATE: frozenset({Phase.ARBITRATION}),
    Action.ENTER: frozenset({ValuePhase.ENTRY}),
    Action.RESOLVE: frozenset({ValuePhase.RECONCILIATION}),
}


def may(role: Role | None, action: Action) -> bool:
    """Whether ``role`` may ever do ``action``; nobody signed in may do nothing."""
    return role is not None and role in _MAY[action]


def open_for(action: Action, phase: Phase | ValuePhase) -> bool:
    """Whether ``action`` can be done in ``phase``; actions without a policy are not bound to one."""
    return action not in _OPEN or phase in _OPEN[action]


def review_phase(verdicts: tuple[Verdict | None, Verdict | None], *, arbitrated: bool) -> Phase:
    """Where a criterion stands, from the two opinions on its present evidence."""
    first, second = verdicts
    if first is None or second is None:
        return Phase.INDEPENDENT
    return Phase.COMPLETE if first == second or arbitrated else Phase.ARBITRATION


def value_phase(*, entered: tuple[bool, bool], equal: bool, resolved: bool) -> ValuePhase:
    """Where a field stands, from the two entries on its present evidence."""
    if not all(entered):
        return ValuePhase.ENTRY
    return ValuePhase.COMPLETE if equal or resolved else ValuePhase.RECONCILIATION


def whole_phase(phases: Collection[Phase]) -> Phase:
    """Where a candidate stands: as far as the least finished of its criteria."""
    order = list(Phase)
    return min(phases, key=order.index, default=Phase.COMPLETE)


@dataclass(frozen=True)
class Viewer:
    """A session as the rules see it: the account, and what it is to this candidate."""

    account: Account | None
    reviewers: frozenset[str] = frozenset()
    """Accounts that hold, or ever held, one of the candidate's two places."""


def sees_opinion(viewer: Viewer, author: str, whole: Phase) -> bool:
    """Whether ``viewer`` may be shown the opinion of ``author`` on a candidate in phase ``whole``.

    Everybody sees their own.  A reviewer of the candidate sees the other's only when all is complete;
    an arbitrator who is neither of the two, both, once both have committed; data manager and auditor
    when complete; anybody else, and any other role, nothing.  A candidate is judged as a whole: the
    other's opinion on one criterion would colour the next.
    """
    account = viewer.account
    if account is None:
        return False
    if account.id == author:
        return account.role is Role.REVIEWER
    if account.role is Role.REVIEWER:
        return account.id in viewer.reviewers and whole is Phase.COMPLETE
    if account.role is Role.ARBITRATOR:
        return account.id not in viewer.reviewers and whole is not Phase.INDEPENDENT
    return account.role in {Role.DATA_MANAGER, Role.AUDITOR} and whole is Phase.COMPLETE


def sees_entry(account: Account | None, author: str, phase: ValuePhase) -> bool:
    """Whether ``account`` may be shown what ``author`` entered in a field in ``phase``.

    An abstractor sees their own and nothing else, ever: there is no moment at which knowing the other
    pass would help.  Who settles differences sees both, once both stand.
    """
    if account is None:
        return False
    if account.id == author:
        return account.role is Role.ABSTRACTOR
    if account.role in {Role.ARBITRATOR, Role.DATA_MANAGER}:
        return phase is not ValuePhase.ENTRY
    return account.role is Role.AUDITOR and phase is ValuePhase.COMPLETE


def mermaid() -> str:
    """Both state machines as Mermaid text; docs/review.md carries exactly this."""
    drawn = []
    for table, first in ((REVIEW, Phase.INDEPENDENT), (VALUES, ValuePhase.ENTRY)):
        lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first.name}"]
        lines += [f"    {a.name} --> {b.name}: {event.value}" for (a, event), b in table.items()]
        states = dict.fromkeys(a for a, _ in table)
        lines += [f"    note right of {s.name}: {' or '.join(sorted(OWNERS[s]))}" for s in states]
        drawn.append("\n".join([*lines, "```"]))
    return "\n\n".join(drawn)
