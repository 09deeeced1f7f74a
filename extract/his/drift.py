"""Schema drift: what a pack's SQL reads and the HIS no longer has as it was.

A table or column that is gone or renamed shows at once.  A column of another kind, one that is suddenly
NULL, or a table that is suddenly empty shows against what earlier runs saw (extract/his/looks.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from extract.his.engines.base import Engine
from extract.his.looks import Sight
from extract.his.mapping import reads
from extract.his.sites import Site

__all__ = ["canonical_of", "changed_since", "drift", "may_have_drifted", "missing", "source_tables"]

_FEW: Final = 20
"""So few rows say nothing about a share."""


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


def canonical_of(site: Site) -> dict[str, set[str]]:
    """Source table -> the canonical tables that are read from it."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, table in site.pack.tables.items():
        for source in reads(table.sql, site.dialect, table.origin):
            found[source].add(name)
    return found


def missing(engine: Engine, site: Site) -> dict[str, list[str]]:
    """Source table -> one sentence for it, or each of its columns, that is not there. Raises what the engine raises."""
    problems: dict[str, list[str]] = {}
    for table, columns in sorted(source_tables(site).items()):
        have = engine.columns(table)
        if have is None:
            files = sorted({file for some in columns.values() for file in some})
            problems[table] = [f"there is no table {table} (read by {', '.join(files)})"]
            continue
        gone = [
            f"table {table} has no column {column} (read by {', '.join(files)})"
            for column, files in sorted(columns.items())
            if column and column not in have
        ]
        if gone:
            problems[table] = gone
    return problems


def drift(engine: Engine, site: Site) -> list[str]:
    """One sentence for each table or column that is not there. Raises what the engine raises."""
    return [problem for problems in missing(engine, site).values() for problem in problems]


def changed_since(
    before: Mapping[str, Sight], now: Mapping[str, Sight], share: float
) -> dict[str, list[str]]:
    """Source table -> what is not as earlier runs saw it.

    ``share``: a table that has lost more than this of its rows, or a column more than this of its values,
    has drifted.  Says how much, never what.
    """
    found = {
        table: list(_changed(table, before[table], sight, share))
        for table, sight in now.items()
        if table in before
    }
    return {table: problems for table, problems in found.items() if problems}


def may_have_drifted(now: Sight, share: float) -> bool:
    """Whether a column may have lost so much since its values were counted that they have to be counted again.

    At the worst each row that was lost had a value, and no row that came has one.  Where a tenth has moved,
    what was counted says too little about what is there.
    """
    then = now.counted or 0
    if now.lost * 10 > then or abs(now.rows - then) * 10 > then:
        return True
    return any(
        (filled - now.lost) / max(now.rows, 1) < filled / then * (1 - share)
        for filled in now.filled.values()
        if filled >= _FEW
    )


def _changed(table: str, before: Sight, now: Sight, share: float) -> Iterator[str]:
    for column, kind in sorted(before.kinds.items()):
        if kind and now.kinds.get(column) and now.kinds[column] != kind:
            yield f"column {table}.{column} was {kind} and is {now.kinds[column]}"
    if before.rows >= _FEW and now.rows < before.rows * (1 - share):
        yield f"table {table} had {before.rows} rows and has {now.rows}"
        return
    for column, filled in sorted(before.filled.items()):
        if filled < _FEW or column not in now.filled or now.rows < _FEW:
            continue
        was, is_ = filled / (before.counted or before.rows), now.filled[column] / (now.counted or now.rows)
        if is_ < was * (1 - share):
            yield f"column {table}.{column} was filled in {was:.0%} of the rows and is in {is_:.0%}"


def _texts(site: Site) -> list[tuple[str, str]]:
    texts = [(table.origin, table.sql) for table in site.pack.tables.values()]
    if site.limits.count_scans:
        texts += [(f"{site.pack.name}/{count.file}", count.sql) for count in site.pack.counts]
    return texts
