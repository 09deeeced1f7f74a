"""The multivariable model of response on what was known before treatment, and how good it is on people it has not seen.

Odds ratios with the method named (Firth's penalty where the outcomes separate), variance inflation, events per
coefficient, and the c-statistic and calibration slope with the optimism of the own sample taken off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis import statistics as st
from analysis.dataset import Cell, Locked
from analysis.groups import ALL
from analysis.results import Book
from extract.study.protocol import Variable, column

__all__ = ["MODEL", "OUTCOME", "REPEATS", "Column", "columns_of", "response_model", "seed_of"]

MODEL: Final = "model"
REPEATS: Final = 200
OUTCOME: Final = "responder"


@dataclass(frozen=True)
class Column:
    """One coefficient's column: a number, or one code of a category against the first."""

    variable: Variable
    timepoint: str
    code: str
    values: tuple[float | None, ...]

    @property
    def key(self) -> str:
        """A name of its own."""
        return f"{self.variable.id}={self.code}" if self.code else self.variable.id


def seed_of(locked: Locked) -> int:
    """The seed of everything drawn: from the content of the dataset, so that it need not be chosen."""
    return int(locked.logical_hash[:8], 16)


def columns_of(locked: Locked, ids: Sequence[str]) -> list[Column]:
    """The columns of the predictors, in the order of the plan."""
    found: list[Column] = []
    for id_ in ids:
        variable = locked.protocol.variable_named(id_)
        at = variable.at[0] if variable.at else ""
        cells = locked.values(column(id_, at or None))
        if not variable.categorical:
            found.append(Column(variable, at, "", tuple(_float(c) for c in cells)))
            continue
        for value in variable.values[1:]:
            coded = (None if c is None else float(str(c) == str(value.code)) for c in cells)
            found.append(Column(variable, at, str(value.code), tuple(coded)))
    return found


def _float(cell: Cell) -> float | None:
    return None if cell is None else float(cell)


def response_model(book: Book, locked: Locked) -> list[Column]:
    """The model in the frame; the columns that it used, none when the plan has no predictors."""
    columns = columns_of(locked, locked.protocol.analysis.predictors)
    flags = locked.values(OUTCOME)
    if not columns or all(f is None for f in flags):
        return []
    rows = [i for i, f in enumerate(flags) if f is not None and all(c.values[i] is not None for c in columns)]
    y = [int(flags[i] or 0) for i in rows]
    x = [(c.key, [c.values[i] or 0.0 for i in rows]) for c in columns]
    fitted = st.logistic(y, x)
    method = (
        "logistic regression, Firth's penalty, profile interval"
        if fitted.firth
        else "logistic regression, Wald interval"
    )
    note = "; ".join(fitted.notes)
    inflated = st.inflation([values for _, values in x])
    for place, one in enumerate(columns):
        term = fitted.terms[place + 1] if fitted.terms else None
        key = ("model", one.variable.id, ALL, one.timepoint)
        numbers = {
            "b": None if term is None else term.b,
            "odds_ratio": None if term is None else _exp(term.b),
            "ci_low": None if term is None else _exp(term.low),
            "ci_high": None if term is None else _exp(term.high),
            "p": None if term is None else term.p,
        }
        for statistic, value in numbers.items():
            book.add(*key, statistic, value, method, rows, of=one.code, note=note)
        book.add(*key, "vif", inflated[place], "variance inflation factor", rows, of=one.code)
    _overall(book, locked, fitted, (y, x, rows))
    return columns


def _exp(value: float | None) -> float | None:
    return None if value is None or value > 700 else math.exp(value)


def _overall(
    book: Book,
    locked: Locked,
    fitted: st.Logistic,
    used: tuple[list[int], list[tuple[str, list[float]]], list[int]],
) -> None:
    y, x, rows = used
    seed = seed_of(locked)
    checked = st.validate(y, x, repeats=REPEATS, seed=seed) if fitted.terms else st.Validation()
    drawn = f"bootstrap optimism (Harrell), {checked.repeats} of {REPEATS} samples, seed {seed}"
    penalised = f"{checked.penalised} samples by Firth's penalty" if checked.penalised else ""
    for statistic, value, method, note in (
        ("n", len(rows), "participants with the outcome and all predictors", ""),
        ("events", fitted.events, "participants in the smaller outcome", ""),
        ("epv", fitted.events / len(x), "events per coefficient", ""),
        ("c", checked.c, "c-statistic in its own sample", ""),
        ("c_corrected", checked.c_corrected, f"c-statistic, {drawn}", penalised),
        ("slope_corrected", checked.slope, f"calibration slope, {drawn}", penalised),
    ):
        book.add("model", MODEL, ALL, "", statistic, value, method, rows, note=note)
