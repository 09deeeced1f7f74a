"""The SQL side of a search: conditions that every engine runs, and that may return too much but never too little.

Only ``LIKE … ESCAPE '!'`` with binds is used.  Engines disagree about case, accents and width in LIKE,
but only towards more: a text that contains the pattern's characters as they stand is found by all of
them (SQLite, DuckDB and PostgreSQL are tested).  So the conditions ask for characters as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from extract.study.expression import Node, Not, Or, Term
from extract.study.folding import variants

__all__ = ["ALWAYS", "LeafSql", "Superset", "leaf_sql", "pattern", "superset_of", "unpattern"]

ALWAYS: Final = "1 = 1"
_MARKED: Final = re.compile(r"!(.)|_", re.DOTALL)
_LETTERS: Final = 4
"""How many of a folded word's letters are asked for: its rarest say nearly all, and each costs LIKEs."""


@dataclass(frozen=True)
class LeafSql:
    """One leaf's condition. ``spellings``: any of these, each all of these letters, each any of these binds."""

    index: int
    scopes: tuple[str, ...]
    spellings: tuple[tuple[tuple[str, ...], ...], ...]

    def condition(self, column: str) -> str:
        """A boolean over ``column``; NULL where the column is NULL, which no engine counts as a hit."""
        return self.by(lambda bind: f"{column} LIKE :{bind} ESCAPE '!'")

    def by(self, asks: Callable[[str], str]) -> str:
        """The same, with ``asks`` writing whether the column contains the text of a bind."""
        return _any(
            [
                _all([_any([asks(bind) for bind in letter]) for letter in spelling])
                for spelling in self.spellings
            ],
            always_in_brackets=True,
        )


@dataclass(frozen=True)
class Superset:
    """A search as SQL: what each leaf asks of a column, the binds, and how the leaves combine.

    ``expression`` is over ``h<index>`` being 1 or 0 for a visit; ``leaves`` are those it names.
    """

    leaves: tuple[LeafSql, ...]
    params: dict[str, str]
    expression: str
    node: Node
    index_of: dict[tuple[str, tuple[str, ...]], int]

    def without(self, leaves: Collection[int]) -> str:
        """The expression where nothing is known yet of these leaves: never fewer visits. ``ALWAYS``: all."""
        return superset_of(self.node, self.index_of, leaves)


def pattern(text: str) -> str:
    """The LIKE pattern for "contains ``text``" with ``ESCAPE '!'``.

    ``[`` opens a set on SQL Server and may not be escaped on Oracle, so it is asked for as any one
    character: more is found, nothing is lost.
    """
    for mark in "!%_":
        text = text.replace(mark, f"!{mark}")
    return f"%{text.replace('[', '_')}%"


def unpattern(like: str) -> str:
    """The text that ``pattern`` was made of."""
    return _MARKED.sub(lambda match: match[1] or "[", like[1:-1])


def leaf_sql(
    index: int, scopes: tuple[str, ...], spellings: Sequence[str], *, folded: bool
) -> tuple[LeafSql, dict[str, str]]:
    """The condition of one leaf and its binds; ``spellings`` are folded already when ``folded``."""
    params: dict[str, str] = {}
    names: dict[str, str] = {}

    def bind(text: str) -> str:
        if text not in names:
            names[text] = f"leaf_{index}_{len(names)}"
            params[names[text]] = pattern(text)
        return names[text]

    wanted = []
    for spelling in spellings:
        if folded:
            letters = sorted({c for c in spelling if not c.isspace()}, key=lambda c: (len(variants(c)), c))
            wanted.append(tuple(tuple(bind(v) for v in variants(c)) for c in letters[:_LETTERS]))
        else:
            wanted.append(((bind(spelling),),))
    return LeafSql(index, scopes, tuple(wanted)), params


def superset_of(
    node: Node, index_of: dict[tuple[str, tuple[str, ...]], int], unknown: Collection[int] = ()
) -> str:
    """The tree as SQL over ``h<index>``, with everything under a NOT, and ``unknown`` leaves, replaced by "always".

    A leaf's SQL may be 1 where the exact matcher says no, so its negation could lose a visit.
    """
    return _expression(node, index_of, unknown, wanted=True)


def _expression(
    node: Node,
    index_of: dict[tuple[str, tuple[str, ...]], int],
    unknown: Collection[int],
    *,
    wanted: bool,
) -> str:
    if isinstance(node, Term):
        index = index_of[node.text, node.scopes]
        return f"h{index} > 0" if wanted and index not in unknown else ALWAYS
    if isinstance(node, Not):
        return _expression(node.child, index_of, unknown, wanted=not wanted)
    parts = list(
        dict.fromkeys(_expression(child, index_of, unknown, wanted=wanted) for child in node.children)
    )
    if isinstance(node, Or) == wanted:
        return ALWAYS if ALWAYS in parts else _any(parts)
    return _all([part for part in parts if part != ALWAYS] or [ALWAYS])


def _any(parts: Sequence[str], *, always_in_brackets: bool = False) -> str:
    joined = " OR ".join(parts)
    return f"({joined})" if len(parts) > 1 or always_in_brackets else joined


def _all(parts: Sequence[str]) -> str:
    return f"({' AND '.join(parts)})" if len(parts) > 1 else parts[0]
