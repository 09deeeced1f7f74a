"""What a statement says to have the words of a search found by the lake itself: ``words_of``.

``words_of(s.text, 'leaf_0_0/leaf_1_0')`` is what a text holds of the words behind those binds, and NULL where
it satisfies none of the spellings.  ``lake_words`` tells what comes of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Call", "asking", "calls"]

_CALL: Final = re.compile(
    r"SELECT s\.patient_id, s\.visit_id, words_of\(s\.(?P<column>\w+), '(?P<asked>[\w,&/]+)'\) AS \w+\n"
    r"FROM \(\n(?P<select>.*?)\n\) s(?=\n)",
    re.DOTALL,
)


def asking(select: str, column: str, spellings: Sequence[Sequence[Sequence[str]]]) -> str:
    """A pack's SELECT of texts as a SELECT of the words that they hold.

    ``spellings``: any of these, each all of these letters, each any of these binds.
    """
    asked = "/".join("&".join(",".join(letter) for letter in spelling) for spelling in spellings)
    return (
        f"SELECT s.patient_id, s.visit_id, words_of(s.{column}, '{asked}') AS {column}\nFROM (\n{select}\n) s"
    )


@dataclass(frozen=True)
class Call:
    """One ``words_of`` of a statement: where it stands, and what it asks."""

    start: int
    end: int
    select: str
    column: str
    asked: str

    def written(self, function: str | None, select: str) -> str:
        """The call as DuckDB runs it, over ``select`` in the place of its own; None: that yields words already."""
        words = f"s.{self.column}" if function is None else f"{function}(s.{self.column})"
        return f"SELECT s.patient_id, s.visit_id, {words} AS {self.column}\nFROM (\n{select}\n) s"


def calls(sql: str) -> list[Call]:
    """The calls of a statement, in order."""
    return [
        Call(match.start(), match.end(), match["select"], match["column"], match["asked"])
        for match in _CALL.finditer(sql)
    ]
