"""Whose charts a run reads: everybody whom the search finds, and everybody whom it once found.

A full pull asks the whole hospital, window by window.  A night asks only those whom its look found
touched, and everybody who hangs together with them: a merger, old or new, makes two charts one, and a
record that names somebody else's visit makes that visit a matter of both.  Among these the search is
asked as if the hospital had no other patients; of all others what the last run found still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from extract.his import compile as compiled
from extract.his import compile_nights as nightly
from extract.his.circles import batches_of, circles, windows_of
from extract.his.guard.watch import Guard
from extract.his.ledger import Ledger, Run, Seen
from extract.his.ordering import ordered
from extract.his.records import HIT_COLUMNS, SCHEMAS
from extract.his.sites import Site
from extract.his.versions import content_hash
from extract.his.windows import Window, windows
from extract.study.keywords import Matcher
from extract.study.protocol import Protocol

__all__ = ["CANDIDATES", "EARLIER", "Patients", "may_stray", "searched_tables"]

CANDIDATES: Final = "candidates"
EARLIER: Final = "earlier"
"""The window of patients whom only an earlier pull knew as candidates: landed, and no part of the current state."""
_MANY: Final = 40
"""More batches of touched patients than this, and the whole hospital is asked."""

Progress = Callable[[str, float], None]


def searched_tables(site: Site, protocol: Protocol) -> set[str]:
    """The canonical tables that the search reads."""
    scopes = {scope for leaf in Matcher.of(protocol.search).superset().leaves for scope in leaf.scopes}
    return {"patient", "visit", *(HIT_COLUMNS[scope][0] for scope in scopes)} & site.pack.tables.keys()


def may_stray(table: str) -> bool:
    """Whether records of a table name a visit, which may be somebody else's."""
    return table != "visit" and "visit_id" in SCHEMAS[table].names


@dataclass
class Patients:
    """The patients of one run; every step is skipped where the ledger says that it is done."""

    site: Site
    protocol: Protocol
    guard: Guard
    ledger: Ledger
    run: Run
    marked: set[str]
    """Tables of which the look can tell who was touched."""
    earlier: bool
    """Whether the last run that ended was of the same scope: who was known then is followed on."""
    progress: Progress

    def __post_init__(self) -> None:
        search = self.protocol.search
        self.windows = windows(search.from_, search.to, self.site.limits.window)
        self.order = [*(window.name for window in self.windows), EARLIER]
        self.searched = searched_tables(self.site, self.protocol)

    def settle(self, stopped: set[str]) -> None:
        """Candidates, whom to ask, and for what: in the ledger."""
        if stopped & self.searched:
            self._carried(stopped)
        elif self.run.mode == "full":
            self._whole(stopped)
        else:
            self._night(stopped)

    def _done(self, window: str) -> bool:
        task = self.ledger.tasks(self.run.name).get((CANDIDATES, window))
        return task is not None and task.state == "done"

    # ---- nobody can be searched for: who was known is asked on ----

    def _carried(self, stopped: set[str]) -> None:
        if self._done("patients"):
            return
        with self.ledger.transaction():
            known = self.ledger.holdings.known()
            self._ask(
                {table: self._of(table, known) for table in self.site.pack.tables if table not in stopped}
            )
            self.ledger.done(self.run.name, CANDIDATES, "patients", Seen(rows=len(known)), "")

    # ---- the whole hospital ----

    def _whole(self, stopped: set[str]) -> None:
        for number, window in enumerate(self.windows):
            self.progress(f"candidates {window.name}", 0.1 + 0.2 * number / len(self.windows))
            if not self._done(window.name):
                self._window(window)
        if self._done("patients"):
            return
        self.progress("patients", 0.3)
        pairs = self._mergers()
        strays = {table: self._strays(table) for table in self.searched & self.marked if may_stray(table)}
        with self.ledger.transaction():
            holdings = self.ledger.holdings
            holdings.settle_candidates(self.run.number)
            wanted = self._first(holdings.candidates())
            if self.earlier:
                wanted = dict.fromkeys(holdings.known(), EARLIER) | wanted
            before, known = holdings.known(), windows_of(wanted, self.order, circles(pairs))
            for state in (True, False):
                moved = [
                    p for p, w in known.items() if p in before and before[p] != w and (w == EARLIER) is state
                ]
                holdings.follow(moved, followed=state)
            holdings.know(self.run.name, known, whole=True)
            self._ask({table: known for table in self.site.pack.tables if table not in stopped})
            self.ledger.looks.set_mergers(pairs)
            for table, found in strays.items():
                self.ledger.looks.set_strays(table, found)
            self.ledger.done(self.run.name, CANDIDATES, "patients", Seen(rows=len(known)), "")

    def _window(self, window: Window) -> None:
        statement = ordered(self.guard.engine, self.site, self.protocol, window).statement
        pairs: list[tuple[str, str]] = []
        with self.ledger.transaction():
            for batch in self.guard.stream(statement, compiled.CANDIDATES):
                visits, patients = (batch.column(name).to_pylist() for name in ("visit_id", "patient_id"))
                found = [(v, p) for v, p in zip(visits, patients, strict=True) if v and p]
                self.ledger.holdings.find(window.name, found)
                pairs += found
            self.ledger.done(
                self.run.name, CANDIDATES, window.name, Seen(rows=len(pairs)), content_hash(pairs)
            )

    # ---- a night ----

    def _night(self, stopped: set[str]) -> None:
        if self._done("patients"):
            return
        self.progress("patients", 0.2)
        holdings, looks = self.ledger.holdings, self.ledger.looks
        touched = looks.touched(self.searched)
        before = looks.mergers()
        moved = bool(looks.touched(["patient"]))
        pairs = self._mergers() if moved else before
        persons = circles([*before, *pairs])
        batches: list[list[str]] | None = []
        strays: dict[str, list[tuple[str, str]]] = {}
        if touched:
            touched, tied, strays = self._closed(touched, [*before, *pairs])
            batches = batches_of(touched, tied, self.site.limits.key_batch)
        if batches is None or len(batches) > _MANY:
            # So many hang together, or so many were touched, that asking everybody costs less.
            self._again(pairs, strays, touched, stopped)
            return
        with self.ledger.transaction():
            found = [row for batch in batches for row in self._search(batch)]
            for visit, patient, window in found:
                holdings.find(window, [(visit, patient)])
            holdings.settle_candidates(self.run.number, touched)
            self._settle_night(touched, pairs, persons, strays, stopped)
            digest = content_hash((visit, patient) for visit, patient, _ in found)
            self.ledger.done(self.run.name, CANDIDATES, "touched", Seen(rows=len(found)), digest)

    def _again(
        self,
        pairs: list[tuple[str, str]],
        strays: dict[str, list[tuple[str, str]]],
        touched: set[str],
        stopped: set[str],
    ) -> None:
        for window in self.windows:
            if not self._done(window.name):
                self._window(window)
        with self.ledger.transaction():
            self.ledger.holdings.settle_candidates(self.run.number)
            self._settle_night(touched, pairs, circles(pairs), strays, stopped)

    def _settle_night(
        self,
        touched: set[str],
        pairs: list[tuple[str, str]],
        persons: dict[str, frozenset[str]],
        strays: dict[str, list[tuple[str, str]]],
        stopped: set[str],
    ) -> None:
        """Who is known from now on, and for what each is asked tonight."""
        holdings, looks = self.ledger.holdings, self.ledger.looks
        known = holdings.known()
        some = {p for patient in touched for p in persons.get(patient, {patient})}
        wanted = {p: EARLIER for p in some if p in known} | self._first(holdings.candidates_of(some))
        now = windows_of(wanted, self.order, circles(pairs))
        moved = {p: w for p, w in now.items() if known.get(p) != w}
        holdings.know(self.run.name, moved, whole=False)
        looks.touch("moved", moved)
        for state in (True, False):
            holdings.follow(
                [p for p, w in moved.items() if p in known and (w == EARLIER) is state], followed=state
            )
        fresh = moved.keys() - known.keys()
        known |= now
        asked: dict[str, set[str]] = {}
        for table in self.site.pack.tables:
            if table in stopped:
                continue
            some = (looks.touched([table]) & known.keys()) | fresh if table in self.marked else set(known)
            asked[table] = self._of(table, some) & known.keys()
        self._ask(asked)
        looks.set_mergers(pairs)
        for table, found in strays.items():
            looks.set_strays(table, found, touched)
        self.ledger.done(self.run.name, CANDIDATES, "patients", Seen(rows=len(known)), "")

    def _closed(
        self, touched: set[str], pairs: Iterable[tuple[str, str]]
    ) -> tuple[set[str], dict[str, frozenset[str]], dict[str, list[tuple[str, str]]]]:
        """The touched and all who hang together with them; who hangs with whom; and their strays, by table."""
        ties = list(pairs)
        strayed = self.ledger.looks.strays()
        found: dict[str, list[tuple[str, str]]] = {table: [] for table in self.searched if may_stray(table)}
        owned: dict[str, str] = {}
        everybody, due = set(touched), set(touched)
        while due:
            for batch in self._batches(sorted(due)):
                owned |= {v: p for v, p, _ in self._visits(nightly.visits_of(self.site, batch))}
                for table in found:
                    found[table] += self._strays(table, batch)
            # Who names whose visit, tonight and before.
            named = {*strayed, *(pair for some in found.values() for pair in some)}
            unknown = {visit for patient, visit in named if patient in everybody and visit not in owned}
            for batch in self._batches(sorted(unknown)):
                owned |= {v: p for v, p, _ in self._visits(nightly.owners(self.site, batch))}
            ties += [(patient, owned[visit]) for patient, visit in named if visit in owned]
            tied = circles(ties)
            reached = {p for patient in everybody for p in tied.get(patient, {patient})}
            due = reached - everybody
            everybody |= due
        return everybody, circles(ties), found

    def _search(self, patients: Sequence[str]) -> list[tuple[str, str, str]]:
        """(visit_id, patient_id, window) of the candidates among these patients."""
        began = {
            visit: at
            for visit, _, at in self._visits(nightly.visits_of(self.site, patients))
            if at is not None
        }
        statement = nightly.candidates_of(self.site, self.protocol, patients, self.guard.engine.day)
        found = []
        for batch in self.guard.stream(statement, compiled.CANDIDATES):
            visits, owners = (batch.column(name).to_pylist() for name in ("visit_id", "patient_id"))
            found += [
                (visit, patient, self._window_of(began[visit]))
                for visit, patient in zip(visits, owners, strict=True)
                if visit in began and patient
            ]
        return found

    def _window_of(self, at: datetime) -> str:
        return next(
            (w.name for w in self.windows if at < datetime.combine(w.end, time())), self.windows[-1].name
        )

    # ---- asking ----

    def _ask(self, asked: Mapping[str, Iterable[str]]) -> None:
        for table, patients in asked.items():
            self.ledger.holdings.ask(table, patients)
            self.ledger.holdings.forget_faults(table, whole=self.run.mode == "full")

    def _of(self, table: str, patients: Iterable[str]) -> set[str]:
        """These, and who shares a fault of this table with them."""
        some = set(patients)
        while more := self.ledger.holdings.with_fault(table, some) - some:
            some |= more
        return some

    def _first(self, candidates: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Patient -> the first window in which one of his visits is a candidate."""
        rank = {name: place for place, name in enumerate(self.order)}
        wanted: dict[str, str] = {}
        for patient, window in candidates:
            if patient not in wanted or rank[window] < rank[wanted[patient]]:
                wanted[patient] = window
        return wanted

    def _mergers(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for batch in self.guard.stream(nightly.mergers(self.site), nightly.MERGERS):
            old, new = (batch.column(name).to_pylist() for name in ("patient_id", "merged_into"))
            found += [pair for pair in zip(old, new, strict=True) if None not in pair]
        return found

    def _strays(self, table: str, patients: Sequence[str] | None = None) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for batch in self.guard.stream(nightly.strays(self.site, table, patients), nightly.STRAYS):
            found += zip(
                *(batch.column(name).to_pylist() for name in ("patient_id", "visit_id")), strict=True
            )
        return found

    def _visits(self, statement: compiled.Statement) -> Iterator[tuple[str, str, datetime | None]]:
        for batch in self.guard.stream(statement, nightly.VISITS):
            columns = (batch.column(name).to_pylist() for name in nightly.VISITS.names)
            yield from (
                row for row in zip(*columns, strict=True) if row[0] is not None and row[1] is not None
            )

    def _batches(self, values: Sequence[str]) -> Iterator[Sequence[str]]:
        size = self.site.limits.key_batch
        for start in range(0, len(values), size):
            yield values[start : start + size]
