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
from typing import Final, Literal, NamedTuple

import pyarrow as pa

from extract.errors import SiteInvalid
from extract.his.encodings import encoded_field
from extract.his.encodings_sql import as_hex, byte_literals, leaf_in_bytes
from extract.his.engines.base import number
from extract.his.engines.binds import names as bound
from extract.his.engines.dialects import day_bind, said, searched, with_days
from extract.his.engines.lake_calls import asking
from extract.his.mapping import yields
from extract.his.records import DATED_BY, HIT_COLUMNS, SCHEMAS, TEXT_COLUMNS
from extract.his.sites import Site
from extract.his.windows import Window, chart_span, windows
from extract.study.keywords import Matcher
from extract.study.protocol import Protocol
from extract.study.superset import ALWAYS, LeafSql, Superset
from sql import study_query

__all__ = [
    "CANDIDATES",
    "COUNTED",
    "NAMED",
    "TOTALS",
    "Order",
    "Statement",
    "Step",
    "candidates",
    "candidates_sql",
    "chart",
    "chart_schema",
    "chart_sql",
    "in_names",
    "orders",
    "selected",
    "steps",
    "totals",
]

Day = Callable[[str], object]

Order = Literal["at once", "names first"]
Step = Literal["dates", "names", "texts"]

_UNION: Final = "\n  UNION ALL\n"
_NEXT: Final = {"in_window": "asked", "likely": "likely_patient"}
"""What follows each WITH of sql/candidates.sql that a statement may be cut after."""
_AT_ONCE: Final = frozenset({"mariadb", "mssql", "duckdb"})
_FILL: Final = re.compile(r"\{(\w+)\}")
_KEY: Final = pa.string()
CANDIDATES: Final = pa.schema([("visit_id", _KEY), ("patient_id", _KEY)])
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


def orders(site: Site, protocol: Protocol) -> tuple[Order, ...]:
    """The ways to ask for the candidates, the one that the rule prefers first.

    ``names first`` where a visit must be hit in a table of names: a laboratory item is found sooner than
    a word in a note, and only the notes of the visits that remain are read.  Where a server reads a
    WITH anew at each use, names would be read twice, and a lake finds words as fast as it reads texts: there
    the rule prefers ``at once``.
    """
    superset = Matcher.of(protocol.search).superset()
    asked = {
        HIT_COLUMNS[scope][0] for leaf in superset.leaves for scope in leaf.scopes
    } & site.pack.tables.keys()
    if not asked & TEXT_COLUMNS.keys() or superset.without(_in_texts(superset)) == ALWAYS:
        return ("at once",)
    return ("at once", "names first") if site.dialect in _AT_ONCE else ("names first", "at once")


def candidates(
    site: Site, protocol: Protocol, window: Window, day: Day, order: Order | None = None
) -> Statement:
    """The superset query of one window; its rows are the same in every order.

    Raises ExpressionInvalid; SiteInvalid where nothing can be searched.
    """
    superset = Matcher.of(protocol.search).superset()
    search = _Search(site, superset)
    if not search.asked:
        raise SiteInvalid(
            "the search asks only for fields that this site declares absent",
            "Ask for a field that the site has, or write the missing table's SELECT.",
        )
    if (order or orders(site, protocol)[0]) == "at once":
        narrowing, found = "", [search.found(table) for table in search.asked]
        met = search.met("found", "in_window", superset.expression)
    else:
        names = [table for table in search.asked if table not in TEXT_COLUMNS]
        texts = [table for table in search.asked if table in TEXT_COLUMNS]
        narrowing = _filled(
            "narrowing",
            found=_UNION.join(search.found(table) for table in names),
            met=search.met("named", "in_window", superset.without(_in_texts(superset))),
        )
        found = ["  SELECT n.* FROM named n", *(search.found_likely(table) for table in texts)]
        met = search.met("found", "likely", superset.expression)
    sql = _filled(
        "candidates",
        patient=selected(site, "patient"),
        visit=selected(site, "visit"),
        narrowing=narrowing and f"{narrowing}\n",
        found=_UNION.join(found),
        met=met,
    )
    params = {**_between(window, day), **superset.params, **search.in_bytes}
    return Statement(f"candidates {window.name}", with_days(sql, site.dialect), params)


def steps(
    site: Site, protocol: Protocol, window: Window, day: Day, order: Order
) -> list[tuple[Step, tuple[str, ...], Statement]]:
    """The candidates of one window as its steps: what each reads, and the statement up to it, to be explained."""
    search = _Search(site, Matcher.of(protocol.search).superset())
    whole = candidates(site, protocol, window, day, order)
    names = tuple(table for table in search.asked if table not in TEXT_COLUMNS)
    texts = tuple(table for table in search.asked if table in TEXT_COLUMNS)
    found: list[tuple[Step, tuple[str, ...], Statement]] = [
        ("dates", ("patient", "visit"), _up_to("in_window", whole))
    ]
    if order == "at once":
        return [*found, ("texts" if texts else "names", (*names, *texts), whole)]
    return [*found, ("names", names, _up_to("likely", whole)), ("texts", texts, whole)]


def in_names(site: Site, protocol: Protocol) -> list[Statement]:
    """All visits of the hospital, then all hits in each table of names: to be estimated, never to be run."""
    search = _Search(site, Matcher.of(protocol.search).superset())
    visits = f"SELECT v.visit_id FROM (\n{selected(site, 'visit')}\n) v"  # noqa: S608 - the pack's own
    found = [Statement("visits", visits, {})]
    for table in search.asked:
        if table not in TEXT_COLUMNS:
            read = f"SELECT t.visit_id FROM (\n{selected(site, table)}\n) t"  # noqa: S608 - the pack's own
            sql = f"{read} WHERE {search.any(table)}"
            binds = {**search.superset.params, **search.in_bytes}
            found.append(
                Statement(f"hits in {table}", sql, {k: v for k, v in binds.items() if k in bound(sql)})
            )
    return found


def _up_to(step: str, whole: Statement) -> Statement:
    """A statement cut after one of its WITHs, which stand at the beginning of a line in sql/ alone."""
    after = f"\n{_NEXT[step]} AS (\n"
    head = whole.sql[: whole.sql.index(after)].rstrip().removesuffix(",")
    sql = f"{head}\nSELECT x.visit_id FROM {step} x"
    return Statement(f"{whole.name}, {step}", sql, {k: v for k, v in whole.params.items() if k in bound(sql)})


def _in_texts(superset: Superset) -> set[int]:
    """The leaves that a text can satisfy: names alone never tell that they are not met."""
    return {
        leaf.index
        for leaf in superset.leaves
        if any(HIT_COLUMNS[scope][0] in TEXT_COLUMNS for scope in leaf.scopes)
    }


class _Search:
    """What the leaves of a search ask of each canonical table."""

    def __init__(self, site: Site, superset: Superset) -> None:
        self.site, self.superset = site, superset
        self.leaves = [leaf.index for leaf in superset.leaves]
        self.asked: dict[str, list[LeafSql]] = {}
        self.in_bytes: dict[str, str] = {}
        for leaf in superset.leaves:
            for scope in leaf.scopes:
                if (table := HIT_COLUMNS[scope][0]) in site.pack.tables:
                    self.asked.setdefault(table, []).append(leaf)

    def conditions(self, table: str, form: str = "{}") -> dict[int, str]:
        """Leaf -> whether a record of the table holds it; ``form`` wraps the column."""
        column = next(column for of, column in HIT_COLUMNS.values() if of == table)
        found = {}
        for leaf in self.asked[table]:
            where = (form.format(f"t.{column}"), (table, column))
            found[leaf.index], more = _condition(self.site, leaf, self.superset.params, *where)
            self.in_bytes |= more
        return found

    def columns(self, table: str) -> str:
        """h0 … of a record."""
        conditions = self.conditions(table)
        return ", ".join(
            f"CASE WHEN {conditions[i]} THEN 1 ELSE 0 END AS h{i}" if i in conditions else f"0 AS h{i}"
            for i in self.leaves
        )

    def any(self, table: str, form: str = "{}") -> str:
        """Any leaf."""
        return " OR ".join(dict.fromkeys(self.conditions(table, form).values()))

    def found(self, table: str) -> str:
        """The hits in a table."""
        select = self.select(table)
        return _filled("found", select=select, columns=self.columns(table), any=self.any(table))

    def select(self, table: str) -> str:
        """A table as it is searched: a lake gives of each text only the words that are asked for."""
        column = next(column for of, column in HIT_COLUMNS.values() if of == table)
        select = selected(self.site, table)
        if (
            self.site.dialect != "duckdb"
            or table not in TEXT_COLUMNS
            or self.site.encodings.of(table, column) is not None
        ):
            return select
        return asking(select, column, [one for leaf in self.asked[table] for one in leaf.spellings])

    def found_likely(self, table: str) -> str:
        """The hits in a table of texts, of those whom names leave over."""
        return _filled(
            "found_likely",
            select=self.select(table),
            visit=selected(self.site, "visit"),
            columns=self.columns(table),
            # A condition on both sides of a join is asked after it: no other text is read.
            linked=self.any(table, "CASE WHEN l.visit_id = t.visit_id THEN {} END"),
            loose=self.any(table, "CASE WHEN v.visit_id IS NULL THEN {} END"),
        )

    def met(self, found: str, among: str, expression: str) -> str:
        """Of the visits ``among``, those whose hits satisfy the expression."""
        return _filled(
            "met",
            found=found,
            among=among,
            expression=expression,
            visit=selected(self.site, "visit"),
            leaves=", ".join(f"MAX(g.h{i}) AS h{i}" for i in self.leaves),
            highest=", ".join(f"MAX(k.h{i}) AS h{i}" for i in self.leaves),
        )


def totals(site: Site, protocol: Protocol, day: Day) -> Statement:
    """All visits and patients of the search's dates, counted in the HIS."""
    whole = Window("search", protocol.search.from_, protocol.search.to + timedelta(days=1))
    sql = _filled("window_totals", canonical=_canonical(site, ["patient", "visit"]))
    return Statement("window_totals", with_days(sql, site.dialect), _between(whole, day))


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
    site: Site, leaf: LeafSql, params: dict[str, str], column: str, field: tuple[str, str]
) -> tuple[str, dict[str, str]]:
    """What a leaf asks of a canonical column, and the binds that only this column's encoding needs."""
    if site.encodings.of(*field) is None:
        return leaf.condition(searched(column, site.dialect)), {}
    return leaf_in_bytes(leaf, params, column, site.dialect, site.encodings, field)


def _delivered(site: Site, table: str, name: str) -> str:
    """A column of a chart; one of a declared encoding travels as its stored bytes."""
    if (encoding := site.encodings.of(table, name)) is None:
        return f"t.{name}"
    return f"{as_hex(f't.{name}', site.dialect, encoding)} AS {name}"


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
