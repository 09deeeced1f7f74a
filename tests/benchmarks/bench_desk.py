"""60 reviewers at one desk: how many decisions it acknowledges, and how long a person with pauses waits.

BENCH_DESK_SECONDS (30) is how long each load lasts, BENCH_DESK_PATIENTS (1000) the size of the demo hospital,
BENCH_DESK_PAUSE (3) the mean pause of a person in seconds.  One database stands against the other.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

from desk_load import Client, Desk, Ledger, Person, Sent, database_of_our_own, hospital, team

from extract.study.folder import StudyFolder

POSTGRES = os.environ.get("COHORTLOCK_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
SECONDS = float(os.environ.get("BENCH_DESK_SECONDS", "30"))
PATIENTS = int(os.environ.get("BENCH_DESK_PATIENTS", "1000"))
PAUSE = float(os.environ.get("BENCH_DESK_PAUSE", "3"))
REVIEWERS = 60
WARM = 40
"""Charts that the server's part of "next candidate" is measured on."""
FORM = "application/x-www-form-urlencoded"


class Load:
    """What reviewers do at a desk until a moment, and how long each answer took."""

    def __init__(self, port: int, ledger: Ledger, until: float, seed: int) -> None:
        self._port, self._ledger, self._until = port, ledger, until
        self._dice = random.Random(seed)
        self.pages: list[float] = []
        self.drafts: list[float] = []
        self.posts: list[float] = []
        self.refused = 0

    async def without_pauses(self, person: Person, share: int) -> None:
        """One request after the other by the JSON interface, each with ``share`` opinions (0: the whole candidate)."""
        client = Client(self._port, person)
        while time.monotonic() < self._until:
            one = self._judged(person, share)
            opinions = [{"criterion": c, "verdict": v, "reason": one.request} for c, v in one.said.items()]
            began = time.perf_counter()
            path = f"/api/v1/candidates/{one.candidate}/opinions"
            status = await client.send("POST", path, {"request": one.request, "opinions": opinions})
            self._done(one, self.posts, began, status)
        client.close()

    async def with_pauses(self, person: Person) -> None:
        """As at a screen: open a chart, judge one criterion after the other, each kept at once, and go on.

        At the end people go home where they are: whoever hurried to finish would be no person with pauses.
        """
        client = Client(self._port, person)
        while await self._paused():
            number = self._dice.choice(list(person.candidates))
            reason = f"{person.account} at {self._dice.random()}"
            began = time.perf_counter()
            status, page = await client.ask("GET", f"/judge/{number}", accept="text/html")
            self.pages.append(time.perf_counter() - began)
            self.refused += status != 200 or b"</html>" not in page
            verdicts = {}
            for criterion in person.candidates[number]:
                if not await self._paused():
                    client.close()
                    return
                verdicts[criterion] = self._dice.choice(("met", "not_met"))
                draft = urlencode({"verdict": verdicts[criterion], "reason": reason}).encode()
                began = time.perf_counter()
                status, _ = await client.ask(
                    "POST", f"/judge/{number}/{criterion}", draft, FORM, "application/json"
                )
                self.drafts.append(time.perf_counter() - began)
                self.refused += status != 200
            if not await self._paused():
                break
            one = self._ledger.new(person, number, verdicts)
            form = {"request": one.request}
            form |= {f"verdict-{c}": v for c, v in verdicts.items()}
            form |= {f"reason-{c}": one.request for c in verdicts}
            began = time.perf_counter()
            status, _ = await client.ask(
                "POST", f"/judge/{number}", urlencode(form).encode(), FORM, "application/json"
            )
            self._done(one, self.posts, began, status)
        client.close()

    def _judged(self, person: Person, share: int) -> Sent:
        number = self._dice.choice(list(person.candidates))
        criteria = person.candidates[number]
        some = self._dice.sample(criteria, share) if share else criteria
        verdicts = {c: self._dice.choice(("met", "not_met")) for c in some}
        return self._ledger.new(person, number, verdicts)

    def _done(self, one: Sent, times: list[float], began: float, status: int) -> None:
        times.append(time.perf_counter() - began)
        if status == 200:
            self._ledger.acknowledged.add(one.request)
        else:
            self.refused += 1

    async def _paused(self) -> bool:
        """A person's pause; whether there is time for more."""
        await asyncio.sleep(min(self._dice.expovariate(1 / PAUSE), max(0.0, self._until - time.monotonic())))
        return time.monotonic() < self._until


async def _all(load: Load, people: list[Person], share: int | None) -> None:
    tasks = [load.with_pauses(p) if share is None else load.without_pauses(p, share) for p in people]
    await asyncio.gather(*tasks)


async def _one_after_the_other(port: int, people: list[Person]) -> list[float]:
    times = []
    places = [(person, number) for person in people for number in person.candidates]
    for person, number in places[: WARM + 1]:
        client = Client(port, person)
        began = time.perf_counter()
        await client.ask("GET", f"/judge/{number}", accept="text/html")
        times.append(time.perf_counter() - began)
        client.close()
    return times[1:]  # the first waits until all charts are read


def _ms(times: list[float], part: float) -> str:
    return f"{1000 * sorted(times)[min(len(times) - 1, int(part * len(times)))]:.0f} ms"


def _measured(folder: StudyFolder, database: str, share: int | None) -> str:
    """One load on a fresh queue; ends the run when a decision was lost, doubled or refused."""
    for file in folder.root.glob(f"{folder.database.stem}*.db*"):
        file.unlink()
    people = team(folder, database, REVIEWERS)
    ledger = Ledger()
    with Desk(folder.root, database) as desk:
        desk.start()
        first = asyncio.run(_one_after_the_other(desk.port, people))
        began = time.monotonic()
        load = Load(desk.port, ledger, began + SECONDS, seed=1)
        asyncio.run(_all(load, people, share))
        seconds = time.monotonic() - began
        desk.stop()
    if wrong := ledger.wrong(database or folder, folder):
        sys.exit(f"lost, doubled or halved: {wrong[:5]}")
    if load.refused or ledger.doubtful(database or folder, folder) != (0, 0):
        sys.exit(f"{load.refused} requests were refused")
    told = [f"{ledger.decisions} decisions acknowledged, none lost or doubled"]
    if share is None:
        told.append(f"pages p50 {_ms(load.pages, 0.5)}, p95 {_ms(load.pages, 0.95)}")
        told.append(f"drafts p95 {_ms(load.drafts, 0.95)}, hand-ins p95 {_ms(load.posts, 0.95)}")
        told.append(f"alone a page {1000 * statistics.median(first):.0f} ms, p95 {_ms(first, 0.95)}")
    else:
        told.append(
            f"{ledger.decisions / seconds:.0f} decisions/s in {len(load.posts) / seconds:.0f} requests/s"
        )
        told.append(f"p50 {_ms(load.posts, 0.5)}, p95 {_ms(load.posts, 0.95)}")
    return "; ".join([*told, f"server {desk.peak} MB, {desk.busy / seconds:.0%} of a core"])


def bench_desk() -> Iterator[tuple[str, Callable[[], str]]]:
    """60 reviewers at the desk on SQLite and PostgreSQL, with a person's pauses and without any"""  # noqa: D400 - a title
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = hospital(Path(stack.enter_context(tempfile.TemporaryDirectory())), PATIENTS)

    def on(server: str, share: int | None) -> Callable[[], str]:
        def call() -> str:
            if not server:
                return _measured(folder, "", share)
            with database_of_our_own(server) as url:
                return _measured(folder, url, share)

        return call

    for name, server in (("SQLite", ""), ("PostgreSQL", POSTGRES)):
        yield f"{name}, with pauses", on(server, None)
        yield f"{name}, whole candidates without pauses", on(server, 0)
        yield f"{name}, one criterion a request without pauses", on(server, 1)
