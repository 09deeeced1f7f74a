"""Memory: rows of the append-only tables, held in memory and continued from the end of the audit chain.

The idea: nothing is ever changed, and a row's id is the number of its event.  So what was read once stays
true, and one question, "which events came after the last that I know?", finds all that is new, whoever
wrote it.  The hash of that last event tells that it is still the same database.  Each transaction sees
what stood when it began, and not a row more, as it would by asking the database itself.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Table, bindparam, select

from extract.study.audit import GENESIS, Head, head
from extract.study.storage import rows
from extract.study.tables import TABLES, audit_event

__all__ = ["Memory", "Record", "View", "forget", "remembered"]

Record = Mapping[str, Any]

_KEYS: Final = {
    "account": "account_id",
    "candidate": "patient_id",
    "candidate_state": "patient_id",
    "assignment": "patient_id",
    "decision": "patient_id",
    "arbitration": "patient_id",
    "entry": "patient_id",
    "resolution": "patient_id",
    "calibration_round": "id",
    "calibration_gate": "id",
}
"""Tables that are remembered, and the column by which their rows are asked for."""

_LAST: Final[BindParameter[int]] = bindparam("last")
_SINCE: Final = (
    select(audit_event.c.seq, audit_event.c.hash, audit_event.c.table_name)
    .where(audit_event.c.seq >= _LAST)
    .order_by(audit_event.c.seq)
)
_AFTER: Final = {name: select(t).where(t.c.id > _LAST).order_by(t.c.id) for name, t in TABLES.items()}
_VIEW: Final = "cohortlock view"


def remembered(connection: Connection, table: Table, key: str | None = None) -> Sequence[Record] | None:
    """Rows of ``table`` as this transaction sees them, oldest first: of one patient or account, or all.

    None where nothing is remembered for this transaction: the database is to be asked.
    """
    view = connection.info.get(_VIEW)
    return view.rows(table.name, key) if isinstance(view, View) else None


@dataclass
class _Held:
    """All that is known up to ``head``; grows at its end only, so that a reader needs no lock."""

    head: Head = field(default_factory=lambda: Head(0, GENESIS))
    whole: dict[str, list[Record]] = field(default_factory=lambda: {name: [] for name in _KEYS})
    by_key: dict[str, dict[str, list[Record]]] = field(default_factory=lambda: {name: {} for name in _KEYS})
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fresh: Mapping[str, Sequence[Mapping[str, Any]]], newest: Head) -> None:
        """All rows up to ``newest`` that are not known yet; two threads may bring the same ones."""
        with self._guard:
            if newest.seq <= self.head.seq:
                return
            for name, some in fresh.items():
                for row in some:
                    if row["id"] > self.head.seq:
                        record = MappingProxyType(dict(row))
                        self.whole[name].append(record)
                        self.by_key[name].setdefault(row[_KEYS[name]], []).append(record)
            self.head = newest


class View:
    """What one transaction sees of the remembered tables; looked up when it is first asked for."""

    def __init__(self, memory: Memory, connection: Connection, *, newest: bool) -> None:
        self._memory, self._connection, self._newest = memory, connection, newest
        self._seen: tuple[_Held, Head] | None = None
        self._looked = False

    @property
    def head(self) -> Head:
        """The newest event that this transaction sees."""
        seen = self._look()
        return seen[1] if seen and seen[1].seq else head(self._connection)

    def rows(self, table: str, key: str | None) -> Sequence[Record] | None:
        """As ``remembered``."""
        seen = self._look()
        if seen is None:
            return None
        held, newest = seen
        found = held.whole[table] if key is None else held.by_key[table].get(key, [])
        return found[: bisect_right(found, newest.seq, key=_id)]

    def wrote(self, rows: Mapping[str, Sequence[Mapping[str, Any]]], newest: Head) -> None:
        """What this transaction has appended, once it is committed."""
        if self._seen is not None:
            self._seen[0].add({name: some for name, some in rows.items() if name in _KEYS}, newest)

    def _look(self) -> tuple[_Held, Head] | None:
        if not self._looked:
            self._seen = self._memory.continued(self._connection, newest=self._newest)
            self._looked = True
        return self._seen


class Memory:
    """What a process remembers of one study database."""

    def __init__(self) -> None:
        self._held = _Held()

    @contextmanager
    def viewed(self, connection: Connection, *, newest: bool) -> Iterator[View]:
        """For the transaction of ``connection``; ``newest`` where nobody else can write meanwhile."""
        held = connection.info
        view = held[_VIEW] = View(self, connection, newest=newest)
        try:
            yield view
        finally:
            held.pop(_VIEW, None)

    def continued(self, connection: Connection, *, newest: bool) -> tuple[_Held, Head] | None:
        """What is held once all that this transaction sees is in it, and the end of what it sees.

        None where the transaction began before what is held, or the database is not the one that was read.
        """
        seen = _continued(self._held, connection)
        if seen is None and newest:
            # Nobody is ahead of the writer: this is another past, a copy that was put back.
            self._held = _Held()
            seen = _continued(self._held, connection)
        return seen


def forget(connection: Connection) -> None:
    """From here on the database is asked: this transaction has written, and must see its own rows."""
    connection.info.pop(_VIEW, None)


def _continued(held: _Held, connection: Connection) -> tuple[_Held, Head] | None:
    start = held.head
    if not start.seq:
        newest, wrote = head(connection), set(_KEYS)
    else:
        found = connection.execute(_SINCE, {"last": start.seq}).all()
        if not found or (found[0].seq, found[0].hash) != (start.seq, start.hash):
            return None
        newest = Head(found[-1].seq, found[-1].hash)
        wrote = {row.table_name for row in found[1:]} & _KEYS.keys()
    if newest.seq > start.seq:
        held.add({name: rows(connection, _AFTER[name], {"last": start.seq}) for name in wrote}, newest)
    return held, newest


def _id(row: Record) -> int:
    return int(row["id"])
