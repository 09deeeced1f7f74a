"""The search of a study, ready to run: where its terms stand in a text, and whether a visit is in or out.

One tree, two compilations: ``Matcher.find`` and ``decide`` are exact, ``Matcher.superset`` is the SQL
that fetches every visit they could want.  A term hits with its own spelling (``match = "literal"``:
as it stands, case and all) or with its folding and synonyms (``"folded"``).  An occurrence that lies
inside a declared look-alike is no hit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from extract.errors import ExpressionInvalid
from extract.study.expression import And, Node, Not, Or, Term, parse_expression, parse_search, terms, written
from extract.study.folding import fold, folded_text
from extract.study.protocol import Search
from extract.study.superset import Superset, leaf_sql, superset_of

__all__ = [
    "And",
    "Hit",
    "Leaf",
    "Matcher",
    "Node",
    "Not",
    "Or",
    "Superset",
    "Term",
    "parse_expression",
    "written",
]


@dataclass(frozen=True)
class Leaf:
    """A term of the expression; one that is written twice with the same fields is one leaf."""

    index: int
    term: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """Where a leaf stands in a text: a half-open range of the original's characters."""

    leaf: int
    term: str
    """The expression's term, also where a synonym was found."""
    start: int
    end: int


@dataclass(frozen=True)
class _Spellings:
    """What is looked for, in the form it is looked for: folded in a folded search."""

    leaf: Leaf
    sought: tuple[str, ...]
    look_alikes: tuple[str, ...]


@dataclass(frozen=True)
class Matcher:
    """The exact matcher of one search."""

    expression: Node
    leaves: tuple[Leaf, ...]
    folded: bool
    _spellings: tuple[_Spellings, ...]
    _index: dict[tuple[str, tuple[str, ...]], int]

    @classmethod
    def of(cls, search: Search) -> Self:
        """The matcher of ``search``. Raises ExpressionInvalid, also where every visit would be fetched."""
        node = parse_search(search.expression)
        folded = search.match == "folded"
        leaves: list[Leaf] = []
        index: dict[tuple[str, tuple[str, ...]], int] = {}
        known: dict[tuple[str, tuple[str, ...]], int] = {}
        for term in terms(node):
            key = (folded_text(term.text) if folded else term.text, term.scopes)
            if not key[0]:
                raise ExpressionInvalid(
                    f"the term at character {term.start + 1} has no visible letter",
                    "Type the text to look for.",
                )
            if key not in known:
                known[key] = len(leaves)
                leaves.append(Leaf(len(leaves), term.text, term.scopes))
            index[term.text, term.scopes] = known[key]
        spellings = tuple(_spellings(leaf, search, folded=folded) for leaf in leaves)
        return cls(node, tuple(leaves), folded, spellings, index)

    def find(self, text: str, scope: str) -> list[Hit]:
        """Every place in ``text`` where a leaf of this scope stands, by leaf, then by place.

        Occurrences inside a look-alike are left out, and so is an occurrence inside a longer one of the
        same leaf (one mention is one hit).  Offsets are into ``text`` as given.
        """
        return self._search(text, scope, look_alikes=False)

    def look_alikes(self, text: str, scope: str) -> list[Hit]:
        """Every place where a declared look-alike of a leaf of this scope stands; never a hit by itself."""
        return self._search(text, scope, look_alikes=True)

    def spellings(self, leaf: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is looked for of a leaf, and its look-alikes; folded in a folded search."""
        return self._spellings[leaf].sought, self._spellings[leaf].look_alikes

    def decide(self, found: Collection[int]) -> bool:
        """Whether a visit is in, given the indexes of the leaves that hit any of its records."""
        return self._holds(self.expression, frozenset(found))

    def superset(self) -> Superset:
        """The SQL side: fetches every visit that ``decide`` could let in, and maybe more."""
        expression = superset_of(self.expression, self._index)
        leaves, params = [], {}
        for one in self._spellings:
            if f"h{one.leaf.index} > 0" in expression:
                sql, binds = leaf_sql(one.leaf.index, one.leaf.scopes, one.sought, folded=self.folded)
                leaves.append(sql)
                params.update(binds)
        return Superset(tuple(leaves), params, expression, self.expression, self._index)

    def _holds(self, node: Node, found: frozenset[int]) -> bool:
        if isinstance(node, Term):
            return self._index[node.text, node.scopes] in found
        if isinstance(node, Not):
            return not self._holds(node.child, found)
        if isinstance(node, And):
            return all(self._holds(child, found) for child in node.children)
        return any(self._holds(child, found) for child in node.children)

    def _search(self, text: str, scope: str, *, look_alikes: bool) -> list[Hit]:
        wanted = [one for one in self._spellings if scope in one.leaf.scopes]
        if not wanted or not text:
            return []
        plain = folded_text(text) if self.folded else text
        ranges: list[tuple[Leaf, int, int]] = []
        for one in wanted:
            if look_alikes:
                places = _maximal(_places(plain, one.look_alikes))
            else:
                places = _maximal(_uncovered(_places(plain, one.sought), _places(plain, one.look_alikes)))
            ranges.extend((one.leaf, start, end) for start, end in places)
        if not self.folded:
            return [Hit(leaf.index, leaf.term, start, end) for leaf, start, end in ranges]
        if not ranges:
            return []
        original = fold(text)
        return [Hit(leaf.index, leaf.term, *original.span(start, end)) for leaf, start, end in ranges]


def _spellings(leaf: Leaf, search: Search, *, folded: bool) -> _Spellings:
    if not folded:
        return _Spellings(leaf, (leaf.term,), tuple(_declared(search.look_alike, leaf.term)))
    return _Spellings(
        leaf,
        _folded([leaf.term, *_declared(search.synonyms, leaf.term)]),
        _folded(_declared(search.look_alike, leaf.term)),
    )


def _declared(lists: dict[str, list[str]], term: str) -> list[str]:
    """What is declared for a term, under whichever spelling that folds to the same."""
    return [word for key, words in lists.items() if folded_text(key) == folded_text(term) for word in words]


def _folded(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain for word in words if (plain := folded_text(word))))


def _places(text: str, words: Iterable[str]) -> list[tuple[int, int]]:
    found = []
    for word in words:
        at = text.find(word) if word else -1
        while at >= 0:
            found.append((at, at + len(word)))
            at = text.find(word, at + 1)
    return found


def _uncovered(places: list[tuple[int, int]], covers: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(s, e) for s, e in places if not any(cs <= s and e <= ce for cs, ce in covers)]


def _maximal(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges that lie in no other, in order."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(set(places), key=lambda place: (place[0], -place[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
