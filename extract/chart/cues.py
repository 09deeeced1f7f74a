"""The cue lexicons of assertion: ``cues_zh.tsv`` and ``cues_en.tsv``, one compiled matcher for each.

Matching is leftmost-longest without overlap, so a pseudo cue (无明显诱因) swallows the cue inside it (无明显).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, Literal, cast

from extract.chart.plain import plain

__all__ = ["LANGUAGES", "Cue", "Found", "find"]

Kind = Literal["negated", "historical", "family", "hypothetical", "resolved", "pseudo", "stop", "self"]
Direction = Literal["forward", "backward", "both", ""]
Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

_KINDS: Final = {"negated", "historical", "family", "hypothetical", "resolved", "pseudo", "stop", "self"}


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of a lexicon.

    ``reach`` is a number of characters, 0 for the whole scope.  ``flags``: ``strong`` passes commas in a
    bare list; ``weak`` (a stop) ends only a negation that is not strong, and an ``onset`` cue
    (``3年前出现``); ``aside`` is no cue under a section about the present illness (``病史3年`` there is
    the course).
    """

    text: str
    kind: Kind
    direction: Direction
    reach: int
    flags: frozenset[str]
    language: Language

    @property
    def forward(self) -> bool:
        """Whether it speaks of what stands behind it."""
        return self.direction in {"forward", "both"}

    @property
    def backward(self) -> bool:
        """Whether it speaks of what stands before it."""
        return self.direction in {"backward", "both"}


@dataclass(frozen=True, slots=True)
class Found:
    """A cue at offsets of the text that was searched."""

    cue: Cue
    start: int
    end: int


@cache
def _lexicon(language: Language) -> dict[str, Cue]:
    cues: dict[str, Cue] = {}
    path = files(__package__) / f"cues_{language}.tsv"
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        text, kind, direction, reach = [*line.split("\t"), "", "", ""][:4]
        if kind not in _KINDS:
            raise ValueError(f"cues_{language}.tsv: unknown class {kind!r}")
        key = plain(text)
        cues[key] = Cue(
            text=_bare(key),
            kind=cast(Kind, kind),
            direction=cast(Direction, direction),
            reach=next((int(word) for word in reach.split() if word.isdigit()), 0),
            flags=frozenset(word for word in reach.split() if not word.isdigit()),
            language=language,
        )
    return cues


def _bare(key: str) -> str:
    return key.partition("!")[0].removesuffix("$").removesuffix("#")


def _pattern(key: str) -> str:
    body = _bare(key)
    if body.isascii():
        # Not \b: a Chinese character is a letter to it, and ``denies腰痛`` is written.
        words = r"\s+".join(map(re.escape, body.split()))
        head = "(?<![a-z0-9_])" if body[0].isalnum() else ""
        tail = "(?![a-z0-9_])" if body[-1].isalnum() else ""
        words = head + words + tail
    else:
        words = re.escape(body)
    if key.endswith("$"):
        return words + r"(?=[,，。;、.!?)\s]|$)"
    if key.endswith("#"):
        return words + r"(?=[\d一二三四五六七八九十两半数多])"
    unless = key.partition("!")[2]
    return words + (f"(?![{re.escape(unless)}])" if unless else "")


@cache
def _compiled(language: Language) -> tuple[re.Pattern[str], dict[str, list[tuple[re.Pattern[str], Cue]]]]:
    """A pattern of first characters (most positions of a text begin no cue), and what to try at each."""
    cues = _lexicon(language)
    by_first: dict[str, list[tuple[re.Pattern[str], Cue]]] = {}
    for key in sorted(cues, key=lambda key: (-len(_bare(key)), -len(key), key)):
        by_first.setdefault(key[0], []).append((re.compile(_pattern(key)), cues[key]))
    firsts = "".join(re.escape(c) for c in sorted(by_first))
    word = r"(?<![a-z0-9_])" if language == "en" else ""
    return re.compile(f"{word}[{firsts}]"), by_first


@lru_cache(maxsize=16384)
def find(text: str, language: Language) -> tuple[Found, ...]:
    """The cues of one language in plain ``text``, from left to right, the longest at each place."""
    gate, by_first = _compiled(language)
    found: list[Found] = []
    free = 0
    for start in gate.finditer(text):
        if start.start() < free:
            continue
        for pattern, cue in by_first[start[0]]:
            if match := pattern.match(text, start.start()):
                found.append(Found(cue, match.start(), match.end()))
                free = match.end()
                break
    return tuple(found)
