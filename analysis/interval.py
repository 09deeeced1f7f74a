"""What a printed number may have been before it was rounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Interval"]


@dataclass(frozen=True)
class Interval:
    """All values that a printed or implied number may have."""

    low: float
    high: float

    def meets(self, other: Interval) -> bool:
        """Whether one number can be both."""
        slack = 1e-9 * max(1.0, abs(self.low), abs(self.high))
        return self.low <= other.high + slack and other.low <= self.high + slack

    @classmethod
    def printed(cls, number: float, decimals: int = 2) -> Interval:
        """What may have been rounded to ``number``."""
        half = 0.5 * 10.0**-decimals
        return cls(number - half, number + half)

    @classmethod
    def read(cls, number: float | str) -> Interval:
        """What was rounded to a printed number: a text has the decimals it shows, a number has two."""
        if not isinstance(number, str):
            return cls.printed(number)
        text = number.strip().replace("\N{MINUS SIGN}", "-").replace(",", "")
        return cls.printed(float(text), len(text.partition(".")[2]))

    @classmethod
    def p(cls, text: str) -> Interval:
        """What a printed P allows: ``<0.05``, ``>.99`` or ``0.28``."""
        if text.startswith("<"):
            return cls(0.0, float(text[1:]))
        if text.startswith(">"):
            return cls(float(text[1:]), 1.0)
        return cls.printed(float(text), len(text.partition(".")[2]))

    @classmethod
    def over(cls, values: Sequence[float]) -> Interval:
        """The least interval that holds the values."""
        return cls(min(values), max(values))

    @property
    def middle(self) -> Interval:
        """The printed number itself, rounding left aside."""
        centre = (self.low + self.high) / 2
        return Interval(centre, centre)

    @property
    def magnitude(self) -> Interval:
        """The interval of the absolute value."""
        ends = (abs(self.low), abs(self.high))
        return Interval(0.0 if self.low <= 0 <= self.high else min(ends), max(ends))
