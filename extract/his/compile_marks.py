"""The SQL that tells, without reading a chart, that it may have changed.

A row's stamp is PostgreSQL's own: ``xmin``, the transaction that wrote it, on every table that a pack's
SELECT joins.  Where the site trusts a table's ``updated_at``, that and the number of rows without one.

A *sign* is the oldest transaction that was still open when a look was taken.  Whatever that look could not
see was written by this one or a later one: those rows are *fresh* at the next look.  ``age`` compares
transactions as the server does, around the end of their numbers; a row older than half of all numbers may be
taken for a fresh one, and is then asked for once too often.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa

from extract.his.branches import Branch, branches, folded
from extract.his.compile import Statement, selected
from extract.his.sites import Site
from sql import study_query

__all__ = [
    "MARKS",
    "STAMPS",
    "counts_of",
    "marks_by_row",
    "marks_by_time",
    "marks_schema",
    "moved",
    "moved_schema",
    "row_branches",
    "sight",
    "sight_schema",
    "stamps",
]

_FILL: Final = re.compile(r"\{(\w+)\}")
_KEY: Final = pa.string()
_LARGEST: Final = 2**62
MARKS: Final = pa.schema(
    [("patient_id", _KEY), ("n", pa.int64()), ("mark", pa.int64()), ("latest", pa.timestamp("s"))]
)
"""By time; ``mark``: rows without one."""
STAMPS: Final = pa.schema([(name, pa.int64()) for name in ("n", "stamp", "fresh", "fresh_stamp", "low")])
_WEIGHTS: Final = (1, 3, 7, 31, 127, 8191)
_NUMBERS: Final = 2**32


def sight(table: str, columns: Sequence[str], *, quoted: bool = False, stamped: bool = False) -> Statement:
    """How many rows of a source table there are and of each column are filled; columns as ``sight_schema``.

    ``quoted``: on a lake, whose names are files' names (``Binary``) and mean the same in any case.
    ``stamped``: it is a second look, at a table of which the first (``stamps``) tells that much has changed.
    """
    if quoted:
        table = ".".join(f'"{part}"' for part in table.split("."))
        columns = [f'"{name}"' for name in columns]
    counts = "".join(f", COUNT(t.{name}) AS c{i}" for i, name in enumerate(columns))
    name = f"filled {table}" if stamped else f"sight {table}"
    return Statement(name, _filled("sight", table=table, counts=counts), {})


def sight_schema(columns: Sequence[str]) -> pa.Schema:
    """n, and how often each column is filled."""
    return pa.schema([(name, pa.int64()) for name in ("n", *(f"c{i}" for i in range(len(columns))))])


def stamps(table: str, low: int) -> Statement:
    """A source table by the stamps of its rows; ``low`` is the sign of the last look, 0 where there was none."""
    sql = _filled("stamps", table=table, stamp=_xid("t"), fresh=_fresh("t", "low"))
    return Statement(f"sight {table}", sql, {"low": str(low % _NUMBERS)})


def counts_of(site: Site, branch: Branch) -> dict[str, str]:
    """File of each counting query that the joined rows of a branch answer -> its condition."""
    return {file: one.condition for file, one in folded(site).items() if one.branch == branch.name}


def marks_schema(site: Site, branch: Branch) -> pa.Schema:
    """``n`` and ``mark`` are of the base, ``joined`` of the tables beside it, w0 … of the counting queries."""
    numbers = ("n", "mark", "joined", *(f"w{i}" for i in range(len(counts_of(site, branch)))))
    return pa.schema([("patient_id", _KEY), *((name, pa.int64()) for name in numbers)])


def marks_by_row(site: Site, branch: Branch) -> Statement:
    """Marks of everybody.

    A row that a LEFT JOIN does not find has no stamp, so that the coming and going of either side shows.
    """
    fills = _fills(site, branch)
    return Statement(f"marks {branch.name}", _filled("marks_by_row", **fills), {})


def moved_schema(site: Site, branch: Branch) -> pa.Schema:
    """``kind``, then the columns of ``marks_schema``."""
    return pa.schema([("kind", pa.int64()), *marks_schema(site, branch)])


def moved(site: Site, branch: Branch, lows: Mapping[str, int]) -> Statement:
    """Marks of those who have fresh rows, and what proves that nobody else has lost one; ``lows``: source -> sign."""
    fills = _fills(site, branch)
    counts = range(len(counts_of(site, branch)))
    none = "".join(", 0" for _ in counts)
    # An old row that has found its partner only now was nobody's before, or said less.
    late = "".join(
        f"\nUNION ALL\nSELECT 4 AS kind, NULL, COUNT(*), 0, 0{none}\nFROM {branch.rows}\n"  # noqa: S608 - the pack's own
        f"WHERE {one.alias}.ctid = ANY(ARRAY(SELECT z.ctid FROM {one.source} z WHERE {_fresh('z', f'low{i}')}))"
        f" AND NOT {_fresh(branch.alias, 'low0')}"
        for i, one in enumerate(branch.beside, 1)
    )
    sql = _filled(
        "moved",
        **fills,
        alias=branch.alias,
        source=branch.source,
        fresh=_fresh("z", "low0"),
        summed="".join(f", q.w{i}" for i in counts),
        none=none,
        late=late,
    )
    sources = [branch.source, *(one.source for one in branch.beside)]
    params = {f"low{i}": str(lows[source] % _NUMBERS) for i, source in enumerate(sources)}
    return Statement(f"moved {branch.name}", sql, {**params})


def marks_by_time(site: Site, table: str) -> Statement:
    """Marks from ``updated_at``: rows without one, and the latest."""
    return Statement(f"marks {table}", _filled("marks", rows=selected(site, table)), {})


def _fills(site: Site, branch: Branch) -> dict[str, str]:
    parts = [
        f"COALESCE({_xid(one.alias)}, 0) * {weight}"
        for one, weight in zip(branch.beside, _WEIGHTS, strict=False)
    ]
    whole = f"CAST(MOD(SUM({' + '.join(parts)}), {_LARGEST}) AS BIGINT)" if parts else "0"
    conditions = counts_of(site, branch).values()
    return {
        "patient": branch.patient,
        "mark": f"CAST(COALESCE(SUM({_xid(branch.alias)}), 0) AS BIGINT)",
        "joined": whole,
        "counts": "".join(f", COUNT(*) FILTER (WHERE {one}) AS w{i}" for i, one in enumerate(conditions)),
        "rows": branch.rows,
    }


def row_branches(site: Site, table: str) -> tuple[Branch, ...] | None:
    """The branches of a table that the stamps of rows can mark; None where they cannot."""
    found = branches(site, table)
    if found is None or any(len(one.beside) > len(_WEIGHTS) for one in found):
        return None
    return found


def _xid(alias: str) -> str:
    return f"CAST(CAST({alias}.xmin AS TEXT) AS BIGINT)"


def _fresh(alias: str, sign: str) -> str:
    return f"(age({alias}.xmin) <= age(CAST(:{sign} AS xid)))"


def _filled(name: str, **fills: str) -> str:
    text = study_query(name)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    # In one pass: a pack's own text may hold braces.
    return _FILL.sub(lambda match: fills[match[1]], body).strip("\n")
