"""From queue to ruling: nothing is lost or doubled, nobody peeks, and changed evidence reopens exactly what it touches."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from extract.errors import CohortlockError, NotFound, Refused
from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from validate.review import accounts, queue
from validate.review.cases import Quote, case, cases, opinions
from validate.review.decisions import Given, arbitrate, decide, decide_all
from validate.review.rules import Phase, Role, Verdict
from validate.review.visible import shown


def judge(db, who, patient="p1", request="", **verdicts):
    verdicts = {"I2": "met", "E1": "not_met", "E2": "not_met"} | verdicts
    given = [Given(criterion, verdict) for criterion, verdict in verdicts.items()]
    return decide_all(db, who, patient, given, request_id=request or f"{who.id}-{patient}")


def standing(db, patient="p1"):
    with db.reading() as connection:
        return case(connection, patient)


def test_only_what_a_rule_cannot_decide_is_reviewed(queued):
    """...and the rule's verdict stands with its evidence, marked as the machine's."""
    found = standing(queued)
    assert found.candidate.reviewed == ("I2", "E1", "E2")
    assert found.standing["I1"].final == "met"
    assert found.candidate.machine_verdicts["I1"]["evidence"] == ["p1-I1"]


def test_a_rule_that_cannot_tell_leaves_the_criterion_to_people(db, people, small, screening):
    queue.enqueue(db, small, screening(1, auto={("p1", "I1"): "unknown"}), "run1")
    assert standing(db).candidate.reviewed == ("I1", "I2", "E1", "E2")


def test_two_who_agree_settle_it_and_two_who_differ_do_not(queued, people):
    judge(queued, people.first)
    assert standing(queued).phase is Phase.INDEPENDENT
    judge(queued, people.second, E1="met")
    found = standing(queued)
    assert found.phase is Phase.ARBITRATION
    assert found.finals == {"I1": "met", "I2": "met", "E2": "not_met"}


def test_a_third_person_settles_with_a_reason(queued, people):
    judge(queued, people.first)
    judge(queued, people.second, E1="met")
    with pytest.raises(Refused, match="reason"):
        arbitrate(queued, people.third, "p1", "E1", "not_met", reason="  ", request_id="a")
    arbitrate(queued, people.third, "p1", "E1", "not_met", reason="an old fracture", request_id="a")
    found = standing(queued)
    assert found.phase is Phase.COMPLETE
    assert found.finals["E1"] == "not_met"
    both = {found.standing["E1"].of(slot).verdict for slot in (1, 2)}
    assert both == {Verdict.NOT_MET, Verdict.MET}, "both opinions stay as they were given"


@pytest.mark.parametrize("role", ["third", "typist", "manager", "auditor", "analyst"])
def test_who_is_no_reviewer_gives_no_opinion(queued, people, role):
    with pytest.raises(Refused, match="may not decide"):
        decide(queued, getattr(people, role), "p1", "I2", "met", request_id="x")


@pytest.mark.parametrize("role", ["first", "typist", "manager", "auditor", "analyst"])
def test_who_is_no_arbitrator_settles_nothing(queued, people, role):
    with pytest.raises(Refused, match="may not arbitrate"):
        arbitrate(queued, getattr(people, role), "p1", "E1", "met", reason="r", request_id="x")


def test_a_role_is_read_from_the_database_and_not_believed(queued, people):
    """A forged or stale session gives no right: the account's own row does."""
    forged = accounts.Account("typ1", "TYP1", Role.REVIEWER)
    with pytest.raises(Refused, match="abstractor may not decide"):
        decide(queued, forged, "p1", "I2", "met", request_id="x")
    with pytest.raises(Refused, match="unknown"):
        decide(queued, accounts.Account("ghost", "", Role.REVIEWER), "p1", "I2", "met", request_id="x")
    with pytest.raises(Refused, match="unknown"):
        accounts.add(
            queued, accounts.Account("machine", "", Role.MACHINE), account_id="x", name="x", role="reviewer"
        )
    accounts.change(queued, people.manager, "rev1", works=False)
    with pytest.raises(Refused, match="unknown or closed"):
        decide(queued, people.first, "p1", "I2", "met", request_id="x")


def test_a_reviewer_who_became_arbitrator_does_not_settle_own_cases(queued, people):
    judge(queued, people.first)
    judge(queued, people.second, E1="met")
    accounts.change(queued, people.manager, "rev1", role="arbitrator")
    with pytest.raises(Refused, match="neither of the two"):
        arbitrate(queued, people.first, "p1", "E1", "met", reason="mine", request_id="x")


def test_a_second_thought_is_a_new_row_until_the_other_has_committed(queued, people):
    before = decide(queued, people.first, "p1", "I2", "met", request_id="1")
    after = decide(queued, people.first, "p1", "I2", "not_met", request_id="2")
    with queued.reading() as connection:
        assert [o.verdict for o in opinions(connection)] == [Verdict.MET, Verdict.NOT_MET]
    assert before.id < after.id
    decide(queued, people.second, "p1", "I2", "not_met", request_id="3")
    with pytest.raises(Refused, match="both reviewers have committed"):
        decide(queued, people.first, "p1", "I2", "met", request_id="4")
    decide(queued, people.first, "p1", "E1", "met", request_id="5")


def test_the_same_request_returns_the_first_result(queued, people):
    """...even after the other has committed, and a request id is never used for something else."""
    first = decide(queued, people.first, "p1", "I2", "met", reason="r", request_id="1")
    decide(queued, people.second, "p1", "I2", "met", request_id="2")
    head = queued.head()
    assert decide(queued, people.first, "p1", "I2", "met", reason="r", request_id="1") == first
    assert queued.head() == head
    for change in ({"criterion": "E1"}, {"verdict": "not_met"}, {"patient_id": "p2"}):
        asked = {"patient_id": "p1", "criterion": "I2", "verdict": "met"} | change
        with pytest.raises(Refused, match="something else"):
            decide(queued, people.first, **asked, request_id="1")
    with pytest.raises(Refused, match="something else"):
        decide(queued, people.second, "p1", "I2", "met", request_id="1")


def test_a_bulk_post_is_kept_whole_or_not_at_all(queued, people):
    with pytest.raises(NotFound):
        judge(queued, people.first, X9="met")
    with queued.reading() as connection:
        assert opinions(connection) == []
    once = judge(queued, people.first)
    assert judge(queued, people.first) == once


@pytest.mark.parametrize(
    ("quote", "says"),
    [
        (Quote("document:1", 3, 5, "骨折"), None),
        (Quote("document:1", 3, 5, "骨裂"), "own characters"),
        (Quote("document:1", 3, 6, "骨折"), "does not fit"),
        (Quote("document:1", 90, 92, "骨折"), "own characters"),
        (Quote("document:1", -2, 0, "骨折"), "does not fit"),
        (Quote("document:9", 3, 5, "骨折"), "does not fit"),
        ({"record_id": "document:1"}, "has record_id"),
    ],
)
def test_a_quote_equals_the_record_s_characters(queued, people, quote, says):
    texts = {"document:1": "患者无骨折史😀"}
    if says is None:
        stored = decide(
            queued, people.first, "p1", "E1", "not_met", quotes=[quote], texts=texts, request_id="q"
        )
        assert stored.quotes == (quote,)
        return
    with pytest.raises(Refused, match=says) as caught:
        decide(queued, people.first, "p1", "E1", "met", quotes=[quote], texts=texts, request_id="q")
    assert "骨" not in str(caught.value)


@pytest.mark.parametrize("reason", ["a\0b", "x" * 4001])
def test_a_reason_that_no_database_could_keep_is_refused(queued, people, reason):
    with pytest.raises(Refused, match="reason"):
        decide(queued, people.first, "p1", "I2", "met", reason=reason, request_id="1")


def test_half_a_character_is_refused_and_not_echoed(queued, people):
    with pytest.raises(Refused, match="half of a character"):
        decide(queued, people.first, "p1", "I2", "met", reason="\ud800", request_id="1")


@pytest.mark.parametrize("reason", ["'; DROP TABLE decision; --", "<script>", "=1+1", "😀 术后\n第二行"])
def test_a_reason_is_kept_to_the_character(queued, people, reason):
    decide(queued, people.first, "p1", "I2", "met", reason=reason, request_id="1")
    with queued.reading() as connection:
        assert opinions(connection)[0].reason == reason
        assert verify_chain(connection) == []


def test_nobody_sees_the_other_before_both_have_committed_the_candidate(queued, people):
    judge(queued, people.second, E1="met")
    for criterion in ("I2", "E1"):
        decide(queued, people.first, "p1", criterion, "not_met", request_id=criterion)
    with queued.reading() as connection:
        for account in (None, *vars(people).values()):
            seen = [o.reviewer for os in shown(connection, account, "p1").opinions.values() for o in os]
            own = {people.first: ["rev1"] * 2, people.second: ["rev2"] * 3}
            assert seen == (own.get(account, []) if account else []), account


def test_what_the_other_said_changes_nothing_that_a_reviewer_is_shown(db, people, small, screening):
    """Two candidates that differ only in the other's verdicts look the same, up to their number."""
    queue.enqueue(db, small, screening(2), "run1")
    queue.assign(db, accounts.MACHINE, seed=1)
    judge(db, people.first, "p1")
    judge(db, people.first, "p2")
    judge(db, people.second, "p1")
    judge(db, people.second, "p2", E1="met", E2="cannot_tell")
    arbitrate(db, people.third, "p2", "E1", "met", reason="r", request_id="1")
    with db.reading() as connection:
        one, other = (shown(connection, people.first, p) for p in ("p1", "p2"))
        assert other.phase is Phase.INDEPENDENT, "arbitration would say that the other differs"
        assert {o.reviewer for os in other.opinions.values() for o in os} == {"rev1"}
        assert other.rulings == {}
        assert one.phase is Phase.COMPLETE


def test_an_arbitrator_sees_both_without_names_and_places(queued, people):
    judge(queued, people.first)
    judge(queued, people.second, E1="met")
    with queued.reading() as connection:
        both = shown(connection, people.third, "p1").opinions["E1"]
    assert {o.verdict for o in both} == {Verdict.MET, Verdict.NOT_MET}
    assert {(o.reviewer, o.slot, o.id) for o in both} == {("", 0, 0)}


def test_a_decision_is_reopened_when_its_evidence_changes(queued, people, small, screening):
    """...and only that one: opinions on unchanged criteria and on other candidates stand."""
    for patient in ("p1", "p2"):
        judge(queued, people.first, patient)
        judge(queued, people.second, patient)
    counts = queue.enqueue(queued, small, screening(2, notes={("p1", "E1"): "a new fracture"}), "run2")
    assert counts == {"new": 0, "changed": 1, "vanished": 0, "reopened": 2, "declined": 0}
    found = standing(queued)
    assert {c for c, s in found.standing.items() if s.phase is Phase.INDEPENDENT} == {"E1"}
    assert standing(queued, "p2").phase is Phase.COMPLETE
    decide(queued, people.first, "p1", "E1", "met", request_id="again1")
    decide(queued, people.second, "p1", "E1", "met", request_id="again2")
    assert standing(queued).finals["E1"] == "met"
    with queued.reading() as connection:
        assert len(opinions(connection)) == 14, "the opinions on the old evidence are still there"


def test_a_ruling_falls_with_the_opinions_that_it_settled(queued, people, small, screening):
    judge(queued, people.first)
    judge(queued, people.second, E1="met")
    arbitrate(queued, people.third, "p1", "E1", "met", reason="r", request_id="1")
    queue.enqueue(queued, small, screening(2, notes={("p1", "E1"): "new"}), "run2")
    assert standing(queued).standing["E1"].ruling is None
    assert standing(queued).phase is Phase.INDEPENDENT


def test_a_change_of_rule_reopens_it_and_a_change_of_label_does_not(queued, people, small, screening):
    judge(queued, people.first)
    reworded = small.exclude[0].model_copy(update={"label": small.exclude[1].label})
    kept = small.model_copy(update={"exclude": (reworded, small.exclude[1])})
    assert queue.enqueue(queued, kept, screening(2), "run2")["reopened"] == 0
    stricter = small.exclude[0].model_copy(update={"rule": small.exclude[1].rule})
    changed = small.model_copy(update={"exclude": (stricter, small.exclude[1])})
    assert queue.enqueue(queued, changed, screening(2), "run3")["reopened"] == 1


def test_the_same_screening_again_changes_nothing(queued, people, small, screening):
    judge(queued, people.first)
    assert set(queue.enqueue(queued, small, screening(2), "run2").values()) == {0}


def test_who_vanished_is_marked_and_comes_back_with_all_opinions(queued, people, small, screening):
    judge(queued, people.first)
    gone = screening(2)
    gone.patients = ["p2"]
    assert queue.enqueue(queued, small, gone, "run2")["vanished"] == 1
    assert not standing(queued).candidate.present
    with pytest.raises(Refused, match="no longer"):
        judge(queued, people.second)
    with pytest.raises(Refused, match="no longer"):
        arbitrate(queued, people.third, "p1", "E1", "met", reason="r", request_id="a")
    assert set(queue.enqueue(queued, small, gone, "run3").values()) == {0}
    back = queue.enqueue(queued, small, screening(2), "run4")
    assert back == {"new": 0, "changed": 1, "vanished": 0, "reopened": 0, "declined": 0}
    assert standing(queued).standing["I2"].of(standing(queued).candidate.place_of("rev1"))


def test_who_was_not_screened_in_is_not_queued(queued):
    with queued.reading() as connection:
        assert list(cases(connection)) == ["p1", "p2"]
        with pytest.raises(NotFound):
            case(connection, "out")


def test_assignment_is_balanced_and_follows_from_the_seed(tmp_path, small, screening):
    """...in loads and in places, and one who already has work gets less of the new."""

    def run(name: str, seed: int) -> list[tuple[str, str]]:
        with StudyDatabase.open(tmp_path / name, small) as db:
            for n in range(5):
                accounts.add(db, accounts.MACHINE, account_id=f"r{n}", name="R", role="reviewer")
            queue.enqueue(db, small, screening(41), "run1")
            assert queue.assign(db, accounts.MACHINE, seed=seed) == 41
            assert queue.assign(db, accounts.MACHINE, seed=seed) == 0
            with db.reading() as connection:
                return [
                    (c.candidate.reviewers[1], c.candidate.reviewers[2]) for c in cases(connection).values()
                ]

    pairs = run("a.db", 7)
    loads = [sum(f"r{n}" in pair for pair in pairs) for n in range(5)]
    assert max(loads) - min(loads) <= 1
    assert all(one != other for one, other in pairs)
    assert len({frozenset(pair) for pair in pairs}) > 5, "people meet different people"
    assert run("b.db", 7) == pairs
    assert run("c.db", 8) != pairs


def test_one_reviewer_is_not_enough(db, small, screening):
    accounts.add(db, accounts.MACHINE, account_id="rev1", name="R", role="reviewer")
    queue.enqueue(db, small, screening(1), "run1")
    with pytest.raises(Refused, match="two reviewers"):
        queue.assign(db, accounts.MACHINE)


def test_a_person_leaves_and_open_work_moves_while_finished_opinions_stay(queued, people):
    accounts.add(queued, people.manager, account_id="rev3", name="R", role="reviewer")
    heir = accounts.Account("rev3", "R", Role.REVIEWER)
    slot = standing(queued).candidate.place_of("rev1")
    done = decide(queued, people.first, "p1", "I2", "met", request_id="1")
    queue.reassign(queued, people.manager, "p1", slot, "rev3", reason="on leave")
    with pytest.raises(Refused, match="not assigned"):
        decide(queued, people.first, "p1", "E1", "met", request_id="2")
    with pytest.raises(Refused, match="predecessor"):
        decide(queued, heir, "p1", "I2", "not_met", request_id="3")
    decide(queued, heir, "p1", "E1", "met", request_id="4")
    assert standing(queued).standing["I2"].of(slot) == done
    for who in ("rev1", "rev2"):
        with pytest.raises(Refused, match="already holds or held"):
            queue.reassign(queued, people.manager, "p1", 3 - slot, who, reason="x")


def test_two_arbitrators_on_one_case_and_one_wins(queued, people, database_url, small):
    """...at the same moment, over two connections; the other gets a clear message and writes nothing."""
    judge(queued, people.first)
    judge(queued, people.second, E1="met")
    results = []
    start = threading.Barrier(2)

    def settle(who, verdict):
        with StudyDatabase.open(database_url, small) as mine:
            start.wait()
            try:
                results.append(arbitrate(mine, who, "p1", "E1", verdict, reason="r", request_id=who.id))
            except Refused as refused:
                results.append(refused)

    threads = [
        threading.Thread(target=settle, args=pair)
        for pair in ((people.third, "met"), (people.fourth, "not_met"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [r for r in results if isinstance(r, Refused)]
    assert len(results) == 2
    assert [str(r.message) for r in lost] == ["another arbitrator has settled this"]
    with queued.reading() as connection:
        assert verify_chain(connection) == []


def test_after_the_lock_nobody_decides(queued, people):
    queued.lock("boss", 1)
    with pytest.raises(Refused, match="locked"):
        judge(queued, people.first)


def test_no_error_names_a_patient_a_note_or_a_reason(queued, people):
    """...whichever of the refusals it is."""
    judge(queued, people.first, "p1")
    judge(queued, people.second, "p1")
    attempts = [
        lambda: decide(queued, people.first, "p1", "I2", "met", reason="SECRET", request_id="9"),
        lambda: decide(queued, people.first, "p1", "I2", "SECRET", request_id="8"),
        lambda: decide(queued, people.first, "SECRET", "I2", "met", request_id="7"),
        lambda: decide(queued, people.first, "p1", "SECRET", "met", request_id="6"),
        lambda: arbitrate(queued, people.third, "p1", "I2", "met", reason="SECRET", request_id="5"),
    ]
    for attempt in attempts:
        with pytest.raises(CohortlockError) as caught:
            attempt()
        assert "SECRET" not in str(caught.value)
        assert "p1" not in str(caught.value)
        assert caught.value.next_step


class Review(RuleBasedStateMachine):
    """Any order of opinions, repeats, rulings and pulls: a plain model beside the database agrees at every step."""

    small = None
    make = None
    hire = None

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.db = StudyDatabase.open(Path(self.folder.name) / "study.db", self.small)
        self.people = type(self).hire(self.db)
        self.notes = {}
        queue.enqueue(self.db, self.small, self.make(2), "run0")
        queue.assign(self.db, accounts.MACHINE)
        self.accepted = {}
        self.model = {}
        self.ruled = {}
        self.count = 0

    def teardown(self):
        """The chain verifies whatever happened."""
        with self.db.reading() as connection:
            assert verify_chain(connection, self.db.head()) == []
        self.db.close()
        self.folder.cleanup()

    patients = st.sampled_from(["p1", "p2"])
    criteria = st.sampled_from(["I2", "E1", "E2"])
    verdicts = st.sampled_from(list(Verdict))

    def key(self, patient, criterion):
        """A criterion on its present evidence."""
        return patient, criterion, self.notes.get((patient, criterion), "")

    @rule(patient=patients, criterion=criteria, verdict=verdicts, who=st.booleans())
    def opine(self, patient, criterion, verdict, who):
        """A reviewer says something, perhaps too late."""
        actor, other = (self.people.first, "rev2") if who else (self.people.second, "rev1")
        self.count += 1
        key = self.key(patient, criterion)
        committed = {actor.id, other} <= set(self.model.get(key, {}))
        try:
            done = decide(self.db, actor, patient, criterion, verdict, request_id=str(self.count))
        except Refused:
            assert committed
        else:
            assert not committed
            self.accepted[str(self.count)] = (actor, patient, criterion, verdict, done)
            self.model.setdefault(key, {})[actor.id] = verdict

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def repeat(self, data):
        """A post arrives twice."""
        request = data.draw(st.sampled_from(sorted(self.accepted)))
        actor, patient, criterion, verdict, done = self.accepted[request]
        assert decide(self.db, actor, patient, criterion, verdict, request_id=request) == done

    @rule(patient=patients, criterion=criteria, verdict=verdicts)
    def settle(self, patient, criterion, verdict):
        """An arbitrator rules, perhaps on nothing."""
        self.count += 1
        key = self.key(patient, criterion)
        said = [self.model.get(self.key(patient, c), {}) for c in ("I2", "E1", "E2")]
        here = set(self.model.get(key, {}).values())
        due = all(len(one) == 2 for one in said) and len(here) == 2 and key not in self.ruled
        try:
            arbitrate(
                self.db,
                self.people.third,
                patient,
                criterion,
                verdict,
                reason="r",
                request_id=str(self.count),
            )
        except Refused:
            assert not due
        else:
            assert due
            self.ruled[key] = verdict

    @rule(patient=patients, criterion=criteria, note=st.sampled_from(["", "new", "newer"]))
    def pull(self, patient, criterion, note):
        """The evidence changes, or changes back."""
        before = self.model.get(self.key(patient, criterion), {})
        same = self.notes.get((patient, criterion), "") == note
        self.notes[patient, criterion] = note
        shown_notes = {place: text for place, text in self.notes.items() if text}
        counts = queue.enqueue(self.db, self.small, self.make(2, notes=shown_notes), "run")
        assert counts["reopened"] == (0 if same else len(before))

    @invariant()
    def nothing_is_lost_or_doubled(self):
        """The database holds what the model holds."""
        with self.db.reading() as connection:
            assert len(opinions(connection)) == len(self.accepted)
            for patient, found in cases(connection).items():
                for criterion in ("I2", "E1", "E2"):
                    key = self.key(patient, criterion)
                    held = found.standing[criterion]
                    stands = {o.reviewer: o.verdict for o in (held.first, held.second) if o}
                    assert stands == self.model.get(key, {})
                    assert (held.ruling.verdict if held.ruling else None) == self.ruled.get(key)


def test_random_sequences_never_lose_or_double_a_decision(small, screening, hiring):
    """Hypothesis plays reviewers, an arbitrator and nightly pulls against a plain model."""
    Review.small, Review.make = small, staticmethod(screening)
    Review.hire = staticmethod(hiring)
    run_state_machine_as_test(
        Review,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
