"""Facts of the checks: whether the records still say what was judged."""

import pyarrow as pa
import pytest

from extract.errors import NotFound
from extract.study.database import StudyDatabase
from validate.assemble import collect_facts
from validate.reconcile import reconcile
from validate.review import queue
from validate.review.accounts import MACHINE, add
from validate.review.cases import cases


class Screened:
    """What a later screening reads: each patient's evidence by hash; one that it does not know is not found."""

    values = pa.table({name: pa.array([], pa.string()) for name in ("patient_id", "status", "method")})
    verdicts = pa.table({name: pa.array([], pa.string()) for name in ("patient_id", "criterion", "evidence")})

    def __init__(self, hashes):
        self.hashes = hashes

    def evidence_hash(self, patient_id):
        """As the screening has it."""
        if patient_id not in self.hashes:
            raise NotFound("no candidate has this id", "")
        return self.hashes[patient_id]


@pytest.mark.parametrize(("now", "said"), [("same", "unchanged"), ("other", "changed"), ("gone", "changed")])
def test_a_record_that_changed_or_went_after_the_judgement_is_said(tmp_path, small, screening, now, said):
    decided = {(p, c.id): "met" for p in ("p1", "p2") for c in small.criteria}
    decided |= {place: "not_met" for place in decided if place[1].startswith("E")}
    first = screening(2, auto=decided)
    object.__setattr__(first, "protocol", every_criterion_auto(small))
    with StudyDatabase.open(tmp_path / "study.db", first.protocol) as db:
        add(db, MACHINE, account_id="ann", name="Ann", role="reviewer")
        queue.enqueue(db, first.protocol, first, "run1")
        found = reconcile(db, first.protocol)
        assert found.eligible == ("p1", "p2")
        with db.reading() as connection:
            judged = {p: case.candidate.evidence_hash for p, case in cases(connection).items()}
    hashes = {"same": judged, "other": judged | {"p2": "other"}, "gone": {"p1": judged["p1"]}}[now]
    facts = collect_facts(Screened(hashes), found, {"steps": []}, judged)
    assert facts.sources == {"p1": "unchanged", "p2": said}


def every_criterion_auto(protocol):
    """The protocol with the machine deciding alone."""
    alone = {"include": [], "exclude": []}
    for side, criteria in alone.items():
        criteria += [c.model_copy(update={"auto": True}) for c in getattr(protocol, side)]
    return protocol.model_copy(update={side: tuple(found) for side, found in alone.items()})
