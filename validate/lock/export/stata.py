"""Stata: a .dta (version 118, UTF-8) with labels, and the reasons for missing values as .a, .b, ..."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from string import ascii_lowercase
from typing import Any, Final

import pandas as pd

from validate.lock.export.readstat import written
from validate.lock.export.told import MISSING, Field, Told, cut, legal_names

__all__ = ["as_stata"]

_NAME: Final = 32
_LABEL: Final = 80
"""Characters, not bytes: Stata's own count since version 14."""
_FORMAT_118: Final = 15
_RESERVED: Final = frozenset({"byte", "int", "long", "float", "double", "in", "if", "using", "with", "strl"})
_LETTERS: Final = dict(zip(MISSING, ascii_lowercase, strict=False))


def as_stata(told: Told) -> Mapping[str, bytes]:
    """``.dta``; ``.a`` is "not documented" and so on, each with its label."""
    names = legal_names([one.name for one in told.fields], _NAME, _RESERVED)
    frame = pd.DataFrame({names[one.name]: _cells(one) for one in told.fields})
    data = written(
        "write_dta",
        frame,
        version=_FORMAT_118,
        file_label=cut(told.citation, _LABEL, len),
        column_labels={names[one.name]: cut(one.label, _LABEL, len) for one in told.fields},
        variable_value_labels={
            names[one.name]: labels for one in told.fields if (labels := _labels(one, told))
        },
        missing_user_values={
            names[one.name]: [_LETTERS[code] for code in one.why]
            for one in told.fields
            if one.why and one.kind != "text"
        },
        variable_format={
            names[one.name]: f"%12.{one.decimals}f" for one in told.fields if one.kind == "decimal"
        },
    )
    return {".dta": data}


def _cells(one: Field) -> pd.Series[Any]:
    if one.kind == "text":
        return pd.Series(one.cells, dtype=object)
    plain = [float(cell) if isinstance(cell, Decimal) else cell for cell in one.cells]
    if not one.why:
        return pd.Series(plain, dtype="Float64" if one.kind == "decimal" else "Int64")
    coded = [
        _LETTERS[why] if cell is None and why is not None else cell
        for cell, why in zip(plain, one.missing, strict=True)
    ]
    return pd.Series(coded, dtype=object)


def _labels(one: Field, told: Told) -> dict[int | str, str]:
    """Labels of legal codes and of the letters that occur."""
    if one.kind == "text":
        return {}
    found: dict[int | str, str] = dict(one.labelled().items())
    return found | {_LETTERS[code]: MISSING[code][told.language] for code in one.why}
