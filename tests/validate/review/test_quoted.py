"""A record that a reviewer quoted by hand is evidence: the opinion given on it reopens when it changes."""

from __future__ import annotations

from validate.review import decisions, queue
from validate.review.cases import Quote, case
from validate.review.quoted import with_quoted

SAID = {"document:own": "腰痛3月，夜间加重。", "document:other": "父亲有强直性脊柱炎。"}


def said(**texts):
    """What the landing store says now."""
    now = {f"document:{name}": text for name, text in texts.items() if text is not None}
    return lambda records: {record: now[record] for record in records if record in now}


def opinion(db, people, screening, small):
    """Two reviewers judge E1 of one candidate; the first points at a note that the screening did not show."""
    queue.enqueue(db, small, screening(1), "run1", texts=said())
    queue.assign(db, people.manager)
    with db.reading() as connection:
        places = case(connection, "p1").candidate.reviewers
    first, second = (next(a for a in vars(people).values() if a.id == places[slot]) for slot in (1, 2))
    quote = Quote("document:own", 0, 4, "腰痛3月")
    decisions.decide(db, first, "p1", "E1", "met", quotes=[quote], request_id="a", texts=SAID)
    decisions.decide(db, second, "p1", "E2", "met", request_id="b", texts=SAID)
    return first


def standing(db):
    with db.reading() as connection:
        return {
            (criterion, slot)
            for criterion, one in case(connection, "p1").standing.items()
            for slot in (1, 2)
            if one.of(slot) is not None
        }


def test_what_was_quoted_by_hand_is_watched(db, people, screening, small):
    """Changed elsewhere in the record, gone, and back again; the opinion on another criterion stands throughout."""
    opinion(db, people, screening, small)
    both = {("E1", 1), ("E2", 2)}
    nights = [
        (SAID["document:own"], both, 0),
        ("腰痛3月，夜间加重，晨僵。", {("E2", 2)}, 1),
        (None, {("E2", 2)}, 0),
        (SAID["document:own"], both, 0),
    ]
    for number, (text, left, reopened) in enumerate(nights):
        counts = queue.enqueue(db, small, screening(1), f"night{number}", texts=said(own=text))
        assert counts["reopened"] == reopened
        assert standing(db) == left


def test_an_opinion_on_the_new_text_stands_while_the_old_one_does_not(db, people, screening, small):
    first = opinion(db, people, screening, small)
    new = "颈痛3月，夜间加重。"
    queue.enqueue(db, small, screening(1), "night", texts=said(own=new))
    quote = Quote("document:own", 0, 4, "颈痛3月")
    decisions.decide(
        db, first, "p1", "E1", "not_met", quotes=[quote], request_id="c", texts={"document:own": new}
    )
    for run in ("next", "after"):
        assert queue.enqueue(db, small, screening(1), run, texts=said(own=new))["reopened"] == 0
        assert ("E1", 1) in standing(db)
    queue.enqueue(db, small, screening(1), "later", texts=said(own=new + "好转"))
    assert ("E1", 1) not in standing(db)


def test_a_quote_from_before_there_were_seals_is_held_against_what_it_quoted(db, people, screening, small):
    opinion(db, people, screening, small)
    with db.reading() as connection:
        [one] = case(connection, "p1").standing["E1"].first.quotes
    assert one.seal
    old = Quote(one.record_id, one.start, one.end, one.text)
    assert with_quoted("h", [old], {one.record_id: "腰痛3月，别处改了"}) == "h"
    assert with_quoted("h", [old], {one.record_id: "颈痛3月"}) != "h"
