"""Practice: the desk on a simulated study, with an account for every role and work waiting for each.

A demo's study is locked when the demo is done, and nobody may write in it.  So practice has a study
database of its own, ``practice.db``, on the same pull and screening; the locked one stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from extract.chart.screening import Screening
from extract.errors import Refused
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from flows.simulation import CAST, ChartReader, Rates, Simulation
from validate.review import accounts, queue
from validate.review.cases import Case, cases
from validate.review.rules import Account, Role

__all__ = ["ONLOOKERS", "hire", "open_practice", "practice_file", "prepare"]

ONLOOKERS: Final = {
    "sim-auditor": (Role.AUDITOR, "simulated auditor"),
    "sim-analyst": (Role.ANALYST, "simulated analyst"),
}
_HUMAN: Final = Rates(reviewer=0.06, abstractor=0.05)
"""Erring more often than the demo's people, so that there is something to settle."""


@dataclass(frozen=True)
class _Beginning(Simulation):
    """Simulated people who stop half-way: the first ``left`` candidates are not theirs."""

    left: int = 0

    def begin(self) -> None:
        """Judge all but the first candidates, and enter half of what comes of it."""
        team = self._hire()
        queue.assign(self.database, team["sim-manager"], seed=self.seed)
        self._calibrate(team)
        self._review(team)
        later = replace(self, left=self.left + len(self._cases()) // 2)
        later.enter((team["sim-abstractor-a"], team["sim-abstractor-b"]))

    def enter(self, abstractors: tuple[Account, Account]) -> None:
        """Enter what is eligible among the later candidates."""
        self._enter(abstractors)

    def _cases(self) -> list[Case]:
        pilot = {number for one in self._calibrated().rounds for number in one.cases}
        return [case for case in self._everybody() if case.candidate.id not in pilot][self.left :]


def open_practice(folder: StudyFolder) -> tuple[StudyDatabase, tuple[str, ...]]:
    """The database that a desk on a simulated study works on, and the accounts anybody may use there.

    It is the study's own while that is open, as it stands, and ``practice.db`` once it is locked.
    Raises Refused where the study is not simulated, NotFound for practice without a screening.
    """
    protocol = folder.protocol()
    if not protocol.study.simulated:
        raise Refused(
            "there are no demo accounts outside of a simulated study", "`cohortlock user` makes one."
        )
    database = StudyDatabase.open(folder, protocol)
    if locked := database.locked() is not None:
        database.close()
        database = StudyDatabase.open(practice_file(folder), protocol)
    try:
        people = hire(database)
        if locked:
            prepare(database, folder)
        else:
            queue.assign(database, accounts.MACHINE, seed=1)
    except BaseException:
        database.close()
        raise
    return database, people


def practice_file(folder: StudyFolder) -> Path:
    """Where practice is kept; to begin anew, delete it."""
    return folder.root / "practice.db"


def hire(database: StudyDatabase) -> tuple[str, ...]:
    """An account for every role, those that are missing made; their ids."""
    with database.reading() as connection:
        there = accounts.active(connection)
    cast = {**CAST, **ONLOOKERS}
    for id_, (role, name) in cast.items():
        if id_ not in there:
            accounts.add(database, accounts.MACHINE, account_id=id_, name=name, role=role)
    return tuple(cast)


def prepare(database: StudyDatabase, folder: StudyFolder, *, left: int = 40, seed: int = 1) -> None:
    """Fill an empty study database up to where there is work for every role; one in use stays as it is."""
    with database.reading() as connection:
        if cases(connection):
            return
    queue.enqueue(database, database.protocol, Screening.load(folder), "practice")
    _Beginning(database, database.protocol, ChartReader(folder), seed, _HUMAN, left).begin()
