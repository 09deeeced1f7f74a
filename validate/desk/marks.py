"""Marks: a record's own characters cut at the ends of what is evidence in them, and at its sections."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from extract.chart.sections import split

__all__ = ["PRESENT", "Mark", "Part", "Piece", "parts", "pieces", "sentences"]

PRESENT: Final = "present"
_SENTENCE: Final = re.compile(r"[^。！？；;!?\r\n]*(?:[。！？；;!?]+|[\r\n]+|$)\s*")


@dataclass(frozen=True)
class Mark:
    """A place in a text that is evidence for something."""

    start: int
    end: int
    kind: str
    assertion: str
    about: str


@dataclass(frozen=True)
class Piece:
    """A run of text under the same marks; the pieces of a text joined are the text."""

    text: str
    marks: tuple[Mark, ...]

    @property
    def css(self) -> str:
        """Classes: ``hit``, its kinds, and ``not`` with how it is said where nothing here is asserted."""
        if not self.marks:
            return ""
        kinds = sorted({mark.kind for mark in self.marks})
        return " ".join(["hit", *kinds, *(["not", self.how] if self.how else [])])

    @property
    def how(self) -> str:
        """``negated``, ``historical`` ... where every mark is set aside; else ""."""
        said = [mark.assertion for mark in self.marks]
        return "" if not said or PRESENT in said else said[0]

    @property
    def about(self) -> str:
        """What it is evidence for, and how it is asserted."""
        return "; ".join(dict.fromkeys(f"{mark.about} ({mark.assertion})" for mark in self.marks))


@dataclass(frozen=True)
class Part:
    """One section of a note: its head and its body, each in pieces."""

    head: str
    pieces: tuple[Piece, ...]


def pieces(text: str, marks: Iterable[Mark]) -> tuple[Piece, ...]:
    """``text`` cut at the ends of all ``marks``; marks that lie outside of it are left out."""
    inside = [m for m in marks if 0 <= m.start < m.end <= len(text)]
    cuts = sorted({0, len(text), *(m.start for m in inside), *(m.end for m in inside)})
    return tuple(
        Piece(text[a:b], tuple(m for m in inside if m.start <= a and b <= m.end))
        for a, b in itertools.pairwise(cuts)
    )


def parts(text: str, marks: Iterable[Mark]) -> tuple[Part, ...]:
    """``text`` by its sections; heads and pieces joined are the text, character for character.

    A mark that reaches over the end of a section is shown on both sides of it.
    """
    listed = list(marks)
    found = []
    for section in split(text):
        moved = [
            Mark(
                max(m.start, section.body) - section.body,
                min(m.end, section.end) - section.body,
                m.kind,
                m.assertion,
                m.about,
            )
            for m in listed
            if m.start < section.end and m.end > section.body
        ]
        found.append(
            Part(text[section.start : section.body], pieces(text[section.body : section.end], moved))
        )
    return tuple(found)


def sentences(text: str, marks: Iterable[Mark]) -> tuple[tuple[int, tuple[Piece, ...]], ...]:
    """``text`` by its sentences, (where it begins, its pieces); all of them joined are the text."""
    listed = list(marks)
    found = []
    for one in _SENTENCE.finditer(text):
        if one.start() == one.end():
            continue
        inside = [
            Mark(
                max(m.start, one.start()) - one.start(),
                min(m.end, one.end()) - one.start(),
                m.kind,
                m.assertion,
                m.about,
            )
            for m in listed
            if m.start < one.end() and m.end > one.start()
        ]
        found.append((one.start(), pieces(one[0], inside)))
    return tuple(found)
