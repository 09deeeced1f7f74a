"""How a session begins on each product: read-only, time-limited, and with literals that mean what ANSI says.

Keyed by product and not by driver, so that SQLAlchemy's and ODBC's sessions are the same.
"""

from __future__ import annotations

from typing import Final

__all__ = ["opening", "product_of"]

_ANSI_LITERALS: Final = (
    # || joins texts, "x" is a name, and a backslash is a character like any other.
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE,NO_BACKSLASH_ESCAPES')"
)
_OPENING: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": ("PRAGMA query_only = 1",),
    "postgresql": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET statement_timeout = {milliseconds}",
        # Compiling the plan of a query that names each text column many times costs seconds, and
        # gains nothing where the time goes into LIKE.
        "SET jit = off",
    ),
    "mysql": (
        _ANSI_LITERALS,
        "SET SESSION TRANSACTION READ ONLY",
        "SET SESSION max_execution_time = {milliseconds}",
    ),
    "mariadb": (
        _ANSI_LITERALS,
        "SET SESSION TRANSACTION READ ONLY",
        "SET SESSION max_statement_time = {seconds}",
        # An answer that is read slowly is no reason to cut the line.
        "SET SESSION net_write_timeout = 600",
    ),
    # A DATE that is cast to text, as in a key, must not depend on the client's language.
    "oracle": (
        "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
        "ALTER SESSION SET NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
    ),
    # Whoever works in the hospital wins every quarrel about a lock.
    "mssql": (
        "SET DEADLOCK_PRIORITY LOW",
        "SET LOCK_TIMEOUT {milliseconds}",
        "SET CONCAT_NULL_YIELDS_NULL ON",
    ),
}
_PRODUCTS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "kingbase": "postgresql",
    "mariadb": "mariadb",
    "mysql": "mysql",
    "oracle": "oracle",
    "sql server": "mssql",
}


def opening(product: str, seconds: int) -> list[str]:
    """The statements that begin a session on ``product``; none for one that we do not know."""
    return [
        statement.format(milliseconds=seconds * 1000, seconds=seconds)
        for statement in _OPENING.get(product, ())
    ]


def product_of(name: str) -> str:
    """The product by the name that its driver gives (``Microsoft SQL Server``); "" for an unknown one."""
    return next((product for part, product in _PRODUCTS.items() if part in name.lower()), "")
