"""The dataset of a snapshot in other programs' formats, equal to it cell for cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from extract.errors import AlreadyExists, NotFound
from validate.lock.codebook import safe_cell
from validate.lock.diff import open_tables
from validate.lock.files import storage_faults, write_new
from validate.lock.publish import parquet

__all__ = ["FORMATS", "export"]

_BOM: Final = b"\xef\xbb\xbf"


def _csv(table: pa.Table, *, bom: bool) -> bytes:
    """One row per participant; missing is an empty cell; no cell is a formula to a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in table.column_names])
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow([_cell(value) for value in row])
    return (_BOM if bom else b"") + out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    # Only text can pose as a formula; a negative number must stay a number.
    return safe_cell(value) if isinstance(value, str) else str(value)


def _parquet(table: pa.Table, *, bom: bool) -> bytes:  # noqa: ARG001 - the formats share one signature
    return parquet(table)


FORMATS: Final[Mapping[str, Callable[..., bytes]]] = {"csv": _csv, "parquet": _parquet}
"""Format (and file ending) -> how a table is written in it."""


def export(snapshot: Path, format_: str, out: Path, *, table: str = "data", bom: bool = False) -> Path:
    """Writes ``table`` (data or long) of a verified snapshot to the new file ``out``.

    ``bom`` marks CSV as UTF-8 for Excel. Raises SnapshotBroken, NotFound for an unknown format or
    table, AlreadyExists, StorageFault.
    """
    if format_ not in FORMATS:
        raise NotFound(f"there is no export to {format_!r}", f"Choose one of {', '.join(sorted(FORMATS))}.")
    _, tables = open_tables(snapshot)
    if table not in tables:
        raise NotFound(f"a snapshot has no table {table!r}", f"Choose one of {', '.join(sorted(tables))}.")
    data = FORMATS[format_](tables[table], bom=bom)
    with storage_faults(str(out)):
        try:
            write_new(out, data)
        except FileExistsError:
            raise AlreadyExists(f"{out}: exists already", "Name another file.") from None
    return out
