"""Which of several measurements counts at a timepoint, and by which rule; the choice is always recorded.

At the anchor (T0) a measurement of the anchor visit comes before any other, then those of the window
around it.  At a later timepoint only the window counts.  ``nearest`` compares whole days to the target;
what is equally near is decided by ``tie``, first between days, then between hours, then by place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Generic, Literal, TypeVar

from extract.study.protocol import Protocol, Timepoint

__all__ = ["Candidate", "Choice", "Role", "Span", "choose", "spans"]

Role = Literal["", "first", "last"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """One measurement of a variable: when, whether in the anchor visit, and whatever carries its value.

    ``role``: what a text says of a change (``from 7 to 3``); ``first`` can only be the anchor's,
    ``last`` only a later timepoint's where both were written.
    """

    at: datetime
    in_visit: bool
    usable: bool
    role: Role
    key: tuple[str, int]
    """Record id and offset: the last word on ties."""
    item: T


@dataclass(frozen=True, slots=True)
class Span:
    """A timepoint of one patient: its window and target as dates; ``day`` counts from the anchor."""

    name: str
    anchor: bool
    origin: date
    low: date
    high: date
    target: date
    point: Timepoint


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """What counts, why, and among how many; ``candidate`` is None when nothing usable was found."""

    candidate: Candidate[T] | None
    rule: str
    considered: int
    day: int | None


def _span_of(protocol: Protocol, name: str, origin: date) -> Span:
    """Window and target of timepoint ``name`` for a patient whose anchor visit began on ``origin``."""
    point = protocol.timepoints[name]
    reference = origin
    after = point.after
    while after is not None:
        earlier = protocol.timepoints[after]
        reference = _plus(reference, earlier.day or 0)
        after = earlier.after
    low, high = point.window
    return Span(
        name=name,
        anchor=point.anchor is not None,
        origin=origin,
        low=_plus(reference, low),
        high=_plus(reference, high),
        target=_plus(reference, point.day or 0),
        point=point,
    )


def _plus(day: date, days: int) -> date:
    return date.fromordinal(day.toordinal() + days)


_NOW_FIRST: Final[dict[Role, int]] = {"last": 0, "": 1, "first": 2}
_BEFORE_FIRST: Final[dict[Role, int]] = {"first": 0, "": 1, "last": 2}


def _role_rank(candidate: Candidate[T], span: Span) -> int:
    """What a note tells of an earlier state is older than the note.

    Written on the anchor's own day it is older than the anchor, so the present state counts; written
    later in the visit (a discharge summary) it is the anchor's.
    """
    if span.anchor and candidate.at.date() > span.origin:
        return _BEFORE_FIRST[candidate.role]
    return _NOW_FIRST[candidate.role]


def choose(candidates: Sequence[Candidate[T]], span: Span) -> Choice[T]:
    """The measurement that counts at ``span``."""
    inside = [c for c in candidates if span.low <= c.at.date() <= span.high]
    where = "window"
    if span.anchor:
        visit = [c for c in candidates if c.in_visit]
        if any(c.usable for c in visit):
            inside, where = visit, "visit"
        else:
            # An earlier value that is told later, in another visit, is no measurement of this one.
            low, high = span.low, span.high
            inside = [
                c for c in candidates if c.in_visit or (low <= c.at.date() <= high and c.role != "first")
            ]
    else:
        inside = [c for c in inside if c.role != "first"]
    usable = [c for c in inside if c.usable]
    if not usable:
        return Choice(None, f"{span.name}: nothing usable in the {where}", len(inside), None)
    ranked = sorted(usable, key=lambda c: _rank(c, span))
    best = ranked[0]
    rule = f"{span.name}: {where}, {span.point.pick}"
    if len(ranked) > 1 and _near(ranked[1], span) == _near(best, span):
        rule += f", tie: {span.point.tie}"
    if len(inside) > len(usable):
        rule += f", {len(inside) - len(usable)} unusable passed over"
    return Choice(best, rule, len(inside), (best.at.date() - span.origin).days)


def _near(candidate: Candidate[T], span: Span) -> int:
    if span.point.pick == "nearest":
        return abs((candidate.at.date() - span.target).days)
    return 0


def _rank(candidate: Candidate[T], span: Span) -> tuple[object, ...]:
    later = span.point.tie == "later" if span.point.pick == "nearest" else span.point.pick == "last"
    sign = -1 if later else 1
    moment = (candidate.at - datetime(1, 1, 1)).total_seconds()  # noqa: DTZ001 - times here are naive by contract
    return (
        _near(candidate, span),
        sign * candidate.at.date().toordinal(),
        _role_rank(candidate, span),
        sign * moment,
        candidate.key[0],
        sign * candidate.key[1],
    )


def spans(protocol: Protocol, origin: date) -> dict[str, Span]:
    """Every timepoint of a patient whose anchor visit began on ``origin``."""
    return {name: _span_of(protocol, name, origin) for name in protocol.timepoints}
