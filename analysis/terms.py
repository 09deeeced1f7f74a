"""A term of the plan, ``delta(name)`` or a plain variable, as a column of the dataset."""

from __future__ import annotations

from typing import Final

from analysis.dataset import Cell, Locked
from extract.study.protocol import Variable, column

__all__ = ["DELTA", "delta_of", "term_of"]

DELTA: Final = "delta"


def delta_of(term: str) -> str:
    """The variable in ``delta(name)``; the term itself when it is a plain variable."""
    return term.removeprefix("delta(").removesuffix(")") if term.startswith("delta(") else term


def term_of(locked: Locked, term: str) -> tuple[str, str, list[Cell]]:
    """Variable, timepoint and values of ``delta(name)`` or of a plain variable."""
    id_ = delta_of(term)
    if id_ != term:
        return id_, DELTA, locked.values(column(id_, kind=DELTA))
    variable: Variable | None = next((v for v in locked.protocol.variable if v.id == id_), None)
    timepoint = variable.at[0] if variable and variable.at else ""
    return id_, timepoint, locked.values(column(id_, timepoint or None))
