"""Values in notes with their offsets: the generic kinds of ``protocol.Extractor``.

``number``    ``得分6分``, ``7/10``, ``由7分降至3分`` (two values, roles first and last), ``6-7分`` (low and high)
``duration``  a length of time after a label, in months; ``1年加重1周`` is 12 months
``choice``    any of the variable's values whose terms are asserted present

All labels, units, terms and sections come from the protocol; connecting words are ``words.tsv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from extract.chart.assertion import Assertion, Reading
from extract.chart.durations import Duration, durations
from extract.chart.plain import NUMBER, number, phrase, plain
from extract.chart.vocabulary import pattern_of
from extract.study.protocol import Extractor, Value

__all__ = ["Extracted", "Role", "extract"]

Role = Literal["", "first", "last"]

_FILLER: Final = 14
"""Characters that may stand between a label and its length of time."""
_BEFORE: Final = 60
"""Characters before a label in which the onset (``3年前…``) is looked for, in the same sentence."""
_ONSET: Final = re.compile(r"\s?(?:以?前|以?来|之前|许)")
_SENTENCE_BREAK: Final = "。;!?\n"


@dataclass(frozen=True, slots=True)
class Extracted:
    """One value read in a text: ``text[start:end] == raw``.

    ``low`` and ``high`` are equal unless the note gives a range; ``code`` is set for choices only.
    ``role`` tells the value before a change from the one after it.
    """

    low: Decimal
    high: Decimal
    code: int | None
    raw: str
    start: int
    end: int
    role: Role
    term: str
    assertion: Assertion

    @property
    def value(self) -> Decimal:
        """The value; of a range its middle."""
        return self.low if self.low == self.high else (self.low + self.high) / 2


def extract(reading: Reading, extractor: Extractor, values: Sequence[Value] = ()) -> list[Extracted]:
    """What ``extractor`` finds in the text, in its order; nothing outside its sections and range.

    A text without any head is read whole, and so is a document whose kind ends in one of the sections
    (首次病程记录 is a 病程记录).
    """
    found: list[Extracted] = []
    for start, end in _spans(reading, extractor):
        if extractor.kind == "number":
            found += _numbers(reading, extractor, start, end)
        elif extractor.kind == "duration":
            found += _durations(reading, extractor, start, end)
        else:
            found += _choices(reading, values, start, end)
    return [e for e in found if e.code is not None or _within(e, extractor)]


def _within(found: Extracted, extractor: Extractor) -> bool:
    return extractor.range is None or (extractor.range[0] <= found.low and found.high <= extractor.range[1])


def _spans(reading: Reading, extractor: Extractor) -> Iterator[tuple[int, int]]:
    sections = extractor.sections
    named = [s for s in reading.sections if s.name]
    kind = plain(reading.kind)
    if not sections or not named or any(kind.endswith(plain(name)) for name in sections):
        yield 0, len(reading.text)
        return
    wanted = {plain(name) for name in sections}
    labels = {plain(name) for name in extractor.labels}
    for section in named:
        if (name := plain(section.name)) in wanted:
            # A head that is itself a label (病程：3年) is read with what it labels.
            yield section.start if name in labels else section.body, section.end


@lru_cache(maxsize=256)
def _number_pattern(extractor: Extractor) -> re.Pattern[str]:
    labels = "|".join(phrase(w) for w in sorted(extractor.labels, key=lambda w: (-len(w), w)))
    units = _units(extractor).pattern
    over = ""
    if extractor.range is not None:
        over = rf"(?:\s?/\s?{extractor.range[1].normalize():f}(?![\d.]))?"
    unit = rf"\s?(?:{units})?"
    aside = rf"(?:{labels}|(?:{NUMBER}\s?[-~至到]\s?{NUMBER})?\s?(?:{units})?)"
    scale = rf"(?:\s?[(\[]\s?{aside}\s?[)\]])*"
    # Counted, not starred: overlapping words (约, 为, 约为) would make a starred group exponential.
    link = rf"(?:[\s:=\"'“”(]|{pattern_of('link')}){{0,8}}"
    filler = rf"(?:[\s:=\"'“”()]|{pattern_of('link', 'first', 'last', 'shift')}){{0,8}}"
    one = rf"{NUMBER}{over}{unit}{over}"
    value = rf"(?:{NUMBER}\s?(?:{units})?\s?[-~至到]\s?)?{one}"
    shift = (
        rf"(?:{pattern_of('from')}(?:\s|{pattern_of('first')})*(?P<from1>{one})[\s,]*(?:{pattern_of('last')}|明显|逐渐|\s)*"
        rf"(?:{pattern_of('shift')}|{pattern_of('until')})(?:\s|{pattern_of('last')}|约)*(?P<to1>{one})"
        rf"|(?P<from2>{one})\s?(?:{pattern_of('last')}|明显|逐渐)?\s?{pattern_of('shift')}\s?(?:{pattern_of('last')}|约)?\s?(?P<to2>{one})"
        rf"|(?:{pattern_of('first')}[\s:为]*)(?P<from3>{one})[\s,、和]*(?:{pattern_of('last')}[\s:为]*)(?P<to3>{one}))"
    )
    return re.compile(
        rf"(?P<label>{labels}){scale}(?:{link}{shift}|{filler}(?P<one>{value}))"
        rf"|(?P<before>{one})\s?\((?:{labels})\)"
    )


def _numbers(reading: Reading, extractor: Extractor, start: int, end: int) -> Iterator[Extracted]:
    if not extractor.labels:
        return
    for match in _number_pattern(extractor).finditer(reading.flat, start, end):
        for n in "123":
            if match[f"from{n}"] is not None:
                yield from _number(reading, extractor, match, f"from{n}", "first")
                yield from _number(reading, extractor, match, f"to{n}", "last")
        for group in ("one", "before"):
            if match[group] is not None:
                yield from _number(reading, extractor, match, group, _role(reading, match, group))


@lru_cache(maxsize=256)
def _units(extractor: Extractor) -> re.Pattern[str]:
    words = sorted(extractor.units, key=lambda w: (-len(w), w))
    return re.compile("|".join(phrase(w, after_digit=True) for w in words) or "(?!)")


def _number(
    reading: Reading, extractor: Extractor, match: re.Match[str], group: str, role: Role
) -> Iterator[Extracted]:
    start, end = match.span(group)
    raw = reading.flat[start:end].rstrip()
    end = start + len(raw)
    # A figure inside a unit (kg/m2) is no value, nor is the end of the scale (7/10).
    figures = re.sub(r"/\s?[\d.]+", " ", _units(extractor).sub(" ", raw))
    read = [number(m[0]) for m in re.finditer(NUMBER, figures)]
    if not read or _goes_on(reading.flat, end):
        return
    low, high = read[0], read[-1]
    if low <= high:
        label = match.span("label") if match["label"] is not None else (start, end)
        about = reading.assess(min(label[0], start), max(label[1], end))
        text = reading.text[start:end]
        yield Extracted(low, high, None, text, start, end, role, reading.text[slice(*label)], about)


def _goes_on(flat: str, end: int) -> bool:
    # 6月 or 3次 after a label is no score; a figure that goes on was cut short.
    return re.match(r"[\d%年月周天次]|个月|\.\d|/\d", flat[end : end + 2]) is not None


def _role(reading: Reading, match: re.Match[str], group: str) -> Role:
    # 治疗前得分7分: the word may stand before the label or between label and number.
    between = reading.flat[match.start() : match.start(group)]
    ahead = reading.flat[max(0, match.start() - 8) : match.start()]
    ahead = re.split(rf"[,、{_SENTENCE_BREAK}]", ahead)[-1]
    for role in ("last", "first"):
        if re.search(rf"{pattern_of(role)}[\s:]*$", ahead) or re.search(pattern_of(role), between):
            return "first" if role == "first" else "last"
    return ""


def _durations(reading: Reading, extractor: Extractor, start: int, end: int) -> Iterator[Extracted]:
    flat = reading.flat
    labels = "|".join(phrase(w) for w in sorted(extractor.labels, key=lambda w: (-len(w), w)))
    if not labels:
        for free in durations(flat, start, end):
            yield _duration(reading, free, "", free.start)
        return
    seen = -1
    for label in re.finditer(labels, flat[start:end]):
        here, stop = start + label.start(), start + label.end()
        if here < seen:
            continue
        length = _after(flat, stop, end) or _onset(
            flat, max(start, reading.sentence_at(here)[0], here - _BEFORE), here
        )
        if length is not None and length.start >= seen:
            term = reading.text[here:stop]
            yield _duration(reading, length, term, here)
            seen = max(length.end, stop)


def _after(flat: str, start: int, end: int) -> Duration | None:
    # The first length of time behind the label, in the same clause; not that of a relapse.
    for length in durations(flat, start, min(end, start + 2 * _FILLER)):
        gap = flat[start : length.start]
        if (
            len(gap) > _FILLER
            or re.search(rf"[\d,{_SENTENCE_BREAK}]", gap)
            or re.search(pattern_of("again"), gap)
        ):
            return None
        return length
    return None


def _onset(flat: str, start: int, end: int) -> Duration | None:
    # 3年前无明显诱因出现…: the length of time before the label, told by 前 or 来.
    for length in durations(flat, start, end):
        if _ONSET.match(flat, length.end, end):
            return length
    return None


def _duration(reading: Reading, length: Duration, term: str, mention: int) -> Extracted:
    start, end = length.start, length.end
    about = reading.assess(min(start, mention), max(end, mention + len(term)))
    return Extracted(length.low, length.high, None, reading.text[start:end], start, end, "", term, about)


def _choices(reading: Reading, values: Sequence[Value], start: int, end: int) -> Iterator[Extracted]:
    found = []
    for value in values:
        for term in value.from_:
            for match in re.finditer(phrase(term), reading.flat[start:end]):
                here, stop = start + match.start(), start + match.end()
                found.append((here, stop, value.code, term))
    for here, stop, code, term in sorted(found):
        yield Extracted(
            Decimal(code),
            Decimal(code),
            code,
            reading.text[here:stop],
            here,
            stop,
            "",
            term,
            reading.assess(here, stop),
        )
