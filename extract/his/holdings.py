# ruff: noqa: S608 - SQL is put together from fixed texts of this file; values are binds
"""What the landing store holds: whose charts are pulled, who is a candidate, which version of a record is current.

All in sets: a batch goes into a table of its own and from there into the ledger, in one statement a step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from extract.his.records import TABLES
from extract.his.versions import content_hash

__all__ = ["Batch", "Holdings", "Seen", "Stretch", "now"]


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
    faults: list[tuple[str, int, frozenset[str]]] = field(default_factory=list)
    """(reason, how often, in the charts of whom)."""


@dataclass(frozen=True)
class Batch:
    """Records as they come from the hospital; columns of one length."""

    ids: list[str]
    versions: list[str]
    patients: list[str]
    visits: list[str | None]


class Holdings:
    """The holdings in an open ledger; what must hold together is called inside one ``Ledger.transaction``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # ---- candidates ----

    def find(self, window: str, visits: Iterable[tuple[str, str]]) -> None:
        """Candidate visits that this run met: (visit_id, patient_id)."""
        self._db.executemany(
            "INSERT OR IGNORE INTO found VALUES (?, ?, ?)",
            ((visit, patient, window) for visit, patient in visits),
        )

    def settle_candidates(self, number: int, patients: Iterable[str] | None = None) -> None:
        """What was found is so from this run on; what was not is so no more.  ``patients``: of these alone."""
        within = ""
        if patients is not None:
            self._some(patients)
            within = " AND patient_id IN (SELECT patient_id FROM some)"
        # Said twice by a run that was interrupted in between, it says the same.
        self._db.execute(
            "UPDATE candidacy SET until = ? WHERE until IS NULL"
            + within
            + " AND NOT EXISTS (SELECT 1 FROM found f"
            " WHERE (f.visit_id, f.patient_id, f.window) = (candidacy.visit_id, candidacy.patient_id, candidacy.window))",
            (number,),
        )
        self._db.execute("DELETE FROM candidacy WHERE until = since")
        self._db.execute(
            "INSERT INTO candidacy SELECT f.visit_id, ?, f.patient_id, f.window, NULL FROM found f WHERE NOT EXISTS"
            " (SELECT 1 FROM candidacy c WHERE c.visit_id = f.visit_id AND c.until IS NULL)",
            (number,),
        )

    def candidates(self) -> list[tuple[str, str]]:
        """(patient_id, window) of every visit that is a candidate now."""
        return self._db.execute("SELECT patient_id, window FROM candidacy WHERE until IS NULL").fetchall()

    def candidates_of(self, patients: Iterable[str]) -> list[tuple[str, str]]:
        """(patient_id, window) of the candidate visits of these patients."""
        self._some(patients)
        return self._db.execute(
            "SELECT patient_id, window FROM candidacy WHERE until IS NULL AND patient_id IN (SELECT patient_id FROM some)"
        ).fetchall()

    # ---- patients ----

    def known(self) -> dict[str, str]:
        """Patients whose charts are pulled, with the window of each."""
        return dict(self._db.execute("SELECT patient_id, window FROM known ORDER BY 1"))

    def know(self, run: str, patients: Mapping[str, str], *, whole: bool) -> None:
        """Patient -> window; ``whole``: of all, otherwise of these beside the others."""
        if whole:
            self._db.execute("DELETE FROM known")
        self._db.executemany(
            "INSERT INTO known VALUES (?, ?, ?) ON CONFLICT (patient_id) DO UPDATE SET window = excluded.window",
            ((patient, window, run) for patient, window in patients.items()),
        )

    def follow(self, patients: Iterable[str], *, followed: bool) -> None:
        """Records of these patients are followed on, or are part of the current state again."""
        self._some(patients)
        self._db.execute(
            "UPDATE record SET followed = ? WHERE patient_id IN (SELECT patient_id FROM some)", (followed,)
        )

    def count_known(self) -> int:
        """Patients whose charts are pulled."""
        return int(self._db.execute("SELECT COUNT(*) FROM known").fetchone()[0])

    def count_asked(self) -> int:
        """Patients of whom this run reads anything."""
        return int(self._db.execute("SELECT COUNT(DISTINCT patient_id) FROM asked").fetchone()[0])

    def ask(self, table: str, patients: Iterable[str]) -> None:
        """This run reads this table of the charts of these patients."""
        self._db.executemany("INSERT OR IGNORE INTO asked VALUES (?, ?)", ((p, table) for p in patients))

    def asked(self) -> dict[tuple[str, str], list[str]]:
        """(table, window) -> the patients that this run reads."""
        found: dict[tuple[str, str], list[str]] = {}
        for table, window, patient in self._db.execute(
            "SELECT a.tbl, k.window, a.patient_id FROM asked a JOIN known k ON k.patient_id = a.patient_id ORDER BY 3"
        ):
            found.setdefault((table, window), []).append(patient)
        return found

    def _some(self, patients: Iterable[str]) -> None:
        self._db.execute("DELETE FROM some")
        self._db.executemany("INSERT OR IGNORE INTO some VALUES (?)", ((patient,) for patient in patients))

    # ---- records ----

    def meet(self, run: str, table: str, batch: Batch, seen: Seen, *, followed: bool = False) -> list[int]:
        """Take in a batch; returns the rows whose version was never landed before, to be written.

        ``followed``: the records are of patients whom only an earlier pull knew as candidates.
        """
        first: dict[str, int] = {}
        for row, record_id in enumerate(batch.ids):
            if (other := first.setdefault(record_id, row)) != row:
                same = batch.versions[row] == batch.versions[other]
                _twice(seen, same=same, patients={batch.patients[row], batch.patients[other]})
                if batch.versions[row] < batch.versions[other]:
                    first[record_id] = row
        self._db.execute("DELETE FROM incoming")
        self._db.executemany(
            "INSERT INTO incoming VALUES (?, ?, ?, ?, ?)",
            [
                (row, record_id, batch.versions[row], batch.patients[row], batch.visits[row])
                for record_id, row in first.items()
            ],
        )
        found = self._db.execute(
            "SELECT i.row, i.version, r.version, r.last_run = ?, r.gone_run, v.version IS NOT NULL, r.patient_id"
            " FROM incoming i LEFT JOIN record r ON r.record_id = i.record_id"
            " LEFT JOIN version v ON v.record_id = i.record_id AND v.version = i.version ORDER BY i.row",
            (run,),
        ).fetchall()
        fresh, moment, older = [], now(), []
        for row, version, old, twice, gone, landed, patient in found:
            seen.rows += 1
            if twice:
                seen.rows -= 1
                _twice(seen, same=version == old, patients={patient, batch.patients[row]})
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
            f" r.version, {_LAST_SEEN}, {_LAST_RUN}, r.gone_run, :run, :now FROM incoming i"
            f" JOIN record r ON r.record_id = i.record_id LEFT JOIN run l ON l.run = r.last_run LEFT JOIN {_ENDED} e"
            " WHERE r.last_run <> :run AND (r.version <> i.version OR r.gone_run IS NOT NULL)",
            {"run": run, "now": moment},
        )
        self._db.executemany("DELETE FROM incoming WHERE row = ?", older)
        self._db.execute(
            "INSERT INTO record (record_id, tbl, version, last_seen, last_run, followed, patient_id, visit_id)"
            " SELECT record_id, ?, version, ?, ?, ?, patient_id, visit_id FROM incoming WHERE TRUE ORDER BY record_id"
            " ON CONFLICT (record_id) DO UPDATE SET"
            " version = excluded.version, last_seen = excluded.last_seen, last_run = excluded.last_run,"
            " gone_run = NULL, followed = excluded.followed, patient_id = excluded.patient_id,"
            " visit_id = excluded.visit_id",
            (table, moment, run, followed),
        )
        self._db.execute("INSERT OR REPLACE INTO met SELECT record_id, version FROM incoming")
        return fresh

    def landed(self, part: str, records: Iterable[tuple[str, str]]) -> None:
        """Say in which part new versions stand."""
        moment = now()
        self._db.executemany(
            "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?)",
            ((record_id, version, part, moment) for record_id, version in records),
        )

    def met(self) -> str:
        """The content hash of what was met since the last call."""
        digest = content_hash(self._db.execute("SELECT record_id, version FROM met"))
        self._db.execute("DELETE FROM met")
        return digest

    def mark_gone(self, run: str, table: str, *, whole: bool) -> None:
        """What the run asked for and did not see is gone: marked, not deleted. May be said twice.

        ``whole``: the run asked for the table of everybody, else only of those in ``asked``.
        """
        # Of a night the few who were asked lead to their records, not the table to all of its.
        index, within = (
            ("", "")
            if whole
            else (
                " INDEXED BY record_by_patient",
                " AND patient_id IN (SELECT a.patient_id FROM asked a WHERE a.tbl = :table)",
            )
        )
        self._db.execute(
            f"UPDATE record{index} SET gone_run = :run, (last_seen, last_run) ="
            f" (SELECT {_LAST_SEEN}, {_LAST_RUN} FROM (SELECT record.last_seen, record.last_run, record.gone_run) r"
            f" LEFT JOIN run l ON l.run = r.last_run LEFT JOIN {_ENDED} e)"
            f" WHERE tbl = :table AND last_run <> :run AND gone_run IS NULL{within}",
            {"run": run, "table": table},
        )
        self._db.execute(
            "INSERT OR REPLACE INTO gone SELECT ?, ?, COUNT(*) FROM record WHERE tbl = ? AND gone_run = ?",
            (run, table, table, run),
        )

    def present(self) -> dict[str, int]:
        """Table -> records that are there, with those that are followed on."""
        return dict(self._db.execute("SELECT tbl, COUNT(*) FROM record WHERE gone_run IS NULL GROUP BY tbl"))

    def current(self, table: str, *, followed: bool) -> list[tuple[str, str, str, str, str]]:
        """(record_id, version, first_seen, last_seen, part) of every record that is not gone."""
        return self._db.execute(
            f"SELECT r.record_id, r.version, v.first_seen, {_LAST_SEEN}, v.part FROM record r"
            " JOIN version v ON v.record_id = r.record_id AND v.version = r.version"
            f" LEFT JOIN run l ON l.run = r.last_run LEFT JOIN {_LATEST} e"
            " WHERE r.tbl = ? AND r.gone_run IS NULL AND r.followed <= ?",
            (table, followed),
        ).fetchall()

    def versions(self, record_id: str) -> list[tuple[str, str, str, str, str]]:
        """The same of every version of a record, also of one that is gone."""
        return self._db.execute(
            f"SELECT v.record_id, v.version, v.first_seen, {_LAST_SEEN}, v.part FROM version v"
            " JOIN record r ON r.record_id = v.record_id"
            f" LEFT JOIN run l ON l.run = r.last_run LEFT JOIN {_LATEST} e WHERE v.record_id = ?",
            (record_id,),
        ).fetchall()

    def content(self, table: str) -> str:
        """The content hash of the current state of a table."""
        return content_hash(
            self._db.execute(
                "SELECT record_id, version FROM record WHERE tbl = ? AND gone_run IS NULL AND followed = 0",
                (table,),
            )
        )

    def stretches(self, record_id: str) -> list[Stretch]:
        """What was seen of a record that has landed, oldest first; the last is what stands now."""
        past = self._db.execute(
            "SELECT version, last_seen, last_run, gone_run, until_run, until FROM past WHERE record_id = ? ORDER BY n",
            (record_id,),
        ).fetchall()
        current = self._db.execute(
            f"SELECT r.version, {_LAST_SEEN}, {_LAST_RUN}, r.gone_run FROM record r"
            f" LEFT JOIN run l ON l.run = r.last_run LEFT JOIN {_LATEST} e WHERE r.record_id = ?",
            (record_id,),
        ).fetchall()
        return [Stretch(*row) for row in (*past, *current)]

    # ---- faults and links ----

    def forget_faults(self, table: str, *, whole: bool) -> None:
        """Before a table of the asked is read: what was wrong with it is counted anew."""
        within = (
            ""
            if whole
            else " AND id IN (SELECT f.fault FROM fault_of f JOIN asked a ON a.patient_id = f.patient_id AND a.tbl = :table)"
        )
        self._db.execute(f"DELETE FROM fault WHERE tbl = :table{within}", {"table": table})
        self._db.execute("DELETE FROM fault_of WHERE fault NOT IN (SELECT id FROM fault)")

    def fault(self, table: str, faults: Iterable[tuple[str, int, frozenset[str]]]) -> None:
        """Count faults of records, with the patients among whose records they are."""
        for reason, n, patients in faults:
            if n:
                row = self._db.execute(
                    "INSERT INTO fault (tbl, reason, n) VALUES (?, ?, ?)", (table, reason, n)
                )
                self._db.executemany(
                    "INSERT INTO fault_of VALUES (?, ?)", ((patient, row.lastrowid) for patient in patients)
                )

    def faults(self) -> list[tuple[str, str, int]]:
        """(table, reason, how often), of the current state: a fresh pull would not see whom this one follows on."""
        return self._db.execute(
            "SELECT tbl, reason, SUM(n) FROM fault WHERE id NOT IN (SELECT o.fault FROM fault_of o WHERE EXISTS"
            " (SELECT 1 FROM record r WHERE r.patient_id = o.patient_id AND r.followed = 1)) GROUP BY tbl, reason"
        ).fetchall()

    def with_fault(self, table: str, patients: Iterable[str]) -> set[str]:
        """Everybody who shares a fault with these patients: whoever asks for one asks for all."""
        self._some(patients)
        return {
            row[0]
            for row in self._db.execute(
                "SELECT DISTINCT o.patient_id FROM some s JOIN fault_of m ON m.patient_id = s.patient_id"
                " JOIN fault f ON f.id = m.fault AND f.tbl = ? JOIN fault_of o ON o.fault = f.id",
                (table,),
            )
        }

    def link(self, run: str, *, whole: bool) -> None:
        """Say which records have no visit (1), or one that the landing store does not hold (2).

        ``whole``: of all records; else of those that this run may have changed, and those that name a
        visit which has come or gone.
        """
        state = (
            "CASE WHEN visit_id IS NULL THEN 1 WHEN EXISTS (SELECT 1 FROM record v WHERE v.record_id = 'visit:' ||"
            " record.visit_id AND v.gone_run IS NULL AND v.followed = 0) THEN 0 ELSE 2 END"
        )
        which = "SELECT record_id FROM record WHERE gone_run IS NULL"
        if not whole:
            self._db.execute("DELETE FROM some")
            self._db.execute(
                "INSERT INTO some SELECT patient_id FROM asked UNION SELECT patient_id FROM touched"
            )
            if not self._db.execute("SELECT EXISTS (SELECT 1 FROM some)").fetchone()[0]:
                return
            which = (
                "SELECT record_id FROM record WHERE patient_id IN (SELECT patient_id FROM some)"
                " UNION SELECT record_id FROM record WHERE visit_id IN (SELECT SUBSTR(record_id, 7) FROM record"
                " WHERE tbl = 'visit' AND (gone_run = :run OR patient_id IN (SELECT patient_id FROM some)))"
            )
        self._db.execute(
            f"UPDATE record SET unlinked = {state} WHERE record_id IN ({which}) AND unlinked <> {state}",
            {"run": run},
        )

    def unlinked(self) -> dict[tuple[str, int], int]:
        """(table, 1 or 2) -> records of the current state."""
        return {
            (table, state): n
            for table in TABLES
            for state, n in self._db.execute(
                "SELECT unlinked, COUNT(*) FROM record WHERE tbl = ? AND gone_run IS NULL AND followed = 0"
                " AND unlinked > 0 GROUP BY unlinked",
                (table,),
            )
        }


_ENDED = (
    "(SELECT run, finished_at, rowid AS number FROM run WHERE state IN ('done', 'partial')"
    " AND rowid < (SELECT rowid FROM run WHERE run = :run) ORDER BY rowid DESC LIMIT 1)"
)
"""The last run that ended before the running one: it saw every record that is not gone."""
_LATEST = (
    "(SELECT run, finished_at, rowid AS number FROM run WHERE state IN ('done', 'partial')"
    " ORDER BY rowid DESC LIMIT 1)"
)
_CARRIED = "r.gone_run IS NULL AND e.number > l.rowid"
_LAST_SEEN = f"CASE WHEN {_CARRIED} THEN e.finished_at ELSE r.last_seen END"
_LAST_RUN = f"CASE WHEN {_CARRIED} THEN e.run ELSE r.last_run END"


def _twice(seen: Seen, *, same: bool, patients: set[str]) -> None:
    seen.faults.append(("repeated_key" if same else "contradicted_key", 1, frozenset(patients)))


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
