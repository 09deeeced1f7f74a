"""The proof that a text is one SELECT that only reads: from its syntax tree, before it is sent.

The session is read-only and time-limited as well; this is the belt to those braces, and it also stops
what a read-only session does not: waiting, locking, reading the server's files, dirty reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from extract.errors import NotSelect, SiteInvalid

__all__ = ["check_select", "parsed", "sqlglot_name"]

_SQLGLOT: Final = {"postgresql": "postgres", "mssql": "tsql", "mariadb": "mysql"}
_READS: Final = "cohortlock only reads: a file holds exactly one SELECT."

_EFFECTS: Final = re.compile(
    r"""
      # wait, or hold a processor
      pg_sleep\w* | sleep | benchmark | waitfor
      # sequences, settings, messages, transaction numbers
    | nextval | setval | lastval | set_config | pg_notify | txid_current | pg_current_xact_id
      # locks and other sessions
    | pg_(try_)?advisory\w* | get_lock | release_(all_)?locks? | pg_(cancel|terminate)_backend
      # the server itself
    | pg_(reload|rotate|switch|promote|create|drop|backup|start|stop|replication|logical|wal_replay|stat_reset|log)\w*
    | pg_stat_reset\w* | load_extension
      # files and large objects
    | lo_\w+ | loread | lowrite | pg_read_\w+ | pg_ls_\w+ | pg_stat_file | pg_file_\w+ | load_file | readfile
    | writefile | edit | read_text | read_blob | getenv | bfilename
      # other servers, and SQL inside a text
    | dblink\w* | openrowset | openquery | opendatasource | httpuritype | sys_exec | sys_eval
    | (query|cursor|table|schema|database)_to_xml\w* | ts_stat | master_\w*wait | wait_(for|until)_\w+
      # procedures of the server
    | (xp|sp)_\w+
      # Spark: any method of its JVM
    | (try_)?reflect | java_method
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PACKAGES: Final = re.compile(r"(dbms|utl)_(?!lob|raw|i18n)\w+", re.IGNORECASE)
"""Oracle's packages, but for those that only turn one form of text into another."""
_SENT_COMMENT: Final = re.compile(r"/\*M?!")
"""MySQL and MariaDB run the inside of such a comment; a parser takes it for one."""
_BIND_LIST: Final = re.compile(r"(:\w+)(?:, :\w+)+")


def sqlglot_name(dialect: str) -> str:
    """The parser's name of a SQLAlchemy dialect; an unknown one is read as generic SQL."""
    from sqlglot.dialects.dialect import Dialect

    name = _SQLGLOT.get(dialect, dialect)
    # Asked for by name: a look at the list would load all thirty of them.
    return name if Dialect.get(name) is not None else ""


@lru_cache(maxsize=256)
def parsed(sql: str, dialect: str, origin: str) -> Any:
    """The syntax tree of ``sql``. Raises SiteInvalid when it does not parse, NotSelect for several statements."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        trees = sqlglot.parse(sql, read=sqlglot_name(dialect))
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        raise SiteInvalid(f"{origin}: the SQL does not parse: {first}", "Mend the file.") from None
    if len(trees) != 1 or trees[0] is None:
        raise NotSelect(f"{origin}: holds {len(trees)} statements", "A file holds exactly one SELECT.")
    return trees[0]


def check_select(sql: str, dialect: str, origin: str) -> None:
    """Refuse anything but one SELECT that neither writes, locks, waits nor reads dirty rows.

    Raises NotSelect, or SiteInvalid where ``sql`` does not parse; both name ``origin``.
    """
    # Values travel as binds, so a list of five hundred proves no more than a list of one.
    _check(_BIND_LIST.sub(r"\1", sql), dialect, origin)


@lru_cache(maxsize=256)
def _check(sql: str, dialect: str, origin: str) -> None:
    from sqlglot import exp

    if _SENT_COMMENT.search(sql):
        raise NotSelect(f"{origin}: holds a comment that a server would run (/*! … */)", _READS)
    tree = parsed(sql, dialect, origin)
    if not isinstance(tree, exp.Query):
        raise NotSelect(f"{origin}: is not a SELECT", _READS)
    for found in _beyond_reading(tree):
        raise NotSelect(f"{origin}: holds {found}, which does more than read", _READS)


def _beyond_reading(tree: Any) -> Iterator[str]:
    from sqlglot import exp

    forbidden = (
        exp.Into, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter,
        exp.Command, exp.Execute, exp.Set, exp.Lock, exp.TruncateTable, exp.Copy, exp.NextValueFor,
        exp.QueryTransform,
    )  # fmt: skip
    for node in tree.walk():
        if isinstance(node, forbidden):
            yield node.key.upper()
        elif isinstance(node, exp.WithTableHint):
            # NOLOCK reads rows that were never committed; the other hints lock.
            yield f"the table hint {node.sql('tsql').upper()}"
        elif isinstance(node, exp.PropertyEQ) and isinstance(node.this, exp.Parameter):
            yield "an assignment to a variable"
        elif isinstance(node, exp.Func):
            names = [node.name] if isinstance(node, exp.Anonymous) else node.sql_names()
            yield from (f"{name.lower()}()" for name in names if _EFFECTS.fullmatch(name))
        elif isinstance(node, exp.Column) and node.table and node.name.upper() == "NEXTVAL":
            yield "NEXTVAL"
        elif (
            isinstance(node, exp.Identifier)
            and isinstance(node.parent, exp.Dot)
            and _PACKAGES.fullmatch(node.name)
        ):
            yield f"the package {node.name.lower()}"
