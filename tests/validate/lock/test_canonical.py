"""The logical hash is of the content and nothing else."""

import io
import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.errors import SnapshotBroken
from validate.lock.canonical import cell_texts, hash_of_tables, hash_table
from validate.lock.rows import Rows, open_table
from validate.lock.spelling import canonical_json, sha256

SCHEMA = pa.schema(
    [
        ("who", pa.string()),
        ("count", pa.int64()),
        ("length", pa.decimal128(18, 2)),
        ("share", pa.decimal128(18, 6)),
        ("note", pa.string()),
    ]
)


def decimals(places):
    return st.integers(-(10**9), 10**9).map(lambda n: Decimal(n).scaleb(-places))


rows = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            "count": st.none() | st.integers(-(2**53), 2**53),
            "length": st.none() | decimals(2),
            "share": st.none() | decimals(6),
            "note": st.none() | st.text(st.sampled_from("a\\N\t\n\r01;,.疼 \x00"), max_size=5),
        }
    ),
    max_size=8,
)


def table_of(found):
    return pa.Table.from_pylist(found, SCHEMA)


@given(rows, st.randoms(use_true_random=False))
def test_row_and_column_order_do_not_matter(found, chance):
    table = table_of(found)
    shuffled = list(found)
    chance.shuffle(shuffled)
    names = list(SCHEMA.names)
    chance.shuffle(names)
    assert hash_table(table_of(shuffled).select(names)) == hash_table(table)


@given(rows)
@settings(max_examples=60, deadline=None)
def test_writing_by_duckdb_pandas_and_arrow_does_not_matter(found):
    """...though pandas makes floats of integers with gaps, and DuckDB its own Parquet."""
    table = table_of(found)
    expected = hash_table(table)
    for written in (by_arrow(table), by_pandas(table), by_duckdb(table)):
        assert hash_table(written) == expected


def by_arrow(table):
    sink = io.BytesIO()
    pq.write_table(table, sink, version="1.0", compression="gzip", use_dictionary=False, row_group_size=2)
    return pq.read_table(io.BytesIO(sink.getvalue()))


def by_pandas(table):
    sink = io.BytesIO()
    table.to_pandas().astype({"count": "float64"} if len(table) else {}).to_parquet(sink)
    return pq.read_table(io.BytesIO(sink.getvalue()))


def by_duckdb(table):
    with duckdb.connect() as connection:
        connection.register("given", table)
        return connection.sql("SELECT * FROM given ORDER BY random()").to_arrow_table()


@given(rows.filter(bool), st.data())
def test_any_changed_cell_changes_the_hash(found, data):
    number = data.draw(st.integers(0, len(found) - 1))
    other = data.draw(rows.filter(bool))[0]
    name = data.draw(st.sampled_from(SCHEMA.names))
    changed = [dict(row) for row in found]
    changed[number][name] = other[name]
    same = changed[number][name] == found[number][name]
    assert (hash_table(table_of(changed)) == hash_table(table_of(found))) == same


@given(rows.filter(bool))
def test_a_row_more_or_twice_changes_the_hash(found):
    assert hash_table(table_of([*found, found[0]])) != hash_table(table_of(found))


def test_empty_text_missing_and_the_mark_of_missing_are_three_things():
    hashes = {hash_table(pa.table({"a": pa.array([value], pa.string())})) for value in ("", None, "\\N")}
    assert len(hashes) == 3


def test_a_cell_cannot_pose_as_two():
    one = pa.table({"a": ["x\ty"], "b": [""]})
    two = pa.table({"a": ["x"], "b": ["y\t"]})
    assert hash_table(one) != hash_table(two)


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (
            pa.array([Decimal("5.80"), Decimal("100.00"), Decimal("-0.10"), None], pa.decimal128(9, 2)),
            ["5.8", "100", "-0.1", "\\N"],
        ),
        (pa.array([Decimal("0.000000100"), Decimal(0)], pa.decimal128(18, 9)), ["0.0000001", "0"]),
        (
            pa.array([3.0, -0.0, 1e20, 1e-7, float("nan")]),
            ["3", "0", "100000000000000000000", "0.0000001", "\\N"],
        ),
        (pa.array(["a\tb\\\n\r", "0.50"]), ["a\\tb\\\\\\n\\r", "0.50"]),
        (pa.array([1, -20], pa.int8()), ["1", "-20"]),
        (pa.array(["x", None]).dictionary_encode(), ["x", "\\N"]),
        (pa.array([Decimal(100), Decimal(0)], pa.decimal128(5, 0)), ["100", "0"]),
    ],
)
def test_the_spelling_of_cells_is_the_specified_one(array, texts):
    assert cell_texts(array).to_pylist() == texts


def test_dates_are_refused():
    """A snapshot has study days; a date in it is a mistake that the hash must not pass over."""
    with pytest.raises(SnapshotBroken):
        hash_table(pa.table({"a": pd.to_datetime(["2024-01-01"])}))


def test_the_tables_name_is_part_of_the_hash():
    table = pa.table({"a": [1]})
    assert hash_of_tables({"x": table}) != hash_of_tables({"y": table})


def test_canonical_json_has_one_spelling():
    assert (
        canonical_json({"b": 1, "a": "疼"})
        == canonical_json({"a": "疼", "b": 1})
        == '{\n "a": "疼",\n "b": 1\n}\n'.encode()
    )
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


@given(rows)
@settings(max_examples=40, deadline=None)
def test_sorting_on_disk_and_reading_texts_as_codes_do_not_matter(found):
    """A table that does not fit into memory has the hash it would have if it did."""
    table = table_of(found)
    expected = hash_table(table)
    (apart,) = Rows.together([SCHEMA], [(table.slice(0, 3),), (table.slice(3),)])
    assert (apart.num_rows, hash_table(apart)) == (table.num_rows, expected)
    assert sha256(b"".join(apart.pieces())) == apart.sha256
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "t.parquet").write_bytes(b"".join(apart.pieces()))
        with pytest.MonkeyPatch.context() as patch, open_table(Path(folder) / "t.parquet") as file:
            patch.setattr("validate.lock.canonical.SORTED_AT_ONCE", 0)
            assert hash_table(file) == hash_table(apart) == expected


def test_a_type_that_no_snapshot_holds_is_named_before_anything_is_sorted(monkeypatch):
    monkeypatch.setattr("validate.lock.canonical.SORTED_AT_ONCE", 0)
    with pytest.raises(SnapshotBroken, match="type"):
        hash_table(pa.table({"a": pd.to_datetime(["2024-01-01"])}))
