"""The cost gate: what a statement would cost, by the server's own EXPLAIN, before it is sent.

PostgreSQL tells a cost in its own units.  MariaDB and MySQL tell the rows of each step, from which the
rows examined are reckoned; SQLite and DuckDB, which run in this process, tell neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from extract.errors import SourceRefused, TooCostly
from extract.his.engines.base import Engine
from extract.his.engines.binds import names
from extract.his.guard.settings import Safety

__all__ = ["Plan", "check_plan", "examined", "plan_of"]


class Plan(NamedTuple):
    """What the server expects; None where it does not say."""

    cost: float | None = None
    """PostgreSQL's total cost."""
    rows: float | None = None
    """Rows delivered (PostgreSQL) or examined (MariaDB, MySQL)."""


def check_plan(engine: Engine, name: str, sql: str, params: Mapping[str, object], safety: Safety) -> Plan:
    """The plan of a statement called ``name``. Raises TooCostly above what the site allows."""
    plan = plan_of(engine, sql, params)
    if plan.cost is not None and plan.cost > safety.max_plan_cost:
        _refuse(name, "a cost of", plan.cost, "max_plan_cost", safety.max_plan_cost)
    if plan.cost is None and plan.rows is not None and plan.rows > safety.max_plan_rows:
        _refuse(name, "examining rows:", plan.rows, "max_plan_rows", safety.max_plan_rows)
    return plan


def plan_of(engine: Engine, sql: str, params: Mapping[str, object]) -> Plan:
    """The server's estimate for one SELECT; nothing is run."""
    wanted = names(sql)
    binds = {name: value for name, value in params.items() if name in wanted}
    match engine.product:
        case "postgresql":
            told = engine.ask(f"EXPLAIN (FORMAT JSON) {sql}", binds)[0][0]
            tree = json.loads(told) if isinstance(told, str) else told
            [top] = tree  # type: ignore[misc]
            return Plan(float(top["Plan"]["Total Cost"]), float(top["Plan"]["Plan Rows"]))
        case "mariadb" | "mysql" as product:
            explain = "EXPLAIN EXTENDED" if product == "mariadb" else "EXPLAIN"
            try:
                return Plan(rows=examined(engine.ask(f"{explain} {sql}", binds)))
            except SourceRefused:
                # They explain a view only to who may read what is under it; the time-out still holds.
                return Plan()
        case _:
            return Plan()


def examined(steps: Sequence[Sequence[object]]) -> float:
    """Rows that the steps of an EXPLAIN examine; a step ends in (rows, filtered in percent, extra).

    The tables of one SELECT are nested: each is read once for every row that came through those before
    it, or once in all where a join buffer holds them.  A dependent subquery is run for every row of
    the SELECT it stands in.
    """
    total, outer = 0.0, 1.0
    current: object = None
    through = times = 1.0
    for step in steps:
        number, kind = step[0], str(step[1])
        rows, filtered, extra = float(str(step[-3] or 0)), float(str(step[-2] or 100)), str(step[-1])
        if number != current:
            dependent = kind.startswith("DEPENDENT")
            if not dependent:
                outer = 1.0
            current, through, times = number, 1.0, outer if dependent else 1.0
        total += times * rows * (1.0 if "join buffer" in extra else through)
        through *= max(rows * filtered / 100, 1.0)
        if not kind.startswith("DEPENDENT"):
            outer = through
    return total


def _refuse(name: str, what: str, found: float, setting: str, allowed: float) -> None:
    raise TooCostly(
        f"{name}: the server's plan says {what} {found:,.0f}; site.toml allows {allowed:,.0f}",
        f"Take a smaller [limits] window or key_batch, ask for an index, or raise [safety] {setting}.",
    )
