"""What may go wrong at a site, looked at before it does: driver, login, rights, drift, encodings, search terms."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from extract.errors import CohortlockError, NotApproved, WriteRight
from extract.his.approval import check_approved
from extract.his.compile import candidates_sql
from extract.his.drift import drift, source_tables
from extract.his.encodings_sample import column_checks, term_checks
from extract.his.engines.base import Engine
from extract.his.guard.rights import TELLING, check_rights
from extract.his.guard.session import FILES
from extract.his.guard.statements import check_select
from extract.his.guard.watch import check_hours
from extract.his.sites import Site, load_site
from extract.his.source import source
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol

__all__ = ["doctor"]

Check = dict[str, Any]


def doctor(folder: StudyFolder) -> list[Check]:
    """``{"id", "ok", "message"}`` for each check, in the order of what depends on what.

    Never raises a CohortlockError: that is a check that is not ok.  What then cannot be looked at is
    not listed.
    """
    return list(_checks(folder))


def _checks(folder: StudyFolder) -> Iterator[Check]:
    try:
        protocol = folder.protocol()
        yield _check("protocol", True, f"study.toml: {protocol.study.id}")
        site = load_site(folder)
        yield _check("site", True, f"pack {site.pack.name} {site.pack.version} for {site.dialect}")
        for table in site.pack.absent:
            yield _check(f"absent {table}", True, f"{table} is declared absent: nothing is known of it")
        for statement in candidates_sql(site, protocol):
            check_select(statement.sql, site.dialect, statement.name)
        yield _check("sql", True, "the composed search is one SELECT that only reads")
    except CohortlockError as error:
        yield _check(error.slug, False, str(error))
        return
    try:
        with source(site) as engine:
            yield _check("source", True, "the database answers")
            yield from _live(engine, site, protocol, folder)
    except CohortlockError as error:
        yield _check(error.slug, False, str(error))


def _live(engine: Engine, site: Site, protocol: Protocol, folder: StudyFolder) -> Iterator[Check]:
    problems = drift(engine, site)
    tables = source_tables(site)
    for problem in problems:
        yield _check("schema", False, problem)
    if not problems:
        yield _check("schema", True, f"{len(tables)} source tables have every column that the pack reads")
    yield from _rights(engine, site, tables)
    yield from _hours(site)
    try:
        # Texts are patients' data: not one is read that nobody has allowed to be read.
        said = check_approved(folder)
    except NotApproved as error:
        yield _check(error.slug, False, f"no text was looked at: {error}")
        return
    yield _check("approval", True, f"approved by {said.by}")
    if not problems:
        yield from column_checks(engine, site, protocol)
        yield from term_checks(engine, site, protocol)


def _rights(engine: Engine, site: Site, tables: Collection[str]) -> Iterator[Check]:
    try:
        borne = check_rights(engine, tables, site.safety)
    except WriteRight as error:
        yield _check(error.slug, False, str(error))
        return
    files = "a file opened read-only: nothing can be written"
    told = files if engine.product in FILES else "the account has no right to write to what is read"
    if engine.product not in {*FILES, *TELLING}:
        told = "this database does not tell what the account may do; the session is read-only"
    yield _check("rights", True, "; ".join(borne) or told)


def _hours(site: Site) -> Iterator[Check]:
    try:
        check_hours(site)
    except CohortlockError as error:
        yield _check(error.slug, False, str(error))
        return
    if site.safety.blackout:
        yield _check("hours", True, f"a pull may run now; blackout {', '.join(site.safety.blackout)}")


def _check(name: str, ok: bool, message: str) -> Check:
    return {"id": name, "ok": ok, "message": message}
