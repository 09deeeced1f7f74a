"""The audit of published numbers: what the paper's own numbers imply is found, and what agrees is cleared."""

from __future__ import annotations

import itertools
import json
import math
import re
import statistics
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from analysis.granular import beyond, grim, grimmer
from analysis.interval import Interval
from analysis.published import audit, audit_file
from analysis.published_words import CHECKS, lines
from extract.errors import NotFound

PAPER = Path(__file__).parent / "data" / "paper" / "reported.json"


@pytest.fixture(scope="module")
def signals():
    return {(s.where, s.check): s for s in audit_file(PAPER)}


@pytest.mark.parametrize(
    ("where", "check", "implied"),
    [
        ("t3.r_all.t", "t of the printed r", 9.73),
        ("t3.r_all.r", "overall r forced by the groups", 0.79),
        ("t3.t_d_esr_sig", "paired t of the change", 15.52),
        ("t3.t_d_esr_non", "paired t of the change", 7.05),
        ("t2.d_vas.all.sd", "overall SD from the groups", 1.55),
        ("t2.d_esr.all.sd", "overall SD from the groups", 10.50),
        ("t2.d_esr.all.mean", "overall mean from the groups", -13.89),
    ],
)
def test_what_the_printed_numbers_imply_is_found(signals, where, check, implied):
    signal = signals[where, check]
    assert signal.verdict == "differs"
    assert signal.implied.low - 0.005 <= implied <= signal.implied.high + 0.005


def test_an_overall_sd_below_what_the_means_force_is_impossible(signals):
    """No 90 people have the two printed group means of the second change and an overall SD of 1.18."""
    signal = signals["t2.d_vas.all.sd", "least overall SD that the groups' means alone force"]
    assert signal.verdict == "impossible"
    assert 1.25 < signal.implied.low < 1.2564


@pytest.mark.parametrize(
    ("where", "check"),
    [
        ("t1.bmi.p", "P by Student's t"),
        ("t1.esr_t0.p", "P by Student's t"),
        ("t1.esr_t0.p", "P by Welch's t"),
        ("t1.crp_t0.p", "P by Welch's t"),
        ("t3.r_non.t", "t of the printed r"),
        ("t3.r_non.p", "P of the printed r"),
        ("t3.R2", "square of r"),
        ("sex.all", "sum of the groups"),
    ],
)
def test_what_is_consistent_is_cleared(signals, where, check):
    assert signals[where, check].verdict == "consistent"


def test_a_p_that_only_one_of_the_usual_tests_gives_is_told_apart(signals):
    """The third baseline P is Welch's 0.038 and not Student's 0.054; that of another variable is Student's alone."""
    student, welch = (signals["t1.crp_t0.p", f"P by {name}'s t"] for name in ("Student", "Welch"))
    assert (student.verdict, welch.verdict) == ("otherwise", "consistent")
    assert student.implied.low <= 0.054 <= student.implied.high
    assert welch.implied.low <= 0.038 <= welch.implied.high
    assert not student.open
    assert signals["t1.bmi.p", "P by Welch's t"].verdict == "otherwise"
    # None of the three tests of the counts gives the printed P, so all three are open.
    assert {
        signals["sex.p", c].verdict for c in ("P by Pearson's chi-square", "P by Fisher's exact test")
    } == {"differs"}


def test_the_bound_of_the_sd_is_given_with_and_without_the_rounding(signals):
    """1.256 at the printed means themselves, 1.2515 in the corner of their rounding that favours the paper."""
    signal = signals["t2.d_vas.all.sd", "least overall SD that the groups' means alone force"]
    assert signal.point == pytest.approx(1.2564, abs=5e-5)
    assert signal.implied.low == pytest.approx(1.2515, abs=5e-5)
    assert signal.point == pytest.approx(math.sqrt(58 * 32 / 90 * (4.17 - 1.56) ** 2 / 89))
    assert signals["t3.r_all.t", "t of the printed r"].point == pytest.approx(9.73, abs=0.005)


def test_a_threshold_against_the_printed_sign_holds_for_nobody_to_speak_of():
    """A group of 58 that is made by a rise of 3 has a mean fall of 4.17: one outlier at most can keep the rule."""
    for text, verdict in (
        ("sig: d_vas >= 3", "impossible"),
        ("sig: d_vas >= 3 or half of the first value", "differs"),
        ("sig: d_vas <= -3 or half of the first value", "consistent"),
    ):
        found = [s for s in audit_file(PAPER, rules=[text]) if s.check.startswith("threshold")]
        assert [s.verdict for s in found] == [verdict]
    assert found[0].implied.high == 58
    wrong = next(s for s in audit_file(PAPER, rules=["sig: d_vas >= 3"]) if s.check.startswith("threshold"))
    assert wrong.implied.high == 1
    assert "with the sign turned, up to 58" in wrong.note


@given(
    some.lists(some.integers(-9, 9), min_size=2, max_size=30),
    some.integers(-9, 9),
    some.sampled_from([1, 10]),
)
def test_no_real_people_are_called_impossible(values, limit, parts):
    """GRIM, GRIMMER and the threshold's bound pass every dataset there is."""
    step = Fraction(1, parts)
    numbers = [v / parts for v in values]
    mean, sd = (Interval.printed(round(f(numbers), 2)) for f in (statistics.fmean, statistics.stdev))
    n = len(numbers)
    assert grim(mean, n, step)
    assert grimmer(mean, sd, n, step)
    assert beyond(mean, sd, n, limit / parts, upward=True) >= sum(v >= limit for v in values)
    assert beyond(mean, sd, n, limit / parts, upward=False) >= sum(v <= limit for v in values)


def test_grim_and_grimmer_refuse_what_counting_refuses():
    """Every mean and SD of six whole numbers from 0 to 5, by listing them all: nothing outside is passed by both."""
    real = {
        (round(statistics.fmean(v), 2), round(statistics.stdev(v), 2))
        for v in itertools.combinations_with_replacement(range(6), 6)
    }
    means = {m for m, _ in real}
    refused = 0
    for hundredths in range(0, 501, 7):
        mean = hundredths / 100
        assert grim(Interval.printed(mean), 6, Fraction(1)) == (mean in means)
        refused += not grim(Interval.printed(mean), 6, Fraction(1))
    assert refused > 40
    # The published example of GRIMMER's rule: parity. A mean of 3.5 of two whole numbers cannot have every SD.
    assert not grimmer(Interval.printed(3.5), Interval.printed(1.0), 2, Fraction(1))
    assert grimmer(Interval.printed(3.5), Interval.printed(0.71), 2, Fraction(1))


def test_a_mean_that_no_whole_numbers_have_is_found():
    data = {
        "n": {"all": 20, "a": 12, "b": 8},
        "t1": {"x": [[3.45, 1.1], [3.17, 1.0], [3.48, 1.2]]},
        "steps": {"x": 1},
    }
    found = {s.where: s for s in audit(data) if s.check.startswith("GRIM:")}
    assert found["x.all.mean"].verdict == "consistent"
    assert found["x.b.mean"].verdict == "impossible"
    assert found["x.b.mean"].to_json()["implied"] == {"low": None, "high": None}


def test_what_is_declared_and_not_reported_is_a_question():
    """The change is declared and printed; the correlation and a third scale are declared only."""
    data = {
        "n": {"all": 20, "a": 12, "b": 8},
        "t2": {"d_x": [[3.0, 1.1], [3.0, 1.1], [3.0, 1.1]]},
        "declared": ["t2.d_x", "t3.r_all", "t2.d_x.more.still"],
    }
    found = {s.where: s for s in audit(data) if s.check == "declared and reported"}
    assert [s.verdict for s in found.values()] == ["consistent", "differs", "differs"]
    told = lines(list(found.values()), "zh")[1]
    assert [row[1] for row in told] == ["t3.r_all", "t2.d_x.more.still"]
    assert told[0][-1] == "方法中已声明，所印结果中没有"


def test_rules_that_stand_in_the_file_need_no_option(tmp_path):
    file = tmp_path / "numbers.json"
    file.write_text(json.dumps({**json.loads(PAPER.read_text()), "rules": ["sig: d_vas >= 3"]}))
    threshold = [s for s in audit_file(file) if s.check.startswith("threshold")]
    assert [(s.verdict, s.implied.high) for s in threshold] == [("impossible", 1)]


def test_a_step_of_a_stem_is_that_of_both_values_and_their_change():
    found = {s.where for s in audit_file(PAPER, steps={"vas": "0.1"}) if s.check.startswith("GRIM:")}
    assert found == {f"{v}.{g}.mean" for v in ("vas_t0", "vas_t1", "d_vas") for g in ("all", "sig", "non")}


def test_every_check_has_a_chinese_name(signals):
    given_all = audit_file(PAPER, rules=["sig: d_vas >= 3"], steps={"age": "1"})
    assert {s.check for s in given_all} <= set(CHECKS)
    head, rows = lines(given_all, "zh")
    assert rows[0][0] == "不可能"
    assert len({len(row) for row in rows} | {len(head)}) == 1
    assert not [r[-1] for r in rows if re.search(r"[a-z]{4}", r[-1].replace("d_vas", ""))]
    assert [r[0] for r in lines(given_all, "en")[1]].count("otherwise") == 2


@pytest.mark.parametrize("text", ["", "sig d_vas 3", "sig: d_vas = 3"])
def test_a_rule_that_is_none_is_one_sentence(text):
    with pytest.raises(NotFound, match="no rule of a group"):
        audit_file(PAPER, rules=[text])


def test_numbers_computed_from_real_people_raise_no_signal(results):
    """The audit of our own tables is silent: means, SDs and P of the 90, rounded to two decimals."""
    groups = ("all", "responder", "nonresponder")

    def level(table, variable, at):
        return [
            [round(results.find(table, variable, g, at, s).value, 2) for s in ("mean", "sd")] for g in groups
        ]

    def p(variable, at):
        return f"{results.find('1', variable, 'difference', at, 'p', method='Student t test').value:.3f}"

    data = {"n": {"all": 90, "a": 58, "b": 32}, "t1": {}, "t2": {}}
    for v in ("esr", "vas", "crp"):
        data["t1"][f"{v}_t0"] = [*level("1", v, "T0"), p(v, "T0")]
        data["t2"][f"{v}_t1"] = level("2", v, "T1")
        data["t2"][f"d_{v}"] = level("2", v, "delta")
    wrong = [s for s in audit(data) if s.open]
    assert wrong == []


def test_intervals_are_those_of_rounding():
    assert Interval.p("<0.05") == Interval(0.0, 0.05)
    assert Interval.p("0.28").low == pytest.approx(0.275)
    assert Interval(-2.0, 1.0).magnitude == Interval(0.0, 2.0)
    assert not Interval(0, 1).meets(Interval(1.1, 2))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"n": 3}', '{"n": {"a": 1}, "t1": {"x": [1]}}'])
def test_a_file_of_another_shape_is_one_sentence(tmp_path, text):
    path = tmp_path / "numbers.json"
    path.write_text(text)
    with pytest.raises(NotFound, match="no file of printed numbers"):
        audit_file(path)


def test_signals_are_plain_data(signals):
    assert json.loads(json.dumps([s.to_json() for s in signals.values() if s.verdict == "differs"]))
