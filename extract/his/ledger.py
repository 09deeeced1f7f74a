"""The ledger of a landing store: what is done, what is due, and how a crash between the two is harmless.

A record version is on the disk under its name before the transaction that says so commits; until then
the file is an orphan that nobody reads and the next pull clears away.  So a (run, table, window) is done
with everything in it, or it is due.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from extract.his.versions import content_hash

__all__ = ["Ledger", "Seen", "Stretch", "Task"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS run (
  run TEXT PRIMARY KEY, scope TEXT NOT NULL, pack TEXT NOT NULL, protocol TEXT NOT NULL,
  started_at TEXT NOT NULL, finished_at TEXT, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS task (
  run TEXT NOT NULL, tbl TEXT NOT NULL, window TEXT NOT NULL, state TEXT NOT NULL, rows INTEGER,
  hash TEXT, new INTEGER, changed INTEGER, unchanged INTEGER, at TEXT NOT NULL,
  PRIMARY KEY (run, tbl, window));
CREATE TABLE IF NOT EXISTS gone (run TEXT NOT NULL, tbl TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (run, tbl));
CREATE TABLE IF NOT EXISTS candidate (
  run TEXT NOT NULL, visit_id TEXT NOT NULL, patient_id TEXT NOT NULL, window TEXT NOT NULL,
  PRIMARY KEY (run, visit_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (
  run TEXT NOT NULL, patient_id TEXT NOT NULL, window TEXT NOT NULL,
  PRIMARY KEY (run, patient_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (run TEXT PRIMARY KEY, patients INTEGER NOT NULL, visits INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS reject (
  run TEXT NOT NULL, tbl TEXT NOT NULL, window TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER,
  PRIMARY KEY (run, tbl, window, reason));
CREATE TABLE IF NOT EXISTS named (
  run TEXT NOT NULL, tbl TEXT NOT NULL, reason TEXT NOT NULL, which TEXT NOT NULL,
  PRIMARY KEY (run, tbl, reason));
CREATE TABLE IF NOT EXISTS part (
  part TEXT PRIMARY KEY, run TEXT NOT NULL, tbl TEXT NOT NULL, window TEXT NOT NULL,
  rows INTEGER NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS version (
  record_id TEXT NOT NULL, version TEXT NOT NULL, part TEXT NOT NULL, first_seen TEXT NOT NULL,
  PRIMARY KEY (record_id, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
  record_id TEXT PRIMARY KEY, tbl TEXT NOT NULL, version TEXT NOT NULL, last_seen TEXT NOT NULL,
  last_run TEXT NOT NULL, gone_run TEXT, followed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS past (
  record_id TEXT NOT NULL, n INTEGER NOT NULL, version TEXT NOT NULL, last_seen TEXT NOT NULL,
  last_run TEXT NOT NULL, gone_run TEXT, until_run TEXT NOT NULL, until TEXT NOT NULL,
  PRIMARY KEY (record_id, n)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_by_table ON record (tbl);
CREATE TEMP TABLE incoming (row INTEGER PRIMARY KEY, record_id TEXT NOT NULL, version TEXT NOT NULL);
CREATE TEMP TABLE touched (record_id TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
"""


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
class Stretch:
    """Pulls that all saw one version of a record; ``until`` and ``until_run`` are empty for the last."""

    version: str
    last_seen: str
    last_run: str
    gone_run: str | None
    until_run: str = ""
    until: str = ""


@dataclass
class Seen:
    """What one (table, window) brought, while it runs."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    """Records delivered more than once with equal values."""
    contradicted: int = 0
    """Keys delivered more than once with different values; the smallest version is kept."""
    rejected: dict[str, int] = field(default_factory=dict)


class Ledger:
    """The ledger in ``landing/ledger.db``; one writer, held by ``disk.alone``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self._db = sqlite3.connect(self.path, isolation_level=None)
        # A reader never waits for a pull, and a commit is one sync.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.executescript(_SCHEMA)
        if "followed" not in {row[1] for row in self._db.execute("PRAGMA table_info(record)")}:
            self._db.execute("ALTER TABLE record ADD COLUMN followed INTEGER NOT NULL DEFAULT 0")

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

    def begin(self, scope: str, pack: str, protocol: str) -> tuple[str, bool]:
        """The run to do, and whether it goes on with one that was interrupted in the same scope."""
        with self.transaction():
            row = self._db.execute(
                "SELECT run, scope FROM run WHERE state = 'running' ORDER BY rowid DESC LIMIT 1"
            ).fetchone()
            if row is not None and row[1] == scope:
                return str(row[0]), True
            self._db.execute("UPDATE run SET state = 'abandoned' WHERE state = 'running'")
            now = datetime.now(UTC)
            count = self._db.execute("SELECT COUNT(*) FROM run").fetchone()[0]
            run = f"{now:%Y%m%dT%H%M%SZ}-{count + 1}"
            self._db.execute(
                "INSERT INTO run VALUES (?, ?, ?, ?, ?, NULL, 'running')",
                (run, scope, pack, protocol, _now()),
            )
        return run, False

    def earlier(self, scope: str) -> str | None:
        """The last finished run, if it had this scope."""
        row = self._db.execute(
            "SELECT run, scope FROM run WHERE state = 'done' ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        return str(row[0]) if row is not None and row[1] == scope else None

    def mark_gone(self, run: str, tables: Sequence[str]) -> None:
        """What the run did not see any more is gone: marked, not deleted. May be said twice."""
        with self.transaction():
            for table in tables:
                self._db.execute(
                    "UPDATE record SET gone_run = ? WHERE tbl = ? AND last_run <> ? AND gone_run IS NULL",
                    (run, table, run),
                )
                self._db.execute(
                    "INSERT OR REPLACE INTO gone SELECT ?, ?, COUNT(*) FROM record WHERE tbl = ? AND gone_run = ?",
                    (run, table, table, run),
                )

    def finish(self, run: str) -> None:
        """Close a run: from now on it is what the landing store shows."""
        with self.transaction():
            self._db.execute("UPDATE run SET state = 'done', finished_at = ? WHERE run = ?", (_now(), run))

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
        self.reject(run, table, window, seen.rejected)

    def _task(self, run: str, table: str, window: str, state: str, seen: Seen, digest: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run, table, window, state, seen.rows, digest, seen.new, seen.changed, seen.unchanged, _now()),
        )

    def reject(
        self, run: str, table: str, window: str, reasons: dict[str, int | None] | dict[str, int]
    ) -> None:
        """Count what was not delivered, or delivered with a fault; None: not counted at this site."""
        self._db.executemany(
            "INSERT OR REPLACE INTO reject VALUES (?, ?, ?, ?, ?)",
            [(run, table, window, reason, n) for reason, n in reasons.items() if n is None or n > 0],
        )

    def name(self, run: str, table: str, reason: str, which: str) -> None:
        """Say which records a counted reason means, by their keys."""
        self._db.execute("INSERT OR REPLACE INTO named VALUES (?, ?, ?, ?)", (run, table, reason, which))

    # ---- candidates and patients ----

    def add_candidates(self, run: str, window: str, visits: Iterable[tuple[str, str]]) -> None:
        """Candidate visits of a window: (visit_id, patient_id)."""
        self._db.executemany(
            "INSERT OR IGNORE INTO candidate VALUES (?, ?, ?, ?)",
            ((run, visit, patient, window) for visit, patient in visits),
        )

    def candidates(self, run: str) -> list[tuple[str, str, str]]:
        """(visit_id, patient_id, window) in the order of the visits."""
        return self._db.execute(
            "SELECT visit_id, patient_id, window FROM candidate WHERE run = ? ORDER BY visit_id", (run,)
        ).fetchall()

    def ask(self, run: str, patients: dict[str, str]) -> None:
        """The patients whose charts are pulled: id -> window."""
        self._db.execute("DELETE FROM asked WHERE run = ?", (run,))
        self._db.executemany("INSERT INTO asked VALUES (?, ?, ?)", ((run, p, w) for p, w in patients.items()))

    def asked(self, run: str) -> dict[str, str]:
        """Patient -> window of a run."""
        return dict(self._db.execute("SELECT patient_id, window FROM asked WHERE run = ? ORDER BY 1", (run,)))

    def set_totals(self, run: str, patients: int, visits: int) -> None:
        """All patients and visits of the search's dates."""
        self._db.execute("INSERT OR REPLACE INTO totals VALUES (?, ?, ?)", (run, patients, visits))

    # ---- records ----

    def meet(
        self, run: str, table: str, ids: list[str], versions: list[str], seen: Seen, *, followed: bool = False
    ) -> list[int]:
        """Take in a batch; returns the rows whose version was never landed before, to be written.

        ``followed``: the records are of patients whom only an earlier pull knew as candidates.
        """
        first: dict[str, int] = {}
        for row, record_id in enumerate(ids):
            if (other := first.setdefault(record_id, row)) != row:
                same = versions[row] == versions[other]
                seen.repeated += same
                seen.contradicted += not same
                if versions[row] < versions[other]:
                    first[record_id] = row
        self._db.execute("DELETE FROM incoming")
        self._db.executemany(
            "INSERT INTO incoming VALUES (?, ?, ?)", [(row, i, versions[row]) for i, row in first.items()]
        )
        found = self._db.execute(
            "SELECT i.row, i.version, r.version, r.last_run = ?, r.gone_run, v.version IS NOT NULL"
            " FROM incoming i LEFT JOIN record r ON r.record_id = i.record_id"
            " LEFT JOIN version v ON v.record_id = i.record_id AND v.version = i.version ORDER BY i.row",
            (run,),
        ).fetchall()
        fresh, now, older = [], _now(), []
        for row, version, old, twice, gone, landed in found:
            seen.rows += 1
            if twice:
                seen.rows -= 1
                seen.repeated += version == old
                seen.contradicted += version != old
                if version >= old:
                    older.append((row,))
                    continue
            elif old is None or gone is not None:
                seen.new += 1
            elif version == old:
                seen.unchanged += 1
            else:
                seen.changed += 1
            if not landed:
                fresh.append(row)
        # What a record was until now: history keeps the order in which its versions came and went.
        self._db.execute(
            "INSERT INTO past SELECT r.record_id, (SELECT COUNT(*) FROM past p WHERE p.record_id = r.record_id),"
            " r.version, r.last_seen, r.last_run, r.gone_run, ?, ? FROM incoming i"
            " JOIN record r ON r.record_id = i.record_id"
            " WHERE r.last_run <> ? AND (r.version <> i.version OR r.gone_run IS NOT NULL)",
            (run, now, run),
        )
        self._db.executemany("DELETE FROM incoming WHERE row = ?", older)
        self._db.execute(
            "INSERT INTO record (record_id, tbl, version, last_seen, last_run, followed)"
            " SELECT record_id, ?, version, ?, ?, ? FROM incoming WHERE TRUE ORDER BY record_id"
            " ON CONFLICT (record_id) DO UPDATE SET"
            " version = excluded.version, last_seen = excluded.last_seen, last_run = excluded.last_run,"
            " gone_run = NULL, followed = excluded.followed",
            (table, now, run, followed),
        )
        self._db.execute("INSERT OR REPLACE INTO touched SELECT record_id, version FROM incoming")
        return fresh

    def stretches(self, record_id: str) -> list[Stretch]:
        """What was seen of a record that has landed, oldest first; the last is what stands now."""
        columns = "version, last_seen, last_run, gone_run"
        past = self._db.execute(
            f"SELECT {columns}, until_run, until FROM past WHERE record_id = ? ORDER BY n",  # noqa: S608
            (record_id,),
        )
        now = self._db.execute(f"SELECT {columns} FROM record WHERE record_id = ?", (record_id,))  # noqa: S608
        return [Stretch(*row) for row in (*past, *now)]

    def landed(self, part: str, records: Iterable[tuple[str, str]]) -> None:
        """Say in which part new versions stand."""
        now = _now()
        self._db.executemany(
            "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?)",
            ((record_id, version, part, now) for record_id, version in records),
        )

    def touched(self) -> str:
        """The content hash of what was met since the last call."""
        digest = content_hash(self._db.execute("SELECT record_id, version FROM touched"))
        self._db.execute("DELETE FROM touched")
        return digest

    def add_part(self, part: str, run: str, table: str, window: str, rows: int, digest: str) -> None:
        """A file of record versions."""
        self._db.execute(
            "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", (part, run, table, window, rows, digest)
        )

    def parts(self) -> set[str]:
        """Names of every part that is landed."""
        return {row[0] for row in self._db.execute("SELECT part FROM part")}

    # ---- reports ----

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


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
