"""Withheld: patients who declined and records that the law keeps from a study, as STUDY/withheld.csv lists them.

They never come before anybody: a patient listed here is taken out of the queue at the next run and out
of every chart at once; a record listed here is in no chart.  How many are kept back is counted and shown.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from extract.errors import SiteInvalid, StorageFault
from extract.study.folder import StudyFolder

__all__ = ["Withheld", "WithheldList", "withheld"]

_WHAT: Final = ("patient", "record", "department", "document")
_HEAD: Final = ["what", "which", "why"]


@dataclass(frozen=True)
class Withheld:
    """What is kept back: whole patients, single records, whole departments, kinds of documents."""

    patients: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()

    def keeps_back(self, record: Mapping[str, Any], department: str) -> bool:
        """Whether a record of a visit to ``department`` is shown to nobody."""
        return (
            record["record_id"] in self.records
            or (bool(department) and department in self.departments)
            or record.get("kind") in self.documents
        )


class WithheldList:
    """The list of one study, read again when its file changes."""

    def __init__(self, folder: StudyFolder) -> None:
        self._file = folder.root / "withheld.csv"
        self._guard = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._held = Withheld()

    def now(self) -> Withheld:
        """What the file says. Raises SiteInvalid by line, StorageFault; a list that cannot be read lets nothing pass."""
        with self._guard:
            try:
                at = self._file.stat()
            except FileNotFoundError:
                self._seen, self._held = None, Withheld()
                return self._held
            except OSError:
                raise StorageFault(f"{self._file}: cannot be read", "Check the file's rights.") from None
            if (at.st_mtime_ns, at.st_size) != self._seen:
                self._held = _read(self._file)
                self._seen = (at.st_mtime_ns, at.st_size)
            return self._held


def withheld(folder: StudyFolder) -> Withheld:
    """What STUDY/withheld.csv keeps back; nothing where there is no such file. Raises as ``WithheldList.now``."""
    return WithheldList(folder).now()


def _read(file: Path) -> Withheld:
    try:
        rows = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise StorageFault(f"{file}: cannot be read", "It is a CSV file in UTF-8.") from None
    if not rows or [cell.strip() for cell in rows[0]] != _HEAD:
        raise SiteInvalid(f"{file}, line 1: the columns are {','.join(_HEAD)}", "docs/desk.md shows one.")
    return _of(file, rows[1:])


def _of(file: Path, rows: Iterable[list[str]]) -> Withheld:
    listed: dict[str, set[str]] = {what: set() for what in _WHAT}
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        what, which = (row[0].strip(), row[1].strip()) if len(row) > 1 else ("", "")
        if what not in listed or not which:
            # The line may name a patient: its number is enough.
            raise SiteInvalid(
                f"{file}, line {number}: it does not say what is kept back",
                f"Begin it with one of {', '.join(_WHAT)}, then its id or name.",
            )
        listed[what].add(which)
    return Withheld(*(frozenset(listed[what]) for what in _WHAT))
