"""The model of response, other windows and imputation as they stand in the frame and on the page."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from analysis import report
from analysis import statistics as st
from analysis.imputed import incomplete
from analysis.model import REPEATS, seed_of
from analysis.plan import analyse
from analysis.report.trace import untraced


@pytest.fixture(scope="module")
def holes(simulated):
    """The same people with values missing in three columns."""
    found = {name: simulated.values(name) for name in simulated.table.column_names}
    for i in range(8):
        found["bmi"][i * 9] = found["course_months"][i * 7 + 1] = None
    for i in range(6):
        found["esr_t1"][i * 9] = found["esr_delta"][i * 9] = None
    table = pa.table({n: pa.array(v, simulated.table.schema.field(n).type) for n, v in found.items()})
    return replace(simulated, table=table)


def test_the_model_is_of_complete_rows_with_its_validation_and_seed(holes):
    results = analyse(holes)
    columns = {n: holes.values(n) for n in ("age", "sex", "course_months", "esr_t0", "crp_t0", "responder")}
    rows = [i for i in range(90) if all(c[i] is not None for c in columns.values())]
    x = [
        (n, [float(columns[n][i] == 2) if n == "sex" else float(columns[n][i]) for i in rows])
        for n in list(columns)[:5]
    ]
    fitted = st.logistic([columns["responder"][i] for i in rows], x)
    for term, (variable, at, of) in zip(
        fitted.terms[1:],
        (("age", "", ""), ("sex", "", "2"), ("course_months", "", ""), ("esr", "T0", ""), ("crp", "T0", "")),
        strict=True,
    ):
        found = results.find("model", variable, "all", at, "odds_ratio", of)
        assert found.value == pytest.approx(math.exp(term.b))
        assert len(found.rows) == len(rows) == 82
    told = {
        s: results.find("model", "model", "all", "", s)
        for s in ("n", "events", "epv", "c", "c_corrected", "slope_corrected")
    }
    assert told["epv"].value == told["events"].value / 5
    assert 0.5 < told["c_corrected"].value < told["c"].value
    assert told["slope_corrected"].value < 1
    assert f"{REPEATS} samples, seed {seed_of(holes)}" in told["c_corrected"].method


def test_a_narrower_window_is_computed_and_a_wider_one_refused_in_words(locked, results):
    days = locked.days["vas", "T1"]
    rows = [i for i, d in enumerate(days) if 24 <= d <= 32]
    x, y = locked.values("esr_delta"), locked.values("vas_delta")
    own = results.find(
        "sensitivity", "esr", "all", "delta", "r", "vas", "Pearson correlation: T1 on days 24 to 32"
    )
    assert own.rows == tuple(rows)
    assert own.value == st.pearson([x[i] for i in rows], [y[i] for i in rows]).estimate
    assert not [r for r in results.rows if "14 to 42" in r.method]


def test_no_window_is_invented_where_the_snapshot_has_no_days(locked):
    results = analyse(replace(locked, days={}))
    assert not [r for r in results.rows if " on days " in r.method]


def test_imputation_stands_beside_complete_cases_and_keeps_its_seed(holes, tmp_path):
    assert incomplete(holes) == ["course_months", "bmi", "esr_t1"]
    results = analyse(holes)
    own = [r for r in results.rows if r.table == "imputed"]
    assert {r.statistic for r in own} == {"r", "estimate", "odds_ratio", "ci_low", "ci_high", "p", "fmi"}
    assert own == [r for r in analyse(holes).rows if r.table == "imputed"]
    r, complete = (
        results.find("imputed", "esr", "all", "delta", "r", "vas"),
        results.find("3", "esr", "all", "delta", "r", "vas"),
    )
    assert abs(r.value - complete.value) < 0.1
    assert r.n == 90 > results.find("3", "esr", "all", "delta", "n", "vas").value == 84
    # What nobody lacks is not moved: the change of VAS is that of the complete cases.
    same = results.find("imputed", "vas", "difference", "delta", "estimate")
    assert same.value == pytest.approx(
        results.find("2", "vas", "difference", "delta", "estimate", method="Welch t test").value
    )
    html = report.write(results, holes, tmp_path).read_text(encoding="utf-8")
    assert untraced(html, results) == []
    text = re.sub(r"<[^>]+>", "", html)
    assert f"20 copies, seed {seed_of(holes)}" in text
    assert "Missing at random is assumed, which no dataset can test" in text
    assert "无缺失值，无可填补" not in text


def test_nothing_is_imputed_where_nothing_is_missing(results):
    assert not [r for r in results.rows if r.table == "imputed"]


def test_separated_groups_are_modelled_by_firth_and_said_so(simulated, tmp_path, monkeypatch):
    """CRP at the first timepoint put above 50 for every responder and below for the others."""
    place = simulated.table.column_names.index("crp_t0")
    kind = simulated.table.schema.field("crp_t0").type
    flags = simulated.values("responder")
    monkeypatch.setattr("analysis.model.REPEATS", 10)
    cells = [v + 60 if f else v for v, f in zip(simulated.values("crp_t0"), flags, strict=True)]
    table = simulated.table.set_column(place, "crp_t0", pa.array(cells, kind))
    table = table.set_column(table.column_names.index("crp_delta"), "crp_delta", pa.array(
        [b - a for a, b in zip(cells, simulated.values("crp_t1"), strict=True)], kind))  # fmt: skip
    parted = replace(simulated, table=table)
    results = analyse(parted)
    row = results.find("model", "crp", "all", "T0", "odds_ratio")
    assert "Firth" in row.method
    assert math.isfinite(row.value)
    assert row.value > 1
    html = report.write(results, parted, tmp_path).read_text(encoding="utf-8")
    assert "Firth惩罚似然" in html
    assert "penalised likelihood" in html
