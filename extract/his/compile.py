"""The SQL of a pull: a site's pack and a study's search composed into what really runs.

The skeletons are ``sql/*.sql``; packs are inlined, because we have no right to create views: as CTEs, and
the large tables of a search as subqueries where they are read, once each, so that no engine copies one
before it looks for the terms.  Values travel only as binds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

import pyarrow as pa

from extract.errors import SiteInvalid
from extract.his.encodings import encoded_field
from extract.his.encodings_sql import as_hex, byte_literals, leaf_in_bytes
from extract.his.engines.base import number
from extract.his.engines.dialects import day_bind, said, searched, with_days
from extract.his.mapping import yields
from extract.his.records import DATED_BY, HIT_COLUMNS, SCHEMAS
from extract.his.sites import Site
from extract.his.windows import Window, chart_span, windows
from extract.study.keywords import Matcher
from extract.study.protocol import Protocol
from extract.study.superset import LeafSql
from sql import study_query

__all__ = [
    "CANDIDATES",
    "COUNTED",
    "MERGED",
    "NAMED",
    "TOTALS",
    "Statement",
    "candidates",
    "candidates_sql",
    "chart",
    "chart_schema",
    "chart_sql",
    "merged",
    "selected",
    "totals",
]

Day = Callable[[str], object]

_FILL: Final = re.compile(r"\{(\w+)\}")
_KEY: Final = pa.string()
CANDIDATES: Final = pa.schema([("visit_id", _KEY), ("patient_id", _KEY)])
MERGED: Final = pa.schema([("patient_id", _KEY), ("merged_into", _KEY)])
TOTALS: Final = pa.schema(
    [(name, pa.int64()) for name in ("patients", "visits", "without_patient", "without_date")]
)
COUNTED: Final = pa.schema([("n", pa.int64())])
NAMED: Final = pa.schema([("n", pa.int64()), ("which", pa.string())])
"""Of a counting query that also says which: the keys of the records, never their values."""


class Statement(NamedTuple):
    """One statement: what it is called, its text with ``:name`` binds, and their values."""

    name: str
    sql: str
    params: dict[str, object]


def candidates(site: Site, protocol: Protocol, window: Window, day: Day) -> Statement:
    """The superset query of one window. Raises ExpressionInvalid; SiteInvalid where nothing can be searched."""
    superset = Matcher.of(protocol.search).superset()
    leaves = [leaf.index for leaf in superset.leaves]
    asked: dict[str, list[tuple[int, str]]] = {}
    in_bytes: dict[str, str] = {}
    for leaf in superset.leaves:
        for scope in leaf.scopes:
            table, column = HIT_COLUMNS[scope]
            if table in site.pack.tables:
                condition, more = _condition(site, leaf, superset.params, (table, column))
                asked.setdefault(table, []).append((leaf.index, condition))
                in_bytes |= more
    if not asked:
        raise SiteInvalid(
            "the search asks only for fields that this site declares absent",
            "Ask for a field that the site has, or write the missing table's SELECT.",
        )
    found = "\n  UNION ALL\n".join(
        _found(selected(site, table), hits, leaves) for table, hits in asked.items()
    )
    sql = _filled(
        "candidates",
        canonical=_canonical(site, ["patient", "visit"]),
        found=found,
        highest=", ".join(f"MAX(f.h{i}) AS h{i}" for i in leaves),
        either=", ".join(f"CASE WHEN b.h{i} = 1 OR u.h{i} = 1 THEN 1 ELSE 0 END AS h{i}" for i in leaves),
        expression=superset.expression,
    )
    sql = with_days(sql, site.dialect)
    return Statement(
        f"candidates {window.name}", sql, {**_between(window, day), **superset.params, **in_bytes}
    )


def totals(site: Site, protocol: Protocol, day: Day) -> Statement:
    """All visits and patients of the search's dates, counted in the HIS."""
    whole = Window("search", protocol.search.from_, protocol.search.to + timedelta(days=1))
    sql = _filled("window_totals", canonical=_canonical(site, ["patient", "visit"]))
    return Statement("window_totals", with_days(sql, site.dialect), _between(whole, day))


def merged(site: Site, patients: Sequence[str]) -> Statement:
    """The mergers that these patients take part in."""
    keys, params = _keys(patients)
    return Statement("merged", _filled("merged", canonical=_canonical(site, ["patient"]), keys=keys), params)


def chart(site: Site, protocol: Protocol, table: str, patients: Sequence[str], day: Day) -> Statement:
    """One table of the charts of these patients; its columns are those of ``chart_schema``."""
    span = chart_span(protocol)
    keys, params = _keys(patients)
    dated = _dated(table)
    sql = _filled(
        "chart",
        canonical=_canonical(site, [table]),
        table=table,
        columns=", ".join(_delivered(site, table, name) for name in chart_schema(site, table).names),
        keys=keys,
        dated=dated,
    )
    sql = with_days(sql, site.dialect)
    return Statement(f"chart {table}", sql, {**params, **(_between(span, day) if dated else {})})


def chart_schema(site: Site, table: str) -> pa.Schema:
    """The canonical columns, then ``raw_number`` and ``source_table`` where the pack's SELECT yields them."""
    found = yields(site.pack.tables[table].sql, site.dialect, site.pack.tables[table].origin)
    extra = [number("raw_number")] if "raw_number" in found else []
    extra += [pa.field("source_table", pa.string())] if "source_table" in found else []
    texts = [encoded_field(field, site.encodings.of(table, field.name)) for field in SCHEMAS[table]]
    return pa.schema([*texts, *extra])


def candidates_sql(site: Site, protocol: Protocol) -> list[Statement]:
    """What the first half of a pull runs: one statement per window, then the totals."""
    day = partial(day_bind, site.dialect)
    cut = windows(protocol.search.from_, protocol.search.to, site.limits.window)
    return [*(candidates(site, protocol, window, day) for window in cut), totals(site, protocol, day)]


def chart_sql(site: Site, protocol: Protocol) -> list[Statement]:
    """What the second half runs for a batch of patients, one statement per table (here for one patient)."""
    return [
        chart(site, protocol, table, ["?"], partial(day_bind, site.dialect)) for table in site.pack.tables
    ]


def _filled(name: str, **fills: str) -> str:
    text = study_query(name)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    # In one pass: a pack's own text may hold braces.
    return _FILL.sub(lambda match: fills[match[1]], body).strip("\n")


def _canonical(site: Site, tables: Sequence[str]) -> str:
    return ",\n".join(f"canonical_{name} AS (\n{selected(site, name)}\n)" for name in dict.fromkeys(tables))


def selected(site: Site, table: str) -> str:
    """A pack's SELECT as the site's dialect wants it; what is written for one dialect stands as written."""
    text = site.pack.tables[table]
    names = yields(text.sql, site.dialect, text.origin)
    sql = byte_literals(text.sql, table, names, site.dialect, site.encodings)
    return sql if text.origin.endswith(f".{site.dialect}.sql") else said(sql, site.dialect)


def _condition(
    site: Site, leaf: LeafSql, params: dict[str, str], field: tuple[str, str]
) -> tuple[str, dict[str, str]]:
    """What a leaf asks of a canonical column, and the binds that only this column's encoding needs."""
    column = f"t.{field[1]}"
    if site.encodings.of(*field) is None:
        return leaf.condition(searched(column, site.dialect)), {}
    return leaf_in_bytes(leaf, params, column, site.dialect, site.encodings, field)


def _delivered(site: Site, table: str, name: str) -> str:
    """A column of a chart; one of a declared encoding travels as its stored bytes."""
    if (encoding := site.encodings.of(table, name)) is None:
        return f"t.{name}"
    return f"{as_hex(f't.{name}', site.dialect, encoding)} AS {name}"


def _found(select: str, hits: list[tuple[int, str]], leaves: list[int]) -> str:
    conditions = dict(hits)
    columns = ", ".join(
        f"MAX(CASE WHEN {conditions[i]} THEN 1 ELSE 0 END) AS h{i}" if i in conditions else f"0 AS h{i}"
        for i in leaves
    )
    return _filled(
        "found", select=select, columns=columns, any=" OR ".join(dict.fromkeys(conditions.values()))
    )


def _dated(table: str) -> str:
    column = DATED_BY[table]
    if column is None:
        return ""
    ends = "ended_at" if "ended_at" in SCHEMAS[table].names else column
    # What began before the span and lasts into it belongs to the chart; so does what has no time.
    return (
        f"\n  AND (t.{ends} IS NULL OR t.{ends} >= :from_date)"
        f"\n  AND (t.{column} IS NULL OR t.{column} < :to_date)"
    )


def _keys(patients: Sequence[str]) -> tuple[str, dict[str, object]]:
    params: dict[str, object] = {f"k{i}": patient for i, patient in enumerate(patients)}
    return ", ".join(f":{name}" for name in params), params


def _between(window: Window, day: Day) -> dict[str, object]:
    return {"from_date": day(window.start.isoformat()), "to_date": day(window.end.isoformat())}
