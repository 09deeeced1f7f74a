"""Terms over a column of texts at the speed of the regex engine, with the exact matcher for what is doubtful.

Nearly every text is decided by plain substring search.  Left to the exact matcher, one by one, are those that hold a
look-alike, and in a folded search those that hold a term in another width, case or script, or with blanks inside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from extract.study.folding import folded_text, variants
from extract.study.keywords import Matcher
from extract.study.protocol import Search

__all__ = ["Scanned", "WordScan"]

_BETWEEN: Final = r"[\s\p{Cf}]*"
_META: Final = re.compile(r"[\\\[\]^&~\-]")


@dataclass(frozen=True)
class Scanned:
    """Rows of a column by leaf index: those that are hit, and those that hold a look-alike of the leaf."""

    hits: dict[int, pl.Series]
    alike: dict[int, pl.Series]


class WordScan:
    """One search over columns of one scope after another."""

    def __init__(self, search: Search, matcher: Matcher) -> None:
        self.matcher = matcher
        spelled = [matcher.spellings(leaf.index) for leaf in matcher.leaves]
        self._words = {leaf.index: words for leaf, (words, _) in zip(matcher.leaves, spelled, strict=True)}
        self._alike = {leaf.index: alike for leaf, (_, alike) in zip(matcher.leaves, spelled, strict=True)}
        self._crossed = {
            leaf.index: any(_crossing(one, other) for one in (*words, *alike) for other in alike)
            for leaf, (words, alike) in zip(matcher.leaves, spelled, strict=True)
        }
        said = [*(leaf.term for leaf in matcher.leaves), *(w for ws in search.synonyms.values() for w in ws)]
        self._plain = {
            leaf.index: _plain(self._words[leaf.index], said)
            if matcher.folded
            else list(self._words[leaf.index])
            for leaf in matcher.leaves
        }

    def names(self, column: pl.Series, scope: str) -> Scanned:
        """A column whose values repeat, such as names of laboratory items: each name is looked at once."""
        unique = column.drop_nulls().unique()
        hit: dict[int, list[str]] = {i: [] for i in self._of(scope)}
        alike: dict[int, list[str]] = {i: [] for i in self._of(scope)}
        for name in unique.to_list():
            for leaf in {found.leaf for found in self.matcher.find(name, scope)}:
                hit[leaf].append(name)
            for leaf in {found.leaf for found in self.matcher.look_alikes(name, scope)}:
                alike[leaf].append(name)
        return Scanned(
            {leaf: column.is_in(words).fill_null(value=False).arg_true() for leaf, words in hit.items()},
            {
                leaf: column.is_in(words).fill_null(value=False).arg_true()
                for leaf, words in alike.items()
                if words
            },
        )

    def texts(self, column: pl.Series, scope: str) -> Scanned:
        """A column of free text."""
        leaves = self._of(scope)
        some = self._any(column, leaves)
        texts = column.gather(some)
        if not self.matcher.folded and not any(self._crossed[leaf] for leaf in leaves):
            return self._literally(texts, some, leaves)
        doubtful = self._doubtful(texts, leaves)
        exact: dict[int, list[int]] = {leaf: [] for leaf in leaves}
        alike: dict[int, list[int]] = {leaf: [] for leaf in leaves}
        where = doubtful.arg_true()
        for at, text in zip(where.to_list(), texts.gather(where).to_list(), strict=True):
            for leaf in {found.leaf for found in self.matcher.find(text, scope)}:
                exact[leaf].append(at)
            for leaf in {found.leaf for found in self.matcher.look_alikes(text, scope)}:
                alike[leaf].append(at)
        hits = {}
        for leaf in leaves:
            sure = (_holds(texts, self._plain[leaf]) & ~doubtful).arg_true()
            rows = pl.concat([sure, pl.Series(exact[leaf], dtype=sure.dtype)]).sort()
            hits[leaf] = some.gather(rows)
        return Scanned(hits, {leaf: some.gather(rows) for leaf, rows in alike.items() if rows})

    def _literally(self, texts: pl.Series, some: pl.Series, leaves: Sequence[int]) -> Scanned:
        """Without a Python object: where no term can reach into a look-alike, its look-alikes are cut out."""
        hits, alike = {}, {}
        for leaf in leaves:
            found = _holds(texts, self._words[leaf])
            if self._alike[leaf]:
                like = _holds(texts, self._alike[leaf])
                rows = (found & like).arg_true()
                cut = texts.gather(rows).str.replace_all(_either(self._alike[leaf]), "\x00")
                found = found.scatter(rows, _holds(cut, self._words[leaf]))
                if like.any():
                    alike[leaf] = some.gather(like.arg_true())
            hits[leaf] = some.gather(found.arg_true())
        return Scanned(hits, alike)

    def _of(self, scope: str) -> list[int]:
        return [leaf.index for leaf in self.matcher.leaves if scope in leaf.scopes]

    def _any(self, column: pl.Series, leaves: Sequence[int]) -> pl.Series:
        """Rows that may hold anything of interest."""
        if not self.matcher.folded:
            words = [word for leaf in leaves for word in (*self._plain[leaf], *self._alike[leaf])]
            return _holds(column, words).arg_true()
        patterns = [_loose(word) for leaf in leaves for word in (*self._words[leaf], *self._alike[leaf])]
        return column.str.contains("|".join(patterns) or r"\z.").fill_null(value=False).arg_true()

    def _doubtful(self, texts: pl.Series, leaves: Sequence[int]) -> pl.Series:
        alike = [word for leaf in leaves for word in self._alike[leaf]]
        if not self.matcher.folded:
            return _holds(texts, alike)
        found = (
            texts.str.contains("|".join(map(_loose, alike)))
            if alike
            else pl.repeat(False, len(texts), eager=True)
        )
        for leaf in leaves:
            loose = texts.str.contains("|".join(map(_loose, self._words[leaf])))
            found |= loose & ~_holds(texts, self._plain[leaf])
        return found.fill_null(value=False)


def _holds(texts: pl.Series, words: Sequence[str]) -> pl.Series:
    words = [word for word in dict.fromkeys(words) if word]
    if not words:
        return pl.repeat(False, len(texts), eager=True)
    if len(words) == 1:
        return texts.str.contains(words[0], literal=True).fill_null(value=False)
    return texts.str.contains(_either(words)).fill_null(value=False)


def _either(words: Sequence[str]) -> str:
    """Any of the words, the longer first: the regex engine looks for all of them in one pass."""
    longest = sorted((word for word in words if word), key=len, reverse=True)
    return "|".join(
        re.sub(r"[^\w\s]", lambda m: chr(92) + m[0] if m[0].isascii() else m[0], word) for word in longest
    )


def _crossing(word: str, alike: str) -> bool:
    """Whether ``word`` can stand partly inside ``alike`` and partly outside."""
    return any(
        word[:k] == alike[-k:] or word[-k:] == alike[:k] for k in range(1, min(len(word), len(alike) + 1))
    )


def _plain(folded: Sequence[str], said: Sequence[str]) -> list[str]:
    """Spellings that are certainly hits as they stand: the folded ones, in capitals, and as somebody wrote them."""
    words = [
        *folded,
        *(word.upper() for word in folded),
        *(word for word in said if folded_text(word) in folded),
    ]
    return [word for word in dict.fromkeys(words) if folded_text(word) in folded]


def _loose(word: str) -> str:
    """A regular expression that finds every text whose folding holds ``word``; it may find more."""
    return _BETWEEN.join(
        r"\s" if c.isspace() else f"[{''.join(_META.sub(lambda m: chr(92) + m[0], v) for v in variants(c))}]"
        for c in word
    )
