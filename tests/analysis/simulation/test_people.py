"""The people that are drawn are those that were assumed, whatever is lost on the way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.simulation.assumptions import parse
from analysis.simulation.entry import limits, sources
from analysis.simulation.people import World, draw, recorded_rate
from analysis.simulation.simulated import _settled
from extract.errors import AssumptionsInvalid


def one(world, n: int = 100_000, **more):
    return {name: values[0] for name, values in draw(world, n, 1, (7, 0), **more).items()}


def test_means_spreads_and_correlations_are_the_assumed_ones(make_world):
    """...recorded in tenths, which adds a hundredth of nothing."""
    world = make_world(
        variable={"esr": {"mean": [60, 50], "sd": [12, 7], "correlation": 0.6}},
        association=[{"x": "esr", "y": "vas", "change": 0.5, "same_visit": 0.4}],
    )
    people = one(world)
    assert people["esr_t0"].mean() == pytest.approx(60, abs=0.2)
    assert people["esr_t1"].std() == pytest.approx(7, abs=0.1)
    for a, b, r in (("esr_t0", "esr_t1", 0.6), ("esr_delta", "vas_delta", 0.5), ("esr_t0", "vas_t0", 0.4), ("esr_t0", "crp_t1", 0)):  # fmt: skip
        assert np.corrcoef(people[a], people[b])[0, 1] == pytest.approx(r, abs=4 / math.sqrt(100_000))
    assert np.abs(people["esr_t0"] * 10 - np.rint(people["esr_t0"] * 10)).max() < 1e-9


@pytest.mark.parametrize("shape", ["lognormal", "heavy"])
def test_another_shape_keeps_mean_and_sd(make_world, shape):
    people = one(make_world(variable={"esr": {"mean": [60, 50], "sd": [30, 10], "shape": shape}}))
    assert people["esr_t0"].mean() == pytest.approx(60, abs=0.5)
    assert people["esr_t0"].std() == pytest.approx(30, rel=0.05)
    assert stats.kurtosis(people["esr_t0"]) > 2


def test_a_participant_is_the_same_in_a_larger_study(make_world):
    """So that power at two sizes differs by the size."""
    world = make_world(
        variable={"crp": {"missing": 0.2, "shape": "heavy"}}, dropout={"rate": 0.2}, ineligible=0.1
    )
    small, large = (draw(world, n, 20, (3, 4)) for n in (15, 40))
    for name, values in small.items():
        np.testing.assert_array_equal(values, large[name][:, :15])


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
def test_as_many_are_lost_as_assumed_and_those_who_should_be(make_world, mechanism):
    """By chance, by the first value, by the last one: among those left, only the latter two leave a trace."""
    more = {} if mechanism == "mcar" else {"by": "esr", "strength": 1.5}
    people = one(make_world(dropout={"rate": 0.3, "mechanism": mechanism} | more))
    lost = np.isnan(people["esr_t1"])
    assert lost.mean() == pytest.approx(0.3, abs=0.01)
    assert (np.isnan(people["crp_t1"]) == lost).all()
    assert not np.isnan(people["esr_t0"]).any()
    higher = people["esr_t0"][lost].mean() - people["esr_t0"][~lost].mean()
    assert (higher > 3) if mechanism != "mcar" else (abs(higher) < 0.5)
    left = people["esr_t1"][~lost].mean()
    assert (left < 57) if mechanism == "mnar" else (left > 57)


def test_responders_and_reliefs_are_those_of_the_lock(plain, make_world):
    """The same flags as validate/lock works out of the same values, missing ones included."""
    import pyarrow as pa

    from validate.lock.blocks import _responder

    world = make_world(variable={"vas": {"mean": [6, 3], "sd": [2, 2], "missing": 0.1}})
    people = {k: v[0] for k, v in draw(world, 3000, 1, (5, 0)).items()}
    steps = {
        ("vas", at): pa.array(
            [None if np.isnan(v) else round(v * 10) for v in people[f"vas_{at.lower()}"]], pa.int64()
        )
        for at in ("T0", "T1")
    }
    wanted = _responder(plain, steps).to_pylist()
    mine = [None if np.isnan(v) else int(v) for v in people["responder"]]
    assert mine == wanted
    assert {None, 0, 1} == set(wanted)


def test_the_wrongly_included_do_not_change(make_world):
    world = make_world(variable={"esr": {"mean": [60, 40]}}, ineligible=0.25)
    assert one(world)["esr_delta"].mean() == pytest.approx(-15, abs=0.3)
    assert one(world, whole=True)["esr_delta"].mean() == pytest.approx(-20, abs=0.2)


def test_the_response_rate_is_reached_or_refused(protocol, paper_text):
    text = paper_text.replace("n = 90", "n = 90\nresponse_rate = 0.4")
    world = _settled(World(protocol, parse(text, protocol), "assumed"))
    assert recorded_rate(world) == pytest.approx(0.4, abs=0.01)
    assert world.fall > 0


def test_those_let_in_by_their_first_value_fall_back_as_far_as_theory_says(protocol, paper_text):
    """(1 - r) of the distance of those inside the limits from everybody's mean."""
    text = paper_text.replace("mean = [6.45, 3.12]\nsd = [1.32, 1.05]", "mean = [5.5, 3.12]\nsd = [1.0, 1.05]").replace("change_sd = 1.18", "correlation = 0.5")  # fmt: skip
    world = World(protocol, parse(text, protocol), "entry")
    assert limits(protocol)["vas"][0] == 4
    source = world.let_in["vas"]
    people = one(world, whole=True)
    assert people["vas_t0"].min() >= 4
    assert people["vas_t0"].mean() == pytest.approx(5.5, abs=0.03)
    assert people["vas_t0"].std() == pytest.approx(1.0, abs=0.03)
    assert source.mean < 5.4
    assert people["vas_delta"].mean() == pytest.approx(-0.5 * (5.5 - source.mean), abs=0.03)


@pytest.mark.parametrize(("mean", "sd", "known"), [(6.45, 1.32, True), (5.3, 1.25, False), (4.5, 2.0, False)])
def test_nobody_is_made_up_outside_the_limits(protocol, mean, sd, known):
    """A spread as wide as the distance to the limit fits only people far outside it, of whom nothing was seen."""
    assert bool(sources(protocol, {"vas": (mean, sd)})) is known


def test_untreated_people_whose_values_go_together_have_correlated_changes(make_world):
    """(same visit - across visits) / sqrt((1 - r)(1 - r)): no treatment is in it."""
    same = [{"x": "esr", "y": "crp", "same_visit": 0.6, "change": 0.5}]
    people = one(make_world("stable", association=same))
    across = np.corrcoef(people["esr_t0"], people["crp_t1"])[0, 1]
    wanted = (0.6 - across) / 0.5
    assert np.corrcoef(people["esr_delta"], people["crp_delta"])[0, 1] == pytest.approx(wanted, abs=0.03)
    assert abs(people["esr_delta"].mean()) < 0.2


def test_correlations_that_nobody_can_have_are_refused(make_world):
    world = make_world(
        association=[
            {"x": "esr", "y": "crp", "change": 0.9},
            {"x": "crp", "y": "vas", "change": 0.9},
            {"x": "esr", "y": "vas", "change": -0.9},
        ]
    )
    with pytest.raises(AssumptionsInvalid, match="contradict each other"):
        one(world, 10)
