"""The smallest study with the wanted power, and power by size: sizes are tried, never extrapolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analysis.simulation.people import World
from analysis.simulation.performance import wilson
from analysis.simulation.questions import Question
from analysis.simulation.replications import Bench

__all__ = ["LEAST", "Curve", "Smallest", "curve", "ladder", "smallest"]

LEAST: Final = 6
_POINTS: Final = 10
_MOST: Final = 4000


@dataclass(frozen=True)
class Smallest:
    """The least n that reached the power, the largest that surely does not and the smallest that surely does.

    Surely: the power's 95 % interval lies on one side. ``n`` None: no study up to ``tried`` reached it.
    """

    n: int | None
    surely_not: int | None
    surely: int | None
    tried: int


@dataclass
class Curve:
    """Power by n of each question: (hits, replications) at every size that was tried."""

    alpha: float
    points: dict[Question, dict[int, tuple[int, int]]] = field(default_factory=dict)

    def power(self, q: Question, n: int) -> float:
        """Share of significant answers."""
        hits, tried = self.points[q][n]
        return hits / tried

    def add(self, bench: Bench, world: World, asked: Sequence[Question], n: int) -> None:
        """Try a size for the questions that were not tried at it."""
        new = [q for q in asked if n not in self.points.setdefault(q, {})]
        if not new:
            return
        for q, found in bench.run(world, new, n).items():
            with np.errstate(invalid="ignore"):
                self.points[q][n] = (int((found.p < self.alpha).sum()), len(found.p))


def ladder(n: int) -> list[int]:
    """Sizes to choose from, each at most a fiftieth above the one before: finer than chance can tell."""
    found, top = [LEAST], min(_MOST, max(5 * n, 200))
    while found[-1] < top:
        found.append(max(found[-1] + 1, found[-1] * 51 // 50))
    return found


def curve(bench: Bench, world: World, asked: Sequence[Question], n: int, alpha: float) -> Curve:
    """Power at sizes from small to twice the planned one."""
    found = Curve(alpha)
    for size in sorted({round(s) for s in np.geomspace(min(10, n), 2 * n, _POINTS)} | {n}):
        found.add(bench, world, asked, size)
    return found


def smallest(
    found: Curve, bench: Bench, world: World, asked: Sequence[Question], n: int, wanted: float
) -> Mapping[Question, Smallest]:
    """By halving the ladder: all questions that need one size are asked at once."""
    sizes = ladder(n)
    ends = {q: _bracket(found, q, sizes, wanted) for q in asked}
    while open_ := [q for q, (low, high) in ends.items() if low < high]:
        first = open_[0]
        middle = sum(ends[first]) // 2
        together = [q for q in open_ if ends[q][0] <= middle < ends[q][1]]
        found.add(bench, world, together, sizes[middle])
        for q in together:
            if found.power(q, sizes[middle]) >= wanted:
                ends[q][1] = middle
            else:
                ends[q][0] = middle + 1
    return {q: _told(found, q, sizes, ends[q][0], wanted) for q in asked}


def _bracket(found: Curve, q: Question, sizes: Sequence[int], wanted: float) -> list[int]:
    """Between which places of the ladder the answer lies, by the sizes of the curve."""
    known = sorted(found.points.get(q, {}))
    enough = next((size for size in known if found.power(q, size) >= wanted), None)
    short = max((size for size in known if enough is None or size < enough), default=0)
    low = next((i for i, size in enumerate(sizes) if size > short), len(sizes))
    high = (
        len(sizes)
        if enough is None
        else next((i for i, size in enumerate(sizes) if size >= enough), len(sizes))
    )
    return [low, max(low, high)]


def _told(found: Curve, q: Question, sizes: Sequence[int], place: int, wanted: float) -> Smallest:
    limits = {size: wilson(*point) for size, point in found.points[q].items()}
    below = [size for size, (_, high) in limits.items() if high < wanted]
    above = [size for size, (low, _) in limits.items() if low >= wanted]
    least = sizes[place] if place < len(sizes) else None
    return Smallest(least, max(below, default=None), min(above, default=None), sizes[-1])
