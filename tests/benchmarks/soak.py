"""Kill pulls at random moments, and between them change the hospital: nothing may be lost or doubled.

`make soak` kills SOAK_KILLS (300) pulls of a demo hospital on PostgreSQL with SIGKILL, first pulls and nights
alike.  After each night the killed study's landing store must hold what one clean pull of the hospital as
it then stands lands: records, versions, candidates, counts.  The first difference ends the run.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psycopg
from killing import Killer, landed

from extract.synthetic.hospital import build
from extract.synthetic.nights import next_night
from flows.demo import write_study

POSTGRES = os.environ.get("COHORTLOCK_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
PATIENTS = 120
NIGHTS = 4
"""Nights of a study before it begins anew from nothing."""


def study_of(folder: Path, url: str) -> Path:
    """A study of the demo hospital, with an account that may do everything."""
    write_study(folder, his=url)
    with (folder / "site.toml").open("a", encoding="utf-8") as site:
        site.write('\n[safety]\nallow_write_right = "a soak of its own database"\n')
    return folder


def soak(root: Path, url: str, kills: int, dice: random.Random) -> tuple[int, int, int]:
    """(rounds, kills, of these in nights); exits at the first difference."""
    build(url, patients=PATIENTS, truth=root / "truth.json")
    rounds = nights = seed = 0
    with Killer() as killer:
        killed = study_of(root / "killed", url)
        while killer.kills < kills:
            if rounds % (NIGHTS + 1) == 0:
                shutil.rmtree(killed / "landing", ignore_errors=True)
            first = not (killed / "landing").exists()
            calm = study_of(root / f"calm-{rounds}", url)
            killer.finish(calm)
            before = killer.kills
            for _ in range(dice.randint(3, 9)):
                # A night is shorter than a first pull.
                if killer.pull(killed, dice.uniform(0.02, killer.seconds * (1.0 if first else 0.6))) == 0:
                    break
            killer.finish(killed)
            nights += 0 if first else killer.kills - before
            if landed(killed) != landed(calm):
                sys.exit(f"after {rounds + 1} rounds and {killer.kills} kills the two studies differ")
            shutil.rmtree(calm)
            rounds += 1
            seed += 1
            next_night(url, seed=seed, changed=0.01)
        return rounds, killer.kills, nights


def main() -> None:
    """Run it on a database of its own."""
    began = time.monotonic()
    dice = random.Random(os.environ.get("SOAK_SEED", "1"))
    name = f"soak_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            rounds, kills, nights = soak(
                Path(folder),
                f"{POSTGRES.rpartition('/')[0]}/{name}",
                int(os.environ.get("SOAK_KILLS", "300")),
                dice,
            )
    finally:
        with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    sys.stdout.write(
        f"{rounds} rounds, {kills} pulls killed ({nights} in nights) in {time.monotonic() - began:.0f} s: "
        "nothing lost, nothing doubled\n"
    )


if __name__ == "__main__":
    main()
