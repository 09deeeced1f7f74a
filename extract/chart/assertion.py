"""Whether a mention in a note is true of this patient now: its assertion, with the cue that says so.

The idea is NegEx's: a cue (无, 否认, 父亲, 若, 消失, denies) has a scope in its own sentence, which ends at a mark
or at a stop word; a pseudo cue (无明显诱因) has none.  Two things are Chinese: a list joined by 、 stays in
scope (无头晕、胸闷和气促) while a comma ends it, unless the cue is strong (否认) and what follows is still a
bare list; and the section speaks when no cue does (a bare mention under 既往史 is historical).

Offsets are those of the original text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from extract.chart.cues import LANGUAGES, Found, find
from extract.chart.forms import ticked
from extract.chart.plain import plain
from extract.chart.sections import Section, effect_of, split

__all__ = ["Assertion", "Reading", "Status"]

Status = Literal["present", "negated", "historical", "family", "hypothetical", "resolved"]

_ORDER: Final[tuple[Status, ...]] = ("hypothetical", "negated", "family", "historical", "resolved")
"""When several cues reach a mention, the first of these that is among them is said."""

_SENTENCE_END: Final = re.compile(r"[。;!?]|\.(?=\s|$)|\n")
_ABBREVIATION: Final = re.compile(r"(?:\b(?:dr|mr|mrs|ms|vs|st|jr|pt|no|e\.g|i\.e|approx|hx)|\b[a-z])$")
_WRAPPED: Final = re.compile(r"[a-z,]\n[ \t]*[a-z]")
_ASSERTS: Final = re.compile(r"[\d有为示余年月周天日诉予行查出因加疼][\d月年周天余]?")
_FAR: Final = 400
"""No cue speaks of a mention further away than this, however long the sentence."""
_NEXT: Final = 24
"""Longer than any cue and what it looks ahead for."""
_MARK: Final = re.compile(r"[,。;.\n]|$")
_CJK: Final = re.compile(r"[\u4e00-\u9fff]")
_LATIN: Final = re.compile(r"[a-z]{2}|[a-z]/[a-z]|\(-\)")
_LIST_MARK: Final = frozenset(" ,、。;:(\n")
_HEAD_DENIED: Final = re.compile(r"\s*(?P<word>[均皆]?(?:无|否认|没有|未见|未诉))(?![明特])")


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a mention means, the cue that says so (``""`` when the section or nothing says it) and where."""

    status: Status
    cue: str = ""
    cue_start: int = -1
    cue_end: int = -1
    section: str = ""


@dataclass
class Reading:
    """One text prepared for questions about its mentions: sections, sentences, cues found on demand.

    ``kind`` is the document's kind; when it is itself a section's name (既往史 kept as a document of its
    own) it has that section's effect.
    """

    text: str
    kind: str = ""
    known_sections: frozenset[str] = frozenset()
    flat: str = field(init=False)
    sections: list[Section] = field(init=False)
    _section_starts: list[int] = field(init=False)
    _sentence_starts: list[int] = field(init=False)
    _cues: dict[int, tuple[list[Found], list[int]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.flat = plain(self.text)
        self.sections = split(self.text, self.known_sections)
        self._section_starts = [s.start for s in self.sections]
        starts = {0, *(s.start for s in self.sections), *(s.body for s in self.sections)}
        starts.update(m.end() for m in _SENTENCE_END.finditer(self.flat) if not self._continues(m))
        self._sentence_starts = sorted(starts)

    def _continues(self, mark: re.Match[str]) -> bool:
        if mark[0] == ".":
            return _ABBREVIATION.search(self.flat, max(0, mark.start() - 6), mark.start()) is not None
        if mark[0] == "?":
            # ?感染 is a doubt about what follows, not the end of what stood before.
            return mark.start() == 0 or self.flat[mark.start() - 1] in _LIST_MARK
        if mark[0] == "\n" and mark.start() > 0:
            return _WRAPPED.match(self.flat, mark.start() - 1) is not None
        return False

    def section_at(self, offset: int) -> Section:
        """The section in which the character at ``offset`` stands."""
        return self.sections[bisect_right(self._section_starts, offset) - 1]

    def sentence_at(self, offset: int) -> tuple[int, int]:
        """Start and end of the sentence around ``offset``; the end includes its closing mark."""
        index = bisect_right(self._sentence_starts, offset)
        end = self._sentence_starts[index] if index < len(self._sentence_starts) else len(self.text)
        return self._sentence_starts[index - 1], end

    def assess(self, start: int, end: int) -> Assertion:
        """The assertion of the mention ``text[start:end]``."""
        section = self.section_at(start)
        if (answer := self._by_form(start, end, section)) is not None:
            return answer
        return self._by_cues(start, end, section)

    def _by_form(self, start: int, end: int, section: Section) -> Assertion | None:
        if (answer := ticked(self.flat, start, end)) is not None:
            # A form says it itself: □有 ☑无, (无), 是否X：是.
            status, low, high = answer
            return Assertion(status, self.text[low:high], low, high, section.name or self.kind)
        if end <= section.body and (denied := _HEAD_DENIED.match(self.flat, section.body, section.end)):
            # 外伤史：无 — the head itself is the mention.
            low, high = denied.span("word")
            return Assertion("negated", self.text[low:high], low, high, section.name or self.kind)
        return None

    def _by_cues(self, start: int, end: int, section: Section) -> Assertion:
        reached = self._reached(start, end, section)
        effect = section.effect or effect_of(self.kind)
        for status in _ORDER:
            if status == "family" and effect == "hypothetical":
                break
            if status in reached:
                hit = reached[status]
                return Assertion(
                    status, self.text[hit.start : hit.end], hit.start, hit.end, section.name or self.kind
                )
            if status == "family" and effect == "family":
                return Assertion("family", section=section.name or self.kind)
        default: Status = "present" if effect in {"", "current", "family"} else effect  # type: ignore[assignment]
        return Assertion(default, section=section.name or self.kind)

    def _reached(self, start: int, end: int, section: Section) -> dict[str, Found]:
        """The nearest cue of each class that reaches the mention."""
        reached: dict[str, Found] = {}
        every, starts = self._cues_at(start)
        # Only the neighbourhood: a line without a full stop may hold ten thousand cues.
        cues = every[bisect_left(starts, start - _FAR) : bisect_left(starts, end + _FAR)]
        stops = [found for found in cues if found.cue.kind in {"stop", "self"}]
        for found in (*cues, *self._cut_by(cues, end)):
            cue = found.cue
            if cue.kind in {"pseudo", "stop", "self"} or (found.start < end and found.end > start):
                continue
            if section.effect == "current" and "aside" in cue.flags:
                continue
            if self._reaches(found, start, end, stops):
                best = reached.get(cue.kind)
                if best is None or _gap(found, start, end) < _gap(best, start, end):
                    reached[cue.kind] = found
        return reached

    def _cues_at(self, offset: int) -> tuple[list[Found], list[int]]:
        # The cues of the sentence in order, and where each begins.
        start, end = self.sentence_at(offset)
        if start not in self._cues:
            sentence = self.flat[start:end]
            found: list[Found] = []
            for language in LANGUAGES:
                if (_CJK if language == "zh" else _LATIN).search(sentence):
                    found += [Found(f.cue, f.start + start, f.end + start) for f in find(sentence, language)]
            found.sort(key=lambda one: (one.start, one.end))
            self._cues[start] = (found, [one.start for one in found])
        return self._cues[start]

    def _cut_by(self, cues: list[Found], end: int) -> Iterator[Found]:
        # 糖尿病史8年: the cue 病史 begins inside the mention 糖尿病, and what is left of it (史) is one too.
        for cut in cues:
            if cut.start < end < cut.end:
                rest = self.flat[end : min(self.sentence_at(end)[1], end + _NEXT)]
                for found in find(rest, cut.cue.language)[:1]:
                    if found.start == 0:
                        yield Found(found.cue, end, end + found.end)

    def _reaches(self, found: Found, start: int, end: int, stops: list[Found]) -> bool:
        cue = found.cue
        low, high = (found.end, start) if found.end <= start else (end, found.start)
        ahead = found.end <= start
        if not (cue.forward if ahead else cue.backward) or (cue.reach and high - low > cue.reach):
            return False
        if any(_stops(other, found) for other in stops if other.start >= low and other.end <= high):
            return False
        commas = "," in self.flat[low:high]
        if cue.language == "en" and not _CJK.search(self.flat, low, min(high + 1, len(self.flat))):
            # English lists are joined by commas; a trailing "is negative" still speaks of its own clause.
            return ahead or cue.forward or not commas or cue.kind == "family"
        if cue.text == "?":
            return not commas and "、" not in self.flat[low:high]
        return not commas or ("strong" in cue.flags and ahead and self._bare_list(low, end))

    def _bare_list(self, low: int, end: int) -> bool:
        # 否认肝炎、结核，高血压，冠心病: after the first comma only names follow, up to the next mark.
        close = _MARK.search(self.flat, end)
        tail = self.flat[low : close.start() if close else end]
        return not _ASSERTS.search(tail.partition(",")[2])


def _stops(other: Found, cue: Found) -> bool:
    if other.cue.kind == "self":
        return cue.cue.kind == "family"
    if other.cue.kind != "stop" or other.cue.language != cue.cue.language:
        return False
    if "weak" in other.cue.flags:
        ended = cue.cue.kind == "negated" and "strong" not in cue.cue.flags and other.start > cue.end
        return ended or "onset" in cue.cue.flags
    return True


def _gap(found: Found, start: int, end: int) -> int:
    return start - found.end if found.end <= start else found.start - end
