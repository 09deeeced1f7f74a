"""Places: what one reviewer still has to judge, asked for so narrowly that the next chart is there at once.

The statements name this reviewer's own places and what was said in them, and nothing of the other place.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, select

from extract.study.tables import assignment, candidate, candidate_state, decision
from validate.desk.work import Item
from validate.review.cases import Candidate
from validate.review.rules import Account

__all__ = ["Places"]


_LATEST: Final = select(func.max(assignment.c.id)).group_by(assignment.c.patient_id, assignment.c.slot)
_OWN: Final = (
    select(assignment.c.patient_id, assignment.c.slot)
    .where(assignment.c.id.in_(_LATEST), assignment.c.reviewer == bindparam("reviewer"))
    .subquery()
)
_SAID: Final = select(
    decision.c.patient_id, decision.c.criterion, decision.c.evidence_hash, decision.c.reviewer
).join(_OWN, and_(_OWN.c.patient_id == decision.c.patient_id, _OWN.c.slot == decision.c.slot))
_NEWEST: Final = select(func.max(candidate_state.c.id)).group_by(candidate_state.c.patient_id)
_PLACES: Final = (
    select(candidate.c.id, candidate.c.patient_id, candidate_state.c.id)
    .join(_OWN, _OWN.c.patient_id == candidate.c.patient_id)
    .join(candidate_state, candidate_state.c.patient_id == candidate.c.patient_id)
    .where(candidate_state.c.id.in_(_NEWEST), candidate_state.c.state == "present")
)


class Places:
    """Reads queues of one study database; keeps what can never change there: which criteria a state asks for."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[dict[str, str], tuple[str, ...]]] = {}

    def to_judge(
        self,
        connection: Connection,
        account: Account,
        drafted: Collection[int] = (),
        only: Collection[int] | None = None,
    ) -> list[Item]:
        """A reviewer's candidates, open ones first; those in ``drafted`` have judgements not handed in.

        ``only``: the candidates of a pilot round that is not passed; no others are listed then.
        """
        said: dict[str, set[tuple[str, str]]] = defaultdict(set)
        mine: dict[str, set[str]] = defaultdict(set)
        whose = {"reviewer": account.id}
        for patient, criterion, evidence, reviewer in connection.execute(_SAID, whose).all():
            said[patient].add((criterion, evidence))
            if reviewer == account.id:
                mine[patient].add(criterion)
        items = []
        for number, patient, state in connection.execute(_PLACES, whose).all():
            if only is not None and number not in only:
                continue
            hashes, reviewed = self._of(connection, state)
            standing = {c for c in reviewed if (c, hashes[c]) in said[patient]}
            again = any(c in mine[patient] for c in reviewed if c not in standing)
            items.append(Item(number, len(standing), len(reviewed), again, number in drafted))
        return sorted(items, key=lambda item: (item.left == 0, not item.reopened, item.candidate))

    def _of(self, connection: Connection, state: int) -> tuple[dict[str, str], tuple[str, ...]]:
        if state not in self._asked:
            row = connection.execute(select(candidate_state).where(candidate_state.c.id == state)).one()
            hashes = dict(json.loads(row.criterion_hashes))
            held = Candidate(
                id=0,
                patient_id=row.patient_id,
                present=True,
                run=row.run,
                evidence_hash=row.evidence_hash,
                criterion_hashes=hashes,
                field_hashes={},
                machine_verdicts=json.loads(row.machine_verdicts),
                machine_values=(),
            )
            self._asked[state] = (hashes, held.reviewed)
        return self._asked[state]
