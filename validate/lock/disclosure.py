"""How recognisable participants are: k-anonymity over quasi-identifiers, and small cells; counts and keys only.

Quasi-identifiers are what an acquaintance may know: variables read from the patient's master record, and the
age.  Groups are counted for the values as they are locked and for coarser bands, so that whoever passes data on
sees what coarsening would buy.
Source: Sweeney 2002, k-anonymity; [lock] small_cell is the smallest group that may be told of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from extract.study.protocol import DerivedSource, PatientSource, Protocol, Variable
from validate.lock.columns import PARTICIPANT, RESPONDER, value_column

__all__ = ["disclosure", "quasi_identifiers"]

_BANDS: Final = (1, 5, 10)
"""Widths of the bands of a number, in its own unit; codes are never joined."""


def quasi_identifiers(protocol: Protocol) -> tuple[Variable, ...]:
    """Variables that an acquaintance of the patient may know."""
    return tuple(
        variable
        for variable in protocol.variable
        if any(
            isinstance(source, PatientSource)
            or (isinstance(source, DerivedSource) and source.derived.startswith("age_at"))
            for source in variable.source
        )
    )


def disclosure(protocol: Protocol, wide: pa.Table) -> dict[str, Any]:
    """The content of disclosure.json for the rows of data.parquet; no value of the data is in it."""
    small, known = protocol.lock.small_cell, quasi_identifiers(protocol)
    names = [value_column(v, at) for v in known for at in v.at or ("",)]
    people = wide.column(PARTICIPANT).to_pylist()
    numbers = {value_column(v, at) for v in known if not v.categorical for at in v.at or ("",)}
    bands = _BANDS if numbers else _BANDS[:1]
    return {
        "participants": len(people),
        "small_cell": small,
        "quasi_identifiers": names,
        "groups": [_groups(wide, names, numbers, width, small) for width in bands] if names else [],
        "cells": list(_cells(protocol, wide, small)),
    }


def _groups(
    wide: pa.Table, names: Sequence[str], numbers: set[str], width: int, small: int
) -> dict[str, Any]:
    """Groups of participants alike in all of ``names``, numbers in bands of ``width``; missing is a value."""
    columns = [
        [_banded(cell, width if name in numbers else 1) for cell in wide.column(name).to_pylist()]
        for name in names
    ]
    rows = list(zip(*columns, strict=True))
    sizes = Counter(rows)
    people = wide.column(PARTICIPANT).to_pylist()
    return {
        "band": width,
        "groups": len(sizes),
        "k": min(sizes.values(), default=0),
        "alone": sum(size == 1 for size in sizes.values()),
        "below": [who for who, row in zip(people, rows, strict=True) if sizes[row] < small],
        "sizes": {str(size): count for size, count in sorted(Counter(sizes.values()).items())},
    }


def _banded(cell: Any, width: int) -> Any:
    return cell if cell is None or width == 1 else int(cell // width)


def _cells(protocol: Protocol, wide: pa.Table, small: int) -> Iterator[dict[str, Any]]:
    """Per coded column, by the outcome groups: how many cells of the table would show fewer than ``small``."""
    groups = wide.column(RESPONDER).to_pylist()
    for variable in protocol.variable:
        if not variable.categorical:
            continue
        for timepoint in variable.at or ("",):
            name = value_column(variable, timepoint)
            counts: Counter[tuple[str, Any]] = Counter()
            for cell, group in zip(wide.column(name).to_pylist(), groups, strict=True):
                # Of several codes each counts: that is how a table prints them.
                counts.update((code, group) for code in str(cell).split(";") if cell is not None)
            below = [count for count in counts.values() if count < small]
            yield {"column": name, "by": RESPONDER, "cells": len(counts), "below": len(below)}
