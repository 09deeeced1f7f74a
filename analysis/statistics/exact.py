"""A sample as integers of its last decimal place: sums, squares and quantiles without a rounding."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from analysis.statistics.result import Undefined

__all__ = ["Sample"]


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
        return self.n < 2 or self.ends[0] == self.ends[1]

    @cached_property
    def tally(self) -> tuple[tuple[int, int], ...]:
        """Each value that occurs, in units, with how often it does; ascending."""
        return tuple(sorted(Counter(self.units).items()))

    def finer(self, places: int) -> Sample:
        """The same values in units of ``10**-places``, which are no coarser than their own."""
        times = 10 ** (places - self.places)
        return self if times == 1 else Sample(tuple(u * times for u in self.units), places, self.missing)

    def at_least(self, n: int) -> None:
        """Raises Undefined when fewer than ``n`` values are there."""
        if self.n < n:
            raise Undefined(f"needs at least {n} value{'s' if n > 1 else ''}, has {self.n}")

    def at_ranks(self, low: int, high: int) -> tuple[int, int]:
        """The values at two ranks, counted from one."""
        return self._ordered[low - 1], self._ordered[high - 1]

    @cached_property
    def _ordered(self) -> list[int]:
        return sorted(self.units)

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
