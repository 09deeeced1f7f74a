"""What a pack's SELECT reads from the HIS and what it yields, told from the SQL itself."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Any

from extract.errors import SiteInvalid
from extract.his.guard.statements import parsed
from extract.his.packs import PackTable
from extract.his.records import SCHEMAS

__all__ = ["EXTRA_COLUMNS", "check_yield", "main_table", "reads", "yields"]

EXTRA_COLUMNS = {"source_table", "raw_number"}
"""What a SELECT may yield beside the canonical columns; ``raw_number`` only where there is raw_value."""


def yields(sql: str, dialect: str, origin: str) -> list[str]:
    """The names of the columns that a SELECT yields, in lower case."""
    return [name.lower() for name in parsed(sql, dialect, origin).named_selects]


def check_yield(table: PackTable, dialect: str) -> None:
    """Refuse a SELECT that does not yield its canonical table. Raises SiteInvalid."""
    found = yields(table.sql, dialect, table.origin)
    wanted = SCHEMAS[table.name].names
    if missing := [name for name in wanted if name not in found]:
        raise SiteInvalid(
            f"{table.origin}: does not yield {', '.join(missing)}",
            "Add the columns; what the source lacks is NULL AS column.",
        )
    extra = EXTRA_COLUMNS if "raw_value" in wanted else {"source_table"}
    if unknown := [name for name in found if name not in wanted and name not in extra]:
        raise SiteInvalid(
            f"{table.origin}: yields {', '.join(unknown)}, which {table.name} does not have",
            f"The columns are {', '.join(wanted)}.",
        )


def main_table(table: PackTable, dialect: str) -> str:
    """The first table in FROM: where a record comes from when the SELECT does not say."""
    from sqlglot import exp

    found = parsed(table.sql, dialect, table.origin).find(exp.Table)
    return str(found.name) if found is not None else table.name


def reads(sql: str, dialect: str, origin: str) -> dict[str, set[str]]:
    """The source tables that a SELECT reads, with the columns it names of each (lower case).

    A column without an alias counts only where its SELECT reads one table.
    """
    return {table: set(columns) for table, columns in _reads(sql, dialect, origin).items()}


@lru_cache(maxsize=256)
def _reads(sql: str, dialect: str, origin: str) -> dict[str, set[str]]:
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    found: dict[str, set[str]] = defaultdict(set)
    for scope in traverse_scope(parsed(sql, dialect, origin).copy()):
        tables = {alias: s for alias, s in scope.sources.items() if isinstance(s, exp.Table)}
        for source in tables.values():
            found[_full(source)].update()
        for column in scope.columns:
            alias = column.table or (next(iter(tables)) if len(scope.sources) == 1 and tables else "")
            if alias in tables and not isinstance(column.this, exp.Star) and not _looped(column):
                found[_full(tables[alias])].add(column.name.lower())
    return dict(found)


def _looped(column: Any) -> bool:
    """Whether a name stands for the items of a list: the ``c`` of DuckDB's ``[c['code'] FOR c IN …]``."""
    from sqlglot import exp

    loop = column.find_ancestor(exp.Comprehension)
    while loop is not None:
        if loop.expression.name == column.name:
            return True
        loop = loop.find_ancestor(exp.Comprehension)
    return False


def _full(table: object) -> str:
    name, schema = getattr(table, "name", ""), getattr(table, "db", "")
    return f"{schema}.{name}".lower() if schema else str(name).lower()
