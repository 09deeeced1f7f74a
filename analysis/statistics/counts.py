"""Tests of counts in a table: chi-square (Pearson, Yates, likelihood ratio) and Fisher's exact test, r x c."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

from analysis.statistics.distributions import chi2_sf
from analysis.statistics.result import TestResult, Undefined, defined

__all__ = ["Counts", "chi_square", "expected", "fisher_exact", "mcnemar", "rule"]

Counts = Sequence[Sequence[int]]
Kind = Literal["pearson", "yates", "likelihood"]

_CHI: Final = "chi-square test"
_NAMES: Final[dict[str, str]] = {
    "pearson": "Pearson chi-square",
    "yates": "chi-square with Yates's correction",
    "likelihood": "likelihood-ratio chi-square",
}
_FISHER: Final = "Fisher exact test"
_MCNEMAR: Final = "McNemar test"
_STATES: Final = 200_000
_TIE: Final = 10**9  # tables within one part in 10^9 of the observed one are as likely as it: exact otherwise


def _filled(table: Counts) -> list[list[int]]:
    """The table without empty rows and columns. Raises Undefined when no comparison is left."""
    if len({len(row) for row in table}) > 1 or any(cell < 0 for row in table for cell in row):
        raise Undefined("is not a table of counts")
    rows = [list(row) for row in table if sum(row)]
    keep = [j for j in range(len(rows[0]) if rows else 0) if sum(row[j] for row in rows)]
    if len(rows) < 2 or len(keep) < 2:
        raise Undefined("only one category or group has any count")
    return [[row[j] for j in keep] for row in rows]


def expected(table: Counts) -> list[list[float]]:
    """Counts expected from the margins; the same shape, zeros where a margin is empty."""
    rows = [sum(row) for row in table]
    columns = [sum(column) for column in zip(*table, strict=True)]
    n = sum(rows)
    return [[r * c / n if n else 0.0 for c in columns] for r in rows]


def rule(table: Counts) -> tuple[Literal["pearson", "yates", "fisher"], str]:
    """Which test the expected counts allow, and why.

    2 x 2: Pearson when n >= 40 and every expected count >= 5; Yates when n >= 40 and the least lies in [1, 5);
    Fisher otherwise.  Larger: Pearson when no expected count is below 1 and at most a fifth are below 5 (Cochran).
    """
    try:
        filled = _filled(table)
    except Undefined as reason:
        return "pearson", str(reason)
    cells = [e for row in expected(filled) for e in row]
    n, least = sum(sum(row) for row in filled), min(cells)
    seen = f"n = {n}, least expected count {least:.2f}"
    if len(filled) == 2 and len(filled[0]) == 2:
        if n >= 40 and least >= 5:
            return "pearson", seen
        return ("yates", seen) if n >= 40 and least >= 1 else ("fisher", seen)
    small = sum(e < 5 for e in cells)
    seen = f"{seen}, {small} of {len(cells)} below 5"
    return ("pearson", seen) if least >= 1 and small <= len(cells) / 5 else ("fisher", seen)


@defined(_CHI, "chi2")
def chi_square(table: Counts, kind: Kind = "pearson") -> TestResult:
    """Independence of rows and columns; ``kind="yates"`` is for 2 x 2. Effect is Cramér's V (Pearson's)."""
    filled = _filled(table)
    shape = (len(filled), len(filled[0]))
    if kind == "yates" and shape != (2, 2):
        raise Undefined("Yates's correction is for 2 x 2 tables")
    wanted = expected(filled)
    both = [
        (o, e) for row, wants in zip(filled, wanted, strict=True) for o, e in zip(row, wants, strict=True)
    ]
    plain = sum((o - e) ** 2 / e for o, e in both)
    if kind == "likelihood":
        value = 2 * math.fsum(o * math.log(o / e) for o, e in both if o)
    elif kind == "yates":
        value = sum(max(0.0, abs(o - e) - 0.5) ** 2 / e for o, e in both)
    else:
        value = plain
    df = (shape[0] - 1) * (shape[1] - 1)
    n = sum(sum(row) for row in filled)
    dropped = len(table) - shape[0] + (len(table[0]) - shape[1])
    return TestResult(
        _NAMES[kind],
        statistic=value,
        df=(float(df),),
        p=chi2_sf(value, df),
        effect=math.sqrt(plain / (n * (min(shape) - 1))),
        n=tuple(sum(column) for column in zip(*filled, strict=True)),
        notes=(f"{dropped} empty row or column left out",) if dropped else (),
        symbol="chi2",
        effect_name="Cramér V",
        also=(("expected_min", min(e for _, e in both)),),
    )


def _columns(total: int, room: Sequence[int]) -> list[tuple[int, ...]]:
    """Every way to put ``total`` into cells that hold at most ``room``."""
    if len(room) == 1:
        return [(total,)] if total <= room[0] else []
    least = max(0, total - sum(room[1:]))
    return [
        (first, *rest)
        for first in range(least, min(total, room[0]) + 1)
        for rest in _columns(total - first, room[1:])
    ]


def _ways(column: Sequence[int]) -> int:
    product, left = 1, sum(column)
    for cell in column:
        product *= math.comb(left, cell)
        left -= cell
    return product


@defined(_FISHER)
def fisher_exact(table: Counts) -> TestResult:
    """P of all tables with these margins that are as unlikely as this one or more; any r x c, by exact counting.

    ``estimate`` is the sample's odds ratio of a 2 x 2 table.  Undefined when the margins allow too many tables.
    """
    filled = _filled(table)
    columns = [list(column) for column in zip(*filled, strict=True)]
    rows = tuple(sum(row) for row in filled)
    n = sum(rows)
    # A table's weight is the product of its columns' multinomials; equal partial products are merged.
    states: dict[tuple[tuple[int, ...], int], int] = {(rows, 1): 1}
    for column in columns:
        grown: dict[tuple[tuple[int, ...], int], int] = {}
        for (room, weight), count in states.items():
            for cells in _columns(sum(column), room):
                left = tuple(r - c for r, c in zip(room, cells, strict=True))
                key = (left, weight * _ways(cells))
                grown[key] = grown.get(key, 0) + count
                if len(grown) > _STATES:
                    raise Undefined("the margins allow too many tables to count them all")
        states = grown
    observed = math.prod(_ways(column) for column in columns)
    everything = math.factorial(n) // math.prod(math.factorial(r) for r in rows)
    unlikely = sum(w * count for (_, w), count in states.items() if w * _TIE <= observed * (_TIE + 1))
    ratio = None
    if len(filled) == 2 and len(columns) == 2 and filled[0][1] * filled[1][0]:
        ratio = filled[0][0] * filled[1][1] / (filled[0][1] * filled[1][0])
    return TestResult(
        _FISHER,
        p=unlikely / everything,
        estimate=ratio,
        n=tuple(sum(column) for column in columns),
        effect_name="",
    )


@defined(_MCNEMAR, "chi2")
def mcnemar(table: Counts) -> TestResult:
    """Whether a yes or no changed between two looks at the same people; rows are the first look, columns the second.

    ``p`` is the exact binomial one of the pairs that changed, as SPSS prints it; ``statistic`` is chi-square without
    correction and ``also`` holds its asymptotic ``p_asymptotic``; ``estimate`` is the odds ratio of the changed pairs.
    """
    if (
        len(table) != 2
        or any(len(row) != 2 for row in table)
        or any(cell < 0 for row in table for cell in row)
    ):
        raise Undefined("is not a fourfold table of counts")
    up, down = table[0][1], table[1][0]
    changed = up + down
    if not changed:
        raise Undefined("nobody changed")
    tail = sum(math.comb(changed, i) for i in range(min(up, down) + 1))
    value = (up - down) ** 2 / changed
    return TestResult(
        _MCNEMAR,
        statistic=value,
        df=(1.0,),
        p=min(1.0, 2 * tail / 2**changed),
        estimate=up / down if down else None,
        n=(sum(sum(row) for row in table),),
        symbol="chi2",
        also=(("p_asymptotic", chi2_sf(value, 1)),),
    )
