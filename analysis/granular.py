"""Means and SDs of values recorded in steps, and groups defined by a threshold: what whole people can give at all.

GRIM: the mean of n whole numbers is a multiple of 1/n.  GRIMMER: so is their sum of squares a whole number, of the
same parity as their sum.  A threshold: if k of n lie beyond it, mean and SD bound k.  All three are necessary
conditions, so what they refuse no data can have; what they pass may still be wrong.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from analysis.interval import Interval
from extract.errors import NotFound

__all__ = ["Rule", "beyond", "grim", "grimmer", "rule"]

_RULE: Final = re.compile(r"\s*(\w+)\s*:\s*(\w+)\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*(or\b.*)?")


def _whole(low: Fraction, high: Fraction) -> range:
    return range(math.ceil(low), math.floor(high) + 1)


def _exact(number: float) -> Fraction:
    """The decimal that was printed, half a unit of its last place included."""
    return Fraction(repr(round(number, 9)))


def _sums(mean: Interval, n: int, step: Fraction) -> range:
    """Every whole sum, in steps, whose mean may be printed so."""
    return _whole(_exact(mean.low) * n / step, _exact(mean.high) * n / step)


def grim(mean: Interval, n: int, step: Fraction) -> bool:
    """Whether n values recorded in steps can have this mean."""
    return len(_sums(mean, n, step)) > 0


def grimmer(mean: Interval, sd: Interval, n: int, step: Fraction) -> bool:
    """Whether n values recorded in steps can have this mean and this SD (n - 1) at once."""
    if n < 2:
        return True
    low, high = (_exact(max(0.0, s)) ** 2 * (n - 1) / step**2 for s in (sd.low, sd.high))
    for total in _sums(mean, n, step):
        centre = Fraction(total * total, n)
        # The least sum of squares: every value one of the two whole numbers around the mean.
        least = Fraction(total % n * (n - total % n), n)
        squares = _whole(centre + max(low, least), centre + high)
        if len(squares) > 1 or (len(squares) == 1 and squares[0] % 2 == total % 2):
            return True
    return False


@dataclass(frozen=True)
class Rule:
    """``group: variable >= 3``: everybody in the group is beyond the limit; ``either`` when "or ..." follows."""

    group: str
    variable: str
    upward: bool
    limit: float
    either: bool
    text: str


def rule(text: str) -> Rule:
    """Read a rule. Raises NotFound when it is none."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise NotFound(
            f"{text!r} is no rule of a group", "Write it as: group: variable >= 3, perhaps with: or ..."
        )
    group, variable, sign, limit, more = found.groups()
    return Rule(group, variable, sign[0] == ">", float(limit), more is not None, text.strip())


def beyond(mean: Interval, sd: Interval, n: int, limit: float, *, upward: bool) -> int:
    """The most of n values that can lie beyond ``limit``, given mean and SD.

    With k at the limit and the rest in one place, the sum of squares is k n (limit - mean)² / (n - k), and no other
    arrangement has less; so k / (n - k) is at most (n - 1) SD² / (n (limit - mean)²).
    """
    distance = limit - mean.high if upward else mean.low - limit
    if distance <= 0:
        return n
    share = (n - 1) * sd.high**2 / (n * distance**2)
    return min(n, math.floor(n * share / (1 + share) + 1e-9))
