"""A change of prose asks nobody again; a change of rule asks exactly about that criterion, and everybody who judged it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extract.study import protocol as protocols
from validate.review import accounts, queue
from validate.review.cases import cases
from validate.review.decisions import Given, decide_all
from validate.review.structure import rule_hash, wording_hash

RULE = '{ variable = "score", at = "T0", at_least = 4 }'
E2 = 'label = { zh = "妊娠", en = "pregnant" }\nrule = { text = ["妊娠"] }'

PROSE = {
    "label": ('en = "pregnant"', 'en = "pregnant at T0"'),
    "guidance": (E2, E2 + '\nguidance = { zh = "疑似不算", en = "a suspicion is not enough" }'),
    "title": ('en = "small"', 'en = "smaller"'),
    "label of the variable": ('en = "Score"', 'en = "Pain score"'),
    "spelling that the machine reads": ('labels = ["score"]', 'labels = ["score", "points"]'),
}
RULES = {
    "threshold": ("at_least = 4", "at_least = 5", {"I2"}),
    "logic": (RULE, f"{{ not = {RULE} }}", {"I2"}),
    "terms": ('text = ["妊娠"]', 'text = ["妊娠", "孕"]', {"E2"}),
    "timepoint": ('"T0", at_least', '"T1", at_least', {"I2"}),
    "window of the timepoint": (
        'T0 = { anchor = "first_match" }',
        'T0 = { anchor = "first_match", window = [-7, 7] }',
        {"I2"},
    ),
    "where the value is read from": ('source = { text = "score" }', 'source = { scale = "VAS" }', {"I2"}),
    "window that no criterion names": ("window = [21, 35]", "window = [20, 35]", set()),
}


@pytest.fixture
def database_url(tmp_path):
    """What is compared is no matter of the database: one kind is enough."""
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def changed(study_text):
    """The small study with one thing said otherwise."""

    def make(before: str, after: str) -> protocols.Protocol:
        assert before in study_text
        return protocols.parse(study_text.replace(before, after, 1))

    return make


def judged(db, people, screening):
    """Two candidates, each judged wholly by both."""
    queue.enqueue(db, db.protocol, screening(2), "run1")
    queue.assign(db, accounts.MACHINE, seed=1)
    for patient in ("p1", "p2"):
        for who in (people.first, people.second):
            given = [Given("I2", "met"), Given("E1", "not_met"), Given("E2", "not_met")]
            decide_all(db, who, patient, given, request_id=f"{who.id}{patient}")
    return db


def still_standing(db) -> set[tuple[str, str]]:
    with db.reading() as connection:
        return {
            (patient, criterion)
            for patient, case in cases(connection).items()
            for criterion, standing in case.standing.items()
            if standing.first is not None and standing.second is not None
        }


@pytest.mark.parametrize("what", PROSE)
def test_a_change_of_prose_keeps_every_opinion(db, people, screening, changed, what):
    judged(db, people, screening)
    before = still_standing(db)
    again = changed(*PROSE[what])
    assert again.hash != db.protocol.hash
    told = queue.enqueue(db, again, replace(screening(2), protocol=again), "run2")
    assert (told["changed"], told["reopened"]) == (0, 0)
    assert still_standing(db) == before


@pytest.mark.parametrize("what", RULES)
def test_a_change_of_rule_reopens_that_criterion_and_no_other(db, people, small, screening, changed, what):
    """...for every candidate, and both opinions of each."""
    *replaced, affected = RULES[what]
    judged(db, people, screening)
    before = still_standing(db)
    again = changed(*replaced)
    told = queue.enqueue(db, again, replace(screening(2), protocol=again), "run2")
    assert told["reopened"] == 2 * 2 * len(affected)
    assert before - still_standing(db) == {(p, c) for p in ("p1", "p2") for c in affected}
    by_id = {c.id: c for c in again.criteria}
    for one in small.criteria:
        same = rule_hash(small, one) == rule_hash(again, by_id[one.id])
        assert same == (one.id not in affected)


def test_the_hash_of_the_wording_is_of_label_and_guidance_alone(small, changed):
    by_id = {c.id: c for c in small.criteria}
    for what, (before, after) in PROSE.items():
        again = {c.id: c for c in changed(before, after).criteria}
        differ = {name for name in by_id if wording_hash(by_id[name]) != wording_hash(again[name])}
        assert differ == ({"E2"} if what in {"label", "guidance"} else set()), what
    for before, after, _ in RULES.values():
        again = {c.id: c for c in changed(before, after).criteria}
        assert all(wording_hash(by_id[name]) == wording_hash(again[name]) for name in by_id)
