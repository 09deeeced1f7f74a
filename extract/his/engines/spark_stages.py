"""A search cut into stages: Spark copies a CTE into every place that names it, and plans hundreds of scans.

A CTE that is named more than twice, or that reads another and is named twice, is computed once and kept on
the executors; what follows reads that.  The text of each part is the statement's own, word for word.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["Stage", "only_read", "staged"]

_SPARK: Final = "spark"


class Stage(NamedTuple):
    """One statement of Spark; ``name`` is the CTE that it computes, "" for the last.

    ``{name}`` in its text stands for what an earlier stage of that name has left.
    """

    name: str
    sql: str


@lru_cache(maxsize=64)
def staged(sql: str) -> tuple[Stage, ...]:
    """``sql`` as stages in order; one stage where no CTE is worth it."""
    parts, rest = _parts(sql)
    bodies = [*parts.values(), rest]
    named = Counter(name for body in bodies for name in _read(body) if name in parts)
    reading = {name for name, body in parts.items() if any(one in parts for one in _read(body))}
    kept = [name for name in parts if named[name] > (1 if name in reading else 2)]
    stages, before = [], dict[str, str]()
    for name, body in parts.items():
        if name in kept:
            stages.append(Stage(name, _with(before, body)))
            before[name] = f"SELECT * FROM {{{name}}}"  # noqa: S608 - a name of ours
        else:
            before[name] = _escaped(body)
    return (*stages, Stage("", _with(before, rest)))


def only_read(sql: str) -> str:
    """``sql`` in brackets, where nothing can stand but a query: read-only by construction."""
    return f"SELECT * FROM (\n{sql}\n)"  # noqa: S608 - values travel as binds


def _with(before: dict[str, str], body: str) -> str:
    """``body`` with the CTEs that it needs, directly or through others."""
    needed: set[str] = set()
    asked = [body]
    while asked:
        for name in _read(asked.pop()):
            if name in before and name not in needed:
                needed.add(name)
                if not before[name].startswith("SELECT * FROM {"):
                    asked.append(before[name])
    listed = ",\n".join(f"{name} AS (\n{text}\n)" for name, text in before.items() if name in needed)
    return f"WITH {listed}\n{_escaped(body)}" if listed else _escaped(body)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


@lru_cache(maxsize=512)
def _read(body: str) -> tuple[str, ...]:
    """The tables that a SELECT names, each time it names one."""
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(body, read=_SPARK)
    return tuple(table.name.lower() for table in tree.find_all(exp.Table) if not table.db)


def _parts(sql: str) -> tuple[dict[str, str], str]:
    """The CTEs of a statement by name, and what follows them: slices of its text."""
    from sqlglot.dialects.dialect import Dialect

    tokens = Dialect.get_or_raise(_SPARK).tokenize(sql)
    parts: dict[str, str] = {}
    if not tokens or tokens[0].token_type.name != "WITH":
        return parts, sql
    at, depth, opened, name = 1, 0, 0, ""
    while at < len(tokens):
        token = tokens[at]
        if token.token_type.name == "L_PAREN":
            if depth == 0:
                # name AS ( …
                name, opened = tokens[at - 2].text.lower(), token.end + 1
            depth += 1
        elif token.token_type.name == "R_PAREN":
            depth -= 1
            if depth == 0:
                parts[name] = sql[opened : token.start].strip("\n")
                if at + 1 >= len(tokens) or tokens[at + 1].token_type.name != "COMMA":
                    return parts, sql[token.end + 1 :].strip("\n")
        at += 1
    return {}, sql
