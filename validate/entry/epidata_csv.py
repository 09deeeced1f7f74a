"""CSV of entries: comma, semicolon or tab, with the fields' names in the first line, as EpiData exports it."""

from __future__ import annotations

import csv
import io

from extract.errors import Refused
from validate.entry.epidata import Column, EntryFile, Record, decoded

__all__ = ["parse"]

_SEPARATORS = (",", ";", "\t")


def parse(name: str, data: bytes, encoding: str = "") -> EntryFile:
    """The entries of a CSV file; a lone ``.`` is how EpiData writes "missing". Raises Refused."""
    text, _ = decoded(name, data, encoding)
    if "\0" in text:
        raise Refused(f"{name}: it is not a text file", "Export the entries as CSV.")
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        lines = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row
        ]
    except csv.Error:
        raise Refused(
            f"{name}: a quotation mark is not closed, or a line is broken", "Export it again."
        ) from None
    if not lines:
        raise Refused(f"{name}: it is empty", "Is it the right file?")
    head, *body = lines
    for number, row in enumerate(body, 1):
        if len(row) != len(head):
            raise Refused(
                f"{name}: record {number} has {len(row)} fields, the first line names {len(head)}",
                "Mend that line, or export the file again.",
            )
    return EntryFile(
        name,
        tuple(Column(one.strip()) for one in head),
        tuple(
            Record(number, tuple("" if cell.strip() == "." else cell.strip() for cell in row))
            for number, row in enumerate(body, 1)
        ),
    )
