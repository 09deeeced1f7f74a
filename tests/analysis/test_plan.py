"""The plan on the paper's 90 patients: what the groups imply stands, and every choice of a test is the rules'."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.plan import analyse
from analysis.results import COLUMNS, STATISTICS, Book
from extract.errors import SnapshotBroken

# What the paper prints for the groups: responders, non-responders; mean, SD.
TABLE_1 = {
    ("age", ""): ((51.86, 10.93), (54.41, 12.26)),
    ("course_months", ""): ((17.15, 8.72), (21.44, 10.05)),
    ("bmi", ""): ((24.21, 2.98), (25.14, 3.52)),
    ("vas", "T0"): ((6.62, 1.28), (6.12, 1.35)),
    ("esr", "T0"): ((30.94, 13.21), (23.41, 10.62)),
    ("crp", "T0"): ((9.52, 5.88), (7.18, 4.51)),
}
TABLE_2 = {
    ("esr", "T1"): ((11.85, 5.12), (18.95, 7.24)),
    ("vas", "T1"): ((2.45, 0.89), (4.56, 0.94)),
    ("crp", "T1"): ((3.12, 1.95), (6.07, 2.88)),
    ("esr", "delta"): ((-19.09, 9.37), (-4.46, 3.58)),
    ("vas", "delta"): ((-4.17, 0.96), (-1.56, 0.81)),
    ("crp", "delta"): ((-6.40, 4.02), (-1.11, 1.97)),
}


def value(results, *key, **more):
    return results.find(*key, **more).value


@pytest.mark.parametrize(("table", "numbers"), [("1", TABLE_1), ("2", TABLE_2)])
def test_every_group_mean_and_sd_of_the_paper_stands_as_printed(results, table, numbers):
    for (variable, timepoint), groups in numbers.items():
        for group, (mean, sd) in zip(("responder", "nonresponder"), groups, strict=True):
            key = (table, variable, group, timepoint)
            assert round(value(results, *key, "mean"), 2) == mean, key
            assert round(value(results, *key, "sd"), 2) == sd, key


def test_the_correlations_of_the_strata_stand_as_printed(results):
    assert round(value(results, "3", "esr", "responder", "delta", "r", "vas"), 2) == 0.65
    assert round(value(results, "3", "esr", "nonresponder", "delta", "r", "vas"), 2) == 0.28


def test_the_overall_column_is_what_the_groups_imply(results):
    """...and where the paper prints something else, the frame knows."""
    found = {
        name: round(value(results, "2", name, "all", "delta", s), 2)
        for name, s in (("esr", "mean"), ("vas", "mean"))
    }
    assert found == {"esr": -13.89, "vas": -3.24}
    assert round(value(results, "2", "esr", "all", "delta", "sd"), 2) == 10.50
    assert round(value(results, "2", "vas", "all", "delta", "sd"), 2) == 1.55
    assert round(value(results, "3", "esr", "all", "delta", "r", "vas"), 2) == 0.79
    printed = {p.key: p for p in results.printed}
    for key in ("2.esr.all.delta.mean", "2.vas.all.delta.sd", "3.esr.all.delta.r.vas"):
        assert not printed[key].agrees
    assert printed["1.vas.all.T0.sd"].agrees
    assert printed["3.esr.responder.delta.r.vas"].agrees
    assert all(p.row is not None for p in results.printed)


def test_counts_and_the_chosen_test_of_sex(results):
    counts = {g: [value(results, "1", "sex", g, "", "count", c) for c in "12"] for g in ("all", "responder")}
    assert counts == {"all": [49, 41], "responder": [33, 25]}
    chosen = results.find("1", "sex", "difference", "", "p")
    assert chosen.method == "Pearson chi-square"
    assert round(chosen.value, 4) == 0.5294


def test_the_rules_choose_and_the_others_stand_beside(results):
    """CRP at baseline: not normal, so ranks; Student 0.054 and Welch 0.038 stay in the frame, not chosen."""
    rows = {
        r.method: r
        for r in results.rows
        if (r.table, r.variable, r.group, r.timepoint, r.statistic) == ("1", "crp", "difference", "T0", "p")
    }
    assert [m for m, r in rows.items() if r.chosen] == ["Mann-Whitney U test"]
    assert round(rows["Student t test"].value, 3) == 0.054
    assert round(rows["Welch t test"].value, 3) == 0.038
    route = next(r for r in results.routes if (r.table, r.variable, r.group) == ("2", "esr", "difference"))
    assert (route.method, route.reason) == ("Welch t test", "normal_unequal")
    assert value(results, "2", "esr", "difference", "delta", "t", method="Welch t test") == pytest.approx(
        -10.571, abs=1e-3
    )
    assert value(results, "2", "esr", "responder", "delta", "t") == pytest.approx(-15.51, abs=0.005)


def test_the_frame_keeps_its_contract(results, tmp_path):
    """Exactly eight columns, statistics of the fixed list, groups and timepoints by name, n beside every number."""
    results.to_csv(tmp_path / "results.csv", first="T0")
    rows = list(csv.DictReader((tmp_path / "results.csv").open(encoding="utf-8")))
    assert (
        tuple(rows[0])
        == COLUMNS
        == ("table", "variable", "group", "timepoint", "statistic", "value", "method", "n")
    )
    assert {r["statistic"] for r in rows} <= STATISTICS
    planned = {r["group"] for r in rows if r["table"] != "subgroup"}
    assert planned == {"all", "responder", "nonresponder", "difference"}
    assert {r["group"] for r in rows if r["table"] == "subgroup"} == {f"pain_site={code}" for code in "1234"}
    assert {r["timepoint"] for r in rows if r["table"] in "123"} == {"T0", "T1", "delta"}
    variables = {r["variable"] for r in rows if r["table"] in "123"}
    assert variables == {
        *["age", "sex", "course_months", "bmi", "pain_site", "vas", "esr", "crp", "relief", "participants"]
    }
    assert all(r["method"] for r in rows)
    assert [r["value"] for r in rows] == ["" if r.value is None else repr(r.value) for r in results.rows]


def test_no_key_stands_twice(results):
    keys = [(r.table, r.variable, r.group, r.timepoint, r.statistic, r.of, r.method) for r in results.rows]
    assert len(keys) == len(set(keys))


def test_every_number_names_its_participants(results, locked, tmp_path):
    results.to_parquet(tmp_path / "results.parquet")
    table = pq.read_table(tmp_path / "results.parquet")
    people = table.column("participants").to_pylist()
    flags = locked.values("responder")
    for row, who in zip(results.rows, people, strict=True):
        if row.table in {"1", "2", "3"} and row.group == "responder" and row.statistic == "mean":
            assert who == [p for p, f in zip(locked.participants, flags, strict=True) if f == 1]
        if row.table == "3" and row.statistic == "r":
            assert len(who) == row.n
    assert set(results.people(results.find("1", "sex", "all", "", "count", "2"))) == {
        p for p, s in zip(locked.participants, locked.values("sex"), strict=True) if s == 2
    }


def test_the_order_of_rows_changes_no_number(locked, results):
    table = locked.table.take(list(reversed(range(locked.table.num_rows))))
    days = {key: list(reversed(found)) for key, found in locked.days.items()}
    again = analyse(replace(locked, table=table, days=days))
    for a, b in zip(results.rows, again.rows, strict=True):
        assert (a.value, a.method, a.n) == (b.value, b.method, b.n), a


@pytest.mark.parametrize("keep", [0, 1, 2, 3, 58, 59])
def test_small_and_one_sided_cohorts_say_what_is_undefined(locked, keep):
    """No crash with nobody, one person, or one group only: a P that does not exist is a row with a note."""
    flags = locked.values("responder")
    order = sorted(range(len(flags)), key=lambda i: -flags[i])
    some = replace(locked, table=locked.table.take(pa.array(order[:keep], pa.int64())))
    found = analyse(some)
    for row in found.rows:
        if row.value is None and row.statistic == "p":
            assert row.note, row
    if keep == 58:
        assert found.find("1", "age", "difference", "", "p") is None
        assert found.find("1", "age", "nonresponder", "", "n").value == 0


def test_missing_is_never_zero(locked):
    """A missing T1 leaves n, the mean of the rest, and a row in the missing table."""
    columns = {name: locked.values(name) for name in locked.table.column_names}
    for name in ("esr_t1", "esr_delta"):
        columns[name][0] = None
    table = pa.table({n: pa.array(v, locked.table.schema.field(n).type) for n, v in columns.items()})
    found = analyse(replace(locked, table=table))
    assert value(found, "2", "esr", "all", "T1", "n") == 89
    rest = [float(v) for v in columns["esr_delta"] if v is not None]
    assert value(found, "2", "esr", "all", "delta", "mean") == pytest.approx(sum(rest) / 89, rel=1e-12)
    assert value(found, "missing", "esr", "all", "T1", "missing") == 1
    assert found.find("3", "esr", "all", "delta", "r", "vas").n == 89


def test_three_groups_get_anova_and_pairwise_comparisons(locked, protocol, make_locked):
    """Grouped by a variable with three categories: ANOVA or Kruskal-Wallis chosen, SNK or Dunn after it."""
    sex = protocol.variable_named("sex")
    third = sex.values[1].model_copy(update={"code": 3, "zh": "丙", "en": "third"})
    variables = tuple(
        v.model_copy(update={"values": (*v.values, third)}) if v.id == "sex" else v for v in protocol.variable
    )
    plan = protocol.analysis.model_copy(update={"group": "sex", "published": {}, "correlate": ()})
    protocol = protocol.model_copy(update={"variable": variables, "analysis": plan})
    order = sorted(range(90), key=lambda i: locked.values("esr_t0")[i])
    codes = [0] * 90
    for place, i in enumerate(order):
        codes[i] = 1 + place // 30
    at = locked.table.column_names.index("sex")
    table = locked.table.set_column(at, "sex", pa.array(codes, pa.int64()))
    found = analyse(make_locked(table, protocol))
    overall = found.find("1", "esr", "difference", "T0", "p")
    assert overall.method in {"one-way ANOVA", "Kruskal-Wallis H test"}
    assert overall.value < 0.001
    pairs = {r.of for r in found.rows if r.table == "1" and r.variable == "esr" and " vs " in r.of}
    assert len(pairs) == 3


def test_the_other_rules_of_the_protocol_are_followed_too(locked, protocol, make_locked):
    """Lilliefors, Tukey and Kendall where the plan names them: not Shapiro, SNK and Pearson under another name."""
    asked = {
        "normality": protocol.analysis.normality.model_copy(
            update={"test": "lilliefors", "by": "all", "alpha": 0.0001}
        ),
        "post_hoc": protocol.analysis.post_hoc.model_copy(update={"normal": "tukey"}),
        "correlate": (protocol.analysis.correlate[0].model_copy(update={"method": "kendall"}),),
        "published": {},
    }
    plan = protocol.analysis.model_copy(update=asked)
    found = analyse(make_locked(locked.table, protocol.model_copy(update={"analysis": plan})))
    methods = {r.method for r in found.rows}
    assert "Kolmogorov-Smirnov (Lilliefors)" in methods
    assert "Shapiro-Wilk" not in methods
    r = found.find("3", "esr", "all", "delta", "r", "vas")
    assert r.method == "Kendall correlation with vas"
    assert found.find("3", "esr", "all", "delta", "z", "vas").value > 6


def test_a_delta_that_is_not_the_protocols_direction_is_refused(locked, make_locked):
    at = locked.table.column_names.index("esr_delta")
    turned = [-v for v in locked.values("esr_delta")]
    with pytest.raises(SnapshotBroken, match="esr_delta"):
        make_locked(locked.table.set_column(at, "esr_delta", pa.array(turned, pa.decimal128(8, 1))))


def test_a_statistic_outside_the_list_cannot_enter_the_frame():
    with pytest.raises(ValueError, match="minimum"):
        Book().add("1", "age", "all", "", "minimum", 1.0, "", ())


@pytest.mark.parametrize(
    ("text", "number", "agrees"),
    [
        ("-14.16", -13.8856, False),
        ("-13.89", -13.8856, True),
        ("−13.9", -13.8856, True),
        ("<0.01", 0.0099, True),
        ("<0.01", 0.01, False),
        (">0.05", 0.2, True),
        ("0.12", 0.1174, True),
        ("about 3", 3.0, False),
    ],
)
def test_a_printed_number_agrees_when_ours_rounds_to_it(text, number, agrees):
    book = Book()
    book.add("1", "x", "all", "", "mean", number, "arithmetic mean", ())
    assert book.close((), [("1.x.all..mean", text)]).printed[0].agrees is agrees


def test_t_is_compared_by_magnitude_and_unknown_keys_are_kept():
    book = Book()
    book.add("3", "x", "all", "delta", "t", -15.51, "paired t test", ())
    closed = book.close((), [("3.x.all.delta.t", "15.51"), ("3.y.all.delta.t", "1.0"), ("nonsense", "1")])
    assert [(p.row is not None, p.agrees) for p in closed.printed] == [
        (True, True),
        (False, False),
        (False, False),
    ]


def test_the_funnel_is_in_the_frame(results, funnel):
    steps = funnel["steps"]
    assert value(results, "flow", "I3", "all", "", "removed_patients") == steps[5]["removed_patients"]
    assert json.dumps([r.variable for r in results.rows if r.statistic == "patients"]) == json.dumps(
        [s["id"] for s in steps]
    )


def test_the_dataset_gives_a_column_it_lacks_as_missing(locked):
    assert sum(locked.values("responder")) == 58
    assert locked.values("no_such_column") == [None] * 90


def test_the_documentation_names_every_statistic():
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    listed = re.search(r"Statistics: `([^`]+)`", text)[1].split()
    assert set(listed) == STATISTICS
    assert len(listed) == len(set(listed))


def test_a_group_under_the_smallest_cell_shows_how_many_and_no_value(locked):
    """...in every table, not in subgroups alone: four non-responders have an n, and no mean, P or coefficient."""
    flags = locked.values("responder")
    keep = [i for i, f in enumerate(flags) if f] + [i for i, f in enumerate(flags) if not f][:4]
    few = replace(locked, table=locked.table.take(pa.array(keep, pa.int64())), days={})
    found = analyse(few)
    own = [r for r in found.rows if r.group == "nonresponder" and r.table in {"1", "2", "3", "limits"}]
    counted = {"n", "missing", "count", "percent"}
    assert {r.statistic for r in own if r.value is not None} <= counted
    assert found.find("1", "age", "nonresponder", "", "n").value == 4
    mean = found.find("1", "age", "nonresponder", "", "mean")
    assert (mean.value, mean.note) == (None, "fewer than 5: not shown")
    assert found.find("1", "age", "responder", "", "mean").value is not None
