"""Visible: what a session is shown of a candidate's opinions, asked for in a query that cannot bring more.

Blinding is not a filter over what was fetched: the statement itself is limited to the authors that the
rules allow, so a page, a count or an export built on it cannot leak what it never had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import BindParameter, Connection, bindparam, select

from extract.study.storage import rows
from extract.study.tables import decision
from validate.review.cases import Case, Opinion, Ruling, case
from validate.review.rules import Account, Phase, Role, Viewer, sees_opinion

__all__ = ["Shown", "shown"]


_AUTHORS: Final[BindParameter[list[str]]] = bindparam("authors", expanding=True)
_BY_AUTHORS: Final = (
    select(decision)
    .where(decision.c.patient_id == bindparam("patient"), decision.c.reviewer.in_(_AUTHORS))
    .order_by(decision.c.id)
)


@dataclass(frozen=True)
class Shown:
    """What ``shown`` found: opinions that stand, by criterion, and rulings once all is complete."""

    candidate: int
    phase: Phase
    """As far as this session may know it: a reviewer's own work is done or not, no more."""
    opinions: Mapping[str, tuple[Opinion, ...]]
    rulings: Mapping[str, Ruling]


def shown(
    connection: Connection, account: Account | None, patient_id: str, found: Case | None = None
) -> Shown:
    """What ``account`` may see of one candidate, ``found`` where it was read in this view. Raises NotFound.

    To an arbitrator the two come without names and in an order that says nothing of their places.
    """
    found = found or case(connection, patient_id)
    viewer = Viewer(account, found.candidate.ever)
    authors = sorted(author for author in found.candidate.ever if sees_opinion(viewer, author, found.phase))
    standing: dict[tuple[str, int], Opinion] = {}
    for row in rows(connection, _BY_AUTHORS, {"patient": patient_id, "authors": authors}):
        opinion = Opinion.of(row)
        if found.candidate.criterion_hashes.get(opinion.criterion) == opinion.evidence_hash:
            standing[opinion.criterion, opinion.slot] = opinion
    opinions: dict[str, tuple[Opinion, ...]] = {}
    for criterion in found.candidate.reviewed:
        both = tuple(standing[criterion, slot] for slot in (1, 2) if (criterion, slot) in standing)
        opinions[criterion] = _nameless(both) if account and account.role is Role.ARBITRATOR else both
    open_to_all = found.phase is Phase.COMPLETE and bool(authors)
    rulings = {c: s.ruling for c, s in found.standing.items() if s.ruling and open_to_all}
    return Shown(found.candidate.id, _phase(found, viewer), opinions, rulings)


def _nameless(both: tuple[Opinion, ...]) -> tuple[Opinion, ...]:
    """In an order drawn per candidate and criterion, the same at every visit, unknown to anybody."""

    def draw(opinion: Opinion) -> str:
        return hashlib.sha256(f"{opinion.evidence_hash} {opinion.id}".encode()).hexdigest()

    return tuple(replace(opinion, reviewer="", slot=0, id=0) for opinion in sorted(both, key=draw))


def _phase(found: Case, viewer: Viewer) -> Phase:
    account = viewer.account
    if account is None or account.role is not Role.REVIEWER:
        return found.phase
    slot = found.candidate.place_of(account.id)
    mine = all(found.standing[c].of(slot) for c in found.candidate.reviewed) if slot else False
    # "In arbitration" would tell a reviewer that the other said something else.
    return found.phase if mine and found.phase is Phase.COMPLETE else Phase.INDEPENDENT
