"""REDCap: a data dictionary and the data for its import, in the fields that the protocol derived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from validate.lock.export.delimited import rows_as_csv
from validate.lock.export.told import Field, Told

__all__ = ["DICTIONARY", "as_redcap"]

DICTIONARY: Final = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
"""The eighteen columns that REDCap's "Upload Data Dictionary" asks for, in its order."""

_DIGITS: Final = 4
"""REDCap validates up to four decimal places by name (number_4dp)."""
_TYPED: Final = {"zh": "录入值", "en": "Recorded"}
_COMPUTED: Final = {"zh": "计算值", "en": "Computed"}


def as_redcap(told: Told) -> Mapping[str, bytes]:
    """``.redcap.csv`` (the data) and ``.redcap-dictionary.csv``; several codes are one checkbox each.

    The participant is the record id. Empty is missing: REDCap's missing data codes are a project's setting.
    """
    header = [name for one in told.fields for name in _columns(one)]
    data = rows_as_csv(header, _rows(told))
    return {".redcap.csv": data, ".redcap-dictionary.csv": rows_as_csv(list(DICTIONARY), _dictionary(told))}


def _boxed(one: Field) -> bool:
    return one.many and bool(one.codes)


def _columns(one: Field) -> list[str]:
    return [f"{one.name}___{code}" for code in one.codes] if _boxed(one) else [one.name]


def _rows(told: Told) -> Iterator[list[Any]]:
    for row in zip(*(one.cells for one in told.fields), strict=True):
        line: list[Any] = []
        for one, cell in zip(told.fields, row, strict=True):
            if not _boxed(one):
                line.append(cell)
                continue
            ticked = str(cell or "").split(";")
            # Nobody knows: all boxes empty, not all boxes "no".
            line += [None if cell is None else int(str(code) in ticked) for code in one.codes]
        yield line


def _dictionary(told: Told) -> Iterator[list[str]]:
    section = ""
    for number, one in enumerate(told.fields):
        title = "" if number == 0 else (_COMPUTED if one.derived else _TYPED)[told.language]
        yield [
            one.name,
            told.name,
            title if title != section else "",
            "checkbox" if _boxed(one) else "radio" if one.labelled() else "text",
            one.label,
            " | ".join(f"{code}, {label.replace('|', '/')}" for code, label in one.codes.items()),
            one.unit,
            _validation(one),
            *(one.bounds if one.kind != "text" and not one.labelled() else ("", "")),
            "",
            "",
            "y" if one.required and number else "",
            "",
            "",
            "",
            "",
            "@READONLY" if one.derived else "",
        ]
        section = title or section


def _validation(one: Field) -> str:
    if one.kind == "text" or one.labelled():
        return ""
    if one.kind == "integer":
        return "integer"
    return f"number_{one.decimals}dp" if one.decimals <= _DIGITS else "number"
