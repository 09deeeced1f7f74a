"""Sentences copied forward: a hit whose sentence already stood, word for word, in an earlier note of the patient.

Recognised and counted only: a copied mention keeps its assertion, and no verdict changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from extract.chart.assertion import Reading

__all__ = ["Mention", "copied"]

_SHORTEST: Final = 12
"""Characters of a sentence, blanks aside, below which two notes may well agree by chance."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A hit in a note: ``text[start:end]`` of a record written at ``at``."""

    patient_id: str
    record_id: str
    at: datetime | None
    text: str
    start: int


def copied(mentions: Iterable[Mention]) -> Iterator[tuple[Mention, str]]:
    """The mentions in copied sentences, each with the record id of the sentence's first appearance.

    A note without a time was copied from nowhere; the same sentence twice in one note is no copy.
    """
    readings: dict[str, Reading] = {}
    first: dict[tuple[str, str], str] = {}
    timed = [one for one in mentions if one.at is not None]
    for one in sorted(timed, key=lambda m: (m.patient_id, m.at, m.record_id, m.start)):
        if one.record_id not in readings:
            readings[one.record_id] = Reading(one.text)
        reading = readings[one.record_id]
        low, high = reading.sentence_at(one.start)
        sentence = "".join(reading.flat[low:high].split())
        if len(sentence) < _SHORTEST:
            continue
        origin = first.setdefault((one.patient_id, sentence), one.record_id)
        if origin != one.record_id:
            yield one, origin
