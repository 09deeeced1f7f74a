"""Which column of the exported dataset a number of the frame was computed from."""

from __future__ import annotations

from analysis.dataset import Locked
from analysis.results import Result
from analysis.terms import DELTA, delta_of
from extract.study.protocol import column

__all__ = ["column_of", "partner_of"]


def column_of(locked: Locked, variable: str, timepoint: str) -> str:
    """The dataset's column of a variable at a timepoint."""
    if locked.has(variable):
        return variable
    if variable.endswith("relief"):
        names: list[str] = locked.table.column_names
        return next(n for n in names if n.endswith("_relief") and variable in {n, "relief"})
    return column(variable, kind=DELTA) if timepoint == DELTA else column(variable, timepoint or None)


def partner_of(locked: Locked, row: Result) -> str:
    """The other side of a correlation, from the plan."""
    for one in locked.protocol.analysis.correlate:
        if delta_of(one.x) == row.variable and delta_of(one.y) == row.of:
            variable = locked.protocol.variable_named(row.of)
            plain = variable.at[0] if variable.at else ""
            return column_of(locked, row.of, DELTA if one.y != row.of else plain)
    return column_of(locked, row.of, row.timepoint)
