"""Table 1 of a Parquet file with its tests, by ours or by tableone: ``table_one.py ours|tableone FILE``.

The last line is the same for both: mean and SD per group and Welch's P of each number, chi-square's P of each category.
"""

from __future__ import annotations

import sys

import pyarrow.parquet as pq

GROUP = "treated"


def ours(path: str) -> list[str]:
    """n, mean, SD, median and quartiles by group, Student, Welch, Levene; counts, percents and chi-square."""
    import numpy as np

    from analysis import statistics as st

    table = pq.read_table(path)
    by = table.column(GROUP).to_numpy()
    sides = [by == 1, by == 0]
    told = []
    for name in table.column_names:
        column = table.column(name).to_numpy()
        if name == GROUP:
            continue
        if column.dtype.kind == "f":
            groups = [column[side] for side in sides]
            described = [st.describe(g) for g in (column, *groups)]
            tests = [test(*groups) for test in (st.welch_t, st.student_t, st.levene)]
            assert all(d.median is not None and d.q1 is not None for d in described)
            told.append(
                f"{name} {described[1].mean:.4f} {described[1].sd:.4f} {described[2].mean:.4f} {tests[0].p:.3f}"
            )
        else:
            counts = [np.bincount(column[side], minlength=int(column.max()) + 1).tolist() for side in sides]
            rows = list(zip(*counts, strict=True))
            found = st.chi_square(rows)
            assert st.chi_square(rows, "likelihood").p is not None
            told.append(f"{name} {counts[0][0]} {found.p:.3f}")
    return told


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
