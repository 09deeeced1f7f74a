"""Calibration: a pilot round that both reviewers of each case pass before anybody judges the rest.

A round is measured by first opinions on the present evidence, per criterion, against the protocol's threshold
(study.toml, ``[review] calibration``).  Each disagreement is given its cause by the data manager once it is
settled: a gap in the guideline, which must then be reworded in study.toml, an error of a reader, or a case
that is truly ambiguous.  Nothing here is stored: the state is computed from the rows as everything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from extract.study.protocol import Calibration, Label, Protocol
from extract.study.storage import rows
from extract.study.tables import calibration_code, calibration_gate, calibration_round
from validate.review.agreement import Agreement, Report, first_opinions, report
from validate.review.cases import Case, Opinion, cases, opinions
from validate.review.rules import Phase
from validate.review.structure import wording_hash

__all__ = ["Cause", "Code", "Disagreement", "Gate", "Lack", "Round", "State", "condition", "meets", "state"]


class Cause(StrEnum):
    """Why two people said different things of one criterion."""

    GUIDELINE_GAP = "guideline_gap"
    READER_ERROR = "reader_error"
    TRUE_AMBIGUITY = "true_ambiguity"


@dataclass(frozen=True)
class Code:
    """What the data manager found to be the cause of a disagreement; ``wording`` only for a guideline gap."""

    cause: Cause
    note: str
    wording: str
    author: str


@dataclass(frozen=True)
class Disagreement:
    """Two first opinions that differ, of a candidate that is settled."""

    candidate: int
    patient_id: str
    criterion: str
    first: Opinion
    second: Opinion
    final: str
    code: Code | None


@dataclass(frozen=True)
class Lack:
    """What the gate still waits for: ``opinions``, ``arbitration``, ``codes``, ``wording``, ``threshold`` or ``round``."""

    what: str
    count: int
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """One pilot round as it stands."""

    number: int
    cases: tuple[int, ...]
    """Candidates drawn, those that have left since among them."""
    waiting: int
    """Cases that one of the two has still to judge."""
    unsettled: int
    """Cases that both have judged and that wait for the arbitrator."""
    agreement: Report
    """Of first opinions, over cases that both have judged as a whole."""
    met: Mapping[str, bool]
    """Criterion that anybody judged -> whether it reaches the threshold."""
    disagreements: tuple[Disagreement, ...]
    reworded: Mapping[str, bool]
    """Criterion with a guideline gap -> whether its label or guidance has changed since the round was drawn."""

    @property
    def judged(self) -> int:
        """Cases that both have judged as a whole."""
        return len(self.cases) - self.waiting

    @property
    def lacking(self) -> tuple[Lack, ...]:
        """What is still to be done before the gate can open or another round be drawn."""
        return tuple(self._lacking())

    def _lacking(self) -> Iterator[Lack]:
        if self.waiting:
            yield Lack("opinions", self.waiting)
        if self.unsettled:
            yield Lack("arbitration", self.unsettled)
        if uncoded := [d for d in self.disagreements if d.code is None]:
            yield Lack("codes", len(uncoded), tuple(sorted({d.criterion for d in uncoded})))
        if same := tuple(c for c, changed in self.reworded.items() if not changed):
            yield Lack("wording", len(same), same)
        if not self.waiting and (below := tuple(c for c, ok in self.met.items() if not ok)):
            yield Lack("threshold", len(below), below)


@dataclass(frozen=True)
class Gate:
    """That the rest was opened, after which round, by whom; ``reason`` where a criterion stayed below the threshold."""

    number: int
    met: bool
    reason: str
    author: str
    measured: Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """Where a study's calibration stands."""

    plan: Calibration | None
    rounds: tuple[Round, ...]
    gate: Gate | None

    @cached_property
    def lacking(self) -> tuple[Lack, ...]:
        """What the gate waits for; empty when it may be opened, is open, or none is asked for."""
        if self.plan is None or self.gate is not None:
            return ()
        return self.rounds[-1].lacking if self.rounds else (Lack("round", 1),)

    def to_json(self) -> dict[str, Any]:
        """The ``calibration`` --json contract: candidates by number, no words of anybody."""
        return {
            "declared": self.plan.model_dump() if self.plan else None,
            "open": self.plan is None or self.gate is not None,
            "gate": asdict(self.gate) if self.gate else None,
            "lacking": [asdict(one) | {"criteria": list(one.criteria)} for one in self.lacking],
            "rounds": [_told(one) for one in self.rounds],
        }


def state(connection: Connection, protocol: Protocol, held: Mapping[str, Case] | None = None) -> State:
    """Where the calibration stands in this view of the database; ``held`` where the cases were read in it."""
    plan = protocol.review.pilot
    drawn = rows(connection, select(calibration_round).order_by(calibration_round.c.number))
    opened = rows(connection, select(calibration_gate).order_by(calibration_gate.c.id))
    if not drawn:
        return State(plan, (), None)
    held = cases(connection) if held is None else held
    by_number = {case.candidate.id: case for case in held.values()}
    given = opinions(connection)
    coded = rows(connection, select(calibration_code).order_by(calibration_code.c.id))
    codes = {(row["first_decision"], row["second_decision"]): _code(row) for row in coded}
    rounds = tuple(_round(row, protocol, plan or Calibration(), by_number, given, codes) for row in drawn)
    return State(plan, rounds, _gate(opened[0]) if opened else None)


def meets(plan: Calibration, found: Agreement) -> bool:
    """Whether one of the coefficients reaches what the protocol asks; an undefined one reaches nothing."""
    asked = [
        (found.kappa.value, plan.kappa_at_least),
        (found.percent.value, plan.or_agreement_at_least),
        (found.ac1.value, plan.or_ac1_at_least),
    ]
    # Decimals of the protocol are not floats: 19 of 20 is 0.95.
    return any(value is not None and least is not None and value >= least - 1e-12 for value, least in asked)


def condition(found: State) -> tuple[bool, Label] | None:
    """The lock's question: has the calibration been passed? None where the protocol asks for none."""
    if found.plan is None:
        return None
    if found.gate is None:
        return False, Label(zh="预评审尚未通过", en="the pilot round has not been passed")
    if found.gate.met:
        zh = f"预评审第 {found.gate.number} 轮达到方案要求"
        return True, Label(zh=zh, en=f"pilot round {found.gate.number} reached what the protocol asks")
    zh = f"预评审第 {found.gate.number} 轮未全部达标，已说明理由后放行"
    en = f"pilot round {found.gate.number} stayed below the threshold and was let pass with a reason"
    return True, Label(zh=zh, en=en)


def _round(
    row: Mapping[str, Any],
    protocol: Protocol,
    plan: Calibration,
    by_number: Mapping[int, Case],
    given: Sequence[Opinion],
    codes: Mapping[tuple[int, int], Code],
) -> Round:
    numbers = tuple(json.loads(row["cases"]))
    present = {c.candidate.patient_id: c for n in numbers if (c := by_number.get(n)) and c.candidate.present}
    whole = {p: c for p, c in present.items() if c.phase is not Phase.INDEPENDENT}
    firsts = [
        one
        for one in given
        if one.patient_id in whole
        and whole[one.patient_id].candidate.criterion_hashes.get(one.criterion) == one.evidence_hash
    ]
    reviewed = [c.id for c in protocol.criteria if any(c.id in w.candidate.reviewed for w in whole.values())]
    agreed = report(firsts, reviewed)
    differing = tuple(
        Disagreement(
            candidate=whole[patient].candidate.id,
            patient_id=patient,
            criterion=criterion,
            first=first,
            second=second,
            final=whole[patient].finals[criterion],
            code=codes.get((first.id, second.id)),
        )
        for (patient, criterion), (first, second) in first_opinions(firsts).items()
        # What they said is nobody else's before the arbitrator has spoken.
        if first.verdict is not second.verdict and whole[patient].phase is Phase.COMPLETE
    )
    before, now = json.loads(row["wording"]), {c.id: wording_hash(c) for c in protocol.criteria}
    gaps = {d.criterion for d in differing if d.code and d.code.cause is Cause.GUIDELINE_GAP}
    return Round(
        number=row["number"],
        cases=numbers,
        waiting=len(present) - len(whole),
        unsettled=sum(c.phase is Phase.ARBITRATION for c in whole.values()),
        agreement=agreed,
        met={name: meets(plan, one) for name, one in agreed.criteria.items() if one.n},
        disagreements=differing,
        reworded={c: before.get(c) != now.get(c) for c in reviewed if c in gaps},
    )


def _code(row: Mapping[str, Any]) -> Code:
    return Code(Cause(row["cause"]), row["note"], row["wording"], row["author"])


def _gate(row: Mapping[str, Any]) -> Gate:
    return Gate(row["number"], bool(row["met"]), row["reason"], row["author"], json.loads(row["measured"]))


def _told(one: Round) -> dict[str, Any]:
    return {
        "number": one.number,
        "cases": list(one.cases),
        "judged": one.judged,
        "waiting": one.waiting,
        "unsettled": one.unsettled,
        "agreement": one.agreement.to_json(),
        "met": dict(one.met),
        "reworded": dict(one.reworded),
        "disagreements": [
            {
                "candidate": d.candidate,
                "criterion": d.criterion,
                "verdicts": sorted({d.first.verdict.value, d.second.verdict.value}),
                "final": d.final,
                "cause": d.code.cause.value if d.code else None,
            }
            for d in one.disagreements
        ],
    }
