"""Arithmetic over variables, as written in the protocol: ``weight_kg / (height_m * height_m)``, ``age_at(T0)``.

Only numbers, names, ``+ - * /``, brackets and ``age_at(timepoint)``; everything else is refused before
anything is computed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from extract.errors import ProtocolInvalid

__all__ = ["age", "evaluate", "names"]

_OPERATORS: Final[dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


def age(born: date, on: date) -> int:
    """Completed years of life on a day; somebody born on 29 February has a birthday on 1 March."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


@lru_cache(maxsize=256)
def _parsed(text: str) -> ast.expr:
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        raise _refused(text) from None
    _check(tree, text)
    return tree


def _check(node: ast.expr, text: str) -> None:
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _check(left, text)
            _check(right, text)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, text)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            pass
        case ast.Name():
            pass
        case ast.Call(func=ast.Name(id="age_at"), args=[ast.Name()], keywords=[]):
            pass
        case _:
            raise _refused(text)


def _refused(text: str) -> ProtocolInvalid:
    return ProtocolInvalid(
        f"derived = {text!r} is not arithmetic over variables",
        "Write numbers, variable ids, + - * /, brackets and age_at(T0).",
    )


def names(text: str) -> set[str]:
    """The variables that a formula names. Raises ProtocolInvalid when it is no formula."""
    tree = _parsed(text)
    called = {
        id(arg) for node in ast.walk(tree) if isinstance(node, ast.Call) for arg in [node.func, *node.args]
    }
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def evaluate(
    text: str, variable: Callable[[str], Decimal | None], age_at: Callable[[str], Decimal | None]
) -> Decimal | None:
    """The value of a formula; None when a part is missing or it divides by zero.

    Raises ProtocolInvalid when it is no formula.
    """
    return _value(_parsed(text), variable, age_at)


def _value(
    node: ast.expr, variable: Callable[[str], Decimal | None], age_at: Callable[[str], Decimal | None]
) -> Decimal | None:
    value: Decimal | None = None
    match node:
        case ast.Constant(value=written):
            value = Decimal(str(written))
        case ast.Name(id=name):
            value = variable(name)
        case ast.Call(args=[ast.Name(id=point)]):
            value = age_at(point)
        case ast.UnaryOp(op=op, operand=operand):
            inner = _value(operand, variable, age_at)
            value = -inner if inner is not None and isinstance(op, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, variable, age_at), _value(right, variable, age_at)
            if a is not None and b is not None and not (isinstance(op, ast.Div) and b == 0):
                value = _OPERATORS[type(op)](a, b)
    return value
