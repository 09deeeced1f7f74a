"""Calibration: nobody judges the rest before the pilot is judged, settled, coded and good enough; on both databases."""

from __future__ import annotations

import json
import uuid

import pytest
from sqlalchemy import select, text

from extract.errors import NotFound, NotReady, Refused
from extract.study import protocol as protocols
from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from extract.study.tables import audit_event, calibration_code, calibration_gate, calibration_round
from validate.review import accounts, queue
from validate.review.calibration import condition, meets, state
from validate.review.calibration_acts import code, draw, open_gate
from validate.review.cases import cases
from validate.review.decisions import Given, arbitrate, decide_all

REVIEW = "\n[review]\ncalibration = { cases = 4, kappa_at_least = 0.75, or_agreement_at_least = 0.95 }\n"
YES = {"I2": "met", "E1": "not_met", "E2": "not_met"}


@pytest.fixture
def asking(study_text):
    """The small study, asking for a pilot of four."""
    return protocols.parse(study_text + REVIEW)


@pytest.fixture
def db(database_url, asking):
    with StudyDatabase.open(database_url, asking) as opened:
        yield opened


class Team:
    """Both reviewers, the arbitrator and the data manager at work on ten candidates."""

    def __init__(self, db, people) -> None:
        self.db, self.people = db, people

    @property
    def cases(self):
        """Number -> case, as it stands."""
        with self.db.reading() as connection:
            return {c.candidate.id: c for c in cases(connection).values()}

    @property
    def state(self):
        """Where the calibration stands."""
        with self.db.reading() as connection:
            return state(connection, self.db.protocol)

    @property
    def lacking(self):
        """What the gate waits for -> how much."""
        return {one.what: one.count for one in self.state.lacking}

    def request(self) -> str:
        """A fresh request id."""
        return uuid.uuid4().hex

    def judge(self, number, who, **changed):
        """One reviewer judges a candidate wholly."""
        held = self.cases[number].candidate
        given = [Given(c, v) for c, v in {**YES, **changed}.items()]
        return decide_all(self.db, who, held.patient_id, given, request_id=self.request())

    def both(self, number, **second):
        """Both judge; the second one otherwise where it is said."""
        self.judge(number, self.people.first)
        self.judge(number, self.people.second, **second)

    def settle(self, number, criterion, verdict="met"):
        """The arbitrator rules."""
        patient = self.cases[number].candidate.patient_id
        arbitrate(
            self.db,
            self.people.third,
            patient,
            criterion,
            verdict,
            reason="read again",
            request_id=self.request(),
        )

    def code(self, number, criterion, cause="reader_error", **more):
        """The data manager names the cause."""
        more.setdefault("note", "a line was overlooked")
        more.setdefault("request_id", self.request())
        code(self.db, self.people.manager, number, criterion, cause, **more)

    def open(self, **more):
        """The data manager opens the gate."""
        return open_gate(self.db, self.people.manager, **{"request_id": self.request()} | more)


@pytest.fixture
def team(db, people, asking, screening):
    queue.enqueue(db, asking, screening(10), "run1")
    queue.assign(db, accounts.MACHINE, seed=1)
    return Team(db, people)


def test_while_the_pilot_runs_nothing_else_is_judged(team, db, people):
    """...by either reviewer; from the gate on, everything is."""
    assert draw(db, people.manager) == 1
    (first,) = team.state.rounds
    assert len(first.cases) == 4
    outside = min(set(team.cases) - set(first.cases))
    with pytest.raises(Refused, match="pilot round is not finished"):
        team.judge(outside, people.first)
    for number in first.cases:
        team.both(number)
    assert team.lacking == {}
    with pytest.raises(Refused, match="not finished"):
        team.judge(outside, people.second)
    assert team.open() is True
    team.judge(outside, people.first)
    assert condition(team.state)[0]


def test_a_study_that_asks_for_no_pilot_has_no_gate(database_url, small, screening, hiring):
    with StudyDatabase.open(database_url, small) as db:
        people = hiring(db)
        queue.enqueue(db, small, screening(2), "run1")
        queue.assign(db, accounts.MACHINE, seed=1)
        with pytest.raises(Refused, match="asks for no pilot"):
            draw(db, people.manager)
        team = Team(db, people)
        team.both(min(team.cases))
        assert team.lacking == {}
        assert condition(team.state) is None


def test_the_gate_waits_for_everything_in_turn(team, db, people):
    """Judged, settled, coded: each is named with its number, and nothing is opened before."""
    assert team.lacking == {"round": 1}
    draw(db, people.manager)
    numbers = team.state.rounds[0].cases
    assert team.lacking == {"opinions": 4}
    with pytest.raises(NotReady, match="4 cases still to judge"):
        team.open()
    for number in numbers[1:]:
        team.both(number)
    team.both(numbers[0], E1="met")
    assert team.lacking == {"arbitration": 1, "threshold": 1}
    assert team.state.rounds[0].disagreements == (), "nobody but the arbitrator knows what they said"
    with pytest.raises(NotFound, match="no such settled disagreement"):
        team.code(numbers[0], "E1")
    team.settle(numbers[0], "E1", "not_met")
    assert team.lacking == {"codes": 1, "threshold": 1}
    with pytest.raises(NotReady, match="1 disagreements without a cause"):
        team.open(reason="never mind")
    team.code(numbers[0], "E1")
    assert team.lacking == {"threshold": 1}
    with pytest.raises(Refused, match="note of 1 to"):
        team.open()
    assert team.open(reason="one slip in twelve judgements, reread together") is False
    ok, said = condition(team.state)
    assert ok
    assert "with a reason" in said.en
    with db.reading() as connection:
        row = connection.execute(select(calibration_gate)).one()
    assert json.loads(row.measured)["E1"] == {
        "n": 4,
        "table": [[0, 0], [1, 3]],
        "percent": "0.750000",
        "kappa": "0.000000",
        "ac1": json.loads(row.measured)["E1"]["ac1"],
        "met": False,
    }


def test_a_guideline_gap_carries_new_words_and_they_must_reach_the_protocol(
    team, db, people, database_url, study_text
):
    """The gate knows whether study.toml was reworded since the round was drawn; opinions stand through it."""
    draw(db, people.manager)
    numbers = team.state.rounds[0].cases
    for number in numbers[1:]:
        team.both(number)
    team.both(numbers[0], E2="met")
    team.settle(numbers[0], "E2", "not_met")
    for cause, words in (
        ("guideline_gap", " "),
        ("reader_error", "new words"),
        ("true_ambiguity", "new words"),
    ):
        with pytest.raises(Refused, match="new wording"):
            team.code(numbers[0], "E2", cause, wording=words)
    with pytest.raises(Refused, match="no such cause"):
        team.code(numbers[0], "E2", "tired")
    team.code(numbers[0], "E2", "guideline_gap", wording="a suspicion is not enough")
    assert team.lacking == {"wording": 1, "threshold": 1}
    with pytest.raises(NotReady, match="1 criteria to reword"):
        draw(db, people.manager)
    guided = 'en = "pregnant" }\nguidance = { zh = "疑似不算", en = "a suspicion is not enough" }'
    again = protocols.parse(study_text.replace('en = "pregnant" }', guided) + REVIEW)
    with StudyDatabase.open(database_url, again) as reworded:
        later = Team(reworded, people)
        assert later.lacking == {"threshold": 1}
        assert draw(reworded, people.manager) == 2
        first, second = later.state.rounds
        assert not set(first.cases) & set(second.cases)
        assert later.lacking == {"opinions": 4}
        for number in second.cases:
            later.both(number)
        assert later.open() is True


def test_a_second_code_supersedes_and_a_repeated_post_does_not_double(team, db, people):
    draw(db, people.manager)
    numbers = team.state.rounds[0].cases
    for number in numbers[1:]:
        team.both(number)
    team.both(numbers[0], I2="not_met")
    team.settle(numbers[0], "I2")
    for _ in range(2):
        team.code(numbers[0], "I2", "reader_error", request_id="same")
    with pytest.raises(Refused, match="something else"):
        team.code(numbers[0], "I2", "true_ambiguity", request_id="same")
    team.code(numbers[0], "I2", "true_ambiguity")
    (one,) = team.state.rounds[0].disagreements
    assert one.code.cause == "true_ambiguity"
    with db.reading() as connection:
        assert len(connection.execute(select(calibration_code)).all()) == 2
    assert team.open(reason="r", request_id="gate") is False
    assert team.open(reason="r", request_id="gate") is False
    with pytest.raises(Refused, match="gate is open"):
        team.open(reason="r")
    with pytest.raises(Refused, match="gate is open"):
        draw(db, people.manager)
    with pytest.raises(Refused, match="gate is open"):
        team.code(numbers[0], "I2")


def test_first_opinions_count_and_not_second_thoughts(team, db, people):
    """The second reviewer changes their mind before the other speaks: still a disagreement to be coded."""
    draw(db, people.manager)
    numbers = team.state.rounds[0].cases
    for number in numbers[1:]:
        team.both(number)
    team.judge(numbers[0], people.first, E1="met")
    team.judge(numbers[0], people.first)
    team.judge(numbers[0], people.second)
    (one,) = team.state.rounds[0].disagreements
    assert (one.criterion, one.final) == ("E1", "not_met")
    assert {one.first.verdict, one.second.verdict} == {"met", "not_met"}
    assert team.lacking == {"codes": 1, "threshold": 1}


def test_only_the_data_manager_calibrates(team, db, people):
    draw(db, accounts.MACHINE)
    number = team.state.rounds[0].cases[0]
    for who in (people.first, people.third, people.typist, people.auditor, people.analyst):
        with pytest.raises(Refused, match="may not calibrate"):
            draw(db, who)
        with pytest.raises(Refused, match="may not calibrate"):
            code(db, who, number, "I2", "reader_error", note="n", request_id="r")
        with pytest.raises(Refused, match="may not calibrate"):
            open_gate(db, who, request_id="r")


def test_every_act_stands_in_the_chain_and_none_can_be_rewritten(team, db, people):
    draw(db, people.manager)
    for number in team.state.rounds[0].cases:
        team.both(number)
    team.open()
    with db.reading() as connection:
        assert verify_chain(connection) == []
        actions = connection.scalars(select(audit_event.c.action)).all()
    assert {"calibration.drawn", "calibration.opened"} <= set(actions)
    for table in (calibration_round, calibration_gate):
        with pytest.raises(Exception, match="append-only"), db.engine.begin() as connection:
            connection.execute(text(f"UPDATE {table.name} SET number = 9"))


def test_after_the_lock_nothing_is_calibrated(team, db, people):
    """...and after the unlock it is: each act is tried where it is legal but for the lock."""
    for act in ("draw", "code", "open"):
        acts = {
            "draw": lambda: draw(db, people.manager),
            "code": lambda: team.code(team.state.rounds[0].cases[0], "E1"),
            "open": lambda: team.open(reason="one slip"),
        }
        db.lock("boss", 1)
        with pytest.raises(Refused, match="the study is locked"):
            acts[act]()
        db.unlock("boss", reason="a test")
        acts[act]()
        if act == "draw":
            numbers = team.state.rounds[0].cases
            for number in numbers[1:]:
                team.both(number)
            team.both(numbers[0], E1="met")
            team.settle(numbers[0], "E1", "not_met")


def test_cases_that_nobody_has_judged_are_drawn_first(team, db, people):
    """A study that is under way when the pilot is declared keeps what was judged."""
    began = sorted(team.cases)[:7]
    for number in began:
        team.both(number)
    draw(db, people.manager)
    drawn = set(team.state.rounds[0].cases)
    assert set(team.cases) - set(began) < drawn
    assert team.lacking == {"opinions": 3}


def test_any_one_threshold_is_enough(asking):
    """Kappa, or percent, or AC1 where the protocol states it; 19 of 20 is 95 %, whatever a float says."""
    from validate.review.agreement import agreement

    plan = asking.review.pilot
    assert meets(plan, agreement([[0, 1], [0, 19]])), "0.95, and no kappa to speak of"
    assert not meets(plan, agreement([[0, 2], [0, 18]]))
    assert not meets(plan, agreement([[8, 2], [1, 9]])), "kappa 0.7"
    assert meets(plan, agreement([[45, 5], [1, 49]]))
    by_ac1 = plan.model_copy(update={"or_ac1_at_least": 0.85})
    assert meets(by_ac1, agreement([[0, 2], [0, 18]]))
    assert not meets(plan, agreement([[0, 0], [0, 0]])), "nothing judged is nothing reached"
