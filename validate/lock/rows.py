"""Tables that may be larger than memory: as Parquet in a file without a name, which dies with the process.

A study of some hundred participants never meets this; one of a million does.  ``Rows`` answers what the
readers of a small table ask of it (``column``, ``to_pandas``, ...), and ``batches_of`` reads either in pieces.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["PIECE", "Rows", "SortFailed", "batches_of", "open_table", "parquet_writer", "sorting"]

PIECE: Final = 1 << 17
"""Rows that are looked at together."""
_CHUNK: Final = 1 << 20
_SORT_MEMORY: Final = "200MB"


def parquet_writer(sink: Any, schema: pa.Schema) -> pq.ParquetWriter:
    """Parquet as a snapshot holds it: without pandas' or our machine's metadata."""
    return pq.ParquetWriter(sink, schema.remove_metadata(), compression="zstd", version="2.6")


class Rows:
    """Rows on disk, written once, read as often as one likes. Raises OSError when the disk refuses."""

    def __init__(self, schema: pa.Schema, folder: Path | None = None) -> None:
        # No name: nobody else can open it, and the kernel removes it however this process ends.
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the rows
        self.schema = schema
        self.num_rows = 0

    @classmethod
    def together(
        cls, schemas: Sequence[pa.Schema], made: Iterable[Sequence[pa.Table]], folder: Path | None = None
    ) -> list[Rows]:
        """Several tables that come in pieces side by side, one ``Rows`` each."""
        found = [cls(schema, folder) for schema in schemas]
        with ExitStack() as stack:
            writers = [stack.enter_context(one._writer()) for one in found]  # noqa: SLF001 - its own class
            for tables in made:
                for one, writer, table in zip(found, writers, tables, strict=True):
                    writer.write_table(table, row_group_size=PIECE)
                    one.num_rows += table.num_rows
        return found

    def _writer(self) -> pq.ParquetWriter:
        return parquet_writer(pa.PythonFile(self._file, "w"), self.schema)

    def _opened(self) -> pq.ParquetFile:
        self._file.seek(0)
        return pq.ParquetFile(pa.PythonFile(self._file, "r"))

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        return len(self.schema)

    @property
    def column_names(self) -> list[str]:
        """In their order."""
        return list(self.schema.names)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in pieces, in their order."""
        names = None if columns is None else list(columns)
        yield from self._opened().iter_batches(batch_size=PIECE, columns=names)

    def select(self, columns: Sequence[str]) -> pa.Table:
        """Some columns, in memory."""
        return self._opened().read(columns=list(columns))

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, in memory."""
        return self.select([name]).column(0)

    def table(self) -> pa.Table:
        """All of it, in memory."""
        return self._opened().read()

    def to_pandas(self) -> Any:
        """All of it, as pandas holds it."""
        return self.table().to_pandas()

    def __len__(self) -> int:
        return int(self._file.seek(0, 2))

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the Parquet file."""
        place = 0
        while True:
            # Somebody may read rows between two pieces.
            self._file.seek(place)
            data = self._file.read(_CHUNK)
            if not data:
                return
            place += len(data)
            yield data

    @cached_property
    def sha256(self) -> str:
        """Of the bytes of the Parquet file."""
        digest = hashlib.sha256()
        for data in self.pieces():
            digest.update(data)
        return digest.hexdigest()


def batches_of(table: pa.Table | Rows | pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """The rows in pieces."""
    if isinstance(table, pq.ParquetFile):
        yield from table.iter_batches(batch_size=PIECE)
    else:
        yield from table.batches() if isinstance(table, Rows) else table.to_batches(max_chunksize=PIECE)


class SortFailed(OSError):
    """The rows could not be sorted: no room on the disk, or no rows at all."""


@contextmanager
def open_table(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file to be read in pieces; its texts come as codes, so that each is looked at once."""
    texts = [
        field.name
        for field in pq.read_schema(path)
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        yield file


@contextmanager
def sorting() -> Iterator[Any]:
    """A DuckDB connection that sorts more than fits into memory, on disk where it must."""
    import duckdb

    try:
        with (
            tempfile.TemporaryDirectory(prefix="cohortlock-sorting-") as place,
            duckdb.connect(config={"memory_limit": _SORT_MEMORY, "temp_directory": place}) as connection,
        ):
            yield connection
    except duckdb.Error as error:
        # DuckDB's text may quote a row.
        raise SortFailed(type(error).__name__) from None
