"""The SQL of a night: what tells, without reading a chart, that it may have changed; and the search for some patients.

A row's stamp is PostgreSQL's own: ``xmin``, the transaction that wrote it, on every table that a pack's
SELECT joins.  Where the site trusts a table's ``updated_at``, that and the number of rows without one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa

from extract.his.compile import Day, Statement, candidates, selected
from extract.his.guard.statements import parsed, sqlglot_name
from extract.his.mapping import yields
from extract.his.sites import Site
from extract.his.windows import Window
from extract.study.protocol import Protocol
from sql import study_query

__all__ = [
    "MARKS",
    "MERGERS",
    "STRAYS",
    "VISITS",
    "candidates_of",
    "marks_by_row",
    "marks_by_time",
    "mergers",
    "owners",
    "sight",
    "sight_schema",
    "strays",
    "visits_of",
]

_FILL: Final = re.compile(r"\{(\w+)\}")
_KEY: Final = pa.string()
MARKS: Final = pa.schema(
    [("patient_id", _KEY), ("n", pa.int64()), ("mark", pa.int64()), ("latest", pa.timestamp("s"))]
)
"""``mark``: of the stamps of his rows, or the number of his rows without a time."""
MERGERS: Final = pa.schema([("patient_id", _KEY), ("merged_into", _KEY)])
STRAYS: Final = pa.schema([("patient_id", _KEY), ("visit_id", _KEY)])
VISITS: Final = pa.schema([("visit_id", _KEY), ("patient_id", _KEY), ("started_at", pa.timestamp("s"))])
_XID: Final = "CAST(CAST({alias}.xmin AS TEXT) AS BIGINT)"
_WEIGHTS: Final = (1, 3, 7, 31, 127, 8191, 131071)


def sight(table: str, columns: Sequence[str], *, stamped: bool, quoted: bool = False) -> Statement:
    """A look at one source table; its columns are those of ``sight_schema``.

    ``quoted``: on a lake, whose names are files' names (``Binary``) and mean the same in any case.
    """
    if quoted:
        table = ".".join(f'"{part}"' for part in table.split("."))
        columns = [f'"{name}"' for name in columns]
    stamp = f"CAST(SUM({_XID.format(alias='t')}) AS BIGINT)" if stamped else "NULL"
    counts = "".join(f", COUNT(t.{name}) AS c{i}" for i, name in enumerate(columns))
    return Statement(f"sight {table}", _filled("sight", table=table, stamp=stamp, counts=counts), {})


def sight_schema(columns: Sequence[str]) -> pa.Schema:
    """n, stamp, and how often each column is filled."""
    names = ["n", "stamp", *(f"c{i}" for i in range(len(columns)))]
    return pa.schema([(name, pa.int64()) for name in names])


def marks_by_row(site: Site, table: str) -> Statement | None:
    """Marks from the server's own stamps of rows; None where the SELECT is not one of rows.

    Each row of a union's branch has the stamps of the rows it is joined from; a row that a LEFT JOIN
    does not find has none, so that the coming and going of either side shows.
    """
    if (rows := _stamped(selected(site, table), site.dialect, table)) is None:
        return None
    marks = "CAST(SUM(t.stamp) AS BIGINT) AS mark, CAST(NULL AS TIMESTAMP) AS latest"
    return Statement(f"marks {table}", _filled("marks", rows=rows, marks=marks), {})


def marks_by_time(site: Site, table: str) -> Statement:
    """Marks from ``updated_at``: rows without one, and the latest."""
    marks = "COUNT(*) - COUNT(t.updated_at) AS mark, MAX(t.updated_at) AS latest"
    return Statement(f"marks {table}", _filled("marks", rows=selected(site, table), marks=marks), {})


def mergers(site: Site) -> Statement:
    """Every merger of the hospital."""
    return Statement("mergers", _filled("mergers", canonical=_canonical(site, ["patient"])), {})


def strays(site: Site, table: str, patients: Sequence[str] | None = None) -> Statement:
    """Records of a table that name somebody else's visit, or one that is not there."""
    place = site if patients is None else _of(site, ["visit"], len(patients))
    keys, params = _keys(patients or ())
    sql = _filled(
        "strays",
        canonical=_canonical(place, ["visit", table]),
        table=table,
        some="" if patients is None else f"\n  AND t.patient_id IN ({keys})",
    )
    return Statement(f"strays {table}" if patients is None else f"strays {table} of some", sql, params)


def visits_of(site: Site, patients: Sequence[str]) -> Statement:
    """The visits of these patients."""
    return _visits(site, "patient_id", patients)


def owners(site: Site, visits: Sequence[str]) -> Statement:
    """The patients of these visits."""
    return _visits(site, "visit_id", visits)


def candidates_of(site: Site, protocol: Protocol, patients: Sequence[str], day: Day) -> Statement:
    """The superset of the search among these patients, as if the hospital had no other."""
    whole = Window("of some", protocol.search.from_, protocol.search.to + timedelta(days=1))
    _, params = _keys(patients)
    asked = candidates(_of(site, site.pack.tables, len(patients)), protocol, whole, day)
    return asked._replace(params={**asked.params, **params})


def _visits(site: Site, column: str, values: Sequence[str]) -> Statement:
    keys, params = _keys(values)
    sql = _filled("visits_of", canonical=_canonical(site, ["visit"]), column=column, keys=keys)
    return Statement(f"visits by {column}", sql, params)


def _of(site: Site, tables: Collection[str], number: int) -> Site:
    """The site with these canonical tables cut down to ``number`` patients, :k0 and on."""
    keys = ", ".join(f":k{i}" for i in range(number))
    cut = {}
    for name, table in site.pack.tables.items():
        if name in tables:
            columns = ", ".join(f"z.{column}" for column in yields(table.sql, site.dialect, table.origin))
            sql = f"SELECT {columns} FROM (\n{table.sql}\n) z WHERE z.patient_id IN ({keys})"  # noqa: S608 - binds
            cut[name] = table.model_copy(update={"sql": sql})
    pack = site.pack.model_copy(update={"tables": site.pack.tables | cut})
    return site.model_copy(update={"pack": pack})


@lru_cache(maxsize=256)
def _stamped(sql: str, dialect: str, origin: str) -> str | None:
    from sqlglot import exp

    tree = parsed(sql, dialect, origin).copy()
    branches = list(_branches(tree))
    if not branches or not all(_plain(branch) for branch in branches):
        return None
    place = [name.lower() for name in branches[0].named_selects].index("patient_id")
    for branch in branches:
        patient = branch.selects[place].unalias()
        sources = [branch.args["from_"].this if "from_" in branch.args else branch.args["from"].this]
        sources += [join.this for join in branch.args.get("joins") or ()]
        if len(sources) > len(_WEIGHTS):
            return None
        parts = [
            f"COALESCE({_XID.format(alias=source.alias_or_name)}, 0) * {weight}"
            for source, weight in zip(sources, _WEIGHTS, strict=False)
        ]
        stamp: Any = exp.maybe_parse(" + ".join(parts), dialect=sqlglot_name(dialect))
        branch.set("expressions", [exp.alias_(patient.copy(), "patient_id"), exp.alias_(stamp, "stamp")])
    return str(tree.sql(dialect=sqlglot_name(dialect)))


def _branches(tree: Any) -> list[Any]:
    from sqlglot import exp

    if isinstance(tree, exp.Union) and not tree.args.get("distinct", True):
        return [*_branches(tree.left), *_branches(tree.right)]
    return [tree]


def _plain(branch: Any) -> bool:
    """A SELECT of rows as they stand: no grouping, no window, no subquery, nothing but tables joined."""
    from sqlglot import exp

    if not isinstance(branch, exp.Select):
        return False
    if any(
        branch.args.get(name)
        for name in ("group", "having", "distinct", "limit", "offset", "with_", "with", "laterals")
    ):
        return False
    sources = [branch.args.get("from_") or branch.args.get("from"), *(branch.args.get("joins") or ())]
    return (
        all(source is not None and isinstance(source.this, exp.Table) for source in sources)
        and branch.find(exp.AggFunc, exp.Window, exp.Subquery, exp.Exists) is None
    )


def _filled(name: str, **fills: str) -> str:
    text = study_query(name)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    # In one pass: a pack's own text may hold braces.
    return _FILL.sub(lambda match: fills[match[1]], body).strip("\n")


def _canonical(site: Site, tables: Sequence[str]) -> str:
    return ",\n".join(f"canonical_{name} AS (\n{selected(site, name)}\n)" for name in dict.fromkeys(tables))


def _keys(values: Sequence[str]) -> tuple[str, dict[str, object]]:
    params: dict[str, object] = {f"k{i}": value for i, value in enumerate(values)}
    return ", ".join(f":{name}" for name in params), params
