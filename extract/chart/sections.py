"""Sections of a note: where 主诉, 现病史, Past Medical History begin and end, and what standing there means.

A head is ``【主诉】`` (any short name in brackets), or a known name followed by a colon, or a known name
alone on its line.  Known names and their effect on a bare mention are data: ``sections.tsv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, Literal, cast

from extract.chart.plain import plain

__all__ = ["Effect", "Section", "effect_of", "split"]

Effect = Literal["", "current", "historical", "family", "hypothetical"]

_BRACKETED: Final = r"(?:【|^[ \t]*\[)\s*(?P<bracketed>[^【】\[\]\n]{1,16}?)\s*[】\]]\s*:?"


@dataclass(frozen=True, slots=True)
class Section:
    """One section: offsets in the original text; ``start`` at its head, ``body`` after it."""

    name: str
    effect: Effect
    start: int
    body: int
    end: int


@cache
def _known() -> dict[str, tuple[str, Effect]]:
    out: dict[str, tuple[str, Effect]] = {}
    for line in (files(__package__) / "sections.tsv").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, section, effect = [*line.split("\t"), ""][:3]
            out[plain(name)] = (section, cast(Effect, effect.strip()))
    return out


def effect_of(name: str) -> Effect:
    """What a bare mention under this head, or in a document of this kind, means; '' when nothing is known."""
    return _known().get(_tidy(name), ("", ""))[1]


def _tidy(name: str) -> str:
    text = plain(name.strip())
    return " ".join(text.split()) if text.isascii() else re.sub(r"\s+", "", text)


@lru_cache(maxsize=64)
def _heads(extra: frozenset[str]) -> re.Pattern[str]:
    names = sorted({*_known(), *(_tidy(n) for n in extra)}, key=lambda n: (-len(n), n))
    spaced = [
        r"[ \t]+".join(map(re.escape, n.split())) if n.isascii() else r"[ \t]*".join(map(re.escape, n))
        for n in names
        if n
    ]
    one = f"(?:{'|'.join(spaced)})"
    numbered = r"(?:[一二三四五六七八九十\d]{1,2}[、.)][ \t]*)?"
    return re.compile(
        rf"{_BRACKETED}"
        rf"|(?:^|(?<=[\s。;,.!?】\]]))[ \t]*{numbered}(?P<named>{one})[ \t]*:"
        rf"|^[ \t]*{numbered}(?P<alone>{one})[ \t]*$",
        re.MULTILINE,
    )


def split(text: str, extra: Iterable[str] = ()) -> list[Section]:
    """The sections of ``text`` in order; they cover it without gap or overlap.

    What stands before the first head is a section named ``""``.  ``extra`` adds names that the
    protocol knows (the sections of its extractors).
    """
    flat = plain(text)
    known = _known()
    cuts: list[tuple[int, int, str, Effect]] = [(0, 0, "", "")]
    for match in _heads(frozenset(extra)).finditer(flat):
        raw = match["bracketed"] or match["named"] or match["alone"]
        tidy = _tidy(raw)
        name, effect = known.get(tidy, (tidy, ""))
        cuts.append((match.start(), match.end(), name, effect))
    ends = [cut[0] for cut in cuts[1:]] + [len(text)]
    found = [
        Section(name, effect, start, body, end)
        for (start, body, name, effect), end in zip(cuts, ends, strict=True)
    ]
    return found if len(found) == 1 or found[0].end > 0 else found[1:]
