"""Pieces of a printed line: words, symbols, and numbers that know their row in the result frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from analysis.report.numbers import shown
from analysis.results import Result, Results

__all__ = [
    "QUARTILES",
    "Cell",
    "Frame",
    "Low",
    "Num",
    "Piece",
    "Quoted",
    "Row",
    "Sheet",
    "Sym",
    "Word",
    "plain",
]


@dataclass(frozen=True)
class Word:
    """Plain text."""

    text: str
    kind: str = "word"


@dataclass(frozen=True)
class Sym:
    """A quantity's symbol: italic, with what follows upright (prime, square, index)."""

    text: str
    after: str = ""
    kind: str = "symbol"


@dataclass(frozen=True)
class Num:
    """A number of the frame in its printed form."""

    row: Result
    form: str
    kind: str = "number"

    @property
    def text(self) -> str:
        """As printed."""
        return shown(self.row.value, self.form)


@dataclass(frozen=True)
class Low:
    """A subscript."""

    text: str
    kind: str = "low"


@dataclass(frozen=True)
class Quoted:
    """A number printed elsewhere, as the protocol quotes it."""

    key: str
    text: str
    kind: str = "quoted"


Piece = Word | Sym | Low | Num | Quoted


QUARTILES: Final[tuple[Piece, ...]] = (
    Sym("M"),
    Word(" (Q"),
    Low("25"),
    Word(", Q"),
    Low("75"),
    Word(")"),
)
"""``M (Q25, Q75)``, the median with its quartiles."""


@dataclass(frozen=True)
class Cell:
    """A table cell; ``label`` cells hold words of the protocol and may contain digits of their own."""

    pieces: tuple[Piece, ...] = ()
    label: bool = False
    span: int = 1
    rows: int = 1
    indent: bool = False
    muted: bool = False


@dataclass(frozen=True)
class Row:
    """A table row; ``rule`` draws a thin line above it."""

    cells: tuple[Cell, ...]
    rule: bool = False


@dataclass(frozen=True)
class Sheet:
    """A three-line table: head, body and the notes under it. ``caption`` in the reader's language, ``other`` beside."""

    name: str
    caption: str
    other: str
    head: tuple[Row, ...]
    body: tuple[Row, ...]
    notes: tuple[tuple[Piece, ...], ...] = field(default=())


class Frame:
    """The result frame as the report asks it: pieces for a key, marks where something else was printed."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.differing = {p.row: p for p in results.printed if p.row is not None and not p.agrees}

    def num(
        self,
        table: str,
        variable: str,
        group: str,
        timepoint: str,
        statistic: str,
        form: str,
        of: str = "",
        method: str | None = None,
    ) -> Piece:
        """The number, or a dash when the frame has none."""
        row = self.results.find(table, variable, group, timepoint, statistic, of, method)
        return Word("—") if row is None or row.value is None else Num(row, form)

    def marked(self, pieces: Iterable[Piece]) -> tuple[Piece, ...]:
        """The pieces, with a dagger after them when one of their numbers is printed otherwise elsewhere."""
        found = tuple(pieces)
        hit = any(isinstance(p, Num) and p.row.id in self.differing for p in found)
        return (*found, Word("†")) if hit else found

    def mean_sd(
        self, table: str, variable: str, group: str, timepoint: str, form: str = "f2"
    ) -> tuple[Piece, ...]:
        """``mean ± SD``."""
        mean = self.num(table, variable, group, timepoint, "mean", form)
        if isinstance(mean, Word):
            return (mean,)
        return self.marked((mean, Word(" ± "), self.num(table, variable, group, timepoint, "sd", form)))

    def quartiles(
        self, table: str, variable: str, group: str, timepoint: str, form: str = "f2"
    ) -> tuple[Piece, ...]:
        """``median (q1, q3)``."""
        key = (table, variable, group, timepoint)
        return (
            self.num(*key, "median", form),
            Word(" ("),
            self.num(*key, "q1", form),
            Word(", "),
            self.num(*key, "q3", form),
            Word(")"),
        )


def plain(pieces: Iterable[Piece]) -> str:
    """The pieces as bare text, for CSV and figures."""
    return "".join(p.text + (p.after if isinstance(p, Sym) else "") for p in pieces)
