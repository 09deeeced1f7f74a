"""The paper's own words beside its numbers: which rules it says define its groups.

A rule counts as the paper's when its text gives the group's size beside it: ``ΔVAS ≥ 3 (n = 58)`` is of the group of 58.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["rules_beside", "rules_in"]

_RULE: Final = re.compile(
    r"Δ\s*(?P<name>[A-Za-z]\w*)\s*(?P<sign>>=|<=|>|<)\s*(?P<limit>-?\d+(?:\.\d+)?)\s*"
    r"(?P<unit>(?!或|or\b)[^\W\d]{1,6})?\s*(?:(?:或|or\b)\s*(?P<other>[^,;()]{1,60}?)\s*)?[,;]?\s*\(?\s*n\s*=\s*(?P<n>\d+)"
)
_FOLDED: Final = str.maketrans({"≥": ">=", "≤": "<=", "≧": ">=", "≦": "<=", "−": "-", "–": "-"})
_LONGEST: Final = 5_000_000
_ENOUGH: Final = 0.8


def rules_in(text: str, data: Mapping[str, Any]) -> list[str]:
    """``group: d_name >= limit``, with ``or ...`` where the text gives another way in, each once."""
    sizes: dict[str, int] = data["n"]
    known = {*data.get("t1", {}), *data.get("t2", {})}
    of_size = {n: group for group, n in sizes.items() if list(sizes.values()).count(n) == 1}
    found: dict[tuple[str, ...], str] = {}
    for one in _RULE.finditer(_plain(text)):
        name, group = f"d_{one['name'].lower()}", of_size.get(int(one["n"]))
        if name not in known or group is None:
            continue
        words = f"{group}: {name} {one['sign']} {one['limit']}"
        other = f" or {one['other']}" if one["other"] else ""
        found.setdefault((words, "or" if other else ""), words + other)
    return list(found.values())


def rules_beside(path: Path, data: Mapping[str, Any]) -> list[str]:
    """Rules of the text that stands beside the file of numbers: named in it as ``text``, or the one that prints them."""
    named = data.get("text")
    candidates = [path.parent / str(named)] if named else sorted(path.parent.glob("*.txt"))
    rules: list[str] = []
    for one in candidates:
        if one.stat().st_size <= _LONGEST:
            text = one.read_text(encoding="utf-8", errors="replace")
            if named or _prints(text, data):
                rules.extend(rules_in(text, data))
    return list(dict.fromkeys(rules))


def _plain(text: str) -> str:
    """One line, in half-width marks."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_FOLDED).split())


def _prints(text: str, data: Mapping[str, Any]) -> bool:
    """Whether nearly every mean and SD of the file stands in the text as ``mean ± SD``."""
    plain = _plain(text).replace(" ", "")
    pairs = list(_pairs(data))
    return bool(pairs) and sum(pair in plain for pair in pairs) >= _ENOUGH * len(pairs)


def _pairs(data: Mapping[str, Any]) -> Iterator[str]:
    for part in ("t1", "t2"):
        for values in data.get(part, {}).values():
            for pair in values:
                if isinstance(pair, list):
                    yield "±".join(n if isinstance(n, str) else f"{n:.2f}" for n in pair)
