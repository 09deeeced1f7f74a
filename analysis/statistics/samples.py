"""A sample as integers of its last decimal place, so that sums are exact and ties are ties.

A laboratory records 28.4, not 28.39999999999999858.  The shortest decimal that reads back to the same double is
what was recorded; as integers of 10**-places every sum, square and difference is exact, whatever the order of the
rows and however many leading digits the values share (NIST's SmLs09 has thirteen).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from analysis.statistics.exact import Sample
from analysis.statistics.result import Undefined
from analysis.statistics.tallied import Whole, column_of, rank_sums

__all__ = ["Rows", "Sample", "Values", "cut", "pairs", "rank_totals", "ranks", "sample", "samples"]

Rows = Iterable[Any]
"""Numbers of any kind (int, float, Decimal, numpy), one a row; None and NaN are missing."""
Values = Rows | Sample
"""The same, or a sample that was read before."""


def _recorded(value: Any) -> Decimal | None:
    """The decimal that was recorded; None when missing. Raises Undefined on an infinite value."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, bool | int | np.integer | np.bool_):
        return Decimal(int(value))
    else:
        number = Decimal(repr(float(value)))
    if number.is_nan():
        return None
    if number.is_infinite():
        raise Undefined("a value is infinite")
    return number


def _units(numbers: Sequence[Decimal], places: int) -> tuple[int, ...]:
    scale = 10**places
    ratios = (number.as_integer_ratio() for number in numbers)
    return tuple(above * (scale // below) for above, below in ratios)


def _places(numbers: Iterable[Decimal]) -> int:
    return max((-int(number.as_tuple().exponent) for number in numbers), default=0)


def _read(column: Values) -> Sample:
    if isinstance(column, Sample):
        return column
    if isinstance(column, np.ndarray) and (large := column_of(column)) is not None:
        return large.part()
    read = [_recorded(value) for value in column]
    kept = [number for number in read if number is not None]
    places = max(0, _places(kept))
    return Sample(_units(kept, places), places, len(read) - len(kept))


def samples(*columns: Values) -> tuple[Sample, ...]:
    """Each column without its missing values, all on one scale. Raises Undefined on infinite values."""
    return _on_one_scale([_read(column) for column in columns])


def _on_one_scale(found: Sequence[Sample]) -> tuple[Sample, ...]:
    places = max((s.places for s in found), default=0)
    return tuple(s.finer(places) for s in found)


def sample(column: Values) -> Sample:
    """One column without its missing values. Raises Undefined on infinite values."""
    return _read(column)


def cut(column: Rows, groups: Iterable[Sequence[int]]) -> tuple[Values, ...]:
    """The column of each group of row numbers, read once for all of them: what every test here takes.

    A value that no test can use (an infinity) leaves the groups as they were recorded, so each test says so itself.
    """
    if isinstance(column, np.ndarray) and (large := column_of(column)) is not None:
        return tuple(large.part(rows) for rows in groups)
    recorded = list(column)
    try:
        read = [_recorded(value) for value in recorded]
    except Undefined:
        return tuple([recorded[i] for i in rows] for rows in groups)
    places = max(0, _places(number for number in read if number is not None))
    parts = [[number for i in rows if (number := read[i]) is not None] for rows in groups]
    return tuple(
        Sample(_units(part, places), places, len(rows) - len(part))
        for part, rows in zip(parts, groups, strict=True)
    )


def pairs(first: Rows, second: Rows) -> tuple[Sample, Sample]:
    """The rows in which both values are there, on one scale. Raises ValueError on unequal lengths."""
    rows = list(zip(first, second, strict=True))
    both = [(a, b) for a, b in rows if _recorded(a) is not None and _recorded(b) is not None]
    left, right = samples([a for a, _ in both], [b for _, b in both])
    missing = len(rows) - len(both)
    return Sample(left.units, left.places, missing), Sample(right.units, right.places, missing)


def rank_totals(groups: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Twice each group's sum of average ranks among all of them, and the sizes of the ties; one scale."""
    whole = [g for g in groups if isinstance(g, Whole)]
    if whole and len(whole) == len(groups):
        return rank_sums(whole)
    doubled, ties = ranks([u for g in groups for u in g.units])
    sums, start = [], 0
    for g in groups:
        sums.append(sum(doubled[start : start + g.n]))
        start += g.n
    return sums, ties


def ranks(units: Sequence[int]) -> tuple[list[int], list[int]]:
    """Twice the average rank of each value (so that it is whole), and the sizes of the ties."""
    order = sorted(range(len(units)), key=units.__getitem__)
    doubled = [0] * len(units)
    ties: list[int] = []
    start = 0
    while start < len(order):
        stop = start
        while stop < len(order) and units[order[stop]] == units[order[start]]:
            stop += 1
        for index in order[start:stop]:
            doubled[index] = start + stop + 1
        ties.append(stop - start)
        start = stop
    return doubled, ties
