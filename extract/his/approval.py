"""The approval card: what a protocol would ask of a hospital, shown before it is asked, and the record of the yes.

An approval is of one scope: the protocol, the pack's SQL and ours, and where and how hard the site is pressed.  Change any of
them and it is another scope, which nobody has approved.  Card and approval are events of the study's audit chain.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from extract.errors import NotApproved, Refused
from extract.his.approval_words import criterion_words, search_words
from extract.his.asked import QUERIES, Asked, asked
from extract.his.columns import stamps_rows
from extract.his.drift import source_tables
from extract.his.engines.base import Engine
from extract.his.guard.plans import plan_of
from extract.his.guard.session import whole_tables
from extract.his.guard.statements import check_select
from extract.his.guard.watch import check_hours
from extract.his.ordering import ordered
from extract.his.sites import Site, load_site
from extract.his.source import source
from extract.his.windows import chart_span, windows
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol
from extract.study.tables import audit_event
from sql import study_query

__all__ = ["Approval", "approve", "card", "check_approved", "check_shown", "scope_of", "withdraw"]

_SHOWN: Final = "pull.card"
_APPROVED: Final = "pull.approved"
_WITHDRAWN: Final = "pull.withdrawn"


@dataclass(frozen=True)
class Approval:
    """Who approved a scope, when, under which number or for which reason."""

    by: str
    at: str
    reason: str
    simulated: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the card shows it."""
        return {"by": self.by, "at": self.at, "reason": self.reason, "simulated": self.simulated}


def scope_of(protocol: Protocol, site: Site) -> str:
    """SHA-256 over everything that decides what is asked of whom; no password is part of it."""
    said = {
        "protocol": protocol.hash,
        "pack": [site.pack.name, site.pack.version, site.dialect, *site.pack.absent],
        "sql": {name: table.sql for name, table in site.pack.tables.items()},
        "counts": {count.file: count.sql for count in site.pack.counts},
        "queries": {name: study_query(name) for name in QUERIES},
        "where": _where(site),
        "zone": site.zone,
        "encodings": dict(site.encodings.declared),
        "limits": site.limits.model_dump(mode="json"),
        "safety": site.safety.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _where(site: Site) -> str:
    """The URL without account and password: a new password is no new hospital."""
    try:
        url = make_url(site.url)
    except (ArgumentError, ValueError):
        return site.url.partition("://")[0]
    # An ODBC text may hold UID and PWD among its parts.
    given = str(url.query.get("odbc_connect", ""))
    kept = [part for part in given.split(";") if part.partition("=")[0].strip().upper() not in {"UID", "PWD"}]
    return f"{url.drivername}://{url.host or ''}:{url.port or ''}/{url.database or ''}?{';'.join(kept)}"


# ---- the record ----


def approve(folder: StudyFolder, *, by: str, reason: str, simulated: bool = False) -> Approval:
    """Record the approval of the study as it stands. Raises Refused without a name or a reason."""
    if not by.strip() or not reason.strip():
        raise Refused(
            "an approval needs who gives it and why",
            'cohortlock approve STUDY --by "NAME" --reason "NUMBER OF THE ETHICS BOARD"',
        )
    protocol, scope = _scope(folder)
    detail = {"by": by.strip(), "reason": reason.strip(), "protocol": protocol.hash, "simulated": simulated}
    with StudyDatabase.open(folder, protocol) as database, database.writing(by.strip()) as writer:
        writer.note(_APPROVED, f"scope/{scope}", detail)
        at = writer.at
    return Approval(by.strip(), at, reason.strip(), simulated)


def withdraw(folder: StudyFolder, *, by: str, reason: str) -> None:
    """Take the approval of the study as it stands back. Raises Refused, NotApproved."""
    if not by.strip() or not reason.strip():
        raise Refused("a withdrawal needs who says so and why", "Give --by and --reason.")
    check_approved(folder)
    protocol, scope = _scope(folder)
    with StudyDatabase.open(folder, protocol) as database, database.writing(by.strip()) as writer:
        writer.note(_WITHDRAWN, f"scope/{scope}", {"by": by.strip(), "reason": reason.strip()})


def check_approved(folder: StudyFolder) -> Approval:
    """The approval of exactly this protocol on exactly this site. Raises NotApproved."""
    protocol, scope = _scope(folder)
    if (found := _approval(folder, protocol, scope)) is None:
        raise NotApproved(
            f"nobody has approved what {protocol.study.id} would ask of this hospital as study.toml and site.toml stand",
            "`cohortlock approve STUDY` shows the card; --by NAME --reason NUMBER records the approval. "
            "`cohortlock pull STUDY --limit 5` is a first try once the card was shown.",
        )
    return found


def check_shown(folder: StudyFolder) -> None:
    """Raises NotApproved where not even the card of this scope was shown: a try is allowed after it."""
    protocol, scope = _scope(folder)
    if not _events(folder, protocol, scope):
        raise NotApproved(
            "the approval card of this protocol on this site was never shown",
            "`cohortlock approve STUDY` shows it; then `cohortlock pull STUDY --limit 5` may be tried.",
        )


def _scope(folder: StudyFolder) -> tuple[Protocol, str]:
    protocol = folder.protocol()
    return protocol, scope_of(protocol, load_site(folder))


def _events(folder: StudyFolder, protocol: Protocol, scope: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What was recorded of a scope, in order: action, time, detail."""
    columns = (audit_event.c.action, audit_event.c.at, audit_event.c.detail)
    asked = select(*columns).where(audit_event.c.subject == f"scope/{scope}").order_by(audit_event.c.seq)
    with StudyDatabase.open(folder, protocol) as database, database.reading() as connection:
        return [(row.action, row.at, json.loads(row.detail)) for row in connection.execute(asked)]


def _approval(folder: StudyFolder, protocol: Protocol, scope: str) -> Approval | None:
    """The last word counts."""
    said = [event for event in _events(folder, protocol, scope) if event[0] in {_APPROVED, _WITHDRAWN}]
    if not said or said[-1][0] == _WITHDRAWN:
        return None
    _, at, detail = said[-1]
    return Approval(detail["by"], at, detail["reason"], bool(detail["simulated"]))


# ---- the card ----


def card(folder: StudyFolder) -> dict[str, Any]:
    """Everything that somebody who says yes should have seen; asks the server for plans and for nothing else.

    That it was shown is recorded.  Raises what a pull raises before its first statement.
    """
    protocol, site = folder.protocol(), load_site(folder)
    scope = scope_of(protocol, site)
    check_hours(site)
    with source(site) as engine:
        statements = _statements(engine, site, protocol)
        where = engine.where
    approval = _approval(folder, protocol, scope)
    with StudyDatabase.open(folder, protocol) as database, database.writing("machine") as writer:
        writer.note(_SHOWN, f"scope/{scope}", {"protocol": protocol.hash})
    span = chart_span(protocol)
    search = protocol.search
    return {
        "study": protocol.study.id,
        "title": protocol.study.title.model_dump(),
        "simulated": protocol.study.simulated,
        "ethics": protocol.study.ethics.model_dump(),
        "scope": scope,
        "protocol": protocol.hash,
        "site": {"where": where, "pack": f"{site.pack.name} {site.pack.version}", "dialect": site.dialect},
        "search": {
            "expression": search.expression,
            "from": search.from_.isoformat(),
            "to": search.to.isoformat(),
            "chart_from": span.start.isoformat(),
            "chart_to": span.end.isoformat(),
            **search_words(protocol),
        },
        "criteria": [criterion_words(protocol, criterion) for criterion in protocol.criteria],
        "windows": [w.name for w in windows(search.from_, search.to, site.limits.window)],
        "statements": statements,
        "limits": _limits(site),
        "approval": approval.to_json() if approval else None,
    }


def _statements(engine: Engine, site: Site, protocol: Protocol) -> list[dict[str, Any]]:
    """One of each kind of statement that a pull sends, with a full list of keys, and what the server expects of it."""
    every = asked(
        site,
        protocol,
        engine.day,
        stamped=stamps_rows(engine, sorted(source_tables(site))),
        keys=[f"?{i}" for i in range(site.limits.key_batch)],
        search=lambda window: ordered(engine, site, protocol, window).statement,
    )
    return [_planned(engine, site, one) for one in every]


def _planned(engine: Engine, site: Site, one: Asked) -> dict[str, Any]:
    statement = one.statement
    check_select(statement.sql, site.dialect, statement.name)
    with whole_tables(engine) if statement.name.startswith("marks ") else nullcontext():
        plan = plan_of(engine, statement.sql, statement.params)
    shown = {k: str(v) for k, v in statement.params.items() if not (k[0] == "k" and k[1:].isdigit())}
    return {
        "name": statement.name,
        "times": {"zh": one.zh, "en": one.en},
        "cost": plan.cost,
        "rows": plan.rows,
        "params": shown,
        "sql": statement.sql,
    }


def _limits(site: Site) -> dict[str, Any]:
    limits, safety = site.limits, site.safety
    return {
        "statement_seconds": limits.statement_seconds,
        "batch_rows": limits.batch_rows,
        "key_batch": limits.key_batch,
        "max_rows": safety.max_rows,
        "max_plan_cost": safety.max_plan_cost,
        "max_plan_rows": safety.max_plan_rows,
        "blackout": list(safety.blackout),
    }
