"""One piece of evidence: a span of one landed record, what it says, and why it is shown."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from extract.chart.assertion import Assertion

__all__ = ["Evidence", "Kind", "whole"]

Kind = Literal["keyword", "criterion", "value"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """``quote`` is always ``field[start:end]`` of the record."""

    patient_id: str
    visit_id: str | None
    record_id: str
    version: str
    table: str
    field: str
    start: int
    end: int
    quote: str
    kind: Kind
    term: str = ""
    criterion: str = ""
    variable: str = ""
    assertion: str = "present"
    cue: str = ""
    section: str = ""

    @property
    def id(self) -> str:
        """16 hex digits of what is quoted and why; the same as long as the same words stand in the same place."""
        return _digest([*self._named, self.start, self.end])

    @property
    def meaning(self) -> list[str]:
        """What a person judges by: not the version of a record whose other words changed, nor an offset."""
        return [*self._named, self.assertion]

    @property
    def _named(self) -> list[str]:
        return [
            self.patient_id,
            self.record_id,
            self.field,
            self.kind,
            self.term,
            self.criterion,
            self.variable,
            self.quote,
        ]


def _digest(parts: list[str | int]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]


def whole(
    record: dict[str, object],
    table: str,
    field: str,
    kind: Kind,
    *,
    term: str = "",
    criterion: str = "",
    variable: str = "",
    about: Assertion | None = None,
) -> Evidence:
    """A whole field of a record as evidence (a diagnosis, an order, a result)."""
    quote = str(record[field] or "")
    visit = record.get("visit_id")
    return Evidence(
        patient_id=str(record["patient_id"]),
        visit_id=str(visit) if visit is not None else None,
        record_id=str(record["record_id"]),
        version=str(record["version"]),
        table=table,
        field=field,
        start=0,
        end=len(quote),
        quote=quote,
        kind=kind,
        term=term,
        criterion=criterion,
        variable=variable,
        assertion=about.status if about else "present",
        cue=about.cue if about else "",
        section=about.section if about else "",
    )
