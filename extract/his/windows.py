"""Windows of a pull: the search's dates cut into pieces, and how far a chart reaches around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from extract.study.protocol import Protocol, Rule

__all__ = ["Window", "chart_span", "windows"]

_MONTHS: Final = {"decade": 120, "year": 12, "quarter": 3, "month": 1}
_LOOKBACK_DAYS: Final = 365
"""How long before the search a chart begins, at least: criteria look back at history."""


@dataclass(frozen=True)
class Window:
    """Days from ``start`` up to, and not including, ``end``."""

    name: str
    start: date
    end: date


def windows(start: date, last: date, size: Literal["decade", "year", "quarter", "month"]) -> list[Window]:
    """Calendar windows over ``[start, last]``, both ends included: they meet, and none overlaps.

    Named by their calendar piece: ``2020s``, ``2022``, ``2022Q1``, ``2022-01``.
    """
    return list(_windows(start, last, _MONTHS[size]))


def _windows(start: date, last: date, months: int) -> Iterator[Window]:
    end = last + timedelta(days=1)
    while start < end:
        piece = (start.month - 1) // months
        first_year = start.year - start.year % max(months // 12, 1)
        following = first_year * 12 + (piece + 1) * months
        edge = min(end, date(following // 12, following % 12 + 1, 1))
        name = {
            120: f"{first_year}s",
            12: f"{start.year}",
            3: f"{start.year}Q{piece + 1}",
            1: f"{start:%Y-%m}",
        }[months]
        yield Window(name, start, edge)
        start = edge


def chart_span(protocol: Protocol) -> Window:
    """The days a chart is pulled for: from the lookback before the search to the last timepoint after it."""
    back = max([_LOOKBACK_DAYS, *(days for c in protocol.criteria for days in _looks_back(c.rule))])
    first = min(point.window[0] for point in protocol.timepoints.values())
    ahead = max(_reach(protocol, name) for name in protocol.timepoints)
    return Window(
        "chart",
        protocol.search.from_ - timedelta(days=back - min(first, 0)),
        protocol.search.to + timedelta(days=max(ahead, 0) + 1),
    )


def _reach(protocol: Protocol, name: str) -> int:
    """Days from the anchor visit to the last day that may count for a timepoint."""
    point = protocol.timepoints[name]
    return max(point.window[1], point.day or 0) + (_reach(protocol, point.after) if point.after else 0)


def _looks_back(rule: Rule) -> Iterator[int]:
    if rule.before_days is not None:
        yield rule.before_days
    for child in (*(rule.all or ()), *(rule.any or ()), *([rule.not_] if rule.not_ else [])):
        yield from _looks_back(child)
