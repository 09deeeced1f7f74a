"""What every test may rely on: a PostgreSQL by address, a run that cannot skip in silence, a sceptic over every lock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

# A busy machine is no counterexample; time is measured by `make bench`, not by tests.
settings.register_profile("cohortlock", deadline=None)
settings.load_profile("cohortlock")

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
MARIADB = "mariadb+pymysql://root@127.0.0.1:3306/"


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The address of a PostgreSQL on which we may create and drop databases; skips where none answers."""
    import psycopg

    url = os.environ.get("COHORTLOCK_TEST_POSTGRES", POSTGRES)
    try:
        psycopg.connect(url.replace("+psycopg", ""), connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL answers; `make test` starts one where it is installed")
    return url


@pytest.fixture(scope="session")
def mariadb_url() -> str:
    """The same of a MariaDB."""
    import pymysql
    from sqlalchemy import make_url

    address = os.environ.get("COHORTLOCK_TEST_MARIADB", MARIADB)
    at = make_url(address)
    try:
        pymysql.connect(host=at.host, port=at.port or 3306, user=at.username, connect_timeout=3).close()
    except pymysql.err.OperationalError:
        pytest.skip("no MariaDB answers; `make test` starts one where it is installed")
    return address


@pytest.fixture(scope="session")
def odbc_drivers() -> list[str]:
    """The drivers that unixODBC knows, those for PostgreSQL, MariaDB and SQLite among them."""
    pyodbc = pytest.importorskip(
        "pyodbc", reason="unixODBC's libodbc.so.2 is not installed", exc_type=ImportError
    )
    known = list(pyodbc.drivers())
    if missing := {"PostgreSQL Unicode", "MariaDB Unicode", "SQLite3"} - set(known):
        pytest.skip(f"no ODBC driver {', '.join(sorted(missing))}; `make test` installs them where it may")
    return known


SCEPTIC = """
import json, runpy, sys, traceback
from contextlib import redirect_stdout
from io import StringIO
script, said = sys.argv[1], {}
for path in json.load(sys.stdin):
    sys.argv = [script, path]
    try:
        with redirect_stdout(StringIO()) as printed:
            runpy.run_path(script)
        said[path] = printed.getvalue().strip()
    except Exception:
        said[path] = traceback.format_exc(limit=-1)
print(json.dumps(said))
"""


@pytest.fixture(scope="session")
def sceptic(tmp_path_factory):
    """What the thirty lines of docs/verify.md, in a process of their own, print for each snapshot: its logical hash."""
    text = (Path(__file__).parents[1] / "docs" / "verify.md").read_text(encoding="utf-8")
    script = tmp_path_factory.mktemp("sceptic") / "verify.py"
    script.write_text(text.split("```python\n")[1].split("```")[0], encoding="utf-8")

    def judge(snapshots):
        asked = json.dumps([str(path) for path in snapshots])
        command = [sys.executable, "-I", "-c", SCEPTIC, str(script)]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
        return {Path(path): said for path, said in json.loads(done.stdout).items()}

    return judge


@pytest.fixture(scope="session", autouse=True)
def every_snapshot_convinces_the_sceptic(tmp_path_factory, sceptic):
    """...whichever test made it: a copy is kept as it gets its name, and those of other processes are found at the end."""
    kept, rename = tmp_path_factory.mktemp("locked-by-any-test"), Path.rename

    def renamed(self, target):
        done = rename(self, target)
        if self.name.startswith(".building-"):
            # A process that is killed meanwhile leaves a hidden half, not a snapshot.
            half = Path(shutil.copytree(target, kept / f".{uuid4().hex}"))
            rename(half, kept / half.name.removeprefix("."))
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", renamed)
        yield
    made = [path for path in kept.iterdir() if not path.name.startswith(".")]
    known = {(path / "manifest.json").read_bytes() for path in made}
    for manifest in tmp_path_factory.getbasetemp().glob("**/snapshots/v*/manifest.json"):
        if manifest.read_bytes() not in known:
            from validate.lock.verify import verify

            # A test may have forged it since; what we accept, the sceptic must.
            made += [manifest.parent] if verify(manifest.parent, rows=True).ok else []
    if made:
        hashes = {path: json.loads((path / "manifest.json").read_bytes())["logical_hash"] for path in made}
        assert sceptic(made) == hashes


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Where everything is required (CI), a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("COHORTLOCK_REQUIRE_ALL") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
