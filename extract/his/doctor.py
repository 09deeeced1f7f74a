"""What may go wrong at a site, looked at before it does: driver, login, rights, drift, search terms."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import pyarrow as pa

from extract.errors import CohortlockError, WriteRight
from extract.his.compile import Statement, candidates_sql
from extract.his.drift import drift, source_tables
from extract.his.engines.base import Engine
from extract.his.guard.rights import TELLING, check_rights
from extract.his.guard.session import FILES
from extract.his.guard.statements import check_select
from extract.his.guard.watch import check_hours
from extract.his.sites import Site, load_site
from extract.his.source import source
from extract.study.folder import StudyFolder
from extract.study.keywords import Matcher
from extract.study.protocol import Protocol

__all__ = ["doctor"]

_TEXT: Final = pa.schema([("term", pa.string())])
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
            yield from _live(engine, site, protocol)
    except CohortlockError as error:
        yield _check(error.slug, False, str(error))


def _live(engine: Engine, site: Site, protocol: Protocol) -> Iterator[Check]:
    problems = drift(engine, site)
    tables = source_tables(site)
    for problem in problems:
        yield _check("schema", False, problem)
    if not problems:
        yield _check("schema", True, f"{len(tables)} source tables have every column that the pack reads")
    yield from _rights(engine, site, tables)
    yield from _hours(site)
    yield from _terms(engine, protocol)


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


def _terms(engine: Engine, protocol: Protocol) -> Iterator[Check]:
    """A term that comes back changed was lost to a code page, and would silently find nothing."""
    dual = " FROM dual" if engine.dialect == "oracle" else ""
    changed = 0
    terms = [leaf.term for leaf in Matcher.of(protocol.search).leaves]
    for term in terms:
        echo = Statement("echo", f"SELECT CAST(:term AS VARCHAR(200)) AS term{dual}", {"term": term})
        rows = [
            row
            for batch in engine.stream(echo.sql, echo.params, _TEXT, batch_rows=1)
            for row in batch.to_pylist()
        ]
        if [row["term"] for row in rows] != [term]:
            changed += 1
            yield _check(
                "encoding",
                False,
                f"the search term {term!r} comes back changed: the client's encoding loses it "
                "(NLS_LANG=.AL32UTF8 for Oracle, charset=utf8mb4 for MySQL, client_encoding=utf8)",
            )
    if not changed:
        yield _check(
            "encoding", True, f"{len(terms)} search terms reach the database and come back unchanged"
        )


def _check(name: str, ok: bool, message: str) -> Check:
    return {"id": name, "ok": ok, "message": message}
