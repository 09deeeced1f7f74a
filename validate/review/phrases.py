"""Same phrase, different verdict: sentences that were taken for evidence here and against there.

A sentence is one that somebody quoted, or that the screening showed for a criterion.  Two are the same when
they fold alike (width, case, Traditional and Simplified) with blanks and closing marks left out.  Only of
candidates that are settled: before that, what one person thinks is nobody's business.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from extract.study.folding import folded_text

__all__ = ["Phrase", "Said", "phrases", "same"]

_SHORTEST: Final = 4
"""Characters below which a sentence says nothing by itself."""
_CLOSING: Final = "。．.！!？?；;，,、：:"


@dataclass(frozen=True)
class Said:
    """One judgement on a criterion of a candidate in whose chart this sentence stands."""

    text: str
    criterion: str
    verdict: str
    candidate: int
    judge: str
    """Whose judgement; told apart and never shown."""


@dataclass(frozen=True)
class Phrase:
    """A sentence on which people went both ways."""

    criterion: str
    text: str
    """As it stands in one of the charts."""
    verdicts: dict[str, int]
    """Verdict -> judgements."""
    candidates: tuple[int, ...]

    @property
    def split(self) -> float:
        """The share of the less common verdicts: 0.5 where people went both ways alike."""
        return 1 - max(self.verdicts.values()) / sum(self.verdicts.values())


def same(text: str) -> str:
    """What two sentences have in common that count as one."""
    return "".join(folded_text(text).split()).strip(_CLOSING)


def phrases(said: Iterable[Said], most: int = 50) -> list[Phrase]:
    """Sentences with more than one verdict on one criterion, the most divided first, at most ``most``."""
    by_phrase: dict[tuple[str, str], dict[tuple[int, str], Said]] = defaultdict(dict)
    for one in said:
        key = same(one.text)
        if len(key) >= _SHORTEST:
            # A sentence that a chart holds twice was still judged once.
            by_phrase[one.criterion, key].setdefault((one.candidate, one.judge), one)
    found = []
    for (criterion, _), judged in by_phrase.items():
        verdicts = Counter(one.verdict for one in judged.values())
        if len(verdicts) > 1:
            text = next(iter(judged.values())).text.strip()
            candidates = tuple(sorted({one.candidate for one in judged.values()}))
            found.append(Phrase(criterion, text, dict(sorted(verdicts.items())), candidates))
    found.sort(key=lambda one: (-one.split, -sum(one.verdicts.values()), one.criterion, one.text))
    return found[:most]
