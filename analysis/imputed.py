"""Complete cases against multiple imputation: what the missing values could have changed.

Recorded numbers and single codes are drawn (20 copies, chained equations with predictive mean matching, the seed from
the dataset's content); changes are computed again from the drawn values, and the answers pooled by Rubin's rules.  Who
responded is never drawn.  Nothing here asks whether the values are missing at random; no dataset can tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from analysis import statistics as st
from analysis.dataset import Locked
from analysis.groups import ALL, DIFFERENCE, Groups
from analysis.model import MODEL, OUTCOME, Column, seed_of
from analysis.results import Book
from analysis.statistics.result import Undefined
from analysis.terms import DELTA, delta_of
from extract.study.protocol import column

__all__ = ["COPIES", "IMPUTATION", "imputed", "incomplete"]

IMPUTATION: Final = "multiple_imputation"
COPIES: Final = 20
Copy = Mapping[str, Sequence[float]]


def _columns(locked: Locked) -> dict[str, list[float | None]]:
    """Every recorded number and single code, and who responded, as numbers."""
    found: dict[str, list[float | None]] = {}
    for variable in locked.protocol.variable:
        if variable.many:
            continue
        for at in variable.at or ("",):
            name = column(variable.id, at or None)
            found[name] = [None if v is None else float(v) for v in locked.values(name)]
    flags = locked.values(OUTCOME)
    if all(f is not None for f in flags):
        found[OUTCOME] = [float(f or 0) for f in flags]
    return {name: values for name, values in found.items() if any(v is not None for v in values)}


def incomplete(locked: Locked) -> list[str]:
    """The columns that would be drawn."""
    return [name for name, values in _columns(locked).items() if None in values]


def imputed(book: Book, locked: Locked, groups: Groups, model: Sequence[Column]) -> None:
    """The planned correlations, the changes between two groups, and the model, over completed copies."""
    if IMPUTATION not in locked.protocol.analysis.sensitivity or not incomplete(locked):
        return
    seed = seed_of(locked)
    try:
        copies = st.chained(_columns(locked), times=COPIES, seed=seed)
    except Undefined:
        return
    how = f"multiple imputation, {COPIES} copies, seed {seed}"
    _correlations(book, locked, copies, how)
    _differences(book, locked, groups, copies, how)
    _model(book, locked, model, copies, how)


def _change(locked: Locked, variable: str, copy: Copy) -> list[float]:
    at = locked.protocol.variable_named(variable).at
    sign = 1 if locked.protocol.outcome.delta == "T1 - T0" else -1
    first, last = (copy[column(variable, t)] for t in (at[0], at[-1]))
    return [round(sign * (b - a), 9) for a, b in zip(first, last, strict=True)]


def _term(locked: Locked, term: str, copy: Copy) -> list[float]:
    id_ = delta_of(term)
    if id_ != term:
        return _change(locked, id_, copy)
    variable = locked.protocol.variable_named(id_)
    return list(copy[column(id_, variable.at[0] if variable.at else None)])


def _put(
    book: Book, key: tuple[str, str, str], pooled: st.TestResult, rows: Sequence[int], how: str, *, of: str = "", name: str = "estimate",
    limits: tuple[float | None, float | None, float | None] | None = None,
) -> None:  # fmt: skip
    estimate, low, high = limits or (pooled.estimate, pooled.ci_low, pooled.ci_high)
    for statistic, value in (
        (name, estimate), ("ci_low", low), ("ci_high", high), ("p", pooled.p), ("fmi", pooled.named("fmi")),
    ):  # fmt: skip
        if value is not None or statistic == "p":
            book.add("imputed", *key, statistic, value, how, rows, of=of, note="; ".join(pooled.notes))


def _correlations(book: Book, locked: Locked, copies: Sequence[Copy], how: str) -> None:
    """Pooled as Fisher's z, and turned back."""
    everyone = list(range(locked.table.num_rows))
    for planned in locked.protocol.analysis.correlate:
        if planned.method != "pearson":
            continue
        x_id, y_id = delta_of(planned.x), delta_of(planned.y)
        found = [
            st.pearson(_term(locked, planned.x, c), _term(locked, planned.y, c)).estimate for c in copies
        ]
        if any(r is None or abs(r) >= 1 for r in found) or len(everyone) < 4:
            continue
        z = [math.atanh(r) for r in found if r is not None]
        pooled = st.pool(z, [1 / (len(everyone) - 3)] * len(z), len(everyone) - 2)
        back = tuple(
            None if v is None else math.tanh(v) for v in (pooled.estimate, pooled.ci_low, pooled.ci_high)
        )
        at = DELTA if x_id != planned.x else ""
        _put(
            book,
            (x_id, ALL, at),
            pooled,
            everyone,
            how,
            of=y_id,
            name="r",
            limits=(back[0], back[1], back[2]),
        )


def _differences(book: Book, locked: Locked, groups: Groups, copies: Sequence[Copy], how: str) -> None:
    """The first group's mean change minus the second's, each with its own variance."""
    if len(groups.levels) != 2:
        return
    one, two = (g.rows for g in groups.levels)
    for variable in locked.protocol.timed:
        if variable.categorical:
            continue
        estimates, variances = [], []
        for copy in copies:
            change = _change(locked, variable.id, copy)
            sides = [st.describe([change[i] for i in rows]) for rows in (one, two)]
            if any(s.mean is None or s.sd is None for s in sides):
                break
            estimates.append((sides[0].mean or 0.0) - (sides[1].mean or 0.0))
            variances.append(sum((s.sd or 0.0) ** 2 / s.n for s in sides))
        if len(estimates) == len(copies):
            pooled = st.pool(estimates, variances, len(one) + len(two) - 2)
            _put(book, (variable.id, DIFFERENCE, DELTA), pooled, [*one, *two], how)


def _model(book: Book, locked: Locked, model: Sequence[Column], copies: Sequence[Copy], how: str) -> None:
    flags = locked.values(OUTCOME)
    rows = [i for i, f in enumerate(flags) if f is not None]
    if not model:
        return
    fits = [
        st.logistic([int(flags[i] or 0) for i in rows], [(c.key, _drawn(c, copy, rows)) for c in model])
        for copy in copies
    ]
    if not all(f.terms for f in fits):
        return
    for place, one in enumerate(model, start=1):
        terms = [f.terms[place] for f in fits]
        pooled = st.pool([t.b for t in terms], [t.se**2 for t in terms], len(rows) - len(model) - 1)
        back = tuple(
            None if v is None else math.exp(v) for v in (pooled.estimate, pooled.ci_low, pooled.ci_high)
        )
        key = (one.variable.id, MODEL, one.timepoint)
        _put(book, key, pooled, rows, how, of=one.code, name="odds_ratio", limits=(back[0], back[1], back[2]))


def _drawn(one: Column, copy: Copy, rows: Sequence[int]) -> list[float]:
    values = copy[column(one.variable.id, one.timepoint or None)]
    return [float(str(int(values[i])) == one.code) if one.code else values[i] for i in rows]
