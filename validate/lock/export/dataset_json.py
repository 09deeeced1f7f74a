"""CDISC Dataset-JSON 1.1: one table as rows, with what each column is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from validate.lock.export.told import Cell, Field, Told

__all__ = ["as_dataset_json"]

_KINDS: Final = {"text": "string", "integer": "integer", "decimal": "decimal"}


def as_dataset_json(told: Told) -> Mapping[str, bytes]:
    """``.dataset.json``. Decimals are text with ``targetDataType``, so that no digit is lost; missing is null.

    The format has no place for a reason; those stand in the table long.
    """
    about = told.source
    made = {
        "datasetJSONCreationDateTime": about["created_at"],
        "datasetJSONVersion": "1.1.0",
        "fileOID": f"{about['study']}.v{about['version']}.{told.name}",
        "originator": told.citation,
        "sourceSystem": {"name": about["system"], "version": about["system_version"]},
        "studyOID": f"ST.{about['study']}",
        "metaDataVersionOID": f"MDV.{about['version']}",
        "itemGroupOID": f"IG.{told.name}",
        "records": told.rows,
        "name": told.name,
        "label": told.title,
        "columns": [_column(one, number) for number, one in enumerate(told.fields)],
        "rows": [list(map(_cell, row)) for row in zip(*(one.cells for one in told.fields), strict=True)],
    }
    return {".dataset.json": (json.dumps(made, ensure_ascii=False) + "\n").encode()}


def _column(one: Field, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "itemOID": f"IT.{one.name}",
        "name": one.name,
        "label": one.label,
        "dataType": _KINDS[one.kind],
    }
    if one.kind == "decimal":
        found["targetDataType"] = "decimal"
    if one.kind == "text":
        found["length"] = max([1, *(len(str(cell)) for cell in one.cells if cell is not None)])
    return found | ({"keySequence": 1} if number == 0 else {})


def _cell(cell: Cell) -> str | int | None:
    return cell if cell is None or isinstance(cell, str | int) else str(cell)
