"""One form for every value, whatever the driver hands over."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.his.engines.base import number
from extract.his.engines.binds import for_duckdb, for_sqlalchemy, names
from extract.his.engines.forms import as_date, as_number, as_text, as_time, formed

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2022, 3, 4, 12, 30, 15)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"), (1.0, "1"), (Decimal("1.00"), "1"), (2.5, "2.5"), (Decimal(100), "100"), (1e21, "1" + "0" * 21),
        ("007", "007"), (" a ", " a "), ("", None), (None, None), (b"", None), (float("nan"), None),
        ("血沉".encode(), "血沉"), ("血沉".encode("gb18030"), "血沉"), (True, "1"), (NOON, "2022-03-04 12:30:15"),
    ],
)  # fmt: skip
def test_text_keeps_what_was_written_and_numbers_have_no_empty_fraction(value, text):
    assert as_text(value) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_is_the_same_text_as_decimal_text_and_float(value):
    """6.50 of PostgreSQL, 6.5 of DuckDB and '6.50' of a CSV are one value."""
    shortest = as_number(value)
    assert as_number(str(value)) == as_number(f"{value}00" if "." in f"{value}" else value) == shortest
    assert as_number(float(value)) == shortest
    assert Decimal(shortest) == value
    assert not shortest.endswith(("0", ".")) or "." not in shortest


@pytest.mark.parametrize(
    "value",
    [
        NOON, NOON.replace(microsecond=999_999), "2022-03-04 12:30:15", "2022-03-04T12:30:15.123456789", "2022/03/04 12:30:15",
        "20220304123015", "2022030412:30:15", datetime(2022, 3, 4, 4, 30, 15, tzinfo=UTC), "2022-03-04T04:30:15Z",
    ],
)  # fmt: skip
def test_every_spelling_of_a_time_is_the_same_second_of_the_sites_clock(value):
    assert as_time(value, SHANGHAI) == NOON


def test_a_day_is_midnight_as_a_time_and_itself_as_a_date():
    assert as_time("2022-03-04", SHANGHAI) == as_time(date(2022, 3, 4), SHANGHAI) == datetime(2022, 3, 4)  # noqa: DTZ001
    assert as_date("2022-03-04 23:59:59", SHANGHAI) == date(2022, 3, 4)
    assert as_date("", SHANGHAI) is None


def test_what_cannot_be_read_becomes_null_and_is_counted():
    unreadable: Counter[str] = Counter()
    values = ["2022-03-04", "0000-00-00", "昨天", None, ""]
    column = formed(values, pa.field("specimen_at", pa.timestamp("s")), SHANGHAI, unreadable)
    assert column.to_pylist() == [datetime(2022, 3, 4), None, None, None, None]  # noqa: DTZ001
    assert unreadable == {"specimen_at": 2}
    assert formed(["阳性", "3.0"], number("raw_number"), SHANGHAI, unreadable).to_pylist() == [None, "3"]
    assert unreadable["raw_number"] == 1


TIMES = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001


@given(st.lists(TIMES))
def test_arrow_times_and_python_times_come_to_the_same_seconds(values):
    """DuckDB hands over Arrow, the others Python objects: before 1970 too, a second is cut, not rounded."""
    field = pa.field("at", pa.timestamp("s"))
    assert formed(pa.array(values, pa.timestamp("us")), field, SHANGHAI, None).equals(
        formed(values, field, SHANGHAI, None)
    )


@given(st.lists(st.none() | st.text(max_size=3)), st.lists(st.none() | st.integers(-5, 5)))
def test_arrow_texts_and_python_texts_come_to_the_same(texts, integers):
    field = pa.field("name", pa.string())
    assert formed(pa.array(texts, pa.string()), field, SHANGHAI, None).equals(
        formed(texts, field, SHANGHAI, None)
    )
    assert formed(pa.array(integers, pa.int64()), field, SHANGHAI, None).equals(
        formed(integers, field, SHANGHAI, None)
    )


def test_binds_are_found_only_where_they_are_binds():
    sql = """SELECT a::text, ':no', ':: it''s :no', "a:no" -- :no
             FROM t /* :no */ WHERE b = :yes AND c = '08:00' AND d=:yes2"""
    assert names(sql) == {"yes", "yes2"}
    assert for_duckdb("x = :k AND y = ':k'") == "x = $k AND y = ':k'"
    assert for_sqlalchemy("x = :k AND y = ':k' AND z::text = 1") == r"x = :k AND y = '\:k' AND z\:\:text = 1"


@given(
    st.lists(
        st.none()
        | st.datetimes().map(lambda time: f"{time:%Y-%m-%d %H:%M:%S}")
        | st.sampled_from(["", "0000-01-01 00:00:00", "0000-00-00 00:00:00", "2022-02-30 10:00:00", "2022-03-04",
                           "2022-03-04 24:00:00", "2022-03-04 10:00:60", " 2022-03-04 10:00:00", "2022-03-04 10:00+08"])
    ),
    st.sampled_from([pa.timestamp("s"), pa.date32()]),
)  # fmt: skip
def test_a_column_of_times_is_read_as_its_values_are_one_by_one(texts, wanted):
    """Read at once where all are written out, and never otherwise than alone."""
    one_by_one = as_date if pa.types.is_date(wanted) else as_time

    def alone(text):
        try:
            return one_by_one(text, SHANGHAI)
        except ValueError:
            return None

    together, apart = Counter(), Counter()
    found = formed(texts, pa.field("at", wanted), SHANGHAI, together).to_pylist()
    assert found == [alone(text) for text in texts]
    for text in texts:
        formed([text], pa.field("at", wanted), SHANGHAI, apart)
    assert together == apart


MIXED = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "",
            "血沉",
            "6.50",
            b"",
            "腰".encode("gb18030"),
            7,
            1.5,
            Decimal("2.50"),
            True,
            date(2022, 3, 4),
            "0000-00-00",
        ]
    ),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@given(
    st.lists(MIXED) | st.lists(st.none() | st.text(max_size=3)) | st.lists(TIMES),
    st.sampled_from(
        [
            pa.field("x", pa.string()),
            number("x"),
            pa.field("x", pa.timestamp("s")),
            pa.field("x", pa.date32()),
        ]
    ),
)
def test_a_column_comes_to_what_its_values_come_to_one_by_one(values, field):
    """Whole columns of one type are read at once; no neighbour changes what a value is."""
    together, apart = Counter(), Counter()
    found = formed(values, field, SHANGHAI, together)
    assert found.type == field.type
    assert found.to_pylist() == [formed([value, 7], field, SHANGHAI, apart)[0].as_py() for value in values]
    apart.subtract({} if field.type == pa.string() else {"x": len(values)})
    assert +together == +apart
