"""CSV and Parquet: the table as it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from validate.lock.codebook import safe_cell
from validate.lock.export.told import Told
from validate.lock.publish import parquet

__all__ = ["BOM", "as_csv", "as_parquet", "rows_as_csv"]

BOM: Final = b"\xef\xbb\xbf"


def as_csv(told: Told) -> Mapping[str, bytes]:
    """One row per participant; missing is an empty cell; no cell is a formula to a spreadsheet."""
    rows = zip(*(one.cells for one in told.fields), strict=True)
    text = rows_as_csv([one.name for one in told.fields], rows)
    return {".csv": (BOM if told.bom else b"") + text}


def rows_as_csv(header: list[str], rows: Any) -> bytes:
    """UTF-8 CSV with the line ends of RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in header])
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    # Only text can pose as a formula; a negative number must stay a number.
    return safe_cell(value) if isinstance(value, str) else str(value)


def as_parquet(told: Told) -> Mapping[str, bytes]:
    """The snapshot's own table, without what describes our machine."""
    data = parquet(told.table)
    assert isinstance(data, bytes)  # noqa: S101 - narrows the type: an export holds its table in memory
    return {".parquet": data}
