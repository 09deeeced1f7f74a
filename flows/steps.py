"""The steps of the road as plain functions: ids and paths in, manifests (path, hash, count) out, never a row.

The flows call these through Prefect, the command line calls them directly; both get the same.
Every step is guarded: an unexpected error leaves it without its text (flows/faults.py).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from extract.errors import NotReady
from extract.study.folder import StudyFolder
from flows.faults import value_free

__all__ = [
    "Manifest",
    "analyse",
    "check",
    "diff",
    "explained",
    "export",
    "funnel",
    "keys_at_hand",
    "lock",
    "manifest",
    "passphrase_variable",
    "pull",
    "queue",
    "reconcile",
    "screen",
    "statements",
    "trial",
    "unlock",
    "why",
]


Manifest = dict[str, Any]
Progress = Callable[[str, float], None]


def passphrase_variable(role: str) -> str:
    """The environment variable of a role's passphrase: ``COHORTLOCK_PASSPHRASE_DATA_MANAGER``."""
    return "COHORTLOCK_PASSPHRASE_" + re.sub(r"\W+", "_", role.upper())


def manifest(path: Path, count: int) -> Manifest:
    """Path, SHA-256 and row count of a file, or of all files below a folder in name order."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return {"path": str(path), "sha256": digest.hexdigest(), "count": count}


@value_free
def pull(
    study: Path,
    progress: Progress | None = None,
    *,
    full: bool = False,
    wait: float = 0,
    accept: Sequence[str] = (),
) -> Manifest:
    """Pull new and changed records, once that is approved. The ``pull`` --json contract."""
    from extract.his.approval import check_approved
    from extract.his.pull import pull as pull_records

    check_approved(StudyFolder.at(study))
    return pull_records(
        StudyFolder.at(study), full=full, wait=wait, accept=accept, progress=progress
    ).to_json()


@value_free
def trial(study: Path, limit: int) -> Manifest:
    """A first try of a few patients, once the approval card was shown; lands beside the study's records."""
    from extract.his.approval import check_shown
    from extract.his.trial import trial as tried

    folder = StudyFolder.at(study)
    check_shown(folder)
    return tried(folder, limit)


@value_free
def screen(study: Path) -> Manifest:
    """Read the landed charts against the protocol; the screening's files by hash and count."""
    from extract.chart.screening import screen as screen_charts

    folder = StudyFolder.at(study)
    screening = screen_charts(folder)
    states = screening.candidates.column("state").to_pylist()
    return manifest(folder.screen, len(states)) | {"screened_in": states.count("screened_in")}


@value_free
def queue(study: Path, run: str) -> Manifest:
    """Put what has to be judged before the reviewers, and reopen what rests on changed evidence."""
    from extract.chart.screening import Screening
    from extract.his.landing import Landing
    from extract.study.database import StudyDatabase
    from validate.review.queue import enqueue
    from validate.review.quoted import now_said
    from validate.review.withheld import withheld

    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    landing = Landing(folder.landing)
    try:
        with StudyDatabase.open(folder, protocol) as database:
            declined = withheld(folder).patients
            screening = Screening.load(folder)
            texts = now_said(landing)
            return dict(enqueue(database, protocol, screening, run, texts=texts, withheld=declined))
    finally:
        landing.close()


@value_free
def funnel(study: Path) -> Manifest:
    """The ``funnel`` --json contract: the machine's funnel until people have judged, then with their verdicts."""
    from extract.chart.funnel import funnel as funnel_of
    from extract.chart.screening import Screening
    from extract.his.landing import Landing
    from extract.study.database import StudyDatabase
    from extract.study.storage import database_exists
    from validate.reconcile import reconcile as reconciled

    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    landing = Landing(folder.landing)
    try:
        final: Mapping[tuple[str, str], str] | None = None
        if database_exists(folder):
            with StudyDatabase.open(folder, protocol) as database:
                found = reconciled(database, protocol)
            # While opinions are owed, a funnel by verdicts would count the unread as excluded.
            final = None if any(owed.what != "entry" for owed in found.open) else found.final_verdicts
        return funnel_of(protocol, Screening.load(folder), landing, final or None).to_json() | {
            "basis": "verdicts" if final else "screening"
        }
    finally:
        landing.close()


@value_free
def why(study: Path, name: str) -> Manifest:
    """The ``why`` --json contract; for a person at a terminal, never for a flow: it names records."""
    from extract.chart.why import why as explain
    from extract.study.database import StudyDatabase
    from extract.study.storage import database_exists
    from validate.review.cases import cases, eligible
    from validate.review.rules import Phase

    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    told = explain(folder, name)
    told["basis"] = "screening"
    if database_exists(folder):
        with StudyDatabase.open(folder, protocol) as database, database.reading() as connection:
            found = cases(connection).get(told["patient_id"])
        if found is not None and found.phase is Phase.COMPLETE:
            # What people judged stands above what the machine thought.
            included = eligible(protocol, found.finals)
            told["basis"] = "verdicts"
            told["in"] = told["in"] and included
            told["reasons"].append({"step": "review", "ok": included, "verdicts": found.finals})
    return told


@value_free
def statements(study: Path) -> list[dict[str, Any]]:
    """The statements of a pull as they would run at this site: name, SQL, bind values."""
    from extract.his.asked import asked_offline
    from extract.his.sites import load_site

    folder = StudyFolder.at(study)
    protocol, site = folder.protocol(), load_site(folder)
    return [
        {
            "name": one.statement.name,
            "times": {"zh": one.zh, "en": one.en},
            "sql": one.statement.sql,
            "params": {name: str(value) for name, value in one.statement.params.items()},
        }
        for one in asked_offline(site, protocol)
    ]


@value_free
def explained(study: Path) -> list[dict[str, Any]]:
    """The ``plan`` of ``sql --explain --json``: the order of the search's steps, and what the server expects of each."""
    from extract.his.ordering import explained as asked

    return asked(StudyFolder.at(study))


@value_free
def reconcile(study: Path) -> Manifest:
    """Where the review stands: participants, agreement between reviewers, entries that differed, what is owed."""
    from extract.study.database import StudyDatabase
    from validate.reconcile import reconcile as reconciled

    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    with StudyDatabase.open(folder, protocol) as database:
        found = reconciled(database, protocol)
    owed: dict[str, int] = {}
    for one in found.open:
        owed[one.what] = owed.get(one.what, 0) + 1
    return {
        "study": protocol.study.id,
        "count": len(found.eligible),
        "agreement": found.agreement.to_json(),
        "entry": found.comparison.to_json(),
        "owed": owed,
    }


@value_free
def check(study: Path, page: Path | None = None) -> Manifest:
    """The ``check`` --json contract, with the preconditions of the lock; ``page`` gets the same as HTML."""
    from validate.checks.page import checks_page
    from validate.lock.files import storage_faults, write_whole
    from validate.lock.snapshot import readiness

    ready = readiness(StudyFolder.at(study))
    told, conditions = ready.report.to_json(), ready.to_json()["preconditions"]
    if page is not None:
        with storage_faults(str(page)):
            write_whole(page, checks_page(ready.protocol, told, conditions))
    return told | {"preconditions": conditions} | ({"page": str(page)} if page else {})


@value_free
def lock(study: Path, passphrases: Mapping[str, str] | None = None) -> Manifest:
    """Lock and sign. ``passphrases`` by role; without them, those in the environment.

    Gives the snapshot's folder, its hash and count of files, its logical hash, and where its report belongs.
    """
    from validate.lock.keys import load_signer
    from validate.lock.snapshot import lock as lock_study
    from validate.lock.verify import verify

    folder = StudyFolder.at(study)
    given = dict(passphrases or {})
    for role in keys_at_hand(folder):
        if role not in given:
            if (found := os.environ.get(passphrase_variable(role))) is None:
                raise NotReady(
                    f"the passphrase of {role!r} is needed", f"Set {passphrase_variable(role)} for this run."
                )
            given[role] = found
    snapshot = lock_study(folder, signers=[load_signer(folder, role, word) for role, word in given.items()])
    report = verify(snapshot)
    return {
        "path": str(snapshot),
        "sha256": report.manifest_sha256,
        "count": report.files,
        "logical_hash": report.logical_hash,
        "reports": str(folder.reports / snapshot.name),
    }


def keys_at_hand(folder: StudyFolder) -> list[str]:
    """The roles of ``[lock] signatures`` that have a key in the study."""
    from validate.lock.keys import available

    return [role for role, there in available(folder, folder.protocol().lock.signatures).items() if there]


@value_free
def unlock(study: Path, *, reason: str) -> Manifest:
    """Open a locked study for its next version; the version that stays as it is."""
    from validate.lock.snapshot import unlock as unlock_study

    return {"version": unlock_study(StudyFolder.at(study), reason)}


@value_free
def diff(before: Path, after: Path) -> Manifest:
    """What differs between two snapshots, cell by cell; for a person at a terminal."""
    from validate.lock.diff import diff as difference

    return difference(before, after).to_json()


@value_free
def export(
    snapshot: Path, out: Path, formats: Sequence[str], *, language: Literal["zh", "en"] = "en"
) -> Manifest:
    """The dataset of a verified snapshot in other formats, with its codebook, into the folder ``out``."""
    from validate.lock.export import export_all

    return {"files": [str(file) for file in export_all(snapshot, out, formats, language=language)]}


@value_free
def analyse(snapshot: Path, out: Path) -> Manifest:
    """The ``analyse`` --json contract: report and result frame of a locked snapshot."""
    from analysis import dataset, plan, report

    locked = dataset.open(snapshot)
    written = report.write(plan.analyse(locked), locked, out)
    return {"report": str(written), "results": str(out / "results.csv")}
