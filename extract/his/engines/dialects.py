"""The common SQL of the packs, said as the few products want it that do not run it as it stands.

SQLite, PostgreSQL, MariaDB, DuckDB and unknown ODBC sources run a pack's common text unchanged.  For SQL
Server, Oracle and MySQL the known differences are mended in the syntax tree (docs/adr/0007); a file that
is written for one dialect (``<table>.<dialect>.sql``) is never touched.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any, Final

__all__ = ["TIME_WIDTH", "day_bind", "said", "searched", "with_days"]

TIME_WIDTH: Final = 30
"""``CAST(x AS VARCHAR(30))`` is how a pack writes a time as text."""
_TEXT_COMPARES: Final = {"sqlite", "postgresql", "mysql", "mariadb", "duckdb", "spark"}
_DAYS: Final = {
    "mssql": "CAST(:{name} AS DATETIME)",
    "oracle": "TO_DATE(:{name}, 'YYYYMMDD')",
}
_DAY_NAMES: Final = re.compile(r"(?<![\w:]):(from_date|to_date)\b")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_VARCHAR: Final = re.compile(r"\bAS\s+VARCHAR\s*\(", re.IGNORECASE)


def day_bind(dialect: str, iso: str) -> object:
    """The bind for the start of a day: text where text compares with times or is read by ``with_days``."""
    if dialect in _TEXT_COMPARES:
        return iso
    # Dashes are read by the session's language on SQL Server; eight digits never are.
    return iso.replace("-", "") if dialect in _DAYS else date.fromisoformat(iso)


def with_days(sql: str, dialect: str) -> str:
    """A statement whose ``:from_date`` and ``:to_date`` are times for the server, not texts."""
    form = _DAYS.get(dialect)
    return sql if form is None else _DAY_NAMES.sub(lambda match: form.format(name=match[1]), sql)


def searched(column: str, dialect: str) -> str:
    """A column as LIKE looks at it; MySQL refuses to compare a text with one that its code page lacks."""
    return f"CONVERT({column} USING utf8mb4)" if dialect in {"mysql", "mariadb"} else column


@lru_cache(maxsize=256)
def said(sql: str, dialect: str) -> str:
    """A pack's common SELECT as ``dialect`` wants it; unchanged where the common text runs."""
    if dialect == "mysql":
        # MySQL casts to CHAR only; || and quotes are the session's business.
        return _VARCHAR.sub("AS CHAR(", sql)
    if dialect == "spark":
        # A backslash escapes in Spark's literals; the setting that forbids it takes '' for two quotes.
        return _LITERAL.sub(lambda match: match[0].replace("\\", "\\\\"), sql)
    if dialect not in {"mssql", "oracle"}:
        return sql
    import sqlglot

    name = "tsql" if dialect == "mssql" else "oracle"
    tree = sqlglot.parse_one(sql, read=name)
    tree = _typed_nulls(tree, dialect)
    tree = (
        tree.transform(_for_sql_server) if dialect == "mssql" else _null_stays_null(tree).transform(_with_nvl)
    )
    return str(tree.sql(dialect=name, pretty=True))


def _typed_nulls(tree: Any, dialect: str) -> Any:
    """``NULL AS name`` with a type, because a bare NULL is an int to SQL Server and a CHAR(0) to Oracle.

    COALESCE(NULL AS int, a text key) would turn the key into a number.
    """
    from sqlglot import exp

    text = "VARCHAR(64)" if dialect == "mssql" else "VARCHAR2(64)"
    moment = "DATETIME" if dialect == "mssql" else "DATE"
    for alias in list(tree.find_all(exp.Alias)):
        if isinstance(alias.this, exp.Null):
            wanted = moment if alias.alias.lower().endswith(("_at", "_date")) else text
            alias.set("this", exp.cast(exp.Null(), exp.DataType.build(wanted, dialect=_glot(dialect))))
    return tree


def _glot(dialect: str) -> str:
    return "tsql" if dialect == "mssql" else dialect


def _for_sql_server(node: Any) -> Any:
    from sqlglot import exp

    if isinstance(node, exp.Literal) and node.is_string and not str(node.this).isascii():
        return exp.National(this=node.this)
    if isinstance(node, exp.Pad):
        # LPAD(x, 2, '0') is RIGHT('00' + x, 2).
        width = int(node.expression.this)
        filled = exp.DPipe(
            this=exp.Literal.string(node.args["fill_pattern"].this * width), expression=node.this
        )
        return exp.Right(this=filled, expression=node.expression)
    if isinstance(node, exp.Cast) and not isinstance(node.this, exp.Null) and _is_time_text(node.to):
        return exp.Anonymous(
            this="CONVERT", expressions=[exp.Var(this="VARCHAR(30)"), node.this, exp.Literal.number(120)]
        )
    return node


def _is_time_text(kind: Any) -> bool:
    from sqlglot import exp

    size = kind.expressions[0] if kind.expressions else None
    return bool(kind.this == exp.DataType.Type.VARCHAR and size is not None and size.name == str(TIME_WIDTH))


def _null_stays_null(tree: Any) -> Any:
    """Oracle joins NULL as an empty text: 'I|' || NULL is 'I|'. Each chain says when it is NULL.

    COALESCE(…, '') is left out: it is never NULL elsewhere, and always a part of the chain here.
    """
    from sqlglot import exp

    chains = [pipe for pipe in tree.find_all(exp.DPipe) if not isinstance(pipe.parent, exp.DPipe)]
    for chain in reversed(chains):  # inner ones first
        doubtful = dict.fromkeys(
            part.sql(dialect="oracle") for part in chain.flatten() if not _never_null(part)
        )
        if doubtful:
            sound = " AND ".join(f"{part} IS NOT NULL" for part in doubtful)
            case = exp.Case().when(exp.condition(sound, dialect="oracle"), chain.copy())
            chain.replace(case)
    return tree


def _never_null(part: Any) -> bool:
    from sqlglot import exp

    if isinstance(part, exp.Coalesce):
        return any(_never_null(option) for option in part.expressions)
    return isinstance(part, exp.Literal)


def _with_nvl(node: Any) -> Any:
    """COALESCE as NVL: Oracle's COALESCE refuses a timestamp beside a date, its NVL converts."""
    from sqlglot import exp

    if not isinstance(node, exp.Coalesce):
        return node
    *rest, last = [node.this, *node.expressions]
    for option in reversed(rest):
        last = exp.Anonymous(this="NVL", expressions=[option, last])
    return last
