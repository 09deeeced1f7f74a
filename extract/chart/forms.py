"""Answers of printed forms: boxes that are ticked or empty, and a bare yes or no behind the question.

``腰痛：□有 ☑无`` says no, ``腰痛（有√ 无□）`` says yes, ``腰痛：□有 □无`` says nothing yet, and so does an empty box
before the word itself.
"""

from __future__ import annotations

import re
from typing import Final, Literal

__all__ = ["ticked"]

Answer = Literal["present", "negated", "hypothetical"]

_EMPTY: Final = "□○☐◯"
_FULL: Final = "☑√✓✔■☒●"
_BOX: Final = rf"(?:[{_EMPTY}{_FULL}]|\([{_FULL}]\))"
_YES: Final = frozenset("有是")
_WORD: Final = "[有无是否]"
_GAP: Final = r"[ \t,;/、]{0,4}"
_BEFORE: Final = re.compile(
    rf"[ \t]?[:(]{{0,2}}[ \t]{{0,2}}(?P<boxes>{_BOX}[ \t]?{_WORD}(?:{_GAP}{_BOX}[ \t]?{_WORD})?)(?![\u4e00-\u9fff])"
)
_AFTER: Final = re.compile(
    rf"[ \t]?[:(]{{0,2}}[ \t]{{0,2}}(?P<boxes>{_WORD}[ \t]?{_BOX}(?:{_GAP}{_WORD}[ \t]?{_BOX})?)"
)
_ONE: Final = re.compile(
    rf"(?P<box1>{_BOX})[ \t]?(?P<word1>{_WORD})|(?P<word2>{_WORD})[ \t]?(?P<box2>{_BOX})"
)
_BARE: Final = re.compile(
    r"[ \t]?(?::[ \t]?(?P<said>[有无是否])(?=[,;。、.\s)]|$)|\((?P<aside>[有无是否])\))"
)
_MARKED: Final = re.compile(rf"({_BOX})[ \t]?$")


def ticked(flat: str, start: int, end: int) -> tuple[Answer, int, int] | None:
    """What a form answers about ``flat[start:end]`` (plain text), and where; None when it is no form."""
    for pattern in (_BEFORE, _AFTER):
        if match := pattern.match(flat, end):
            low, high = match.span("boxes")
            said = {word: _is_full(box) for box, word in _pairs(match["boxes"])}
            full = [word for word, is_full in said.items() if is_full]
            if len(full) != 1:
                return "hypothetical", low, high
            return ("present" if full[0] in _YES else "negated"), low, high
    if match := _BARE.match(flat, end):
        group = "said" if match["said"] else "aside"
        return ("present" if match[group] in _YES else "negated"), *match.span(group)
    if match := _MARKED.search(flat, max(0, start - 4), start):
        return ("present" if _is_full(match[1]) else "hypothetical"), *match.span(1)
    return None


def _pairs(boxes: str) -> list[tuple[str, str]]:
    return [(m["box1"] or m["box2"], m["word1"] or m["word2"]) for m in _ONE.finditer(boxes)]


def _is_full(box: str) -> bool:
    return any(c in _FULL for c in box)
