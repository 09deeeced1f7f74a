"""A pull: the superset of the search, then the whole charts of its patients, landed.

1. A look at the hospital's tables: what has drifted, and whose chart may have changed (extract/his/look.py).
2. Candidates, and whom to ask for which table (extract/his/patients.py).
3. Charts: every canonical table of those, by batches of patients (extract/his/reading.py).
4. What was asked for and is not delivered any more is marked gone; what is counted is counted.

The first pull, and every ``[limits] sweep_days`` after it another, asks everybody for everything; the nights
between ask what the look found.  Each step is a transaction of the ledger (extract/his/ledger.py), so a
killed pull goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from extract.errors import SchemaDrift
from extract.his.columns import clock, identity
from extract.his.disk import alone, storage_faults
from extract.his.drift import source_tables
from extract.his.guard.watch import Guard, check_hours, stoppable
from extract.his.ledger import Ledger, Run, Seen
from extract.his.look import Look
from extract.his.marks import clear_marks
from extract.his.patients import Patients, searched_tables
from extract.his.reading import Reading
from extract.his.records import SCHEMAS
from extract.his.sites import Site, load_site
from extract.his.source import opened, source
from extract.his.tallies import Tallies
from extract.his.versions import content_hash
from extract.his.windows import chart_span
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol

__all__ = ["PullReport", "pull"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class PullReport:
    """What a pull did; every number is of this run, also where the run was interrupted in between."""

    run: str
    windows: list[dict[str, Any]]
    records: dict[str, dict[str, int]]
    candidates: int
    """Visits of the SQL superset."""
    rejected: list[dict[str, Any]]
    seconds: float
    patients: int = 0
    """Patients whose charts are pulled."""
    resumed: bool = False
    load: str = ""
    """The load report for the DBA; beside it the same as a page of text (.md)."""
    mode: str = "full"
    """``full``, or ``night``: only what may have changed was asked for."""
    asked: int = 0
    """Patients of whom anything was asked in this run."""
    late: dict[str, int] = field(default_factory=dict)
    """Table whose ``updated_at`` is trusted -> the longest that a change came late, in seconds."""

    def to_json(self) -> dict[str, Any]:
        """The stable shape of ``cohortlock pull --json``."""
        return {
            "run": self.run,
            "mode": self.mode,
            "asked": self.asked,
            "windows": self.windows,
            "records": self.records,
            "candidates": self.candidates,
            "rejected": self.rejected,
            "late": self.late,
            "seconds": self.seconds,
            "load_report": self.load,
        }


def pull(
    folder: StudyFolder,
    *,
    full: bool = False,
    wait: float = 0,
    accept: Collection[str] = (),
    progress: Progress | None = None,
) -> PullReport:
    """Pull what is new and changed; ``progress(what, share)`` is told how far it is, share in 0..1.

    ``full`` asks everybody for everything, whatever earlier pulls know.  ``wait``: seconds to wait for
    another pull of this study.  ``accept``: source tables that are meant to be as they now are.
    Raises ProtocolInvalid, SiteInvalid, Busy, StorageFault, DriverMissing, SourceUnreachable,
    SourceRefused, SchemaDrift (after all tables that have not drifted were landed), and the guard's
    NotSelect, WriteRight, TooCostly, NotNow.
    """
    started = time.monotonic()
    protocol, site = folder.protocol(), load_site(folder)
    check_hours(site)
    tell = progress or _silent
    with (
        stoppable(),
        storage_faults(folder.landing),
        alone(folder.landing, wait=wait, waiting=partial(tell, "waiting for another pull", 0.0)),
        source(site) as engine,
        Guard(engine, site, partial(opened, site)) as guard,
    ):
        ledger = Ledger(folder.landing)
        try:
            run = _begun(ledger, guard, protocol, site, full=full)
            load = _load_file(folder.landing, run.name)
            guard.file(load, run.name)
            one = _Pull(folder.landing, protocol, site, guard, ledger, run, tell, frozenset(accept))
            one.do()
            report = one.report(time.monotonic() - started, load)
            stopped = ledger.stopped(run.name)
        finally:
            ledger.close()
    if stopped:
        raise _drifted(site, stopped)
    return report


def _silent(_what: str, _share: float) -> None:
    """Nobody listens."""


def _begun(ledger: Ledger, guard: Guard, protocol: Protocol, site: Site, *, full: bool) -> Run:
    """The run to do: a night where the last run knows enough to go on from and no sweep is due."""
    engine, sources = guard.engine, sorted(source_tables(site))
    scope = _scope(protocol, site)
    same = identity(engine, sources)
    swept = ledger.swept(scope)
    days = site.limits.sweep_days
    due = swept is None or (
        days > 0 and datetime.fromisoformat(f"{swept}+00:00") + timedelta(days=days) <= datetime.now(UTC)
    )
    last = ledger.last()
    # A table of several branches has marks of each.
    known = {name.partition(" ")[0] for name in ledger.looks.marks(last)} if last else set()
    return ledger.begin(
        scope,
        f"{site.pack.name} {site.pack.version}",
        protocol.hash,
        identity=f"{same} {_reading(site)}" if same else "",
        full=full,
        night=not due and bool(same) and searched_tables(site, protocol) <= known,
        server_time=clock(engine),
    )


def _load_file(landing: Path, run: str) -> Path:
    """Where the load report of this run goes; a run that was interrupted has one for each attempt."""
    folder = landing / "load"
    tries = sum(1 for _ in folder.glob(f"{run}*.json"))
    return folder / (f"{run}.json" if tries == 0 else f"{run}.{tries + 1}.json")


def _scope(protocol: Protocol, site: Site) -> str:
    """What must be equal for a run to be resumed and for earlier patients to be followed on."""
    span = chart_span(protocol)
    said = {
        "search": protocol.search.model_dump(mode="json", by_alias=True),
        "span": [span.start.isoformat(), span.end.isoformat()],
        "pack": [site.pack.name, site.pack.version, site.dialect],
        "sql": {name: table.sql for name, table in site.pack.tables.items()},
        "window": site.limits.window,
        "encodings": dict(site.encodings.declared),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _reading(site: Site) -> str:
    """What must be equal for a value that was read before to be read the same today."""
    said = {
        "program": version("cohortlock"),
        "zone": site.zone,
        "encodings": site.encodings.model_dump(mode="json"),
        "trusted": sorted(site.limits.trusted),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _drifted(site: Site, stopped: dict[str, list[str]]) -> SchemaDrift:
    sources = {name.partition(":")[2]: why for name, why in stopped.items() if name.startswith("source:")}
    tables = [name for name in stopped if name in SCHEMAS]
    told = "\n  ".join(line for why in sources.values() for line in why)
    return SchemaDrift(
        f"pack {site.pack.name} {site.pack.version} does not fit this database:\n  {told}\n"
        f"  Nothing of {', '.join(tables) or 'these tables'} was landed; all other tables were.",
        "Copy the named file to the study's sql/ folder and mend it there, or declare the canonical table absent; "
        f"or, where the table is meant to be as it is: cohortlock pull --accept {next(iter(sources), 'TABLE')}.",
    )


@dataclass
class _Pull:
    """One run; every method is one step and skips what the ledger says is done."""

    landing: Path
    protocol: Protocol
    site: Site
    guard: Guard
    ledger: Ledger
    run: Run
    progress: Progress
    accepted: frozenset[str]
    asked: int = 0

    def do(self) -> None:
        self._clear_orphans()
        self.progress("looking", 0.0)
        look = Look(self.landing, self.site, self.guard, self.ledger, self.run, self.accepted)
        look.take()
        stopped = self.ledger.stopped(self.run.name)
        ended = self.ledger.ended(self.run.name)
        earlier = ended is not None and self.ledger.scope(ended[0]) == self.ledger.scope(self.run.name)
        patients = Patients(
            self.site,
            self.protocol,
            self.guard,
            self.ledger,
            self.run,
            set(look.marked),
            earlier,
            self.progress,
        )
        if stopped.keys() & patients.searched and not earlier:
            # Nobody can be searched for, and nobody was ever found.
            self.ledger.abandon(self.run.name)
            raise _drifted(self.site, stopped)
        patients.settle(stopped.keys() & self.site.pack.tables.keys())
        tallies = Tallies(self.site, self.protocol, self.guard, self.ledger, self.run, look, stopped)
        if not self._done("tallies", "hospital"):
            self.progress("totals", 0.32)
            tallies.totals()
            tallies.counts()
            with self.ledger.transaction():
                self.ledger.done(self.run.name, "tallies", "hospital", Seen(), "")
        self._charts(stopped)
        self.progress("counting", 0.96)
        self._settled(stopped)
        self.asked = self.ledger.holdings.count_asked()
        self.ledger.finish(self.run.name, partial=bool(stopped))
        self._tidy()
        self.progress("done", 1.0)

    def _done(self, table: str, window: str) -> bool:
        task = self.ledger.tasks(self.run.name).get((table, window))
        return task is not None and task.state == "done"

    def _charts(self, stopped: Collection[str]) -> None:
        asked = self.ledger.holdings.asked()
        ended = self.ledger.ended(self.run.name)
        told = self.ledger.server_time(ended[0]) if ended else ""
        since = datetime.fromisoformat(told) if told else None
        reading = Reading(self.landing, self.site, self.protocol, self.guard, self.ledger, self.run, since)
        tasks = self.ledger.tasks(self.run.name)
        names = [*dict.fromkeys(window for _, window in asked)]
        if self.run.mode == "full":
            # Windows in which nobody is a candidate are done, all in one transaction.
            names = [*dict.fromkeys([*self._windows(), *names])]
            with self.ledger.transaction():
                for name in names:
                    for table in self.site.pack.tables:
                        if (table, name) not in asked and table not in stopped:
                            self.ledger.done(self.run.name, table, name, Seen(), content_hash([]))
        steps = [(name, table) for name in names for table in self.site.pack.tables if (table, name) in asked]
        for number, (name, table) in enumerate(steps):
            task = tasks.get((table, name))
            if task is None or task.state != "done":
                self.progress(f"{table} {name}", 0.35 + 0.6 * number / len(steps))
                reading.read(table, name, asked[table, name])

    def _windows(self) -> list[str]:
        from extract.his.windows import windows

        search = self.protocol.search
        return [window.name for window in windows(search.from_, search.to, self.site.limits.window)]

    def _settled(self, stopped: Collection[str]) -> None:
        """What is gone, what has no visit, and what was wrong with the records."""
        ledger, run, whole = self.ledger, self.run.name, self.run.mode == "full"
        with ledger.transaction():
            for table in SCHEMAS:
                if table not in stopped:
                    ledger.holdings.mark_gone(run, table, whole=whole)
            ledger.holdings.link(run, whole=whole)
            for table, reason, n in ledger.holdings.faults():
                ledger.reject(run, table, "records", {reason: n})
            for (table, state), n in ledger.holdings.unlinked().items():
                if table not in self.site.pack.absent and table not in {"patient", "visit"}:
                    ledger.reject(run, table, "chart", {("no_visit", "visit_not_in_chart")[state - 1]: n})

    def _clear_orphans(self) -> None:
        """Files that a killed pull wrote and never told the ledger of."""
        records, known = self.landing / "records", self.ledger.parts()
        for file in records.glob("*/*"):
            if file.relative_to(records).as_posix() not in known:
                file.unlink()
        clear_marks(self.landing, self.ledger.looks.files())

    def _tidy(self) -> None:
        """Let go of what no later run can ask for."""
        with self.ledger.transaction():
            self.ledger.looks.forget(self.run.name)
        clear_marks(self.landing, self.ledger.looks.files())

    def report(self, seconds: float, load: Path) -> PullReport:
        ledger, run = self.ledger, self.run.name
        tasks, gone, present = ledger.tasks(run), ledger.gone(run), ledger.holdings.present()
        records = {
            table: {"new": 0, "changed": 0, "unchanged": 0, "gone": gone.get(table, 0)} for table in SCHEMAS
        }
        for (table, _window), task in tasks.items():
            if table in records:
                for name in ("new", "changed"):
                    records[table][name] += getattr(task, name)
        for table, told in records.items():
            # What was not asked for is there as well, and proven not to have changed.
            told["unchanged"] = present.get(table, 0) - told["new"] - told["changed"]
        return PullReport(
            run=run,
            windows=[
                {"table": t.table, "window": t.window, "state": t.state, "rows": t.rows, "hash": t.hash}
                for t in tasks.values()
                if t.table in records or t.table == "candidates"
            ],
            records=records,
            candidates=ledger.count_candidates(),
            rejected=ledger.rejected(run),
            seconds=round(seconds, 3),
            patients=ledger.holdings.count_known(),
            resumed=self.run.resumed,
            load=str(load),
            mode=self.run.mode,
            asked=self.asked,
            late=ledger.looks.lateness(),
        )
