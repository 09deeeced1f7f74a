"""Seeded chance that is the same on every machine and Python: everything is drawn from ``random()`` alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Dice"]

T = TypeVar("T")


class Dice:
    """One stream of chance, seeded by names: ``Dice(seed, "patient", 17)``.

    The standard library promises that ``random()`` repeats for a seed, and promises no such thing for
    ``choice`` or ``sample``; so these are built here.
    """

    __slots__ = ("_random",)

    def __init__(self, *names: object) -> None:
        self._random = random.Random("|".join(str(name) for name in names)).random

    def chance(self, share: float) -> bool:
        """True in ``share`` of the throws."""
        return self._random() < share

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all alike likely."""
        return options[int(self._random() * len(options))]

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self._random() * (high - low + 1))

    def normal(self, mean: float, sd: float) -> float:
        """A normal deviate (Box-Muller, one of the pair)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self._random()))
        return mean + sd * radius * math.cos(2.0 * math.pi * self._random())

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """``count`` different options, in their own order."""
        left = list(range(len(options)))
        chosen = sorted(left.pop(int(self._random() * len(left))) for _ in range(min(count, len(left))))
        return [options[i] for i in chosen]

    def weighted(self, options: Sequence[tuple[float, T]]) -> T:
        """One of the options by its weight."""
        mark = self._random() * sum(weight for weight, _ in options)
        for weight, option in options:
            mark -= weight
            if mark < 0:
                return option
        return options[-1][1]
