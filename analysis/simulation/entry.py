"""Criteria on the first value: whom they leave outside, and how those they let in fall back towards the rest.

A pain score of at least 4 at T0 lets people in on a bad day.  Untreated, they are nearer to the mean of everybody at T1:
regression to the mean.  The people outside are not seen, so their mean and SD are those of the normal distribution whose
part inside the limits has the assumed mean and SD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import least_squares

from analysis.simulation.kernels import Array
from extract.study.protocol import Protocol, Rule

__all__ = ["Source", "limits", "sources"]


@dataclass(frozen=True)
class Source:
    """The mean and SD of everybody, and the limits within which the first value lets a person in."""

    mean: float
    sd: float
    low: float
    high: float

    def value(self, first: Array, last: Array, end: int, within: float) -> Array:
        """The value at one end from the two standard deviates of a person who was let in."""
        a, b = (float(special.ndtr((edge - self.mean) / self.sd)) for edge in (self.low, self.high))
        z = special.ndtri(a + special.ndtr(first) * (b - a))
        if end:
            own = (last - within * first) / np.sqrt(1 - within * within)
            z = within * z + np.sqrt(1 - within * within) * own
        return np.asarray(self.mean + self.sd * z)


def limits(protocol: Protocol) -> dict[str, tuple[float, float]]:
    """Between which first values of each timed variable the inclusion criteria let a person in."""
    found: dict[str, tuple[float, float]] = {}
    firsts = {v.id: v.at[0] for v in protocol.timed if not v.categorical}
    for criterion in protocol.include:
        for rule in _all(criterion.rule):
            at = (rule.at,) if isinstance(rule.at, str) else rule.at or ()
            if rule.variable not in firsts or firsts[rule.variable] not in at:
                continue
            low, high = found.get(rule.variable, (-np.inf, np.inf))
            between = rule.between or (rule.at_least, rule.at_most)
            found[rule.variable] = (
                max(low, -np.inf if between[0] is None else float(between[0])),
                min(high, np.inf if between[1] is None else float(between[1])),
            )
    return found


def _all(rule: Rule) -> Iterator[Rule]:
    """The conditions that must all hold."""
    if rule.all:
        for child in rule.all:
            yield from _all(child)
    elif rule.variable is not None:
        yield rule


def sources(protocol: Protocol, levels: Mapping[str, tuple[float, float]]) -> dict[str, Source]:
    """Of each variable with such a criterion, but of one whose assumed mean and SD do not tell who is outside.

    That is so where no normal distribution leaves them inside the limits, or only one whose own mean is outside.
    """
    found = {}
    for id_, (low, high) in limits(protocol).items():
        if id_ in levels and (source := _source(*levels[id_], low, high)) is not None:
            found[id_] = source
    return found


def _source(mean: float, sd: float, low: float, high: float) -> Source | None:
    if not low < mean < high:
        return None

    def off(at: Array) -> Array:
        m, s = at[0], np.exp(at[1])
        a, b = (low - m) / s, (high - m) / s
        inside = special.ndtr(b) - special.ndtr(a)
        with np.errstate(all="ignore"):
            pa, pb = np.exp(-a * a / 2) / np.sqrt(2 * np.pi), np.exp(-b * b / 2) / np.sqrt(2 * np.pi)
            first = (pa - pb) / inside
            second = 1 + ((a * pa if np.isfinite(a) else 0.0) - (b * pb if np.isfinite(b) else 0.0)) / inside
            spread = s * np.sqrt(max(second - first**2, 1e-12))
        both = np.array([(m + s * first - mean) / sd, np.log(spread / sd)])
        return np.asarray(np.nan_to_num(both, nan=1e3), dtype=np.float64)

    solved = least_squares(off, np.array([mean, np.log(sd)]), xtol=1e-12, ftol=1e-12)
    if float(np.abs(solved.fun).max()) > 1e-6:
        return None
    found = Source(float(solved.x[0]), float(np.exp(solved.x[1])), low, high)
    # Where the limits leave most people outside, those inside say next to nothing of them.
    return found if low < found.mean < high else None
