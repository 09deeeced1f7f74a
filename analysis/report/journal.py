"""The English report in the habits of English journals (AMA Manual of Style), from the same numbers of the same frame.

``mean (SD)`` for ``mean ± SD``, P without the zero before its point and with two decimals from .01 on, no column of test
statistics in Table 1, an en dash of no value left empty; the Chinese report keeps GB/T's habits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from analysis.report.cells import Cell, Num, Piece, Quoted, Row, Sheet, Word
from analysis.report.page import Part
from analysis.report.wording import say

__all__ = ["in_journal_style"]

_PLUS_MINUS: Final = " ± "
_WORDS: Final = {
    "Mean ± SD; ": "Values are mean (SD); ",
    " is added where the distribution is not normal; counts are n (%).": " is added where the distribution is not normal; "
    "counts are No. (%).",
}


def in_journal_style(part: Part) -> Part:
    """The part with its pieces rewritten; every number keeps its row of the frame."""
    one, two, three = (_sheet(s, bare=place == 0) for place, s in enumerate(part.tables))
    return replace(
        part,
        summary=[_pieces(s) for s in part.summary],
        tables=(one, two, three),
        safety=None if part.safety is None else _sheet(part.safety, bare=True),
        missing=None if part.missing is None else _sheet(part.missing),
        around=[_sheet(s) for s in part.around],
        routing=None if part.routing is None else _sheet(part.routing),
    )


def _sheet(sheet: Sheet, *, bare: bool = False) -> Sheet:
    """``bare`` takes out the column of test statistics."""
    drop = None
    if bare:
        heads = [_plain(c) for c in sheet.head[0].cells]
        drop = heads.index(say("statistic", "en")) if say("statistic", "en") in heads else None
    return replace(
        sheet,
        head=tuple(_row(r, drop) for r in sheet.head),
        body=tuple(_row(r, drop) for r in sheet.body),
        notes=tuple(_pieces(n) for n in sheet.notes),
    )


def _plain(cell: Cell) -> str:
    return "".join(p.text for p in cell.pieces)


def _row(row: Row, drop: int | None) -> Row:
    cells = tuple(replace(c, pieces=_pieces(c.pieces)) for place, c in enumerate(row.cells) if place != drop)
    return replace(row, cells=cells)


def _pieces(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    bracket = False
    for piece in pieces:
        if isinstance(piece, Word) and piece.text == _PLUS_MINUS:
            found.append(Word(" ("))
            bracket = True
        elif isinstance(piece, Num | Quoted):
            found.append(replace(piece, form="pe") if isinstance(piece, Num) and piece.form == "p" else piece)
            if bracket:
                found.append(Word(")"))
                bracket = False
        elif isinstance(piece, Word):
            words = _WORDS.get(piece.text, piece.text).replace(", n (%)", ", No. (%)")
            found.append(replace(piece, text=words))
        else:
            found.append(piece)
    return tuple(found)
