"""Schema drift: whether the HIS still has every table and column that the pack's SQL reads."""

from __future__ import annotations

from collections import defaultdict

from extract.errors import SchemaDrift
from extract.his.engines.base import Engine
from extract.his.mapping import reads
from extract.his.sites import Site

__all__ = ["check_drift", "drift", "source_tables"]


def source_tables(site: Site) -> dict[str, set[str]]:
    """Source table -> columns that the pack reads of it, over all its files, lower case."""
    found: dict[str, set[str]] = defaultdict(set)
    for origin, sql in _texts(site):
        for table, columns in reads(sql, site.dialect, origin).items():
            found[table] |= columns
    return dict(found)


def drift(engine: Engine, site: Site) -> list[str]:
    """One sentence for each table or column that is not there. Raises what the engine raises."""
    problems = []
    origins: dict[str, list[str]] = defaultdict(list)
    for origin, sql in _texts(site):
        for table in reads(sql, site.dialect, origin):
            origins[table].append(origin)
    for table, columns in sorted(source_tables(site).items()):
        have = engine.columns(table)
        where = ", ".join(dict.fromkeys(origins[table]))
        if have is None:
            problems.append(f"there is no table {table} (read by {where})")
        else:
            problems += [
                f"table {table} has no column {column} (read by {where})" for column in sorted(columns - have)
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
