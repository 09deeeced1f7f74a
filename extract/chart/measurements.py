"""Laboratory results as (comparator, value, unit, raw, status): what the laboratory wrote, never a bare float.

``<2`` keeps its comparator, ``12↑`` and ``12 H`` lose only their flag, ``阴性`` and ``溶血`` are no numbers and say
so.  A value is converted by the factor that the pack states for its unit; a unit that the pack does not
list, or no unit at all, makes it not convertible: never times one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, Literal

from extract.chart.plain import plain
from extract.chart.vocabulary import pattern_of, words
from extract.his.packs import LabConcept
from extract.study.folding import folded_text

__all__ = ["Measurement", "Status", "is_item", "on_grid", "parse_number", "parse_result", "scaled"]

Status = Literal[
    "numeric", "range", "qualitative", "invalid", "blank", "no_unit", "not_convertible", "unreadable"
]

_BLANK: Final = {"", "-", "--", "/", "null", "none", "na", "n/a", "."}
_COMPARATORS: Final = {
    "<": "<",
    "<=": "<=",
    "≤": "<=",
    "小于": "<",
    "低于": "<",
    "小于等于": "<=",
    ">": ">",
    ">=": ">=",
    "≥": ">=",
    "大于": ">",
    "高于": ">",
    "大于等于": ">=",
}
_FIGURE: Final = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d{1,2})?"
_FLAG: Final = r"(?:[↑↓*]+|[hl]{1,2}(?![a-z])|偏高|偏低|高|低)"
_NUMERIC: Final = re.compile(
    rf"(?P<flag0>{_FLAG})?\s*(?P<comparator>{'|'.join(sorted(map(re.escape, _COMPARATORS), key=len, reverse=True))})?"
    rf"\s*(?P<figure>-?{_FIGURE})\s*(?P<flag>\(?{_FLAG}\)?)?\s*(?P<unit>[a-zμµ%\u4e00-\u9fff].{{0,15}})?"
)
_RANGE: Final = re.compile(
    rf"(?P<low>{_FIGURE})\s*[-~]\s*(?P<high>{_FIGURE})\s*(?P<unit>[a-zμµ%\u4e00-\u9fff].{{0,15}})?"
)
_GRADE: Final = re.compile(r"\(?(?:[+±]{1,4}|\d\+|\+\d|\+/-|-|\(-\))\)?")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A result; ``value`` is in ``unit`` and on the variable's grid, None unless it is a number.

    ``comparator`` is ``""``, ``<``, ``<=``, ``>`` or ``>=``.  Of ``2-3`` the value is the middle, the
    status ``range``, and ``low`` and ``high`` are its ends.
    """

    comparator: str
    value: Decimal | None
    unit: str
    raw: str
    status: Status
    low: Decimal | None = None
    high: Decimal | None = None

    @property
    def usable(self) -> bool:
        """Whether it can stand as a variable's value."""
        return self.value is not None


def on_grid(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of ``step`` nearest to ``value``, halves away from zero."""
    return scaled(value, step) * step


def scaled(value: Decimal, step: Decimal) -> int:
    """``value / step`` as an integer, halves away from zero."""
    return int((value / step).to_integral_value(ROUND_HALF_UP))


def parse_result(raw: str | None, unit: str | None, concept: LabConcept, step: Decimal) -> Measurement:
    """The result ``raw`` of an item of ``concept``, in the concept's unit, on the grid of ``step``.

    ``unit`` is the source's unit column; a unit written behind the number counts when the column is
    empty, and makes the result not convertible when the two disagree.
    """
    text = raw or ""
    comparator, low, high, status, tail = _parse(text)
    if low is None or high is None:
        return Measurement("", None, concept.unit, text, status)
    factor = _factor(concept.units, unit or "")
    written = _factor(concept.units, tail)
    if not (unit or "").strip() and tail:
        factor = written
    elif tail and factor != written:
        factor = None
    if factor is None:
        blank = not (unit or "").strip() and not tail
        return Measurement("", None, "", text, "no_unit" if blank else "not_convertible")
    return _measured(comparator, low * factor, high * factor, step, concept.unit, text, status)


def parse_number(raw: str | None, step: Decimal) -> Measurement:
    """A result without a unit of its own (a scale, a vital sign): ``6``, ``6分``, ``7/10``, ``6-7``."""
    text = raw or ""
    shown = re.sub(r"\s*/\s*(?:10|100)(?=\D*$)", "", plain(text))
    comparator, low, high, status, _ = _parse(shown)
    if low is None or high is None:
        return Measurement("", None, "", text, status)
    return _measured(comparator, low, high, step, "", text, status)


def _measured(
    comparator: str, low: Decimal, high: Decimal, step: Decimal, unit: str, raw: str, status: Status
) -> Measurement:
    value = on_grid((low + high) / 2, step)
    return Measurement(comparator, value, unit, raw, status, on_grid(low, step), on_grid(high, step))


@lru_cache(maxsize=1)
def _invalid() -> re.Pattern[str]:
    return re.compile(pattern_of("invalid"))


def _parse(raw: str) -> tuple[str, Decimal | None, Decimal | None, Status, str]:
    text = plain(raw).strip()
    if text in _BLANK:
        return "", None, None, "blank", ""
    if _invalid().search(text):
        return "", None, None, "invalid", ""
    if _GRADE.fullmatch(text) or text.strip("()") in words("qualitative"):
        return "", None, None, "qualitative", ""
    if match := _RANGE.fullmatch(text):
        low, high = _figure(match["low"]), _figure(match["high"])
        if low is not None and high is not None and low <= high:
            return "", low, high, "range", (match["unit"] or "").strip()
    if match := _NUMERIC.fullmatch(text):
        value = _figure(match["figure"])
        if value is not None:
            comparator = _COMPARATORS.get(match["comparator"] or "", "")
            return comparator, value, value, "numeric", (match["unit"] or "").strip()
    return "", None, None, "unreadable", ""


def _figure(text: str) -> Decimal | None:
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return value if abs(value) < Decimal(10) ** 12 else None


@lru_cache(maxsize=4096)
def _unit_key(unit: str) -> str:
    return re.sub(r"[\s()]", "", folded_text(unit)).replace("μ", "u").replace("µ", "u")


def _factor(units: Mapping[str, Decimal], unit: str) -> Decimal | None:
    unit = unit.strip()
    if unit in units:
        return units[unit]
    # mmol and Mmol fold alike: factors that disagree are no factor.
    same = {factor for spelling, factor in units.items() if _unit_key(spelling) == _unit_key(unit)}
    return same.pop() if len(same) == 1 else None


@lru_cache(maxsize=65536)
def is_item(
    name: str | None,
    code: str | None,
    names: tuple[str, ...],
    codes: tuple[str, ...] = (),
    not_names: tuple[str, ...] = (),
) -> bool:
    """Whether an item is of a concept: its whole name after folding is one of ``names``, or its code is listed.

    A name that contains one of ``not_names`` is something else, whatever its code.
    """
    folded = folded_text(name or "")
    if any(folded_text(other) in folded for other in not_names if other):
        return False
    if code and code in codes:
        return True
    return bool(folded) and folded in _folded(names)


@lru_cache(maxsize=1024)
def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(folded_text(name) for name in names)
