"""Folding: width, case, Traditional/Simplified and stray blanks made equal, with every offset leading back.

Each character folds on its own, whatever stands beside it, so a folded character always comes from one
character of the original; only blanks look at their neighbours.  That is what makes offsets exact and
lets SQL ask a superset: a text whose folding contains a word contains, for each letter of the word, one
of that letter's ``variants``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

__all__ = ["Folded", "fold", "folded_text", "variants"]

_BREAKS: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_BLANKS: Final = re.compile(r"\s+")
# Beyond the third plane nothing has a decomposition or a case, save the format characters of plane 14
# (tests/extract/study/test_folding.py walks all of Unicode).
_PLANES: Final = (range(0x30000), range(0xE0000, 0xE0200))
_ROW: Final = 0x20
"""A divisor of every plane's bounds."""


@dataclass(frozen=True)
class Folded:
    """A folded text; ``offsets[i]`` is where its character i stands in the original."""

    text: str
    offsets: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's half-open range for the folded range ``[start, end)``, not empty."""
        return self.offsets[start], self.offsets[end - 1] + 1


def folded_text(text: str) -> str:
    """The folding of ``text`` without offsets, several times faster; equal to ``fold(text).text``."""
    plain = text.lower() if text.isascii() else text.translate(_table())
    return _BLANKS.sub(_blank, plain)


def fold(text: str) -> Folded:
    r"""The folding of ``text`` with the place of every character.

    Width and compatibility forms (``ＥＳＲ``, ``Ⅱ``, ``㎡``), case and Traditional characters fold to
    the plain small Simplified form; marks that are not seen (zero-width, variation selectors) vanish.
    A run of blanks stays as one blank between two words of a script that writes blanks, as one ``\n``
    where it breaks the line, and vanishes everywhere else: ``血 沉`` is ``血沉``, ``low  back`` stays
    two words, and no word reaches across a line's end.
    """
    table = _table()
    letters: list[str] = []
    offsets: list[int] = []
    blank_at = -1
    breaks = False
    for at, mark in enumerate(text):
        if mark.isspace():
            if blank_at < 0:
                blank_at = at
            breaks = breaks or mark in _BREAKS
            continue
        plain = table.get(ord(mark), mark)
        if not plain:
            continue
        if blank_at >= 0:
            kept = _kept(letters[-1] if letters else "", plain[0], breaks=breaks)
            if kept:
                letters.append(kept)
                offsets.append(blank_at)
            blank_at, breaks = -1, False
        letters.extend(plain)
        offsets.extend([at] * len(plain))
    return Folded("".join(letters), tuple(offsets))


def variants(letter: str) -> tuple[str, ...]:
    """Every character whose folding contains the folded ``letter``, the letter itself first."""
    return _inverse().get(letter, (letter,))


def _blank(run: re.Match[str]) -> str:
    text = run.string
    before = text[run.start() - 1] if run.start() else ""
    after = text[run.end()] if run.end() < len(text) else ""
    return _kept(before, after, breaks=not _BREAKS.isdisjoint(run[0]))


def _kept(before: str, after: str, *, breaks: bool) -> str:
    """What is left of a run of blanks between two folded characters ("" is the text's edge)."""
    if not before or not after:
        return ""
    if breaks:
        return "\n"
    return " " if _spaced(before) and _spaced(after) else ""


def _spaced(mark: str) -> bool:
    """Whether the character belongs to a script that puts blanks between words."""
    return unicodedata.category(mark)[0] in "LNM" and unicodedata.east_asian_width(mark) not in "WF"


@cache
def _table() -> dict[int, str]:
    """Code point -> its folding, for the characters that fold to something else."""
    simplified = _simplified()
    table: dict[int, str] = {}
    for plane in _PLANES:
        for start in range(plane.start, plane.stop, _ROW):
            for code in _folding(start, simplified):
                mark = chr(code)
                if 0xD800 <= code < 0xE000 or mark.isspace():
                    continue
                plain = _plain(mark, simplified)
                if plain != mark:
                    table[code] = plain
    return table


def _folding(start: int, simplified: dict[str, str]) -> Iterable[int]:
    """Of a row of code points those that may fold: most rows are proven at once to have none."""
    row = range(start, start + _ROW)
    text = "".join(map(chr, row))
    if text.casefold() == text and unicodedata.is_normalized("NFKC", text):
        return [code for code in row if chr(code) in simplified or _unseen(chr(code))]
    return row


def _plain(mark: str, simplified: dict[str, str]) -> str:
    if _unseen(mark):
        return ""
    text = mark
    while True:
        # Mathematical alphabets (<font>) stay: no hospital writes them, and each would cost SQL a LIKE.
        step = "".join(
            c if unicodedata.decomposition(c).startswith("<font>") else unicodedata.normalize("NFKC", c)
            for c in text
        ).casefold()
        step = "".join(simplified.get(c, c) for c in step if not _unseen(c))
        if any(c.isspace() for c in step):
            return text  # a spacing accent (´) is no blank followed by an accent
        if step == text:
            return text
        text = step


def _unseen(mark: str) -> bool:
    code = ord(mark)
    return (
        unicodedata.category(mark) == "Cf"
        or 0xFE00 <= code <= 0xFE0F
        or 0x180B <= code <= 0x180F
        or 0xE0000 <= code <= 0xE01FF
    )


@cache
def _simplified() -> dict[str, str]:
    """Traditional -> Simplified, one character at a time (OpenCC's t2s)."""
    import opencc

    han = [
        chr(code)
        for block in ((0x3400, 0xA000), (0xF900, 0xFB00), (0x20000, 0x30000))
        for code in range(*block)
        if unicodedata.category(chr(code)) == "Lo"
    ]
    # A line of its own for each: no phrase rule can reach across.
    plain = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    return {a: b for a, b in zip(han, plain, strict=True) if a != b and len(b) == 1}


@cache
def _inverse() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for code, plain in _table().items():
        for letter in set(plain):
            found.setdefault(letter, []).append(chr(code))
    return {letter: (letter, *others) for letter, others in found.items()}
