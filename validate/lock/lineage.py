"""From a cell of a snapshot back to the record it was read in: inside the house only, where the linking tables are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from extract.errors import NotFound, SnapshotBroken, StorageFault
from extract.study.folder import StudyFolder
from validate.lock.verify import verify

__all__ = ["Trace", "trace"]


@dataclass(frozen=True)
class Trace:
    """Where one cell comes from. ``record_id`` is None for what was computed or typed without a record.

    ``start`` and ``end`` count characters of the record's text; None for a whole record.
    """

    participant: str
    column: str
    method: str
    record_id: str | None
    version: str | None
    start: int | None
    end: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def trace(folder: StudyFolder, snapshot: Path, participant: str, column: str) -> Trace:
    """The origin of ``column`` of ``participant`` in a verified ``snapshot`` of the study in ``folder``.

    Raises SnapshotBroken, NotFound for a cell that is missing or not there, StorageFault without the
    linking table.
    """
    report = verify(snapshot)
    if not report.ok:
        raise SnapshotBroken(
            f"{snapshot}: {report.problems[0].message}", "`cohortlock verify` lists every difference."
        )
    rows = pq.read_table(
        snapshot / "lineage.parquet", filters=[("participant", "==", participant), ("column", "==", column)]
    ).to_pylist()
    if not rows:
        raise NotFound(
            f"{participant} {column}: has no value in this snapshot", "codebook.csv lists the columns."
        )
    found = rows[0]
    record, version = _linked(folder, found["record"], found["version"])
    return Trace(participant, column, found["method"], record, version, found["start"], found["end"])


def _linked(folder: StudyFolder, record: str | None, version: str | None) -> tuple[str | None, str | None]:
    """The record and version behind their pseudonyms."""
    if record is None:
        return None, None
    path = folder.landing / "linking_records.parquet"
    try:
        rows = pq.read_table(path, filters=[("record", "==", record)]).to_pylist()
    except (OSError, pa.ArrowException):
        raise StorageFault(
            f"{path}: cannot be read", "Only the study folder that made the snapshot can resolve a record."
        ) from None
    for row in rows:
        if version is None or row["version"] == version:
            return row["record_id"], row["record_version"]
    raise NotFound(
        f"{record}: the study's linking table does not know it",
        "Restore linking_records.parquet from its copy.",
    )
