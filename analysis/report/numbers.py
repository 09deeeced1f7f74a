"""How a number of the result frame is printed: the only way from the frame to a page or a figure.

A format is a short code that stands beside the printed number, so that the page can be checked against the frame:
``f2`` two decimals, ``p`` a P value, ``pe`` the same in English journals, ``i`` a count, ``c1`` a percentage with one decimal, ``c100`` a share as one,
``a2`` the magnitude with two decimals, ``k`` a count with commas.  Halves are rounded away from zero, as SPSS does.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

__all__ = ["MINUS", "shown"]

MINUS: Final = "\N{MINUS SIGN}"
_LEAST_P: Final = 0.001
_DASH: Final = "—"


def _fixed(value: float, decimals: int) -> str:
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    text = f"{abs(rounded):f}"
    return f"{MINUS}{text}" if rounded < 0 else text


def _bare_p(value: float) -> str:
    """P as English journals print it: no zero before the point, two decimals from .01 on, never rounded across .05."""
    if value < _LEAST_P:
        return f"<{_LEAST_P}".replace("0.", ".")
    if value > 0.99:
        return ">.99"
    text = _fixed(value, 3 if value < 0.01 or _fixed(value, 2) == "0.05" else 2)
    return text.removeprefix("0")


_NAMED: Final[dict[str, Callable[[float], str]]] = {
    "p": lambda value: f"<{_LEAST_P}" if value < _LEAST_P else _fixed(value, 3),
    "pe": _bare_p,
    "i": lambda value: _fixed(value, 0),
    "k": lambda value: f"{Decimal(repr(value)).quantize(Decimal(1), ROUND_HALF_UP):,}",
}


def shown(value: float | None, form: str) -> str:
    """The number as printed; a dash when it is undefined. Raises ValueError on an unknown format."""
    if value is None:
        return _DASH
    if form in _NAMED:
        return _NAMED[form](value)
    kind, decimals = form[:1], form[1:]
    if form == "c100":
        return _fixed(value * 100, 1)
    if kind in "fca" and decimals.isdigit():
        return _fixed(abs(value) if kind == "a" else value, int(decimals))
    raise ValueError(f"{form!r} is not a format")
