"""Printed numbers get data that have them, or a proof that none can; real data are never called impossible."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import statistics
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from typer.testing import CliRunner

from analysis.published_numbers import has, printed_numbers
from analysis.published_proofs import THEOREMS, proofs
from analysis.witness import decide, write_witness
from extract.errors import StorageFault
from flows.cli.app import app

PAPER = Path(__file__).parent / "data" / "paper" / "reported.json"
RANGES = {"vas": [0, 10], "esr": [0, 140], "crp": [0, 500]}


def two(value) -> float:
    """As a paper prints it."""
    exact = (
        Decimal(value.numerator) / Decimal(value.denominator)
        if isinstance(value, Fraction)
        else Decimal(value)
    )
    return float(round(exact, 2))


def spread(values) -> tuple[Fraction, Decimal]:
    mean = sum(values, Fraction(0)) / len(values)
    var = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return mean, (Decimal(var.numerator) / Decimal(var.denominator)).sqrt()


def table_of(groups, step):
    """The numbers that a paper would print of these people: (first, last) of two scales per person."""
    people = {"all": [p for g in groups for p in g], "a": groups[0], "b": groups[1]}
    columns = {
        "x_t0": lambda p: p[0], "x_t1": lambda p: p[1], "d_x": lambda p: p[1] - p[0],
        "y_t0": lambda p: p[2], "y_t1": lambda p: p[3], "d_y": lambda p: p[3] - p[2],
    }  # fmt: skip
    values = {
        name: [[Fraction(of(p)) * step for p in rows] for rows in people.values()]
        for name, of in columns.items()
    }
    data = {
        "n": {name: len(rows) for name, rows in people.items()},
        "t2": {name: [[two(s) for s in spread(v)] for v in each] for name, each in values.items()},
        "steps": {"x": str(step), "y": str(step)},
        "ranges": {"x": [0, 10], "y": [0, 10]},
        "t3": {"r_of": ["d_x", "d_y"]},
    }
    for i, group in enumerate(people):
        x, y = (list(map(float, values[name][i])) for name in ("d_x", "d_y"))
        if len(set(x)) > 1 and len(set(y)) > 1 and len(x) > 2:
            r = statistics.correlation(x, y)
            if abs(r) < 0.999:
                t = abs(r) * math.sqrt((len(x) - 2) / (1 - r * r))
                data["t3"][f"r_{group}"] = [round(r, 2), round(t, 2), "1"]
    return data


scores = some.tuples(*[some.integers(0, 10)] * 4)


@settings(max_examples=150, deadline=None)
@given(some.lists(scores, min_size=2, max_size=12), some.lists(scores, min_size=2, max_size=12))
def test_no_proof_ever_refuses_what_people_had(first, second):
    assert proofs(printed_numbers(table_of([first, second], Fraction(1)))) == []


def test_numbers_of_random_people_get_a_witness_and_seldom_unknown():
    """Six studies with all 36 means and SDs and the r's, on steps of 0.1: people are found for nearly all."""
    found = []
    for seed in range(6):
        chance = random.Random(seed)
        groups = []
        for n in (chance.randint(8, 40), chance.randint(8, 40)):
            people = []
            for _ in range(n):
                x0, y0 = chance.randint(30, 100), chance.randint(0, 100)
                people.append((x0, chance.randint(0, x0), y0, min(100, max(0, y0 + chance.randint(-40, 20)))))
            groups.append(people)
        data = table_of(groups, Fraction(1, 10))
        decision = decide(data)
        assert decision.proofs == ()
        found.append(decision.verdict)
        if decision.verdict == "witness":
            recomputed(data, decision)
    assert found.count("witness") >= 5


def recomputed(data, decision):
    """Each number again from the rows, apart from the module's own check; and step and range."""
    again = {g: [i for i, at in enumerate(decision.groups) if g in (at, "all")] for g in data["n"]}
    columns = dict(decision.columns)
    for stem in ("x", "y"):
        for at in ("t0", "t1"):
            values = columns[f"{stem}_{at}"]
            assert all(0 <= v <= 10 and (v * 10).denominator == 1 for v in values)
        columns[f"d_{stem}"] = tuple(
            b - a for a, b in zip(columns[f"{stem}_t0"], columns[f"{stem}_t1"], strict=True)
        )
    for name, rows in data["t2"].items():
        for members, (mean, sd) in zip(again.values(), rows, strict=True):
            got = spread([columns[name][i] for i in members])
            assert abs(Decimal(str(mean)) - Decimal(got[0].numerator) / got[0].denominator) <= Decimal(
                "0.005"
            )
            assert abs(Decimal(str(sd)) - got[1]) <= Decimal("0.0050000001")


def test_the_paper_is_refused_number_by_number_and_the_rest_has_people(tmp_path):
    """What the groups force is proved; 90 people then have every number that no proof refuses."""
    data = json.loads(PAPER.read_text())
    data["ranges"] = RANGES
    decision = decide(data)
    assert decision.verdict == "impossible"
    by = {(p.where, p.theorem): p.steps for p in decision.proofs}
    assert "= 1.25154" in " ".join(by["t2.d_vas.all.sd", "floor of SD"])
    assert "[0.781923, 0.801874]" in " ".join(by["t3.r_all.r", "r of all"])
    assert "[9.59385, 9.87458]" in " ".join(by["t3.r_all.t", "t of r"])
    assert "[15.5037, 15.5284]" in " ".join(by["t3.t_d_esr_sig", "paired t"])
    assert decision.unmet == ()
    assert {"t3.r_sig.r", "t3.r_non.r", "t3.r_non.t", "t2.d_esr.sig.sd"} <= set(decision.met)
    assert {*decision.met, *decision.without} == {n.where for n in printed_numbers(data).numbers}
    write_witness(decision, tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [r["group"] for r in rows].count("sig") == 58
    change = [float(r["esr_t1"]) - float(r["esr_t0"]) for r in rows if r["group"] == "sig"]
    assert round(statistics.fmean(change), 2) == -19.09
    assert round(statistics.stdev(change), 2) == 9.37


@pytest.mark.parametrize(
    ("where", "theorem", "more"),
    [
        ("t1.x.all.mean", "mean of all", {"t1": {"x": [[5, 2], [3, 1], [4, 1]]}}),
        ("t2.d_x.a.mean", "mean change", {"t1": {"x_t0": [[5, 2]] * 3}, "t2": {"x_t1": [[3, 2]] * 3, "d_x": [[-2, 1], [-1, 1], [-2, 1]]}}),
        ("t2.d_x.a.sd", "triangle", {"t1": {"x_t0": [[5, 2]] * 3}, "t2": {"x_t1": [[3, 2]] * 3, "d_x": [[-2, 1], [-2, 4.2], [-2, 1]]}}),
        ("t1.x.a.sd", "range", {"t1": {"x": [[9, 2], [9, 3.5], [9, 1]]}, "ranges": {"x": [0, 10]}}),
        ("t1.x.a.mean", "range", {"t1": {"x": [[9, 2], [11, 3.5], [9, 1]]}, "ranges": {"x": [0, 10]}}),
        ("t1.x.b.mean", "GRIM", {"t1": {"x": [[3, 1], [3.25, 1], [3.03, 1]]}, "steps": {"x": 1}}),
        ("t1.x.a.sd", "GRIMMER", {"t1": {"x": [[3, 1], [3.25, 0.61], [3, 1]]}, "steps": {"x": 1}}),
    ],
)  # fmt: skip
def test_each_theorem_refuses_its_contradiction(where, theorem, more):
    found = {
        (p.where, p.theorem) for p in proofs(printed_numbers({"n": {"all": 20, "a": 12, "b": 8}, **more}))
    }
    assert (where, theorem) in found


def test_every_sd_of_few_whole_numbers_is_decided_as_counting_decides():
    """Five values from 0 to 4: all 126 tables there are get a witness; a proof or unknown is for the others alone."""
    import itertools

    real = {}
    for values in itertools.combinations_with_replacement(range(5), 5):
        mean, sd = spread([Fraction(v) for v in values])
        real[two(mean), two(sd)] = values
    missed = 0
    for mean, sd in sorted(real):
        data = {"n": {"all": 5}, "t1": {"x": [[mean, sd]]}, "steps": {"x": 1}, "ranges": {"x": [0, 4]}}
        decision = decide(data)
        assert decision.proofs == ()
        missed += decision.verdict == "unknown"
    assert missed == 0
    for mean, sd in ((2.0, 1.5), (1.1, 1.0), (3.2, 1.9)):
        assert (mean, sd) not in real
        data = {"n": {"all": 5}, "t1": {"x": [[mean, sd]]}, "steps": {"x": 1}, "ranges": {"x": [0, 4]}}
        assert decide(data).verdict != "witness"


def test_the_check_of_a_number_is_exact():
    """A mean at the very edge of its box has the number, one part in a million beyond has not."""
    number = printed_numbers({"n": {"all": 2}, "t1": {"x": [[1.0, 0.0]]}}).numbers[0]
    assert has(number, [Fraction("1.005")] * 2)
    assert not has(number, [Fraction("1.005001")] * 2)


def test_every_theorem_is_said_in_both_languages():
    chinese = re.compile("[\u4e00-\u9fff]")
    assert all(chinese.search(zh) and not chinese.search(en) for en, zh in THEOREMS.values())


@pytest.mark.parametrize(
    ("language", "said"), [("en", "no data have all these numbers"), ("zh", "没有任何数据")]
)
def test_the_command_line_writes_people_and_says_the_proofs(tmp_path, language, said):
    out = tmp_path / "out.csv"
    options = ["--witness", str(out), "--step", "vas=0.1", "--range", "vas=0:10", "--language", language]
    ran = CliRunner().invoke(app, ["audit", str(PAPER), *options])
    assert ran.exit_code == 0
    assert said in ran.stdout
    assert "58·32/90·[-2.62, -2.6]² = [139.406, 141.559]" in ran.stdout
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 90
    assert all(0 <= float(r["vas_t1"]) <= 10 for r in rows)


def test_a_witness_is_told_as_one_object(tmp_path):
    file = tmp_path / "few.json"
    file.write_text('{"n": {"all": 5}, "t1": {"x": [[2.2, 1.3]]}, "steps": {"x": 1}}')
    ran = CliRunner().invoke(app, ["audit", str(file), "--witness", str(tmp_path / "out.csv"), "--json"])
    told = json.loads(ran.stdout)["witness"]
    assert (told["verdict"], told["rows"], told["proofs"]) == ("witness", 5, [])
    assert sum(float(r["x"]) for r in csv.DictReader((tmp_path / "out.csv").open())) == 11


def test_a_witness_of_no_table_is_one_sentence(tmp_path):
    file = tmp_path / "numbers.json"
    file.write_text('{"n": {"all": 0}, "t1": {"x": [[1, 1]]}}')
    ran = CliRunner().invoke(app, ["audit", str(file), "--witness", str(tmp_path / "out.csv")])
    assert ran.exit_code != 0
    assert not (tmp_path / "out.csv").exists()


def test_the_page_holds_every_question_and_proof_in_both_languages_and_no_script(tmp_path):
    page = tmp_path / "audit.html"
    options = ["--witness", str(tmp_path / "out.csv"), "--page", str(page), "--json"]
    told = json.loads(CliRunner().invoke(app, ["audit", str(PAPER), *options]).stdout)
    text = page.read_text(encoding="utf-8")
    shown = [s for s in told["signals"] if s["verdict"] != "consistent"]
    assert sum(text.count(f'<tr class="{v}">') for v in ("impossible", "differs", "otherwise")) == 2 * len(
        shown
    )
    assert text.count("<pre>") == 2 * len(told["witness"]["proofs"])
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    chinese, english = text.split('<main lang="en">')
    assert "no common value" in english
    assert not re.search(r"no common value|implied|printed|compared", chinese.split("<main")[1])


@pytest.mark.parametrize("option", ["--witness", "--page"])
def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path, option):
    file = tmp_path / "few.json"
    file.write_text('{"n": {"all": 5}, "t1": {"x": [[2.2, 1.3]]}, "steps": {"x": 1}}')
    ran = CliRunner().invoke(app, ["audit", str(file), option, str(tmp_path / "nowhere" / "out")])
    assert isinstance(ran.exception, StorageFault)
