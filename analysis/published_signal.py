"""A signal: one printed number against what the others imply; and what a printed mean, SD and n may have been."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

from analysis.interval import Interval

__all__ = ["Level", "Signal", "Tables", "Verdict", "any_of", "compared", "levels"]

Verdict = Literal["consistent", "otherwise", "differs", "impossible"]


@dataclass(frozen=True)
class Signal:
    """One check: where, what, the printed interval, the implied one, and whether they can meet.

    ``otherwise`` is a P that this test does not give and another usual test does. ``point`` is the implied number when
    the printed ones are taken as exact, None where it says nothing more.
    """

    where: str
    check: str
    printed: Interval
    implied: Interval
    verdict: Verdict
    note: str = ""
    point: float | None = None

    @property
    def open(self) -> bool:
        """Whether it is a question to the authors."""
        return self.verdict in {"differs", "impossible"}

    def to_json(self) -> dict[str, Any]:
        """The signal as plain data; an open end of an interval is null."""
        plain = asdict(self)
        for name in ("printed", "implied"):
            plain[name] = {end: value if math.isfinite(value) else None for end, value in plain[name].items()}
        return plain


@dataclass(frozen=True)
class Level:
    """A printed mean and SD of one group with its n, as intervals."""

    n: int
    mean: Interval
    sd: Interval

    def corners(self) -> Iterator[tuple[float, float]]:
        """Mean and SD at the four corners of their rounding box."""
        return product((self.mean.low, self.mean.high), (self.sd.low, self.sd.high))


Tables = Mapping[str, Mapping[str, Level]]
"""Variable -> group -> what is printed of it."""


def levels(values: Sequence[Any], sizes: Mapping[str, int]) -> dict[str, Level]:
    """Means and SDs of the groups in the order of ``sizes``; a group whose place holds null is not there."""
    found = {}
    for (group, n), pair in zip(sizes.items(), values, strict=False):
        if pair is not None:
            mean, sd = (Interval.read(number) for number in pair)
            found[group] = Level(n, mean, Interval(max(0.0, sd.low), sd.high))
    return found


def compared(where: str, check: str, printed: Interval, implied: Interval, note: str = "") -> Signal:
    """A signal that is open when the two intervals cannot meet."""
    return Signal(where, check, printed, implied, "consistent" if printed.meets(implied) else "differs", note)


def any_of(signals: Iterable[Signal]) -> Iterator[Signal]:
    """Tests of which a paper used one: where one gives the printed P, the others are no question."""
    found = list(signals)
    agrees = any(s.verdict == "consistent" for s in found)
    for one in found:
        yield replace(one, verdict="otherwise") if agrees and one.verdict == "differs" else one
