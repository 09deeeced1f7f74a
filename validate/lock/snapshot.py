"""Locking a study: where it stands, what is missing, and, when nothing is, the snapshot.

``readiness`` reads and computes everything and changes nothing that counts; ``lock`` refuses with the list
of what is open, or publishes; ``unlock`` opens the study for the next version and leaves every earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from extract.chart.funnel import funnel as funnel_of
from extract.chart.screening import Screening
from extract.errors import Busy, NotFound, Refused
from extract.his.compile import Statement, candidates_sql, chart_sql
from extract.his.landing import Landing
from extract.his.sites import Site, load_site
from extract.study.audit import Head, verify_chain
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol
from extract.study.tables import decision, query
from validate import checks
from validate.assemble import assemble, collect_facts
from validate.checks.drift import last_snapshot
from validate.checks.own import own_files, own_rules
from validate.checks.results import CheckReport, Waiver
from validate.checks.rules import compile_rules
from validate.checks.stored import stored_rules
from validate.checks.waivers import standing_waivers, waive_check
from validate.lock.assemble import Draft
from validate.lock.contents import Reviewed, build_contents
from validate.lock.keys import Signer, available
from validate.lock.preconditions import Precondition, Surroundings, preconditions, refusal
from validate.lock.publish import publish, recorded
from validate.reconcile import Reconciliation, reconcile
from validate.review.accounts import active, require
from validate.review.calibration import condition, state
from validate.review.cases import cases
from validate.review.rules import Account, Action, Role

__all__ = ["Readiness", "lock", "readiness", "unlock", "waive"]


@dataclass(frozen=True)
class Readiness:
    """Where a study stands on its way to the lock, all of it read at one audit event."""

    protocol: Protocol
    draft: Draft
    report: CheckReport
    conditions: tuple[Precondition, ...]
    reconciliation: Reconciliation
    funnel: Mapping[str, Any]
    head: Head

    @property
    def ok(self) -> bool:
        """Whether the study can be locked."""
        return all(condition.ok for condition in self.conditions)

    def to_json(self) -> dict[str, Any]:
        """The preconditions as they are listed."""
        return {"ok": self.ok, "preconditions": [condition.to_json() for condition in self.conditions]}


def readiness(
    folder: StudyFolder,
    *,
    signers: Sequence[Signer] | None = None,
    database: StudyDatabase | None = None,
) -> Readiness:
    """Assembles and checks the study as it stands; ``report`` of the result is what ``check`` shows.

    Without ``signers`` a role counts as able to sign when its key is in the study folder. Loads Great
    Expectations. Raises NotFound before the first screening.
    """
    with _opened(folder, database) as db:
        return _readiness(folder, db, signers)


def _readiness(folder: StudyFolder, db: StudyDatabase, signers: Sequence[Signer] | None) -> Readiness:
    protocol = db.protocol
    head = db.head()
    screening = Screening.load(folder)
    reconciliation = reconcile(db, protocol)
    landing = Landing(folder.landing)
    try:
        funnel = funnel_of(protocol, screening, landing, reconciliation.final_verdicts).to_json()
    finally:
        landing.close()
    draft = assemble(folder, protocol, screening, reconciliation)
    with db.reading() as connection:
        judged = {patient: found.candidate.evidence_hash for patient, found in cases(connection).items()}
    facts = collect_facts(screening, reconciliation, funnel, judged)
    own, before = own_rules(folder.root, protocol), last_snapshot(folder.snapshots, recorded(db))
    report = checks.run(protocol, draft, facts, standing_waivers(db), db, own, before)
    roles = protocol.lock.signatures
    keys = available(folder, roles) if signers is None else {s.role: True for s in signers}
    conditions = preconditions(
        protocol, reconciliation, draft, report, funnel, _surroundings(db, screening, reconciliation, keys)
    )
    return Readiness(protocol, draft, report, conditions, reconciliation, funnel, head)


def lock(
    folder: StudyFolder,
    *,
    signers: Sequence[Signer],
    actor: Account | None = None,
    database: StudyDatabase | None = None,
) -> Path:
    """Locks the study: the folder of the new snapshot.

    ``actor`` is a data manager's account; without it, the study's only one, or the one who signs.
    Raises NotReady or ChecksFailed with every condition that is not met, Refused for who may not lock or
    a study that is locked, Busy, StorageFault; nothing is half-written then.
    """
    with _opened(folder, database) as db:
        if (version := db.locked()) is not None:
            raise Refused(
                f"the study is locked at version {version}",
                "`cohortlock unlock --reason` opens it for the next version.",
            )
        who = _data_manager(db, actor, {signer.name for signer in signers})
        own = own_files(folder.root)
        ready = _readiness(folder, db, signers)
        if (fault := refusal(ready.conditions)) is not None:
            raise fault
        if own_files(folder.root) != own:
            raise Busy("a check of the site's own was changed while the checks ran", "Lock it again.")
        contents = build_contents(
            ready.protocol,
            ready.draft,
            study_toml=folder.protocol_file.read_bytes(),
            report=ready.report,
            reviewed=list(_reviewed(ready.reconciliation)),
            agreement={
                "review": ready.reconciliation.agreement.to_json(),
                "entry": {
                    **ready.reconciliation.comparison.to_json(),
                    "pairs": ready.reconciliation.comparison.pairs_json(),
                },
            },
            flow=ready.funnel,
            sql=sql_files(load_site(folder), ready.protocol),
            own=own,
            audit=[event for event in db.audit() if int(event["seq"]) <= ready.head.seq],
            head=ready.head,
        )
        return publish(folder, db, contents, signers, actor=who.id)


def unlock(
    folder: StudyFolder,
    reason: str,
    *,
    actor: Account | None = None,
    database: StudyDatabase | None = None,
) -> int:
    """Opens a locked study for its next version; the version that stays. Raises Refused."""
    with _opened(folder, database) as db:
        who = _data_manager(db, actor, set())
        version = db.locked()
        db.unlock(who.id, reason=reason)
        assert version is not None  # noqa: S101 - unlock refuses a study that is not locked
        return version


def waive(
    folder: StudyFolder,
    check_id: str,
    *,
    reason: str,
    keys: Iterable[str] = (),
    actor: str = "",
    database: StudyDatabase | None = None,
) -> Waiver:
    """Waives a check of the protocol; ``actor`` is the id of a data manager's account, or the study's only one.

    Raises NotFound for a check or account that is not there, Refused without a reason or on a locked study.
    """
    with _opened(folder, database) as db:
        known = {rule.id for rule in compile_rules(db.protocol)}
        known |= {rule.id for rule in stored_rules(db.protocol)}
        known |= {rule.id for rule in own_rules(folder.root, db.protocol)}
        if check_id not in known:
            raise NotFound(
                f"{check_id}: the protocol has no such check", "`cohortlock check STUDY` lists them."
            )
        with db.reading() as connection:
            account = active(connection).get(actor)
        if actor and account is None:
            raise NotFound(f"{actor}: there is no such account", "`cohortlock user STUDY` lists them.")
        who = _data_manager(db, account, set())
        return waive_check(db, who, check_id, reason=reason, keys=keys, request_id=f"cli-{uuid4().hex}")


@contextmanager
def _opened(folder: StudyFolder, database: StudyDatabase | None) -> Iterator[StudyDatabase]:
    """``database``, or the one in the study folder, opened and closed here."""
    if database is not None:
        yield database
        return
    with StudyDatabase.open(folder, folder.protocol()) as opened:
        yield opened


def _data_manager(db: StudyDatabase, actor: Account | None, names: set[str]) -> Account:
    """The account that locks or unlocks. Raises Refused when none may."""
    with db.reading() as connection:
        if actor is not None:
            return require(connection, actor, Action.LOCK)
        managers = [a for a in active(connection).values() if a.role is Role.DATA_MANAGER]
    signing = [account for account in managers if account.name in names] or managers
    if len(signing) != 1:
        raise Refused(
            f"{len(signing) or 'no'} accounts of data managers could lock this study",
            "`cohortlock user STUDY` lists the accounts and makes one; name the one that locks.",
        )
    return signing[0]


def _surroundings(
    db: StudyDatabase, screening: Screening, reconciliation: Reconciliation, keys: Mapping[str, bool]
) -> Surroundings:
    owed = {(one.patient_id, one.item) for one in reconciliation.open if one.what == "opinion"}
    with db.reading() as connection:
        given = {
            (row.patient_id, row.criterion)
            for row in connection.execute(select(decision.c.patient_id, decision.c.criterion).distinct())
        }
        raised = {row.id: row for row in connection.execute(select(query).order_by(query.c.id))}
        problems = len(verify_chain(connection))
        queued = {p: c.candidate for p, c in cases(connection).items() if c.candidate.present}
        calibration = condition(state(connection, db.protocol))
    closed = {row.query_id for row in raised.values() if row.kind == "close"}
    # An opinion that is owed although the criterion has one may also be the second reviewer's first.
    return Surroundings(
        unqueued=_unqueued(screening, {p: held.evidence_hash for p, held in queued.items()}),
        open_queries=sum(row.kind == "open" and id_ not in closed for id_, row in raised.items()),
        reopened=_stale(reconciliation, owed & given),
        chain_problems=problems,
        locked_at=db.locked(),
        keys=keys,
        calibration=calibration,
    )


def _unqueued(screening: Screening, queued: Mapping[str, str]) -> int:
    """Candidates whose evidence is not the one that the reviewers have before them."""
    screened = {
        row["patient_id"]
        for row in screening.candidates.select(["patient_id", "state"]).to_pylist()
        if row["state"] == "screened_in"
    }
    changed = sum(screening.evidence_hash(patient) != queued.get(patient) for patient in screened)
    return changed + len(queued.keys() - screened)


def _stale(reconciliation: Reconciliation, owed: set[tuple[str, str]]) -> int:
    """Criteria on which somebody spoke, and on which now neither opinion stands."""
    return sum(
        (row["patient_id"], row["criterion"]) in owed and row["first"] is None and row["second"] is None
        for row in reconciliation.verdicts.to_pylist()
    )


def _reviewed(reconciliation: Reconciliation) -> Iterator[Reviewed]:
    for row in reconciliation.verdicts.to_pylist():
        yield Reviewed(
            row["patient_id"],
            row["criterion"],
            row["first"],
            row["second"],
            row["arbitrated"],
            row["final"],
        )


def sql_files(site: Site, protocol: Protocol) -> dict[str, str]:
    """The SQL of the pull by file name, each text once, and ``statements.json`` with the binds of each run."""
    texts: dict[str, str] = {}
    runs: list[dict[str, Any]] = []
    for statement in (*candidates_sql(site, protocol), *chart_sql(site, protocol)):
        file = _file(statement, texts)
        texts[file] = statement.sql.rstrip("\n") + "\n"
        binds = {name: str(value) for name, value in statement.params.items()}
        runs.append({"name": statement.name, "file": file, "binds": binds})
    about = {"pack": site.pack.name, "pack_version": str(site.pack.version), "statements": runs}
    texts["statements.json"] = json.dumps(about, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return texts


def _file(statement: Statement, texts: Mapping[str, str]) -> str:
    """``chart lab`` -> chart_lab.sql; the windows of one query share ``candidates.sql``."""
    stem = statement.name if statement.name.startswith("chart") else statement.name.split()[0]
    stem = stem.replace(" ", "_")
    name, number = f"{stem}.sql", 1
    while name in texts and texts[name].rstrip("\n") != statement.sql.rstrip("\n"):
        number += 1
        name = f"{stem}_{number}.sql"
    return name
