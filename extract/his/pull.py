"""A pull: the superset of the search in windows, then the whole charts of its patients, landed.

1. Candidates: one query per window of the search's dates.
2. Patients: those of the candidates, everybody who shares a chart with them by merger, and everybody
   whom an earlier pull of the same scope landed, so that a change which takes a patient out of the
   search is seen as the change it is.
3. Charts: every canonical table, by batches of patients; each patient belongs to one window.
4. What was landed before and is not delivered any more is marked gone.

Each (table, window) is one transaction of the ledger (extract/his/ledger.py), so a killed pull goes on
where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from extract.his import compile as compiled
from extract.his.disk import alone, storage_faults
from extract.his.drift import check_drift
from extract.his.guard.watch import Guard, check_hours, stoppable
from extract.his.landing import Landing
from extract.his.ledger import Ledger, Seen
from extract.his.mapping import main_table, yields
from extract.his.parts import Part, canonical
from extract.his.records import KEY, SCHEMAS, record_id
from extract.his.sites import Site, load_site
from extract.his.source import opened, source
from extract.his.versions import content_hash, versions
from extract.his.windows import Window, chart_span, windows
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol

__all__ = ["PullReport", "pull"]

Progress = Callable[[str, float], None]

_CANDIDATES = "candidates"
_EARLIER = "earlier"
"""The window of patients whom only an earlier pull knew as candidates: landed, and no part of the current state."""


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
    """Patients whose charts were pulled."""
    resumed: bool = False
    load: str = ""
    """The load report for the DBA; beside it the same as a page of text (.md)."""

    def to_json(self) -> dict[str, Any]:
        """The stable shape of ``cohortlock pull --json``."""
        return {
            "run": self.run,
            "windows": self.windows,
            "records": self.records,
            "candidates": self.candidates,
            "rejected": self.rejected,
            "seconds": self.seconds,
            "load_report": self.load,
        }


def pull(folder: StudyFolder, *, progress: Progress | None = None) -> PullReport:
    """Pull what is new and changed; ``progress(what, share)`` is told how far it is, share in 0..1.

    Raises ProtocolInvalid, SiteInvalid, Busy, StorageFault, DriverMissing, SourceUnreachable,
    SourceRefused, SchemaDrift, and the guard's NotSelect, WriteRight, TooCostly, NotNow.
    """
    started = time.monotonic()
    protocol, site = folder.protocol(), load_site(folder)
    check_hours(site)
    with (
        stoppable(),
        storage_faults(folder.landing),
        alone(folder.landing),
        source(site) as engine,
        Guard(engine, site, partial(opened, site)) as guard,
    ):
        check_drift(engine, site)
        ledger = Ledger(folder.landing)
        try:
            scope = _scope(protocol, site)
            pack = f"{site.pack.name} {site.pack.version}"
            run, resumed = ledger.begin(scope, pack, protocol.hash)
            load = _load_file(folder.landing, run)
            guard.file(load, run)
            one = _Pull(folder.landing, protocol, site, guard, ledger, run, scope, progress or _silent)
            one.do()
            report = one.report(time.monotonic() - started, resumed=resumed, load=load)
        finally:
            ledger.close()
    return report


def _silent(_what: str, _share: float) -> None:
    """Nobody listens."""


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
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass
class _Pull:
    """One run; every method is one step and skips what the ledger says is done."""

    landing: Path
    protocol: Protocol
    site: Site
    guard: Guard
    ledger: Ledger
    run: str
    scope: str
    progress: Progress
    windows: list[Window] = field(init=False)

    def __post_init__(self) -> None:
        search = self.protocol.search
        self.windows = windows(search.from_, search.to, self.site.limits.window)

    def do(self) -> None:
        self._clear_orphans()
        for number, window in enumerate(self.windows):
            self.progress(f"candidates {window.name}", 0.3 * number / len(self.windows))
            if not self._done(_CANDIDATES, window.name):
                self._candidates(window)
        if not self._done(_CANDIDATES, "patients"):
            self._patients()
        asked: dict[str, list[str]] = {window.name: [] for window in self.windows}
        for patient, name in self.ledger.asked(self.run).items():
            asked.setdefault(name, []).append(patient)
        steps = [(name, table) for name in asked for table in self.site.pack.tables]
        self._empty([(name, table) for name, table in steps if not asked[name]])
        for number, (name, table) in enumerate(steps):
            if not self._done(table, name):
                self.progress(f"{table} {name}", 0.35 + 0.6 * number / len(steps))
                self._chart(table, name, sorted(asked[name]))
        self.progress("counting", 0.96)
        self.ledger.mark_gone(self.run, list(SCHEMAS))
        self._unlinked()
        self.ledger.finish(self.run)
        self.progress("done", 1.0)

    def _done(self, table: str, window: str) -> bool:
        task = self.ledger.tasks(self.run).get((table, window))
        return task is not None and task.state == "done"

    def _empty(self, steps: Sequence[tuple[str, str]]) -> None:
        """Windows in which nobody is a candidate are done, all in one transaction."""
        with self.ledger.transaction():
            for name, table in steps:
                self.ledger.done(self.run, table, name, Seen(), content_hash([]))

    def _clear_orphans(self) -> None:
        """Files that a killed pull wrote and never told the ledger of."""
        records, known = self.landing / "records", self.ledger.parts()
        for file in records.glob("*/*"):
            if file.relative_to(records).as_posix() not in known:
                file.unlink()

    # ---- candidates and patients ----

    def _candidates(self, window: Window) -> None:
        statement = compiled.candidates(self.site, self.protocol, window, self.guard.engine.day)
        seen, pairs = Seen(), []
        with self.ledger.transaction():
            for batch in self.guard.stream(statement, compiled.CANDIDATES):
                visits, patients = (batch.column(name).to_pylist() for name in ("visit_id", "patient_id"))
                found = [(v, p) for v, p in zip(visits, patients, strict=True) if v and p]
                seen.rows += len(found)
                self.ledger.add_candidates(self.run, window.name, found)
                pairs += found
            self.ledger.done(self.run, _CANDIDATES, window.name, seen, content_hash(pairs))

    def _patients(self) -> None:
        """Totals, counts, and the patients to ask for with the window of each."""
        self.progress("totals", 0.3)
        statement = compiled.totals(self.site, self.protocol, self.guard.engine.day)
        [total] = self.guard.one(statement, compiled.TOTALS).to_pylist()
        counts = self._counts()
        visits = counts.setdefault("visit", {})
        visits |= {name: total[name] for name in ("without_patient", "without_date")}
        order = {window.name: i for i, window in enumerate(self.windows)} | {_EARLIER: len(self.windows)}
        wanted: dict[str, str] = {}
        for _visit, patient, window in self.ledger.candidates(self.run):
            if order[window] < order[wanted.get(patient, _EARLIER)]:
                wanted[patient] = window
        if (earlier := self.ledger.earlier(self.scope)) is not None:
            wanted = dict.fromkeys(self.ledger.asked(earlier), _EARLIER) | wanted
        groups = self._one_chart(wanted)
        for group in groups:
            window = min((wanted[p] for p in group if p in wanted), key=order.__getitem__)
            wanted |= dict.fromkeys(group, window)
        with self.ledger.transaction():
            self.ledger.set_totals(self.run, total["patients"], total["visits"])
            for table, reasons in counts.items():
                self.ledger.reject(self.run, table, "hospital", reasons)
            self.ledger.ask(self.run, wanted)
            self.ledger.done(self.run, _CANDIDATES, "patients", Seen(rows=len(wanted)), "")

    def _counts(self) -> dict[str, dict[str, int | None]]:
        """The pack's counting queries; None where this site does not want whole tables read."""
        found: dict[str, dict[str, int | None]] = {
            table: {"declared_absent": None} for table in self.site.pack.absent
        }
        for count in self.site.pack.counts:
            number: int | None = None
            if self.site.limits.count_scans:
                statement = compiled.Statement(count.file, count.sql, {})
                named = "which" in yields(count.sql, self.site.dialect, count.file)
                shape = compiled.NAMED if named else compiled.COUNTED
                batch = self.guard.one(statement, shape)
                number = batch.column("n")[0].as_py()
                if named and (which := batch.column("which")[0].as_py()):
                    self.ledger.name(self.run, count.table, count.reason, which)
            found.setdefault(count.table, {})[count.reason] = number
        return found

    def _one_chart(self, patients: dict[str, str]) -> list[set[str]]:
        """Sets of patient ids that mergers make one person, found in both directions."""
        group: dict[str, set[str]] = {}
        asked: set[str] = set()
        due = set(patients)
        while due:
            asked |= due
            met: set[str] = set()
            for keys in self._batches(sorted(due)):
                for batch in self.guard.stream(compiled.merged(self.site, keys), compiled.MERGED):
                    old, new = (batch.column(name).to_pylist() for name in ("patient_id", "merged_into"))
                    for pair in zip(old, new, strict=True):
                        whole = group.get(pair[0], {pair[0]}) | group.get(pair[1], {pair[1]})
                        group.update(dict.fromkeys(whole, whole))
                        met |= whole
            due = met - asked
        return list({id(members): members for members in group.values()}.values())

    # ---- charts ----

    def _chart(self, table: str, window: str, patients: list[str]) -> None:
        seen, unreadable = Seen(), Counter[str]()
        part = Part(self.landing / "records", table, self.run, window)
        try:
            with self.ledger.transaction():
                schema = compiled.chart_schema(self.site, table)
                for keys in self._batches(patients):
                    statement = compiled.chart(self.site, self.protocol, table, keys, self.guard.engine.day)
                    for batch in self.guard.stream(statement, schema, unreadable):
                        self._land(table, batch, part, seen)
                if part.rows:
                    self.ledger.add_part(part.name, self.run, table, window, part.rows, part.close())
                seen.rejected |= {f"unreadable_{name}": n for name, n in unreadable.items()}
                seen.rejected |= {"repeated_key": seen.repeated, "contradicted_key": seen.contradicted}
                self.ledger.done(self.run, table, window, seen, self.ledger.touched())
        except BaseException:
            part.discard()
            self.ledger.failed(self.run, table, window)
            raise

    def _land(self, table: str, batch: pa.RecordBatch, part: Part, seen: Seen) -> None:
        keyed = pc.is_valid(batch.column(KEY[table]))
        without = batch.num_rows - (pc.sum(keyed).as_py() or 0)
        if without:
            seen.rejected["no_key"] = seen.rejected.get("no_key", 0) + without
            batch = batch.filter(keyed)
        batch = canonical(batch, table, main_table(self.site.pack.tables[table], self.site.dialect))
        found = versions(batch, SCHEMAS[table])
        ids = [record_id(table, key) for key in batch.column(KEY[table]).to_pylist()]
        followed = part.window == _EARLIER
        fresh = self.ledger.meet(self.run, table, ids, found, seen, followed=followed)
        if not fresh:
            return
        part.write(batch, ids, found, fresh)
        self.ledger.landed(part.name, ((ids[row], found[row]) for row in fresh))

    def _batches(self, patients: Sequence[str]) -> Iterator[Sequence[str]]:
        size = self.site.limits.key_batch
        for start in range(0, len(patients), size):
            yield patients[start : start + size]

    # ---- report ----

    def _unlinked(self) -> None:
        """Count landed records without a visit, and those whose visit the chart does not hold."""
        landing = Landing(self.landing, self.run)
        try:
            visits = landing.current("visit", ["visit_id"]).column("visit_id")
            for table, schema in SCHEMAS.items():
                if "visit_id" not in schema.names or table == "visit" or table in self.site.pack.absent:
                    continue
                of = landing.current(table, ["visit_id"]).column("visit_id")
                known = pc.is_in(of, value_set=visits.combine_chunks())
                unknown = pc.sum(pc.and_(pc.invert(known), pc.is_valid(of))).as_py() or 0
                reasons = {"no_visit": of.null_count, "visit_not_in_chart": int(unknown)}
                self.ledger.reject(self.run, table, "chart", reasons)
        finally:
            landing.close()

    def report(self, seconds: float, *, resumed: bool, load: Path) -> PullReport:
        tasks = self.ledger.tasks(self.run)
        gone = self.ledger.gone(self.run)
        records = {
            table: {"new": 0, "changed": 0, "unchanged": 0, "gone": gone.get(table, 0)} for table in SCHEMAS
        }
        for (table, _window), task in tasks.items():
            if table in records:
                for name in ("new", "changed", "unchanged"):
                    records[table][name] += getattr(task, name)
        return PullReport(
            run=self.run,
            windows=[
                {"table": t.table, "window": t.window, "state": t.state, "rows": t.rows, "hash": t.hash}
                for t in tasks.values()
            ],
            records=records,
            candidates=len(self.ledger.candidates(self.run)),
            rejected=self.ledger.rejected(self.run),
            seconds=round(seconds, 3),
            patients=len(self.ledger.asked(self.run)),
            resumed=resumed,
            load=str(load),
        )
