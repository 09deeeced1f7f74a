"""The terms of a search in the texts of a lake, found in one scan by Polars' regex engine instead of by LIKE.

A statement asks ``words_of(s.text, 'leaf_0_0/leaf_1_0')`` for what a text holds of the words that stand behind
those binds, and compares the answer with LIKE as it would the text.  The answer is those words alone: a text
in which a spelling is found becomes the words that stand in it, one beside the other; any other is NULL.  A
word stands in the answer exactly if it stands in the text (or in a longer word that does), so every LIKE over
these binds is answered alike; and what is joined, grouped and compared is short.

Where a pack's text is one column of Parquet files, Polars reads the files itself (``lake_scan``): only rows
that hold a word reach DuckDB, once for all windows of a search.  Everything else, a text joined of columns or a
table of a DuckDB file, goes through a function over Arrow batches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import polars as pl
import pyarrow as pa

__all__ = ["Words"]

_MARKS: Final = ("\x1f", "\x1e", "\x1d", "\x1c", "\x1b", "\x1a", "\x19", "\x18", "\x17", "\x16", "\x15")
"""What may stand between two words: one of these that no word holds."""


@dataclass(frozen=True)
class Words:
    """What one call looks for."""

    spellings: tuple[tuple[tuple[str, ...], ...], ...]
    """Any of these, each all of these letters, each any of these words."""

    @classmethod
    def of(cls, asked: str, params: Mapping[str, object]) -> Words:
        """From the names of binds that hold LIKE patterns, ``%word%`` with ``!`` before a mark."""
        return cls(
            tuple(
                tuple(
                    tuple(_word(str(params[bind])) for bind in letter.split(","))
                    for letter in spelling.split("&")
                )
                for spelling in asked.split("/")
            )
        )

    def holds(self, text: pl.Expr) -> pl.Expr:
        """Whether a text holds a spelling; NULL for NULL."""
        whole = [spelling[0] for spelling in self.spellings if len(spelling) == 1]
        parts = [spelling for spelling in self.spellings if len(spelling) > 1]
        # All words that suffice alone are one expression: the text is read once for them.
        found = [_contains(text, [word for letter in whole for word in letter])] if whole else []
        found += [
            reduce(pl.Expr.and_, [_contains(text, letter) for letter in spelling]) for spelling in parts
        ]
        return reduce(pl.Expr.or_, found)

    def kept(self, text: pl.Expr) -> pl.Expr:
        """The words that stand in a text, one beside the other."""
        words = dict.fromkeys(word for spelling in self.spellings for letter in spelling for word in letter)
        mark = next(mark for mark in _MARKS if not any(mark in word for word in words))
        return pl.concat_str(
            [
                pl.when(_contains(text, [word])).then(pl.lit(f"{word}{mark}")).otherwise(pl.lit(""))
                for word in words
            ]
        )

    def function(self) -> Callable[[Any], pa.Array]:
        """The same over a column of Arrow, for DuckDB to call."""
        holds, kept = self.holds(pl.col("text")), self.kept(pl.col("text"))

        def words(column: Any) -> pa.Array:
            series = pl.Series("text", column, dtype=pl.String)
            frame = series.to_frame()
            found = frame.select(holds.fill_null(value=False)).to_series()
            if not found.any():
                return pa.nulls(len(series), pa.string())
            short = frame.filter(found).select(kept).to_series()
            place = pl.select(pl.when(found).then(found.cum_sum() - 1)).to_series()
            return short.gather(place).to_arrow().cast(pa.string())

        return words


def _word(pattern: str) -> str:
    """The word of ``%word%``; a bare ``_``, any one character, is written as the ``[`` that it stands for."""
    return re.sub(r"!(.)|_", lambda match: match[1] or "[", pattern[1:-1], flags=re.DOTALL)


def _contains(text: pl.Expr, words: Sequence[str]) -> pl.Expr:
    # Longer words first is of no matter: only whether one stands there is asked.
    if len(words) == 1:
        return text.str.contains(words[0], literal=True)
    return text.str.contains("|".join(_escaped(word) for word in dict.fromkeys(words)))


def _escaped(word: str) -> str:
    r"""A word as the regex engine takes it literally; ``\x{…}`` means the same whatever the character."""
    return "".join(c if c.isalnum() else f"\\x{{{ord(c):x}}}" for c in word)
