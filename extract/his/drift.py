"""Schema drift: whether the HIS still has every table and column that the pack's SQL reads."""

from __future__ import annotations

from collections import defaultdict

from extract.errors import SchemaDrift
from extract.his.engines.base import Engine
from extract.his.mapping import reads
from extract.his.sites import Site

__all__ = ["check_drift", "drift", "source_tables"]


def source_tables(site: Site) -> dict[str, dict[str, list[str]]]:
    """Source table -> column -> the files that read it, over the whole pack; names in lower case.

    A table of which no column is named stands with the column ``""``.
    """
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for origin, sql in _texts(site):
        for table, columns in reads(sql, site.dialect, origin).items():
            for column in columns or {""}:
                found[table][column].append(origin)
    return {table: dict(columns) for table, columns in found.items()}


def drift(engine: Engine, site: Site) -> list[str]:
    """One sentence for each table or column that is not there. Raises what the engine raises."""
    problems = []
    for table, columns in sorted(source_tables(site).items()):
        have = engine.columns(table)
        if have is None:
            files = sorted({file for some in columns.values() for file in some})
            problems.append(f"there is no table {table} (read by {', '.join(files)})")
            continue
        problems += [
            f"table {table} has no column {column} (read by {', '.join(files)})"
            for column, files in sorted(columns.items())
            if column and column not in have
        ]
    return problems


def check_drift(engine: Engine, site: Site) -> None:
    """Raises SchemaDrift, naming every table and column that is missing."""
    if problems := drift(engine, site):
        raise SchemaDrift(
            f"pack {site.pack.name} {site.pack.version} does not fit this database:\n  "
            + "\n  ".join(problems),
            "Copy the named file to the study's sql/ folder and mend it there, or declare the canonical table absent.",
        )


def _texts(site: Site) -> list[tuple[str, str]]:
    texts = [(table.origin, table.sql) for table in site.pack.tables.values()]
    if site.limits.count_scans:
        texts += [(f"{site.pack.name}/{count.file}", count.sql) for count in site.pack.counts]
    return texts
