"""Kill pulls at random moments, and between them change the hospital: nothing may be lost or doubled.

`make soak` runs for SOAK_SECONDS (120).  After each round the killed study's landing store must hold the
same records, versions and candidates as one that was never killed.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from extract.his.landing import Landing
from extract.his.records import TABLES
from extract.synthetic.hospital import build
from flows.demo import write_study

PATIENTS = 3_000
PULL = "import sys; from pathlib import Path; from flows.steps import pull; pull(Path(sys.argv[1]))"


def pull(study: Path, kill_after: float | None = None) -> bool:
    """One pull in a process of its own; whether it came to its end before it was killed."""
    process = subprocess.Popen([sys.executable, "-c", PULL, str(study)], stderr=subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    if process.returncode:
        sys.exit(f"a pull failed: {said.decode()}")
    return True


def landed(study: Path) -> dict[str, object]:
    """What must be equal: every table's content and the candidates."""
    landing = Landing(study / "landing")
    try:
        return {table: landing.content_hash(table) for table in TABLES} | {
            "candidates": sorted(landing.candidates().column("visit_id").to_pylist())
        }
    finally:
        landing.close()


def change(his: Path, dice: random.Random) -> None:
    """A night in the hospital: some results corrected, some deleted."""
    with sqlite3.connect(his) as connection:
        keys = [row[0] for row in connection.execute("SELECT rowid FROM LAB_RESULT")]
        for key in dice.sample(keys, 200):
            connection.execute("UPDATE LAB_RESULT SET RESULT = RESULT || ' ' WHERE rowid = ?", (key,))
        for key in dice.sample(keys, 20):
            connection.execute("DELETE FROM LAB_RESULT WHERE rowid = ?", (key,))
    connection.close()


def main() -> None:
    """Rounds until the time is up; the first difference ends the run."""
    limit = float(os.environ.get("SOAK_SECONDS", "120"))
    dice = random.Random(os.environ.get("SOAK_SEED", "1"))
    began, rounds, kills = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        build(root / "his.db", patients=PATIENTS, truth=root / "truth.json")
        for study in ("killed", "calm"):
            write_study(root / study, his="sqlite:///../his.db")
        seconds = 0.0
        while time.monotonic() - began < limit:
            start = time.monotonic()
            pull(root / "calm")
            seconds = max(seconds, time.monotonic() - start)
            for _ in range(dice.randint(1, 4)):
                kills += not pull(root / "killed", kill_after=dice.uniform(0.3, seconds))
            pull(root / "killed")
            if landed(root / "killed") != landed(root / "calm"):
                sys.exit(f"after {rounds + 1} rounds and {kills} kills the two studies differ")
            rounds += 1
            change(root / "his.db", dice)
    sys.stdout.write(
        f"{rounds} rounds, {kills} kills in {time.monotonic() - began:.0f} s: nothing lost, nothing doubled\n"
    )


if __name__ == "__main__":
    main()
