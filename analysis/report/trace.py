"""Whether every number on a page is the one in the result frame, printed as its format says; nothing else counts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from analysis.report.figure_text import untraced_drawing
from analysis.report.numbers import MINUS, shown
from analysis.results import Results

__all__ = ["spoken", "untraced"]

_DIGIT: Final = re.compile(r"\d")
_DRAWING: Final = re.compile(r"<svg.*?</svg>", re.DOTALL)
_FREE: Final = frozenset({"q", "name", "label"})


class _Reader(HTMLParser):
    """Collects numbers with their row, quotations with their key, and digits that stand free in table cells."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[tuple[str, str, str]] = []
        self.quotes: list[tuple[str, str]] = []
        self.loose: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "input", "br"}:
            self._open.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if "data-row" in attributes:
            self.numbers.append((attributes["data-row"], attributes.get("data-form", ""), data))
        elif "data-key" in attributes:
            self.quotes.append((attributes["data-key"], data))
        elif self._in_cell() and tag != "sup" and _DIGIT.search(data):
            self.loose.append(data.strip())

    def _in_cell(self) -> bool:
        """Inside a body cell that should hold only numbers of the frame."""
        classes = [set(a.get("class", "").split()) for _, a in self._open]
        if any(c & _FREE or "index" in c for c in classes):
            return False
        return any(tag == "td" for tag, _ in self._open)


def spoken(html: str) -> list[tuple[int, str, str]]:
    """Every number of the page that names its row of the frame, in order: row, format, and the text that is read."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [(int(row), form, text) for row, form, text in reader.numbers if row.isdigit()]


def untraced(html: str, results: Results) -> list[str]:
    """Every number of the page, its drawings too, that does not stand as such in the frame; empty when all is well."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    problems = [f"a number outside the result frame: {text}" for text in reader.loose]
    for row, form, text in reader.numbers:
        known = row.isdigit() and int(row) < len(results.rows)
        try:
            right = shown(results.rows[int(row)].value, form) if known else None
        except ValueError:
            right = None
        if right != text:
            problems.append(f"row {row}: the page shows {text}, the frame gives {right}")
    quoted = {p.key: p.text.replace("-", MINUS) for p in results.printed}
    problems.extend(
        f"{key}: quotes {text}, the protocol {quoted.get(key)}"
        for key, text in reader.quotes
        if quoted.get(key) != text
    )
    for drawing in _DRAWING.findall(html):
        problems.extend(untraced_drawing(drawing, results))
    return problems
