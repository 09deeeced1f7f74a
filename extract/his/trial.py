"""A first try: a few patients of the last window, beside the landing store and never part of it."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from extract.errors import Refused, SchemaDrift
from extract.his import compile as compiled
from extract.his.disk import storage_faults
from extract.his.drift import drift
from extract.his.guard.watch import Guard, check_hours, stoppable
from extract.his.sites import load_site
from extract.his.source import opened, source
from extract.his.windows import windows
from extract.study.folder import StudyFolder

__all__ = ["MOST", "trial"]

MOST: Final = 200
"""Patients of one try: enough to see whether the mapping fits, too few for a study."""


def trial(folder: StudyFolder, limit: int) -> dict[str, Any]:
    """Pull the charts of at most ``limit`` candidates of the search's last window into ``trial/``.

    One statement for the candidates, one for each table; guarded as any pull.  The last try is replaced.
    Raises Refused above ``MOST``, and what a pull raises.
    """
    if not 1 <= limit <= MOST:
        raise Refused(
            f"a first try takes 1 to {MOST} patients, not {limit}",
            "`cohortlock pull` takes all, once approved.",
        )
    started = time.monotonic()
    protocol, site = folder.protocol(), load_site(folder)
    check_hours(site)
    place = folder.root / "trial"
    last = windows(protocol.search.from_, protocol.search.to, site.limits.window)[-1]
    with (
        stoppable(),
        storage_faults(place),
        source(site) as engine,
        Guard(engine, site, partial(opened, site)) as guard,
    ):
        if problems := drift(engine, site):
            raise SchemaDrift("\n  ".join(problems), "`cohortlock doctor` compares the whole pack.")
        shutil.rmtree(place, ignore_errors=True)
        # Patients' records: nobody else on this machine looks in.
        place.mkdir(mode=0o700)
        guard.file(place / "load.json", "trial")
        statement = compiled.candidates(site, protocol, last, engine.day)
        batches = list(guard.stream(statement, compiled.CANDIDATES))
        visits = pa.Table.from_batches(batches, compiled.CANDIDATES)
        patients = sorted({p for p in visits["patient_id"].to_pylist() if p})
        taken = patients[:limit]
        tables: dict[str, dict[str, int]] = {}
        for table in site.pack.tables if taken else ():
            unreadable: Counter[str] = Counter()
            schema = compiled.chart_schema(site, table)
            rows = 0
            with pq.ParquetWriter(place / f"{table}.parquet", schema, compression="zstd") as writer:
                for start in range(0, len(taken), site.limits.key_batch):
                    keys = taken[start : start + site.limits.key_batch]
                    asked = compiled.chart(site, protocol, table, keys, engine.day)
                    for batch in guard.stream(asked, schema, unreadable):
                        writer.write_batch(batch)
                        rows += batch.num_rows
            tables[table] = {"rows": rows} | {
                f"unreadable_{name}": n for name, n in sorted(unreadable.items())
            }
    return {
        "study": protocol.study.id,
        "window": last.name,
        "candidates": visits.num_rows,
        "candidate_patients": len(patients),
        "patients": len(taken),
        "records": tables,
        "folder": os.fspath(place),
        "load_report": os.fspath(place / "load.json"),
        "seconds": round(time.monotonic() - started, 3),
    }
