"""R repeats the report: the exported script on the exported data gives the frame's numbers."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from analysis.plan import analyse
from analysis.rerun import STATISTICS, script
from extract.study.protocol import parse
from validate.lock.export.delimited import BOM, rows_as_csv

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
# What base R has no function for, or prints no such number of.
LEFT = {
    ("Mann-Whitney U test", "estimate"), ("Wilcoxon signed-rank test", "estimate"), ("Fisher exact test", "estimate"),
    ("paired t test", "estimate"), ("paired t test", "ci_low"), ("paired t test", "ci_high"),
    ("Spearman correlation", "ci_low"), ("Spearman correlation", "ci_high"), ("Spearman correlation", "r2"),
    ("Kendall correlation", "ci_low"), ("Kendall correlation", "ci_high"),
    ("chi-square with Yates's correction", "df"), ("chi-square with Yates's correction", "expected_min"),
    ("likelihood-ratio chi-square", "expected_min"),
}  # fmt: skip
BY_ARITHMETIC = ("r expected from the cut range", "difference of two correlations", "participants")

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R: apt-get install r-base-core")


def run(locked, results, folder: Path) -> dict[tuple[str, ...], float]:
    """R's numbers under the frame's keys and method."""
    (folder / "rerun.R").write_text(script(locked, results), encoding="utf-8")
    names = locked.table.column_names
    rows = zip(*(locked.values(n) for n in names), strict=True)
    (folder / "data.csv").write_bytes(BOM + rows_as_csv(names, rows))
    told = subprocess.run(
        ["Rscript", "--vanilla", "rerun.R", "data.csv", "again.csv"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    with (folder / "again.csv").open(encoding="utf-8") as file:
        keys = ("table", "variable", "group", "timepoint", "of", "method", "statistic")
        return {tuple(row[k] for k in keys): float(row["value"]) for row in csv.DictReader(file)}


def compare(locked, folder: Path) -> tuple[int, list, list]:
    """How many numbers both have, which differ by 1e-6 (P also relatively), which of the frame's R does not give."""
    results = analyse(locked)
    theirs = run(locked, results, folder)
    same, differing, absent = 0, [], []
    for row in results.rows:
        if (
            row.value is None
            or row.statistic not in STATISTICS
            or row.table in {"flow", "missing", "agreement", "imputed"}
        ):
            continue
        key = (row.table, row.variable, row.group, row.timepoint, row.of, row.method, row.statistic)
        if key not in theirs:
            absent.append(key)
        elif abs(theirs[key] - row.value) >= 1e-6 or theirs[key] != pytest.approx(
            row.value, rel=1e-6, abs=1e-9
        ):
            differing.append((key, theirs[key], row.value))
        else:
            same += 1
    return same, differing, absent


def unexplained(absent: list) -> list:
    """Those that no difference of convention explains: a count of values is only asked for where there is one."""
    return [
        key for key in absent
        if (key[5].partition(" with ")[0] if " correlation with " in key[5] else key[5], key[6]) not in LEFT
        and not key[5].startswith(BY_ARITHMETIC)
        and key[6] != "n"
    ]  # fmt: skip


@needs_r
def test_r_gives_every_number_of_the_report(locked, tmp_path):
    """More than 800 numbers; none differs by 1e-6; what R does not give is named above, one by one."""
    same, differing, absent = compare(locked, tmp_path)
    assert differing == []
    assert unexplained(absent) == []
    assert same > 800


@needs_r
def test_r_gives_every_number_where_values_are_missing(locked, make_locked, tmp_path):
    found = {name: locked.values(name) for name in locked.table.column_names}
    for name in ("esr_t1", "esr_delta"):
        found[name][:3] = [None, None, None]
    found["bmi"][10] = found["sex"][20] = None
    table = pa.table({n: pa.array(v, locked.table.schema.field(n).type) for n, v in found.items()})
    same, differing, absent = compare(make_locked(table), tmp_path)
    assert differing == []
    assert unexplained(absent) == []
    assert same > 800


@needs_r
def test_r_gives_every_number_of_another_study(make_locked, make_invented, tmp_path):
    text = (EXAMPLES / "hba1c-clinosim" / "study.toml").read_text(encoding="utf-8")
    protocol = parse(text)
    same, differing, absent = compare(make_locked(make_invented(protocol, 60), protocol, flow={}), tmp_path)
    assert differing == []
    assert unexplained(absent) == []
    assert same > 100


def test_the_script_names_its_snapshot_and_holds_no_value(locked, results):
    """...it may be printed in an appendix: keys, columns and functions, and nobody's number."""
    text = script(locked, results)
    assert locked.logical_hash in text
    assert text.count("\n") > 200
    singles = {str(v) for n in ("esr_t0", "crp_t0") for v in locked.values(n) if len(str(v)) > 3}
    assert not [v for v in singles if v in text]
