"""The charts of a run: every table of those whom it asks for, taken in, written and versioned.

Each (table, window) is one transaction of the ledger, so a killed pull goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from extract.his import compile as compiled
from extract.his.arrays import places
from extract.his.encodings import KEPT_BYTES, with_kept
from extract.his.guard.watch import Guard
from extract.his.holdings import Batch
from extract.his.ledger import Ledger, Run, Seen
from extract.his.mapping import main_table
from extract.his.parts import Part, canonical
from extract.his.patients import EARLIER
from extract.his.records import KEY, SCHEMAS, record_id
from extract.his.sites import Site
from extract.his.versions import versions
from extract.study.protocol import Protocol

__all__ = ["Reading"]


def _whose(
    unreadable: Counter[str], batches: Sequence[pa.RecordBatch], asked: Sequence[str]
) -> Iterator[tuple[str, int, frozenset[str]]]:
    """A value that could not be read became NULL, or kept its bytes: it is of one of those who have such a value."""
    for name, n in unreadable.items():
        found: set[str] = set()
        for batch in batches:
            column = batch.column(name.removesuffix(KEPT_BYTES))
            faulty = with_kept(column) if name.endswith(KEPT_BYTES) else pc.is_null(column)
            whose = batch.column("patient_id").filter(faulty)
            found.update(p for p in pc.unique(whose).to_pylist() if p is not None)
        yield f"unreadable_{name}", n, frozenset(found or asked)


@dataclass
class Reading:
    """Reads for one run."""

    landing: Path
    site: Site
    protocol: Protocol
    guard: Guard
    ledger: Ledger
    run: Run
    since: datetime | None = None
    """When the run before began by the server's clock: a change that says it is older arrived late."""

    def read(self, table: str, window: str, patients: Sequence[str]) -> None:
        """One (table, window), whole or not at all."""
        seen = Seen()
        part = Part(self.landing / "records", table, self.run.name, window)
        try:
            with self.ledger.transaction():
                schema = compiled.chart_schema(self.site, table)
                size = self.site.limits.key_batch
                for start in range(0, len(patients), size):
                    keys, unreadable, batches = patients[start : start + size], Counter[str](), []
                    statement = compiled.chart(self.site, self.protocol, table, keys, self.guard.engine.day)
                    for batch in self.guard.stream(statement, schema, unreadable):
                        batches.append(batch)
                        self._land(table, batch, part, seen)
                    seen.faults += _whose(unreadable, batches, keys)
                if part.rows:
                    self.ledger.add_part(part.name, self.run.name, table, window, part.rows, part.close())
                self.ledger.holdings.fault(table, seen.faults)
                self.ledger.done(self.run.name, table, window, seen, self.ledger.holdings.met())
        except BaseException:
            part.discard()
            self.ledger.failed(self.run.name, table, window)
            raise

    def _land(self, table: str, batch: pa.RecordBatch, part: Part, seen: Seen) -> None:
        keyed = pc.is_valid(batch.column(KEY[table]))
        if (pc.sum(keyed).as_py() or 0) < batch.num_rows:
            without = Counter(batch.filter(pc.invert(keyed)).column("patient_id").to_pylist())
            seen.faults += [("no_key", n, frozenset({patient})) for patient, n in without.items()]
            batch = batch.filter(keyed)
        batch = canonical(batch, table, main_table(self.site.pack.tables[table], self.site.dialect))
        found = versions(batch, SCHEMAS[table])
        ids = [record_id(table, key) for key in batch.column(KEY[table]).to_pylist()]
        visits = (
            batch.column("visit_id").to_pylist() if "visit_id" in SCHEMAS[table].names else [None] * len(ids)
        )
        delivered = Batch(ids, found, batch.column("patient_id").to_pylist(), visits)
        holdings = self.ledger.holdings
        fresh = holdings.meet(self.run.name, table, delivered, seen, followed=part.window == EARLIER)
        if not fresh:
            return
        part.write(batch, ids, found, fresh)
        holdings.landed(part.name, ((ids[row], found[row]) for row in fresh))
        if self.since is not None and table in self.site.limits.trusted:
            oldest = pc.min(batch.column("updated_at").take(places(fresh))).as_py()
            if oldest is not None and oldest < self.since:
                self.ledger.looks.late(self.run.name, table, int((self.since - oldest).total_seconds()))
