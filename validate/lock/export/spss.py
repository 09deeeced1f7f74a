"""SPSS: a .sav with labels and declared missing codes, and a .sps that builds the same file by itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from validate.lock.export.readstat import written
from validate.lock.export.told import MISSING, Cell, Field, Told, cut, legal_names

__all__ = ["as_spss", "spss_names"]

_NAME: Final = 64
_LABEL: Final = 255
_VALUE_LABEL: Final = 120
_NOTE: Final = 80
"""SPSS counts bytes of UTF-8, in which a Chinese character has three."""
_RESERVED: Final = frozenset(
    {"all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with"}
)
_WIDTH: Final = 18


def as_spss(told: Told) -> Mapping[str, bytes]:
    """``.sav`` and ``.sps``. A missing value is its negative code, declared as user-missing."""
    names = spss_names([one.name for one in told.fields])
    codes = _codes(told)
    return {".sav": _sav(told, names, codes), ".sps": _sps(told, names, codes)}


def spss_names(columns: Sequence[str]) -> Mapping[str, str]:
    """Column -> what it is called in the ``.sav``."""
    return legal_names(columns, _NAME, _RESERVED)


def _codes(told: Told) -> Mapping[str, int]:
    """Missing code -> a number below every number of the table: -9991, -9992, ..., or with more nines."""
    numbers = [cell for one in told.fields for cell in one.cells if isinstance(cell, int | Decimal)]
    lowest, base = min(numbers, default=0), 9990
    while lowest <= -base:
        base = base * 10 + 90
    return {code: -base - number for number, code in enumerate(MISSING, start=1)}


def _format(one: Field) -> str:
    if one.kind == "text":
        return f"A{_bytes(one)}"
    return f"F{_WIDTH if one.decimals > 2 else 8}.{one.decimals}"


def _bytes(one: Field) -> int:
    return max([1, *(len(str(cell).encode()) for cell in one.cells if cell is not None)])


def _measure(one: Field) -> str:
    return "nominal" if one.kind == "text" or one.codes else "scale"


def _coded(one: Field, codes: Mapping[str, int]) -> list[Cell]:
    """The cells with the missing codes in place of what is missing."""
    if not one.why or one.kind == "text":
        return list(one.cells)
    return [
        codes[why] if cell is None and why is not None else cell
        for cell, why in zip(one.cells, one.missing, strict=True)
    ]


def _labels(one: Field, told: Told, codes: Mapping[str, int]) -> dict[int, str]:
    """Labels of legal codes and of the missing codes that occur."""
    if one.kind == "text":
        return {}
    missing = {codes[code]: MISSING[code][told.language] for code in one.why}
    return {code: cut(label, _VALUE_LABEL) for code, label in {**one.labelled(), **missing}.items()}


def _sav(told: Told, names: Mapping[str, str], codes: Mapping[str, int]) -> bytes:
    frame: dict[str, Any] = {}
    for one in told.fields:
        cells = _coded(one, codes)
        frame[names[one.name]] = (
            pd.Series(cells, dtype=object)
            if one.kind == "text"
            else np.array([np.nan if cell is None else float(cell) for cell in cells], dtype=np.float64)
        )
    labels = {names[one.name]: _labels(one, told, codes) for one in told.fields}
    reasons = [names[one.name] for one in told.fields if one.why and one.kind != "text"]
    span = {"lo": min(codes.values()), "hi": max(codes.values())}
    return written(
        "write_sav",
        pd.DataFrame(frame),
        file_label=cut(told.title, 60),
        note=textwrap.wrap(told.citation, _NOTE),
        column_labels={names[one.name]: cut(one.label, _LABEL) for one in told.fields},
        variable_value_labels={
            name: {float(code): label for code, label in found.items()}
            for name, found in labels.items()
            if found
        },
        missing_ranges={name: [span] for name in reasons},
        variable_format={names[one.name]: _format(one) for one in told.fields},
        variable_measure={names[one.name]: _measure(one) for one in told.fields},
    )


def _sps(told: Told, names: Mapping[str, str], codes: Mapping[str, int]) -> bytes:
    return ("\ufeff" + "\n".join(_syntax(told, names, codes)) + "\n").encode()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\n", " ").replace("\r", " ") + "'"


def _syntax(told: Told, names: Mapping[str, str], codes: Mapping[str, int]) -> Iterator[str]:
    """Commands that hold the data themselves, so that no path can be wrong."""
    # A comment ends with a full stop at the end of its line.
    yield f"* {told.citation.replace(chr(10), ' ')}."
    yield "SET DECIMAL=DOT."
    yield "DATA LIST LIST"
    yield "  /" + "\n   ".join(f"{names[one.name]} ({_format(one)})" for one in told.fields) + "."
    yield "BEGIN DATA"
    columns = [_coded(one, codes) for one in told.fields]
    for row in zip(*columns, strict=True):
        yield ",".join(_datum(cell, one) for cell, one in zip(row, told.fields, strict=True))
    yield "END DATA."
    for one in told.fields:
        name = names[one.name]
        yield f"VARIABLE LABELS {name} {_quoted(cut(one.label, _LABEL))}."
        if labels := _labels(one, told, codes):
            yield f"VALUE LABELS {name}"
            yield "\n".join(f"  {code} {_quoted(label)}" for code, label in labels.items()) + "."
        if one.why and one.kind != "text":
            yield f"MISSING VALUES {name} ({min(codes.values())} THRU {max(codes.values())})."
        yield f"VARIABLE LEVEL {name} ({_measure(one).upper()})."
    yield "EXECUTE."


def _datum(cell: Cell, one: Field) -> str:
    if one.kind == "text":
        return '"' + " ".join(str(cell or "").splitlines()).replace('"', '""') + '"'
    return "." if cell is None else format(cell, "f") if isinstance(cell, Decimal) else str(cell)
