"""The SQL of a night: who hangs together with those who may have changed, and the search among them alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

import pyarrow as pa

from extract.his.compile import Day, Statement, candidates, selected
from extract.his.mapping import yields
from extract.his.sites import Site
from extract.his.windows import Window
from extract.study.protocol import Protocol
from sql import study_query

__all__ = [
    "MERGERS",
    "STRAYS",
    "VISITS",
    "candidates_of",
    "mergers",
    "owners",
    "strays",
    "visits_of",
]

_FILL: Final = re.compile(r"\{(\w+)\}")
_KEY: Final = pa.string()
MERGERS: Final = pa.schema([("patient_id", _KEY), ("merged_into", _KEY)])
STRAYS: Final = pa.schema([("patient_id", _KEY), ("visit_id", _KEY)])
VISITS: Final = pa.schema([("visit_id", _KEY), ("patient_id", _KEY), ("started_at", pa.timestamp("s"))])


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
