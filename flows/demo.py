"""The demo: a simulated hospital, the whole road on it through a real Prefect server, and a score against the truth.

The server starts while the hospital is built.  Nothing but the scoring ever reads the truth file.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit

from extract.errors import AlreadyExists
from extract.study.folder import StudyFolder
from flows.server import PrefectServer, connected, hush
from flows.steps import passphrase_variable

__all__ = ["Demo", "run"]

Progress = Callable[[str, float], None]

TEMPLATE = "esr-pain"
APPROVAL = "simulated: no board was asked, no patient exists"
PEOPLE = 20_220_104
"""Seed of the simulated people. With this one no pair of reviewers errs together on a participant; with
20220101 one planted patient is lost that way, with 20220107 a decoy comes in, and the score says so."""


@dataclass(frozen=True)
class Demo:
    """Where the demo's things stand."""

    root: Path

    @property
    def his(self) -> Path:
        """The simulated hospital's database."""
        return self.root / "his.db"

    @property
    def truth(self) -> Path:
        """Whom the hospital was made to contain; only scoring reads it."""
        return self.root / "truth.json"

    @property
    def study(self) -> Path:
        """The study's folder."""
        return self.root / "study"


def run(out: Path, *, patients: int, seed: int, progress: Progress, people: int = PEOPLE) -> dict[str, Any]:
    """The whole demo in the new folder ``out``; the ``demo`` --json contract.

    Raises AlreadyExists when ``out`` is there. If anything fails, what was written is removed again.
    """
    began = time.monotonic()
    if out.exists():
        raise AlreadyExists(f"{out} is already there", "Choose another place: `cohortlock demo --out DIR`.")
    demo = Demo(out)
    try:
        out.mkdir(parents=True)
        told = _road(demo, patients, seed, people, progress)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return told | {"seconds": round(time.monotonic() - began, 1)}


def _road(demo: Demo, patients: int, seed: int, people: int, progress: Progress) -> dict[str, Any]:
    from extract.synthetic.hospital import build
    from extract.synthetic.scoring import score

    with PrefectServer() as server:
        progress("building a hospital", 0.02)
        build(
            demo.his,
            patients=patients,
            seed=seed,
            truth=demo.truth,
            progress=lambda _what, share: progress("building a hospital", 0.02 + 0.13 * share),
        )
        write_study(demo.study, his="sqlite:///../his.db")
        progress("waiting for Prefect", 0.15)
        hush()
        from flows.finalise import finalise
        from flows.nightly import nightly

        with connected(server.url, server.home), signing(demo.study):
            progress("pulling and reading charts", 0.2)
            night = nightly(str(demo.study))
            progress("reviewing and entering", 0.55)
            worked = simulate(demo.study, people)
            progress("checking, locking, analysing", 0.7)
            end = finalise(str(demo.study))
        progress("scoring", 0.97)
    return {
        "study": end["study"],
        "simulated": True,
        "funnel": end["funnel"],
        "participants": end["reconcile"]["count"],
        "truth": score(demo.truth, included(demo.study)),
        "agreement": end["reconcile"]["agreement"],
        "checks": {"ok": end["check"]["ok"], "counts": end["check"]["counts"]},
        "pulled": {table: counts["new"] for table, counts in night["pull"]["records"].items()},
        "people": worked,
        "snapshot": end["lock"]["path"],
        "report": end["analyse"]["report"],
    }


def write_study(folder: Path, *, his: str) -> None:
    """A study folder from the shipped template, marked and approved as simulated, on the hospital at ``his``."""
    from extract.his.approval import approve

    templates = files("extract.study") / "templates"
    study = tomlkit.parse((templates / TEMPLATE / "study.toml").read_text(encoding="utf-8"))
    study["study"]["simulated"] = True
    study["study"]["ethics"]["approval"] = APPROVAL
    site = tomlkit.parse((templates / "site.toml").read_text(encoding="utf-8"))
    site["source"]["url"] = his
    folder.mkdir(parents=True)
    for name, document in (("study.toml", study), ("site.toml", site)):
        (folder / name).write_text(tomlkit.dumps(document), encoding="utf-8")
    approve(StudyFolder.at(folder), by="simulated data manager", reason=APPROVAL, simulated=True)


@contextmanager
def signing(study: Path) -> Iterator[None]:
    """Simulated signers for every role that the lock asks for; their passphrases live as long as this block."""
    from validate.lock.keys import create_signer

    folder = StudyFolder.at(study)
    roles = list(folder.protocol().lock.signatures)
    variables = [passphrase_variable(role) for role in roles]
    try:
        for role, variable in zip(roles, variables, strict=True):
            os.environ[variable] = secrets.token_urlsafe(16)
            create_signer(
                folder,
                name=f"simulated {role}",
                role=role,
                passphrase=os.environ[variable],
                meaning="simulated signature of a demo",
            )
        yield
    finally:
        for variable in variables:
            os.environ.pop(variable, None)


def simulate(study: Path, seed: int) -> dict[str, int]:
    """Simulated reviewers, arbitrator and abstractors do their work on the study; counts of what they did."""
    from extract.study.database import StudyDatabase
    from flows.simulation import ChartReader, Simulation

    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    with StudyDatabase.open(folder, protocol) as database:
        return Simulation(database, protocol, ChartReader(folder), seed).run()


def included(study: Path) -> list[str]:
    """Patient ids of the participants."""
    from extract.study.database import StudyDatabase
    from validate.reconcile import reconcile

    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    with StudyDatabase.open(folder, protocol) as database:
        return list(reconcile(database, protocol).eligible)
