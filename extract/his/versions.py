"""The version of a record: a hash over its canonical values, the same on every engine.

Each value is written with its length before it, so that no two different rows have one writing; NULL is
``-``.  ``updated_at`` is left out: a row that was touched and not changed is the same version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["content_hash", "versions", "written"]


def written(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Array:
    """The canonical writing of each row, over the columns of ``schema`` but ``updated_at``."""
    columns = [_written(batch.column(name)) for name in schema.names if name != "updated_at"]
    return pc.binary_join_element_wise(*columns, "")


def versions(batch: pa.RecordBatch, schema: pa.Schema) -> list[str]:
    """32 hex digits of the SHA-256 of each row's canonical writing."""
    return [
        hashlib.sha256(row).hexdigest()[:32]
        for row in pc.cast(written(batch, schema), pa.binary()).to_pylist()
    ]


def content_hash(records: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over ``(record_id, version)`` pairs in the order of their ids."""
    digest = hashlib.sha256()
    for record_id, version in sorted(records):
        digest.update(f"{len(record_id.encode())}:{record_id}{version}".encode())
    return digest.hexdigest()


def _written(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        column = pc.cast(column, pa.string())
    length = pc.cast(pc.binary_length(column), pa.string())
    return pc.coalesce(pc.binary_join_element_wise(length, column, ":"), pa.scalar("-"))
