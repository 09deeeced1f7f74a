"""What earlier runs saw of the hospital's tables: the ledger's side of telling whose chart has changed.

A look is taken before anything is read, so it is never newer than what was read after it: whatever
changes in between shows at the next look.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Looks", "Sight"]


@dataclass(frozen=True)
class Sight:
    """A source table as a run saw it."""

    rows: int
    stamp: str | None
    """Changes whenever a row does; None where the server cannot tell."""
    kinds: dict[str, str]
    """Column that is read -> its kind: text, number, date, time, ...; "" where the server does not say."""
    filled: dict[str, int]
    """Column that is read -> rows in which it is not NULL, when they were counted; empty where nobody did."""
    counted: int | None = None
    """How many rows there were when ``filled`` was counted; None: ``rows``."""
    lost: int = 0
    """Rows that have been changed or taken away since ``filled`` was counted."""
    low: int | None = None
    """The sign: the oldest transaction that was open; what is not in this look was written by it or a later one."""
    fresh: int = 0
    """Rows that are not older than the sign of the look before; """
    fresh_stamp: int = 0
    """The stamp of those alone."""


class Looks:
    """Looks in an open ledger; what must hold together is called inside one ``Ledger.transaction``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # ---- source tables ----

    def see(self, run: str, sights: dict[str, Sight]) -> None:
        """The source tables as this run sees them."""
        self._db.executemany(
            f"INSERT OR REPLACE INTO source (run, name, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            [(run, name, *_row(one)) for name, one in sights.items()],
        )

    def seen(self, run: str) -> dict[str, Sight]:
        """The source tables as a run saw them."""
        rows = self._db.execute(f"SELECT name, {_COLUMNS} FROM source WHERE run = ?", (run,))  # noqa: S608 - fixed
        return {name: _sight(*row) for name, *row in rows}

    def last_sound(self, before: str) -> dict[str, Sight]:
        """Each source table as it was last seen by a run before this one that did not stop it."""
        rows = self._db.execute(
            f"SELECT s.name, {_COLUMNS} FROM source s JOIN run r ON r.run = s.run"  # noqa: S608 - fixed
            " WHERE r.rowid < (SELECT rowid FROM run WHERE run = ?) AND r.state IN ('done', 'partial') AND NOT EXISTS"
            " (SELECT 1 FROM stopped t WHERE t.run = s.run AND t.tbl = 'source:' || s.name) ORDER BY r.rowid",
            (before,),
        )
        return {name: _sight(*row) for name, *row in rows}

    def forget(self, run: str) -> None:
        """Drop what no run after this one can ask for: older marks, and sights that a later sound one has replaced."""
        self._db.execute("DELETE FROM marks WHERE run <> ?", (run,))
        self._db.execute(
            "DELETE FROM source WHERE EXISTS (SELECT 1 FROM source l WHERE l.name = source.name AND"
            " (SELECT rowid FROM run WHERE run = l.run) > (SELECT rowid FROM run WHERE run = source.run)"
            " AND NOT EXISTS (SELECT 1 FROM stopped t WHERE t.run = l.run AND t.tbl = 'source:' || l.name))"
        )

    # ---- marks ----

    def mark(self, run: str, table: str, kind: str, file: str) -> None:
        """The file of a run's marks of a table."""
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", (run, table, kind, file))

    def marks(self, run: str | None) -> dict[str, tuple[str, str]]:
        """Table, or branch of one -> (kind, file) of a run; marks as an earlier program took them are none."""
        rows = self._db.execute("SELECT tbl, kind, file FROM marks WHERE run = ? AND kind <> 'row'", (run,))
        return {table: (kind, file) for table, kind, file in rows}

    def files(self) -> set[str]:
        """Every file of marks that the ledger knows."""
        return {row[0] for row in self._db.execute("SELECT file FROM marks")}

    # ---- whom the night touched ----

    def touch(self, table: str, patients: Iterable[str]) -> None:
        """These patients' records in this table may have changed."""
        self._db.executemany("INSERT OR IGNORE INTO touched VALUES (?, ?)", ((table, p) for p in patients))

    def touched(self, tables: Iterable[str]) -> set[str]:
        """Whom this run found touched in any of the tables."""
        wanted = list(tables)
        marks = ", ".join("?" for _ in wanted)
        return {
            row[0]
            for row in self._db.execute(
                f"SELECT DISTINCT patient_id FROM touched WHERE tbl IN ({marks})",  # noqa: S608 - binds
                wanted,
            )
        }

    # ---- who hangs together ----

    def mergers(self) -> list[tuple[str, str]]:
        """(patient, merged into) as the last run saw it."""
        return self._db.execute("SELECT patient_id, merged_into FROM merger").fetchall()

    def set_mergers(self, pairs: Iterable[tuple[str, str]]) -> None:
        """All mergers of the hospital."""
        self._db.execute("DELETE FROM merger")
        self._db.executemany("INSERT OR IGNORE INTO merger VALUES (?, ?)", pairs)

    def strays(self) -> list[tuple[str, str]]:
        """(patient, visit) of records that name a visit which is not their own patient's."""
        return self._db.execute("SELECT DISTINCT patient_id, visit_id FROM stray").fetchall()

    def set_strays(
        self, table: str, pairs: Iterable[tuple[str, str]], of: Iterable[str] | None = None
    ) -> None:
        """Strays of a table: of everybody, or anew for the patients ``of``."""
        if of is None:
            self._db.execute("DELETE FROM stray WHERE tbl = ?", (table,))
        else:
            self._db.executemany(
                "DELETE FROM stray WHERE tbl = ? AND patient_id = ?", ((table, p) for p in of)
            )
        self._db.executemany(
            "INSERT OR IGNORE INTO stray VALUES (?, ?, ?)", ((table, p, v) for p, v in pairs)
        )

    # ---- late arrivals ----

    def late(self, run: str, table: str, seconds: int) -> None:
        """A change was seen that its time says was there so long before the run before."""
        self._db.execute(
            "INSERT INTO delay VALUES (?, ?, ?) ON CONFLICT (run, tbl) DO UPDATE SET"
            " seconds = MAX(seconds, excluded.seconds)",
            (run, table, seconds),
        )

    def lateness(self) -> dict[str, int]:
        """Table -> the longest delay seen, in seconds, over the last hundred runs."""
        return dict(
            self._db.execute(
                "SELECT d.tbl, MAX(d.seconds) FROM delay d JOIN run r ON r.run = d.run"
                " WHERE r.rowid > (SELECT MAX(rowid) - 100 FROM run) GROUP BY d.tbl"
            )
        )


_COLUMNS = "n, stamp, kinds, filled, counted, lost, low, fresh, fresh_stamp"


def _row(sight: Sight) -> tuple[object, ...]:
    told = json.dumps(sight.kinds, sort_keys=True), json.dumps(sight.filled)
    known = sight.counted, sight.lost, sight.low, sight.fresh, sight.fresh_stamp
    return (sight.rows, sight.stamp, *told, *known)


def _sight(n: int, stamp: str | None, kinds: str, filled: str, *known: Any) -> Sight:
    return Sight(n, stamp, json.loads(kinds), json.loads(filled), *known)
