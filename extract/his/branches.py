"""The branches of a pack's SELECT: which row of which source table stands behind each record, and whose it is.

A branch reads one table, its *base*, and looks others up beside it.  Where nothing is dropped (no WHERE, every
join a LEFT JOIN) and each table beside has a unique key for it, base rows and joined rows are the same in
number: what is missing among the joined rows can be told from a count of the base.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from extract.his.compile import selected
from extract.his.guard.statements import parsed, sqlglot_name
from extract.his.sites import Site

__all__ = ["Beside", "Branch", "Folded", "branches", "folded"]

_CLAUSES: Final = ("group", "having", "distinct", "limit", "offset", "with_", "with", "laterals")


class Beside(NamedTuple):
    """A table that is looked up beside the base."""

    alias: str
    source: str
    """``schema.table`` or ``table``, in lower case."""
    keys: frozenset[str]
    """Its columns that the join asks to be equal to something; empty where it asks for anything else as well."""
    on: str


class Branch(NamedTuple):
    """One SELECT of a union."""

    table: str
    """The canonical table."""
    name: str
    """``lab``, or ``document 2`` where there are several."""
    alias: str
    source: str
    beside: tuple[Beside, ...]
    patient: str
    """Whose the record is, as SQL."""
    rows: str
    """What stands after FROM: the joined tables, and a WHERE where ``loose`` is false."""
    loose: bool
    """Nothing is dropped from the base."""

    @property
    def sources(self) -> set[str]:
        """The source tables that it reads."""
        return {self.source, *(one.source for one in self.beside)}


class Folded(NamedTuple):
    """A counting query of the pack that a branch's own joined rows answer."""

    branch: str
    condition: str


def branches(site: Site, table: str) -> tuple[Branch, ...] | None:
    """The branches of a pack's SELECT; None where it is not one of rows as they stand."""
    text = site.pack.tables[table]
    return _branches(selected(site, table), site.dialect, text.origin, table)


def folded(site: Site) -> dict[str, Folded]:
    """File of a counting query -> the branch whose joined rows it counts.  Its joins are the branch's own."""
    if not site.limits.count_scans:
        return {}
    found = {}
    every = [one for table in site.pack.tables for one in branches(site, table) or () if one.loose]
    for count in site.pack.counts:
        origin = f"{site.pack.name}/{count.file}"
        for one in every:
            if (condition := _condition(count.sql, site.dialect, origin, one)) is not None:
                found[count.file] = Folded(one.name, condition)
                break
    return found


@lru_cache(maxsize=256)
def _branches(sql: str, dialect: str, origin: str, table: str) -> tuple[Branch, ...] | None:
    trees = _selects(parsed(sql, dialect, origin))
    if not trees or not all(_plain(tree) for tree in trees):
        return None
    place = [name.lower() for name in trees[0].named_selects].index("patient_id")
    return tuple(
        _branch(tree, place, dialect, table, f"{table} {number}" if len(trees) > 1 else table)
        for number, tree in enumerate(trees, 1)
    )


def _branch(tree: Any, place: int, dialect: str, table: str, name: str) -> Branch:
    said = sqlglot_name(dialect)
    base, joins = _from(tree), tree.args.get("joins") or ()
    loose = all(_looked_up(join) for join in joins)
    rows = base.sql(dialect=said)
    for join in joins:
        if loose:
            rows += f"\nLEFT JOIN {join.this.sql(dialect=said)} ON {join.args['on'].sql(dialect=said)}"
        else:
            rows += f"\n{join.sql(dialect=said).strip()}"
    if not loose and tree.args.get("where") is not None:
        rows += f"\n{tree.args['where'].sql(dialect=said).strip()}"
    beside = tuple(_beside(join, said) for join in joins)
    patient = tree.selects[place].unalias().sql(dialect=said)
    return Branch(table, name, base.alias_or_name, _full(base), beside, patient, rows, loose)


def _condition(sql: str, dialect: str, origin: str, branch: Branch) -> str | None:
    """When a joined row of the branch is one that the query counts; None where it counts others."""
    from sqlglot import exp

    tree, said = parsed(sql, dialect, origin), sqlglot_name(dialect)
    if not isinstance(tree, exp.Select) or any(tree.args.get(clause) for clause in _CLAUSES):
        return None
    counted = [select.unalias().sql(dialect=said) for select in tree.selects]
    joins = tree.args.get("joins") or ()
    if counted != ["COUNT(*)"] or not isinstance(_from(tree), exp.Table) or not all(map(_looked_up, joins)):
        return None
    beside = tuple(_beside(join, said) for join in joins)
    if not beside or (_from(tree).alias_or_name, _full(_from(tree)), beside) != (
        branch.alias,
        branch.source,
        branch.beside,
    ):
        return None
    asked = [
        f"{one.alias}.xmin IS NOT NULL"
        for one, join in zip(beside, joins, strict=True)
        if join.side.upper() != "LEFT"
    ]
    if (where := tree.args.get("where")) is not None:
        if where.find(exp.Subquery, exp.Exists, exp.Select) is not None:
            return None
        asked.append(f"({where.this.sql(dialect=said)})")
    return " AND ".join(asked) or "1 = 1"


def _selects(tree: Any) -> list[Any]:
    from sqlglot import exp

    if isinstance(tree, exp.Union) and not tree.args.get("distinct", True):
        return [*_selects(tree.left), *_selects(tree.right)]
    return [tree]


def _plain(tree: Any) -> bool:
    """A SELECT of rows as they stand: no grouping, no window, no subquery, nothing but tables joined."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select) or any(tree.args.get(clause) for clause in _CLAUSES):
        return False
    tables = [_from(tree), *(join.this for join in tree.args.get("joins") or ())]
    return (
        all(isinstance(table, exp.Table) for table in tables)
        and tree.find(exp.AggFunc, exp.Window, exp.Subquery, exp.Exists) is None
    )


def _from(tree: Any) -> Any:
    clause = tree.args.get("from_") or tree.args.get("from")
    return None if clause is None else clause.this


def _looked_up(join: Any) -> bool:
    """A join that a LEFT JOIN without the WHERE can stand for."""
    return (
        join.side.upper() in {"", "LEFT"}
        and join.kind.upper() in {"", "INNER", "OUTER"}
        and not join.args.get("method")
        and not join.args.get("using")
        and join.args.get("on") is not None
    )


def _beside(join: Any, said: str) -> Beside:
    from sqlglot import exp

    table, on = join.this, join.args.get("on")
    alias, keys = table.alias_or_name, set()
    for part in on.flatten() if isinstance(on, exp.And) else [on] if on is not None else []:
        for one, other in (
            ((part.left, part.right), (part.right, part.left)) if isinstance(part, exp.EQ) else ()
        ):
            if (
                isinstance(one, exp.Column)
                and one.table == alias
                and all(column.table and column.table != alias for column in other.find_all(exp.Column))
            ):
                keys.add(one.name.lower())
    return Beside(alias, _full(table), frozenset(keys), "" if on is None else on.sql(dialect=said))


def _full(table: Any) -> str:
    return f"{table.db}.{table.name}".lower() if table.db else str(table.name).lower()
