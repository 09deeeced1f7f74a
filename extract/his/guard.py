"""Safety of the HIS: only one SELECT ever leaves this house, and nothing in it may write.

The session is read-only and time-limited as well (``engines``); this is the belt to those braces.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from extract.errors import SiteInvalid

__all__ = ["check_select", "parsed", "sqlglot_name"]

_SQLGLOT: Final = {"postgresql": "postgres", "mssql": "tsql", "mariadb": "mysql"}


def sqlglot_name(dialect: str) -> str:
    """The parser's name of a SQLAlchemy dialect; an unknown one is read as generic SQL."""
    from sqlglot.dialects.dialect import Dialect

    name = _SQLGLOT.get(dialect, dialect)
    return name if name in Dialect.classes else ""


@lru_cache(maxsize=256)
def parsed(sql: str, dialect: str, origin: str) -> Any:
    """The syntax tree of ``sql``. Raises SiteInvalid when it does not parse or holds several statements."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        trees = sqlglot.parse(sql, read=sqlglot_name(dialect))
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        raise SiteInvalid(f"{origin}: the SQL does not parse: {first}", "Mend the file.") from None
    if len(trees) != 1 or trees[0] is None:
        raise SiteInvalid(f"{origin}: holds {len(trees)} statements", "A file holds exactly one SELECT.")
    return trees[0]


def check_select(sql: str, dialect: str, origin: str) -> None:
    """Refuse anything but one SELECT that neither writes nor locks. Raises SiteInvalid with ``origin``."""
    from sqlglot import exp

    tree = parsed(sql, dialect, origin)
    if not isinstance(tree, exp.Query):
        raise SiteInvalid(
            f"{origin}: is not a SELECT", "cohortlock only reads: a file holds exactly one SELECT."
        )
    forbidden = (
        exp.Into, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter,
        exp.Command, exp.Set, exp.Lock, exp.TruncateTable, exp.Copy,
    )  # fmt: skip
    if (found := tree.find(*forbidden)) is not None:
        raise SiteInvalid(
            f"{origin}: holds {found.key.upper()}, which does more than read",
            "cohortlock only reads: a file holds exactly one SELECT.",
        )
