"""Pseudonyms: P001, P002, ... for participants, keyed hashes for everybody and everything else.

New participants are numbered in the order of a keyed hash of their id, so that a number says nothing about
when somebody came; a number once given stays theirs in every later version.  The linking tables stand in
the landing zone, where the patients' records are anyway, and never in a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from extract.errors import StorageFault
from extract.study.folder import StudyFolder
from validate.lock.files import storage_faults, write_whole
from validate.lock.keys import PseudonymKey

__all__ = ["Pseudonyms", "read_linking", "write_linking"]

_PATIENTS: Final = pa.schema([("participant", pa.string()), ("patient_id", pa.string())])
_RECORDS: Final = pa.schema(
    [
        ("record", pa.string()),
        ("record_id", pa.string()),
        ("version", pa.string()),
        ("record_version", pa.string()),
    ]
)
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
        fresh = sorted(set(patients) - given.keys(), key=lambda patient: key.of("patient", patient))
        for number, patient in enumerate(fresh, start=max(numbers, default=0) + 1):
            given[patient] = f"P{number:03d}"
        return cls(key, given)

    def subject(self, patient: str) -> str:
        """The participant's number, or ``S-`` and 16 hex digits for who was screened only."""
        return self.participants.get(patient) or f"S-{self.key.of('patient', patient)[:16]}"

    def record(self, record_id: str) -> str:
        """A record's name outside the house: its table, and 24 hex digits instead of the key."""
        table, _, _ = record_id.partition(":")
        return f"{table}:{self.key.of('record', record_id)[:24]}"

    def version(self, version: str) -> str:
        """A record version's name: the landing hash is over values that could be guessed, this is not."""
        return self.key.of("version", version)[:32]


def _linking_file(folder: StudyFolder) -> Path:
    return folder.landing / "linking.parquet"


def _records_file(folder: StudyFolder) -> Path:
    return folder.landing / "linking_records.parquet"


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    """A linking table, empty before the first. Raises StorageFault."""
    if not path.exists():
        return schema.empty_table()
    try:
        return pq.read_table(path, schema=schema)
    except (OSError, pa.ArrowException):
        raise StorageFault(
            f"{path}: the linking table cannot be read",
            "Restore it from the backup: without it nobody can tell who a participant is.",
        ) from None


def read_linking(folder: StudyFolder) -> dict[str, str]:
    """patient_id -> participant as given by earlier runs; empty before the first. Raises StorageFault."""
    table = _read(_linking_file(folder), _PATIENTS)
    return dict(
        zip(table.column("patient_id").to_pylist(), table.column("participant").to_pylist(), strict=True)
    )


def write_linking(folder: StudyFolder, pseudonyms: Pseudonyms, records: Iterable[tuple[str, str]]) -> None:
    """Puts both linking tables in place, whole or not at all, readable by the owner only.

    ``records`` are (record_id, version) pairs of the lineage. Raises StorageFault.
    """
    people = sorted(pseudonyms.participants.items(), key=lambda item: (len(item[1]), item[1]))
    patients = pa.table([[name for _, name in people], [patient for patient, _ in people]], schema=_PATIENTS)
    # Earlier snapshots point at record versions that this one may not use any more.
    kept = _read(_records_file(folder), _RECORDS)
    known = zip(kept.column("record_id").to_pylist(), kept.column("record_version").to_pylist(), strict=True)
    pairs = sorted({*records, *known})
    lineage = pa.table(
        [
            [pseudonyms.record(record) for record, _ in pairs],
            [record for record, _ in pairs],
            [pseudonyms.version(version) for _, version in pairs],
            [version for _, version in pairs],
        ],
        schema=_RECORDS,
    )
    for path, table in (
        (_linking_file(folder), patients),
        (_records_file(folder), lineage),
    ):
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        with storage_faults(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, sink.getvalue().to_pybytes())
