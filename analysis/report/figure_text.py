"""Text in a figure: every number knows its row of the frame, and the drawn glyphs are read back against it.

An SVG holds text as outlines, one glyph of a font after another.  Each text's group is named after the rows and formats
of its numbers, and after a checksum of the digits that are words (a criterion's "18~80").  ``untraced_drawing`` reads
the glyphs back into characters, so one exchanged digit is found although no text stands in the file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import count
from typing import Any, Final
from xml.etree import ElementTree as ET

from analysis.report.cells import Num, Piece, Sym, Word
from analysis.report.numbers import shown
from analysis.report.typeface import FONT
from analysis.results import Results

__all__ = ["Marks", "untraced_drawing"]

_TOKEN: Final = re.compile(r"[−<]?\d[\d,]*(?:\.\d+)?")
_NAMED: Final = re.compile(r"num\d+((?:-\d+_\w+_\d+)*)-x([0-9a-f]{8})$")
_GLYPH: Final = re.compile(r"#\S*?(NotoSansCJKsc-Regular|STIX\w*-\w+|DejaVu\w*-?\w*|cm\w+)-([0-9a-f]+)$")
_GREEK: Final = {"ρ": r"\rho", "τ": r"\tau", "κ": r"\kappa", "Δ": r"\Delta"}
_SVG: Final = "{http://www.w3.org/2000/svg}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"


class Marks:
    """Names the texts of one figure."""

    def __init__(self) -> None:
        self._next = count(1)
        self._kept: dict[str, str] = {}

    def text(self, pieces: Iterable[Piece | str]) -> str:
        """The pieces as matplotlib writes them; their name is kept until ``name`` meets the text."""
        drawn, plain, numbers = "", "", []
        for piece in pieces:
            if isinstance(piece, Sym):
                drawn += f"${_GREEK.get(piece.text, piece.text)}${piece.after}"
                plain += "·" + piece.after
            elif isinstance(piece, Num):
                numbers.append((piece, len(plain)))
                drawn, plain = drawn + piece.text, plain + piece.text
            else:
                words = piece.text if isinstance(piece, Word) else str(getattr(piece, "text", piece))
                drawn, plain = drawn + words, plain + words
        self._kept[drawn] = _name_of(plain, numbers)
        return drawn

    def name(self, artists: Iterable[Any]) -> None:
        """Give each text artist the name of what it shows; a text that was not asked for keeps its digits as words."""
        for artist in artists:
            drawn = artist.get_text()
            named = self._kept.get(drawn) or _name_of(re.sub(r"\$[^$]*\$", "·", drawn), [])
            artist.set_gid(f"num{next(self._next)}{named}")

    def everything(self, figure: Any) -> None:
        """Name all texts of a figure that are not on an axis' scale."""
        from matplotlib.text import Text

        scales = {
            t for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for t in axis.get_ticklabels()
        }
        self.name(
            t for t in figure.findobj(Text) if t not in scales and t.get_text() and not (t.get_gid() or "")
        )


def _name_of(plain: str, numbers: Sequence[tuple[Num, int]]) -> str:
    starts = {start: number for number, start in numbers}
    parts, words = [], []
    for place, token in enumerate(_TOKEN.finditer(plain)):
        number = starts.get(token.start())
        if number is not None and token[0] == number.text:
            parts.append(f"-{number.row.id}_{number.form}_{place}")
        else:
            words.append(token[0])
    return f"{''.join(parts)}-x{_sum(words)}"


def _sum(words: Sequence[str]) -> str:
    return f"{zlib.crc32('|'.join(words).encode()):08x}"


@cache
def _characters() -> dict[int, str]:
    """Glyph -> the character it draws, in our font; digits and marks win over compatibility forms."""
    from matplotlib.ft2font import FT2Font

    found: dict[int, str] = {}
    for code, glyph in sorted(FT2Font(str(FONT)).get_charmap().items()):
        found.setdefault(int(glyph), chr(code))
    return found


def _drawn(group: ET.Element) -> str:
    """The text of a group of glyphs; a symbol of another font is a dot, lines are a space apart."""
    lines = []
    for part in group:
        line = ""
        for use in part.iter(f"{_SVG}use"):
            found = _GLYPH.search(use.get(_HREF) or use.get("href") or "")
            if found:
                ours = found[1].startswith("Noto")
                line += _characters().get(int(found[2], 16), "?") if ours else "·"
        lines.append(line)
    return " ".join(line for line in lines if line)


def _texts(node: ET.Element, *, scale: bool = False) -> Iterator[tuple[str, str]]:
    """(id, text) of every group that draws text, but for the numbers of an axis' scale."""
    for child in node:
        own = child.get("id") or ""
        ticks = scale or bool(re.search(r"[xy]tick_\d+$", own))
        direct = child.tag == f"{_SVG}g" and any(
            _GLYPH.search(use.get(_HREF) or use.get("href") or "")
            for part in child
            for use in (part, *part)
            if use.tag == f"{_SVG}use"
        )
        if own and direct and not ticks:
            yield own, _drawn(child)
        else:
            yield from _texts(child, scale=ticks)


def untraced_drawing(svg: str, results: Results) -> list[str]:
    """Every number of the drawing that is not the frame's, printed as its format says; empty when all is well."""
    problems = []
    for own, text in _texts(ET.fromstring(svg)):  # noqa: S314 - our own file, or one to be doubted as a whole
        tokens = _TOKEN.findall(text)
        found = _NAMED.search(own)
        if found is None:
            if tokens:
                problems.append(f"a number outside the result frame: {text}")
            continue
        used = set()
        for row, form, place in re.findall(r"-(\d+)_(\w+)_(\d+)", found[1]):
            used.add(int(place))
            right = shown(results.rows[int(row)].value, form) if int(row) < len(results.rows) else None
            drawn = tokens[int(place)] if int(place) < len(tokens) else ""
            if right != drawn:
                problems.append(f"row {row}: the figure shows {drawn}, the frame gives {right}")
        if _sum([t for i, t in enumerate(tokens) if i not in used]) != found[2]:
            problems.append(f"digits outside the result frame were changed: {text}")
    return problems
