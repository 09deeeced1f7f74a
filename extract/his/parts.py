"""Parts of the landing store: files of record versions, written once, whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extract.his.arrays import places, strings
from extract.his.disk import keep, sha256
from extract.his.landing import LANDED
from extract.his.records import SCHEMAS

__all__ = ["Part", "canonical"]


def canonical(batch: pa.RecordBatch, table: str, source_table: str) -> pa.RecordBatch:
    """The canonical columns and source_table; a number fills an empty raw value."""
    schema = SCHEMAS[table]
    columns = []
    for name in schema.names:
        column = batch.column(name)
        if name == "raw_value" and "raw_number" in batch.schema.names:
            column = pc.coalesce(column, batch.column("raw_number"))
        columns.append(column)
    if "source_table" in batch.schema.names:
        columns.append(pc.fill_null(batch.column("source_table"), source_table))
    else:
        columns.append(pa.repeat(pa.scalar(source_table), batch.num_rows))
    return pa.record_batch(columns, names=[*schema.names, "source_table"])


@dataclass
class Part:
    """The file of one (table, window): written under another name, kept whole or not at all."""

    folder: Path
    table: str
    run: str
    window: str
    rows: int = 0
    _writer: pq.ParquetWriter | None = None

    @property
    def name(self) -> str:
        """Where it stands under ``records/``, and its name in the ledger."""
        return f"{self.table}/{self.run}-{self.window}.parquet"

    @property
    def _temporary(self) -> Path:
        return self.folder / f"{self.name}.part"

    def write(self, batch: pa.RecordBatch, ids: list[str], found: list[str], rows: list[int]) -> None:
        """Add these rows of a batch."""
        landed = {
            "record_id": strings(ids),
            "version": strings(found),
            "run": pa.repeat(pa.scalar(self.run), len(ids)),
            "source_table": batch.column("source_table"),
        }
        schema = pa.schema([*SCHEMAS[self.table], *LANDED])
        columns = [*(batch.column(name) for name in SCHEMAS[self.table].names), *landed.values()]
        if self._writer is None:
            self._temporary.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._temporary, schema, compression="zstd")
        self._writer.write_batch(pa.record_batch(columns, schema=schema).take(places(rows)))
        self.rows += len(rows)

    def close(self) -> str:
        """Finish the file and give it its name; returns its SHA-256."""
        if self._writer is not None:
            self._writer.close()
        digest = sha256(self._temporary)
        keep(self._temporary, self.folder / self.name)
        return digest

    def discard(self) -> None:
        """Leave nothing half-written behind."""
        writer, self._writer = self._writer, None
        with suppress(OSError):  # the disk is full: what could be written goes as well
            if writer is not None:
                writer.close()
        self._temporary.unlink(missing_ok=True)
