"""The screening's tables on disk: their schemas, and a set of files that is whole or is refused.

Each file is written beside its place and renamed; ``screen.json``, written last, names the SHA-256 of
each.  A set that does not agree with it was cut short, and reading it says so.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from extract.errors import NotReady, StorageFault

__all__ = ["SCHEMAS", "SORT", "read", "table", "write"]

_TEXT: Final = pa.string()
_INT: Final = pa.int64()
_TIME: Final = pa.timestamp("s")
_MANIFEST: Final = "screen.json"
_AGAIN: Final = "`cohortlock pull` reads the records again and screens them."


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


SCHEMAS: Final[dict[str, pa.Schema]] = {
    "candidates": _schema(
        patient_id=_TEXT,
        t0_visit_id=_TEXT,
        t0_at=_TIME,
        t0_date=pa.date32(),
        n_visits=_INT,
        negated_only=pa.bool_(),
        state=_TEXT,
        bits=_INT,
    ),
    "verdicts": _schema(
        patient_id=_TEXT,
        criterion=_TEXT,
        verdict=_TEXT,
        auto=pa.bool_(),
        evidence=pa.list_(_TEXT),
        reason=_TEXT,
    ),
    "evidence": _schema(
        evidence_id=_TEXT,
        patient_id=_TEXT,
        visit_id=_TEXT,
        record_id=_TEXT,
        version=_TEXT,
        table=_TEXT,
        field=_TEXT,
        start=_INT,
        end=_INT,
        quote=_TEXT,
        kind=_TEXT,
        term=_TEXT,
        criterion=_TEXT,
        variable=_TEXT,
        assertion=_TEXT,
        cue=_TEXT,
        section=_TEXT,
    ),
    "values": _schema(
        patient_id=_TEXT,
        variable=_TEXT,
        timepoint=_TEXT,
        scaled=_INT,
        value=_TEXT,
        comparator=_TEXT,
        unit=_TEXT,
        raw=_TEXT,
        status=_TEXT,
        method=_TEXT,
        record_id=_TEXT,
        version=_TEXT,
        start=_INT,
        end=_INT,
        measured_at=_TIME,
        day=_INT,
        rule=_TEXT,
        considered=_INT,
    ),
    "matches": _schema(
        visit_id=_TEXT,
        patient_id=_TEXT,
        matched=pa.bool_(),
        leaves=pa.list_(_INT),
        record_ids=pa.list_(_TEXT),
        negated_only=pa.bool_(),
    ),
    "links": _schema(record_id=_TEXT, visit_id=_TEXT, how=_TEXT),
}
"""Columns of each file of ``landing/screen``; see docs/funnel.md."""

SORT: Final[dict[str, tuple[str, ...]]] = {
    "candidates": ("patient_id",),
    "verdicts": ("patient_id",),
    "evidence": ("patient_id", "record_id", "field", "start", "end", "evidence_id"),
    "values": ("patient_id",),
    "matches": ("visit_id",),
    "links": ("record_id",),
}


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as the table ``name``, in its fixed order (rows that compare equal keep theirs)."""
    ordered = sorted(rows, key=lambda row: tuple(row[column] for column in SORT[name]))
    return pa.Table.from_pylist(ordered, schema=SCHEMAS[name])


def write(folder: Path, tables: Mapping[str, pa.Table], facts: Mapping[str, Any]) -> None:
    """Write all tables and then the manifest with ``facts``. Raises StorageFault."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sums = {}
        for name, one in tables.items():
            sums[name] = _renamed(folder / f"{name}.parquet", _parquet(one))
        text = json.dumps({**facts, "files": sums}, ensure_ascii=False, sort_keys=True, indent=1)
        _renamed(folder / _MANIFEST, text.encode())
    except OSError as error:
        raise StorageFault(
            f"{folder}: the screening cannot be written: {error.strerror}",
            "Make room or give the right to write; the last whole screening was not claimed to be new.",
        ) from None


def _parquet(one: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(one, sink, compression="zstd", store_schema=True)
    return bytes(sink.getvalue())


def _renamed(path: Path, content: bytes) -> str:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return hashlib.sha256(content).hexdigest()


def read(folder: Path) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """The tables and the facts of the last whole screening. Raises NotReady when there is none."""
    try:
        facts: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        contents = {name: (folder / f"{name}.parquet").read_bytes() for name in SCHEMAS}
    except (FileNotFoundError, NotADirectoryError):
        raise NotReady("this study has not been screened yet", _AGAIN) from None
    except (OSError, ValueError) as error:
        raise StorageFault(
            f"{folder}: the screening cannot be read ({type(error).__name__})", _AGAIN
        ) from None
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != facts.get("files", {}).get(name):
            raise NotReady(f"{name}.parquet is not of the same screening as {_MANIFEST}", _AGAIN)
    # Parquet knows no whole seconds: times come back finer than they were written.
    return {
        name: pq.read_table(pa.BufferReader(content)).cast(SCHEMAS[name])
        for name, content in contents.items()
    }, facts
