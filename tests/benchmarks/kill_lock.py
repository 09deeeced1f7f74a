"""Kill `lock` with signal 9 at LOCK_KILLS (200) random moments: a whole snapshot or none, and the next try succeeds.

Each try is a process of its own that does what `cohortlock lock` does, from reading the study to the commit;
half of them die at any moment of that, half after the snapshot has begun to be written.  LOCK_AGAIN (1) is how many
kills stand between two tries that nobody kills; LOCK_SEED (1) fixes the dice.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
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
from validate.lock.verify import verify
from validate.review.queue import enqueue

WORD = "p"


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


def judge(folder: StudyFolder, before: dict[int, str], people: dict[str, str]) -> str:
    """What a killed lock left: "none" or "whole"; ends the run for anything else."""
    for path in folder.snapshots.glob("v*"):
        if not (report := verify(path)).ok:
            sys.exit(f"{path.name} is not whole: {report.problems[0].message}")
    with StudyDatabase.open(folder, folder.protocol()) as database:
        known, locked = recorded(database), database.locked()
        with database.reading() as connection:
            if verify_chain(connection):
                sys.exit("the audit chain is broken")
    if not before.items() <= known.items() or (locked is not None) != (len(known) > len(before)):
        sys.exit("the study database lost a lock, or is locked without one")
    if any(verify(folder.snapshots / f"v{n}", expected_manifest=known[n]).problems for n in known):
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
    left: Counter[str] = Counter()
    hit = tries = 0
    while hit < kills:
        with StudyDatabase.open(folder, folder.protocol()) as database:
            before = recorded(database)
        writing = dice.random() < 0.5
        wait = dice.uniform(0, tail if writing else seconds)
        if killed_at(folder, locking(folder), wait, writing=writing):
            hit += 1
            left[judge(folder, before, people)] += 1
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


def main() -> None:
    """All kills; the first half-written thing ends the run with code 1."""
    kills = int(os.environ.get("LOCK_KILLS", "200"))
    dice = random.Random(os.environ.get("LOCK_SEED", "1"))
    began = time.monotonic()
    assert checks.run  # loads the engine before anything is timed
    with tempfile.TemporaryDirectory() as name:
        left, tries = rounds(ready_study(Path(name)), kills, dice, int(os.environ.get("LOCK_AGAIN", "1")))
    told = ", ".join(f"{count} left {what}" for what, count in sorted(left.items()))
    sys.stdout.write(
        f"{kills} kills of a lock ({told}), {tries} tries that nobody hit succeeded; {time.monotonic() - began:.0f} s\n"
    )


if __name__ == "__main__":
    main()
