"""The charts of chosen patients, landed in a store of their own that no pull goes on from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from extract.errors import SchemaDrift
from extract.his.drift import drift
from extract.his.guard.watch import Guard
from extract.his.ledger import Ledger
from extract.his.reading import Reading
from extract.his.sites import Site
from extract.study.protocol import Protocol

__all__ = ["land"]

_WINDOW: Final = "chosen"


def land(
    place: Path,
    protocol: Protocol,
    site: Site,
    guard: Guard,
    visits: Mapping[str, str],
    everybody: Collection[str],
) -> str:
    """Read the whole charts of ``everybody`` into a new store whose candidates are ``visits`` (visit -> patient).

    Returns the run's name.

    Raises SchemaDrift before anything is read, and what a pull raises.
    """
    if problems := drift(guard.engine, site):
        raise SchemaDrift("\n  ".join(problems), "`cohortlock doctor` compares the whole pack.")
    patients = sorted(everybody)
    place.mkdir(mode=0o700)
    ledger = Ledger(place)
    try:
        run = ledger.begin(_WINDOW, f"{site.pack.name} {site.pack.version}", protocol.hash)
        with ledger.transaction():
            ledger.holdings.find(_WINDOW, visits.items())
            ledger.holdings.settle_candidates(run.number)
            ledger.holdings.know(run.name, dict.fromkeys(patients, _WINDOW), whole=True)
            for table in site.pack.tables:
                ledger.holdings.ask(table, patients)
            ledger.set_totals(run.name, len(patients), len(visits))
        reading = Reading(place, site, protocol, guard, ledger, run)
        for table in site.pack.tables if patients else ():
            reading.read(table, _WINDOW, patients)
        with ledger.transaction():
            ledger.holdings.link(run.name, whole=True)
        ledger.finish(run.name)
    finally:
        ledger.close()
    return run.name
