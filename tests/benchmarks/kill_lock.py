"""Kill `lock` with signal 9 at LOCK_KILLS (200) random moments: a whole snapshot or none, and the next try succeeds.

Each try is a process of its own that does what `cohortlock lock` does, from reading the study to the commit;
half of them die at any moment of that, half after the snapshot has begun to be written.  LOCK_AGAIN (1) is how many
kills stand between two tries that nobody kills; LOCK_SEED (1) fixes the dice, LOCK_PROCESSES (one a core) the hands,
each with a study of its own.  A version that was found whole is held against the study database's hash in every later
round, and all of them are verified once more at the end, rows included.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from extract.chart.screening import Screening, screen
from extract.his.pull import pull
from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from flows.demo import simulate, write_study
from validate import checks
from validate.lock.keys import create_signer, load_signer
from validate.lock.pseudonyms import read_linking
from validate.lock.publish import recorded
from validate.lock.snapshot import lock, readiness, unlock
from validate.lock.spelling import sha256
from validate.lock.verify import verify
from validate.review.queue import enqueue

WORD = "p"
PART = 10
"""Kills after which a process tells how far it is."""


def ready_study(root: Path) -> StudyFolder:
    """The smallest demo hospital, judged, entered and settled, with keys: nothing is open but the lock."""
    build(root / "his.db", patients=90, seed=20220101, truth=root / "truth.csv")
    write_study(root / "study", his="sqlite:///../his.db")
    folder = StudyFolder.at(root / "study")
    pull(folder)
    screen(folder)
    with StudyDatabase.open(folder, folder.protocol()) as database:
        enqueue(database, folder.protocol(), Screening.load(folder), "first")
    simulate(folder.root, 20220101)
    for role in folder.protocol().lock.signatures:
        create_signer(folder, name=f"simulated {role}", role=role, passphrase=WORD, meaning="lock")
    return folder


def locking(folder: StudyFolder) -> int:
    """The process of a process that locks; it exits with 0 when it has."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        roles = folder.protocol().lock.signatures
        lock(folder, signers=[load_signer(folder, role, WORD) for role in roles])
        code = 0
    finally:
        os._exit(code)


def killed_at(folder: StudyFolder, child: int, wait: float, *, writing: bool) -> bool:
    """Kills ``child`` ``wait`` seconds after it began, or began to write; whether it was still alive."""
    while writing and not list(folder.snapshots.glob(".building-*")):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.0005)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        sys.exit("a lock that nobody killed failed")
    return os.WIFSIGNALED(status)


def judge(folder: StudyFolder, before: dict[int, str], people: dict[str, str], whole: set[str]) -> str:
    """What a killed lock left: "none" or "whole"; ends the run for anything else.

    ``whole`` are the manifests of versions that an earlier round verified.
    """
    for path in folder.snapshots.glob("v*"):
        manifest = path / "manifest.json"
        if manifest.is_file() and sha256(manifest.read_bytes()) in whole:
            continue
        if not (report := verify(path)).ok:
            sys.exit(f"{path.name} is not whole: {report.problems[0].message}")
        whole.add(str(report.manifest_sha256))
    with StudyDatabase.open(folder, folder.protocol()) as database:
        known, locked = recorded(database), database.locked()
        with database.reading() as connection:
            if verify_chain(connection):
                sys.exit("the audit chain is broken")
    if not before.items() <= known.items() or (locked is not None) != (len(known) > len(before)):
        sys.exit("the study database lost a lock, or is locked without one")
    if not whole.issuperset(known.values()) or any(
        sha256((folder.snapshots / f"v{n}" / "manifest.json").read_bytes()) != known[n] for n in known
    ):
        sys.exit("a recorded snapshot is not there")
    if read_linking(folder) != people:
        sys.exit("a participant was renamed")
    return "whole" if locked is not None else "none"


def rounds(
    folder: StudyFolder, kills: int, dice: random.Random, again_every: int
) -> tuple[Counter[str], int]:
    """Kill, judge, and try again until ``kills`` have hit a living process; what each left, and later successes."""
    ready = readiness(folder)  # loads everything, so that a kill hits the lock and not an import
    if not ready.ok:
        sys.exit(f"the study cannot be locked: {[c.id for c in ready.conditions if not c.ok]}")
    people = read_linking(folder)
    seconds, tail = timed(folder), 0.2
    whole: set[str] = set()
    left: Counter[str] = Counter()
    hit = tries = 0
    began = time.monotonic()
    while hit < kills:
        with StudyDatabase.open(folder, folder.protocol()) as database:
            before = recorded(database)
        writing = dice.random() < 0.5
        wait = dice.uniform(0, tail if writing else seconds)
        if killed_at(folder, locking(folder), wait, writing=writing):
            hit += 1
            left[judge(folder, before, people, whole)] += 1
            if hit % PART == 0:
                sys.stderr.write(f"{hit} of {kills} kills, {dict(left)}, {time.monotonic() - began:.0f} s\n")
        elif writing:
            tail *= 0.8  # it was faster than that: aim into what there is
            tries += 1
        else:
            tries += 1
        with StudyDatabase.open(folder, folder.protocol()) as database:
            locked = database.locked() is not None
        if not locked and hit % again_every == 0:
            timed(folder)
            tries += 1
        elif locked:
            unlock(folder, "killed at random")
    timed(folder)
    with StudyDatabase.open(folder, folder.protocol()) as database:
        known = recorded(database)
    for version, digest in known.items():
        report = verify(folder.snapshots / f"v{version}", rows=True, expected_manifest=digest)
        if not report.ok:
            sys.exit(f"v{version} is not whole at the end: {report.problems[0].message}")
    return left, tries + 1


def timed(folder: StudyFolder) -> float:
    """Seconds of a lock that nobody kills; it must succeed, and is opened again."""
    began = time.monotonic()
    _, status = os.waitpid(locking(folder), 0)
    seconds = time.monotonic() - began
    if os.waitstatus_to_exitcode(status):
        sys.exit("the next try did not succeed")
    unlock(folder, "again")
    return seconds


def hand(root: Path, kills: int, seed: str) -> tuple[Counter[str], int]:
    """One process's share of the kills, on a copy of the study that stands ready."""
    own = Path(shutil.copytree(root, f"{root}-{seed.replace('/', '-')}"))
    again_every = int(os.environ.get("LOCK_AGAIN", "1"))
    return rounds(StudyFolder.at(own / "study"), kills, random.Random(seed), again_every)


def main() -> None:
    """All kills; the first half-written thing ends the run with code 1."""
    kills = int(os.environ.get("LOCK_KILLS", "200"))
    hands = min(kills, int(os.environ.get("LOCK_PROCESSES", str(os.cpu_count() or 1))))
    seed = os.environ.get("LOCK_SEED", "1")
    began = time.monotonic()
    assert checks.run  # loads the engine before anything is timed
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        root.mkdir()
        ready_study(root)
        sys.stderr.write(f"a study is ready to be locked, {time.monotonic() - began:.0f} s\n")
        left, tries = Counter[str](), 0
        with ProcessPoolExecutor(hands, get_context("fork")) as pool:
            shares = [len(range(n, kills, hands)) for n in range(hands)]
            for one in [pool.submit(hand, root, share, f"{seed}/{n}") for n, share in enumerate(shares)]:
                some, more = one.result()
                left, tries = left + some, tries + more
    told = ", ".join(f"{count} left {what}" for what, count in sorted(left.items()))
    sys.stdout.write(
        f"{kills} kills of a lock ({told}), {tries} tries that nobody hit succeeded; {time.monotonic() - began:.0f} s\n"
    )


if __name__ == "__main__":
    main()
