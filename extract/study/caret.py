"""A line of text with a caret under the character at fault, lined up also where characters are wide."""

from __future__ import annotations

import unicodedata

__all__ = ["caret_under"]


def caret_under(text: str, at: int) -> str:
    """The line of ``text`` that holds ``at``, and a caret under that character.

    Wide characters take two columns, combining ones none; tabs stand as tabs in both lines.
    """
    line_start = text.rfind("\n", 0, at) + 1
    line_end = text.find("\n", at)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    pad = "".join(_blank(mark) for mark in text[line_start:at])
    return f"    {line}\n    {pad}^"


def _blank(mark: str) -> str:
    if mark == "\t":
        return mark
    if unicodedata.combining(mark) or unicodedata.category(mark) in {"Mn", "Me", "Cf"}:
        return ""
    return "  " if unicodedata.east_asian_width(mark) in "WF" else " "
