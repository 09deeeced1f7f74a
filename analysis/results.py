"""The result frame: one row per number; text, tables and figures are rendered from it and from nothing else."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.statistics import Description, TestResult

__all__ = ["COLUMNS", "MEAN_INTERVAL", "STATISTICS", "Book", "Printed", "Result", "Results", "Route"]

COLUMNS: Final = ("table", "variable", "group", "timepoint", "statistic", "value", "method", "n")

STATISTICS: Final = frozenset(
    [
        "n",
        "missing",
        "mean",
        "sd",
        "median",
        "q1",
        "q3",
        "count",
        "percent",
        "estimate",
        "ci_low",
        "ci_high",
        "effect",
        "t",
        "df",
        "df2",
        "p",
        "p_exact",
        "p_slopes",
        "p_holm",
        "p_bh",
        "z",
        "u",
        "w",
        "d",
        "f",
        "h",
        "q",
        "chi2",
        "expected_min",
        "r",
        "r2",
        "r_least",
        "r_greatest",
        "ratio",
        "kappa",
        "b",
        "odds_ratio",
        "vif",
        "events",
        "epv",
        "c",
        "c_corrected",
        "slope_corrected",
        "fmi",
        "loa_low",
        "loa_high",
        "slope",
        "intercept",
        "patients",
        "visits",
        "removed_patients",
        "removed_visits",
    ]
)
"""Every name that the column ``statistic`` may hold. No minimum or maximum: those are single people's values."""


_COUNTS: Final = frozenset(
    {"n", "missing", "count", "percent", "patients", "visits", "removed_patients", "removed_visits"}
)
"""What is said of however few: how many."""
MEAN_INTERVAL: Final = "95% interval of the mean, t"


@dataclass(frozen=True)
class Result:
    """One number. ``value`` None is undefined, and ``note`` then says why.

    ``of`` narrows it: a category's code for counts, the partner of a correlation, a pair for comparisons.
    ``chosen`` is False for a test that stands beside the one the plan chose. ``rows`` are row numbers of the
    dataset that the number was computed from.
    """

    id: int
    table: str
    variable: str
    group: str
    timepoint: str
    statistic: str
    value: float | None
    method: str
    n: int
    of: str = ""
    chosen: bool = True
    note: str = ""
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Route:
    """Which test was chosen for what, for which reason (a code), and the rows of the frame it rests on."""

    table: str
    variable: str
    group: str
    timepoint: str
    method: str
    reason: str
    evidence: tuple[int, ...] = ()
    detail: str = ""
    of: str = ""


@dataclass(frozen=True)
class Printed:
    """A number printed elsewhere, beside ours; ``row`` None when we compute no such number."""

    key: str
    text: str
    row: int | None
    agrees: bool


@dataclass(frozen=True)
class Results:
    """The whole frame with the choices made on the way; ``participants`` resolves row numbers."""

    rows: tuple[Result, ...]
    routes: tuple[Route, ...] = ()
    printed: tuple[Printed, ...] = ()
    participants: tuple[str, ...] = ()

    def find(
        self,
        table: str,
        variable: str,
        group: str,
        timepoint: str,
        statistic: str,
        of: str = "",
        method: str | None = None,
    ) -> Result | None:
        """The number under this key; of several tests the chosen one, else the first."""
        found = [
            r
            for r in self._by_key.get((table, variable, group, timepoint, statistic, of), ())
            if method is None or r.method == method
        ]
        return next((r for r in found if r.chosen), found[0] if found else None)

    @cached_property
    def _by_key(self) -> dict[tuple[str, ...], list[Result]]:
        rows: dict[tuple[str, ...], list[Result]] = {}
        for r in self.rows:
            rows.setdefault((r.table, r.variable, r.group, r.timepoint, r.statistic, r.of), []).append(r)
        return rows

    def people(self, row: Result) -> tuple[str, ...]:
        """The participants behind a number."""
        return tuple(self.participants[i] for i in row.rows)

    def to_csv(self, path: Path, *, first: str = "") -> None:
        """Write ``results.csv``: exactly COLUMNS; an undefined value is empty.

        What Table 1 knows once stands there at ``first``, the timepoint at which it was known, so that
        every number of Tables 1 to 3 has one.
        """
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(COLUMNS)
            for r in self.rows:
                value = "" if r.value is None else repr(r.value)
                at = r.timepoint or (first if r.table == "1" else "")
                out.writerow((r.table, r.variable, r.group, at, r.statistic, value, r.method, r.n))

    def to_arrow(self) -> pa.Table:
        """The frame with ``of``, ``chosen``, ``note`` and the participants behind each number."""
        names = ("id", *COLUMNS, "of", "chosen", "note")
        columns = {name: [getattr(r, name) for r in self.rows] for name in names}
        table = pa.table(columns, schema=_SCHEMA)
        people = pa.array([list(self.people(r)) for r in self.rows], pa.list_(pa.string()))
        return table.append_column("participants", people)

    def to_parquet(self, path: Path) -> None:
        """Write ``results.parquet``."""
        pq.write_table(self.to_arrow(), path, compression="zstd")


_SCHEMA: Final = pa.schema(
    [
        ("id", pa.int32()),
        *((name, pa.string()) for name in COLUMNS[:5]),
        ("value", pa.float64()),
        ("method", pa.string()),
        ("n", pa.int32()),
        ("of", pa.string()),
        ("chosen", pa.bool_()),
        ("note", pa.string()),
    ]
)


class Book:
    """Collects numbers while the plan runs; ``close`` makes them a frame."""

    def __init__(self, least: int = 0) -> None:
        """``least``: of fewer participants no value leaves the house, only how many they are."""
        self._least = least
        self._rows: list[Result] = []
        self._routes: list[Route] = []

    def add(
        self,
        table: str,
        variable: str,
        group: str,
        timepoint: str,
        statistic: str,
        value: float | None,
        method: str,
        rows: Sequence[int],
        *,
        of: str = "",
        chosen: bool = True,
        note: str = "",
        n: int | None = None,
    ) -> int:
        """Add one number; its id in the frame. Raises ValueError on a statistic outside the fixed list."""
        if statistic not in STATISTICS:
            raise ValueError(f"{statistic!r} is not in the fixed list of statistics")
        if value is not None and 0 < len(rows) < self._least and statistic not in _COUNTS:
            value, note = None, f"fewer than {self._least}: not shown"
        self._rows.append(
            Result(
                len(self._rows),
                table,
                variable,
                group,
                timepoint,
                statistic,
                None if value is None else float(value),
                method,
                len(rows) if n is None else n,
                of,
                chosen,
                note,
                tuple(rows),
            )
        )
        return len(self._rows) - 1

    def describe(
        self,
        table: str,
        variable: str,
        group: str,
        timepoint: str,
        found: Description,
        rows: Sequence[int],
        *,
        interval: bool = False,
    ) -> None:
        """Add n, mean, SD, median and quartiles, with the names of their conventions; the mean's interval if asked."""
        note = "; ".join(found.notes)
        limits = (("ci_low", found.ci_low, MEAN_INTERVAL), ("ci_high", found.ci_high, MEAN_INTERVAL))
        for statistic, value, method in (
            ("n", float(found.n), "values that are there"),
            ("missing", float(found.missing), "values that are not there"),
            ("mean", found.mean, "arithmetic mean"),
            ("sd", found.sd, "standard deviation, n - 1"),
            ("median", found.median, "median"),
            ("q1", found.q1, "quartile, HAVERAGE"),
            ("q3", found.q3, "quartile, HAVERAGE"),
            *(limits if interval else ()),
        ):
            self.add(table, variable, group, timepoint, statistic, value, method, rows, note=note)

    def test(
        self,
        table: str,
        variable: str,
        group: str,
        timepoint: str,
        result: TestResult,
        rows: Sequence[int],
        *,
        chosen: bool = True,
        of: str = "",
        method: str = "",
        estimate: str = "estimate",
        effect: str = "effect",
    ) -> dict[str, int]:
        """Add every number of a test; the ids by statistic. An undefined test keeps its P row, with the note."""
        df = (*result.df, None, None)
        also = dict(result.also)
        numbers: dict[str, float | None] = {
            **({result.symbol: result.statistic} if result.symbol else {}),
            "df": df[0],
            "df2": df[1],
            "p": result.p,
            estimate: result.estimate,
            "ci_low": result.ci_low,
            "ci_high": result.ci_high,
            effect: result.effect,
            **{
                name: also[name] for name in ("u", "w", "p_exact", "expected_min", "p_slopes") if name in also
            },
        }
        note = "; ".join(result.notes)
        return {
            name: self.add(
                table,
                variable,
                group,
                timepoint,
                name,
                value,
                method or result.method,
                rows,
                of=of,
                chosen=chosen,
                note=note,
            )
            for name, value in numbers.items()
            if value is not None or name == "p"
        }

    def holds(self, table: str, variable: str, group: str, timepoint: str, method: str) -> int | None:
        """The id of the P of a test that is already here under this key."""
        key = (table, variable, group, timepoint, "p", method)
        return next(
            (
                r.id
                for r in self._rows
                if (r.table, r.variable, r.group, r.timepoint, r.statistic, r.method) == key
            ),
            None,
        )

    @property
    def rows(self) -> tuple[Result, ...]:
        """What is here so far."""
        return tuple(self._rows)

    def route(self, route: Route) -> None:
        """Keep why a test was chosen."""
        self._routes.append(route)

    def close(self, participants: Sequence[str], published: Iterable[tuple[str, str]] = ()) -> Results:
        """The frame, with the numbers printed elsewhere set beside ours."""
        frame = Results(tuple(self._rows), tuple(self._routes), (), tuple(participants))
        printed = tuple(_beside(frame, key, text) for key, text in published)
        return Results(frame.rows, frame.routes, printed, frame.participants)


def _beside(frame: Results, key: str, text: str) -> Printed:
    parts = key.split(".")
    if len(parts) not in (5, 6):
        return Printed(key, text, None, agrees=False)
    table, variable, group, timepoint, statistic, *rest = parts
    row = frame.find(table, variable, group, timepoint, statistic, rest[0] if rest else "")
    if row is None or row.value is None:
        return Printed(key, text, None, agrees=False)
    # The sign of t and Z only says which side was subtracted, and papers print it without.
    value = abs(row.value) if statistic in {"t", "z"} else row.value
    return Printed(key, text, row.id, _agrees(value, text))


def _agrees(value: float, text: str) -> bool:
    """Whether ``value`` may be printed as ``text``: rounded to its decimals, or on the side it names."""
    plain = text.strip().replace("−", "-")
    try:
        limit = Decimal(plain.lstrip("<>"))
    except InvalidOperation:
        return False
    if plain[:1] in "<>":
        return value < float(limit) if plain[0] == "<" else value > float(limit)
    exponent = limit.as_tuple().exponent
    half = 0.5 * 10.0 ** (exponent if isinstance(exponent, int) else 0)
    return abs(value - float(limit)) <= half * (1 + 1e-9)
