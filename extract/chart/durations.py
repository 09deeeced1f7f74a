"""Lengths of time written in notes, in months: ``3月余``, ``半年``, ``1年半``, ``2年3月``, ``3+年``, ``20.5个月``.

A year is 12 months; weeks and days are turned into months by the mean Gregorian month, 30.436875 days
(``DAYS_PER_MONTH``).  ``余``, ``多``, ``+`` and ``近`` do not change the number: it is what the chart says.
Dates (``2022年3月``, ``3月15日``) are no lengths of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from extract.chart.plain import NUMBER, number

__all__ = ["DAYS_PER_MONTH", "Duration", "durations"]

DAYS_PER_MONTH: Final = Decimal("30.436875")
"""365.2425 / 12: the mean month of the Gregorian calendar."""

_MORE: Final = r"(?:余|多|\+|来)"
_UNIT: Final = r"(?P<{0}>年|个月|个\s?半月|月|周|星期|礼拜|天|日|years?|yrs?|months?|mos?|weeks?|wks?|days?)"
_MONTHS: Final[dict[str, Decimal]] = {
    "年": Decimal(12),
    "y": Decimal(12),
    "月": Decimal(1),
    "m": Decimal(1),
    "周": 7 / DAYS_PER_MONTH,
    "w": 7 / DAYS_PER_MONTH,
    "天": 1 / DAYS_PER_MONTH,
    "d": 1 / DAYS_PER_MONTH,
}
_LENGTH: Final = re.compile(
    rf"(?<![\d.年/-])(?<!\d[月])"
    rf"(?:(?P<low>{NUMBER})\s?(?:-|~|至|到)\s?)?"
    rf"(?P<n>{NUMBER}|半|数)\s?{_MORE}?\s?{_UNIT.format('unit')}(?![度级龄检])"
    rf"(?P<half>半)?{_MORE}?"
    rf"(?:零?\s?(?P<n2>{NUMBER})\s?{_MORE}?\s?{_UNIT.format('unit2')}{_MORE}?)?"
)
_DATE_TAIL: Final = re.compile(r"\s?(?:\d{1,2}\s?[日号]|份|初|底|中旬|上旬|下旬)")


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time in months at offsets of the text; ``low`` and ``high`` differ for ``3-4年``."""

    low: Decimal
    high: Decimal
    start: int
    end: int

    @property
    def months(self) -> Decimal:
        """The length; of a range its middle."""
        return (self.low + self.high) / 2


def durations(flat: str, start: int = 0, end: int | None = None) -> Iterator[Duration]:
    """The lengths of time in ``flat[start:end]`` (plain text), from left to right."""
    for match in _LENGTH.finditer(flat, start, len(flat) if end is None else end):
        found = _read(match, flat)
        if found is not None:
            yield found


def _read(match: re.Match[str], flat: str) -> Duration | None:
    if match["n"] == "数" or _is_date(match, flat):
        return None
    factor = _factor(match["unit"])
    value = Decimal("0.5") if match["n"] == "半" else number(match["n"])
    if match["half"] or "半" in match["unit"]:
        value += Decimal("0.5")
    high = value * factor
    low = number(match["low"]) * factor if match["low"] else high
    if match["n2"]:
        rest = number(match["n2"]) * _factor(match["unit2"])
        low, high = low + rest, high + rest
    if low > high:
        return None
    return Duration(low, high, match.start(), match.end())


def _factor(unit: str) -> Decimal:
    if unit.endswith("月"):
        return _MONTHS["月"]
    if unit in {"星期", "礼拜"}:
        return _MONTHS["周"]
    return _MONTHS[{"日": "天"}.get(unit[0], unit[0])]


def _is_date(match: re.Match[str], flat: str) -> bool:
    if match["unit"] == "年" and re.fullmatch(r"(?:19|20)\d\d|[零〇一二三四五六七八九]{4}", match["n"]):
        return True
    if match["unit"] == "日" or (match["unit2"] == "日"):
        return True
    return match["unit"] == "月" and _DATE_TAIL.match(flat, match.end()) is not None
