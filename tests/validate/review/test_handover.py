"""A person leaves: open work moves evenly, in one transaction, and nothing that was judged is lost or judged twice."""

from __future__ import annotations

import pytest

from extract.errors import NotFound, Refused
from validate.review import accounts, queue
from validate.review.cases import cases
from validate.review.decisions import Given, decide_all
from validate.review.handover import Handover, hand_over

YES = [Given("I2", "met"), Given("E1", "not_met"), Given("E2", "not_met")]


@pytest.fixture
def crowd(db, people, small, screening):
    """Ten candidates of rev1 and rev2; p1 judged wholly by rev1, p2 in part, and two more reviewers have come."""
    queue.enqueue(db, small, screening(10), "run1")
    queue.assign(db, accounts.MACHINE, seed=1)
    decide_all(db, people.first, "p1", YES, request_id="p1")
    decide_all(db, people.first, "p2", YES[:1], request_id="p2")
    for name in ("rev3", "rev4"):
        accounts.add(db, accounts.MACHINE, account_id=name, name=name, role="reviewer")
    return db


def held(db):
    with db.reading() as connection:
        return cases(connection)


def test_open_work_moves_evenly_and_what_is_judged_stays(crowd, people):
    told = hand_over(crowd, people.manager, "rev1", reason="on leave")
    assert told == Handover(moved=9, stuck=0)
    now = held(crowd)
    assert [p for p, one in now.items() if one.candidate.place_of("rev1")] == ["p1"]
    loads = sorted(
        sum(one.candidate.place_of(name) is not None for one in now.values()) for name in ("rev3", "rev4")
    )
    assert loads == [4, 5]
    second = now["p2"]
    slot = next(n for n, who in second.candidate.reviewers.items() if who != "rev2")
    assert second.standing["I2"].of(slot).reviewer == "rev1", "the opinion is still hers"
    successor = accounts.Account(second.candidate.reviewers[slot], "", people.first.role)
    with pytest.raises(Refused, match="predecessor"):
        decide_all(crowd, successor, "p2", YES[:1], request_id="again")
    decide_all(crowd, successor, "p2", YES[1:], request_id="rest")
    with pytest.raises(Refused, match="not assigned"):
        decide_all(crowd, people.first, "p3", YES, request_id="late")


def test_a_second_handover_has_nothing_to_move(crowd, people):
    hand_over(crowd, people.manager, "rev1", reason="on leave")
    assert hand_over(crowd, people.manager, "rev1", reason="on leave") == Handover(0, 0)


def test_nobody_takes_a_place_of_a_candidate_whose_place_they_held(crowd, people):
    """...so with nobody else left the place stays where it is, and is counted."""
    for name in ("rev3", "rev4"):
        accounts.change(crowd, accounts.MACHINE, name, works=False)
    accounts.change(crowd, accounts.MACHINE, "rev1", works=False)
    assert hand_over(crowd, people.manager, "rev1", reason="gone") == Handover(moved=0, stuck=9)


def test_a_handover_needs_a_reason_a_right_and_somebody(crowd, people):
    with pytest.raises(Refused, match="reason"):
        hand_over(crowd, people.manager, "rev1", reason=" ")
    with pytest.raises(Refused, match="may not assign"):
        hand_over(crowd, people.first, "rev1", reason="r")
    with pytest.raises(NotFound, match="holds no place"):
        hand_over(crowd, people.manager, "rev3", reason="r")
