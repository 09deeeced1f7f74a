"""A small simulated hospital, and the command line run in this process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from flows.demo import write_study


@dataclass
class Said:
    """What one run of the command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture
def cohortlock(capfd, monkeypatch):
    """``cohortlock(*arguments)`` as a person types it, with what it said on both streams."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    def run(*arguments: object) -> Said:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Said(int(left.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def small_hospital(tmp_path_factory) -> Path:
    """Everybody who is placed on purpose and nobody else; never written to."""
    from extract.synthetic.hospital import build
    from extract.synthetic.roster import FULL

    root = tmp_path_factory.mktemp("hospital")
    build(root / "his.db", patients=FULL, truth=root / "truth.json")
    return root / "his.db"


@pytest.fixture
def study(tmp_path, small_hospital) -> Path:
    """A fresh study folder on a hospital of its own."""
    shutil.copy(small_hospital, tmp_path / "his.db")
    write_study(tmp_path / "study", his="sqlite:///../his.db")
    return tmp_path / "study"


@pytest.fixture(scope="session")
def guarded_postgres(tmp_path_factory):
    """The port of a PostgreSQL of our own that asks everybody for a password."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        pytest.skip("PostgreSQL is not installed")
    root = Path(tempfile.mkdtemp(prefix="cohortlock-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(root, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    (root / "password").write_text("right\n", encoding="utf-8")
    (root / "password").chmod(0o644)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, tools = root / "data", Path(initdb).parent

    def tool(name: str, *arguments: str) -> None:
        subprocess.run(
            [*as_user, tools / name, "-D", data, *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL
        )

    tool("initdb", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={root / 'password'}", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={root} -c fsync=off"
    tool("pg_ctl", "-w", "-l", str(root / "log"), "-o", options, "start")
    try:
        yield port
    finally:
        tool("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(root, ignore_errors=True)


class Ran:
    """One demo: where it stands, what it told, and what it left on both streams and in Prefect's database."""

    def __init__(self, root: Path) -> None:
        self.out = root / "demo"
        self.home = root / "prefect"
        said = json.loads((root / "said.json").read_text(encoding="utf-8"))
        assert said["code"] == 0, said["stderr"]
        self.stdout, self.stderr = said["stdout"], said["stderr"]
        self.told = json.loads(self.stdout)

    @classmethod
    def anew(cls, root: Path) -> Ran:
        """Run it below ``root``; that it failed is kept too, so that nobody runs it again."""
        done = subprocess.run(
            [sys.executable, "-c", _KEEPING_PREFECT, str(root / "demo"), str(root / "prefect")],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")},
        )
        said = {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
        (root / "said.json").write_text(json.dumps(said), encoding="utf-8")
        return cls(root)

    @property
    def study(self) -> Path:
        """The study's folder."""
        return self.out / "study"

    @property
    def snapshot(self) -> Path:
        """The locked snapshot."""
        return Path(self.told["snapshot"])

    def prefect(self, query: str) -> list[tuple[object, ...]]:
        """Rows of Prefect's own database."""
        with sqlite3.connect(self.home / "prefect.db") as connection:
            rows = connection.execute(query).fetchall()
        connection.close()
        return rows


# The verb itself, but for one thing: Prefect's home is kept, so that its database can be looked at.
_KEEPING_PREFECT = """
import sys
from pathlib import Path
import flows.demo
from flows.cli import main
from flows.server import PrefectServer
flows.demo.PrefectServer = lambda: PrefectServer(Path(sys.argv[2]))
main(["demo", "--out", sys.argv[1], "--json"])
"""


@pytest.fixture(scope="session")
def demo(tmp_path_factory, worker_id):
    """One run of the demo, shared by all tests in all workers of this session."""
    if worker_id == "master":
        return Ran.anew(tmp_path_factory.mktemp("demo"))
    # The folder above a worker's own is the session's; whoever comes first runs, the others wait.
    root = tmp_path_factory.getbasetemp().parent / "shared-demo"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "said.json").exists():
            return Ran.anew(root)
    return Ran(root)
