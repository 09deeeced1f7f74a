"""The codebook of a snapshot: codebook.json, a Frictionless Table Schema, and codebook.csv for people."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from extract.study.protocol import Label, Protocol
from validate.lock.blocks import LONG
from validate.lock.columns import Column, columns
from validate.lock.spelling import canonical_json

__all__ = ["codebook_csv", "codebook_json", "safe_cell"]

_SCHEMA: Final = "https://datapackage.org/profiles/2.0/tableschema.json"
_CSV_HEADER: Final = (
    "column",
    "kind",
    "variable",
    "timepoint",
    "type",
    "decimals",
    "label_zh",
    "label_en",
    "unit_zh",
    "unit_en",
    "values_zh",
    "values_en",
    "minimum",
    "maximum",
    "missing_codes",
    "below_limit",
)


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: a leading ``= + - @`` or control gets a quote before it."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else text


def _bounds(item: Column) -> tuple[Decimal, Decimal] | None:
    return item.variable.range if item.kind == "value" and item.variable else None


def _values(item: Column, protocol: Protocol) -> list[tuple[int, Label]]:
    """Legal codes with their labels; empty for what is measured."""
    if item.kind == "responder":
        return list(enumerate(protocol.outcome.labels))
    if item.kind == "value" and item.variable:
        return [(value.code, Label(zh=value.zh, en=value.en)) for value in item.variable.values]
    return []


def _type(item: Column) -> str:
    if pa.types.is_string(item.type):
        return "string"
    return "integer" if pa.types.is_integer(item.type) else "number"


def _field(item: Column, protocol: Protocol) -> dict[str, Any]:
    variable = item.variable
    field: dict[str, Any] = {
        "name": item.name,
        "type": _type(item),
        "title": item.label.en,
        "label": {"zh": item.label.zh, "en": item.label.en},
        "kind": item.kind,
        "decimals": item.decimals,
    }
    if variable:
        field["variable"] = variable.id
        if variable.unit and item.kind in {"value", "delta"}:
            field["unit"] = {"zh": variable.unit.zh, "en": variable.unit.en}
    if variable and item.kind == "value":
        field |= {"timepoint": item.timepoint} if item.timepoint else {}
        field["missing_codes"] = list(variable.missing)
        field |= {} if variable.categorical else {"below_limit": variable.below_limit}
    if codes := _values(item, protocol):
        field["categories"] = [
            {"value": code, "label": label.en, "label_zh": label.zh} for code, label in codes
        ]
    if constraints := _constraints(item, protocol):
        field["constraints"] = constraints
    return field


def _constraints(item: Column, protocol: Protocol) -> dict[str, Any]:
    """What a value may be, in the words of Table Schema."""
    if item.kind == "participant":
        return {"required": True, "unique": True}
    found: dict[str, Any] = {}
    if item.variable and item.kind == "value":
        found["required"] = item.variable.required
    if bounds := _bounds(item):
        found |= {"minimum": _number(bounds[0]), "maximum": _number(bounds[1])}
    if codes := [code for code, _ in _values(item, protocol)]:
        if pa.types.is_string(item.type):
            one = "|".join(str(code) for code in codes)
            found["pattern"] = f"({one})(;({one}))*"
        else:
            found["enum"] = codes
    return found


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def codebook_json(protocol: Protocol) -> bytes:
    """The Table Schema of data.parquet; ``long`` describes the columns of long.parquet."""
    return canonical_json(
        {
            "$schema": _SCHEMA,
            "name": protocol.study.id,
            "title": protocol.study.title.en,
            "title_zh": protocol.study.title.zh,
            "fields": [_field(item, protocol) for item in columns(protocol)],
            "primaryKey": ["participant"],
            "missingValues": [""],
            "protocol_hash": protocol.hash,
            "long": {
                "fields": [
                    {"name": f.name, "type": "integer" if pa.types.is_integer(f.type) else "string"}
                    for f in LONG
                ],
                "primaryKey": ["participant", "variable", "timepoint"],
            },
        }
    )


def codebook_csv(protocol: Protocol) -> bytes:
    """The same for a reader: one row per column of data.parquet, UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_HEADER)
    for item in columns(protocol):
        variable = item.variable if item.kind == "value" else None
        unit = item.variable.unit if item.variable and item.kind in {"value", "delta"} else None
        codes, bounds = _values(item, protocol), _bounds(item)
        row = [
            item.name,
            item.kind,
            item.variable.id if item.variable else "",
            item.timepoint,
            _type(item),
            str(item.decimals),
            item.label.zh,
            item.label.en,
            unit.zh if unit else "",
            unit.en if unit else "",
            "; ".join(f"{code} = {label.zh}" for code, label in codes),
            "; ".join(f"{code} = {label.en}" for code, label in codes),
            format(bounds[0], "f") if bounds else "",
            format(bounds[1], "f") if bounds else "",
            " ".join(variable.missing) if variable else "",
            variable.below_limit if variable and not variable.categorical else "",
        ]
        writer.writerow([safe_cell(cell) for cell in row])
    return out.getvalue().encode()
