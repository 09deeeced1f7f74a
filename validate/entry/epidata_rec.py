"""The ``.rec`` of EpiData 3.1 and Epi Info 6: a header that names the fields, then records of fixed width.

First line: the number of fields and a colour (a file label may follow).  Then one line a field: a mark,
ten characters of name, six numbers of place and colour around which the type and the width stand, and the
question.  A record is its fields' bytes one after the other, cut into lines of at most 78 bytes that end
in ``!``; the last ends in ``!``, ``?`` (deleted) or ``^`` (verified).  Widths count bytes: a Chinese
character takes two, and may be cut in the middle by the end of a line.

Source: EpiData datafile structure (2003); EpiData's own importer; read.epiinfo of R's package foreign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from extract.errors import Refused
from validate.entry.epidata import Column, EntryFile, Kind, Record, decoded

__all__ = ["parse"]

_LINE: Final = 78
_ENDS: Final = b"!?^"
_HEADER: Final = re.compile(rb"(.)(.{10})(\s*-?\d+(?:\s+-?\d+){6})\s+(-?\d+)(?: (.*))?", re.DOTALL)
_ORDERS: Final = {2: "mdy", 10: "mdy", 11: "dmy", 16: "dmy", 19: "ymd", 20: "ymd"}
_NUMBERS: Final = (0, 6, 12)
_COMPUTED: Final = {10: "automatic", 12: "automatic", 16: "automatic", 20: "automatic", 18: "encrypted"}
_QUESTION, _FLOAT, _SHORTEST_DATE = 15, 100, 10


@dataclass(frozen=True)
class _Place:
    """A field as its header line describes it, and the bytes of a record that it takes."""

    title: bytes
    label: bytes
    type: int
    start: int
    stop: int


def parse(name: str, data: bytes, encoding: str = "") -> EntryFile:
    """The entries of a ``.rec`` file, deleted records marked. Raises Refused with the number of the line."""
    lines = [line.removesuffix(b"\r") for line in data.split(b"\x1a", 1)[0].split(b"\n")]
    counted = re.match(rb"\s*(\d{1,5})(?=\s|$)", lines[0])
    if counted is None or not 0 < int(counted[1]) < len(lines):
        raise Refused(f"{name}, line 1: the number of fields is expected", "Is it a .rec file of EpiData?")
    header = lines[1 : int(counted[1]) + 1]
    places = list(_places(name, header))
    if not places:
        raise Refused(f"{name}: it has no field", "Is it the right file?")
    records = _records(name, lines, len(header) + 1, places[-1].stop)
    # Whole records, not the file: a line's end may stand inside a character.
    _, codec = decoded(name, b"\n".join([*header, *(raw for raw, _ in records)]), encoding)

    def text(raw: bytes) -> str:
        return raw.decode(codec, "replace").strip()

    return EntryFile(
        name,
        tuple(_column(text(p.title), text(p.label), p.type, p.stop - p.start) for p in places),
        tuple(
            Record(number, tuple(text(raw[p.start : p.stop]) for p in places), deleted=end == b"?")
            for number, (raw, end) in enumerate(records, 1)
        ),
    )


def _places(name: str, header: list[bytes]) -> Iterator[_Place]:
    start = 0
    for number, line in enumerate(header, 2):
        matched = _HEADER.fullmatch(line)
        if matched is None:
            raise Refused(f"{name}, line {number}: this does not describe a field", "Export the file again.")
        type_, width = (int(one) for one in matched[3].split()[5:])
        if width < 0 or type_ < 0:
            raise Refused(f"{name}, line {number}: type and width are not negative", "Export the file again.")
        if type_ == _QUESTION or width == 0:
            continue
        yield _Place(matched[2], matched[5] or b"", type_, start, start + width)
        start += width


def _column(title: str, label: str, type_: int, width: int) -> Column:
    if type_ in _ORDERS and width >= _SHORTEST_DATE:
        kind, order = Kind.DATE, _ORDERS[type_]
    else:
        kind, order = (Kind.NUMBER if type_ in _NUMBERS or type_ >= _FLOAT else Kind.TEXT), ""
    return Column(title, kind, label, order, _COMPUTED.get(type_, ""))


def _records(name: str, lines: list[bytes], begin: int, width: int) -> list[tuple[bytes, bytes]]:
    """Each record's bytes and the mark that it ends in."""
    pieces = -(-width // _LINE)
    sizes = [_LINE] * (pieces - 1) + [width - _LINE * (pieces - 1)]
    rest = list(enumerate(lines[begin:], begin + 1))
    while rest and not rest[-1][1].strip():
        rest.pop()
    if len(rest) % pieces:
        raise Refused(f"{name}: the last record is cut off", "Copy the file again from where it was entered.")
    found = []
    for at in range(0, len(rest), pieces):
        raw = b""
        for (number, line), size in zip(rest[at : at + pieces], sizes, strict=True):
            if len(line) != size + 1 or line[-1] not in _ENDS:
                raise Refused(
                    f"{name}, line {number}: {size} bytes and an end mark are expected, {len(line)} bytes stand",
                    "The file was changed by another program; copy it again.",
                )
            raw += line[:-1]
        found.append((raw, rest[at + pieces - 1][1][-1:]))
    return found
