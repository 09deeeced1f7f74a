"""What the content of a snapshot *is*, apart from how it is stored: canonical rows and their hash.

A table is written as the lines of PostgreSQL's COPY text format, columns sorted by name, lines sorted
by their bytes; the hash of a table is SHA-256 over header and lines, and the logical hash is SHA-256
over the tables' hashes.  So Parquet's version, compression, row order, column order, and whether an
integer came back as a float do not matter, and any changed cell does.  docs/snapshot.md specifies this
for people who do not trust this module; docs/verify.md recomputes it without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extract.errors import SnapshotBroken
from validate.lock.rows import PIECE, Rows, batches_of, sorting
from validate.lock.spelling import sha256

__all__ = ["cell_texts", "hash_of_tables", "hash_table", "logical_hash"]

NULL: Final = "\\N"
SORTED_AT_ONCE: Final = 500_000
"""Rows of a table that are sorted in memory; more are sorted on disk."""
_ESCAPES: Final = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def cell_texts(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    r"""The cells of a column in canonical text, never null: (n,) strings.

    Numbers lose trailing zeros and never have an exponent (``5.80`` and ``5.8`` are ``5.8``; ``3.0``
    is ``3``; ``-0.0`` is ``0``); NaN counts as missing.  Text is taken as it is, with backslash, tab, line
    feed and carriage return escaped.  Missing is ``\N``.  Raises SnapshotBroken for a type that a
    snapshot does not hold (dates and times among them: a snapshot has study days).
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if pa.types.is_null(kind):
        return pa.array([NULL] * len(array), pa.large_string())
    if pa.types.is_integer(kind):
        return pc.fill_null(pc.cast(array, pa.large_string()), NULL)
    # A column repeats its values: each is written once.
    coded = array if pa.types.is_dictionary(kind) else array.dictionary_encode()
    return pc.fill_null(_texts(coded.dictionary).take(coded.indices), NULL)


def _texts(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return _number_texts(values)
    if pa.types.is_integer(kind):
        return pc.cast(values, pa.large_string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        texts = pc.cast(values, pa.large_string())
        for plain, escaped in _ESCAPES:
            texts = pc.replace_substring(texts, plain, escaped)
        return texts
    raise SnapshotBroken(
        f"a column has the type {kind}, which no snapshot holds",
        "Snapshots hold integers, decimals and text; see docs/snapshot.md.",
    )


def _number_texts(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type):
        # repr() is the shortest text that gives the float back, on every machine.
        texts = [
            None if value is None or value != value else _plain(Decimal(repr(value)))  # noqa: PLR0124
            for value in array.to_pylist()
        ]
        return pa.array(texts, pa.large_string())
    if array.type.scale <= 0:
        return pa.array(
            [None if value is None else _plain(value) for value in array.to_pylist()], pa.large_string()
        )
    # A decimal of positive scale always has a point, so stripping zeros cannot eat an integer's.
    texts = pc.utf8_rtrim(pc.utf8_rtrim(pc.cast(array, pa.large_string()), "0"), ".")
    # Arrow writes tiny decimals with an exponent (1E-7); those few are written by hand.
    if pc.any(pc.match_substring_regex(texts, "[Ee]")).as_py():
        return pa.array(
            [None if value is None else _plain(value) for value in array.to_pylist()], pa.large_string()
        )
    return pc.if_else(pc.equal(texts, ""), "0", texts)


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def hash_table(table: pa.Table | Rows | pq.ParquetFile) -> str:
    """SHA-256 of the canonical lines of one table, 64 hex digits; a table of any size takes little memory."""
    schema = table.schema_arrow if isinstance(table, pq.ParquetFile) else table.schema
    rows = table.metadata.num_rows if isinstance(table, pq.ParquetFile) else table.num_rows
    names = sorted(schema.names)
    if len(set(names)) != len(names):
        raise SnapshotBroken("a table has two columns of one name", "Lock the study again.")
    for field in schema:
        cell_texts(
            pa.array([], field.type)
        )  # a type that no snapshot holds is named before anything is sorted
    digest = hashlib.sha256("\t".join(_escape(name) for name in names).encode() + b"\n")
    if names:
        lines = (_lines(batch, names) for batch in batches_of(table))
        for sorted_ in _sorted_apart(lines) if rows > SORTED_AT_ONCE else _sorted(lines):
            _update(digest, sorted_)
    return digest.hexdigest()


def _lines(batch: pa.RecordBatch, names: list[str]) -> pa.Array:
    columns = [cell_texts(batch.column(name)) for name in names]
    tab = pa.scalar("\t", pa.large_string())
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, tab)


def _sorted(lines: Iterable[pa.Array]) -> Iterator[pa.Array]:
    whole = pa.chunked_array(lines, pa.large_string()).combine_chunks()
    # Arrow sorts strings by their UTF-8 bytes.
    yield whole.take(pc.sort_indices(whole))


def _sorted_apart(lines: Iterable[pa.Array]) -> Iterator[pa.Array]:
    """The same for what may not fit into memory; DuckDB sorts BLOBs by their bytes."""
    schema = pa.schema([("line", pa.large_binary())])
    batches = (pa.RecordBatch.from_arrays([one.cast(pa.large_binary())], schema=schema) for one in lines)
    with sorting() as connection:
        connection.register("given", pa.RecordBatchReader.from_batches(schema, batches))
        for batch in connection.sql("SELECT line FROM given ORDER BY line").to_arrow_reader(PIECE):
            yield batch.column(0).cast(pa.large_binary()).cast(pa.large_string())


def _update(digest: Any, lines: pa.Array) -> None:
    ended = pc.binary_join_element_wise(lines, *(pa.scalar(mark, pa.large_string()) for mark in ("", "\n")))
    # The lines stand one after the other in Arrow's own buffer: nothing is copied into Python.
    if len(ended):
        digest.update(memoryview(ended.buffers()[2])[: pc.sum(pc.binary_length(ended)).as_py()])


def _escape(text: str) -> str:
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return text


def hash_of_tables(tables: Mapping[str, pa.Table | Rows | pq.ParquetFile]) -> str:
    """The logical hash: SHA-256 over ``name<TAB>hash<LF>`` of each table, sorted by name."""
    return logical_hash({name: hash_table(table) for name, table in tables.items()})


def logical_hash(hashes: Mapping[str, str]) -> str:
    """The same from the tables' hashes."""
    return sha256("".join(f"{name}\t{digest}\n" for name, digest in sorted(hashes.items())).encode())
