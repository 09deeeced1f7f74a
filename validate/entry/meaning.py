"""Meaning of a cell: what was typed, read as its field says, so that entries are compared by what they mean.

``5``, ``5.0`` and ``５`` are one number, ``2024-1-5``, ``2024年1月5日`` and ``05/01/2024`` in a field of
day/month/year are one day.  A field of the study is read by its form's rules, with units and codes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from extract.errors import Refused
from validate.entry import forms
from validate.entry.epidata import Column, Kind

__all__ = ["Comparable", "Meaning", "comparable"]

_NUMBER: Final = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})")
_DATE: Final = re.compile(r"(\d{1,4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,4})\s*日?")
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEAR: Final = 4
_PLACES: Final = {"ymd": (0, 1, 2), "dmy": (2, 1, 0), "mdy": (2, 0, 1)}

Meaning = Decimal | str | tuple[int, int, int] | forms.Value
"""A number, a text, a day, or a value of the study's form."""


@dataclass(frozen=True)
class Comparable:
    """A field that stands in both files: how a cell of either is read and when two are the same."""

    name: str
    first: Column
    second: Column
    field: forms.Field | None = None
    tolerance: Decimal = Decimal(0)
    ignore_case: bool = False

    @property
    def label(self) -> str:
        """The question on the form, as the first file or else the second says it."""
        return self.first.label or self.second.label

    def read(self, cell: str, column: Column) -> Meaning | None:
        """What ``cell`` of ``column`` means; None where nothing was typed.

        What the study's form would refuse is compared as text; ``breaks`` names the rule.
        """
        text = unicodedata.normalize("NFKC", cell).strip()
        if not text:
            return None
        if self.field is not None:
            try:
                return forms.read(self.field, text)
            except Refused:
                return self._text(text)
        return self._plain(text, column)

    def breaks(self, cell: str) -> str:
        """The rule of the study's form that ``cell`` breaks, or ""; never what was typed."""
        if self.field is None or not cell.strip():
            return ""
        try:
            forms.read(self.field, cell)
        except Refused as refused:
            return refused.message
        return ""

    def same(self, one: Meaning, other: Meaning) -> bool:
        """Whether two entries say the same, within the tolerance."""
        if isinstance(one, forms.Value) and isinstance(other, forms.Value):
            step = self.field.variable.step if self.field else Decimal(1)
            return forms.equal(one, other, tolerance=int(self.tolerance / step))
        if isinstance(one, Decimal) and isinstance(other, Decimal):
            return abs(one - other) <= self.tolerance
        return one == other

    def missing(self, meaning: Meaning | None) -> str | None:
        """Why there is no value ("" for a blank), or None where there is one."""
        if meaning is None:
            return ""
        return meaning.missing or None if isinstance(meaning, forms.Value) else None

    def _plain(self, text: str, column: Column) -> Meaning:
        kinds = {self.first.kind, self.second.kind}
        if Kind.TEXT in kinds:
            return self._text(text)
        if Kind.DATE in kinds or (kinds == {Kind.ANY} and _DATE.fullmatch(text)):
            return _day(text, column.order) or self._text(text)
        return Decimal(text) if _NUMBER.fullmatch(text) else self._text(text)

    def _text(self, text: str) -> str:
        return text.casefold() if self.ignore_case else text


def comparable(
    first: Column,
    second: Column,
    *,
    field: forms.Field | None = None,
    tolerance: Decimal = Decimal(0),
    ignore_case: bool = False,
) -> Comparable:
    """The field that ``first`` and ``second`` are of, under the name it has in the first file."""
    return Comparable(first.name, first, second, field, tolerance, ignore_case)


def _day(text: str, order: str) -> tuple[int, int, int] | None:
    """Year, month and day; a year of four digits in front shows itself, else ``order`` says (or dmy)."""
    if compact := _COMPACT.fullmatch(text):
        parts, order = compact.groups(), "ymd"
    elif spelled := _DATE.fullmatch(text):
        parts = spelled.groups()
        order = "ymd" if len(parts[0]) == _YEAR else order
        if len(parts[0]) != _YEAR and len(parts[2]) != _YEAR:
            return None
        order = order if order in {"dmy", "mdy"} or len(parts[0]) == _YEAR else "dmy"
    else:
        return None
    year, month, day = (int(parts[place]) for place in _PLACES[order])
    return year, month, day
