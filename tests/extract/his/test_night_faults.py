"""Whatever ends a pull midway, a first one or a night: the next lands what one clean pull lands."""

from __future__ import annotations

import importlib.util
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from extract.errors import Busy, SourceRefused, SourceUnreachable, StorageFault
from extract.his.guard.watch import Guard
from extract.his.pull import PullReport, pull
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from extract.synthetic.nights import next_night

PATIENTS = 90
ALLOWED = "sweep_days = 0\n[safety]\nallow_write_right = 'a test'\nconnections = 8\n"


def benchmark(name: str) -> ModuleType:
    """A module of tests/benchmarks, which is no package."""
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


killing = benchmark("killing")


class Cluster:
    """A PostgreSQL of our own, to be stopped and started; with a demo hospital to copy."""

    def __init__(self, tools: Path, root: Path) -> None:
        self.root, self.tools = root, tools
        self.as_user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.tool("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    def tool(self, name: str, *arguments: str) -> None:
        """One of PostgreSQL's programs."""
        command = [*self.as_user, str(self.tools / name), "-D", str(self.root / "data"), *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Begin, or begin again."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.root}"
        self.tool("pg_ctl", "-w", "-l", str(self.root / "log"), "-o", options, "start")

    def stop(self) -> None:
        """As when the power fails."""
        self.tool("pg_ctl", "-m", "immediate", "-w", "stop")

    def run(self, sql: str, name: str = "postgres") -> None:
        """A statement of the hospital's own people."""
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/{name}", autocommit=True) as db:
            db.execute(sql)

    def url(self, name: str, port: int | None = None) -> str:
        """Where a database of it is."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{port or self.port}/{name}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests of this module."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL's programs are not installed")
    root = Path(tempfile.mkdtemp(prefix="cohortlock-pg-"))
    if os.geteuid() == 0:
        shutil.chown(root, "postgres", "postgres")
    made = Cluster(found[-1].parent, root)
    try:
        made.run("CREATE DATABASE demo")
        build(made.url("demo"), patients=PATIENTS, truth=tmp_path_factory.mktemp("truth") / "truth.json")
        yield made
    finally:
        made.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def hospital(cluster: Cluster) -> Iterator[str]:
    """A copy of the demo hospital, by its name."""
    name = f"copy_{uuid.uuid4().hex[:8]}"
    cluster.run(f"CREATE DATABASE {name} TEMPLATE demo")
    yield name
    cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


class Proxy:
    """A line to the server that somebody trips over."""

    def __init__(self, port: int) -> None:
        self._to, self._open = port, list[socket.socket]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._open += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        # A line that ends on one side ends on the other.
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Every line that is open ends; new ones may be opened."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def close(self) -> None:
        """No more lines."""
        self._listening.close()
        self.cut()


def midway(
    monkeypatch: pytest.MonkeyPatch, event: Callable[[], None], statement: str = "chart document"
) -> None:
    """Let ``event`` happen once, where candidates and visits have landed and this statement is about to be sent."""
    real, left = Guard.stream, [event]

    def stream(self, asked, *rest):  # type: ignore[no-untyped-def]
        if asked.name == statement and left:
            left.pop()()
        yield from real(self, asked, *rest)

    monkeypatch.setattr(Guard, "stream", stream)


def finished(study: StudyFolder) -> PullReport:
    """The next pull, and the one after it, until the server is there again."""
    for _ in range(60):
        with suppress(SourceUnreachable, Busy):
            return pull(study)
        time.sleep(0.5)
    raise AssertionError("the server did not come back")


@pytest.mark.parametrize("first", [True, False], ids=["first pull", "night"])
@pytest.mark.parametrize("fault", ["restart", "terminated", "cut"])
def test_a_server_that_goes_away_midway(
    fault: str, first: bool, cluster: Cluster, hospital: str, studies: Callable[..., StudyFolder], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The server is stopped as by a power failure and comes back; a DBA ends the session; the line is cut."""
    with closing(Proxy(cluster.port)) as proxy:
        study = studies(
            tmp_path / "study", cluster.url(hospital, proxy.port), limits="batch_rows = 5\n" + ALLOWED
        )
        if not first:
            pull(study)
            next_night(cluster.url(hospital), seed=1, changed=0.05)
        ours = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{hospital}' AND pid <> pg_backend_pid()"
        event = {
            "restart": lambda: (cluster.stop(), cluster.start()),
            "terminated": lambda: cluster.run(ours),
            "cut": proxy.cut,
        }[fault]
        with monkeypatch.context() as patched:
            midway(patched, lambda: event() and None)
            with pytest.raises((SourceUnreachable, SourceRefused)):
                pull(study)
        report = finished(study)
        assert (report.resumed, report.mode) == (True, "full" if first else "night")
        calm = studies(tmp_path / "calm", cluster.url(hospital), limits=ALLOWED)
        pull(calm)
        assert killing.landed(study.root) == killing.landed(calm.root)


@pytest.mark.parametrize("first", [True, False], ids=["first pull", "night"])
def test_a_disk_that_is_full_midway(
    first: bool, cluster: Cluster, hospital: str, studies: Callable[..., StudyFolder], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """No file may grow any further, from the middle of the pull on: said in plain words, and then as if nothing was."""
    study = studies(tmp_path / "study", cluster.url(hospital), limits=ALLOWED)
    if not first:
        pull(study)
        next_night(cluster.url(hospital), seed=2, changed=0.05)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with monkeypatch.context() as patched:
            midway(patched, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard)))
            with pytest.raises(StorageFault, match="cannot be written"):
                pull(study)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert pull(study).resumed
    calm = studies(tmp_path / "calm", cluster.url(hospital), limits=ALLOWED)
    pull(calm)
    assert killing.landed(study.root) == killing.landed(calm.root)


def test_pulls_killed_at_any_moment_land_what_one_clean_pull_lands(
    cluster: Cluster, hospital: str, studies: Callable[..., StudyFolder], tmp_path: Path
) -> None:
    """Twelve of them, half in a first pull and half in a night; `make soak` kills three hundred."""
    dice = random.Random(20_261_122)
    study = studies(tmp_path / "study", cluster.url(hospital), limits=ALLOWED).root
    with killing.Killer() as killer:
        for night in range(2):
            calm = studies(tmp_path / f"calm{night}", cluster.url(hospital), limits=ALLOWED).root
            killer.finish(calm)
            before = killer.kills
            while killer.kills < before + 6:
                killer.pull(study, dice.uniform(0.02, killer.seconds * (0.9 if night == 0 else 0.5)))
            killer.finish(study)
            assert killing.landed(study) == killing.landed(calm)
            next_night(cluster.url(hospital), seed=3 + night, changed=0.02)
        assert killer.kills == 12


TWO = "import sys; from pathlib import Path; from extract.his.pull import pull; from extract.study.folder import StudyFolder\n"


@pytest.mark.parametrize("wait", [0, 120])
def test_of_two_pulls_at_once_the_second_leaves_or_waits(
    wait: int, cluster: Cluster, hospital: str, studies: Callable[..., StudyFolder], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Two processes: the second ends with Busy (17) at once, or begins when the first is done."""
    study = studies(tmp_path / "study", cluster.url(hospital), limits=ALLOWED)
    code = TWO + (
        "from extract.errors import Busy\n"
        f"try: report = pull(StudyFolder.at(Path(sys.argv[1])), wait={wait})\n"
        "except Busy as busy: sys.exit(busy.code)\nprint(report.mode, report.asked)"
    )
    others: list[subprocess.Popen[str]] = []

    def second() -> None:
        others.append(
            subprocess.Popen(
                [sys.executable, "-c", code, str(study.root)],
                stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(killing.ROOT)},
            )
        )  # fmt: skip
        if not wait:
            others[0].wait()
        else:
            time.sleep(3)
            assert others[0].poll() is None

    with monkeypatch.context() as patched:
        midway(patched, second)
        assert pull(study).mode == "full"
    said, _ = others[0].communicate()
    assert (others[0].returncode, said.split()) == ((17, []) if not wait else (0, ["night", "0"]))
