"""The simulation as a whole: what is simulated is what is reported, and the same for a seed."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from analysis.simulation import kernels, parse, simulate
from analysis.simulation.people import World
from analysis.simulation.proof import proved
from analysis.simulation.questions import questions
from analysis.simulation.replications import Bench, workers
from analysis.simulation.search import curve, ladder, smallest

REPLICATIONS = 2000


@pytest.fixture(scope="module")
def world(protocol, paper_text) -> World:
    return World(protocol, parse(paper_text, protocol), "assumed")


def asked(world):
    return questions(world.protocol, frozenset(world.assumptions.variable))


@pytest.fixture(scope="module")
def told(protocol, paper_text):
    return simulate(protocol, parse(paper_text, protocol), replications=250, seed=2)


@pytest.mark.parametrize("n", [14, 90])
@pytest.mark.parametrize("method", ["pearson", "spearman", "kendall"])
def test_every_number_is_the_reports(world, n, method):
    """P, estimate and limits of each question, with gaps, ties, skewed values and groups of two people."""
    plan = world.protocol.analysis
    correlate = tuple(c.model_copy(update={"method": method}) for c in plan.correlate)
    protocol = world.protocol.model_copy(
        update={"analysis": plan.model_copy(update={"correlate": correlate})}
    )
    mine = World(protocol, world.assumptions, "assumed")
    found = proved(mine, asked(mine), n, 5, 2)
    assert found.differ == ()
    assert found.compared > 200


@pytest.mark.parametrize("by", ["group", "all"])
def test_other_rules_of_the_plan_are_the_reports_too(plain, make_world, by):
    """Lilliefors, normality of all at once, groups of a category."""
    from extract.study.protocol import Normality, Variances

    plan = plain.analysis.model_copy(
        update={
            "normality": Normality(test="lilliefors", by=by),
            "variances": Variances(),
            "sensitivity": ("ancova",),
        }
    )
    base = make_world(variable={"esr": {"shape": "lognormal", "sd": [40, 20]}})
    mine = World(plain.model_copy(update={"analysis": plan}), base.assumptions, "assumed")
    found = proved(mine, asked(mine), 40, 5, 3)
    assert found.differ == ()
    assert found.compared > 100


@pytest.mark.parametrize("test", ["shapiro", "none"])
def test_three_groups_are_the_reports_too(protocol, paper_text, test):
    """One-way analysis of variance, Kruskal-Wallis and larger tables of counts; a shift between the codes."""
    from extract.study.protocol import Normality, Variable

    arm = {"id": "arm", "label": {"zh": "组", "en": "Arm"}, "source": {"patient": "sex"}}
    arm["values"] = [{"code": c, "zh": str(c), "en": str(c)} for c in (1, 2, 3)]
    plan = protocol.analysis
    correlate = (plan.correlate[0].model_copy(update={"strata": "arm"}),)
    plan = plan.model_copy(update={"group": "arm", "normality": Normality(test=test), "correlate": correlate})
    three = protocol.model_copy(
        update={"analysis": plan, "variable": (*protocol.variable, Variable.model_validate(arm))}
    )
    text = paper_text.replace("change_sd = 8.42", "change_sd = 8.42\nshift = { 3 = [0, -6] }")
    text += "[variable.arm]\nshare = { 1 = 0.3, 2 = 0.3, 3 = 0.4 }\n"
    mine = World(three, parse(text, three), "assumed")
    found = proved(mine, asked(mine), 60, 5, 2)
    assert found.differ == ()
    assert found.compared > 200


def test_a_simulation_of_another_analysis_is_found_out(world, monkeypatch):
    """The proof can fail: here Welch's test is taken for Student's."""
    monkeypatch.setattr(kernels, "student_t", kernels.welch_t)
    assert proved(world, asked(world), 90, 5, 3).differ


def test_processes_change_nothing(world):
    """Two processes and one, three chunks."""
    few = asked(world)[:6]
    alone = Bench(600, 9).run(world, few, 20)
    with workers(2) as pool:
        shared = Bench(600, 9, pool).run(world, few, 20)
    for q in few:
        np.testing.assert_array_equal(alone[q].p, shared[q].p)
        np.testing.assert_array_equal(alone[q].low, shared[q].low)


def test_another_seed_gives_other_numbers(world):
    (q,) = (q for q in asked(world) if q.key == "2.esr.all.delta")
    one, other = (Bench(20, seed).run(world, [q], 20)[q].estimate for seed in (1, 2))
    assert not np.intersect1d(one, other).size


def test_a_larger_study_has_no_less_power(make_world):
    """Within four Monte Carlo errors of the difference, over a ladder of sizes."""
    world = make_world(
        variable={"esr": {"mean": [60, 56]}}, association=[{"x": "esr", "y": "crp", "change": 0.4}]
    )
    mine = [q for q in asked(world) if q.key in {"2.esr.all.delta", "3.esr.all.delta.crp"}]
    found = curve(Bench(1000, 4), world, mine, 50, 0.05)
    for q in mine:
        powers = [found.power(q, n) for n in sorted(found.points[q])]
        assert powers[0] < 0.6 < powers[-1]
        for before, after in pairwise(powers):
            assert after >= before - 4 * np.sqrt(2 * 0.25 / 1000)


def test_the_smallest_n_is_that_of_the_closed_form(make_world):
    """A paired t test of 0.4 SD needs 52 for a power of 0.8; the search says so within its own bounds."""
    from statsmodels.stats.power import TTestPower

    world = make_world(variable={"esr": {"mean": [60, 56]}})
    (q,) = (q for q in asked(world) if q.key == "2.esr.all.delta")
    bench = Bench(REPLICATIONS, 4)
    found = smallest(curve(bench, world, [q], 60, 0.05), bench, world, [q], 60, 0.8)[q]
    wanted = TTestPower().solve_power(effect_size=0.4, power=0.8, alpha=0.05)
    assert abs(found.n - wanted) < 4
    assert found.surely_not < wanted < found.surely
    assert all(b - a <= max(1, a // 50) for a, b in pairwise(ladder(60)))


def test_without_an_effect_the_level_is_kept_and_circles_are_not(protocol, paper_text):
    """Every honest question at 0.05; the change that makes the groups, almost always."""
    normal = paper_text.replace('shape = "lognormal"\n', "").replace('shape = "heavy"\n', "")
    world = World(protocol, parse(normal, protocol), "unrelated")
    mine = [q for q in asked(world) if q.kind in {"between", "correlation", "given_first", "ancova"}]
    found = Bench(REPLICATIONS, 6).run(world, mine, 80)
    bound = 4 * np.sqrt(0.05 * 0.95 / REPLICATIONS)
    seen = set()
    for q in mine:
        share = float(np.mean(found[q].p < 0.05))
        seen.add(q.trap)
        # course_months and esr are drawn alone here, whatever was assumed of them.
        if q.trap == "circular":
            assert share > 0.99, q.key
        elif q.trap == "coupled":
            assert share > 0.5, q.key
        else:
            assert abs(share - 0.05) < bound, (q.key, share)
    assert seen == {"", "circular", "coupled", "restricted"}


def test_strata_made_from_the_outcome_have_smaller_correlations(told):
    """One law for everybody; what differs is the cut."""
    found = {q.key: p for q, p in told.found["assumed"].items()}
    whole = abs(found["3.esr.all.delta.vas"].truth)
    for group in ("responder", "nonresponder"):
        assert abs(found[f"3.esr.{group}.delta.vas"].truth) < whole - 0.03


def test_the_shape_is_stable_and_plain(told):
    """JSON without NaN; each question with its scenarios; no size sought of what is made by its groups."""
    text = json.dumps(told.to_json(), allow_nan=False)
    data = json.loads(text)
    assert data["proof"]["differ"] == []
    assert data["n"] == 90
    kinds = {q["key"]: q for q in data["questions"]}
    assert kinds["2.vas.difference.delta"]["trap"] == "circular"
    assert kinds["2.vas.difference.delta"]["smallest_n"] is None
    assert kinds["2.esr.all.delta"]["smallest_n"]["n"] < 20
    assert set(kinds["3.esr.all.delta.vas"]["scenarios"]) == {"assumed", "unrelated", "stable"}
    assert data["not_simulated"] == ["bmi", "adverse_event"]


def test_words_and_figure_speak_both_languages(told, tmp_path):
    """No key of the code is left in a sentence, and the typeface has every character of the Chinese figure."""
    from matplotlib.ft2font import FT2Font

    from analysis.report.typeface import FONT
    from analysis.simulation import (
        HEAD_EFFECT,
        HEAD_NOTHING,
        caption,
        draw,
        effect_rows,
        nothing_rows,
        sentences,
    )

    known = FT2Font(str(FONT)).get_charmap()
    for language in ("zh", "en"):
        rows = [*effect_rows(told, language), *nothing_rows(told, language)]
        assert {len(r) for r in rows} == {len(HEAD_EFFECT[language]), len(HEAD_NOTHING[language])}
        words = "".join([*(c for r in rows for c in r), *sentences(told, language), caption(told, language)])
        assert "nan" not in words
        assert "None" not in words
        assert all(ord(c) in known for c in words if ord(c) > 0x2E80)
        assert any("一" <= c <= "鿿" for c in "".join(r[0] for r in rows)) is (language == "zh")
    files = [file for figure in draw(told, tmp_path) for file in figure.files]
    assert {f.name for f in files} == {"power-zh.svg", "power-zh.png", "power-en.svg", "power-en.png"}
    again = tmp_path / "again"
    again.mkdir()
    draw(told, again)
    assert all((again / f.name).read_bytes() == f.read_bytes() for f in files)
