"""Pace: how long a judgement takes, measured at the desk and shown of all reviewers together.

A judgement's time runs from the one before it on the same candidate, or from the opening of the chart.  It is
kept in the memory of the desk until the candidate is handed in, and enters the study database in the same
transaction as the opinions, without a name.  Nobody is shown how fast one person is.
"""

from __future__ import annotations

import json
import statistics
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from extract.study.storage import rows
from extract.study.tables import pace as taken_table
from validate.review.cases import Case
from validate.review.rules import Phase

__all__ = ["FEWEST", "LONGEST_MINUTES", "Pace", "Stopwatch", "paces"]

FEWEST: Final = 5
"""Judgements from which on a median is shown, and only of two people or more."""
LONGEST_MINUTES: Final = 15
"""Longer than this somebody was called away."""
_MS: Final = 60_000


@dataclass(frozen=True)
class Pace:
    """Seconds per judgement on one criterion; None where too few, or only one person, judged it at the desk."""

    n: int
    interrupted: int
    median: float | None
    low: float | None
    high: float | None
    """Quartiles, as R's default gives them (type 7)."""


class Stopwatch:
    """What has been judged at this desk and not handed in, by the clock; a restart forgets it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._last: dict[tuple[str, int], float] = {}
        self._taken: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)

    def open(self, account: str, candidate: int) -> None:
        """The chart lies before somebody, from now on unless it did before."""
        with self._guard:
            # A reviewer looks at one chart at a time: the others' clocks stand still.
            for held in [one for one in self._last if one[0] == account and one[1] != candidate]:
                del self._last[held]
            self._last.setdefault((account, candidate), self._clock())

    def judged(self, account: str, candidate: int, criterion: str) -> None:
        """A judgement was made, or made anew: its time is added to what the criterion has taken."""
        with self._guard:
            now = self._clock()
            began = self._last.get((account, candidate))
            self._last[account, candidate] = now
            if began is not None:
                taken = self._taken[account, candidate]
                taken[criterion] = taken.get(criterion, 0) + max(0, round(1000 * (now - began)))

    def taken(self, account: str, candidate: int) -> dict[str, int]:
        """Criterion -> ms."""
        with self._guard:
            return dict(self._taken.get((account, candidate), {}))

    def handed_in(self, account: str, candidate: int) -> None:
        """It stands in the study now."""
        with self._guard:
            self._taken.pop((account, candidate), None)
            self._last.pop((account, candidate), None)


def paces(connection: Connection, cases: Mapping[str, Case], criteria: Collection[str]) -> dict[str, Pace]:
    """Criterion -> its pace, over candidates that both have judged as a whole."""
    said: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in rows(connection, select(taken_table).order_by(taken_table.c.id)):
        case = cases.get(row["patient_id"])
        if case is None or case.phase is Phase.INDEPENDENT:
            continue
        who = case.candidate.reviewers.get(row["slot"], "")
        for criterion, ms in json.loads(row["taken"]).items():
            said[criterion].append((who, ms))
    return {criterion: _pace(said[criterion]) for criterion in criteria}


def _pace(said: list[tuple[str, int]]) -> Pace:
    kept = [(who, ms) for who, ms in said if ms <= LONGEST_MINUTES * _MS]
    interrupted = len(said) - len(kept)
    if len(kept) < FEWEST or len({who for who, _ in kept}) < 2:
        return Pace(len(kept), interrupted, None, None, None)
    low, middle, high = statistics.quantiles([ms / 1000 for _, ms in kept], n=4, method="inclusive")
    return Pace(len(kept), interrupted, middle, low, high)
