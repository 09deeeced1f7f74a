"""Words that stand where the search finds something and nowhere else, and that the search does not ask for.

Offline and without a dictionary: runs of two to five characters, counted by note, compared by Dunning's log-likelihood.
Counts only; a run that stands in few notes is left out, because it could be a name.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

__all__ = ["associated", "log_likelihood"]

_RUNS: Final = re.compile(r"[\u4e00-\u9fff]{2,}")
_LENGTHS: Final = (2, 3, 4, 5)
_FEWEST: Final = 10
"""Notes that a word must stand in, of as many patients: below that it could say who somebody is."""


def log_likelihood(with_hit: int, of_hit: int, with_other: int, of_other: int) -> float:
    """Dunning's G2 of a 2 x 2 table of notes, positive where the word goes with the hits, else negative.

    Source: T. Dunning, Computational Linguistics 19 (1993) 61-74.
    """
    total = of_hit + of_other
    if not of_hit or not of_other:
        return 0.0
    rate = (with_hit + with_other) / total
    table = (
        (with_hit, of_hit * rate),
        (of_hit - with_hit, of_hit * (1 - rate)),
        (with_other, of_other * rate),
        (of_other - with_other, of_other * (1 - rate)),
    )
    g2 = 2 * sum(seen * math.log(seen / expected) for seen, expected in table if seen)
    return g2 if with_hit * of_other >= with_other * of_hit else -g2


def associated(
    hit: Sequence[tuple[str, str]],
    other: Sequence[tuple[str, str]],
    known: Iterable[str],
    *,
    most: int = 20,
) -> list[dict[str, Any]]:
    """The words of ``hit`` notes, strongest first; ``(patient, text)`` of notes with and without a hit.

    Words of ``known``, words inside them and words that hold them are left out, and so is a part of a longer
    word that stands in nearly the same notes.
    """
    listed = [word for word in known if word]
    ours, people = _counted(hit)
    theirs, _ = _counted(other)
    # 活动受 is no word where 活动受限 stands nearly as often.
    parts = {
        part
        for word, notes in ours.items()
        for part in (word[1:], word[:-1])
        if notes >= 0.8 * ours[part] > 0
    }
    found = []
    for word, notes in ours.items():
        if word in parts or notes < _FEWEST or len(people[word]) < _FEWEST or _known(word, listed):
            continue
        g2 = log_likelihood(notes, len(hit), theirs[word], len(other))
        if g2 > 10.83:  # a chance of 0.001
            found.append((g2, word, notes))
    found.sort(key=lambda one: (-one[0], -len(one[1]), one[1]))
    kept: list[tuple[float, str, int]] = []
    for g2, word, notes in found:
        if len(kept) == most:
            break
        if not any(_same(word, notes, other_word, n) for _, other_word, n in kept):
            kept.append((g2, word, notes))
    return [
        {
            "word": word,
            "notes": notes,
            "share": notes / len(hit),
            "elsewhere": theirs[word] / len(other) if other else 0.0,
            "g2": g2,
        }
        for g2, word, notes in kept
    ]


def _counted(notes: Sequence[tuple[str, str]]) -> tuple[Counter[str], dict[str, set[str]]]:
    counts: Counter[str] = Counter()
    people: dict[str, set[str]] = {}
    for patient, text in notes:
        words = {
            run[i : i + n] for run in _RUNS.findall(text) for n in _LENGTHS for i in range(len(run) - n + 1)
        }
        counts.update(words)
        for word in words:
            whose = people.setdefault(word, set())
            if len(whose) < _FEWEST:
                whose.add(patient)
    return counts, people


def _known(word: str, known: Sequence[str]) -> bool:
    return any(word in one or one in word for one in known)


def _same(word: str, notes: int, other: str, there: int) -> bool:
    """Whether two words are one: they overlap, and stand in nearly as many notes."""
    shares = (
        word in other
        or other in word
        or any(word[-k:] == other[:k] or other[-k:] == word[:k] for k in range(2, min(len(word), len(other))))
    )
    return shares and min(notes, there) >= 0.8 * max(notes, there)
