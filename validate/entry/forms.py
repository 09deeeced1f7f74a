"""Forms: the fields that are entered twice, what may stand in them, and when two entries are the same.

Everything follows from the protocol.  A value is compared by what it means: ``5``, ``5.0``, ``５`` and
``5 cm`` are one value of a field in cm; ``1;3`` and ``3、1`` are one set of codes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from extract.errors import Refused
from extract.study.protocol import Label, Protocol, Variable

__all__ = ["Field", "Value", "equal", "fields", "form_fields", "of_scaled", "read", "warnings"]

MISSING: Final = ("not_documented", "not_done", "not_applicable", "illegible")
_NUMBER: Final = re.compile(r"(<=|>=|<|>|≤|≥)?\s*([+-]?\d+(?:\.\d+)?|[+-]?\.\d+)\s*(.*)", re.DOTALL)
_COMPARATORS: Final = {"≤": "<=", "≥": ">="}
_LONGEST: Final = 200


@dataclass(frozen=True)
class Value:
    """A value as it is compared and stored: ``scaled`` counts steps; else ``value`` or ``missing`` says it.

    ``scaled`` is the number over the variable's step, or a single code; None for several codes
    (``value`` is ``1;3``) and for a missing value (``missing`` names why).
    """

    scaled: int | None
    value: str
    missing: str = ""
    comparator: str = ""


@dataclass(frozen=True)
class Field:
    """One field of the form: a variable at a timepoint ("" for one that is taken once)."""

    variable: Variable
    timepoint: str

    @property
    def key(self) -> tuple[str, str]:
        """Variable and timepoint."""
        return self.variable.id, self.timepoint

    @property
    def name(self) -> str:
        """``bmi``, ``hb@T0``: how messages and the audit name the field."""
        return f"{self.variable.id}@{self.timepoint}" if self.timepoint else self.variable.id

    @property
    def kind(self) -> Literal["number", "code", "codes"]:
        """What is typed into it."""
        if not self.variable.categorical:
            return "number"
        return "codes" if self.variable.many else "code"

    @property
    def codes(self) -> tuple[tuple[int, Label], ...]:
        """Legal codes with their labels."""
        return tuple((v.code, Label(zh=v.zh, en=v.en)) for v in self.variable.values)


def fields(protocol: Protocol, entry: Literal["single", "double"]) -> tuple[Field, ...]:
    """The fields of all variables that are taken this way, in the protocol's order."""
    return tuple(
        Field(variable, timepoint)
        for variable in protocol.variable
        if variable.entry == entry
        for timepoint in variable.at or ("",)
    )


def form_fields(protocol: Protocol) -> tuple[Field, ...]:
    """The fields that two people enter."""
    return fields(protocol, "double")


def read(field: Field, raw: str, missing: str = "") -> Value:
    """What was typed, as a value. ``missing`` (or the same word typed) says why there is none.

    Raises Refused, which names the field and the rule and never what was typed.
    """
    typed = unicodedata.normalize("NFKC", raw).strip()
    if typed in MISSING and not missing:
        typed, missing = "", typed
    if missing:
        if typed:
            raise _refused(field, "a value and a missing code exclude each other")
        if missing not in field.variable.missing:
            raise _refused(field, f"a missing value is one of {', '.join(field.variable.missing)}")
        return Value(None, "", missing)
    if not typed:
        raise _refused(field, "enter a value, or say why there is none")
    if len(typed) > _LONGEST or "\0" in typed:
        raise _refused(field, f"at most {_LONGEST} characters")
    return _number(field, typed) if field.kind == "number" else _coded(field, typed)


def equal(one: Value, other: Value, *, tolerance: int = 0) -> bool:
    """Whether two entries of one field say the same; ``tolerance`` in steps, 0 unless the study says so."""
    if one.missing or other.missing:
        return one.missing == other.missing
    if one.comparator != other.comparator:
        return False
    if one.scaled is None or other.scaled is None:
        return one.value == other.value
    return abs(one.scaled - other.scaled) <= tolerance


def of_scaled(field: Field, scaled: int, comparator: str = "") -> Value:
    """The value of so many steps, with as many decimals as the step has."""
    text = format(scaled * field.variable.step, f".{field.variable.decimals}f")
    return Value(scaled, text, comparator=comparator)


def warnings(field: Field, value: Value) -> list[str]:
    """What is legal but unusual, for the person who types it; names the limits, not the value."""
    limits = field.variable.warn
    if limits is None or value.scaled is None:
        return []
    number = value.scaled * field.variable.step
    low, high = limits
    return [] if low <= number <= high else [f"{field.name}: usually between {low} and {high}"]


def _number(field: Field, typed: str) -> Value:
    matched = _NUMBER.fullmatch(typed)
    if matched is None:
        raise _refused(field, "a number is expected, written like 12 or 12.5")
    sign, digits, unit = matched[1] or "", matched[2], matched[3].strip()
    if unit and unit.casefold() not in _units(field.variable):
        raise _refused(field, "the unit is not this field's; enter the number in the field's unit")
    try:
        number = Decimal(digits)
        steps = number / field.variable.step
    except InvalidOperation:  # pragma: no cover - the pattern lets only plain digits through
        raise _refused(field, "a number is expected") from None
    if steps != steps.to_integral_value():
        raise _refused(field, f"recorded in steps of {field.variable.step}")
    limits = field.variable.range
    if limits is not None and not limits[0] <= number <= limits[1]:
        raise _refused(field, f"must lie between {limits[0]} and {limits[1]}")
    return of_scaled(field, int(steps), _COMPARATORS.get(sign, sign))


def _units(variable: Variable) -> set[str]:
    labels = (variable.unit.zh, variable.unit.en) if variable.unit else ()
    return {unicodedata.normalize("NFKC", label).casefold() for label in labels}


def _coded(field: Field, typed: str) -> Value:
    known: dict[str, int] = {}
    for value in field.variable.values:
        for spelling in (str(value.code), value.zh, value.en):
            known[unicodedata.normalize("NFKC", spelling).casefold()] = value.code
    parts = [typed] if field.kind == "code" else re.split(r"[;,、;]", typed)
    codes = set()
    for part in parts:
        code = known.get(part.strip().casefold())
        if code is None:
            raise _refused(field, f"legal codes are {', '.join(str(v.code) for v in field.variable.values)}")
        codes.add(code)
    ordered = sorted(codes)
    return Value(ordered[0] if field.kind == "code" else None, ";".join(str(code) for code in ordered))


def _refused(field: Field, rule: str) -> Refused:
    return Refused(f"{field.name}: {rule}", "Nothing was saved in this field.")
