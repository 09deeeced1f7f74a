"""Table 1 of a Parquet file with its tests, by ours or by tableone: ``table_one.py ours|tableone FILE``.

The last line is the same for both: mean and SD per group and Welch's P of each number, chi-square's P of each category.
"""

from __future__ import annotations

import sys
from typing import Any

import pyarrow.parquet as pq

GROUP = "treated"


def ours(path: str) -> list[str]:
    """n, mean, SD, median and quartiles by group, Student, Welch, Levene; counts, percents and chi-square.

    Column by column, each read once and cut by group once, as the report's plan does; two at a time, as there are cores.
    """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from analysis import statistics as st

    names = [name for name in pq.read_schema(path).names if name != GROUP]
    by = _column(path, GROUP)
    groups = [np.arange(len(by)), *(np.flatnonzero(by == side) for side in (1, 0))]

    def line(name: str) -> str:
        column = _column(path, name)
        if column.dtype.kind == "f":
            parts = st.cut(column, groups)
            described = [st.describe(part) for part in parts]
            tests = [test(*parts[1:]) for test in (st.welch_t, st.student_t, st.levene)]
            assert all(d.median is not None and d.q1 is not None for d in described)
            _, first, second = described
            return f"{name} {first.mean:.4f} {first.sd:.4f} {second.mean:.4f} {tests[0].p:.3f}"
        counts = [np.bincount(column[rows], minlength=int(column.max()) + 1).tolist() for rows in groups[1:]]
        rows = list(zip(*counts, strict=True))
        found = st.chi_square(rows)
        assert st.chi_square(rows, "likelihood").p is not None
        return f"{name} {counts[0][0]} {found.p:.3f}"

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(line, names))


def _column(path: str, name: str) -> Any:
    """One column as an array; its table is let go at once."""
    return pq.ParquetFile(path).read(columns=[name], use_threads=False).column(0).to_numpy()


def theirs(path: str) -> list[str]:
    """The same by tableone, the package most used in Python; its P are Welch's and Pearson's."""
    import warnings

    warnings.simplefilter("ignore")
    from tableone import TableOne

    frame = pq.read_table(path).to_pandas()
    numbers = [c for c in frame if frame[c].dtype.kind == "f"]
    categories = [c for c in frame if c not in (*numbers, GROUP)]
    made = TableOne(
        frame, columns=[*numbers, *categories], categorical=categories, groupby=GROUP, pval=True,
        decimals=4, pval_digits=3, htest_name=True,
    )  # fmt: skip
    body = made.tableone.droplevel(0, axis=1)
    told = []
    for name in numbers:
        line = body.loc[f"{name}, mean (SD)"].iloc[0]
        mean, _, sd = str(line["1"]).partition(" (")
        told.append(f"{name} {mean} {sd.rstrip(')')} {str(line['0']).partition(' (')[0]} {line['P-Value']}")
    for name in categories:
        lines = body.loc[f"{name}, n (%)"]
        told.append(
            f"{name} {str(lines['1'].iloc[0]).partition(' (')[0]} {next(p for p in lines['P-Value'] if p)}"
        )
    return told


if __name__ == "__main__":
    sys.stdout.write(" | ".join((ours if sys.argv[1] == "ours" else theirs)(sys.argv[2])) + "\n")
