"""What one line of text says of a study's terms and variables: mentions with their assertion, and values.

Nothing is read but the line and the protocol; no line knows of another.  Offsets are in characters (code
points) of the line as given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from extract.chart.assertion import Reading
from extract.chart.extractors import Extracted, extract
from extract.chart.measurements import on_grid
from extract.chart.plain import phrase
from extract.study.keywords import Matcher
from extract.study.protocol import Extractor, Protocol, Rule, TextSource, Variable

__all__ = ["Annotator"]


@dataclass(frozen=True)
class Annotator:
    """A study's questions to a text.

    Terms are those of the search expression (as ``match`` says: literal, or folded with synonyms; look-alikes
    are no hits) and those of the criteria's ``text`` rules; values are those of the variables that are read
    from text, where they are asserted present.
    """

    matcher: Matcher
    terms: tuple[str, ...]
    variables: tuple[tuple[Variable, Extractor], ...]
    sections: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, protocol: Protocol) -> Self:
        """The annotator of ``protocol``. Raises ExpressionInvalid."""
        matcher = Matcher.of(protocol.search)
        asked = {leaf.term for leaf in matcher.leaves}
        spoken = {term for one in protocol.criteria for term in _terms(one.rule)} - asked
        read = tuple(
            (variable, protocol.extractor[source.text])
            for variable in protocol.variable
            for source in variable.source
            if isinstance(source, TextSource)
        )
        sections = frozenset(name for one in protocol.extractor.values() for name in one.sections)
        return cls(matcher, tuple(sorted(spoken)), read, sections)

    def annotate(self, text: str) -> dict[str, list[dict[str, Any]]]:
        """``{"hits": [...], "values": [...]}`` of one line, each in the order of the text.

        A hit has ``term, start, end, assertion, cue``; a value ``variable, value, low, high, unit, start,
        end``: numbers on the variable's grid (of a range the middle, with both ends), or a code whose
        ``low`` and ``high`` are null.
        """
        if not text or text.isspace():
            return {"hits": [], "values": []}
        reading = Reading(text, known_sections=self.sections)
        hits = []
        for start, end, term in sorted(set(self._mentions(reading))):
            about = reading.assess(start, end)
            hits.append(
                {"term": term, "start": start, "end": end, "assertion": about.status, "cue": about.cue}
            )
        values = [
            value for variable, extractor in self.variables for value in _values(reading, variable, extractor)
        ]
        return {"hits": hits, "values": sorted(values, key=lambda v: (v["start"], v["end"], v["variable"]))}

    def _mentions(self, reading: Reading) -> Iterator[tuple[int, int, str]]:
        for hit in self.matcher.find(reading.text, "document"):
            yield hit.start, hit.end, hit.term
        for term in self.terms:
            for match in re.finditer(phrase(term), reading.flat):
                yield match.start(), match.end(), term


def _terms(rule: Rule) -> Iterator[str]:
    yield from rule.text or ()
    for child in (*(rule.all or ()), *(rule.any or ()), *([rule.not_] if rule.not_ else [])):
        yield from _terms(child)


def _values(reading: Reading, variable: Variable, extractor: Extractor) -> Iterator[dict[str, Any]]:
    unit = variable.unit.en if variable.unit else ""
    for found in _present(extract(reading, extractor, variable.values)):
        where = {"unit": unit, "start": found.start, "end": found.end}
        if found.code is not None:
            yield {"variable": variable.id, "value": found.code, "low": None, "high": None, **where}
        else:
            value, low, high = (_figure(n, variable.step) for n in (found.value, found.low, found.high))
            yield {"variable": variable.id, "value": value, "low": low, "high": high, **where}


def _present(found: Iterable[Extracted]) -> Iterator[Extracted]:
    return (one for one in found if one.assertion.status == "present")


def _figure(value: Decimal, step: Decimal) -> int | float:
    on = on_grid(value, step)
    return int(on) if on == on.to_integral_value() else float(on)
