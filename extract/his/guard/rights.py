"""What the account may do beyond reading: asked of the server, because a session's mode is only ours to keep."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from extract.errors import WriteRight
from extract.his.engines.base import Engine
from extract.his.guard.settings import Safety

__all__ = ["TELLING", "check_rights", "from_grants", "write_rights"]

TELLING: Final = frozenset({"postgresql", "mariadb", "mysql", "mssql"})
"""Products that tell what an account may do."""

_POSTGRESQL: Final = """
SELECT t.name, string_agg(DISTINCT p.what, ', ' ORDER BY p.what)
FROM unnest(string_to_array(:names, ',')) AS t(name)
-- A role that does not inherit can still be taken on by SET ROLE.
JOIN pg_roles r ON pg_has_role(current_user, r.oid, 'MEMBER')
CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p(what)
WHERE CASE
  WHEN to_regclass(t.name) IS NULL THEN false
  WHEN has_table_privilege(r.oid, to_regclass(t.name), p.what) THEN true
  WHEN p.what IN ('INSERT', 'UPDATE') THEN has_any_column_privilege(r.oid, to_regclass(t.name), p.what)
  ELSE false
END
GROUP BY t.name
ORDER BY t.name
"""
_SQL_SERVER: Final = """
SELECT p.what FROM (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('ALTER')) AS p(what)
WHERE HAS_PERMS_BY_NAME(:name, 'OBJECT', p.what) = 1
"""
_QUOTED: Final = r"""(?:`(?:[^`]|``)*`|"(?:[^"]|"")*")"""
"""A name as SHOW GRANTS quotes it; with double quotes where the session's mode is ANSI."""
_GRANT: Final = re.compile(
    rf"GRANT (?P<rights>.+?) ON (?P<database>{_QUOTED}|\*|[\w$]+)\.(?P<table>{_QUOTED}|\*|[\w$]+) TO "
)
_ROLE: Final = re.compile(rf"GRANT (?P<role>{_QUOTED}(?:@\S+)?) TO ")
_WRITES: Final = frozenset(
    {"INSERT", "UPDATE", "DELETE", "DELETE HISTORY", "DROP", "ALTER", "INDEX", "TRIGGER", "ALL PRIVILEGES"}
)
_SERVER_WRITES: Final = frozenset({"SUPER", "FILE"})
_SHOWN: Final = 4


def check_rights(engine: Engine, tables: Collection[str], safety: Safety) -> list[str]:
    """What stands in the load report. Raises WriteRight unless site.toml says why it is borne."""
    found = write_rights(engine, tables)
    if not found:
        return []
    if safety.allow_write_right:
        return [f"the account may write; allowed because: {safety.allow_write_right}"]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise WriteRight(
        f"the account of [source] url may do more than read: {'; '.join(found[:_SHOWN])}{more}",
        "Ask the DBA for an account with GRANT SELECT on the tables that are read and nothing else "
        '(docs/safety.md has the lines), or write [safety] allow_write_right = "why" in site.toml.',
    )


def write_rights(engine: Engine, tables: Collection[str]) -> list[str]:
    """One sentence for each right to write that the server tells of; empty for a file opened read-only."""
    match engine.product:
        case "postgresql":
            if engine.ask("SELECT current_setting('is_superuser')")[0][0] == "on":
                return ["it is a superuser"]
            rows = engine.ask(_POSTGRESQL, {"names": ",".join(sorted(tables))})
            return [f"{what} on {name}" for name, what in rows]
        case "mariadb" | "mysql":
            lines = _shown_grants(engine)
            database = engine.ask("SELECT DATABASE()")[0][0]
            return from_grants(lines, tables, str(database or ""))
        case "mssql":
            asked = {name: engine.ask(_SQL_SERVER, {"name": name}) for name in sorted(tables)}
            return [
                f"{', '.join(str(row[0]) for row in rows)} on {name}" for name, rows in asked.items() if rows
            ]
        case _:
            return []


def _shown_grants(engine: Engine) -> list[str]:
    """SHOW GRANTS of the account, and with every role that it may take on."""
    lines = [str(row[0]) for row in engine.ask("SHOW GRANTS FOR CURRENT_USER()")]
    roles = [match["role"] for line in lines if (match := _ROLE.match(line))]
    if engine.product == "mysql":
        for role in roles:
            lines += [str(row[0]) for row in engine.ask(f"SHOW GRANTS FOR CURRENT_USER() USING {role}")]
        return lines
    if roles:
        usual = engine.ask("SELECT CURRENT_ROLE()")[0][0]
        for role in roles:
            engine.ask(f"SET ROLE {role}")
            lines += [str(row[0]) for row in engine.ask("SHOW GRANTS")]
        engine.ask("SET ROLE NONE" if usual is None else f"SET ROLE `{usual}`")
    return lines


def from_grants(lines: Iterable[str], tables: Collection[str], database: str) -> list[str]:
    """The rights to write in MariaDB's or MySQL's GRANT lines that reach one of ``tables``.

    ``tables`` are ``name`` (in ``database``) or ``database.name``.
    """
    full = {(db or database.lower(), name) for db, _, name in (t.lower().rpartition(".") for t in tables)}
    found = []
    for line in lines:
        if (match := _GRANT.match(line)) is None:
            continue
        # INSERT (a, b) is a right on two columns.
        rights = {right.strip().upper() for right in re.sub(r"\([^)]*\)", "", match["rights"]).split(",")}
        database_part, table_part = _name(match["database"]), _name(match["table"])
        writes = sorted(rights & (_WRITES | (_SERVER_WRITES if database_part == "*" else frozenset())))
        reached = any(_reaches(database_part, db) and table_part in {"*", name} for db, name in full)
        if writes and reached:
            found.append(f"{', '.join(writes)} on {database_part}.{table_part}")
    return sorted(set(found))


def _name(part: str) -> str:
    mark = part[0]
    return (part[1:-1].replace(2 * mark, mark) if mark in '`"' else part).lower()


def _reaches(pattern: str, database: str) -> bool:
    """Whether a database is meant by a GRANT, where its name is a LIKE pattern."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern)
    said = {"%": ".*", "_": "."}
    return (
        re.fullmatch("".join(said.get(part, re.escape(part.lstrip("\\"))) for part in parts), database)
        is not None
    )
