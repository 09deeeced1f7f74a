"""One form for every value, whatever the engine hands over: the reason why hashes agree.

* text: as it stands; a number without a fraction has none (``1``, not ``1.0``); empty is NULL, because
  Oracle cannot tell the two apart; bytes are UTF-8 or else GB18030, and bytes that are neither are kept
  (extract/his/encodings.py)
* number: the shortest decimal, ``6.50`` -> ``6.5``
* time: naive wall-clock time of the site, cut to the second; an aware time is moved to the site's zone
* date: a day; the time of day is dropped

A time that cannot be read becomes NULL and is counted, never guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from extract.his.encodings import KEPT_BYTES, Encoding, decoded, kept, of_field
from extract.his.engines.base import NUMBER

__all__ = ["as_date", "as_number", "as_text", "as_time", "formed"]

_COMPACT: Final = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:[ T]?(\d{2}):?(\d{2})(?::?(\d{2}))?)?$")
_NANO: Final = re.compile(r"(\.\d{6})\d+")


def as_text(value: object) -> str | None:  # noqa: PLR0911 - one return for each type
    """Any value as text; empty is NULL."""
    if value is None:
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return as_number(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, bytes | bytearray | memoryview):
        return decoded(bytes(value), "mixed") or None
    return str(value) or None


def as_number(value: object) -> str | None:
    """A number in its shortest decimal form; NULL when there is none. Raises ValueError for words."""
    if value is None or value == "":
        return None
    try:
        exact = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not exact.is_finite():
        return None
    return f"{exact.normalize() + 0:f}"


def as_time(value: object, zone: ZoneInfo) -> datetime | None:
    """A naive time of the site, to the second. Raises ValueError when it cannot be read."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        found = value
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - wall-clock time
    elif isinstance(value, str):
        found = _read_time(value.strip())
    else:
        raise ValueError("not a time")  # noqa: TRY004 - one error for every value that cannot be read
    if found.tzinfo is not None:
        found = found.astimezone(zone).replace(tzinfo=None)
    return found.replace(microsecond=0)


def as_date(value: object, zone: ZoneInfo) -> date | None:
    """A day. Raises ValueError when it cannot be read."""
    time = as_time(value, zone)
    return None if time is None else time.date()


def formed(
    column: Sequence[object] | pa.Array, field: pa.Field, zone: ZoneInfo, unreadable: Counter[str] | None
) -> pa.Array:
    """One column in the form of ``field``; what cannot be read is NULL and counted under its name."""
    if (encoding := of_field(field)) is not None:
        return _from_bytes(column, field, encoding, unreadable)
    quick = _quick(column, field) if isinstance(column, pa.Array) else _plain(column, field)
    if quick is not None:
        return quick
    if isinstance(column, pa.Array):
        column = column.to_pylist()
    is_number = bool(field.metadata) and field.metadata.get(b"form") == NUMBER[b"form"]
    if not is_number and pa.types.is_string(field.type):
        return pa.array([v or None if isinstance(v, str) else as_text(v) for v in column], pa.string())
    values: list[object] = []
    for value in column:
        try:
            values.append(_valued(value, field.type, zone, is_number=is_number))
        except ValueError:
            values.append(None)
            if unreadable is not None:
                unreadable[field.name] += 1
    return pa.array(values, field.type)


def _plain(column: Sequence[object], field: pa.Field) -> pa.Array | None:
    """Values of one Python type, read at once; None where they are mixed, or need a closer look."""
    wanted, types = field.type, set(map(type, column)) - {type(None)}
    if not types:
        return pa.nulls(len(column), wanted)
    if types == {str}:
        if pa.types.is_string(wanted) and not field.metadata:
            return _not_empty(pa.array(column, pa.string()))
        return _written_out(pa.array(column, pa.string()), wanted) if pa.types.is_temporal(wanted) else None
    if types == {datetime} and pa.types.is_timestamp(wanted):
        if any(value.tzinfo is not None for value in column if isinstance(value, datetime)):
            return None
        return _to_the_second(pa.array(column, pa.timestamp("us")), wanted)
    return None


def _not_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _to_the_second(times: pa.Array, wanted: pa.DataType) -> pa.Array:
    return pc.cast(pc.floor_temporal(times, unit="second"), wanted)


def _written_out(texts: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """Times all written as ``2022-03-04 05:06:07``, read at once; None where any is written otherwise."""
    # Python has no year 0, and Arrow has.
    plain = pc.match_substring_regex(texts, r"^[1-9]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d$")
    if not pc.all(plain, min_count=0).as_py():
        return None
    try:
        return pc.cast(pc.cast(texts, pa.timestamp("s")), wanted, safe=False)
    except pa.ArrowInvalid:  # a 13th month: who it is, is found one by one
        return None


def _quick(column: pa.Array, field: pa.Field) -> pa.Array | None:
    """The same by Arrow alone, where the types allow it."""
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = pc.cast(column, pa.string())
    wanted, have = field.type, column.type
    if pa.types.is_null(have):
        return pa.nulls(len(column), wanted)
    if field.metadata:
        return None
    if pa.types.is_string(wanted):
        if pa.types.is_string(have):
            return _not_empty(column)
        return pc.cast(column, pa.string()) if pa.types.is_integer(have) else None
    return _moments(column, wanted) if pa.types.is_temporal(wanted) else None


def _moments(column: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    if pa.types.is_string(column.type):
        return _written_out(column, wanted)
    naive = pa.types.is_timestamp(column.type) and column.type.tz is None
    return _to_the_second(column, wanted) if naive and pa.types.is_timestamp(wanted) else None


def _read_time(text: str) -> datetime:
    if match := _COMPACT.match(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - wall-clock time
    text = _NANO.sub(r"\1", text.replace("/", "-"))
    if text.endswith(("Z", "z")):
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
    return datetime.fromisoformat(text)


def _valued(value: object, wanted: pa.DataType, zone: ZoneInfo, *, is_number: bool) -> object:
    if is_number:
        return as_number(value)
    if pa.types.is_date(wanted):
        return as_date(value, zone)
    if pa.types.is_integer(wanted):
        return None if value is None else int(str(value))
    return as_time(value, zone)


def _from_bytes(
    column: Sequence[object] | pa.Array, field: pa.Field, encoding: Encoding, unreadable: Counter[str] | None
) -> pa.Array:
    """Texts that arrive as hexadecimal digits of their bytes; those with kept bytes are counted."""
    values = column.to_pylist() if isinstance(column, pa.Array) else column
    texts = [decoded(bytes.fromhex(str(value)), encoding) or None if value else None for value in values]
    if unreadable is not None and (n := sum(1 for text in texts if text and kept(text))):
        unreadable[field.name + KEPT_BYTES] += n
    return pa.array(texts, pa.string())
