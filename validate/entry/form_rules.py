"""Rules of the form as a whole, for one person's pass: jumps that reset, and orders between two fields.

Only the pass's own entries count, so nothing that the other person typed can be learned from a refusal.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from extract.errors import Refused
from extract.study.protocol import Protocol
from validate.entry.forms import Value

__all__ = ["NOT_APPLICABLE", "broken", "check", "reopened", "resets", "skipped"]

Key = tuple[str, str]
Pass = Mapping[Key, Value]
"""Variable and timepoint -> what this person has entered."""

NOT_APPLICABLE: Final = Value(None, "", "not_applicable")
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


def skipped(protocol: Protocol, entered: Pass) -> dict[Key, str]:
    """The fields that the jumps go over -> the field that each was skipped from."""
    over: dict[Key, str] = {}
    for jump in protocol.entry.jump:
        source = entered.get(_key(jump.field))
        if source is not None and source.scaled in jump.codes:
            over |= {_key(name): jump.field for name in jump.over}
    return over


def resets(protocol: Protocol, entered: Pass) -> list[Key]:
    """Skipped fields that do not say "not applicable" yet, in the order of the jumps."""
    return [key for key in skipped(protocol, entered) if entered.get(key) != NOT_APPLICABLE]


def reopened(protocol: Protocol, before: Pass, entered: Pass) -> list[Key]:
    """Fields that were skipped ``before``, are not any more, and still say "not applicable"."""
    now = skipped(protocol, entered)
    return [key for key in skipped(protocol, before) if key not in now and entered.get(key) == NOT_APPLICABLE]


def broken(protocol: Protocol, entered: Pass) -> list[str]:
    """The rules between two fields that do not hold, by id; silent while one has no exact number."""
    found = []
    for rule in protocol.entry.rule:
        left, right = (_number(protocol, name, entered) for name in (rule.left, rule.right))
        if left is not None and right is not None and not _ORDERS[rule.is_](left, right):
            found.append(rule.id)
    return found


def check(protocol: Protocol, before: Pass, typed: Pass, closed: Collection[Key] = ()) -> list[Key]:
    """What must be set to "not applicable" when ``typed`` is added to ``before``; ``closed`` fields stay.

    Raises Refused for what the form as a whole forbids; it names fields and rules and never a value.
    """
    entered = {**before, **typed}
    over = skipped(protocol, entered)
    for key, value in typed.items():
        if key in over and value != NOT_APPLICABLE:
            raise Refused(f"{_name(key)}: skipped by what stands in {over[key]}", "Leave it empty.")
    asked = [key for key in reopened(protocol, before, entered) if key not in typed and key not in closed]
    if asked:
        raise Refused(
            f"{', '.join(map(_name, asked))}: not skipped any more",
            "Enter it in the same form, or say why there is none.",
        )
    now = broken(protocol, entered)
    for rule in protocol.entry.rule:
        if rule.id in now and typed.keys() & {_key(rule.left), _key(rule.right)}:
            raise Refused(
                f"{rule.id}: {rule.left} must be {rule.is_} {rule.right}",
                "Correct one of the two; nothing was saved.",
            )
    return [key for key in resets(protocol, entered) if key not in closed]


def _number(protocol: Protocol, name: str, entered: Pass) -> Decimal | None:
    value = entered.get(_key(name))
    if value is None or value.scaled is None or value.comparator:
        return None
    return value.scaled * protocol.variable_named(name.partition("@")[0]).step


def _key(name: str) -> Key:
    variable, _, timepoint = name.partition("@")
    return variable, timepoint


def _name(key: Key) -> str:
    return "@".join(filter(None, key))
