"""PostgreSQL by COPY and by the driver's cursor: the same values, to the byte, of every type."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections import Counter
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.errors import CohortlockError
from extract.his.engines.base import number
from extract.his.engines.binds import for_psycopg
from extract.his.engines.relational import RelationalEngine
from extract.his.records import SCHEMAS
from extract.his.versions import versions

TEXT = pa.field("x", pa.string())
FIELDS = {
    "text": TEXT,
    "number": number("x"),
    "time": pa.field("x", pa.timestamp("s")),
    "day": pa.field("x", pa.date32()),
}
VALUES = {
    "text": ["'腰痛'", "''", "' '", "'a,\"b\"\nc\r\\N'", "E'\\\\.'", "'NULL'", "'😀𠮷'", "'6.50'", "' 7 '", "'2022-03-04 05:06:07'", "'昨天'"],
    "char(5)": ["'a'", "''"],
    '"char"': ["'a'"],
    "name": ["'a'"],
    "smallint": ["-7", "0"],
    "integer": ["1", "-2147483648"],
    "bigint": ["9223372036854775807"],
    "oid": ["12"],
    "numeric": ["6.50", "0", "-0.0", "100", "1e30", "1e-20", "'NaN'", "'Infinity'", "12345678901234567890123456789.125", "0.30000"],
    "numeric(10,2)": ["6.5", "0.00", "-1.10"],
    "real": ["0.1", "1e20", "'NaN'", "'-Infinity'", "-0.0"],
    "double precision": ["0.1", "1e21", "1e-7", "'NaN'", "'Infinity'", "123456789012345678", "5"],
    "boolean": ["true", "false"],
    "timestamp": ["'2022-03-04 05:06:07'", "'2022-03-04 05:06:07.999999'", "'1900-01-01 00:00:00.5'", "'0001-01-01'", "'9999-12-31 23:59:59'"],
    "timestamp(0)": ["'2022-03-04 05:06:07'", "'0001-01-01'"],
    "timestamptz": ["'2022-03-04 05:06:07+08'", "'1988-07-01 12:00:00.25+00'", "'1899-12-31 23:00:00+00'", "'2022-03-04 23:30:00-03:30'"],
    "date": ["'2022-03-04'", "'0001-01-01'", "'9999-12-31'"],
    "time": ["'05:06:07'", "'05:06:07.5'"],
    "interval": ["'3 days 02:00'"],
    "bytea": ["''", "'\\xe885b0'::bytea", "'\\xd1fcccdb'::bytea", "'\\x00ff'::bytea"],
    "uuid": ["'00000000-0000-0000-0000-000000000001'"],
    "json": ["'{\"a\": \"腰\"}'"],
    "jsonb": ["'[1, null]'"],
    "text[]": ["ARRAY['a', NULL, '腰']"],
    "integer[]": ["ARRAY[1, 2]"],
    "inet": ["'10.0.0.1'"],
    "int4range": ["'[1,5)'"],
    "point": ["'(1,2)'"],
    "money": ["'1.50'"],
    "xml": ["'<a>腰</a>'"],
    "bit(3)": ["B'101'"],
}  # fmt: skip
BEYOND = {
    "timestamp": ["'infinity'", "'-infinity'", "'0044-03-15 12:00:00 BC'", "'20000-01-01'"],
    "timestamptz": ["'infinity'", "'0044-03-15 12:00:00+00 BC'"],
    "date": ["'infinity'", "'0044-03-15 BC'", "'20000-01-01'"],
}


@pytest.fixture(scope="module")
def database(postgres_url):
    """A database of this module's own, and its URL."""
    name, admin = f"copied_{uuid.uuid4().hex[:10]}", postgres_url.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    yield f"{postgres_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def engines(database):
    """By COPY, and by the cursor that every other driver is read by."""
    with contextlib.ExitStack() as stack:
        found = []
        for copies in (True, False):
            engine = RelationalEngine(database, root=Path(), zone="Asia/Shanghai", seconds=30)
            stack.callback(engine.close)
            assert engine._copies
            engine._copies = copies
            found.append(engine)
        yield found


def read(engine, sql, schema, rows=1000, **params):
    lost = Counter()
    batches = list(engine.stream(sql, params, schema, batch_rows=rows, unreadable=lost))
    return pa.Table.from_batches(batches, schema), lost


def listed(kind, values):
    return " UNION ALL ".join(f"SELECT CAST({value} AS {kind}) AS x" for value in [*values, "NULL"])


@pytest.mark.parametrize("form", FIELDS)
@pytest.mark.parametrize("kind", VALUES)
def test_every_type_comes_to_the_same_in_every_form(kind, form, engines):
    """One by one, so that no neighbour decides how a value is read; and all at once, as they come."""
    schema = pa.schema([FIELDS[form]])
    for values in [*([value] for value in VALUES[kind]), VALUES[kind], VALUES[kind] * 2]:
        by_copy, by_cursor = (read(engine, listed(kind, values), schema) for engine in engines)
        assert by_copy[0].equals(by_cursor[0]), (kind, form, values)
        assert by_copy[1] == by_cursor[1], (kind, form, values)


@pytest.mark.parametrize("kind", BEYOND)
def test_a_time_that_python_cannot_hold_is_null_and_counted(kind, engines):
    """The cursor gives up the whole statement; one impossible birthday is no reason to land nothing."""
    by_copy, by_cursor = engines
    for form in ("time", "day"):
        schema = pa.schema([FIELDS[form]])
        sound = VALUES[kind][0]
        found, lost = read(by_copy, listed(kind, [*BEYOND[kind], sound, *BEYOND[kind][:1]]), schema)
        assert found["x"].null_count == found.num_rows - 1
        assert lost == {"x": len(BEYOND[kind]) + 1}
    with pytest.raises(CohortlockError):
        read(by_cursor, listed(kind, BEYOND[kind]), pa.schema([FIELDS["time"]]))


MOMENTS = st.none() | st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))  # noqa: DTZ001
ROWS = st.lists(
    st.tuples(
        st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
        st.none() | st.just(Decimal("NaN")) | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
        st.none() | st.floats(),
        MOMENTS,
        st.none() | st.datetimes(dt.datetime(1700, 1, 2), dt.datetime(2100, 12, 30), timezones=st.just(dt.UTC)),  # noqa: DTZ001
        st.none() | st.dates(),
        st.none() | st.binary(max_size=6),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip
MIXED = pa.schema(
    [("a", pa.string()), number("b"), ("c", pa.string()), ("d", pa.timestamp("s")), ("e", pa.timestamp("s")),
     ("f", pa.date32()), ("g", pa.string()), ("h", pa.string())]
)  # fmt: skip


@settings(max_examples=60)
@given(rows=ROWS, size=st.integers(1, 12))
def test_any_rows_come_to_the_same_by_either_road(rows, size, engines, database):
    with (
        psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as admin,
        admin.cursor() as cursor,
    ):
        cursor.execute("DROP TABLE IF EXISTS mixed")
        cursor.execute(
            "CREATE TABLE mixed (no INTEGER, a TEXT, b NUMERIC, c DOUBLE PRECISION, d TIMESTAMP, e TIMESTAMPTZ, f DATE, g BYTEA)"
        )
        cursor.executemany(
            "INSERT INTO mixed VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [(n, *row) for n, row in enumerate(rows)],
        )
    asked = "SELECT a, b, c, d, e, f, g, d AS h FROM mixed WHERE no >= :k0 AND a IS DISTINCT FROM :leaf_0_0 ORDER BY no"
    by_copy, by_cursor = (read(engine, asked, MIXED, size, k0="0", leaf_0_0="%'\\!:x") for engine in engines)
    assert by_copy[0].equals(by_cursor[0])
    assert by_copy[1] == by_cursor[1]


def test_versions_are_the_same_by_either_road(engines):
    sql = """SELECT 'L' || n AS result_id, CASE WHEN n % 3 > 0 THEN 'V' || n END AS visit_id, 'P' AS patient_id, '' AS code,
      '血沉' AS name, timestamp '2022-01-01' + n * interval '1 hour' AS specimen_at, timestamptz '2022-01-01 00:00:00.9+00' AS reported_at,
      CAST(n AS numeric(9, 3)) / 7 AS raw_value, 'mm/h' AS unit, NULL AS reference_range, NULL AS updated_at
      FROM generate_series(1, 500) n"""
    found = [read(engine, sql, SCHEMAS["lab"], 64)[0].combine_chunks().to_batches()[0] for engine in engines]
    assert versions(found[0], SCHEMAS["lab"]) == versions(found[1], SCHEMAS["lab"])
    assert len(set(versions(found[0], SCHEMAS["lab"]))) == 500


def test_a_row_of_one_null_is_a_row(engines):
    sql = "SELECT NULL::text AS x FROM generate_series(1, 5) n"
    assert [read(engine, sql, pa.schema([TEXT]), 2)[0].num_rows for engine in engines] == [5, 5]


def test_batches_are_bounded_by_rows_and_by_bytes(engines, monkeypatch):
    sql = "SELECT repeat('痛', 1000) AS x FROM generate_series(1, 10) n"
    schema = pa.schema([TEXT])
    assert [b.num_rows for b in engines[0].stream(sql, {}, schema, batch_rows=4)] == [4, 4, 2]
    monkeypatch.setattr("extract.his.engines.copied._BYTES", 7000)
    assert [b.num_rows for b in engines[0].stream(sql, {}, schema, batch_rows=4)] == [3, 3, 3, 1]


def test_binds_travel_with_percent_signs_and_quotes_as_they_are(engines):
    assert for_psycopg("x LIKE :k AND y = '100%' -- :k") == "x LIKE %(k)s AND y = '100%%' -- :k"
    assert for_psycopg("y = '100%'") == "y = '100%'"
    sql = "SELECT x FROM (SELECT 'a''\\%b:c' AS x UNION ALL SELECT 'z%') q WHERE x LIKE :k ESCAPE '!' OR x = '%z'"
    for engine in engines:
        assert read(engine, sql, pa.schema([TEXT]), k="%'\\!%b:c")[0]["x"].to_pylist() == ["a'\\%b:c"]


def test_bytes_of_a_server_that_knows_no_encoding_are_read(postgres_url):
    """SQL_ASCII holds what it was given: UTF-8 in one row, GBK in the next."""
    name, admin = f"ascii_{uuid.uuid4().hex[:10]}", postgres_url.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        try:
            with psycopg.connect(admin, dbname=name, autocommit=True) as inside:
                inside.execute("CREATE TABLE note (no INTEGER, said TEXT)")
                for no, raw in enumerate(('颈痛,\n"3月"'.encode(), "腰痛".encode("gbk"), b"")):
                    inside.execute(b"INSERT INTO note VALUES (%d, '%s')" % (no, raw))
            engine = RelationalEngine(
                f"{postgres_url.rpartition('/')[0]}/{name}", root=Path(), zone="UTC", seconds=30
            )
            with contextlib.closing(engine):
                found, _ = read(engine, "SELECT said AS x FROM note ORDER BY no", pa.schema([TEXT]))
                assert found["x"].to_pylist() == ['颈痛,\n"3月"', "腰痛", None]
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_fault_in_mid_stream_is_one_sentence_without_the_value(engines):
    """The 700th row divides by zero, and a text that is no number is not quoted."""
    for sql in (
        "SELECT CAST(1 / (700 - n) AS TEXT) AS x FROM generate_series(1, 1000) n",
        "SELECT CAST(CAST('张三' || n AS INTEGER) AS TEXT) AS x FROM generate_series(1, 3) n",
        "SELECT no_such AS x FROM pg_class",
    ):
        with pytest.raises(CohortlockError) as caught:
            read(engines[0], sql, pa.schema([TEXT]), 100)
        assert "张三" not in str(caught.value)
    assert read(engines[0], "SELECT 'on' AS x", pa.schema([TEXT]))[0].num_rows == 1


def test_a_stream_that_is_left_leaves_the_session_ready_and_outside_a_transaction(engines, database):
    engine = engines[0]
    stream = engine.stream(
        "SELECT CAST(n AS TEXT) AS x FROM generate_series(1, 9000000) n", {}, pa.schema([TEXT]), batch_rows=10
    )
    assert next(stream).num_rows == 10
    stream.close()
    [(pid,)] = engine.ask("SELECT pg_backend_pid()")
    assert read(engine, "SELECT 'on' AS x", pa.schema([TEXT]))[0].num_rows == 1
    with psycopg.connect(database.replace("+psycopg", "")) as admin:
        assert admin.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() == (
            "idle",
        )


def test_the_values_of_this_test_are_nasty_enough():
    assert json.dumps(VALUES).count("NaN") == 3
    assert Decimal("12345678901234567890123456789.125").normalize() != Decimal(
        "12345678901234567890123456789.125"
    )
