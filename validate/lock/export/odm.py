"""CDISC ODM-XML 1.3.2: metadata and data of one table in one file, each missing value with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from validate.lock.export.told import MISSING, Field, Told

__all__ = ["as_odm"]

_NAMESPACE: Final = "http://www.cdisc.org/ns/odm/v1.3"
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS: Final = {"text": "text", "integer": "integer", "decimal": "float"}


def as_odm(told: Told) -> Mapping[str, bytes]:
    """``.odm.xml``. The participant is the subject; a table with several rows each repeats its item group.

    A missing value is ``IsNull``, with its reason as the comment of an annotation.
    """
    return {".odm.xml": ("\n".join(_lines(told)) + "\n").encode()}


def _said(text: object) -> str:
    """What XML cannot hold is shown by its number instead of being lost."""
    return _ILLEGAL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(text))


def _tag(name: str, *, end: str = "", **attributes: object) -> str:
    told = "".join(
        f" {key.replace('__', ':')}={quoteattr(_said(value))}"
        for key, value in attributes.items()
        if value != ""
    )
    return f"<{name}{told}{end}>"


def _words(told: Told, text: str) -> str:
    return f"{_tag('TranslatedText', xml__lang=told.language)}{escape(_said(text))}</TranslatedText>"


def _lines(told: Told) -> Iterator[str]:
    about = told.source
    study, items = f"ST.{about['study']}", told.fields[1:]
    version = f"MDV.{about['version']}"
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield _tag(
        "ODM",
        xmlns=_NAMESPACE,
        ODMVersion="1.3.2",
        FileType="Snapshot",
        Granularity="All",
        FileOID=f"{study}.v{about['version']}.{told.name}",
        CreationDateTime=about["created_at"],
        AsOfDateTime=about["created_at"],
        SourceSystem=about["system"],
        SourceSystemVersion=about["system_version"],
        Description=told.citation,
    )
    yield _tag("Study", OID=study)
    yield "<GlobalVariables>"
    yield f"<StudyName>{escape(_said(about['study']))}</StudyName>"
    yield f"<StudyDescription>{escape(_said(told.title))}</StudyDescription>"
    yield f"<ProtocolName>{escape(_said(about['study']))}</ProtocolName>"
    yield "</GlobalVariables>"
    yield from _units(told)
    yield _tag("MetaDataVersion", OID=version, Name=f"{about['study']} v{about['version']}")
    yield from _groups(told, items)
    for one in items:
        yield from _item(told, one)
    for one in items:
        yield from _codes(told, one)
    yield "</MetaDataVersion>"
    yield "</Study>"
    yield _tag("ClinicalData", StudyOID=study, MetaDataVersionOID=version)
    yield from _subjects(told)
    yield "</ClinicalData>"
    yield "</ODM>"


def _units(told: Told) -> Iterator[str]:
    units = sorted({one.unit for one in told.fields if one.unit})
    if not units:
        return
    yield "<BasicDefinitions>"
    for unit in units:
        yield _tag("MeasurementUnit", OID=f"MU.{unit}", Name=unit)
        yield f"<Symbol>{_words(told, unit)}</Symbol>"
        yield "</MeasurementUnit>"
    yield "</BasicDefinitions>"


def _groups(told: Told, items: tuple[Field, ...]) -> Iterator[str]:
    """One event, one form, one group of items."""
    repeating = "Yes" if told.name == "long" else "No"
    yield "<Protocol>"
    yield _tag("StudyEventRef", StudyEventOID="SE.locked", OrderNumber=1, Mandatory="Yes", end="/")
    yield "</Protocol>"
    yield _tag("StudyEventDef", OID="SE.locked", Name="locked", Repeating="No", Type="Common")
    yield _tag("FormRef", FormOID=f"FO.{told.name}", OrderNumber=1, Mandatory="Yes", end="/")
    yield "</StudyEventDef>"
    yield _tag("FormDef", OID=f"FO.{told.name}", Name=told.name, Repeating="No")
    yield _tag("ItemGroupRef", ItemGroupOID=f"IG.{told.name}", OrderNumber=1, Mandatory="Yes", end="/")
    yield "</FormDef>"
    yield _tag("ItemGroupDef", OID=f"IG.{told.name}", Name=told.name, Repeating=repeating)
    for number, one in enumerate(items, start=1):
        needed = "Yes" if one.required else "No"
        yield _tag("ItemRef", ItemOID=f"IT.{one.name}", OrderNumber=number, Mandatory=needed, end="/")
    yield "</ItemGroupDef>"


def _item(told: Told, one: Field) -> Iterator[str]:
    longest = max((len(str(cell)) for cell in one.cells if cell is not None), default=1)
    yield _tag(
        "ItemDef",
        OID=f"IT.{one.name}",
        Name=one.name,
        DataType=_KINDS[one.kind],
        Length=max(longest, 1),
        SignificantDigits=one.decimals if one.kind == "decimal" else "",
    )
    yield f"<Description>{_words(told, one.label)}</Description>"
    if one.unit:
        yield _tag("MeasurementUnitRef", MeasurementUnitOID=f"MU.{one.unit}", end="/")
    if one.kind != "text" and not one.labelled():
        for comparator, bound in zip(("GE", "LE"), one.bounds, strict=True):
            if bound != "":
                yield _tag("RangeCheck", Comparator=comparator, SoftHard="Soft")
                yield f"<CheckValue>{bound}</CheckValue>"
                yield "</RangeCheck>"
    if one.labelled():
        yield _tag("CodeListRef", CodeListOID=f"CL.{one.name}", end="/")
    yield "</ItemDef>"


def _codes(told: Told, one: Field) -> Iterator[str]:
    if not one.labelled():
        return
    yield _tag("CodeList", OID=f"CL.{one.name}", Name=one.name, DataType="integer")
    for code, label in one.labelled().items():
        yield _tag("CodeListItem", CodedValue=code)
        yield f"<Decode>{_words(told, label)}</Decode>"
        yield "</CodeListItem>"
    yield "</CodeList>"


def _subjects(told: Told) -> Iterator[str]:
    """Rows of one participant stand together, in the order of the table."""
    rows: dict[object, list[int]] = {}
    for number, subject in enumerate(told.fields[0].cells):
        rows.setdefault(subject, []).append(number)
    repeats = told.name == "long"
    for who, mine in rows.items():
        yield _tag("SubjectData", SubjectKey=who)
        yield _tag("StudyEventData", StudyEventOID="SE.locked")
        yield _tag("FormData", FormOID=f"FO.{told.name}")
        for key, number in enumerate(mine, start=1):
            again = key if repeats else ""
            yield _tag("ItemGroupData", ItemGroupOID=f"IG.{told.name}", ItemGroupRepeatKey=again)
            for one in told.fields[1:]:
                yield _datum(told, one, number)
            yield "</ItemGroupData>"
        yield "</FormData>"
        yield "</StudyEventData>"
        yield "</SubjectData>"


def _datum(told: Told, one: Field, number: int) -> str:
    cell, item = one.cells[number], f"IT.{one.name}"
    if cell is not None and cell != "":
        return _tag("ItemData", ItemOID=item, Value=cell, end="/")
    why = one.missing[number] if one.missing else None
    if why is None:
        return _tag("ItemData", ItemOID=item, IsNull="Yes", end="/")
    comment = f"<Comment>{escape(MISSING[why][told.language])}</Comment>"
    return f'{_tag("ItemData", ItemOID=item, IsNull="Yes")}<Annotation SeqNum="1">{comment}</Annotation></ItemData>'
