"""The version of a record: a hash over its canonical values, the same on every engine.

Each value is written with its length before it, so that no two different rows have one writing; NULL is
``-``.  ``updated_at`` is left out: a row that was touched and not changed is the same version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from extract.his.arrays import strings

__all__ = ["content_hash", "versions", "written"]

_LENGTHS: Final = strings(["-", *(f"{length}:" for length in range(4096))])
"""Looked up, because writing each number anew costs as much as the value."""


def written(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Array:
    """The canonical writing of each row, over the columns of ``schema`` but ``updated_at``."""
    pieces = []
    for name in schema.names:
        if name != "updated_at":
            column = _texts(batch.column(name))
            pieces += [_lengths(column), column]
    return pc.binary_join_element_wise(*pieces, "", null_handling="replace", null_replacement="")


def versions(batch: pa.RecordBatch, schema: pa.Schema) -> list[str]:
    """32 hex digits of the SHA-256 of each row's canonical writing."""
    # SHA-256 by OpenSSL, a row at a time, is nearly half of the work, and the fastest that was found:
    # DuckDB's takes longer (tests/benchmarks/bench_landing.py).
    sha = hashlib.sha256
    return [sha(row).hexdigest()[:32] for row in written(batch, schema).cast(pa.binary()).to_pylist()]


def content_hash(records: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over ``(record_id, version)`` pairs in the order of their ids."""
    digest = hashlib.sha256()
    for record_id, version in sorted(records):
        digest.update(f"{len(record_id.encode())}:{record_id}{version}".encode())
    return digest.hexdigest()


def _texts(column: pa.Array) -> pa.Array:
    return column if pa.types.is_string(column.type) else pc.cast(column, pa.string())


def _lengths(texts: pa.Array) -> pa.Array:
    """What stands before each value: its length in bytes and a colon; ``-`` stands for NULL."""
    lengths = pc.binary_length(texts)
    if (pc.max(lengths).as_py() or 0) < len(_LENGTHS) - 1:
        return _LENGTHS.take(pc.add(pc.fill_null(lengths, -1), 1))
    said = pc.binary_join_element_wise(pc.cast(lengths, pa.string()), "", ":")
    return pc.coalesce(said, pa.scalar("-"))
