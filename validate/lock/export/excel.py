"""Excel: the table, its codebook and where it comes from, in one workbook without a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from validate.lock.export.told import MISSING, Field, Told

__all__ = ["as_excel"]

_HEADER: Final = {
    "zh": ("列", "标签", "单位", "类型", "小数位", "编码", "下限", "上限", "缺失原因"),
    "en": ("column", "label", "unit", "type", "decimals", "codes", "minimum", "maximum", "missing"),
}
_SHEETS: Final = {"zh": ("编码本", "来源"), "en": ("codebook", "about")}
_WIDEST: Final = 60


def as_excel(told: Told) -> Mapping[str, bytes]:
    """``.xlsx``: sheets of the table, the codebook and the citation.

    Text is stored as text and marked so (quote prefix), so that it stays text when somebody edits the cell.
    """
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = told.name
    formats = ["@" if f.kind == "text" else f"0.{'0' * f.decimals}".rstrip(".") for f in told.fields]
    _fill(sheet, [one.name for one in told.fields], _rows(told), formats)
    codebook, about = _SHEETS[told.language]
    _fill(book.create_sheet(codebook), _HEADER[told.language], [_described(one, told) for one in told.fields])
    _fill(book.create_sheet(about), (told.title,), [(line,) for line in told.citation.splitlines()])
    out = io.BytesIO()
    book.save(out)
    return {".xlsx": out.getvalue()}


def _rows(told: Told) -> Iterable[tuple[Any, ...]]:
    return zip(*(one.cells for one in told.fields), strict=True)


def _described(one: Field, told: Told) -> tuple[Any, ...]:
    return (
        one.name,
        one.label,
        one.unit,
        one.kind,
        one.decimals,
        "; ".join(f"{code} = {label}" for code, label in one.codes.items()),
        *one.bounds,
        "; ".join(MISSING[code][told.language] for code in one.why),
    )


def _fill(
    sheet: Any, header: Sequence[str], rows: Iterable[Sequence[Any]], formats: Sequence[str] = ()
) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    widths = [len(name) for name in header]
    for number, row in enumerate([header, *rows], start=1):
        for place, value in enumerate(row, start=1):
            if value is None or value == "":
                continue
            cell = sheet.cell(number, place)
            _put(cell, value)
            widths[place - 1] = min(_WIDEST, max(widths[place - 1], len(str(value))))
            if number == 1:
                cell.font = Font(bold=True)
            elif formats:
                cell.number_format = formats[place - 1]
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width + 2
    sheet.freeze_panes = "A2"


def _put(cell: Any, value: Any) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if not isinstance(value, str):
        cell.value = value
        return
    # What XML cannot hold is shown by its number instead of being lost.
    text = ILLEGAL_CHARACTERS_RE.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    cell.value = text
    # The library would take a leading "=" for a formula.
    cell.data_type = "s"
    cell.quotePrefix = True
