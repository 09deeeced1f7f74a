"""What a run counts beside the records: the top of the funnel, and what no mapping can deliver.

A night counts again only what it was counted from and has changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from extract.his import compile as compiled
from extract.his.guard.watch import Guard
from extract.his.ledger import Ledger, Run
from extract.his.look import Look
from extract.his.mapping import reads, yields
from extract.his.packs import Count
from extract.his.sites import Site
from extract.study.protocol import Protocol

__all__ = ["Tallies"]


@dataclass
class Tallies:
    """Counts for one run; said twice, they say the same."""

    site: Site
    protocol: Protocol
    guard: Guard
    ledger: Ledger
    run: Run
    look: Look
    stopped: dict[str, list[str]]

    def totals(self) -> None:
        """All patients and visits of the search's dates, and the visits that no search can reach."""
        ledger, run = self.ledger, self.run.name
        ended = ledger.ended(run)
        carried = {"patient", "visit"} & self.stopped.keys() or (
            self.run.mode == "night"
            and self.look.unchanged(self._sources("patient") | self._sources("visit"))
        )
        if carried and ended is not None:
            [(patients, visits)] = ledger.query(
                "SELECT patients, visits FROM totals WHERE run = ?", (ended[0],)
            )
            reasons = {
                str(reason): int(str(n))
                for reason, n in ledger.query(
                    "SELECT reason, n FROM reject WHERE run = ? AND tbl = 'visit' AND window = 'search'",
                    (ended[0],),
                )
            }
            total = {"patients": int(str(patients)), "visits": int(str(visits))}
        else:
            statement = compiled.totals(self.site, self.protocol, self.guard.engine.day)
            [total] = self.guard.one(statement, compiled.TOTALS).to_pylist()
            reasons = {name: total[name] for name in ("without_patient", "without_date")}
        with ledger.transaction():
            ledger.set_totals(run, total["patients"], total["visits"])
            ledger.reject(run, "visit", "search", dict(reasons))

    def counts(self) -> None:
        """The pack's counting queries; None where this site does not want whole tables read."""
        ledger, run = self.ledger, self.run.name
        found: dict[str, dict[str, int | None]] = {
            table: {"declared_absent": None} for table in self.site.pack.absent
        }
        named: dict[tuple[str, str], str] = {}
        ended = ledger.ended(run)
        answered: dict[str, int] | None = None
        for count in self.site.pack.counts:
            told = self._carried(count, ended[0]) if self.run.mode == "night" and ended else None
            if told is None and answered is None:
                answered = self.look.counted()
            number, which = told if told is not None else self._count(count, answered or {})
            found.setdefault(count.table, {})[count.reason] = number
            if which:
                named[count.table, count.reason] = which
        with ledger.transaction():
            for table, reasons in found.items():
                ledger.reject(run, table, "hospital", reasons)
            for (table, reason), which in named.items():
                ledger.name(run, table, reason, which)

    def _carried(self, count: Count, ended: str) -> tuple[int | None, str] | None:
        """The figure of the last run, where nothing that it was counted from has changed."""
        if not self.site.limits.count_scans or not self.look.unchanged(set(self._reads(count))):
            return None
        rows = self.ledger.query(
            "SELECT n FROM reject WHERE run = ? AND tbl = ? AND window = 'hospital' AND reason = ?",
            (ended, count.table, count.reason),
        )
        which = self.ledger.query(
            "SELECT which FROM named WHERE run = ? AND tbl = ? AND reason = ?",
            (ended, count.table, count.reason),
        )
        # A count of none leaves no row.
        if rows and rows[0][0] is None:
            return None
        return (int(str(rows[0][0])) if rows else 0), (str(which[0][0]) if which else "")

    def _count(self, count: Count, answered: dict[str, int]) -> tuple[int | None, str]:
        gone = {source for source in self._reads(count) if f"source:{source}" in self.stopped}
        if not self.site.limits.count_scans or gone:
            return None, ""
        if count.file in answered:
            return answered[count.file], ""
        statement = compiled.Statement(count.file, count.sql, {})
        named = "which" in yields(count.sql, self.site.dialect, count.file)
        batch = self.guard.one(statement, compiled.NAMED if named else compiled.COUNTED)
        return batch.column("n")[0].as_py(), (batch.column("which")[0].as_py() or "" if named else "")

    def _reads(self, count: Count) -> set[str]:
        return set(reads(count.sql, self.site.dialect, f"{self.site.pack.name}/{count.file}"))

    def _sources(self, table: str) -> set[str]:
        text = self.site.pack.tables[table]
        return set(reads(text.sql, self.site.dialect, text.origin))
