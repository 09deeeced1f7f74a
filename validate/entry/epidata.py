"""Files of entries: what two people typed elsewhere, as columns and records, whatever program wrote the file.

Read are ``.rec`` (EpiData 3.1 and Epi Info 6), ``.epx`` (EpiData Manager) and CSV.  A cell stays as it was
typed; a column says what it means: the same ``01/02/2024`` is a day in January or in February.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from extract.errors import NotFound, Refused

__all__ = ["Column", "EntryFile", "Kind", "Record", "decoded", "read_entries"]

_LARGEST = 256 * 1024 * 1024


class Kind(StrEnum):
    """What a column holds; ``any`` where the file does not say, as in CSV."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    ANY = "any"


@dataclass(frozen=True)
class Column:
    """A field of the form. ``order`` is of a date's parts: ``dmy``, ``mdy`` or ``ymd``."""

    name: str
    kind: Kind = Kind.ANY
    label: str = ""
    order: str = ""
    computed: str = ""
    """Why nobody typed it: ``automatic``, ``no entry``, ``encrypted``; "" for a field that is typed."""


@dataclass(frozen=True)
class Record:
    """A record; ``number`` counts from 1 as the program shows it, None is a field nobody came to yet."""

    number: int
    cells: tuple[str | None, ...]
    deleted: bool = False


@dataclass(frozen=True)
class EntryFile:
    """One person's entries."""

    name: str
    columns: tuple[Column, ...]
    records: tuple[Record, ...]

    def position(self, name: str) -> int | None:
        """The place of the column ``name``, whatever its case, or None."""
        return self._places.get(name.casefold())

    @cached_property
    def _places(self) -> dict[str, int]:
        return {column.name.casefold(): i for i, column in enumerate(self.columns)}


def read_entries(path: Path, *, encoding: str = "") -> EntryFile:
    """The entries in a file, by the ending of its name.

    ``encoding`` is tried first; without it UTF-8 and then GB18030, which EpiData wrote in China.
    Raises NotFound, and Refused for a file that is not what its name says; no message holds a cell.
    """
    from validate.entry import epidata_csv, epidata_epx, epidata_rec

    try:
        if path.stat().st_size > _LARGEST:
            raise Refused(
                f"{path.name}: larger than 256 MB", "A file of entries is small; is it the right one?"
            )
        data = path.read_bytes()
    except OSError as error:
        raise NotFound(
            f"{path}: {error.strerror or 'cannot be read'}", "Give two files of entries."
        ) from None
    readers = {".rec": epidata_rec.parse, ".epx": epidata_epx.parse, ".csv": epidata_csv.parse}
    reader = readers.get(
        path.suffix.casefold(), epidata_csv.parse if path.suffix.casefold() == ".txt" else None
    )
    if reader is None:
        raise Refused(
            f"{path.name}: {path.suffix or 'a name without an ending'} is not a format of entries",
            "Read are .rec (EpiData 3.1), .epx (EpiData Manager) and .csv; export the others as CSV.",
        )
    return _sound(reader(path.name, data, encoding))


def decoded(name: str, data: bytes, encoding: str) -> tuple[str, str]:
    """The text of ``data`` and the encoding that read it. Raises Refused."""
    for one in (encoding,) if encoding else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(one), one
        except LookupError:
            raise Refused(f"{name}: there is no encoding of that name", "Say --encoding gb18030.") from None
        except UnicodeDecodeError:
            continue
    raise Refused(
        f"{name}: its characters cannot be read", "Name its encoding: --encoding cp1252, for example."
    )


def _sound(file: EntryFile) -> EntryFile:
    names = [column.name.casefold() for column in file.columns]
    if not names:
        raise Refused(f"{file.name}: it has no field", "Is it the right file?")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        what = f"the field {twice[0]} stands twice" if twice and twice[0] else "a field has no name"
        raise Refused(f"{file.name}: {what}", "Give each field a name of its own and export again.")
    return file
