"""Rows of any number spread over files by a hash that they carry, so that each part fits into memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["MOST", "in_parts"]

_ENDS: Final = pa.array([f"{number:02x}" for number in range(256)])
MOST: Final = len(_ENDS)
"""Parts that can be told apart by two hex digits."""


def in_parts(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, key: str, parts: int, folder: Path
) -> Iterator[pa.Table]:
    """``parts`` (at most ``MOST``) tables that together are the rows; rows of one ``key`` are in one of them.

    The texts of ``key`` end in two hex digits. What is more than one part stands in files of ``folder``
    without a name, which die with the process. Raises OSError when there is no room.
    """
    if parts == 1:
        yield pa.Table.from_batches(list(batches), schema)
        return
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(parts)]
        packed = pa.ipc.IpcWriteOptions(compression="lz4")
        writers = [pa.ipc.new_stream(pa.PythonFile(file, "w"), schema, options=packed) for file in files]
        for batch in batches:
            which = _parts_of(batch.column(key), parts)
            order = np.argsort(which, kind="stable")
            rows = pa.Table.from_batches([batch], schema).take(pa.array(order))
            ends = np.searchsorted(which[order], np.arange(parts + 1))
            for writer, start, end in zip(writers, ends[:-1], ends[1:], strict=True):
                if end > start:
                    writer.write_table(rows.slice(start, end - start))
        for writer, file in zip(writers, files, strict=True):
            writer.close()
            file.seek(0)
            yield pa.ipc.open_stream(pa.PythonFile(file, "r")).read_all()
            file.close()


def _parts_of(keys: pa.Array, parts: int) -> npt.NDArray[np.int64]:
    """(n,) the number of the part of each row."""
    ends = pc.index_in(pc.utf8_slice_codeunits(keys, -2), value_set=_ENDS)
    return np.asarray(ends.to_numpy(zero_copy_only=False), dtype=np.int64) % parts
