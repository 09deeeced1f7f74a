"""Kill the desk with signal 9 at DESK_KILLS (200) random moments while reviewers hand in, on SQLite and on PostgreSQL.

What was acknowledged must be there once, what was not must be there whole or not at all, and the chain must verify.
Half of the reviewers send their opinions with the request, half keep drafts and hand these in; when an answer was
cut off, some ask again and some never do.  DESK_SEED (1) fixes the dice.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from desk_load import Client, Desk, Ledger, Person, Sent, database_of_our_own, hospital, team

from extract.study.folder import StudyFolder

POSTGRES = os.environ.get("COHORTLOCK_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
REVIEWERS = 12
PER_ROUND = 10
"""Kills of a study before another begins from nothing."""
LONGEST = 0.8


@dataclass
class Told:
    """What came of the kills of one study."""

    kills: int = 0
    decisions: int = 0
    whole: int = 0
    none: int = 0
    refused: int = 0


async def review(
    port: int, person: Person, ledger: Ledger, told: Told, dice: random.Random, begun: asyncio.Event
) -> None:
    """Hand in opinions until the desk dies; what was cut off is asked again first, by half of those concerned."""
    client = Client(port, person)
    drafts = person.account[-1] in "13579"
    open_ = [s for s in ledger.sent.values() if s.account == person.account][-1:]
    again = [s for s in open_ if s.request not in ledger.acknowledged]
    try:
        if again and (drafts or dice.random() < 0.5):
            await hand_in(client, again[0], ledger, told, drafts=drafts)
        while True:
            number = dice.choice(list(person.candidates))
            said = {c: dice.choice(("met", "not_met")) for c in person.candidates[number]}
            await hand_in(client, ledger.new(person, number, said), ledger, told, drafts=drafts)
            begun.set()
    except (OSError, EOFError):
        return  # the desk was killed
    finally:
        client.close()


async def hand_in(client: Client, one: Sent, ledger: Ledger, told: Told, *, drafts: bool) -> None:
    """One request, by way of drafts or not; kept in the ledger when it was acknowledged."""
    at = f"/api/v1/candidates/{one.candidate}"
    said = [{"criterion": c, "verdict": v, "reason": one.request} for c, v in one.verdicts.items()]
    if drafts:
        for opinion in said:
            draft = {"verdict": opinion["verdict"], "reason": opinion["reason"]}
            told.refused += await client.send("PUT", f"{at}/drafts/{opinion['criterion']}", draft) != 200
    body = {"request": one.request} if drafts else {"request": one.request, "opinions": said}
    if await client.send("POST", f"{at}/opinions", body) == 200:
        ledger.acknowledged.add(one.request)
    else:
        told.refused += 1


async def until_killed(
    desk: Desk, people: list[Person], ledger: Ledger, told: Told, dice: random.Random
) -> None:
    """All reviewers at once, and signal 9 after a random while under load."""
    begun = asyncio.Event()
    tasks = [asyncio.create_task(review(desk.port, one, ledger, told, dice, begun)) for one in people]
    await asyncio.wait_for(begun.wait(), 60)
    await asyncio.sleep(dice.uniform(0, LONGEST))
    desk.kill()
    await asyncio.gather(*tasks)


def killing(folder: StudyFolder, database: str, kills: int, dice: random.Random) -> Told:
    """Kill the desk of a fresh queue ``kills`` times. Raises AssertionError for the first thing lost or halved."""
    people = team(folder, database, REVIEWERS)
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
    decisions, whole, none = (sum(getattr(r, of) for r in rounds) for of in ("decisions", "whole", "none"))
    return (
        f"{name}: {kills} kills under load, {decisions} acknowledged decisions, none lost or doubled; of "
        f"{whole + none} requests cut off {whole} whole, {none} not at all; {time.monotonic() - began:.0f} s\n"
    )


def main() -> None:
    """All kills on both databases; the first thing lost ends the run."""
    kills = int(os.environ.get("DESK_KILLS", "200"))
    dice = random.Random(os.environ.get("DESK_SEED", "1"))
    with tempfile.TemporaryDirectory() as name:
        folder = hospital(Path(name), 90)

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
