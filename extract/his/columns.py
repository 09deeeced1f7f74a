"""What the server says of the tables that a pack reads: the kinds of their columns, and whether it stamps their rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from extract.errors import SchemaDrift, SourceRefused
from extract.his.engines.base import Engine

__all__ = ["clock", "identity", "kinds", "stamps_rows", "unique_keys"]

_FAMILIES: Final = (
    ("text", "char text clob string varchar2 nvarchar name enum bpchar uniqueidentifier uuid"),
    ("time with zone", "timestamptz timestamp_with_time_zone timestamp_with_local_time_zone datetimeoffset"),
    ("time", "timestamp datetime smalldatetime datetime2"),
    ("date", "date"),
    ("number", "int number numeric decimal real double float serial money bit year"),
    ("boolean", "bool"),
    ("bytes", "blob bytea binary image raw"),
)
"""Kind -> what the name of a type contains; the first that fits.  varchar(20) and varchar(40) are both text."""
_POSTGRESQL: Final = """
SELECT t.name, a.attname, format_type(a.atttypid, NULL)
FROM unnest(string_to_array(:names, ',')) AS t(name)
JOIN pg_attribute a ON a.attrelid = to_regclass(t.name) AND a.attnum > 0 AND NOT a.attisdropped
"""
_INFORMATION: Final = """
SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
WHERE LOWER(c.table_name) = :name AND (:schema = '' OR LOWER(c.table_schema) = :schema)
"""
_IDENTITY: Final = """
SELECT (SELECT CAST(c.system_identifier AS TEXT) FROM pg_control_system() c),
       (SELECT CAST(c.timeline_id AS TEXT) FROM pg_control_checkpoint() c),
       (SELECT CAST(d.oid AS TEXT) FROM pg_database d WHERE d.datname = current_database()),
       (SELECT string_agg(CAST(CAST(to_regclass(t.name) AS oid) AS TEXT), ',' ORDER BY t.name)
        FROM unnest(string_to_array(:names, ',')) AS t(name))
"""
_PLAIN: Final = """
SELECT t.name FROM unnest(string_to_array(:names, ',')) AS t(name)
JOIN pg_class c ON c.oid = to_regclass(t.name)
WHERE c.relkind IN ('r', 'm') AND NOT c.relrowsecurity
"""
_UNIQUE: Final = """
SELECT t.name, string_agg(CAST(a.attname AS TEXT), ',')
FROM unnest(string_to_array(:names, ',')) AS t(name)
JOIN pg_index i ON i.indrelid = to_regclass(t.name)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
  AND i.indnkeyatts = i.indnatts
GROUP BY t.name, i.indexrelid
"""
_CLOCKS: Final = {
    "postgresql": "SELECT to_char(LOCALTIMESTAMP, 'YYYY-MM-DD HH24:MI:SS')",
    "mariadb": "SELECT DATE_FORMAT(NOW(), '%Y-%m-%d %H:%i:%s')",
    "mysql": "SELECT DATE_FORMAT(NOW(), '%Y-%m-%d %H:%i:%s')",
    "sqlite": "SELECT datetime('now', 'localtime')",
    "duckdb": "SELECT strftime(LOCALTIMESTAMP, '%Y-%m-%d %H:%M:%S')",
    "mssql": "SELECT CONVERT(VARCHAR(19), GETDATE(), 120)",
    "oracle": "SELECT TO_CHAR(LOCALTIMESTAMP, 'YYYY-MM-DD HH24:MI:SS') FROM dual",
}


def kinds(engine: Engine, tables: Sequence[str]) -> dict[str, dict[str, str]]:
    """Table -> column -> kind, in lower case; empty where the server does not say. Raises what the engine raises."""
    found: dict[str, dict[str, str]] = {table: {} for table in tables}
    if engine.product == "postgresql":
        for table, column, kind in _asked(engine, _POSTGRESQL, {"names": ",".join(tables)}):
            found[str(table)][str(column).lower()] = family(str(kind))
    elif engine.product == "sqlite":
        for table in tables:
            # An SQLite table holds any kind of value in any column: what is declared says how they compare.
            for row in _asked(
                engine, "SELECT name, type FROM pragma_table_info(:name)", {"name": _bare(table)}
            ):
                found[table][str(row[0]).lower()] = family(str(row[1]))
    elif engine.product in {"mariadb", "mysql", "mssql", "duckdb"}:
        for table in tables:
            schema, _, name = table.rpartition(".")
            for _table, column, kind in _asked(
                engine, _INFORMATION, {"name": name.lower(), "schema": schema.lower()}
            ):
                found[table][str(column).lower()] = family(str(kind))
    return found


def family(kind: str) -> str:
    """The kind of a type by its name on any server; the name itself where it is none that we know."""
    name = re.sub(r"\W+", "_", kind.lower()).strip("_")
    return next((kind for kind, words in _FAMILIES if any(word in name for word in words.split())), name)


def stamps_rows(engine: Engine, tables: Sequence[str]) -> set[str]:
    """Tables of which the server stamps each row with the transaction that wrote it: PostgreSQL's own tables."""
    if engine.product != "postgresql":
        return set()
    return {str(row[0]) for row in _asked(engine, _PLAIN, {"names": ",".join(tables)})}


def unique_keys(engine: Engine, tables: Sequence[str]) -> dict[str, list[frozenset[str]]]:
    """Table -> sets of columns (lower case) of which the server holds every combination to be there once."""
    found: dict[str, list[frozenset[str]]] = {}
    if engine.product == "postgresql":
        for table, columns in _asked(engine, _UNIQUE, {"names": ",".join(tables)}):
            found.setdefault(str(table), []).append(frozenset(str(columns).lower().split(",")))
    return found


def identity(engine: Engine, tables: Sequence[str]) -> str:
    """What must be the same for stamps of two nights to be compared: the server, its history, the very tables."""
    if engine.product != "postgresql":
        return engine.where
    rows = _asked(engine, _IDENTITY, {"names": ",".join(sorted(tables))})
    return f"{engine.where} {'/'.join(str(value) for value in rows[0])}" if rows else ""


def clock(engine: Engine) -> str:
    """The server's local time, ``YYYY-MM-DD HH:MM:SS``; "" where we do not know how to ask."""
    rows = _asked(engine, _CLOCKS[engine.product], {}) if engine.product in _CLOCKS else []
    return str(rows[0][0])[:19] if rows else ""


def _asked(engine: Engine, sql: str, params: dict[str, object]) -> list[tuple[object, ...]]:
    """What the server tells about itself; nothing where it does not."""
    try:
        return engine.ask(sql, params)
    except (SourceRefused, SchemaDrift):
        return []


def _bare(table: str) -> str:
    return table.rpartition(".")[2]
