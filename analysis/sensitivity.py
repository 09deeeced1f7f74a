"""Around the planned tests: declared sensitivity analyses, subgroups, what a correlation of changes can say, multiplicity.

sensitivity   analysis of covariance, one participant left out, first values taken out
subgroup      the planned correlations in every declared subgroup
limits        how much of a correlation of changes comes from how changes, strata and groups are made
p_holm, p_bh  beside each P of the report that answers a question of its own
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from analysis import statistics as st
from analysis.dataset import Cell, Locked
from analysis.groups import ALL, DIFFERENCE, Group, Groups, groups_of, pick
from analysis.results import Book, Result
from analysis.terms import DELTA, delta_of, term_of
from extract.study.protocol import Correlation, Label, Variable, column

__all__ = ["COUNTED", "GIVEN_FIRST", "LEFT_OUT", "multiplicity", "sensitivity", "subgroups", "subgroups_of"]

COUNTED: Final = ("1", "2", "3", "safety", "subgroup", "model")
"""Tables whose P values are counted; sensitivity analyses ask a counted question again."""
GIVEN_FIRST: Final = "partial correlation, first values taken out"
LEFT_OUT: Final = "one participant left out"
_POST_HOC: Final = " vs "


def sensitivity(book: Book, locked: Locked, groups: Groups) -> None:
    """The declared analyses that a locked dataset can answer."""
    declared = locked.protocol.analysis.sensitivity
    if "ancova" in declared:
        for variable in locked.protocol.timed:
            if not variable.categorical:
                _ancova(book, locked, groups, variable)
    for planned in locked.protocol.analysis.correlate:
        if "leave_one_out" in declared:
            _leave_one_out(book, locked, planned)
        if delta_of(planned.x) != planned.x and delta_of(planned.y) != planned.y:
            _limits(book, locked, planned)


def _ancova(book: Book, locked: Locked, groups: Groups, variable: Variable) -> None:
    """The last value between the groups at one first value, with the test that the slopes are parallel."""
    at = variable.at[-1]
    first, last = (locked.values(column(variable.id, t)) for t in (variable.at[0], at))
    found = st.ancova(*((pick(first, g.rows), pick(last, g.rows)) for g in groups.levels))
    rows = [i for g in groups.levels for i in g.rows if first[i] is not None and last[i] is not None]
    book.test("sensitivity", variable.id, DIFFERENCE, at, found, rows)


def _leave_one_out(book: Book, locked: Locked, planned: Correlation) -> None:
    x_id, at, x = term_of(locked, planned.x)
    y_id, _, y = term_of(locked, planned.y)
    rows = [i for i, (a, b) in enumerate(zip(x, y, strict=True)) if a is not None and b is not None]
    least, greatest = st.leave_one_out(x, y) or (None, None)
    note = "" if least is not None else "undefined for some participant left out"
    for name, value in (("r_least", least), ("r_greatest", greatest)):
        book.add(
            "sensitivity",
            x_id,
            ALL,
            at,
            name,
            value,
            f"Pearson correlation: {LEFT_OUT}",
            rows,
            of=y_id,
            note=note,
        )


def _limits(book: Book, locked: Locked, planned: Correlation) -> None:
    """The numbers behind what the correlation of two changes can and cannot say."""
    x_id, y_id = delta_of(planned.x), delta_of(planned.y)
    everyone = list(range(locked.table.num_rows))
    starts = []
    for id_ in dict.fromkeys((x_id, y_id)):
        variable = locked.protocol.variable_named(id_)
        first, last = (locked.values(column(id_, t)) for t in (variable.at[0], variable.at[-1]))
        change = locked.values(column(id_, kind=DELTA))
        starts.append(first)
        level = [None if a is None or b is None else a + b for a, b in zip(first, last, strict=True)]  # type: ignore[operator]
        for at, side, method in (
            (variable.at[0], first, "Pearson correlation with the change of itself"),
            ("", level, "Pearson correlation of the change with the mean of both values (Oldham)"),
        ):
            book.test(
                "limits",
                id_,
                ALL,
                at,
                st.pearson(side, change),
                everyone,
                method=method,
                estimate="r",
                effect="r2",
            )
    given = st.partial_correlation(
        locked.values(column(x_id, kind=DELTA)), locked.values(column(y_id, kind=DELTA)), *starts
    )
    book.test(
        "limits", x_id, ALL, DELTA, given, everyone, of=y_id, method=GIVEN_FIRST, estimate="r", effect="r2"
    )
    if planned.strata:
        _strata(book, locked, groups_of(locked, planned.strata), x_id, y_id)


def _strata(book: Book, locked: Locked, strata: Groups, x_id: str, y_id: str) -> None:
    """How much the strata cut the range, what that alone makes of r, and whether the strata's r differ."""
    x, y = (locked.values(column(i, kind=DELTA)) for i in (x_id, y_id))
    whole, spread = st.pearson(x, y), st.describe(y).sd
    found = []
    for group in strata.levels:
        own = st.describe(pick(y, group.rows)).sd
        share = own / spread if own is not None and spread else None
        book.add("limits", y_id, group.key, DELTA, "ratio", share, "SD within over SD of all", group.rows)
        r = whole.estimate
        cut = None if share is None or r is None else share * r / math.sqrt(1 - r * r + share * share * r * r)
        book.add(
            "limits",
            x_id,
            group.key,
            DELTA,
            "r",
            cut,
            "r expected from the cut range alone (Thorndike 2)",
            group.rows,
            of=y_id,
        )
        found.append(st.pearson(pick(x, group.rows), pick(y, group.rows)))
    kept = [list(pick(y, g.rows)) for g in strata.levels]
    split = st.anova(*kept)
    rows = [i for g in strata.levels for i in g.rows]
    book.add(
        "limits",
        y_id,
        DIFFERENCE,
        DELTA,
        "effect",
        split.effect,
        "share of variance between the groups (eta squared)",
        rows,
    )
    if len(found) == 2:
        two = st.compare_correlations(*found)
        book.test("limits", x_id, DIFFERENCE, DELTA, two, rows, of=y_id)


def subgroups_of(locked: Locked) -> Iterator[tuple[str, Group]]:
    """Every declared subgroup: the variable, and its participants; of a variable with several codes they overlap."""
    for name in locked.protocol.analysis.subgroups:
        variable = next((v for v in locked.protocol.variable if v.id == name), None)
        if variable is None:
            yield from ((name, group) for group in groups_of(locked, name).levels)
            continue
        cells = locked.values(column(name, variable.at[0] if variable.at else None))
        for value in variable.values:
            rows = tuple(i for i, cell in enumerate(cells) if _holds(cell, str(value.code)))
            yield name, Group(f"{name}={value.code}", Label(zh=value.zh, en=value.en), rows)


def _holds(cell: Cell, code: str) -> bool:
    return cell is not None and code in str(cell).split(";")


def subgroups(book: Book, locked: Locked) -> None:
    """The planned correlations in every declared subgroup of at least the protocol's smallest cell."""
    least = max(4, locked.protocol.lock.small_cell)
    tests = {"pearson": st.pearson, "spearman": st.spearman, "kendall": st.kendall}
    for planned in locked.protocol.analysis.correlate:
        x_id, at, x = term_of(locked, planned.x)
        y_id, _, y = term_of(locked, planned.y)
        for _, group in subgroups_of(locked):
            rows = [i for i in group.rows if x[i] is not None and y[i] is not None]
            book.add(
                "subgroup",
                x_id,
                group.key,
                at,
                "n",
                len(rows),
                f"participants with both values: {y_id}",
                rows,
                of=y_id,
            )
            result = tests[planned.method](pick(x, rows), pick(y, rows))
            if len(rows) < least:
                result = st.TestResult(
                    result.method, symbol=result.symbol, notes=(f"fewer than {least}: not shown",)
                )
            book.test(
                "subgroup", x_id, group.key, at, result, rows, of=y_id,
                method=f"{result.method} with {y_id}", estimate="r", effect="r2",
            )  # fmt: skip


def multiplicity(book: Book) -> None:
    """Holm's and Benjamini-Hochberg's P over every question of the report; one asked in two tables counts once."""
    asked: dict[tuple[str, ...], Result] = {}
    for row in book.rows:
        counted = row.table in COUNTED and row.statistic == "p" and row.chosen and row.value is not None
        if counted and _POST_HOC not in row.of:
            asked.setdefault(
                (
                    row.variable,
                    row.group,
                    row.timepoint,
                    row.of,
                    row.table if row.table in {"subgroup", "model"} else "",
                ),
                row,
            )
    raw = [row.value for row in asked.values() if row.value is not None]
    for statistic, adjusted, name in (
        ("p_holm", st.holm(raw), "Holm"),
        ("p_bh", st.benjamini_hochberg(raw), "Benjamini-Hochberg"),
    ):
        for row, p in zip(asked.values(), adjusted, strict=True):
            book.add(
                row.table, row.variable, row.group, row.timepoint, statistic, p,
                f"{name} over {len(raw)} tests: {row.method}", row.rows, of=row.of, n=row.n,
            )  # fmt: skip
