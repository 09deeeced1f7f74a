"""Landed records: what the HIS said, every version of it, and which version is current.

landing/
  marks/<run>-<table>.parquet   what a night compares with (extract/his/look.py)
  ledger.db                      runs, windows, candidates, which version is current (extract/his/ledger.py)
  records/<table>/<run>-<window>.parquet    record versions, written once
  pull.lock
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extract.errors import NotFound, NotReady
from extract.his.disk import storage_faults
from extract.his.ledger import Ledger, Stretch
from extract.his.records import SCHEMAS, TABLES

__all__ = ["LANDED", "Landing"]

_SEEN: Final = pa.timestamp("s")
LANDED: Final = (
    pa.field("record_id", pa.string()),
    pa.field("version", pa.string()),
    pa.field("run", pa.string()),
    pa.field("source_table", pa.string()),
)
"""What a part holds after the canonical columns; ``run`` is the one that first met the version."""


class Landing:
    """The landing store of one study, for reading. Raises NotReady while no pull has finished."""

    def __init__(self, path: Path, run: str | None = None) -> None:
        """``run``: the run to speak of, by default the last one that finished."""
        self.path = path
        if not (path / "ledger.db").is_file():
            raise NotReady("nothing has been pulled yet", "`cohortlock pull` fetches the records.")
        with storage_faults(path):
            self._ledger = Ledger(path)
        rows = (
            [(run,)]
            if run is not None
            else self._ledger.query(
                "SELECT run FROM run WHERE state IN ('done', 'partial') ORDER BY rowid DESC LIMIT 1"
            )
        )
        if not rows:
            raise NotReady(
                "no pull has finished yet", "`cohortlock pull` goes on where the last one was interrupted."
            )
        self.run = str(rows[0][0])

    def current(
        self, table: str, columns: Sequence[str] | None = None, *, followed: bool = False
    ) -> pa.Table:
        """The current version of every record that is not gone, by record_id.

        It is what one full pull of the hospital as it stands would land.  ``followed`` adds the charts
        of patients whom only an earlier pull found: they are followed on, so that what took them out of
        the search is seen.

        Canonical columns (or those in ``columns``), then record_id, version, first_seen, last_seen
        (UTC), run, source_table; ``first_seen`` and ``run`` are the version's.
        """
        known = self._ledger.holdings.current(table, followed=followed)
        return self._read(table, known, columns)

    def versions(self, record_id: str) -> pa.Table:
        """Every landed version of a record, oldest first; also of one that is gone. Raises NotFound."""
        table = record_id.partition(":")[0]
        known = self._ledger.holdings.versions(record_id)
        if table not in SCHEMAS or not known:
            raise NotFound(f"there is no landed record {record_id}", "Record ids look like lab:KEY.")
        return self._read(table, known, None).sort_by([("first_seen", "ascending"), ("run", "ascending")])

    def stretches(self, record_id: str) -> list[Stretch]:
        """When which version of a landed record was seen, oldest first (extract/his/history.py)."""
        return self._ledger.holdings.stretches(record_id)

    def candidates(self) -> pa.Table:
        """Visits of the SQL superset: visit_id, patient_id, window; by visit_id."""
        rows = self._ledger.candidates(self.run)
        names = ("visit_id", "patient_id", "window")
        return pa.table(
            {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)}
        )

    def window_totals(self) -> dict[str, int]:
        """All patients and visits of the search's dates, as the HIS counted them."""
        rows = self._ledger.query("SELECT patients, visits FROM totals WHERE run = ?", (self.run,))
        patients, visits = rows[0]
        return {"patients": int(str(patients)), "visits": int(str(visits))}

    def rejected(self) -> list[dict[str, object]]:
        """What was not delivered or delivered with a fault: table, reason, count (None: not counted)."""
        return self._ledger.rejected(self.run)

    def content_hash(self, table: str) -> str:
        """SHA-256 over the ids and versions of the current records: equal on every engine."""
        return self._ledger.holdings.content(table)

    def content_hashes(self) -> dict[str, str]:
        """``content_hash`` of every canonical table."""
        return {table: self.content_hash(table) for table in TABLES}

    def close(self) -> None:
        """Let the ledger go."""
        self._ledger.close()

    def _read(self, table: str, known: Sequence[tuple[str, ...]], columns: Sequence[str] | None) -> pa.Table:
        schema = SCHEMAS[table]
        names = list(schema.names if columns is None else columns)
        fields = [*(schema.field(name) for name in names), *LANDED]
        parts = sorted({str(row[4]) for row in known})
        with storage_faults(self.path):
            read = [self._part(part, pa.schema(fields)) for part in parts]
        landed = pa.concat_tables(read) if read else pa.schema(fields).empty_table()
        seen = pa.table(
            {
                "record_id": pa.array([row[0] for row in known], pa.string()),
                "version": pa.array([row[1] for row in known], pa.string()),
                "first_seen": _times([row[2] for row in known]),
                "last_seen": _times([row[3] for row in known]),
            }
        )
        joined = landed.join(seen, keys=["record_id", "version"], join_type="inner")
        order = [*names, "record_id", "version", "first_seen", "last_seen", "run", "source_table"]
        return joined.select(order).sort_by("record_id").combine_chunks()

    def _part(self, part: str, schema: pa.Schema) -> pa.Table:
        # Parquet has no seconds: cast back to the canonical types.
        return pq.read_table(self.path / "records" / part, columns=schema.names).cast(schema)


def _times(texts: list[str]) -> pa.Array:
    return pc.cast(pa.array([str(text) for text in texts], pa.string()), _SEEN)
