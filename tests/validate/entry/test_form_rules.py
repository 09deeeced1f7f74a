"""The form as a whole: a jump resets what it goes over, and a rule between two fields holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from extract.errors import Refused
from extract.study.audit import verify_chain
from extract.study.protocol import Protocol
from validate.entry.entries import Typed, enter, enter_all
from validate.entry.form_rules import NOT_APPLICABLE, broken, check, reopened, resets, skipped
from validate.entry.forms import Value
from validate.entry.standing import standings
from validate.review.cases import case
from validate.review.decisions import Given, decide_all

PACKS, SMOKER = ("packs", ""), ("smoker", "")
YES, NO, TEN = Value(1, "1"), Value(0, "0"), Value(10, "10")


def protocol_of(small, **entry):
    """The small study with ``smoker``, ``packs`` (skipped for who does not smoke), and a rule on the scores."""
    said = small.model_dump(by_alias=True)
    label = {"zh": "x", "en": "x"}
    source = {"text": "site"}
    smoker = {
        "id": "smoker",
        "label": label,
        "source": source,
        "entry": "double",
        "values": [{"code": 0, "zh": "否", "en": "no"}, {"code": 1, "zh": "是", "en": "yes"}],
    }
    packs = {
        "id": "packs",
        "label": label,
        "source": {"text": "score"},
        "entry": "double",
        "range": [0, 100],
        "required": False,
        "missing": ["not_documented", "not_applicable"],
    }
    said["variable"] = [*said["variable"], smoker, packs]
    said["entry"] = {
        "jump": [{"field": "smoker", "codes": [0], "over": ["packs"]}],
        "rule": [{"id": "falls", "left": "score@T1", "is": "<=", "right": "score@T0"}],
    } | entry
    return Protocol.model_validate(said)


@pytest.fixture(scope="session")
def ruled(small):
    return protocol_of(small)


def test_a_jump_skips_what_it_goes_over(ruled):
    assert skipped(ruled, {SMOKER: NO}) == {PACKS: "smoker"}
    assert skipped(ruled, {SMOKER: YES}) == skipped(ruled, {}) == {}
    assert skipped(ruled, {SMOKER: Value(None, "", "not_documented")}) == {}
    assert resets(ruled, {SMOKER: NO, PACKS: TEN}) == [PACKS]
    assert resets(ruled, {SMOKER: NO, PACKS: NOT_APPLICABLE}) == []
    assert reopened(ruled, {SMOKER: NO}, {SMOKER: YES, PACKS: NOT_APPLICABLE}) == [PACKS]


def test_a_rule_holds_between_exact_numbers_only(ruled):
    def said(before, after):
        return broken(ruled, {("score", "T0"): before, ("score", "T1"): after})

    assert said(Value(50, "5.0"), Value(51, "5.1")) == ["falls"]
    assert said(Value(50, "5.0"), Value(50, "5.0")) == []
    assert said(Value(50, "5.0"), Value(51, "5.1", comparator=">")) == []
    assert said(Value(50, "5.0"), Value(None, "", "not_done")) == []
    assert broken(ruled, {("score", "T1"): Value(51, "5.1")}) == []


entered = st.dictionaries(
    st.sampled_from([SMOKER, PACKS]), st.sampled_from([YES, NO, TEN, NOT_APPLICABLE]), max_size=2
)


@given(before=entered, typed=entered)
def test_what_check_lets_through_is_whole_after_its_resets(ruled, before, typed):
    """After a save nothing skipped holds a value, and doing it again changes nothing."""
    try:
        reset = check(ruled, before, typed)
    except Refused:
        return
    after = {**before, **typed, **dict.fromkeys(reset, NOT_APPLICABLE)}
    assert resets(ruled, after) == []
    assert not set(reset) & set(typed)
    assert check(ruled, after, {}) == []


@pytest.fixture
def judged(queued, people, ruled):
    """Both candidates eligible, in a study with these rules."""
    for patient in ("p1", "p2"):
        for who in (people.first, people.second):
            decide_all(
                queued,
                who,
                patient,
                [Given("I2", "met"), Given("E1", "not_met"), Given("E2", "not_met")],
                request_id=f"{who.id}-{patient}",
            )
    queued.protocol = ruled
    return queued


def values(db, pass_):
    with db.reading() as connection:
        found = standings(connection, db.protocol, [case(connection, "p1").candidate])["p1"]
    return {key: one.of(pass_).value for key, one in found.items() if one.of(pass_)}


def test_a_jump_resets_in_the_same_save_and_again_when_the_answer_changes(judged, people):
    """EpiData's jump with reset: the fields in between say "not applicable", whatever stood there."""
    both = [Typed("smoker", raw="1"), Typed("packs", raw="10")]
    enter_all(judged, people.typist, "p1", both, pass_=1, request_id="a")
    assert values(judged, 1)[PACKS].scaled == 10
    for _ in range(2):
        enter(judged, people.typist, "p1", "smoker", "", "否", pass_=1, request_id="b")
        assert values(judged, 1)[PACKS] == NOT_APPLICABLE
    with pytest.raises(Refused, match="packs: skipped by what stands in smoker"):
        enter(judged, people.typist, "p1", "packs", "", "77", pass_=1, request_id="c")
    with pytest.raises(Refused, match="packs: not skipped any more"):
        enter(judged, people.typist, "p1", "smoker", "", "1", pass_=1, request_id="d")
    enter_all(judged, people.typist, "p1", both, pass_=1, request_id="e")
    assert values(judged, 1) == {SMOKER: YES, PACKS: Value(10, "10")}
    with judged.reading() as connection:
        assert verify_chain(connection) == []


def test_what_both_have_entered_stays_and_is_settled_apart(judged, people):
    """A jump resets one's own open field only; a pair that stands is never changed behind anybody's back."""
    enter(judged, people.typist, "p1", "packs", "", "10", pass_=1, request_id="a")
    enter(judged, people.retypist, "p1", "packs", "", "10", pass_=2, request_id="b")
    enter(judged, people.typist, "p1", "smoker", "", "0", pass_=1, request_id="c")
    assert values(judged, 1) == {SMOKER: NO, PACKS: Value(10, "10")}


def test_one_pass_says_nothing_about_the_other(judged, people):
    """The first person's "does not smoke" neither skips nor refuses anything of the second."""
    enter(judged, people.typist, "p1", "smoker", "", "0", pass_=1, request_id="a")
    enter(judged, people.retypist, "p1", "packs", "", "20", pass_=2, request_id="b")
    assert values(judged, 2) == {PACKS: Value(20, "20")}
    enter(judged, people.retypist, "p1", "smoker", "", "1", pass_=2, request_id="c")
    assert values(judged, 2)[PACKS].scaled == 20


def test_what_breaks_a_rule_is_refused_without_its_value_and_nothing_is_kept(judged, people):
    enter(judged, people.typist, "p1", "score", "T0", "5", pass_=1, request_id="a")
    with pytest.raises(Refused, match="falls: score@T1 must be <= score@T0") as caught:
        enter_all(
            judged,
            people.typist,
            "p1",
            [Typed("smoker", raw="1"), Typed("score", "T1", raw="6.3")],
            pass_=1,
            request_id="b",
        )
    assert "6.3" not in str(caught.value)
    assert set(values(judged, 1)) == {("score", "T0")}
    enter(judged, people.typist, "p1", "score", "T1", "4", pass_=1, request_id="c")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"jump": [{"field": "score@T0", "codes": [0], "over": ["packs"]}]}, "no field of one code"),
        ({"jump": [{"field": "site", "codes": [1], "over": ["packs"]}]}, "no field of one code"),
        ({"jump": [{"field": "smoker", "codes": [7], "over": ["packs"]}]}, "code 7"),
        ({"jump": [{"field": "smoker", "codes": [0], "over": ["hb@T0"]}]}, "no other field"),
        ({"jump": [{"field": "smoker", "codes": [0], "over": ["smoker"]}]}, "no other field"),
        ({"jump": [{"field": "smoker", "codes": [0], "over": ["score@T0"]}]}, "lack not_applicable"),
        ({"rule": [{"id": "a", "left": "score", "is": "<", "right": "packs"}]}, "'score' is no number"),
        ({"rule": [{"id": "a", "left": "packs", "is": "<", "right": "smoker"}]}, "'smoker' is no number"),
        ({"rule": [{"id": "a", "left": "packs", "is": "<", "right": "score@T0"}] * 2}, "defined twice"),
    ],
)
def test_what_the_form_does_not_have_is_a_fault_of_the_protocol(small, entry, says):
    with pytest.raises(ValidationError, match=says):
        protocol_of(small, **entry)


def test_a_study_without_jumps_and_rules_keeps_its_hash(small, ruled):
    """...since the keys were added later; one that uses them has another."""
    empty = protocol_of(small, jump=[], rule=[])
    without = ruled.model_copy(update={"entry": type(ruled.entry)()})
    assert empty.hash == without.hash != ruled.hash
    assert "jump" not in small.entry.model_dump(exclude_defaults=True)
