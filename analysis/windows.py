"""The planned correlations again with another window of the last timepoint, as far as the locked values reach.

A locked dataset holds the values that the protocol's window chose, with their study days.  A narrower window leaves
participants out and is computed; a wider one would need values that were never locked, and is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from analysis import statistics as st
from analysis.dataset import Locked
from analysis.groups import ALL
from analysis.results import Book
from analysis.terms import term_of

__all__ = ["Window", "windows", "windows_of"]

_WINDOW: Final = re.compile(r"([a-z][a-z0-9]*)_window_(-?\d+)_(-?\d+)")


@dataclass(frozen=True)
class Window:
    """A declared window in study days; ``rows`` None when the locked values do not reach that far."""

    name: str
    timepoint: str
    first: int
    last: int
    rows: tuple[int, ...] | None


def windows_of(locked: Locked) -> Iterator[Window]:
    """The windows that the plan declares."""
    for name in locked.protocol.analysis.sensitivity:
        found = _WINDOW.fullmatch(name)
        if found is None:
            continue
        timepoint = next((t for t in locked.protocol.timepoints if t.lower() == found[1]), found[1])
        first, last = int(found[2]), int(found[3])
        yield Window(name, timepoint, first, last, _rows(locked, timepoint, first, last))


def _rows(locked: Locked, timepoint: str, first: int, last: int) -> tuple[int, ...] | None:
    """Participants all of whose values at this timepoint lie in the window."""
    point = locked.protocol.timepoints.get(timepoint)
    own = point.window if point is not None else None
    days = [found for (_, at), found in locked.days.items() if at == timepoint]
    if own is None or not days or first < own[0] or last > own[1]:
        return None
    return tuple(
        i
        for i in range(locked.table.num_rows)
        if all(d[i] is None or first <= (d[i] or 0) <= last for d in days)
        and any(d[i] is not None for d in days)
    )


def windows(book: Book, locked: Locked) -> None:
    """Each planned correlation in each declared window that can be computed."""
    tests = {"pearson": st.pearson, "spearman": st.spearman, "kendall": st.kendall}
    least = max(4, locked.protocol.lock.small_cell)
    for window in windows_of(locked):
        if window.rows is None:
            continue
        for planned in locked.protocol.analysis.correlate:
            x_id, at, x = term_of(locked, planned.x)
            y_id, _, y = term_of(locked, planned.y)
            rows = [i for i in window.rows if x[i] is not None and y[i] is not None]
            found = tests[planned.method]([x[i] for i in rows], [y[i] for i in rows])
            if len(rows) < least:
                found = st.TestResult(
                    found.method, symbol=found.symbol, notes=(f"fewer than {least}: not shown",)
                )
            method = f"{found.method}: {window.timepoint} on days {window.first} to {window.last}"
            book.add("sensitivity", x_id, ALL, at, "n", len(rows), method, rows, of=y_id)
            book.test(
                "sensitivity", x_id, ALL, at, found, rows, of=y_id, method=method, estimate="r", effect="r2"
            )
