"""SAS: a transport file (version 5, which every SAS reads) and a program with whole names, labels and formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from validate.lock.export.readstat import written
from validate.lock.export.told import Field, Told, cut, legal_names

__all__ = ["as_sas"]

_NAME: Final = 8
_LABEL: Final = 40
_WHOLE_NAME: Final = 32
_WHOLE_LABEL: Final = 255
_VERSION: Final = 5


def as_sas(told: Told) -> Mapping[str, bytes]:
    """``.xpt`` and ``.sas``. Names have at most 8 letters and labels 40 bytes; the program gives the whole ones.

    The format knows one kind of missing only; the reasons stand in the long table.
    """
    names = legal_names([one.name for one in told.fields], _NAME)
    frame: dict[str, Any] = {names[one.name]: _cells(one) for one in told.fields}
    data = written(
        "write_xport",
        pd.DataFrame(frame),
        file_label=cut(told.citation, _LABEL),
        column_labels={names[one.name]: cut(one.label, _LABEL) for one in told.fields},
        table_name=told.name.upper(),
        file_format_version=_VERSION,
    )
    return {".xpt": data, ".sas": ("\ufeff" + "\n".join(_program(told, names)) + "\n").encode()}


def _cells(one: Field) -> Any:
    if one.kind == "text":
        return pd.Series([cell or "" for cell in one.cells], dtype=object)
    return np.array([np.nan if cell is None else float(cell) for cell in one.cells], dtype=np.float64)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\n", " ").replace("\r", " ") + "'"


def _program(told: Told, short: Mapping[str, str]) -> Iterator[str]:
    """Reads the transport file beside it, then renames, labels and formats."""
    whole = legal_names([one.name for one in told.fields], _WHOLE_NAME)
    coded = {one.name: f"f{number}_" for number, one in enumerate(told.fields, 1) if one.labelled()}
    yield f"/* {told.citation.replace(chr(10), ' ').replace('*/', '* /')} */"
    yield f"libname given xport '{told.name}.xpt';"
    if coded:
        yield "proc format;"
        for one in told.fields:
            if one.name in coded:
                values = " ".join(f"{code} = {_quoted(label)}" for code, label in one.labelled().items())
                yield f"  value {coded[one.name]} {values};"
        yield "run;"
    yield f"data {told.name};"
    yield f"  set given.{told.name};"
    for one in told.fields:
        if short[one.name] != whole[one.name]:
            yield f"  rename {short[one.name]} = {whole[one.name]};"
        yield f"  label {short[one.name]} = {_quoted(cut(one.label, _WHOLE_LABEL))};"
        if one.name in coded:
            yield f"  format {short[one.name]} {coded[one.name]}.;"
    yield "run;"
