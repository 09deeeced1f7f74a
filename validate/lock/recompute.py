"""The logical hash computed anew from the rows of a snapshot whose bytes are known to be right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from extract.errors import SnapshotBroken
from validate.lock.canonical import hash_table, logical_hash
from validate.lock.consistent import TABLES
from validate.lock.manifest import MANIFEST
from validate.lock.report import Problem
from validate.lock.rows import SortFailed, open_table

__all__ = ["row_problems"]


def row_problems(path: Path, signed: str) -> Iterator[Problem]:
    """Why the rows of the snapshot in ``path`` do not give the logical hash ``signed``; nothing when they do."""
    hashes: dict[str, str] = {}
    for name, file in TABLES.items():
        try:
            with open_table(path / file) as table:
                hashes[name] = hash_table(table)
        except SnapshotBroken as error:
            yield Problem(file, "logical_hash", f"{file}: {error.message}")
            return
        except (pa.ArrowException, OSError, ValueError, MemoryError, SortFailed):
            yield Problem(file, "unreadable", f"{file}: is not Parquet that can be read")
            return
    if logical_hash(hashes) != signed:
        yield Problem(MANIFEST, "logical_hash", f"{MANIFEST}: its logical hash is not that of the tables")
