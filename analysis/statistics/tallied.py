"""A long column as a tally: each value that occurs and how often, so that every sum is over values, not over people.

What is measured is recorded in steps: a million ESR are some thousand different numbers.  Counting them is one pass,
and mean, SD, quartiles, Levene's distances and ranks follow exactly from the counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.exact import Sample

__all__ = ["Column", "Whole", "column_of", "rank_sums"]

Integers = NDArray[np.int64]
_DEEPEST: Final = 6
_FIRST: Final = 1000
_ROOM: Final = 2**62
_SPREAD: Final = 2**16


class Whole(Sample):
    """A sample by its tally: the same exact sums, by integer arithmetic that cannot overflow.

    ``values`` (k,) are the units that occur, ascending, ``counts`` (k,) how often each does.  The order of rows is not
    kept.  One is made only where every sum below stays under 2**62, so no digit differs from ``Sample``.
    """

    values: Integers
    counts: Integers

    def __init__(self, values: Integers, counts: Integers, places: int, missing: int) -> None:
        for name, value in (("values", values), ("counts", counts), ("places", places), ("missing", missing)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, units: Integers, places: int, missing: int) -> Whole:
        """Count the units: in one pass where they lie close together, else by a sort."""
        if not len(units):
            return cls(units, units, places, missing)
        low = int(units.min())
        if int(units.max()) - low <= max(_SPREAD, len(units)):
            counts = np.bincount(units - low)
            at = np.flatnonzero(counts)
            return cls(at + low, counts[at], places, missing)
        return cls(*np.unique(units, return_counts=True), places, missing)

    @property
    def units(self) -> tuple[int, ...]:
        """The values one by one, ascending, for the tests that walk through them; sums never ask."""
        return tuple(np.repeat(self.values, self.counts).tolist())

    @cached_property
    def n(self) -> int:
        """How many values are there."""
        return int(self.counts.sum())

    @cached_property
    def total(self) -> int:
        """Exact sum, in units."""
        return int((self.values * self.counts).sum())

    @cached_property
    def square_total(self) -> int:
        """Exact sum of squares, in units squared."""
        return int((self.values * self.values * self.counts).sum())

    @cached_property
    def distance_total(self) -> int:
        """Exact sum of n times each value's distance from the mean: those above it minus those below, twice."""
        above = self.values > math.floor(Fraction(self.total, self.n))
        reach = int((self.values[above] * self.counts[above]).sum())
        return 2 * (self.n * reach - int(self.counts[above].sum()) * self.total)

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the greatest value, in units."""
        return int(self.values[0]), int(self.values[-1])

    @cached_property
    def tally(self) -> tuple[tuple[int, int], ...]:
        """Each value that occurs, in units, with how often it does; ascending."""
        return tuple(zip(self.values.tolist(), self.counts.tolist(), strict=True))

    def at_ranks(self, low: int, high: int) -> tuple[int, int]:
        """The values at two ranks, counted from one."""
        first, second = np.searchsorted(self._upto, (low, high))
        return int(self.values[first]), int(self.values[second])

    @cached_property
    def _upto(self) -> Integers:
        return np.cumsum(self.counts)

    def finer(self, places: int) -> Sample:
        """The same values in units of ``10**-places``, which are no coarser than their own."""
        times = 10 ** (places - self.places)
        if times == 1:
            return self
        if self.n and not _fits(float(max(map(abs, self.ends))) * times, self.n):
            return super().finer(places)
        return Whole(self.values * np.int64(times), self.counts, places, self.missing)


@dataclass(frozen=True)
class Column:
    """A column of numbers in units of ``10**-places``, row by row; where ``there`` is False nothing was recorded."""

    units: Integers
    places: int
    there: NDArray[np.bool_] | None

    def part(self, rows: Sequence[int] | Integers | None = None) -> Whole:
        """The sample of these rows, or of all."""
        units = self.units if rows is None else self.units.take(rows)
        if self.there is None:
            return Whole.of(units, self.places, 0)
        there = self.there if rows is None else self.there.take(rows)
        return Whole.of(units[there], self.places, len(there) - int(np.count_nonzero(there)))


def column_of(numbers: NDArray[Any]) -> Column | None:
    """The array in whole units; None where another way is needed to be exact (deep decimals, huge numbers)."""
    if numbers.ndim != 1:
        return None
    if numbers.dtype.kind in "iu":
        largest = max(abs(int(numbers.max(initial=0))), abs(int(numbers.min(initial=0))))
        return Column(numbers.astype(np.int64), 0, None) if _fits(float(largest), len(numbers)) else None
    if numbers.dtype != np.float64:
        return None
    holes = np.isnan(numbers)
    there = ~holes if holes.any() else None
    known = numbers if there is None else numbers[there]
    for places in range(_DEEPEST + 1):
        if (units := _in_units(known, places)) is not None:
            if there is not None:
                spread = np.zeros(len(numbers), np.int64)
                spread[there] = units
                units = spread
            return Column(units, places, there)
    return None


def _in_units(numbers: NDArray[np.float64], places: int) -> Integers | None:
    """The numbers in units of 10**-places, None when they do not read back to the same or have no room."""
    scale = 10.0**places
    # Most columns show on their first values that they need more places.
    few = numbers[:_FIRST]
    if not (np.rint(few * scale) / scale == few).all():
        return None
    scaled = numbers * scale
    np.rint(scaled, out=scaled)
    largest = max(-float(scaled.min(initial=0.0)), float(scaled.max(initial=0.0)))
    # The decimal that was recorded is the one that reads back to the same double. An infinity has no room.
    if not _fits(largest, len(numbers)) or not np.array_equal(scaled / scale, numbers):
        return None
    return scaled.astype(np.int64)


def _fits(largest: float, n: int) -> bool:
    """Whether every sum of ``n`` units of this size stays inside 64 bits, squares and distances too."""
    return largest < 2**52 and max(largest * largest, largest * n) * max(1, n) * 4 < _ROOM


def rank_sums(groups: Sequence[Whole]) -> tuple[list[int], list[int]]:
    """Twice each group's sum of average ranks among all of them, and the sizes of the ties; one scale."""
    values = np.unique(np.concatenate([g.values for g in groups]))
    held = np.zeros((len(groups), len(values)), np.int64)
    for line, g in zip(held, groups, strict=True):
        line[np.searchsorted(values, g.values)] = g.counts
    ties = held.sum(axis=0)
    doubled = 2 * np.cumsum(ties) - ties + 1
    return [int((doubled * line).sum()) for line in held], ties.tolist()
