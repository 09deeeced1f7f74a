"""Sensitivity, subgroups, limits and multiplicity: each declared analysis is there, or the report says why not."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from analysis import report
from analysis import statistics as st
from analysis.plan import analyse
from extract.study.protocol import column


@pytest.fixture(scope="module")
def page(locked, results, tmp_path_factory):
    html = report.write(results, locked, tmp_path_factory.mktemp("around")).read_text(encoding="utf-8")
    return re.sub(r"<[^>]+>", "", html)


def test_every_declared_analysis_is_reported_or_explained(locked, page):
    """The two that need records outside the dataset say so; none is silent."""
    declared = page[page.index("Declared and reported") :]
    for words in (
        "Analysis of covariance",
        "One participant left out",
        "Welch t tests",
        "Subgroup: Pain site",
    ):
        assert re.search(rf"{words}[^\n]*Table \d+", declared), words
    for words in ("Folded search", r"T1 days 14 to 42"):
        assert re.search(rf"{words}[^\n]*needs records that a locked dataset does not hold", declared)
    assert set(locked.protocol.analysis.sensitivity) == {
        "welch", "rank", "ancova", "leave_one_out", "folded_search", "t1_window_24_32", "t1_window_14_42",
        "multiple_imputation",
    }  # fmt: skip


def test_ancova_stands_for_every_change_with_the_test_of_its_slopes(locked, results):
    flags = locked.values("responder")
    for variable in locked.protocol.timed:
        first, last = (locked.values(column(variable.id, at)) for at in ("T0", "T1"))
        groups = [
            ([a for a, f in zip(first, flags, strict=True) if f == g], [b for b, f in zip(last, flags, strict=True) if f == g])
            for g in (1, 0)
        ]  # fmt: skip
        found = st.ancova(*groups)
        for name, value in (
            ("estimate", found.estimate),
            ("p", found.p),
            ("p_slopes", found.named("p_slopes")),
        ):
            assert results.find("sensitivity", variable.id, "difference", "T1", name).value == value


def test_subgroups_have_their_own_people(locked, results):
    """Each code of the subgroup variable: its n, and r computed from those who have it and nobody else."""
    cells = locked.values("pain_site")
    x, y = locked.values("esr_delta"), locked.values("vas_delta")
    for code in "1234":
        rows = [i for i, cell in enumerate(cells) if cell and code in cell.split(";")]
        r = results.find("subgroup", "esr", f"pain_site={code}", "delta", "r", "vas")
        assert r.rows == tuple(rows)
        assert r.value == st.pearson([x[i] for i in rows], [y[i] for i in rows]).estimate
        assert results.find("subgroup", "esr", f"pain_site={code}", "delta", "n", "vas").value == len(rows)


def test_a_subgroup_under_the_smallest_cell_has_no_coefficient(locked, make_locked):
    cells = [None] * locked.table.num_rows
    cells[:4] = ["1"] * 4
    place = locked.table.column_names.index("pain_site")
    few = make_locked(locked.table.set_column(place, "pain_site", pa.array(cells, pa.string())))
    found = analyse(few)
    assert found.find("subgroup", "esr", "pain_site=1", "delta", "r", "vas") is None
    p = found.find("subgroup", "esr", "pain_site=1", "delta", "p", "vas")
    assert p.value is None
    assert p.note == "fewer than 5: not shown"


def test_the_ledger_counts_each_question_once_and_adjusts_all_of_them(results):
    ledger = [r for r in results.rows if r.statistic == "p_holm"]
    raw = [
        results.find(r.table, r.variable, r.group, r.timepoint, "p", r.of).value for r in ledger
    ]  # fmt: skip
    assert [r.value for r in ledger] == pytest.approx(st.holm(raw))
    keys = [(r.variable, r.group, r.timepoint, r.of) for r in ledger]
    assert len(set(keys)) == len(keys) == 38
    chosen = {r.method for r in results.rows if r.table in {"1", "2"} and r.statistic == "p" and r.chosen}
    assert {r.method.partition(": ")[2] for r in ledger} >= chosen


def test_the_limits_are_arithmetic_facts_of_the_data(results):
    """A stratum's r follows from the cut range; the share of variance is that of the circular test."""
    r = results.find("3", "esr", "all", "delta", "r", "vas").value
    u = results.find("limits", "vas", "responder", "delta", "ratio").value
    sd = [results.find("2", "vas", g, "delta", "sd").value for g in ("responder", "all")]
    assert u == pytest.approx(sd[0] / sd[1])
    cut = results.find("limits", "esr", "responder", "delta", "r", "vas").value
    assert cut == pytest.approx(u * r / (1 - r**2 + u**2 * r**2) ** 0.5)
    t = results.find("2", "vas", "difference", "delta", "t", method="Student t test").value
    share = results.find("limits", "vas", "difference", "delta", "effect").value
    assert share == pytest.approx(t**2 / (t**2 + 88))


def test_numbers_that_hang_on_one_participant_show_it(locked, results):
    x, y = locked.values("esr_delta"), locked.values("vas_delta")
    each = [st.pearson(x[:i] + x[i + 1 :], y[:i] + y[i + 1 :]).estimate for i in range(90)]
    found = [
        results.find("sensitivity", "esr", "all", "delta", s, "vas").value for s in ("r_least", "r_greatest")
    ]
    assert found == pytest.approx([min(each), max(each)])
