"""``words.tsv``: the connecting words of values in notes and the words that stand in for results."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from extract.chart.plain import phrase, plain

__all__ = ["pattern_of", "words"]


@cache
def words(kind: str) -> tuple[str, ...]:
    """The words of one class in plain form, the longest first."""
    lines = (files(__package__) / "words.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple(sorted((plain(row[1]) for row in rows if row[0] == kind), key=lambda w: (-len(w), w)))


@cache
def pattern_of(*kinds: str) -> str:
    """A pattern of any word of these classes, the longest first, for plain text."""
    every = sorted((word for kind in kinds for word in words(kind)), key=lambda w: (-len(w), w))
    return "(?:" + "|".join(phrase(word) for word in every) + ")"
