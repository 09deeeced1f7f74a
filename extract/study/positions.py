"""Where in a TOML text a value stands, so that every complaint can name its line."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["line_of"]

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r'^\s*("?[^"=\s]+"?|[A-Za-z0-9_.-]+)\s*=')


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The 1-based line of the deepest part of ``place`` that the text shows; 1 when nothing matches.

    ``place`` is a path such as ``("variable", 3, "range", 0)``: table, index of ``[[table]]``, key.
    """
    best, depth = 1, 0
    table: list[str | int] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            name = match[2].replace('"', "")
            table = list(name.split("."))
            if match[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
                table.append(counts[name])
            path = table
        elif match := _KEY.match(line):
            path = [*table, *match[1].strip('"').split(".")]
        else:
            continue
        if len(path) > depth and list(place[: len(path)]) == path:
            best, depth = number, len(path)
    return best
