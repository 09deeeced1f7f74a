"""The audit of published numbers: what the paper's own numbers imply is found, and what agrees is cleared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.published import Interval, audit, audit_file
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
        ("t1.crp_t0.p", "P by Student's t", 0.054),
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
    wrong = [s for s in audit(data) if s.verdict != "consistent" and "Welch" not in s.check]
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
