"""A look at the hospital before anything is read: what has drifted, and whose chart may have changed.

A patient whose marks are those of the run before has the same records as then, and is not asked for.
What is asked of the server is one scan of each source table that the pack reads; where nothing of a
table has changed, not even its marks are asked for (docs/adr/0010).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extract.his import compile_nights as compiled
from extract.his.columns import kinds, stamps_rows
from extract.his.compile import Statement
from extract.his.disk import keep
from extract.his.drift import canonical_of, changed_since, missing, source_tables
from extract.his.guard.session import whole_tables
from extract.his.guard.watch import Guard
from extract.his.ledger import Ledger, Run, Seen
from extract.his.looks import Sight
from extract.his.mapping import reads
from extract.his.sites import Site

__all__ = ["Look", "clear_marks", "marked_by"]

_HOSPITAL: Final = "hospital"
_DAY: Final = 86_400


def marked_by(site: Site, stamped: set[str]) -> dict[str, str]:
    """Canonical table -> how it is marked: ``row`` or ``time``; a table that is not here is compared in full."""
    found = {}
    for name, table in site.pack.tables.items():
        sources = set(reads(table.sql, site.dialect, table.origin))
        if sources <= stamped and compiled.marks_by_row(site, name) is not None:
            found[name] = "row"
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

    def take(self) -> None:
        """Sights, drift and marks of this run, in the ledger."""
        if not self._done("sights"):
            self._sights()
        stopped = self.ledger.stopped(self.run.name)
        for table, kind in self.marked.items():
            if not self._done(f"marks {table}"):
                self._marks(table, kind, stopped=table in stopped)

    def unchanged(self, sources: set[str]) -> bool:
        """Whether not one row of these source tables has changed since the run that this night goes on from."""
        before = self.ledger.looks.seen(self.run.basis or "")
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
        now = {source: self._sight(source, sorted(columns[source]), told[source]) for source in there}
        before = {
            source: sight
            for source, sight in self.ledger.looks.last_sound(self.run.name).items()
            if source not in self.accepted
        }
        problems = gone | changed_since(before, now, self.site.limits.drift_share)
        readers = canonical_of(self.site)
        with self.ledger.transaction():
            self.ledger.looks.see(self.run.name, now)
            for source, found in problems.items():
                self.ledger.stop(self.run.name, f"source:{source}", found)
                for table in readers.get(source, ()):
                    self.ledger.stop(self.run.name, table, found)
            self.ledger.done(self.run.name, "sights", _HOSPITAL, Seen(rows=len(now)), "")

    def _sight(self, source: str, columns: list[str], told: dict[str, str]) -> Sight:
        read = [name for name in columns if name]
        told = {name: kind for name, kind in told.items() if name in read}
        if not self.site.limits.count_scans and source not in self.stamped:
            return Sight(0, None, told, {})
        quoted = self.site.dialect == "duckdb"
        statement = compiled.sight(source, read, stamped=source in self.stamped, quoted=quoted)
        [row] = self.guard.one(statement, compiled.sight_schema(read)).to_pylist()
        stamp = None if row["stamp"] is None and row["n"] else str(row["stamp"])
        filled = {name: row[f"c{i}"] for i, name in enumerate(read)}
        return Sight(row["n"], stamp if source in self.stamped else None, told, filled)

    # ---- marks ----

    def _marks(self, table: str, kind: str, *, stopped: bool) -> None:
        before = self.ledger.looks.marks(self.run.basis).get(table)
        source = self.site.pack.tables[table]
        file, touched = "", set[str]()
        if before is not None and (
            stopped
            or (kind == "row" and self.unchanged(set(reads(source.sql, self.site.dialect, source.origin))))
        ):
            file = before[1]
        elif not stopped:
            file = self._asked(table, kind)
            if before is not None and before[0] == kind:
                touched = self._touched(table, kind, file, before[1])
        with self.ledger.transaction():
            if file:
                self.ledger.looks.mark(self.run.name, table, kind, file)
            self.ledger.looks.touch(table, touched)
            self.ledger.done(self.run.name, f"marks {table}", _HOSPITAL, Seen(rows=len(touched)), "")

    def _asked(self, table: str, kind: str) -> str:
        name = f"{self.run.name}-{table}.parquet"
        final = self.landing / "marks" / name
        temporary = final.with_suffix(".part")
        temporary.parent.mkdir(exist_ok=True)
        with (
            pq.ParquetWriter(temporary, compiled.MARKS, compression="zstd") as writer,
            whole_tables(self.guard.engine),
        ):
            for batch in self.guard.stream(self._statement(table, kind), compiled.MARKS):
                writer.write_batch(batch)
        keep(temporary, final)
        return name

    def _statement(self, table: str, kind: str) -> Statement:
        by_row = compiled.marks_by_row(self.site, table) if kind == "row" else None
        return by_row or compiled.marks_by_time(self.site, table)

    def _touched(self, table: str, kind: str, now: str, before: str) -> set[str]:
        """Patients whose marks are not those of the run before, or cannot be trusted to show a change."""
        new, old = (pq.read_table(self.landing / "marks" / name) for name in (now, before))
        pairs = pa.concat_tables([new, old]).group_by(new.schema.names).aggregate([([], "count_all")])
        moved = pairs.filter(pc.equal(pairs.column("count_all"), 1)).column("patient_id").to_pylist()
        if kind == "row":
            return set(moved)
        doubtful = pc.greater(new.column("mark"), 0)
        if (since := self.since(table)) is not None:
            recent = pc.greater_equal(new.column("latest"), pa.scalar(since, pa.timestamp("s")))
            doubtful = pc.or_(doubtful, pc.fill_null(recent, fill_value=False))
        return {*moved, *new.filter(doubtful).column("patient_id").to_pylist()}

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


def clear_marks(landing: Path, known: set[str]) -> None:
    """Remove files of marks that no run can ask for any more."""
    for file in (landing / "marks").glob("*"):
        if file.name not in known:
            file.unlink()
