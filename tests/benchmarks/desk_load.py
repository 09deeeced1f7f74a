"""A desk under load: the server as a process that can be killed, clients that keep count, and what must come of it.

Clients speak HTTP over one connection each and cost little: they share the cores with the server.  The ``Ledger``
knows what was sent, what was acknowledged and what was refused, and holds it against the study database.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from sqlalchemy import Connection, select

from extract.chart.screening import Screening, screen
from extract.his.pull import pull
from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.storage import rows
from extract.study.tables import arbitration, decision, entry, resolution
from extract.synthetic.hospital import build
from flows.demo import write_study
from validate.desk.file import DeskFile, desk_file
from validate.desk.sessions import Sessions
from validate.desk.tokens import Tokens
from validate.review import accounts, queue
from validate.review.cases import cases
from validate.review.evidence import field_key

__all__ = [
    "BEFORE",
    "Client",
    "Desk",
    "Ledger",
    "Person",
    "Sent",
    "database_of_our_own",
    "hospital",
    "person",
    "team",
]

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "before"
"""How the request ids begin of what stands in the database before anybody is at work."""
_KEPT = (
    (decision, "reviewer", "verdict"),
    (arbitration, "arbitrator", "verdict"),
    (entry, "abstractor", "raw"),
    (resolution, "resolver", "choice"),
)
_IDLE = 3.0
"""Seconds after which a connection is not used again: the server closes one after five."""
SERVES = """
    import os, sys
    from pathlib import Path
    # Loaded before the forks, each of which would load them again.
    import anyio._backends._asyncio, psycopg, pyarrow, sqlalchemy.dialects.postgresql, sqlalchemy.dialects.sqlite
    import h11, uvicorn, uvicorn.lifespan.on, uvicorn.loops.auto, uvicorn.protocols.http.auto
    import uvicorn.protocols.websockets.auto
    from extract.study.folder import StudyFolder
    from validate.desk.app import serve
    for line in sys.stdin:
        root, port, database = line.rstrip("\\n").split("\\t")
        if (child := os.fork()) == 0:
            os.environ.pop("COHORTLOCK_STUDY_DATABASE", None)
            if database:
                os.environ["COHORTLOCK_STUDY_DATABASE"] = database
            try:
                serve(StudyFolder.at(Path(root)), port=int(port))
            finally:
                os._exit(1)
        print(child, flush=True)
        _, status, used = os.wait4(child, 0)
        print(os.waitstatus_to_exitcode(status), used.ru_maxrss // 1024, used.ru_utime + used.ru_stime, flush=True)
"""


class Desk:
    """``cohortlock desk`` on one study: started, killed and started again, each time from a process with all loaded."""

    def __init__(self, study: Path, database: str = "") -> None:
        self._study, self._database = study, database
        self.peak = 0
        """The largest resident size of a server, in MB."""
        self.busy = 0.0
        """Seconds of processor that the last server used."""
        self._pid, self._killed = 0, False
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pid:
            self.stop(signal.SIGKILL)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{self._study}\t{self.port}\t{self._database}\n")
        self._process.stdin.flush()
        self._pid, self._killed = int(self._process.stdout.readline()), False
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
                return
            if time.monotonic() > until:
                raise TimeoutError("the desk did not come up")
            time.sleep(0.01)

    def kill(self) -> None:
        """Signal 9, now; ``stop`` must follow."""
        os.kill(self._pid, signal.SIGKILL)
        self._killed = True

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, unless it was killed, and tell how it ended."""
        assert self._process.stdout
        if not self._killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, how)
        code, peak, busy = self._process.stdout.readline().split()
        self._pid = 0
        self.peak, self.busy = max(self.peak, int(peak)), float(busy)
        return int(code)


@dataclass(frozen=True)
class Person:
    """Somebody with a token and a session, and their work; a reviewer's is nobody else's."""

    account: str
    token: str
    session: str
    candidates: Mapping[int, tuple[str, ...]]
    """Number -> its criteria or fields."""


def hospital(root: Path, patients: int) -> StudyFolder:
    """A demo hospital, pulled and screened."""
    build(root / "his.db", patients=patients, seed=20220101, truth=root / "truth.csv")
    write_study(root / "study", his="sqlite:///../his.db")
    folder = StudyFolder.at(root / "study")
    pull(folder)
    screen(folder)
    return folder


def team(folder: StudyFolder, database: str, reviewers: int) -> list[Person]:
    """A fresh queue on ``database`` (the study's own file where it is empty), and people who work it off.

    Only the first of a candidate's two reviewers is at work, so that nobody's decision is ever late.
    """
    names = [f"r{n:03d}" for n in range(reviewers)]
    with StudyDatabase.open(database or folder, folder.protocol()) as db:
        for name in names:
            accounts.add(db, accounts.MACHINE, account_id=name, name=name, role="reviewer")
        queue.enqueue(db, db.protocol, Screening.load(folder), "first")
        queue.assign(db, accounts.MACHINE, seed=1)
        with db.reading() as connection:
            held = [one.candidate for one in cases(connection).values()]
        first = {name: {c.id: c.reviewed for c in held if c.reviewers.get(1) == name} for name in names}
        people = [person(folder, db, name, work) for name, work in first.items()]
    return [one for one in people if one.candidates]


def person(folder: StudyFolder, db: StudyDatabase, name: str, work: Mapping[int, tuple[str, ...]]) -> Person:
    """Somebody who is signed in."""
    file = DeskFile(desk_file(folder, db))
    secret = Tokens(db, file).add(accounts.MACHINE, name, days=2)[1]
    session = Sessions(db, file).open(name)
    file.close()
    return Person(name, secret, session, work)


@contextlib.contextmanager
def database_of_our_own(server: str) -> Iterator[str]:
    """The URL of a fresh database on a PostgreSQL."""
    name = f"desk_{uuid.uuid4().hex[:12]}"
    plain = server.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(plain, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Client:
    """One connection to the desk, opened again after it broke."""

    def __init__(self, port: int, person: Person) -> None:
        self._port = port
        self._common = (
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {person.token}\r\n"
            f"Cookie: desk={person.session}\r\nSec-Fetch-Site: same-origin\r\n"
        )
        self._used = 0.0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json", accept: str = "*/*"
    ) -> tuple[int, bytes]:
        """Status and body of one request. Raises OSError, EOFError when the whole answer did not come."""
        if time.monotonic() - self._used > _IDLE:
            self.close()
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            assert self._reader
            head = (
                f"{method} {path} HTTP/1.1\r\n{self._common}Accept: {accept}\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self._writer.write(head.encode() + body)
            await self._writer.drain()
            answered = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            status = int(answered[9:12])
            _, _, length = answered.partition(b"content-length: ")
            size = int(length[: length.index(b"\r")]) if length else 0
            whole = await self._reader.readexactly(size)
        except (OSError, EOFError):
            self.close()
            raise
        self._used = time.monotonic()
        return status, whole

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> int:
        """Status of a JSON request."""
        return (await self.ask(method, path, self.json(body)))[0]

    @staticmethod
    def json(body: Mapping[str, Any]) -> bytes:
        """What is sent of a JSON body."""
        return json.dumps(body).encode()

    def close(self) -> None:
        """Let go of the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


@dataclass(frozen=True)
class Sent:
    """One request that changes something; ``request`` stands in its rows, and as their reason where they have one."""

    request: str
    account: str
    candidate: int
    said: Mapping[str, str]
    """Criterion -> verdict, or field -> what was typed or chosen."""


@dataclass
class Ledger:
    """What was sent, and of that what was acknowledged and what was refused because another was first."""

    sent: dict[str, Sent] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)

    def new(self, person: Person, candidate: int, said: Mapping[str, str]) -> Sent:
        """A request that is about to be sent."""
        one = Sent(f"{person.account}-{len(self.sent)}", person.account, candidate, dict(said))
        self.sent[one.request] = one
        return one

    def open_of(self, person: Person) -> Sent | None:
        """The request that ``person`` sent last, where its answer never came."""
        last = next((s for s in reversed(self.sent.values()) if s.account == person.account), None)
        return None if last is None or last.request in self.acknowledged | self.late else last

    @property
    def decisions(self) -> int:
        """How many opinions, rulings, entries and resolutions were acknowledged."""
        return sum(len(self.sent[request].said) for request in self.acknowledged)

    def wrong(self, where: StudyFolder | str, folder: StudyFolder) -> list[str]:
        """Everything in which the database differs from what it must hold; empty when nothing does."""
        with StudyDatabase.open(where, folder.protocol()) as db, db.reading() as connection:
            kept = _kept(connection)
            problems = [str(problem) for problem in verify_chain(connection)]
        problems += [f"{one}: nobody sent this" for one in kept if one not in self.sent]
        problems += [f"{one}: acknowledged, and lost" for one in self.acknowledged if one not in kept]
        problems += [f"{one}: refused, and there" for one in self.late if one in kept]
        for request, found in kept.items():
            if (one := self.sent.get(request)) is not None:
                whole = [(one.account, one.candidate, what, value) for what, value in one.said.items()]
                if sorted(found) != sorted(whole):
                    problems.append(f"{request}: {len(found)} of {len(whole)} rows, or other ones")
        return problems

    def doubtful(self, where: StudyFolder | str, folder: StudyFolder) -> tuple[int, int]:
        """Of what was never answered: how many requests are there whole, and how many not at all."""
        with StudyDatabase.open(where, folder.protocol()) as db, db.reading() as connection:
            kept = _kept(connection)
        open_ = self.sent.keys() - self.acknowledged - self.late
        return len(open_ & kept.keys()), len(open_ - kept.keys())


def _kept(connection: Connection) -> dict[str, list[tuple[str, int, str, str]]]:
    """Request -> (account, candidate, criterion or field, verdict or value) of each of its rows.

    What stood there before anybody was at work is left out.  A reason that is not its request's is told as the value.
    """
    numbers = {p: c.candidate.id for p, c in cases(connection).items()}
    found: dict[str, list[tuple[str, int, str, str]]] = defaultdict(list)
    for table, who, value in _KEPT:
        for row in rows(connection, select(table).order_by(table.c.id)):
            request = row["request_id"].partition("/")[0]
            what = row.get("criterion") or field_key(row["variable"], row["timepoint"])
            said = row[value] if row.get("reason", request) == request else f"reason: {row['reason']}"
            if request != BEFORE:
                found[request].append((row[who], numbers[row["patient_id"]], what, said))
    return found
