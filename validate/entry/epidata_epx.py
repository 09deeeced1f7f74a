"""The ``.epx`` of EpiData Manager: XML in which a record is an element and a field one of its attributes."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from extract.errors import Refused
from validate.entry.epidata import Column, EntryFile, Kind, Record

__all__ = ["parse"]

_KINDS: Final = {
    1: Kind.NUMBER,
    2: Kind.NUMBER,
    3: Kind.NUMBER,
    4: Kind.DATE,
    5: Kind.DATE,
    6: Kind.DATE,
    7: Kind.DATE,
    8: Kind.DATE,
    9: Kind.DATE,
}
_ORDERS: Final = {4: "dmy", 5: "mdy", 6: "ymd", 7: "dmy", 8: "mdy", 9: "ymd"}
_AUTOMATIC: Final = (2, 7, 8, 9, 11)
_NO_ENTRY: Final = "2"
_DELETED: Final = "2"
_FLOAT: Final = 3


def parse(name: str, data: bytes, encoding: str = "") -> EntryFile:
    """The entries of the only dataform of a project. Raises Refused; ``encoding`` stands in the file."""
    del encoding
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise Refused(f"{name}: it declares entities", "EpiData writes none; export the entries as CSV.")
    try:
        root = ET.fromstring(data)  # noqa: S314 - without a DTD nothing can be expanded or fetched
    except ET.ParseError as error:
        raise Refused(
            f"{name}, line {error.position[0]}: it is not a project of EpiData Manager",
            "A project with a password is encrypted: export the entries as CSV.",
        ) from None
    if root.tag.rsplit("}", 1)[-1] != "EpiData" or root.findtext("Settings/Scrambled", "") == "true":
        raise Refused(f"{name}: its entries cannot be read", "Export them as CSV.")
    forms = [one for one in root.iter("DataFile") if one.find("Records/Record") is not None]
    if len(forms) > 1:
        raise Refused(f"{name}: it has {len(forms)} dataforms", "Export the one to compare as CSV.")
    form = forms[0] if forms else root.find(".//DataFile")
    if form is None:
        raise Refused(f"{name}: it has no dataform", "Is it the right file?")
    point = root.findtext("Settings/DecimalSeparator", ".")
    missing = root.findtext("Settings/MissingString", ".")
    fields = [(one.get("id", ""), _type(name, one), one) for one in form.iter("Field")]
    columns = tuple(_column(type_, one) for _, type_, one in fields)
    records = []
    for number, record in enumerate(form.findall("Records/Record"), 1):
        cells = (_cell(record.get(key, ""), type_, point, missing) for key, type_, _ in fields)
        records.append(Record(number, tuple(cells), deleted=record.get("st") == _DELETED))
    return EntryFile(name, columns, tuple(records))


def _type(name: str, field: ET.Element) -> int:
    said = field.findtext("Type", "")
    if not said.isdecimal():
        raise Refused(f"{name}: a field has no type", "Save the project with EpiData Manager 2 or later.")
    return int(said)


def _column(type_: int, field: ET.Element) -> Column:
    computed = "automatic" if type_ in _AUTOMATIC else ""
    if field.findtext("EntryMode", "") == _NO_ENTRY:
        computed = "no entry"
    return Column(
        field.findtext("Name", "").strip(),
        _KINDS.get(type_, Kind.TEXT),
        field.findtext("Question", "").strip(),
        _ORDERS.get(type_, ""),
        computed,
    )


def _cell(text: str, type_: int, point: str, missing: str) -> str:
    text = text.strip()
    if text == missing:
        return ""
    return text.replace(point, ".") if type_ == _FLOAT and point else text
