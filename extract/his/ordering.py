"""The order in which a search is asked: dates first, texts last, and names before texts where that costs less.

Every order gives the same rows (tests/extract/spec).  Which is taken is decided by the server's estimates:
PostgreSQL tells how many records of the hospital the names alone find, and names go first where those are
fewer than half of its visits (its cost of a LIKE says nothing: a text of any length costs the same).  MariaDB and
MySQL tell the rows that each order examines.  Where a server tells nothing, the rule of
``compile.orders`` holds.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from extract.his import compile as compiled
from extract.his.engines.base import Engine
from extract.his.guard.plans import Plan, plan_of
from extract.his.guard.watch import check_hours
from extract.his.sites import Site, load_site
from extract.his.source import source
from extract.his.windows import Window, windows
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol

__all__ = ["Ordered", "explained", "ordered"]


_FEW: Final = 0.5


class Ordered(NamedTuple):
    """A statement in the order that was chosen, and why."""

    statement: compiled.Statement
    order: compiled.Order
    told: dict[str, float]
    """The estimates that decided; empty where the rule did, or where there is one order only."""


def ordered(engine: Engine, site: Site, protocol: Protocol, window: Window) -> Ordered:
    """The candidates of one window in the cheapest order. Raises as ``compile.candidates`` and ``Engine.ask``."""
    orders = compiled.orders(site, protocol)
    first, *others = (compiled.candidates(site, protocol, window, engine.day, order) for order in orders)
    if not others:
        return Ordered(first, orders[0], {})
    found = dict(zip(orders, (first, *others), strict=True))
    order, told = _chosen(engine, site, protocol, found)
    return Ordered(found[order or orders[0]], order or orders[0], told)


def _chosen(
    engine: Engine,
    site: Site,
    protocol: Protocol,
    found: dict[compiled.Order, compiled.Statement],
) -> tuple[compiled.Order | None, dict[str, float]]:
    visits, *hits = (_plan(engine, one) for one in compiled.in_names(site, protocol))
    if visits.cost is not None:
        told = {"visits": visits.rows or 0.0, "hits in names": sum(one.rows or 0.0 for one in hits)}
        return "names first" if told["hits in names"] < _FEW * told["visits"] else "at once", told
    examined = {order: _plan(engine, one).rows for order, one in found.items()}
    known = {order: rows for order, rows in examined.items() if rows is not None}
    if len(known) < len(found):
        return None, {}
    return min(known, key=known.__getitem__), {f"examined, {order}": rows for order, rows in known.items()}


def _plan(engine: Engine, statement: compiled.Statement) -> Plan:
    return plan_of(engine, statement.sql, statement.params)


def explained(folder: StudyFolder) -> list[dict[str, Any]]:
    """The ``plan`` of ``cohortlock sql --explain --json``: each window, its order, and its steps; nothing is run.

    ``rows`` and ``cost`` are the server's estimates, None where it tells none; ``cost`` is of all steps so
    far (PostgreSQL) and ``rows`` what a step leaves over (PostgreSQL) or examines in all (MariaDB, MySQL).
    Raises what reading the study and connecting to the site raise, and NotNow.
    """
    protocol, site = folder.protocol(), load_site(folder)
    check_hours(site)
    search = protocol.search
    with source(site) as engine:
        return [
            _explained(engine, site, protocol, window)
            for window in windows(search.from_, search.to, site.limits.window)
        ]


def _explained(engine: Engine, site: Site, protocol: Protocol, window: Window) -> dict[str, Any]:
    chosen = ordered(engine, site, protocol, window)
    parts = compiled.steps(site, protocol, window, engine.day, chosen.order)
    return {
        "window": window.name,
        "order": chosen.order,
        "decided_by": "estimates" if chosen.told else "rule",
        "estimates": chosen.told,
        "steps": [
            {"step": step, "tables": list(tables), **_plan(engine, one)._asdict()}
            for step, tables, one in parts
        ],
    }
