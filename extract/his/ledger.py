"""The ledger of a landing store: what is done, what is due, and how a crash between the two is harmless.

A record version is on the disk under its name before the transaction that says so commits; until then
the file is an orphan that nobody reads and the next pull clears away.  So a (run, table, window) is done
with everything in it, or it is due.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from extract.his.holdings import Holdings, Seen, Stretch, now
from extract.his.ledger_schema import prepare
from extract.his.looks import Looks

__all__ = ["Ledger", "Run", "Seen", "Stretch", "Task"]


@dataclass(frozen=True)
class Task:
    """One (table, window) of a run."""

    table: str
    window: str
    state: str
    rows: int
    hash: str
    new: int
    changed: int
    unchanged: int


@dataclass(frozen=True)
class Run:
    """One run: a full pull, or a night that asks only for what its ``basis`` does not know already."""

    name: str
    number: int
    mode: str
    basis: str | None = None
    """The run whose state a night goes on from."""
    resumed: bool = False


class Ledger:
    """The ledger in ``landing/ledger.db``; one writer, held by ``disk.alone``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self._db = sqlite3.connect(self.path, isolation_level=None)
        # A reader never waits for a pull, and a commit is one sync.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.execute("PRAGMA cache_size = -65536")
        prepare(self._db)
        self.holdings = Holdings(self._db)
        self.looks = Looks(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            # SQLite has rolled back by itself where the disk gave out.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    # ---- runs ----

    def begin(
        self,
        scope: str,
        pack: str,
        protocol: str,
        *,
        identity: str = "",
        full: bool = True,
        night: bool = False,
        server_time: str = "",
    ) -> Run:
        """The run to do: one that was interrupted in the same scope, or a new one.

        A new one is a night where ``night`` allows it, ``full`` is not asked for, and the last run that was
        begun has ended with the same scope and identity.
        """
        with self.transaction():
            last = self._db.execute(
                "SELECT run, scope, state, identity, mode, basis, rowid FROM run ORDER BY rowid DESC LIMIT 1"
            ).fetchone()
            # A night is gone on with only while the hospital's server is the one that it looked at.
            interrupted = last is not None and last[1:3] == (scope, "running")
            if interrupted and (last[4] == "full" or (not full and last[3] == identity)):
                return Run(last[0], last[6], last[4], last[5], resumed=True)
            self._db.execute("UPDATE run SET state = 'abandoned' WHERE state = 'running'")
            sound = (
                last is not None
                and last[2] in {"done", "partial"}
                and (last[1], last[3]) == (scope, identity)
            )
            moment = datetime.now(UTC)
            number = self._db.execute("SELECT COALESCE(MAX(rowid), 0) + 1 FROM run").fetchone()[0]
            name = f"{moment:%Y%m%dT%H%M%SZ}-{number}"
            asks_few = sound and night and not full
            run = Run(name, number, "night" if asks_few else "full", str(last[0]) if asks_few else None)
            self._db.execute(
                "INSERT INTO run (run, scope, pack, protocol, started_at, state, mode, basis, identity, server_time)"
                " VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?)",
                (run.name, scope, pack, protocol, now(), run.mode, run.basis, identity, server_time),
            )
            self._clear()
        return run

    def _clear(self) -> None:
        for table in ("found", "asked", "touched"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names

    def abandon(self, run: str) -> None:
        """Say that a run leads nowhere."""
        self._db.execute("UPDATE run SET state = 'abandoned' WHERE run = ?", (run,))

    def last(self) -> str | None:
        """The last run that ended."""
        row = self._db.execute(
            "SELECT run FROM run WHERE state IN ('done', 'partial') ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        return None if row is None else str(row[0])

    def scope(self, run: str) -> str:
        """What a run asked."""
        return str(self._db.execute("SELECT scope FROM run WHERE run = ?", (run,)).fetchone()[0])

    def ended(self, run: str) -> tuple[str, str, int] | None:
        """(run, finished_at, number) of the last run that ended before ``run``."""
        row = self._db.execute(
            "SELECT run, finished_at, rowid FROM run WHERE state IN ('done', 'partial')"
            " AND rowid < (SELECT rowid FROM run WHERE run = ?) ORDER BY rowid DESC LIMIT 1",
            (run,),
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def swept(self, scope: str) -> str | None:
        """When (UTC) the last full pull of this scope began that ended with every table in it."""
        row = self._db.execute(
            "SELECT started_at FROM run WHERE scope = ? AND mode = 'full' AND state = 'done'"
            " ORDER BY rowid DESC LIMIT 1",
            (scope,),
        ).fetchone()
        return None if row is None else str(row[0])

    def server_time(self, run: str) -> str:
        """When a run began by the clock of the hospital's server, ``YYYY-MM-DD HH:MM:SS``; "" if it did not tell."""
        row = self._db.execute("SELECT server_time FROM run WHERE run = ?", (run,)).fetchone()
        return str(row[0] or "") if row else ""

    def finish(self, run: str, *, partial: bool = False) -> None:
        """Close a run: from now on it is what the landing store shows."""
        with self.transaction():
            state = "partial" if partial else "done"
            self._db.execute("UPDATE run SET state = ?, finished_at = ? WHERE run = ?", (state, now(), run))
            self._clear()

    # ---- tasks ----

    def tasks(self, run: str) -> dict[tuple[str, str], Task]:
        """Every (table, window) of the run that has a state."""
        rows = self._db.execute(
            "SELECT tbl, window, state, COALESCE(rows, 0), COALESCE(hash, ''), COALESCE(new, 0),"
            " COALESCE(changed, 0), COALESCE(unchanged, 0) FROM task WHERE run = ?",
            (run,),
        )
        return {(row[0], row[1]): Task(*row) for row in rows}

    def failed(self, run: str, table: str, window: str) -> None:
        """Say that a (table, window) failed; the next pull takes it up again."""
        self._task(run, table, window, "failed", Seen(), "")

    def done(self, run: str, table: str, window: str, seen: Seen, digest: str) -> None:
        """Say that a (table, window) is done; inside the transaction that holds its records."""
        self._task(run, table, window, "done", seen, digest)

    def _task(self, run: str, table: str, window: str, state: str, seen: Seen, digest: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, table, window, state, seen.rows, digest, seen.new, seen.changed, seen.unchanged, now()),
        )

    def reject(self, run: str, table: str, window: str, reasons: dict[str, int | None]) -> None:
        """Count what was not delivered, or delivered with a fault; None: not counted at this site."""
        self._db.executemany(
            "INSERT OR REPLACE INTO reject VALUES (?, ?, ?, ?, ?)",
            [(run, table, window, reason, n) for reason, n in reasons.items() if n is None or n > 0],
        )

    def reject_again(self, run: str, basis: str, window: str) -> None:
        """What ``basis`` counted still stands: nothing that it was counted from has changed."""
        self._db.execute(
            "INSERT OR REPLACE INTO reject SELECT ?, tbl, window, reason, n FROM reject WHERE run = ? AND window = ?",
            (run, basis, window),
        )

    def name(self, run: str, table: str, reason: str, which: str) -> None:
        """Say which records a counted reason means, by their keys."""
        self._db.execute("INSERT OR REPLACE INTO named VALUES (?, ?, ?, ?)", (run, table, reason, which))

    def set_totals(self, run: str, patients: int, visits: int) -> None:
        """All patients and visits of the search's dates."""
        self._db.execute("INSERT OR REPLACE INTO totals VALUES (?, ?, ?)", (run, patients, visits))

    def stop(self, run: str, table: str, why: Sequence[str]) -> None:
        """A table of which nothing is landed in this run, and why."""
        self._db.executemany(
            "INSERT OR IGNORE INTO stopped VALUES (?, ?, ?)", ((run, table, one) for one in why)
        )

    def stopped(self, run: str) -> dict[str, list[str]]:
        """Table -> why nothing of it was landed in this run."""
        found: dict[str, list[str]] = {}
        for table, why in self._db.execute(
            "SELECT tbl, why FROM stopped WHERE run = ? ORDER BY 1, 2", (run,)
        ):
            found.setdefault(table, []).append(why)
        return found

    # ---- parts ----

    def add_part(self, part: str, run: str, table: str, window: str, rows: int, digest: str) -> None:
        """A file of record versions."""
        self._db.execute(
            "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", (part, run, table, window, rows, digest)
        )

    def parts(self) -> set[str]:
        """Names of every part that is landed."""
        return {row[0] for row in self._db.execute("SELECT part FROM part")}

    # ---- reports ----

    def candidates(self, run: str) -> list[tuple[str, str, str]]:
        """(visit_id, patient_id, window) of a run, in the order of the visits."""
        return self._db.execute(
            "SELECT c.visit_id, c.patient_id, c.window FROM candidacy c JOIN run r ON r.run = ?"
            " WHERE c.since <= r.rowid AND (c.until IS NULL OR c.until > r.rowid) ORDER BY c.visit_id",
            (run,),
        ).fetchall()

    def count_candidates(self) -> int:
        """Visits that are candidates now."""
        return int(self._db.execute("SELECT COUNT(*) FROM candidacy WHERE until IS NULL").fetchone()[0])

    def gone(self, run: str) -> dict[str, int]:
        """Table -> records that this run did not see any more."""
        return dict(self._db.execute("SELECT tbl, n FROM gone WHERE run = ?", (run,)))

    def rejected(self, run: str) -> list[dict[str, object]]:
        """Counted reasons of a run, over its windows; ``which`` where the pack names the records."""
        rows = self._db.execute(
            "SELECT tbl, reason, SUM(n) FROM reject WHERE run = ? GROUP BY tbl, reason ORDER BY tbl, reason",
            (run,),
        )
        named = {
            (table, reason): which
            for table, reason, which in self._db.execute(
                "SELECT tbl, reason, which FROM named WHERE run = ?", (run,)
            )
        }
        return [
            {"table": table, "reason": reason, "count": n}
            | ({"which": named[table, reason]} if (table, reason) in named else {})
            for table, reason, n in rows
        ]

    def query(self, sql: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Read anything of the ledger."""
        return self._db.execute(sql, params).fetchall()
