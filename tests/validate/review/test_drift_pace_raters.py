"""What is told beside agreement: whether it drifts, how long it takes, how good the machine is, what is read both ways."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.study import protocol as protocols
from validate.review import accounts, queue
from validate.review.cases import Opinion, cases
from validate.review.decisions import Given, arbitrate, decide_all
from validate.review.drift import drift, trend
from validate.review.pace import Stopwatch, paces
from validate.review.phrases import Said, phrases, same
from validate.review.raters import coded_criteria, ratings
from validate.review.rules import Verdict

YES = {"I2": "met", "E1": "not_met", "E2": "not_met"}


def said(number, patient, slot, verdict, criterion="I2"):
    return Opinion(number, patient, criterion, slot, f"rev{slot}", Verdict(verdict), "", (), "e")


def test_the_trend_equals_rs_published_example():
    """R's manual of prop.trend.test, smokers among four groups of patients: X-squared 8.2249, P 0.004132."""
    found = trend([83, 90, 129, 70], [86, 93, 136, 82])
    assert found.z**2 == pytest.approx(8.2249, abs=5e-5)
    assert found.p == pytest.approx(0.004132, abs=5e-7)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R: apt-get install r-base-core")
def test_the_trend_of_three_thirds_equals_r():
    groups = [([19, 17, 12], [20, 20, 20]), ([7, 9, 10], [10, 10, 11]), ([1, 0, 3], [5, 4, 9])]
    asked = "; ".join(
        f"cat(prop.trend.test(c({','.join(map(str, a))}), c({','.join(map(str, n))}))$p.value, '\\n')"
        for a, n in groups
    )
    done = subprocess.run(
        ["Rscript", "--vanilla", "-e", f"options(digits=15); {asked}"],
        capture_output=True,
        text=True,
        check=True,
    )
    for (agreed, n), line in zip(groups, done.stdout.split(), strict=True):
        assert trend(agreed, n).p == pytest.approx(float(line), rel=1e-10)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=2, max_size=5))
def test_a_trend_is_the_same_backwards_and_none_where_nothing_varies(groups):
    n = [size for size, _ in groups]
    agreed = [min(size, hits) for size, hits in groups]
    there, back = trend(agreed, n), trend(agreed[::-1], n[::-1])
    if there.p is None:
        assert back.p is None
        assert there.note
    else:
        assert there.p == pytest.approx(back.p, abs=1e-9)
        assert there.z == pytest.approx(-back.z, abs=1e-9)
        assert 0 <= there.p <= 1


def test_drift_cuts_the_study_where_both_were_done():
    """Not where a case began: p1 was begun first and finished last, so it is late."""
    given_ = [said(1, "p1", 1, "met")]
    for n in range(2, 7):
        given_ += [said(10 * n, f"p{n}", 1, "met"), said(10 * n + 1, f"p{n}", 2, "met")]
    given_ += [said(100, "p1", 2, "not_met"), said(101, "p1", 2, "not_met", "E1")]
    found = drift(given_, ["I2", "E1"])
    assert [one.n for one in found["I2"].thirds] == [2, 2, 2]
    assert [one.percent.value for one in found["I2"].thirds] == [1, 1, 0.5]
    assert found["I2"].overlap is True
    assert found["I2"].trend.p == pytest.approx(trend([2, 2, 1], [2, 2, 2]).p)
    assert found["E1"].trend.note
    assert found["E1"].overlap is None


def test_the_stopwatch_runs_from_judgement_to_judgement_on_one_chart():
    now = [0.0]
    watch = Stopwatch(lambda: now[0])

    def after(seconds, act, *more):
        now[0] += seconds
        act("ann", *more)

    after(0, watch.open, 1)
    after(9, watch.judged, 1, "I2")
    after(4, watch.judged, 1, "E1")
    after(3, watch.judged, 1, "I2")
    assert watch.taken("ann", 1) == {"I2": 12_000, "E1": 4_000}
    after(1, watch.open, 2)
    after(60, watch.open, 1)
    after(2, watch.judged, 1, "E2")
    assert watch.taken("ann", 1)["E2"] == 2_000, "the minute was another candidate's"
    assert watch.taken("bob", 1) == {}
    watch.handed_in("ann", 1)
    assert watch.taken("ann", 1) == {}


@pytest.fixture
def team(db, people, small, screening):
    queue.enqueue(db, small, screening(9), "run1")
    queue.assign(db, accounts.MACHINE, seed=1)

    def judge(patient, who, taken=None, **changed):
        posts = [Given(c, v) for c, v in {**YES, **changed}.items()]
        decide_all(db, who, patient, posts, request_id=f"{who.id} {patient}", taken=taken)

    return judge


def test_a_median_is_of_two_people_and_of_settled_candidates(db, people, team):
    for n in range(1, 6):
        team(f"p{n}", people.first, {"I2": 1000 * n, "E1": 20 * 60_000})
    with db.reading() as connection:
        assert paces(connection, cases(connection), ["I2"])["I2"].n == 0, "the other has said nothing yet"
    for n in range(1, 6):
        team(f"p{n}", people.second)
    with db.reading() as connection:
        found = paces(connection, cases(connection), ["I2", "E1"])
    assert (found["I2"].n, found["I2"].median) == (5, None), "one person's pace is nobody else's business"
    assert (found["E1"].n, found["E1"].interrupted) == (0, 5)
    team("p6", people.second, {"I2": 9000})
    team("p6", people.first)
    with db.reading() as connection:
        one = paces(connection, cases(connection), ["I2"])["I2"]
    assert (one.n, one.low, one.median, one.high) == (6, 2.25, 3.5, 4.75)


@dataclass
class Says:
    """What the machine said of E1, by patient."""

    of: dict[str, str] = field(default_factory=dict)


def test_the_machine_and_the_codes_are_held_against_the_consensus(
    database_url, study_text, screening, hiring
):
    """Counted by hand: 4 met by consensus, of which the machine finds 2, calls 1 other met, leaves 1 unknown."""
    from extract.study.database import StudyDatabase

    text = study_text.replace(
        'rule = { text = ["骨折"] }', 'rule = { any = [{ diagnosis = ["S12"] }, { text = ["骨折"] }] }'
    )
    protocol = protocols.parse(text)
    assert list(coded_criteria(protocol)) == ["E1"]
    machine = {"p1": "met", "p2": "met", "p3": "not_met", "p4": "unknown", "p5": "met"}

    class Screened(type(screening(1))):
        @property
        def verdicts(self):
            table = super().verdicts.to_pylist()
            for row in table:
                if row["criterion"] == "E1" and row["patient_id"] in machine:
                    row["verdict"] = machine[row["patient_id"]]
            return type(super().verdicts).from_pylist(table)

    with StudyDatabase.open(database_url, protocol) as db:
        people = hiring(db)
        queue.enqueue(db, protocol, Screened(protocol, [f"p{n}" for n in range(1, 8)]), "run1")
        queue.assign(db, accounts.MACHINE, seed=1)
        truth = {"p1": "met", "p2": "met", "p3": "met", "p4": "met", "p5": "not_met", "p6": "not_met"}
        for patient, verdict in truth.items():
            for who in (people.first, people.second):
                second = "not_met" if (patient, who) == ("p1", people.second) else verdict
                posts = [Given(c, v) for c, v in {**YES, "E1": second}.items()]
                decide_all(db, who, patient, posts, request_id=f"{who.id}{patient}")
        arbitrate(db, people.third, "p1", "E1", "met", reason="so it is", request_id="a")
        with db.reading() as connection:
            held = list(cases(connection).values())
    coded = {("p1", "E1"): True, ("p3", "E1"): True, ("p5", "E1"): True}
    found = {(one.rater, one.criterion): one for one in ratings(protocol, held, coded)}
    one = found["machine", "E1"]
    assert (one.hits, one.false, one.missed, one.rejected, one.unknown) == (2, 1, 2, 1, 2)
    assert one.sensitivity.value == pytest.approx(2 / 4)
    assert one.ppv.value == pytest.approx(2 / 3)
    # Wilson by hand for 2 of 4: centre (0.5 + z2/8) / (1 + z2/4) = 0.5, half width 0.349946.
    assert (one.sensitivity.low, one.sensitivity.high) == pytest.approx((0.150036, 0.849964), abs=1e-5)
    codes = found["codes", "E1"]
    assert (codes.hits, codes.false, codes.missed, codes.rejected) == (2, 1, 2, 1)
    assert ("codes", "I2") not in found
    assert ("machine", "I1") not in found, "the protocol decides this one alone"
    assert found["machine", "E2"].sensitivity.value is None


def test_phrases_that_fold_alike_are_one_phrase():
    assert same("ＶＡＳ评分 6分。") == same("vas评分6分")
    assert same("無骨折史；") == same("无骨折史")


def test_a_phrase_is_listed_when_people_went_both_ways_on_it():
    listed = phrases(
        [
            Said("否认骨折史。", "E1", "not_met", 1, "a"),
            Said("否认骨折史。", "E1", "not_met", 1, "a"),
            Said("否認骨折史", "E1", "met", 2, "a"),
            Said("否认骨折史", "E1", "not_met", 2, "b"),
            Said("否认骨折史", "I2", "met", 3, "a"),
            Said("腰椎压缩骨折", "E1", "met", 3, "a"),
            Said("腰椎压缩骨折", "E1", "met", 4, "b"),
            Said("骨折", "E1", "met", 5, "b"),
            Said("骨折", "E1", "not_met", 6, "b"),
        ]
    )
    (one,) = listed
    assert one.criterion == "E1"
    assert one.verdicts == {"met": 1, "not_met": 2}
    assert one.candidates == (1, 2)
    assert one.split == pytest.approx(1 / 3)
