"""Drawing: where the points of a timeline and of a trend stand; a template turns them into inline SVG.

A result is drawn where it reads as a number; what it says, in its own characters, always stands beside.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from extract.study.parts import Timepoint

__all__ = ["Span", "Stop", "Timeline", "Trend", "timeline", "trend"]

WIDTH: Final = 1000.0
TREND: Final = (150.0, 40.0)
_EDGE: Final = 20.0
_NUMBER: Final = re.compile(r"\s*(?:<=|>=|[<>≤≥])?\s*(\d+(?:\.\d+)?)(?!\d*[-/])")
_RANGE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:-|~|--|–|—)\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class Stop:
    """A visit on the timeline; ``width`` is that of a stay."""

    visit: str
    at: str
    x: float
    width: float
    css: str


@dataclass(frozen=True)
class Span:
    """When a timepoint's value may have been taken."""

    name: str
    x: float
    width: float


@dataclass(frozen=True)
class Timeline:
    """All visits and the timepoints' windows, ``WIDTH`` wide."""

    first: str
    last: str
    stops: tuple[Stop, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Trend:
    """The results of one laboratory item, oldest first."""

    name: str
    unit: str
    reference: str
    results: tuple[tuple[str, str, str, bool], ...]
    """When, the raw text, the record, and whether it is evidence."""
    line: str
    """SVG points; "" with fewer than two numbers."""
    dots: tuple[tuple[float, float, bool], ...]
    band: tuple[float, float] | None
    """Top and height of the reference range."""

    @property
    def marked(self) -> bool:
        """Whether any of the results is evidence."""
        return any(result[3] for result in self.results)


def timeline(
    visits: Sequence[Mapping[str, Any]],
    t0: date | None,
    timepoints: Mapping[str, Timepoint],
    marked: frozenset[str],
) -> Timeline | None:
    """Visits by time, those in ``marked`` set off; None without any that has a date."""
    dated = [(_day(v["started_at"]), v) for v in visits]
    known = [(day, v) for day, v in dated if day is not None]
    if not known:
        return None
    windows = _windows(t0, timepoints) if t0 else {}
    days = [day for day, _ in known] + [d for window in windows.values() for d in window]
    first, last = min(days), max(days)
    scale = (WIDTH - 2 * _EDGE) / max((last - first).days, 1)

    def x(day: date) -> float:
        return round(_EDGE + (day - first).days * scale, 1)

    stops = []
    for day, visit in known:
        until = _day(visit["ended_at"]) or day
        css = " ".join(["stop", *(["marked"] if visit["visit_id"] in marked else [])])
        at = max(until, day)
        stops.append(Stop(visit["visit_id"], day.isoformat(), x(day), max(x(at) - x(day), 0.0), css))
    spans = [Span(name, x(a), max(x(b) - x(a), 2.0)) for name, (a, b) in windows.items()]
    return Timeline(first.isoformat(), last.isoformat(), tuple(stops), tuple(spans))


def _windows(t0: date, timepoints: Mapping[str, Timepoint]) -> dict[str, tuple[date, date]]:
    found: dict[str, tuple[date, date]] = {}
    anchors: dict[str, date] = {}
    for name, point in timepoints.items():
        base = t0 if point.after is None else anchors.get(point.after)
        if base is None:
            continue
        # A later timepoint's window is counted from the timepoint that it comes after.
        found[name] = (base + timedelta(point.window[0]), base + timedelta(point.window[1]))
        anchors[name] = base + timedelta(point.day or 0)
    return found


def trend(name: str, rows: Sequence[Mapping[str, Any]], marked: frozenset[str]) -> Trend:
    """The results of one item, in the order given; ``rows`` need at, raw_value, unit, reference_range."""
    results = tuple(
        (row["at"], str(row["raw_value"] or "").strip(), row["record_id"], row["record_id"] in marked)
        for row in rows
    )
    last = rows[-1]
    numbers = [(i, n) for i, (_, raw, _, _) in enumerate(results) if (n := _number(raw)) is not None]
    limits = _RANGE.fullmatch(unicodedata.normalize("NFKC", str(last["reference_range"] or "")))
    bounds = (float(limits[1]), float(limits[2])) if limits else None
    values = [n for _, n in numbers] + list(bounds or ())
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    width, height = TREND

    def y(value: float) -> float:
        return round(height - 5 - (value - low) / ((high - low) or 1.0) * (height - 10), 1)

    def x(place: int) -> float:
        return round(6 + place / max(len(results) - 1, 1) * (width - 12), 1)

    points = [(x(i), y(n), results[i][3]) for i, n in numbers]
    return Trend(
        name=name,
        unit=str(last["unit"] or ""),
        reference=str(last["reference_range"] or ""),
        results=results,
        line=" ".join(f"{a},{b}" for a, b, _ in points) if len(points) > 1 else "",
        dots=tuple(points),
        band=(y(bounds[1]), round(y(bounds[0]) - y(bounds[1]), 1)) if bounds and points else None,
    )


def _number(raw: str) -> float | None:
    found = _NUMBER.match(unicodedata.normalize("NFKC", raw))
    return float(found[1]) if found else None


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else None
