"""Work: what lies on whose desk, computed for one account from what that account may know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from extract.study.protocol import Protocol
from validate.entry.standing import FieldStanding
from validate.review.cases import Case, eligible
from validate.review.rules import Account, Phase, ValuePhase

__all__ = ["Item", "pass_of", "to_arbitrate", "to_enter", "to_resolve"]

Standings = Mapping[str, Mapping[tuple[str, str], FieldStanding]]


@dataclass(frozen=True)
class Item:
    """One line of a queue. ``candidate`` is a number that says nothing about the patient."""

    candidate: int
    done: int
    of: int
    reopened: bool = False
    drafted: bool = False
    """Whether something has been judged and not handed in."""

    @property
    def left(self) -> int:
        """What is still to do."""
        return self.of - self.done


def to_arbitrate(account: Account, cases: Iterable[Case]) -> list[Item]:
    """Candidates on which two others differ and all of whose opinions are in."""
    items = []
    for case in cases:
        if not case.candidate.present or case.phase is not Phase.ARBITRATION:
            continue
        if account.id in case.candidate.ever:
            continue
        open_ = [s for s in case.standing.values() if s.phase is Phase.ARBITRATION]
        settled = sum(s.ruling is not None for s in case.standing.values())
        items.append(Item(case.candidate.id, settled, settled + len(open_)))
    return items


def pass_of(account: Account, fields: Mapping[tuple[str, str], FieldStanding]) -> int | None:
    """Which of the two entries of a candidate is this person's: the one they began, else the first that is free."""
    holders = {
        n: {one.abstractor for field in fields.values() if (one := field.of(n)) is not None} for n in (1, 2)
    }
    for number, names in holders.items():
        if account.id in names:
            return number
    return next((number for number, names in holders.items() if not names), None)


def to_enter(account: Account, protocol: Protocol, cases: Mapping[str, Case], typed: Standings) -> list[Item]:
    """Eligible candidates with a pass that is this person's or free."""
    items = []
    for patient, case in cases.items():
        if not case.candidate.present or not eligible(protocol, case.finals):
            continue
        number = pass_of(account, typed[patient])
        if number is not None:
            fields = typed[patient].values()
            items.append(Item(case.candidate.id, sum(f.of(number) is not None for f in fields), len(fields)))
    return sorted(items, key=lambda item: (item.left == 0, item.candidate))


def to_resolve(account: Account, cases: Mapping[str, Case], typed: Standings) -> list[Item]:
    """Candidates with fields whose two entries differ, none of them this person's."""
    items = []
    for patient, fields in typed.items():
        open_ = [f for f in fields.values() if f.phase is ValuePhase.RECONCILIATION]
        typists = {one.abstractor for f in open_ for one in (f.first, f.second) if one}
        if open_ and account.id not in typists:
            settled = sum(f.resolved is not None for f in fields.values())
            items.append(Item(cases[patient].candidate.id, settled, settled + len(open_)))
    return items
