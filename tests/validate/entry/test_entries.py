"""Two people type blind, a third settles, and the error rate has an honest denominator."""

from __future__ import annotations

import pytest

from extract.errors import NotFound, Refused
from extract.study.audit import verify_chain
from validate.entry.comparison import Rate, compare
from validate.entry.entries import Typed, enter, enter_all, resolve
from validate.entry.forms import Value
from validate.entry.own_passes import compare_passes
from validate.entry.standing import entered, standings
from validate.review import queue
from validate.review.cases import case, cases
from validate.review.decisions import Given, decide_all
from validate.review.rules import ValuePhase


def judge_all(db, people, patients=("p1", "p2"), **verdicts):
    verdicts = {"I2": "met", "E1": "not_met", "E2": "not_met"} | verdicts
    given = [Given(criterion, verdict) for criterion, verdict in verdicts.items()]
    for patient in patients:
        for who in (people.first, people.second):
            decide_all(db, who, patient, given, request_id=f"{who.id}-{patient}")


@pytest.fixture
def judged(queued, people):
    """Both candidates eligible."""
    judge_all(queued, people)
    return queued


def fields(db, patient="p1"):
    with db.reading() as connection:
        return standings(connection, db.protocol, [case(connection, patient).candidate])[patient]


def type_in(db, people, raw, again, patient="p1", variable="score", timepoint="T0"):
    enter(
        db,
        people.typist,
        patient,
        variable,
        timepoint,
        raw,
        pass_=1,
        request_id=f"1{patient}{variable}{timepoint}",
    )
    enter(
        db,
        people.retypist,
        patient,
        variable,
        timepoint,
        again,
        pass_=2,
        request_id=f"2{patient}{variable}{timepoint}",
    )


def test_two_who_type_the_same_settle_the_field(judged, people):
    type_in(judged, people, "5", "５．０ 分")
    standing = fields(judged)["score", "T0"]
    assert standing.phase is ValuePhase.COMPLETE
    assert standing.final == Value(50, "5.0")
    assert [standing.first.raw, standing.second.raw] == ["5", "５．０ 分"], "what was typed is kept as typed"


@pytest.mark.parametrize(
    ("choice", "third", "final"), [("first", "", "5.0"), ("second", "", "6.0"), ("third", "5.5", "5.5")]
)
def test_a_third_person_settles_with_a_reason(judged, people, choice, third, final):
    type_in(judged, people, "5", "6")
    assert fields(judged)["score", "T0"].phase is ValuePhase.RECONCILIATION
    with pytest.raises(Refused, match="needs a reason"):
        resolve(judged, people.third, "p1", "score", "T0", choice, reason="", raw=third, request_id="r")
    for _ in range(2):
        resolve(judged, people.third, "p1", "score", "T0", choice, reason="note", raw=third, request_id="r")
    standing = fields(judged)["score", "T0"]
    assert standing.final.value == final
    assert (standing.first.value.value, standing.second.value.value) == ("5.0", "6.0")
    with pytest.raises(Refused, match="somebody has settled"):
        resolve(judged, people.manager, "p1", "score", "T0", "first", reason="x", request_id="s")


def test_the_second_entry_is_by_another_person(judged, people):
    enter(judged, people.typist, "p1", "score", "T0", "5", pass_=1, request_id="1")
    for field in (("score", "T0"), ("score", "T1"), ("site", "")):
        with pytest.raises(Refused, match="same person"):
            enter(judged, people.typist, "p1", *field, "1", pass_=2, request_id=f"2{field}")
    enter(judged, people.typist, "p2", "score", "T0", "5", pass_=2, request_id="3")
    with pytest.raises(Refused, match="a colleague"):
        enter(judged, people.retypist, "p1", "score", "T0", "6", pass_=1, request_id="4")


def test_a_slip_is_mended_until_the_other_entry_stands(judged, people):
    enter(judged, people.typist, "p1", "score", "T0", "5", pass_=1, request_id="1")
    enter(judged, people.typist, "p1", "score", "T0", "6", pass_=1, request_id="2")
    enter(judged, people.retypist, "p1", "score", "T0", "6", pass_=2, request_id="3")
    with pytest.raises(Refused, match="both entries stand"):
        enter(judged, people.typist, "p1", "score", "T0", "7", pass_=1, request_id="4")
    with judged.reading() as connection:
        assert [one.raw for one in entered(connection)] == ["5", "6", "6"]
        assert verify_chain(connection) == []


def test_the_same_request_returns_the_first_result(judged, people):
    typed = [Typed("score", "T0", "5"), Typed("site", raw="1;3")]
    once = enter_all(judged, people.typist, "p1", typed, pass_=1, request_id="a")
    assert enter_all(judged, people.typist, "p1", typed, pass_=1, request_id="a") == once
    with pytest.raises(Refused, match="something else"):
        enter_all(judged, people.typist, "p1", [Typed("score", "T0", "6")], pass_=1, request_id="a")


def test_values_wait_for_eligibility(queued, people):
    with pytest.raises(Refused, match="review is not complete"):
        enter(queued, people.typist, "p1", "score", "T0", "5", pass_=1, request_id="1")
    judge_all(queued, people, E1="met")
    with pytest.raises(Refused, match="not eligible"):
        enter(queued, people.typist, "p1", "score", "T0", "5", pass_=1, request_id="1")


@pytest.mark.parametrize("role", ["first", "third", "manager", "auditor", "analyst"])
def test_only_abstractors_type(judged, people, role):
    with pytest.raises(Refused, match="may not enter"):
        enter(judged, getattr(people, role), "p1", "score", "T0", "5", pass_=1, request_id="1")


def test_only_fields_of_the_form_are_typed(judged, people):
    for field in (("hb", "T0"), ("score", ""), ("score", "T9"), ("ghost", "")):
        with pytest.raises(NotFound):
            enter(judged, people.typist, "p1", *field, "5", pass_=1, request_id="1")


def test_who_typed_it_does_not_settle_it(judged, people):
    type_in(judged, people, "5", "6")
    with pytest.raises(Refused, match="may not resolve"):
        resolve(judged, people.typist, "p1", "score", "T0", "first", reason="r", request_id="r")
    from validate.review import accounts

    accounts.change(judged, people.manager, "typ1", role="arbitrator")
    with pytest.raises(Refused, match="does not settle"):
        resolve(judged, people.typist, "p1", "score", "T0", "first", reason="r", request_id="r")


def test_there_must_be_a_difference_to_settle(judged, people):
    with pytest.raises(Refused, match="no difference"):
        resolve(judged, people.third, "p1", "score", "T0", "first", reason="r", request_id="r")
    type_in(judged, people, "5", "5")
    with pytest.raises(Refused, match="no difference"):
        resolve(judged, people.third, "p1", "score", "T0", "first", reason="r", request_id="r")


def test_a_field_reopens_when_its_record_changes(judged, people, small, screening):
    """...and only that field: the other timepoint stands."""
    type_in(judged, people, "5", "5")
    type_in(judged, people, "3", "3", timepoint="T1")
    queue.enqueue(judged, small, screening(2, scores={("p1", "T0"): 60}), "run2")
    found = fields(judged)
    assert found["score", "T0"].phase is ValuePhase.ENTRY
    assert found["score", "T1"].phase is ValuePhase.COMPLETE


def test_the_denominator_counts_only_where_an_error_could_be_found(judged, people):
    """Of six fields: one differs, two are equal, one is blank in both, one is half done, one untouched."""
    type_in(judged, people, "5", "6")
    type_in(judged, people, "not_done", "not_done", timepoint="T1")
    type_in(judged, people, "1", "1", variable="site", timepoint="")
    type_in(judged, people, "5", "5", patient="p2")
    enter(judged, people.typist, "p2", "score", "T1", "5", pass_=1, request_id="half")
    resolve(judged, people.third, "p1", "score", "T0", "second", reason="r", request_id="r")
    with judged.reading() as connection:
        found = compare(
            standings(connection, judged.protocol, [c.candidate for c in cases(connection).values()])
        )
    assert found.fields == Rate(1, 3)
    assert found.records == Rate(1, 2)
    assert (found.both_blank, found.incomplete) == (1, 2)
    assert found.by_field == {"score@T0": Rate(1, 2), "site": Rate(0, 1)}
    assert found.by_person == {"typ1": Rate(1, 3), "typ2": Rate(0, 3)}
    assert found.fields.rate.low < 1 / 3 < found.fields.rate.high
    assert [(patient, one.field.name) for patient, one in found.differences] == [("p1", "score@T0")]
    assert "'p1'" not in str(found.to_json())


def test_different_reasons_for_a_blank_are_a_difference(judged, people):
    type_in(judged, people, "not_done", "not_documented")
    assert fields(judged)["score", "T0"].phase is ValuePhase.RECONCILIATION


def test_nothing_compared_has_no_rate():
    assert Rate(0, 0).rate.value is None
    assert Rate(0, 0).rate.note


def test_the_study_s_two_passes_get_the_report_of_two_files(judged, people):
    """...with the same figures as the study's own comparison, and each abstractor against what counts."""
    type_in(judged, people, "5", "5.0 cm")
    type_in(judged, people, "7", "not_done", timepoint="T1")
    type_in(judged, people, "1;3", "颈", variable="site", timepoint="")
    type_in(judged, people, "not_documented", "not_documented", patient="p2")
    enter(judged, people.typist, "p2", "score", "T1", "<0.5", pass_=1, request_id="half")
    found = compare_passes(judged)
    with judged.reading() as connection:
        held = [one.candidate for one in cases(connection).values()]
        same = compare(standings(connection, judged.protocol, held))
    assert (found.fields, found.records) == (same.fields, same.records) == (Rate(2, 3), Rate(1, 1))
    assert (found.both_blank, found.common) == (same.both_blank, 2) == (1, 2)
    assert found.incomplete == 2, "p2's score of T1 has one entry, its site has none"
    assert [one.name for one in found.differences] == ["score@T1", "site"]
    assert found.persons == same.by_person
    for person, rates in found.persons_by_field.items():
        summed = Rate(sum(r.errors for r in rates.values()), sum(r.compared for r in rates.values()))
        assert summed == found.persons[person]
    assert found.persons_by_field["typ1"] == {"score@T0": Rate(0, 1)}
    assert not found.violations
    assert "'p1'" not in str(found.to_json())
