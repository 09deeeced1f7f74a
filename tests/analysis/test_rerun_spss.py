"""PSPP repeats the report: the exported syntax on the exported .sav gives the frame's numbers to the digits it prints."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analysis.plan import analyse
from analysis.rerun.spss import syntax
from extract.study.protocol import column, parse
from validate.lock.codebook import codebook_json
from validate.lock.export.spss import as_spss
from validate.lock.export.told import tell

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
Key = tuple[str, ...]
Table = tuple[str, list[list[str]]]

# What neither program's command prints, one reason a line; docs/results.md explains each.
NO_COMMAND = {
    ("effect",): "arithmetic on printed numbers",
    ("p_exact",): "SPSS has it in an extra module, PSPP not",
    ("p_holm", "p_bh"): "arithmetic on printed P",
    ("w", "d"): "not P: no reader needs them",
    ("missing", "count", "percent", "ratio"): "counts are compared as tables, not as tests",
    ("r_least", "r_greatest"): "one participant left out: no command",
}

needs_pspp = pytest.mark.skipif(shutil.which("pspp") is None, reason="needs PSPP: apt-get install pspp")


def export(locked, folder: Path) -> None:
    """``data.sav`` as `cohortlock export --format sav` writes it; no cell here has a reason why it is missing."""
    long = pa.table(
        {n: pa.array([], pa.string()) for n in ("participant", "variable", "timepoint", "missing")}
    )
    book = json.loads(codebook_json(locked.protocol))
    told = tell("data", {"data": locked.table, "long": long}, book, language="zh", citation="test")
    (folder / "data.sav").write_bytes(as_spss(told)[".sav"])


def printed(locked, results, folder: Path) -> str:
    export(locked, folder)
    (folder / "rerun.sps").write_text("\ufeff" + syntax(locked, results), encoding="utf-8")
    run = subprocess.run(
        ["pspp", "rerun.sps", "-o", "again.csv", "-O", "format=csv"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    out = (folder / "again.csv").read_text(encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr
    assert not re.search(r"^rerun\.sps:.*(error|warning)", out, re.MULTILINE), out
    return out


def blocks(text: str) -> Iterator[tuple[list[str], list[Table]]]:
    """Each ECHO's key with the tables that follow it."""
    parts = re.split(r"^(\w+(?:\|[^|\n]*){5})$", text, flags=re.MULTILINE)
    for key, body in zip(parts[1::2], parts[2::2], strict=True):
        tables: list[Table] = []
        for chunk in body.split("Table: ")[1:]:
            title, _, rest = chunk.partition("\n")
            tables.append((title, [line for line in csv.reader(rest.strip().splitlines()) if line]))
        yield key.split("|"), tables


def rows_of(tables: list[Table], title: str) -> list[list[str]]:
    return next((rows for name, rows in tables if name.startswith(title)), [])


def line(rows: list[list[str]], *words: str) -> list[str]:
    """The first row that holds the words among its cells."""
    return next((r for r in rows if all(w in r for w in words)), [])


Found = Iterator[tuple[str, str, str]]


def level(tables: list[Table]) -> Found:
    found = rows_of(tables, "Descriptives")
    yield "values that are there", "n", rows_of(tables, "Case Processing")[3][1]
    for words, method, statistic in (
        ("Mean", "arithmetic mean", "mean"), ("Std. Deviation", "standard deviation, n - 1", "sd"),
        ("Median", "median", "median"), ("Lower Bound", "95% interval of the mean, t", "ci_low"),
        ("Upper Bound", "95% interval of the mean, t", "ci_high"),
    ):  # fmt: skip
        if got := line(found, words):
            yield method, statistic, got[3]
    if got := line(rows_of(tables, "Percentiles"), "Weighted Average"):
        yield "quartile, HAVERAGE", "q1", got[2]
        yield "quartile, HAVERAGE", "q3", got[4]
    for got in rows_of(tables, "Tests of Normality")[2:]:
        yield "Shapiro-Wilk", "w", got[1]
        yield "Shapiro-Wilk", "p", got[3]


def one_t(tables: list[Table]) -> Found:
    got = rows_of(tables, "One-Sample Test")[3]
    places = ((1, "t"), (2, "df"), (3, "p"), (4, "estimate"), (5, "ci_low"), (6, "ci_high"))
    for method in ("paired t test", "one-sample t test"):
        yield from ((method, name, got[at]) for at, name in places)


def signed_rank(tables: list[Table]) -> Found:
    found = rows_of(tables, "Test Statistics")
    yield "Wilcoxon signed-rank test", "|z", line(found, "Z")[1]
    yield "Wilcoxon signed-rank test", "p", line(found, "Asymp. Sig. (2-tailed)")[1]


def two_t(tables: list[Table]) -> Found:
    for words, method in (
        ("Equal variances assumed", "Student t test"), ("Equal variances not assumed", "Welch t test"),
    ):  # fmt: skip
        got = line(rows_of(tables, "Independent"), words)
        for at, name in ((4, "t"), (5, "df"), (6, "p"), (7, "estimate"), (9, "ci_low"), (10, "ci_high")):
            yield method, name, got[at]
        if got[2]:
            yield "Levene test (mean-centred)", "f", got[2]
            yield "Levene test (mean-centred)", "p", got[3]


def mann_whitney(tables: list[Table]) -> Found:
    got = rows_of(tables, "Test Statistics")[1]
    yield from (("Mann-Whitney U test", name, got[at]) for at, name in ((1, "u"), (3, "|z"), (4, "p")))


def several(tables: list[Table]) -> Found:
    got = rows_of(tables, "Test of Homogeneity")[1]
    for at, name in ((1, "f"), (2, "df"), (3, "df2"), (4, "p")):
        yield "Levene test (mean-centred)", name, got[at]
    found = rows_of(tables, "ANOVA")
    between, within = line(found, "Between Groups"), line(found, "Within Groups")
    for name, text in (("f", between[5]), ("df", between[3]), ("df2", within[3]), ("p", between[6])):
        yield "one-way ANOVA", name, text


def kruskal(tables: list[Table]) -> Found:
    found = rows_of(tables, "Test Statistics")
    for words, name in (("Chi-Square", "h"), ("df", "df"), ("Asymp. Sig.", "p")):
        yield "Kruskal-Wallis H test", name, line(found, words)[1]


def counts(tables: list[Table]) -> Found:
    names = {
        "Pearson Chi-Square": "Pearson chi-square", "Likelihood Ratio": "likelihood-ratio chi-square",
        "Continuity Correction": "chi-square with Yates's correction",
    }  # fmt: skip
    for got in rows_of(tables, "Chi-Square Tests"):
        if got[0] in names:
            yield from ((names[got[0]], name, got[at]) for at, name in ((1, "chi2"), (2, "df"), (3, "p")))
        if got[0] == "Fisher's Exact Test":
            yield "Fisher exact test", "p", got[4]


def correlate(tables: list[Table]) -> Found:
    found = rows_of(tables, "Correlations")
    yield from (("Pearson correlation", s, found[at][3]) for at, s in ((1, "r"), (2, "p")))


def ranked(tables: list[Table]) -> Found:
    yield from (("Spearman correlation", s, text) for _, s, text in correlate(tables))


def fitted_line(tables: list[Table]) -> Found:
    found = rows_of(tables, "Coefficients")[2:]
    yield "least squares line", "intercept", found[0][1]
    yield "least squares line", "slope", found[1][1]
    yield "Pearson correlation", "t", found[1][4]
    yield "Pearson correlation", "r2", rows_of(tables, "Model Summary")[1][1]


def partial(tables: list[Table]) -> Found:
    got = rows_of(tables, "Coefficients")[3]
    yield "partial correlation", "t", got[4]
    yield "partial correlation", "p", got[5]
    yield "partial correlation", "df", line(rows_of(tables, "ANOVA"), "Residual")[2]


def covariance(tables: list[Table]) -> Found:
    got = rows_of(tables, "Coefficients")[4]
    for at, name in ((1, "estimate"), (5, "p"), (6, "ci_low"), (7, "ci_high")):
        yield "analysis of covariance", name, got[at]
    yield "analysis of covariance", "df2", line(rows_of(tables, "ANOVA"), "Residual")[2]


def logistic(tables: list[Table]) -> Found:
    got = rows_of(tables, "Variables in the Equation")
    own = next(row for row in got if row[0].startswith("Step"))
    for at, name in ((2, "b"), (6, "p"), (7, "odds_ratio"), (8, "ci_low"), (9, "ci_high")):
        yield "logistic regression, Wald interval", name, own[at]


def window(tables: list[Table]) -> Found:
    yield from (("Pearson correlation: T1 on days 24 to 32", s, text) for _, s, text in correlate(tables))


def slopes(tables: list[Table]) -> Found:
    yield "analysis of covariance", "p_slopes", rows_of(tables, "Coefficients")[5][5]


READERS = {
    reader.__name__: reader
    for reader in (
        level, one_t, signed_rank, two_t, mann_whitney, several, kruskal, counts, correlate, ranked, fitted_line,
        partial, covariance, slopes, logistic, window,
    )
}  # fmt: skip
"""Kind of block -> (method, statistic, printed text); a statistic with a bar before it is compared by magnitude."""


def agrees(value: float, text: str) -> bool:
    """Whether the value may be printed as the text: half a unit of its last digit, and the double's own grain."""
    shown = Decimal(text)
    half = Decimal(1).scaleb(int(shown.as_tuple().exponent)) / 2
    return abs(Decimal(repr(value)) - shown) <= half + Decimal(repr(abs(value) * 1e-10))


def _is(method: str, ours: str) -> bool:
    return (
        method == ours
        or (ours.endswith("correlation") and method.startswith(ours))
        or (ours == "least squares line" and method.startswith(ours))
    )


def compare(locked, folder: Path) -> tuple[int, list[Any], set[Key]]:
    """How many numbers are the same, the difference table, and which of the frame's numbers PSPP does not give."""
    results = analyse(locked)
    known: dict[Key, Any] = {}
    for row in results.rows:
        known.setdefault(
            (row.table, row.variable, row.group, row.timepoint, row.of, row.method, row.statistic), row
        )
    same, differing, told = 0, [], set()
    for (kind, *key), tables in blocks(printed(locked, results, folder)):
        for method, statistic, text in READERS[kind](tables):
            name = statistic.lstrip("|")
            for k, row in known.items():
                # The frame's method may name the partner after ours: "Pearson correlation with vas".
                if list(k[:5]) != key or k[6] != name or row.value is None or not _is(k[5], method):
                    continue
                told.add(k)
                size = abs(row.value) if statistic != name else row.value
                if agrees(size, text.lstrip("-") if statistic != name else text):
                    same += 1
                else:
                    differing.append((*k, text, row.value))
    wanted = {
        k
        for k, r in known.items()
        if r.value is not None and k[0] not in {"flow", "missing", "agreement", "imputed"}
    }
    left = {name for names in NO_COMMAND for name in names}
    return same, differing, {k for k in wanted - told if k[6] not in left and k[1] != "participants"}


def unexplained(absent: set[Key]) -> list[Key]:
    """Those for which docs/results.md has no line."""

    def why(key: Key) -> bool:
        table, method, statistic = key[0], key[5], key[6]
        return (
            statistic in {"n", "expected_min"}  # stands in a table of counts, or in the command's own n
            or (statistic in {"ci_low", "ci_high", "df", "t", "r2"} and "correlation" in method)  # CORRELATIONS: r, P, n
            or (statistic == "r" and method.startswith("partial"))  # t/sqrt(t² + df): arithmetic
            or (statistic in {"f", "df"} and method == "analysis of covariance")  # t² of the dummy
            or (statistic == "estimate" and method in {"Mann-Whitney U test", "Wilcoxon signed-rank test", "Fisher exact test"})
            or method.startswith(("Kolmogorov", "r expected from", "difference of two correlations", "Dunn", "Student-Newman", "Tukey"))
            or (method == "Fisher exact test" and statistic == "p")  # tables beyond 2 x 2: an extra module of SPSS
            or statistic in {"vif", "events", "epv", "c", "c_corrected", "slope_corrected"}  # no command, or drawn at random
            or (table == "limits" and "eta" in method)
        )  # fmt: skip

    return sorted(k for k in absent if not why(k))


@needs_pspp
def test_the_difference_table_is_empty_to_the_digits_that_pspp_prints(locked, tmp_path):
    same, differing, absent = compare(locked, tmp_path)
    assert differing == []
    assert unexplained(absent) == []
    assert same > 600


@needs_pspp
def test_it_is_empty_where_values_are_missing(locked, make_locked, tmp_path):
    found = {name: locked.values(name) for name in locked.table.column_names}
    for name in ("esr_t1", "esr_delta"):
        found[name][:3] = [None, None, None]
    found["bmi"][10] = found["sex"][20] = None
    table = pa.table({n: pa.array(v, locked.table.schema.field(n).type) for n, v in found.items()})
    same, differing, absent = compare(make_locked(table), tmp_path)
    assert differing == []
    assert unexplained(absent) == []
    assert same > 600


@needs_pspp
def test_it_is_empty_for_another_study(make_locked, make_invented, tmp_path):
    protocol = parse((EXAMPLES / "hba1c-clinosim" / "study.toml").read_text(encoding="utf-8"))
    _, differing, absent = compare(make_locked(make_invented(protocol, 60), protocol, flow={}), tmp_path)
    assert differing == []
    assert unexplained(absent) == []


@needs_pspp
def test_one_changed_value_in_the_exported_file_is_a_difference(locked, make_locked, tmp_path):
    """...or the comparison compares nothing: the frame of the data, the syntax on data in which one cell is another."""
    (tmp_path / "other").mkdir()
    cells = locked.values("bmi")
    cells[0] += Decimal(1)
    place = locked.table.column_names.index("bmi")
    other = make_locked(
        locked.table.set_column(place, "bmi", pa.array(cells, locked.table.schema.field("bmi").type))
    )
    results = analyse(locked)
    text = printed(other, results, tmp_path)
    told = {
        tuple(key[1:]): {(m, s): t for m, s, t in level(tables)}
        for key, tables in blocks(text)
        if key[0] == "level"
    }
    mean = results.find("1", "bmi", "all", "", "mean").value
    assert not agrees(mean, told["1", "bmi", "all", "", ""]["arithmetic mean", "mean"])
    mean = results.find("1", "age", "all", "", "mean").value
    assert agrees(mean, told["1", "age", "all", "", ""]["arithmetic mean", "mean"])


def test_the_syntax_holds_no_value_and_names_its_snapshot(locked, results):
    text = syntax(locked, results)
    assert locked.logical_hash in text
    singles = {str(v) for n in ("esr_t0", "crp_t0") for v in locked.values(n) if len(str(v)) > 3}
    assert not [v for v in singles if v in text]
    assert column("vas", kind="delta") in text
