"""The canonical records: what a mapping pack must yield, whatever the hospital's schema.

All keys are text. Times are naive local wall-clock times of the site's declared zone, to the second.
Every table has ``updated_at`` (NULL where the source has none).  ``visit_id`` may be NULL in ``lab``,
``imaging`` and ``scale``: about a third of labs in real hospitals carry none.

Each table has one key column, its first; the tables for which the design names no key
(diagnosis, medication, imaging, procedure, scale) carry the source's own primary key joined with
``|``: a record without a key could not be seen to change (docs/adr/0002).
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

__all__ = ["DATED_BY", "HIT_COLUMNS", "KEY", "SCHEMAS", "TABLES", "TEXT_COLUMNS", "record_id"]

_TEXT = pa.string()
_TIME = pa.timestamp("s")


def _table(*columns: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([*(pa.field(n, t) for n, t in columns), pa.field("updated_at", _TIME)])


SCHEMAS: Final[dict[str, pa.Schema]] = {
    "patient": _table(
        ("patient_id", _TEXT), ("sex", _TEXT), ("birth_date", pa.date32()), ("merged_into", _TEXT)
    ),
    "visit": _table(
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("visit_type", _TEXT),
        ("department", _TEXT),
        ("started_at", _TIME),
        ("ended_at", _TIME),
    ),
    "document": _table(
        ("document_id", _TEXT),
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("kind", _TEXT),
        ("written_at", _TIME),
        ("text", _TEXT),
    ),
    "lab": _table(
        ("result_id", _TEXT),
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("code", _TEXT),
        ("name", _TEXT),
        ("specimen_at", _TIME),
        ("reported_at", _TIME),
        ("raw_value", _TEXT),
        ("unit", _TEXT),
        ("reference_range", _TEXT),
    ),
    "diagnosis": _table(
        ("diagnosis_id", _TEXT),
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("code_system", _TEXT),
        ("code", _TEXT),
        ("name", _TEXT),
        ("diagnosed_at", _TIME),
    ),
    "medication": _table(
        ("medication_id", _TEXT),
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("code", _TEXT),
        ("name", _TEXT),
        ("route", _TEXT),
        ("started_at", _TIME),
        ("ended_at", _TIME),
    ),
    "imaging": _table(
        ("imaging_id", _TEXT),
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("modality", _TEXT),
        ("body_part", _TEXT),
        ("performed_at", _TIME),
        ("report_text", _TEXT),
    ),
    "procedure": _table(
        ("procedure_id", _TEXT),
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("code", _TEXT),
        ("name", _TEXT),
        ("performed_at", _TIME),
    ),
    "scale": _table(
        ("scale_id", _TEXT),
        ("visit_id", _TEXT),
        ("patient_id", _TEXT),
        ("code", _TEXT),
        ("name", _TEXT),
        ("measured_at", _TIME),
        ("raw_value", _TEXT),
    ),
}
"""Arrow schema of each canonical table, in the order a pull takes them."""

TABLES: Final[tuple[str, ...]] = tuple(SCHEMAS)

KEY: Final[dict[str, str]] = {name: schema.names[0] for name, schema in SCHEMAS.items()}
"""The key column of each table."""

DATED_BY: Final[dict[str, str | None]] = {
    "patient": None,
    "visit": "started_at",
    "document": "written_at",
    "lab": "specimen_at",
    "diagnosis": "diagnosed_at",
    "medication": "started_at",
    "imaging": "performed_at",
    "procedure": "performed_at",
    "scale": "measured_at",
}
"""The clinical time of each table: when it happened to the patient, not when it was typed."""

TEXT_COLUMNS: Final[dict[str, tuple[str, ...]]] = {"document": ("text",), "imaging": ("report_text",)}
"""Free text that assertion and extractors read."""

HIT_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "document": ("document", "text"),
    "diagnosis": ("diagnosis", "name"),
    "lab": ("lab", "name"),
    "imaging": ("imaging", "report_text"),
    "medication": ("medication", "name"),
    "procedure": ("procedure", "name"),
}
"""Scope of the expression language -> (table, column) it searches.  An unscoped term searches
``document``, ``diagnosis``, ``imaging`` and ``lab``; the other scopes are searched only when named."""


def record_id(table: str, key: str) -> str:
    """The name of a record everywhere after landing: ``lab:10021|3|1``."""
    return f"{table}:{key}"
