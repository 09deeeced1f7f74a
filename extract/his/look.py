"""A look at the hospital before anything is read: what has drifted, and whose chart may have changed.

A patient whose marks are those of the run before has the same records as then, and is not asked for.
What is asked of the server is one scan of each source table that the pack reads; where nothing of a
table has changed, not even its marks are asked for (docs/adr/0010, 0011).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extract.his import compile_marks as compiled
from extract.his.branches import Branch
from extract.his.columns import kinds, stamps_rows, unique_keys
from extract.his.compile import Statement
from extract.his.drift import canonical_of, changed_since, may_have_drifted, missing, source_tables
from extract.his.guard.watch import Guard
from extract.his.ledger import Ledger, Run, Seen
from extract.his.looks import Sight
from extract.his.mapping import reads
from extract.his.marks import Marks, counted
from extract.his.sites import Site

__all__ = ["Look", "marked_by"]

_HOSPITAL: Final = "hospital"
_DAY: Final = 86_400


def marked_by(site: Site, stamped: set[str]) -> dict[str, str]:
    """Canonical table -> how it is marked: ``rows`` or ``time``; a table that is not here is compared in full."""
    found = {}
    for name, table in site.pack.tables.items():
        sources = set(reads(table.sql, site.dialect, table.origin))
        if sources <= stamped and compiled.row_branches(site, name) is not None:
            found[name] = "rows"
        elif name in site.limits.trusted:
            found[name] = "time"
    return found


@dataclass
class Look:
    """The look of one run; ``take`` may be called again by a run that was interrupted."""

    landing: Path
    site: Site
    guard: Guard
    ledger: Ledger
    run: Run
    accepted: frozenset[str] = frozenset()
    """Source tables whose drift the operator has looked at and accepts."""
    stamped: set[str] = field(init=False)
    marked: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.sources = sorted(source_tables(self.site))
        self.stamped = stamps_rows(self.guard.engine, self.sources)
        self.marked = marked_by(self.site, self.stamped)
        looks, basis = self.ledger.looks, self.run.basis or ""
        self.before = looks.seen(basis)
        """The source tables as the run saw them that this night goes on from."""
        self.skipped = self.ledger.stopped(basis).keys()
        """Tables that it did not read: their marks are older than what it saw."""

    def take(self) -> None:
        """Sights, drift and marks of this run, in the ledger."""
        if not self._done("sights"):
            self._sights()
        stopped = self.ledger.stopped(self.run.name)
        unique = unique_keys(self.guard.engine, self.sources)
        marks = Marks(self.landing / "marks", self.site, self.guard, self.run.name, unique)
        now = self.ledger.looks.seen(self.run.name)
        for table, kind in self.marked.items():
            if kind == "time":
                self._by_time(table, marks, stopped=table in stopped)
                continue
            for branch in compiled.row_branches(self.site, table) or ():
                self._by_row(branch, marks, now, stopped=table in stopped)

    def counted(self) -> dict[str, int]:
        """File of a counting query -> its figure, where the marks of this run answer it."""
        found: dict[str, int] = {}
        files = self.ledger.looks.marks(self.run.name)
        for table, kind in self.marked.items():
            for branch in (compiled.row_branches(self.site, table) or ()) if kind == "rows" else ():
                asked = compiled.counts_of(self.site, branch)
                if asked and branch.name in files:
                    figures = counted(self.landing / "marks", files[branch.name][1])
                    found |= dict(zip(asked, figures, strict=True))
        return found

    def unchanged(self, sources: set[str]) -> bool:
        """Whether not one row of these source tables has changed since the run that this night goes on from."""
        before = self.before
        now = self.ledger.looks.seen(self.run.name)
        return all(
            source in before and source in now and now[source].stamp is not None
            and (now[source].rows, now[source].stamp) == (before[source].rows, before[source].stamp)
            for source in sources
        )  # fmt: skip

    def _done(self, what: str) -> bool:
        task = self.ledger.tasks(self.run.name).get((what, _HOSPITAL))
        return task is not None and task.state == "done"

    # ---- sights and drift ----

    def _sights(self) -> None:
        gone = missing(self.guard.engine, self.site)
        columns = source_tables(self.site)
        there = [source for source in self.sources if source not in gone]
        told = kinds(self.guard.engine, there)
        sound = self.ledger.looks.last_sound(self.run.name)
        now = {
            source: self._sight(source, sorted(columns[source]), told[source], sound.get(source))
            for source in there
        }
        before = {source: sight for source, sight in sound.items() if source not in self.accepted}
        problems = gone | changed_since(before, now, self.site.limits.drift_share)
        readers = canonical_of(self.site)
        with self.ledger.transaction():
            self.ledger.looks.see(self.run.name, now)
            for source, found in problems.items():
                self.ledger.stop(self.run.name, f"source:{source}", found)
                for table in readers.get(source, ()):
                    self.ledger.stop(self.run.name, table, found)
            self.ledger.done(self.run.name, "sights", _HOSPITAL, Seen(rows=len(now)), "")

    def _sight(self, source: str, columns: list[str], told: dict[str, str], sound: Sight | None) -> Sight:
        read = [name for name in columns if name]
        told = {name: kind for name, kind in told.items() if name in read}
        if source in self.stamped:
            return self._stamped(source, read, told, sound)
        if not self.site.limits.count_scans:
            return Sight(0, None, told, {})
        statement = compiled.sight(source, read, quoted=self.site.dialect == "duckdb")
        return Sight(*self._counted(read, statement, told))

    def _stamped(self, source: str, read: list[str], told: dict[str, str], sound: Sight | None) -> Sight:
        """How often each column is filled is counted again only where so much has changed that it could matter."""
        before = self.before.get(source)
        low = (before.low if before else None) or 0
        [row] = self.guard.one(compiled.stamps(source, low), compiled.STAMPS).to_pylist()
        stamp = None if row["stamp"] is None and row["n"] else str(row["stamp"] or 0)
        fresh = row["fresh"], row["fresh_stamp"] or 0
        now = Sight(row["n"], stamp, told, {}, None, 0, row["low"], *fresh)
        if (
            before is not None
            and before == sound
            and before.low is not None
            and before.filled.keys() == set(read)
        ):
            same = (now.rows, now.stamp) == (before.rows, before.stamp)
            # A transaction that was open at both looks makes rows look fresh that are not.
            lost = before.lost + (0 if same else max(before.rows - (now.rows - now.fresh), 0))
            then = before.rows if before.counted is None else before.counted
            carried = replace(now, filled=before.filled, counted=then, lost=lost)
            if not may_have_drifted(carried, self.site.limits.drift_share):
                return carried
        rows, _, _, filled = self._counted(read, compiled.sight(source, read, stamped=True), told)
        return replace(now, filled=filled, counted=rows)

    def _counted(
        self, read: list[str], statement: Statement, told: dict[str, str]
    ) -> tuple[int, None, dict[str, str], dict[str, int]]:
        [row] = self.guard.one(statement, compiled.sight_schema(read)).to_pylist()
        return row["n"], None, told, {name: row[f"c{i}"] for i, name in enumerate(read)}

    # ---- marks ----

    def _by_row(self, branch: Branch, marks: Marks, now: Mapping[str, Sight], *, stopped: bool) -> None:
        """The marks of a branch: those of the last look where nothing has changed, or asked for."""
        if self._done(f"marks {branch.name}"):
            return
        kind, before = self.ledger.looks.marks(self.run.basis).get(branch.name, ("", ""))
        known = before if kind == "rows" else None
        file, touched = known or "", set[str]()
        read = branch.table not in self.skipped
        if not stopped and not (known and read and self.unchanged(branch.sources)):
            file, touched = marks.by_row(branch, known, self.before if read else {}, now)
        self._told(branch.table, branch.name, ("rows", file), touched)

    def _by_time(self, table: str, marks: Marks, *, stopped: bool) -> None:
        if self._done(f"marks {table}"):
            return
        kind, before = self.ledger.looks.marks(self.run.basis).get(table, ("", ""))
        file, touched = before, set[str]()
        if not stopped:
            file = marks.by_time(table)
            if before and kind == "time":
                touched = marks.differ(before, file) | self._doubtful(table, file)
        self._told(table, table, ("time", file), touched)

    def _told(self, table: str, name: str, marks: tuple[str, str], touched: set[str]) -> None:
        with self.ledger.transaction():
            if marks[1]:
                self.ledger.looks.mark(self.run.name, name, *marks)
            self.ledger.looks.touch(table, touched)
            self.ledger.done(self.run.name, f"marks {name}", _HOSPITAL, Seen(rows=len(touched)), "")

    def _doubtful(self, table: str, file: str) -> set[str]:
        """Patients whose times cannot be trusted to show a change."""
        marks = pq.read_table(self.landing / "marks" / file)
        doubtful = pc.greater(marks.column("mark"), 0)
        if (since := self.since(table)) is not None:
            recent = pc.greater_equal(marks.column("latest"), pa.scalar(since, pa.timestamp("s")))
            doubtful = pc.or_(doubtful, pc.fill_null(recent, fill_value=False))
        return set(marks.filter(doubtful).column("patient_id").to_pylist())

    def since(self, table: str) -> datetime | None:
        """From when on a time in ``updated_at`` is asked for again.

        The day on which the last run's start falls by the server's clock, less the longest delay seen so
        far.  The bound is closed and of whole days, because many hospitals write no more than the day.
        """
        if not (told := self.ledger.server_time(self.run.basis or "")):
            return None
        late = max(_DAY, self.ledger.looks.lateness().get(table, 0))
        late = min(late, self.site.limits.lookback_days * _DAY)
        bound = datetime.fromisoformat(told) - timedelta(seconds=late)
        return bound.replace(hour=0, minute=0, second=0)
