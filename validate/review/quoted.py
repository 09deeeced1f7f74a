"""Records that people quoted by hand: a criterion's evidence too, so a change of one asks again.

The screening shows what it found; a reviewer may point at something else.  Such a record has no version
in the screening, so the quote keeps the SHA-256 of the record's text as the reviewer read it.  Where the
record now says something else, or is gone, the criterion's hash takes that in: what was judged on the
old text reopens, what is judged on the new text stands, and if the old text comes back so do the old
opinions, as with every other evidence.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy import Connection, select

from extract.errors import NotFound
from extract.his.landing import Landing
from extract.his.records import TEXT_COLUMNS
from extract.study.audit import canonical
from extract.study.storage import rows
from extract.study.tables import arbitration
from validate.review.cases import Opinion, Quote, Ruling, opinions

__all__ = ["Texts", "now_said", "quoted", "seal", "with_quoted"]

Texts = Callable[[Collection[str]], Mapping[str, str]]
"""Record ids -> their texts as they now are; a record that is gone is left out."""


def seal(text: str) -> str:
    """SHA-256 of a record's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def now_said(landing: Landing) -> Texts:
    """The texts of a landing store's records."""

    def texts(record_ids: Collection[str]) -> dict[str, str]:
        found = {}
        for record_id in record_ids:
            columns = TEXT_COLUMNS.get(record_id.partition(":")[0], ())
            try:
                last = landing.stretches(record_id)[-1:]
                versions = landing.versions(record_id).to_pylist() if columns and last else []
            except NotFound:
                continue
            for row in versions:
                if not last[0].gone_run and row["version"] == last[0].version:
                    found[record_id] = row[columns[0]] or ""
        return found

    return texts


def quoted(connection: Connection) -> dict[tuple[str, str], tuple[Quote, ...]]:
    """(patient, criterion) -> everything that anybody ever quoted for it."""
    found: dict[tuple[str, str], list[Quote]] = defaultdict(list)
    rulings = [Ruling.of(row) for row in rows(connection, select(arbitration).order_by(arbitration.c.id))]
    given: list[Opinion | Ruling] = [*opinions(connection), *rulings]
    for one in given:
        if one.quotes:
            found[one.patient_id, one.criterion] += one.quotes
    return {place: tuple(quotes) for place, quotes in found.items()}


def with_quoted(criterion_hash: str, quotes: Iterable[Quote], texts: Mapping[str, str]) -> str:
    """The hash of a criterion's evidence with the quoted records that are not what they were."""
    moved = sorted({(q.record_id, _now(q.record_id, texts)) for q in quotes if _moved(q, texts)})
    if not moved:
        return criterion_hash
    return hashlib.sha256(canonical([criterion_hash, moved]).encode()).hexdigest()


def _moved(quote: Quote, texts: Mapping[str, str]) -> bool:
    if (text := texts.get(quote.record_id)) is None:
        return True
    # Quotes that were given before there were seals say at least what they quoted.
    return seal(text) != quote.seal if quote.seal else text[quote.start : quote.end] != quote.text


def _now(record_id: str, texts: Mapping[str, str]) -> str:
    return seal(texts[record_id]) if record_id in texts else ""
