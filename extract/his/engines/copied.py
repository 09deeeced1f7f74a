"""PostgreSQL's answer by COPY, straight to Arrow: a Python object is made for each *different* value at most.

COPY stays in the session that the guard watches over, with its snapshot, its time-outs and its errors.
The server writes each value as text; what psycopg would make of that text (``Transformer``) is brought to
its form by ``forms``, so a value is the same by either road.  Texts, integers and times, which are nearly
all there is, are read by Arrow alone.  One thing is better: a time that Python cannot hold (``infinity``,
years before 1) is NULL and counted, where the cursor would give up the whole statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from io import BytesIO
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from extract.his.arrays import strings
from extract.his.engines.base import NUMBER
from extract.his.engines.forms import as_text, formed

__all__ = ["batches", "copy_statement", "drained", "kinds"]

_TEXTS: Final = {18, 19, 25, 705, 1042, 1043}
"""OIDs of "char", name, text, unknown, bpchar and varchar."""
_INTEGERS: Final = {20, 21, 23}
_DATE, _TIMESTAMP, _TIMESTAMPTZ = 1082, 1114, 1184
_WRITTEN: Final = {_DATE: 10, _TIMESTAMP: 19}
"""How long a day and a second are as text."""
_ZONED: Final = r"^(19[1-9]\d|20[0-2]\d)-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d)?$"
"""Moments of years for which every edition of the time zone data says the same."""
_BYTES: Final = 2**24
"""A batch is cut here, too: long notes would else fill the memory."""
_LARGEST: Final = 2**31 - 2

_ARRIVED: Final = 5000
"""Rows that are held before they are looked at."""

Load = Callable[[str], object]


def copy_statement(connection: Any, sql: str) -> str:
    """A SELECT as the COPY that sends its rows as CSV, NULL and empty text alike as nothing."""
    # A server that does not know what its bytes mean sends them as they are; the others send UTF-8.
    known = connection.info.parameter_status("server_encoding")
    code = known if known == "SQL_ASCII" else "UTF8"
    return f"COPY (\n{sql.rstrip().removesuffix(';')}\n) TO STDOUT (FORMAT csv, ENCODING '{code}')"


def kinds(connection: Any, sql: str, binds: dict[str, object]) -> list[int]:
    """The type of each column by its OID; no row is read."""
    import psycopg

    with psycopg.ClientCursor(connection) as cursor:
        whole = f"SELECT * FROM (\n{sql.rstrip().removesuffix(';')}\n) q LIMIT 0"  # noqa: S608 - the pack's own
        cursor.execute(whole, binds or None)
        return [column.type_code for column in cursor.description or ()]


def drained(session: Any) -> Iterator[Any]:
    """The rows of the COPY that a session has begun, with one wait for all that have arrived.

    psycopg's own loop sets up a wait for every row, which costs more than the row.  Raises psycopg.Error.
    """
    from psycopg import errors, pq

    ended, fault = False, None
    while not ended:
        found, ended = session.wait(_arrived(session.pgconn))
        # How it ended is taken in before the last rows are given out: who leaves then leaves a session at rest.
        while ended and (result := session.pgconn.get_result()) is not None:
            if result.status != pq.ExecStatus.COMMAND_OK:
                fault = errors.error_from_result(result)
        yield from found
    if fault is not None:
        raise fault


def _arrived(connection: Any) -> Generator[Any, Any, tuple[list[Any], bool]]:
    """Rows, at least one before the end; whether they are the last.  Waits as psycopg's generators do."""
    from psycopg.waiting import Wait

    found: list[Any] = []
    while len(found) < _ARRIVED:
        size, row = connection.get_copy_data(1)
        if size > 0:
            found.append(row)
        elif size < 0 or found:
            return found, size < 0
        else:
            while not (yield Wait.R):
                continue
            connection.consume_input()
    return found, False


def batches(
    rows: Iterator[Any],
    connection: Any,
    oids: Sequence[int],
    schema: pa.Schema,
    *,
    zone: ZoneInfo,
    batch_rows: int,
    unreadable: Counter[str] | None,
) -> Iterator[pa.RecordBatch]:
    """``rows`` of a COPY as batches of ``schema``. Raises pa.ArrowInvalid, whose message may hold a value."""
    loads = [_loader(connection, oid) for oid in oids]

    def made(held: BytesIO) -> pa.RecordBatch:
        columns = [
            _column(texts, oid, field, load, zone, unreadable)
            for texts, oid, field, load in zip(_texts(held, len(oids)), oids, schema, loads, strict=True)
        ]
        return pa.record_batch(columns, schema=schema)

    held, count, size = BytesIO(), 0, 0
    write = held.write
    for row in rows:
        size += write(row)
        count += 1
        if count == batch_rows or size >= _BYTES:
            yield made(held)
            held, count, size = BytesIO(), 0, 0
            write = held.write
    if count:
        yield made(held)


def _texts(held: BytesIO, width: int) -> list[pa.Array]:
    """The columns of a piece of CSV as texts; empty is NULL, as everywhere (forms)."""
    names = [str(number) for number in range(width)]

    def read(kind: pa.DataType) -> list[pa.Array]:
        table = csv.read_csv(
            pa.BufferReader(held.getbuffer()),
            read_options=csv.ReadOptions(
                column_names=names, use_threads=False, block_size=min(held.tell() + 1, _LARGEST)
            ),
            # A row of one NULL is an empty line.
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, kind),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
        return [column.combine_chunks() for column in table.columns]

    try:
        return read(pa.string())
    except pa.ArrowInvalid:
        return [strings([as_text(v) for v in column.to_pylist()]) for column in read(pa.binary())]


def _loader(connection: Any, oid: int) -> Load:
    """What psycopg makes of a text of this type; a text where Python has nothing that holds it."""
    import psycopg
    from psycopg.adapt import Transformer

    load = Transformer(connection).get_loader(oid, psycopg.pq.Format.TEXT).load
    encoding = connection.info.encoding

    def loaded(text: str) -> object:
        if oid in _TEXTS:
            return text
        try:
            return load(text.encode(encoding))
        except (psycopg.Error, UnicodeEncodeError, ValueError):
            return text

    return loaded


def _column(
    texts: pa.Array, oid: int, field: pa.Field, load: Load, zone: ZoneInfo, unreadable: Counter[str] | None
) -> pa.Array:
    """A column of the server's texts in the form of ``field``."""
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), field.type)
    if oid in _TEXTS:
        return formed(texts, field, zone, unreadable)
    quick = _quick(texts, oid, field, zone)
    if quick is not None:
        return quick
    different = texts.dictionary_encode()
    values = [load(text) for text in different.dictionary.to_pylist()]
    lost = Counter[str]()
    column = formed(values, field, zone, lost)
    if not lost:
        return column.take(different.indices)
    everyone = [None if index is None else values[index] for index in different.indices.to_pylist()]
    return formed(everyone, field, zone, unreadable)


def _quick(texts: pa.Array, oid: int, field: pa.Field, zone: ZoneInfo) -> pa.Array | None:
    """The same by Arrow alone; None where the type or any value wants a closer look."""
    wanted = field.type
    is_number = bool(field.metadata) and field.metadata.get(b"form") == NUMBER[b"form"]
    if oid in _INTEGERS and (is_number or pa.types.is_string(wanted)):
        return texts
    if oid in _INTEGERS and pa.types.is_integer(wanted):
        return pc.cast(texts, wanted)
    if not pa.types.is_temporal(wanted) or pa.types.is_date(wanted) != (oid == _DATE):
        return None
    try:
        return _time(texts, oid, wanted, zone)
    except pa.ArrowInvalid:  # another DateStyle, infinity, a year that Python does not have
        return None


def _time(texts: pa.Array, oid: int, wanted: pa.DataType, zone: ZoneInfo) -> pa.Array | None:
    if oid in _WRITTEN and pc.all(pc.equal(pc.binary_length(texts), _WRITTEN[oid])).as_py():
        return pc.cast(texts, wanted)
    if oid == _TIMESTAMP:
        moments = pc.cast(texts, pa.timestamp("us"))
    elif oid == _TIMESTAMPTZ and pc.all(pc.match_substring_regex(texts, _ZONED)).as_py():
        zoned = pc.cast(pc.cast(texts, pa.timestamp("us", "UTC")), pa.timestamp("us", zone.key))
        moments = pc.local_timestamp(zoned)
    else:
        return None
    return pc.cast(pc.floor_temporal(moments, unit="second"), wanted)
