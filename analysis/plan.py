"""The plan carried out: from a locked dataset to the result frame, table by table.

table 1   what the groups were before: everything known at the first timepoint
table 2   before, after and change, within groups and between them
table 3   correlation of changes, overall and by stratum
flow, safety, missing   how people came in, what happened to them, what is not there
agreement   of the two reviewers and the two entries
model       response on what was known before, with its internal validation; see ``analysis.model``
imputed     complete cases against multiple imputation; see ``analysis.imputed``
sensitivity, subgroup, limits   see ``analysis.sensitivity``
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from analysis import statistics as st
from analysis.agreement import agreement
from analysis.dataset import Cell, Locked
from analysis.groups import ALL, Group, Groups, groups_of, pick
from analysis.imputed import imputed
from analysis.model import response_model
from analysis.results import MEAN_INTERVAL, Book, Results
from analysis.routing import Key, between, counts, within
from analysis.sensitivity import multiplicity, sensitivity, subgroups
from analysis.terms import DELTA, delta_of, term_of
from analysis.windows import windows
from extract.study.protocol import Correlation, Protocol, Variable, column

__all__ = ["DELTA", "PARTICIPANTS", "RELIEF", "analyse", "delta_of", "relief_columns", "safety_of"]

RELIEF: Final = "relief"
PARTICIPANTS: Final = "participants"
_COUNTED: Final = "participants in the category"
_SHARE: Final = "percent of those with a value"


def analyse(locked: Locked) -> Results:
    """Everything the protocol plans, from the locked data alone; deterministic."""
    protocol = locked.protocol
    groups = groups_of(locked, protocol.analysis.group)
    book = Book(protocol.lock.small_cell)
    _flow(book, locked)
    for group in groups.columns:
        book.add("1", PARTICIPANTS, group.key, "", "n", len(group.rows), "participants", group.rows)
    for variable in protocol.variable:
        if variable.id not in safety_of(protocol):
            _baseline(book, locked, groups, variable)
    for variable in protocol.timed:
        if not variable.categorical:
            _change(book, locked, groups, variable)
    for name, id_ in relief_columns(locked).items():
        _relief(book, locked, groups, name, id_)
    for planned in protocol.analysis.correlate:
        _correlation(book, locked, planned)
    for id_ in safety_of(protocol):
        _categories(book, locked, groups, protocol.variable_named(id_), "safety", "")
    sensitivity(book, locked, groups)
    subgroups(book, locked)
    model = response_model(book, locked)
    windows(book, locked)
    imputed(book, locked, groups, model)
    _missing(book, locked)
    agreement(book, locked)
    multiplicity(book)
    return book.close(locked.participants, protocol.analysis.published.items())


def safety_of(protocol: Protocol) -> tuple[str, ...]:
    """Variables of the safety table: those the plan names, and events that are collected over time."""
    over = [v.id for v in protocol.variable if v.over is not None and v.categorical]
    return tuple(dict.fromkeys((*protocol.analysis.safety, *over)))


def relief_columns(locked: Locked) -> dict[str, str]:
    """Columns of relief in the dataset -> the id they have in the frame (``relief`` when there is one only)."""
    names = [
        column(v.id, kind=RELIEF) for v in locked.protocol.timed if locked.has(column(v.id, kind=RELIEF))
    ]
    return {name: RELIEF if len(names) == 1 else name for name in names}


def _flow(book: Book, locked: Locked) -> None:
    for step in locked.flow.get("steps", ()):
        for statistic in ("patients", "visits", "removed_patients", "removed_visits"):
            value = step.get(statistic)
            if isinstance(value, int):
                book.add(
                    "flow", str(step["id"]), ALL, "", statistic, value, "counted in the funnel", (), n=value
                )


def _baseline(book: Book, locked: Locked, groups: Groups, variable: Variable) -> None:
    timepoint = variable.at[0] if variable.at else ""
    if variable.categorical:
        _categories(book, locked, groups, variable, "1", timepoint)
        return
    values = locked.values(column(variable.id, timepoint or None))
    described = dict(_described(values, groups))
    for group in groups.columns:
        book.describe("1", variable.id, group.key, timepoint, described[group.key], group.rows)
    between(book, Key("1", variable.id, timepoint), groups.levels, values, locked.protocol.analysis)


def _described(values: Sequence[Cell], groups: Groups) -> Iterator[tuple[str, st.Description]]:
    """Each group's key with its part of the column described."""
    parts = st.cut(values, [g.rows for g in groups.columns])
    return ((group.key, st.describe(part)) for group, part in zip(groups.columns, parts, strict=True))


def _codes(cell: Cell) -> frozenset[str]:
    """The codes in a cell: one, or several joined by semicolons."""
    return frozenset() if cell is None else frozenset(str(cell).split(";")) - {""}


def _categories(
    book: Book, locked: Locked, groups: Groups, variable: Variable, table: str, timepoint: str
) -> None:
    """Counts and percents per category; one test for the variable, or one per category when several may hold."""
    cells = [_codes(cell) for cell in locked.values(column(variable.id, timepoint or None))]
    known = {g.key: [i for i in g.rows if cells[i]] for g in groups.columns}
    for group in groups.columns:
        rows = known[group.key]
        book.add(
            table, variable.id, group.key, timepoint, "n", len(rows), "values that are there", group.rows
        )
        for value in variable.values:
            code = str(value.code)
            having = [i for i in rows if code in cells[i]]
            share = 100 * len(having) / len(rows) if rows else None
            for statistic, number, method in (("count", len(having), _COUNTED), ("percent", share, _SHARE)):
                book.add(
                    table, variable.id, group.key, timepoint, statistic, number,
                    f"{method}: {value.code} = {value.en}", having if statistic == "count" else rows,
                    of=code, n=len(rows), note="" if rows else "no value",
                )  # fmt: skip
    held = [
        [sum(str(v.code) in cells[i] for i in known[g.key]) for g in groups.levels] for v in variable.values
    ]
    rows = [i for g in groups.levels for i in known[g.key]]
    if not variable.many:
        counts(book, Key(table, variable.id, timepoint), groups.levels, held, rows)
        return
    for value, line in zip(variable.values, held, strict=True):
        without = [len(known[g.key]) - k for g, k in zip(groups.levels, line, strict=True)]
        if any(line):
            counts(
                book,
                Key(table, variable.id, timepoint, str(value.code)),
                groups.levels,
                [line, without],
                rows,
            )


def _change(book: Book, locked: Locked, groups: Groups, variable: Variable) -> None:
    columns = {at: locked.values(column(variable.id, at)) for at in variable.at}
    change = locked.values(column(variable.id, kind=DELTA))
    first, last = columns[variable.at[0]], columns[variable.at[-1]]
    levels = [dict(_described(values, groups)) for values in columns.values()]
    changes = dict(_described(change, groups))
    for group in groups.columns:
        rows = group.rows
        for at, found in zip(columns, levels, strict=True):
            book.describe("2", variable.id, group.key, at, found[group.key], rows, interval=True)
        book.describe("2", variable.id, group.key, DELTA, changes[group.key], rows)
        within(
            book, Key("2", variable.id, DELTA), group,
            pick(first, rows), pick(last, rows), pick(change, rows), locked.protocol.analysis,
        )  # fmt: skip
    between(book, Key("2", variable.id, DELTA), groups.levels, change, locked.protocol.analysis)


def _relief(book: Book, locked: Locked, groups: Groups, name: str, id_: str) -> None:
    values = locked.values(name)
    described = dict(_described(values, groups))
    for group in groups.columns:
        book.describe("2", id_, group.key, DELTA, described[group.key], group.rows)
    between(book, Key("2", id_, DELTA), groups.levels, values, locked.protocol.analysis)


def _correlation(book: Book, locked: Locked, planned: Correlation) -> None:
    """r, t, df, P, R² and the interval, overall and by stratum; both changes with their means beside them."""
    strata = groups_of(locked, planned.strata) if planned.strata else groups_of(locked, "")
    x_id, x_at, x = term_of(locked, planned.x)
    y_id, y_at, y = term_of(locked, planned.y)
    tests = {"pearson": st.pearson, "spearman": st.spearman, "kendall": st.kendall}
    first = tests.pop(planned.method)
    beside = tests["spearman" if planned.method == "pearson" else "pearson"]
    for group in strata.columns:
        left, right = pick(x, group.rows), pick(y, group.rows)
        both = [i for i in group.rows if x[i] is not None and y[i] is not None]
        for id_, at, values in ((x_id, x_at, left), (y_id, y_at, right)):
            _level(book, group, id_, at, values)
        book.add(
            "3",
            x_id,
            group.key,
            x_at,
            "n",
            len(both),
            f"participants with both values: {y_id}",
            both,
            of=y_id,
        )
        for test, chosen in ((first, True), (beside, False)):
            result = test(left, right)
            book.test(
                "3", x_id, group.key, x_at, result, both, chosen=chosen, of=y_id,
                method=f"{result.method} with {y_id}", estimate="r", effect="r2",
            )  # fmt: skip
        fitted = st.line(left, right)
        for name, value in (("slope", fitted.slope), ("intercept", fitted.intercept)):
            book.add(
                "3", x_id, group.key, x_at, name, value, f"least squares line of {y_id}", both, of=y_id,
                note="; ".join(fitted.notes),
            )  # fmt: skip
    between(book, Key("3", x_id, x_at), strata.levels, x, locked.protocol.analysis)


def _level(book: Book, group: Group, id_: str, at: str, values: Sequence[Cell]) -> None:
    """Mean, SD, interval and t of one side of a correlation in one stratum."""
    found = st.describe(values)
    method = "paired t test" if at == DELTA else "one-sample t test"
    tested = st.one_sample_t(values)
    for statistic, value, how in (
        ("n", float(found.n), "values that are there"),
        ("mean", found.mean, "arithmetic mean"),
        ("sd", found.sd, "standard deviation, n - 1"),
        ("ci_low", found.ci_low, MEAN_INTERVAL),
        ("ci_high", found.ci_high, MEAN_INTERVAL),
        ("t", tested.statistic, method),
        ("df", tested.df[0] if tested.df else None, method),
        ("p", tested.p, method),
    ):
        book.add("3", id_, group.key, at, statistic, value, how, group.rows, note="; ".join(tested.notes))


def _missing(book: Book, locked: Locked) -> None:
    """Per column of the protocol how many values are not there."""
    for id_, at, name in protocol_columns(locked.protocol):
        gone = Counter(value is None for value in locked.values(name))[True]
        n = locked.table.num_rows
        rows = [i for i, value in enumerate(locked.values(name)) if value is None]
        book.add("missing", id_, ALL, at, "missing", gone, "values that are not there", rows, n=n)
        if n:
            book.add("missing", id_, ALL, at, "percent", 100 * gone / n, "percent of participants", rows, n=n)


def protocol_columns(protocol: Protocol) -> list[tuple[str, str, str]]:
    """(variable, timepoint, column) of every recorded value of the dataset."""
    return [(v.id, at, column(v.id, at or None)) for v in protocol.variable for at in (v.at or ("",))]
