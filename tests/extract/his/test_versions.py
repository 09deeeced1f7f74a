"""The version of a record: equal for equal rows, different for different ones, whatever the engine."""

from __future__ import annotations

import hashlib
from datetime import datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from extract.his.records import SCHEMAS
from extract.his.versions import content_hash, versions, written

LAB = SCHEMAS["lab"]
TEXT = st.none() | st.text(alphabet=st.sampled_from("0:-1,|a血 ️\n"), max_size=6)
DAYS = st.datetimes(datetime(1950, 1, 1), datetime(2050, 1, 1))  # noqa: DTZ001
TIME = st.none() | DAYS.map(lambda t: t.replace(microsecond=0))


@st.composite
def rows(draw):
    return [draw(TIME) if pa.types.is_timestamp(field.type) else draw(TEXT) for field in LAB]


def batch(*values):
    columns = [
        pa.array(list(column), field.type)
        for column, field in zip(zip(*values, strict=True), LAB, strict=True)
    ]
    return pa.record_batch(columns, schema=LAB)


@given(rows(), rows())
def test_two_rows_are_written_alike_only_when_they_are_equal(one, two):
    """...with any text: lengths stand before the values, so no separator can be forged."""
    first, second = written(batch(one, two), LAB).to_pylist()
    assert (first == second) == (one[:-1] == two[:-1])


@given(rows())
def test_a_version_does_not_depend_on_updated_at_nor_on_the_batch(row):
    touched = [*row[:-1], datetime(2030, 1, 1)]  # noqa: DTZ001
    alone = versions(batch(row), LAB)[0]
    assert versions(batch(touched, row), LAB) == [alone, alone]
    assert len(alone) == 32


def test_null_and_text_that_looks_like_it_differ():
    empty = [None] * len(LAB)
    found = versions(batch(empty, ["-", *empty[1:]], ["0:", *empty[1:]]), LAB)
    assert len(set(found)) == 3


def test_a_version_is_fixed_for_good():
    """A landed version outlives the program that wrote it: this value may never change."""
    row = ["T1|1|1", "I|001|1", "001", None, "血沉", datetime(2022, 3, 5, 7), None, "35", "mm/h", None, None]  # noqa: DTZ001
    by_hand = "6:T1|1|17:I|001|13:001-6:血沉19:2022-03-05 07:00:00-2:354:mm/h-"
    assert versions(batch(row), LAB) == [hashlib.sha256(by_hand.encode()).hexdigest()[:32]]


@given(st.lists(st.tuples(st.text("ab:1", min_size=1, max_size=4), st.sampled_from(["x" * 32, "y" * 32]))))
def test_the_content_hash_does_not_depend_on_order(records):
    assert content_hash(records) == content_hash(list(reversed(records)))
    assert content_hash([*records, ("zz", "z" * 32)]) != content_hash(records)


ANY = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "-", "3:", "1:-", "\0", "😀𠮷", "a" * 4094, "血" * 1365, "a" * 4095, "血" * 2000, "\n|:-"]
)  # fmt: skip


@st.composite
def tables(draw):
    """Any rows of any canonical table, cut out of a longer batch."""
    schema = SCHEMAS[draw(st.sampled_from(sorted(SCHEMAS)))]
    values = {"date32[day]": st.none() | DAYS.map(datetime.date), "timestamp[s]": TIME, "string": ANY}
    made = [[draw(values[str(field.type)]) for field in schema] for _ in range(draw(st.integers(0, 5)))]
    columns = [pa.array([row[i] for row in made], field.type) for i, field in enumerate(schema)]
    start = draw(st.integers(0, len(made)))
    return schema, made[start:], pa.record_batch(columns, schema=schema).slice(start)


def by_definition(schema, row):
    """ADR 0002 in plain Python."""
    said = ""
    for field, value in zip(schema, row, strict=True):
        if field.name != "updated_at":
            text = None if value is None else str(value)
            said += "-" if text is None else f"{len(text.encode())}:{text}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


@given(tables())
def test_versions_are_those_of_the_definition(made):
    """NULLs, separators inside, characters beyond the first plane, texts of every length."""
    schema, rows_, cut = made
    assert versions(cut, schema) == [by_definition(schema, row) for row in rows_]
