"""A sample as integers of its last decimal place, so that sums are exact and ties are ties.

A laboratory records 28.4, not 28.39999999999999858.  The shortest decimal that reads back to the same double is
what was recorded; as integers of 10**-places every sum, square and difference is exact, whatever the order of the
rows and however many leading digits the values share (NIST's SmLs09 has thirteen).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.result import Undefined

__all__ = ["Sample", "Values", "pairs", "ranks", "sample", "samples"]

Values = Iterable[Any]
"""Numbers of any kind (int, float, Decimal, numpy); None and NaN are missing."""


@dataclass(frozen=True)
class Sample:
    """The values that are there, as integers of ``10**-places``."""

    units: tuple[int, ...]
    places: int = 0
    missing: int = 0

    @property
    def n(self) -> int:
        """How many values are there."""
        return len(self.units)

    @cached_property
    def total(self) -> int:
        """Exact sum, in units."""
        return sum(self.units)

    @cached_property
    def square_total(self) -> int:
        """Exact sum of squares, in units squared."""
        return sum(u * u for u in self.units)

    @cached_property
    def distance_total(self) -> int:
        """Exact sum of n times each value's distance from the mean: whole numbers."""
        return sum(abs(self.n * u - self.total) for u in self.units)

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the greatest value, in units."""
        return min(self.units), max(self.units)

    @cached_property
    def mean(self) -> Fraction:
        """Exact mean in the data's unit. Raises Undefined on an empty sample."""
        self.at_least(1)
        return Fraction(self.total, self.n * 10**self.places)

    @cached_property
    def squares(self) -> Fraction:
        """Exact sum of squares about the mean, in the unit squared."""
        self.at_least(1)
        about = self.n * self.square_total - self.total**2
        return Fraction(about, self.n * 100**self.places)

    @property
    def variance(self) -> Fraction:
        """Exact variance with n - 1. Raises Undefined under two values."""
        self.at_least(2)
        return self.squares / (self.n - 1)

    @property
    def sd(self) -> float:
        """Standard deviation with n - 1, rounded once."""
        return math.sqrt(self.variance)

    @property
    def constant(self) -> bool:
        """Whether no two values differ."""
        return len(set(self.units)) < 2

    def at_least(self, n: int) -> None:
        """Raises Undefined when fewer than ``n`` values are there."""
        if self.n < n:
            raise Undefined(f"needs at least {n} value{'s' if n > 1 else ''}, has {self.n}")

    def at_ranks(self, low: int, high: int) -> tuple[int, int]:
        """The values at two ranks, counted from one."""
        ordered = sorted(self.units)
        return ordered[low - 1], ordered[high - 1]

    def quantile(self, p: Fraction) -> float:
        """The quantile at rank p(n + 1), interpolated and kept inside the data: SPSS's HAVERAGE."""
        self.at_least(1)
        rank = p * (self.n + 1)
        below = min(max(math.floor(rank), 1), self.n)
        above = min(below + 1, self.n)
        share = min(max(rank - below, Fraction(0)), Fraction(1))
        low, high = self.at_ranks(below, above)
        value = low + share * (high - low)
        return float(value / 10**self.places)


def _recorded(value: Any) -> Decimal | None:
    """The decimal that was recorded; None when missing. Raises Undefined on an infinite value."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, bool | int | np.integer | np.bool_):
        return Decimal(int(value))
    else:
        number = Decimal(repr(float(value)))
    if number.is_nan():
        return None
    if number.is_infinite():
        raise Undefined("a value is infinite")
    return number


def _units(numbers: Sequence[Decimal], places: int) -> tuple[int, ...]:
    scale = 10**places
    ratios = (number.as_integer_ratio() for number in numbers)
    return tuple(above * (scale // below) for above, below in ratios)


def _places(numbers: Iterable[Decimal]) -> int:
    return max((-int(number.as_tuple().exponent) for number in numbers), default=0)


_DEEPEST: Final = 6
_FIRST: Final = 1000
_ROOM: Final = 2**62


class Whole(Sample):
    """A long column as an array of whole numbers: the same exact sums, by integer arithmetic that cannot overflow.

    ``whole_columns`` makes one only where every sum below stays under 2**62, so no digit differs from ``Sample``.
    """

    array: NDArray[np.int64]

    def __init__(self, array: NDArray[np.int64], places: int, missing: int) -> None:
        for name, value in (("array", array), ("places", places), ("missing", missing)):
            object.__setattr__(self, name, value)

    @property
    def units(self) -> tuple[int, ...]:
        """The values one by one, for the tests that walk through them; sums never ask."""
        return tuple(self.array.tolist())

    @property
    def n(self) -> int:
        """How many values are there."""
        return len(self.array)

    @cached_property
    def total(self) -> int:
        """Exact sum, in units."""
        return int(self.array.sum())

    @cached_property
    def square_total(self) -> int:
        """Exact sum of squares, in units squared."""
        return int((self.array * self.array).sum())

    @cached_property
    def distance_total(self) -> int:
        """Exact sum of n times each value's distance from the mean: those above it minus those below, twice."""
        above = self.array[self.array > math.floor(Fraction(self.total, self.n))]
        return 2 * (self.n * int(above.sum()) - len(above) * self.total)

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the greatest value, in units."""
        return int(self.array.min()), int(self.array.max())

    @property
    def constant(self) -> bool:
        """Whether no two values differ."""
        return self.n < 2 or self.ends[0] == self.ends[1]

    def at_ranks(self, low: int, high: int) -> tuple[int, int]:
        """The values at two ranks, counted from one."""
        return int(self._ordered[low - 1]), int(self._ordered[high - 1])

    @cached_property
    def _ordered(self) -> NDArray[np.int64]:
        return np.sort(self.array)


def whole_columns(columns: Sequence[Any]) -> tuple[Sample, ...] | None:
    """Arrays of numbers on one scale; None where another way is needed to be exact (deep decimals, huge numbers)."""
    for places in range(_DEEPEST + 1):
        found = [_as_whole(column, places) for column in columns]
        if all(f is not None for f in found):
            return tuple(
                Whole(f, places, len(c) - len(f))
                for f, c in zip(found, columns, strict=True)
                if f is not None
            )
        if any(column.dtype.kind not in "iuf" for column in columns):
            return None
    return None


def _as_whole(column: NDArray[Any], places: int) -> NDArray[np.int64] | None:
    """The column in units of 10**-places, None when it does not read back to the same numbers or has no room."""
    if column.ndim != 1 or column.dtype.kind not in "iuf":
        return None
    numbers = column
    if column.dtype.kind == "f":
        numbers = column[~np.isnan(column)]
        # Most columns show on their first values that they need more places.
        few = numbers[:_FIRST]
        if not (np.round(few * 10.0**places) / 10.0**places == few).all():
            return None
        scaled = np.round(numbers * 10.0**places)
        # The decimal that was recorded is the one that reads back to the same double.
        if not np.isfinite(numbers).all() or not (scaled / 10.0**places == numbers).all():
            return None
        largest = float(np.abs(scaled).max(initial=0.0))
        units = scaled
    else:
        largest = float(max(abs(int(column.max(initial=0))), abs(int(column.min(initial=0))))) * 10.0**places
        units = numbers
    n = max(1, len(numbers))
    if largest >= 2**52 or max(largest * largest, largest * n) * n * 4 >= _ROOM:
        return None
    whole: NDArray[np.int64] = units.astype(np.int64)
    return whole if column.dtype.kind == "f" else whole * np.int64(10**places)


def samples(*columns: Values) -> tuple[Sample, ...]:
    """Each column without its missing values, all on one scale. Raises Undefined on infinite values."""
    if (
        all(isinstance(column, np.ndarray) for column in columns)
        and (large := whole_columns(columns)) is not None
    ):
        return large
    read = [[_recorded(value) for value in column] for column in columns]
    kept = [[number for number in column if number is not None] for column in read]
    places = max(0, *(_places(column) for column in kept)) if kept else 0
    return tuple(
        Sample(_units(column, places), places, len(whole) - len(column))
        for column, whole in zip(kept, read, strict=True)
    )


def sample(column: Values) -> Sample:
    """One column without its missing values. Raises Undefined on infinite values."""
    return samples(column)[0]


def pairs(first: Values, second: Values) -> tuple[Sample, Sample]:
    """The rows in which both values are there, on one scale. Raises ValueError on unequal lengths."""
    rows = list(zip(first, second, strict=True))
    both = [(a, b) for a, b in rows if _recorded(a) is not None and _recorded(b) is not None]
    left, right = samples([a for a, _ in both], [b for _, b in both])
    missing = len(rows) - len(both)
    return Sample(left.units, left.places, missing), Sample(right.units, right.places, missing)


def ranks(units: Sequence[int]) -> tuple[list[int], list[int]]:
    """Twice the average rank of each value (so that it is whole), and the sizes of the ties."""
    order = sorted(range(len(units)), key=units.__getitem__)
    doubled = [0] * len(units)
    ties: list[int] = []
    start = 0
    while start < len(order):
        stop = start
        while stop < len(order) and units[order[stop]] == units[order[start]]:
            stop += 1
        for index in order[start:stop]:
            doubled[index] = start + stop + 1
        ties.append(stop - start)
        start = stop
    return doubled, ties
