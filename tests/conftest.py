"""What every test may rely on: a PostgreSQL by address, and a run that cannot skip in silence."""

from __future__ import annotations

import os

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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Where everything is required (CI), a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("COHORTLOCK_REQUIRE_ALL") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
