"""Pseudonyms: P001, P002, ... for participants, keyed hashes for everybody and everything else.

New participants are numbered in the order of a keyed hash of their id, so that a number says nothing about
when somebody came; a number once given stays theirs in every later version.  The linking tables stand in
the landing zone, where the patients' records are anyway, and never in a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extract.errors import StorageFault
from extract.study.folder import StudyFolder
from validate.lock.files import storage_faults, write_whole
from validate.lock.keys import PseudonymKey
from validate.lock.partition import MOST, in_parts
from validate.lock.rows import Rows, batches_of

__all__ = ["RECORDS", "Pseudonyms", "read_linking", "write_linking"]

_PATIENTS: Final = pa.schema([("participant", pa.string()), ("patient_id", pa.string())])
RECORDS: Final = pa.schema(
    [
        ("record", pa.string()),
        ("record_id", pa.string()),
        ("version", pa.string()),
        ("record_version", pa.string()),
    ]
)
SORTED_TOGETHER: Final = 500_000
"""Records that are sorted at once, in memory."""
_NUMBERED: Final = re.compile(r"P(\d+)")


@dataclass(frozen=True)
class Pseudonyms:
    """Who is called what; pure but for the key it was given."""

    key: PseudonymKey
    participants: Mapping[str, str]
    """patient_id -> P001, for those of this version and of every earlier one."""

    @classmethod
    def assign(
        cls, key: PseudonymKey, patients: Iterable[str], known: Mapping[str, str] | None = None
    ) -> Pseudonyms:
        """Numbers for ``patients``; those in ``known`` keep theirs."""
        given = dict(known or {})
        numbers = [int(m[1]) for name in given.values() if (m := _NUMBERED.fullmatch(name))]
        unknown = list(set(patients) - given.keys())
        fresh = (patient for _, patient in sorted(zip(key.of_all("patient", unknown), unknown, strict=True)))
        for number, patient in enumerate(fresh, start=max(numbers, default=0) + 1):
            given[patient] = f"P{number:03d}"
        return cls(key, given)

    def subject(self, patient: str) -> str:
        """The participant's number, or ``S-`` and 16 hex digits for who was screened only."""
        return self.participants.get(patient) or f"S-{self.key.of('patient', patient)[:16]}"

    def records(self, record_ids: Sequence[str]) -> Iterator[str]:
        """Each record's name outside the house: its table, and 24 hex digits instead of the key."""
        for record_id, named in zip(record_ids, self.key.of_all("record", record_ids), strict=True):
            yield f"{record_id.partition(':')[0]}:{named[:24]}"

    def versions(self, versions: Sequence[str]) -> Iterator[str]:
        """The same of record versions: the landing hash is over values that could be guessed, this is not."""
        return (named[:32] for named in self.key.of_all("version", versions))


def _linking_file(folder: StudyFolder) -> Path:
    return folder.landing / "linking.parquet"


def _records_file(folder: StudyFolder) -> Path:
    return folder.landing / "linking_records.parquet"


def _lost(path: Path) -> StorageFault:
    return StorageFault(
        f"{path}: the linking table cannot be read",
        "Restore it from the backup: without it nobody can tell who a participant is.",
    )


def _known(path: Path) -> Iterator[pa.RecordBatch]:
    """The linking table of records piece by piece. Raises StorageFault."""
    try:
        if path.exists():
            yield from batches_of(pq.ParquetFile(path))
    except (OSError, pa.ArrowException):
        raise _lost(path) from None


def read_linking(folder: StudyFolder) -> dict[str, str]:
    """patient_id -> participant as given by earlier runs; empty before the first. Raises StorageFault."""
    path = _linking_file(folder)
    try:
        table = pq.read_table(path, schema=_PATIENTS) if path.exists() else _PATIENTS.empty_table()
    except (OSError, pa.ArrowException):
        raise _lost(path) from None
    return dict(
        zip(table.column("patient_id").to_pylist(), table.column("participant").to_pylist(), strict=True)
    )


def write_linking(folder: StudyFolder, pseudonyms: Pseudonyms, records: pa.Table | Rows) -> None:
    """Puts both linking tables in place, whole or not at all, readable by the owner only.

    ``records`` are those of the lineage (``RECORDS``). Raises StorageFault.
    """
    people = sorted(pseudonyms.participants.items(), key=lambda item: (len(item[1]), item[1]))
    patients = pa.table([[name for _, name in people], [patient for patient, _ in people]], schema=_PATIENTS)
    sink = pa.BufferOutputStream()
    pq.write_table(patients, sink)
    with storage_faults(str(folder.landing)):
        folder.landing.mkdir(parents=True, exist_ok=True)
        write_whole(_linking_file(folder), sink.getvalue().to_pybytes())
        write_whole(_records_file(folder), _linked(folder, records).pieces())


def _linked(folder: StudyFolder, records: pa.Table | Rows) -> Rows:
    """Earlier records and these, each version once, in order within each part.

    Earlier snapshots point at record versions that this one may not use any more.
    """
    path = _records_file(folder)
    kept = sum(len(batch) for batch in _known(path))
    parts = min(MOST, 1 + (kept + records.num_rows) // SORTED_TOGETHER)
    spread = in_parts(_union(path, records), RECORDS, "record", parts, folder.landing)
    (rows,) = Rows.together([RECORDS], ((_once(part),) for part in spread), folder.landing)
    return rows


def _union(path: Path, records: pa.Table | Rows) -> Iterator[pa.RecordBatch]:
    for batch in chain(_known(path), batches_of(records)):
        yield batch.select(RECORDS.names)


def _once(rows: pa.Table) -> pa.Table:
    """In order, without those that say the same as the one before."""
    keys = [(name, "ascending") for name in ("record_id", "record_version")]
    ordered = rows.take(pc.sort_indices(rows, sort_keys=keys)).combine_chunks()
    same = pa.repeat(pa.scalar(True), max(len(ordered) - 1, 0))
    for name, _ in keys:
        column = pc.fill_null(ordered.column(name), "").combine_chunks()
        same = pc.and_(same, pc.equal(column.slice(1), column.slice(0, len(same))))
    first = pa.repeat(pa.scalar(True), min(len(ordered), 1))
    return ordered.filter(pa.concat_arrays([first, pc.invert(same)]))
