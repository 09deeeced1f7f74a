"""What the form of double entry does beyond its fields: jumps that reset, and rules between two fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from extract.study.parts import Model, Variable
from extract.study.positions import Place

__all__ = ["Entry", "FieldRule", "Jump", "entry_faults"]

_FIELD = r"^[a-z][a-z0-9_]{0,30}(@[A-Za-z][A-Za-z0-9_]*)?$"
_ID = r"^[a-z][a-z0-9_]{0,30}$"


class Jump(Model):
    """With one of ``codes`` in ``field``, the fields ``over`` are skipped and set to "not applicable"."""

    field: str = Field(pattern=_FIELD)
    """``smoker``, or ``smoker@T0`` for a variable of a timepoint."""
    codes: tuple[int, ...] = Field(min_length=1)
    over: tuple[str, ...] = Field(min_length=1)


class FieldRule(Model):
    """Two numbers of one patient that must stand in an order; the form refuses what breaks it."""

    id: str = Field(pattern=_ID)
    left: str = Field(pattern=_FIELD)
    is_: Literal["<", "<=", "=", "!=", ">=", ">"] = Field(alias="is")
    right: str = Field(pattern=_FIELD)


class Entry(Model):
    """Double entry: how many compared fields may differ at the first comparison, and the form's own rules."""

    error_rate_at_most: float = Field(default=0.005, ge=0, le=1)
    jump: tuple[Jump, ...] = ()
    rule: tuple[FieldRule, ...] = ()


def entry_faults(entry: Entry, variables: Sequence[Variable]) -> Iterator[tuple[Place, str]]:
    """What jumps and rules name that the form of double entry does not have."""
    form = {
        f"{variable.id}@{at}" if at else variable.id: variable
        for variable in variables
        if variable.entry == "double"
        for at in variable.at or ("",)
    }
    for index, jump in enumerate(entry.jump):
        for message in _jump_faults(jump, form):
            yield ("entry", "jump", index), message
    seen = set[str]()
    for index, rule in enumerate(entry.rule):
        if rule.id in seen:
            yield ("entry", "rule", index), f"entry rule {rule.id!r} is defined twice"
        seen.add(rule.id)
        for name in (rule.left, rule.right):
            if name not in form or form[name].categorical:
                yield (
                    ("entry", "rule", index),
                    f"entry rule {rule.id}: {name!r} is no number that is entered twice",
                )


def _jump_faults(jump: Jump, form: dict[str, Variable]) -> Iterator[str]:
    source = form.get(jump.field)
    if source is None or not source.categorical or source.many:
        yield f"a jump asks for {jump.field!r}, which is no field of one code that is entered twice"
    else:
        for code in sorted(set(jump.codes) - {value.code for value in source.values}):
            yield f"a jump asks for code {code} of {jump.field!r}, which has no such value"
    for name in jump.over:
        if name == jump.field or name not in form:
            yield f"a jump from {jump.field!r} goes over {name!r}, which is no other field that is entered twice"
        elif "not_applicable" not in form[name].missing:
            yield f"a jump goes over {name!r}, whose missing codes lack not_applicable"
