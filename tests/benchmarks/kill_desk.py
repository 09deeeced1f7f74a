"""Kill the desk with signal 9 at DESK_KILLS (200) random moments on each database while every role is at work.

Reviewers hand in (half of them by way of drafts), two arbitrators race for the same differences, abstractors type,
two data managers race to settle values.  What was acknowledged must be there once, what was refused not at all, what
was cut off whole or not at all, and the chain must verify.  When an answer was cut off, the request is asked again by
half of those concerned, and for rulings and resolutions by all.  DESK_SEED (1) fixes the dice; progress goes to stderr.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk_load import Client, Desk, Ledger, Person, Sent, database_of_our_own, hospital
from desk_staff import FIELDS, Staff, staff, typed

from extract.study.folder import StudyFolder
from validate.review.evidence import field_key

POSTGRES = os.environ.get("COHORTLOCK_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
REVIEWERS = 12
PER_ROUND = 10
"""Kills of a study before another begins from nothing."""
LONGEST = 0.8
PATIENTS = 120
TOLD = {
    "arbitration": b"another arbitrator has settled this",
    "differences": b"somebody has settled this field",
}
"""What whoever comes second must read."""


@dataclass
class Told:
    """What came of the kills of one study."""

    kills: int = 0
    decisions: int = 0
    whole: int = 0
    none: int = 0
    late: int = 0
    refused: int = 0


@dataclass
class Shift:
    """What one person does until the desk dies."""

    client: Client
    person: Person
    ledger: Ledger
    told: Told
    dice: random.Random

    async def send(self, one: Sent, method: str, path: str, body: dict[str, Any], good: int) -> None:
        """One request; kept in the ledger as what the answer says, nothing where none comes."""
        status, answer = await self.client.ask(method, path, self.client.json(body))
        if status == good:
            self.ledger.acknowledged.add(one.request)
        elif status == 403 and TOLD.get(path.rpartition("/")[2], b"\0") in answer:
            self.ledger.late.add(one.request)
            self.told.late += 1
        else:
            self.told.refused += 1

    async def hand_in(self, one: Sent, *, drafts: bool) -> None:
        """Opinions on a candidate, by way of drafts or not."""
        at = f"/api/v1/candidates/{one.candidate}"
        opinions = [{"criterion": c, "verdict": v, "reason": one.request} for c, v in one.said.items()]
        if drafts:
            for opinion in opinions:
                draft = {"verdict": opinion["verdict"], "reason": opinion["reason"]}
                self.told.refused += (
                    await self.client.send("PUT", f"{at}/drafts/{opinion['criterion']}", draft) != 200
                )
        body = {"request": one.request} if drafts else {"request": one.request, "opinions": opinions}
        await self.send(one, "POST", f"{at}/opinions", body, 200)

    async def rule(self, one: Sent) -> None:
        """A ruling on one criterion."""
        [(criterion, verdict)] = one.said.items()
        body = {"request": one.request, "criterion": criterion, "verdict": verdict, "reason": one.request}
        await self.send(one, "POST", f"/api/v1/candidates/{one.candidate}/arbitration", body, 204)

    async def enter(self, one: Sent) -> None:
        """Values of one pass."""
        entries = [{"variable": v, "timepoint": t, "raw": one.said[field_key(v, t)]} for v, t in FIELDS]
        body = {"request": one.request, "entries": entries}
        await self.send(one, "POST", f"/api/v1/candidates/{one.candidate}/entries", body, 200)

    async def settle(self, one: Sent) -> None:
        """A resolution of one field."""
        [(name, choice)] = one.said.items()
        variable, _, timepoint = name.partition("@")
        body = {"request": one.request, "variable": variable, "timepoint": timepoint, "choice": choice}
        path = f"/api/v1/candidates/{one.candidate}/differences"
        await self.send(one, "POST", path, body | {"reason": one.request}, 204)


async def review(shift: Shift, begun: asyncio.Event) -> None:
    """Opinions without end."""
    drafts = shift.person.account[-1] in "13579"
    open_ = shift.ledger.open_of(shift.person)
    if open_ and (drafts or shift.dice.random() < 0.5):
        await shift.hand_in(open_, drafts=drafts)
    while True:
        number = shift.dice.choice(list(shift.person.candidates))
        said = {c: shift.dice.choice(("met", "not_met")) for c in shift.person.candidates[number]}
        await shift.hand_in(shift.ledger.new(shift.person, number, said), drafts=drafts)
        begun.set()


async def arbitrate(shift: Shift, turn: int) -> None:
    """This turn's share of the differences; the other arbitrator is after the same ones."""
    if open_ := shift.ledger.open_of(shift.person):
        await shift.rule(open_)
    for number, criterion in shared(shift, turn):
        said = {criterion: shift.dice.choice(("met", "not_met"))}
        await shift.rule(shift.ledger.new(shift.person, number, said))


async def settle(shift: Shift, turn: int) -> None:
    """This turn's share of the values to settle."""
    if open_ := shift.ledger.open_of(shift.person):
        await shift.settle(open_)
    for number, name in shared(shift, turn):
        said = {name: shift.dice.choice(("first", "second"))}
        await shift.settle(shift.ledger.new(shift.person, number, said))


async def abstract(shift: Shift) -> None:
    """Entries without end: a pass is corrected until the other has been entered."""
    open_ = shift.ledger.open_of(shift.person)
    if open_ and shift.dice.random() < 0.5:
        await shift.enter(open_)
    while True:
        number = shift.dice.choice(list(shift.person.candidates))
        mine = (s for s in shift.ledger.sent.values() if s.account == shift.person.account)
        turn = sum(s.candidate == number for s in mine)
        await shift.enter(shift.ledger.new(shift.person, number, typed(turn)))


def shared(shift: Shift, turn: int) -> Iterator[tuple[int, str]]:
    """What is to be settled in this turn, in this person's own order."""
    every = [(number, name) for number, names in shift.person.candidates.items() for name in names]
    share = every[turn % PER_ROUND :: PER_ROUND]
    yield from shift.dice.sample(share, len(share))


async def until_killed(desk: Desk, people: Staff, ledger: Ledger, told: Told, dice: random.Random) -> None:
    """Everybody at once, and signal 9 after a random while under load."""
    begun = asyncio.Event()

    def shift(one: Person) -> Shift:
        return Shift(Client(desk.port, one), one, ledger, told, random.Random(dice.random()))

    shifts = {role: [shift(one) for one in some] for role, some in vars(people).items()}
    work = [review(one, begun) for one in shifts["reviewers"]]
    work += [arbitrate(one, told.kills) for one in shifts["arbitrators"]]
    work += [abstract(one) for one in shifts["abstractors"]]
    work += [settle(one, told.kills) for one in shifts["settlers"]]
    tasks = [asyncio.create_task(one) for one in work]
    await asyncio.wait_for(begun.wait(), 120)
    await asyncio.sleep(dice.uniform(0, LONGEST))
    desk.kill()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if ended is not None and not isinstance(ended, OSError | EOFError):
            raise ended
    for one in (one for some in shifts.values() for one in some):
        one.client.close()


def killing(folder: StudyFolder, database: str, kills: int, dice: random.Random) -> Told:
    """Kill the desk of a fresh queue ``kills`` times. Raises AssertionError for the first thing lost or halved."""
    people = staff(folder, database, REVIEWERS)
    ledger, told = Ledger(), Told()
    where = database or folder
    with Desk(folder.root, database) as desk:
        while told.kills < kills:
            desk.start()
            before = len(ledger.acknowledged)
            asyncio.run(until_killed(desk, people, ledger, told, dice))
            assert desk.stop() == -signal.SIGKILL, "the desk ended by itself"
            assert len(ledger.acknowledged) > before, "nothing was acknowledged: this was no load"
            assert not told.refused, f"{told.refused} requests were refused"
            told.kills += 1
            wrong = ledger.wrong(where, folder)
            assert not wrong, f"after {told.kills} kills: {wrong[:5]}"
    told.decisions = ledger.decisions
    told.whole, told.none = ledger.doubtful(where, folder)
    return told


def soak(name: str, fresh: Callable[[int], Told], kills: int) -> str:
    """Rounds of ``PER_ROUND`` kills until there are ``kills`` of them."""
    rounds: list[Told] = []
    began = time.monotonic()
    while (left := kills - sum(one.kills for one in rounds)) > 0:
        rounds.append(fresh(min(PER_ROUND, left)))
        done = sum(one.kills for one in rounds)
        sys.stderr.write(f"{name}: {done} of {kills} kills, {time.monotonic() - began:.0f} s\n")
    counted = ("decisions", "whole", "none", "late")
    decisions, whole, none, late = (sum(getattr(r, of) for r in rounds) for of in counted)
    return (
        f"{name}: {kills} kills under load, {decisions} acknowledged opinions, rulings, entries and resolutions, none "
        f"lost or doubled; {late} who came second were told; of {whole + none} requests cut off {whole} whole, {none} "
        f"not at all; {time.monotonic() - began:.0f} s\n"
    )


def main() -> None:
    """All kills on both databases; the first thing lost ends the run."""
    kills = int(os.environ.get("DESK_KILLS", "200"))
    dice = random.Random(os.environ.get("DESK_SEED", "1"))
    with tempfile.TemporaryDirectory() as name:
        folder = hospital(Path(name), PATIENTS)

        def on_sqlite(some: int) -> Told:
            for file in folder.root.glob(f"{folder.database.stem}*.db*"):
                file.unlink()
            return killing(folder, "", some, dice)

        def on_postgresql(some: int) -> Told:
            with database_of_our_own(POSTGRES) as url:
                return killing(folder, url, some, dice)

        sys.stdout.write(soak("SQLite", on_sqlite, kills))
        sys.stdout.flush()
        sys.stdout.write(soak("PostgreSQL", on_postgresql, kills))


if __name__ == "__main__":
    main()
