"""Texts whose bytes are not what the database says they are: GBK in a latin-1 column, in SQL_ASCII, in a BLOB.

What stands in ``[encoding]`` of pack.toml or site.toml travels as the hexadecimal digits of its stored bytes,
which every driver carries unharmed, and is decoded here.  A byte that does not decode is kept: it becomes one
character of U+10FF00 to U+10FFFF (``kept``), so that nothing is lost, it can be counted, and a change of it is a
change of the record (docs/adr/0008).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, model_validator

from extract.his.records import KEY, SCHEMAS

__all__ = [
    "Encoding",
    "Encodings",
    "decoded",
    "encoded_field",
    "kept",
    "of_field",
    "raw_of",
    "spelled",
    "texts_of",
]

Encoding = Literal["utf-8", "gb18030", "mixed", "mojibake"]
"""``mixed``: UTF-8 where it is valid and likely, else GB18030. ``mojibake``: GB18030 read as latin-1 and stored as UTF-8."""

KEPT_BYTES: Final = "_bytes_kept"
"""After a column's name: values that hold kept bytes, as the pull counts them."""
_KEPT: Final = 0x10FF00
_KEPT_ANY: Final = re.compile("[\U0010ff00-\U0010ffff]")
_FIELD: Final = b"encoding"
_ALL: Final = "*"
_LATIN: Final = {c: b for b in range(256) for c in {bytes([b]).decode("cp1252", "ignore"), chr(b)} if c}
"""A character that a latin-1 reader made of a byte, by Windows' table or by the plain one -> the byte."""


class Encodings(BaseModel):
    """``[encoding]``: what is declared, by ``*``, by canonical table and by ``table.column``; the closest counts."""

    model_config = ConfigDict(frozen=True)

    declared: dict[str, Encoding] = {}

    @model_validator(mode="after")
    def _known(self) -> Encodings:
        for name in self.declared:
            table, _, column = name.partition(".")
            if name != _ALL and (
                table not in SCHEMAS or (column and column not in texts_of(table)) or name.endswith(".")
            ):
                raise ValueError(
                    f'[encoding] {name!r} is neither "*", a canonical table nor one of its text columns'
                )
        return self

    def over(self, other: Encodings) -> Encodings:
        """These, with what ``other`` says in their place: a site's over its pack's."""
        return Encodings(declared=self.declared | other.declared)

    def of(self, table: str, column: str) -> Encoding | None:
        """What to decode a canonical column as; None where the driver's text is taken as it is."""
        if not self.declared or column not in texts_of(table):
            return None
        for name in (f"{table}.{column}", table, _ALL):
            if (found := self.declared.get(name)) is not None:
                return None if found == "utf-8" else found
        return None

    @property
    def whole(self) -> Encoding | None:
        """What is declared of the whole database."""
        found = self.declared.get(_ALL)
        return None if found == "utf-8" else found


def texts_of(table: str) -> list[str]:
    """Text columns; the keys that patients and visits are asked for by are plain characters everywhere."""
    plain = {KEY["patient"], KEY["visit"], "merged_into"}
    texts = (field.name for field in SCHEMAS[table] if pa.types.is_string(field.type))
    return [name for name in texts if name not in plain]


def decoded(raw: bytes, encoding: Encoding) -> str:
    """``raw`` as text; bytes that do not decode, or would not come back as they were, stand as kept bytes."""
    if encoding == "gb18030":
        return _read(raw, "gb18030")
    text = _read(raw, "utf-8")
    if encoding == "utf-8":
        return text
    if encoding == "mixed":
        return _read(raw, "gb18030") if _KEPT_ANY.search(text) or _doubtful(text, raw) else text
    inner = _latin(text)
    return text if inner is None else _read(inner, "gb18030")


def _doubtful(text: str, raw: bytes) -> bool:
    """Whether a short text is better read as GBK although it is valid UTF-8: 女 is, as \u016e."""
    strange = [
        c for c in text if not c.isascii() and not "\xa0" <= c <= "\xff" and not "\u0370" <= c <= "\u03ff"
    ]
    if not strange or any(c >= "\u0800" for c in text):
        return False
    return all("\u4e00" <= c <= "\u9fff" for c in _read(raw, "gb18030") if not c.isascii())


def _latin(text: str) -> bytes | None:
    try:
        return bytes(_LATIN[c] for c in text)
    except KeyError:
        return None


def _read(raw: bytes, codec: str) -> str:
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return _piecewise(raw, codec)
    if text.isascii() or (not _KEPT_ANY.search(text) and text.encode(codec) == raw):
        return text
    return _piecewise(raw, codec)


def _piecewise(raw: bytes, codec: str) -> str:
    """Character by character: what is no character, or not the only spelling of one, is kept byte by byte."""
    out: list[str] = []
    start = 0
    while start < len(raw):
        text, width = _first(raw, start, codec)
        out.append(text if text is not None else chr(_KEPT + raw[start]))
        start += width
    return "".join(out)


def _first(raw: bytes, start: int, codec: str) -> tuple[str | None, int]:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    for end in range(start, min(start + 4, len(raw))):
        try:
            text = decoder.decode(raw[end : end + 1])
        except UnicodeDecodeError:
            return None, 1
        if text:
            whole = raw[start : end + 1]
            same = not _KEPT_ANY.search(text) and text.encode(codec) == whole
            return (text, len(whole)) if same else (None, 1)
    return None, 1


def raw_of(text: str, encoding: Literal["utf-8", "gb18030"]) -> bytes:
    """The bytes that ``decoded`` read: its inverse."""
    return b"".join(
        bytes([ord(c) - _KEPT]) if _KEPT_ANY.match(c) else c.encode(encoding, "surrogatepass")
        if encoding == "utf-8" else c.encode(encoding)
        for c in text
    )  # fmt: skip


def kept(text: str) -> int:
    """How many bytes of ``text`` did not decode and are kept."""
    return 0 if text.isascii() else len(_KEPT_ANY.findall(text))


def with_kept(column: pa.Array) -> pa.Array:
    """Which texts of a column hold kept bytes; false for NULL."""
    return pc.fill_null(pc.match_substring_regex(column, r"[\x{10FF00}-\x{10FFFF}]"), fill_value=False)


def spelled(term: str, encoding: Encoding) -> list[str]:
    """Every way in which ``term`` may be stored, as upper-case hexadecimal digits."""
    utf8, gbk = term.encode("utf-8"), term.encode("gb18030")
    forms = {"utf-8": [utf8], "gb18030": [gbk], "mixed": [utf8, gbk]}.get(encoding)
    if forms is None:
        windows = "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in gbk)
        forms = [utf8, gbk.decode("latin-1").encode(), windows.encode()]
    return list(dict.fromkeys(form.hex().upper() for form in forms))


def encoded_field(field: pa.Field, encoding: Encoding | None) -> pa.Field:
    """A text field whose values arrive as the hexadecimal digits of bytes in ``encoding``."""
    return field if encoding is None else field.with_metadata({_FIELD: encoding.encode()})


def of_field(field: pa.Field) -> Encoding | None:
    """What ``encoded_field`` said of a field."""
    metadata: Mapping[bytes, bytes] = field.metadata or {}
    found = metadata.get(_FIELD)
    return None if found is None else found.decode()  # type: ignore[return-value]
