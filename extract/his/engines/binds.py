"""``:name`` binds in SQL text, found where they are binds and not inside a literal or a comment."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["for_duckdb", "for_odbc", "for_psycopg", "for_sqlalchemy", "is_term", "names"]

_PIECE: Final = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|::)|(?<![\w:]):(?P<bind>[A-Za-z_]\w*)""", re.DOTALL
)


def names(sql: str) -> frozenset[str]:
    """The binds that occur in ``sql``."""
    return frozenset(match["bind"] for match in _PIECE.finditer(sql) if match["bind"])


def for_duckdb(sql: str) -> str:
    """``:name`` written as ``$name``."""
    return _PIECE.sub(lambda m: f"${m['bind']}" if m["bind"] else m[0], sql)


def for_sqlalchemy(sql: str) -> str:
    """Colons inside literals and comments escaped, which ``text()`` would take for binds."""
    return _PIECE.sub(lambda m: m[0] if m["bind"] else m[0].replace(":", "\\:"), sql)


def for_psycopg(sql: str) -> str:
    """``:name`` written as ``%(name)s``, every other percent sign doubled; as it stands where nothing is bound."""
    if not names(sql):
        return sql
    parts, end = [], 0
    for match in _PIECE.finditer(sql):
        if match["bind"]:
            parts += [sql[end : match.start()].replace("%", "%%"), f"%({match['bind']})s"]
            end = match.end()
    return "".join([*parts, sql[end:].replace("%", "%%")])


def for_odbc(sql: str) -> tuple[str, list[str]]:
    """``:name`` written as ``?``, and the names in the order in which they are bound (again at each use)."""
    order = [match["bind"] for match in _PIECE.finditer(sql) if match["bind"]]
    return _PIECE.sub(lambda m: "?" if m["bind"] else m[0], sql), order


def is_term(name: str) -> bool:
    """Whether a bind is a LIKE pattern of the search, which may hold any character; the others are plain."""
    return name.startswith("leaf_")
