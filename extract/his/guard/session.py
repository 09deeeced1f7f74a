"""What a session may cost the server: time-outs, one snapshot per statement, and its place among our own.

The engine has opened it read-only with a statement time-out (``engines.sessions``); this adds what a DBA
asks for, in the server's own terms.  READ UNCOMMITTED and NOLOCK are nowhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from extract.errors import Busy, SourceRefused, SourceUnreachable
from extract.his.engines.base import Engine
from extract.his.guard.settings import Safety

__all__ = ["FILES", "prepare", "session_id", "whole_tables"]

FILES: Final = frozenset({"sqlite", "duckdb"})
"""Products that are a file opened read-only in this process: no server, no accounts, nobody to disturb."""

_SESSION: Final = {
    "postgresql": "SELECT pg_backend_pid()",
    "mariadb": "SELECT CONNECTION_ID()",
    "mysql": "SELECT CONNECTION_ID()",
    "mssql": "SELECT @@SPID",
}
_NAME: Final = "cohortlock"
_WHOLE: Final = (
    # Whatever the planner takes a condition for, all rows of both tables are joined.
    "SELECT set_config('enable_nestloop', 'off', false)",
    # 32 MB, where the server gives less, hold the keys of a million rows without a file.
    "SELECT set_config(name, '32MB', false) FROM pg_settings WHERE name = 'work_mem' AND CAST(setting AS BIGINT) < 32768",
)
_USUAL: Final = (
    "SELECT set_config(name, reset_val || COALESCE(unit, ''), false) FROM pg_settings"
    " WHERE name IN ('enable_nestloop', 'work_mem')"
)


def session_id(engine: Engine) -> int | None:
    """The server's number of this session; None where there is none or it is not told."""
    if (sql := _SESSION.get(engine.product)) is None:
        return None
    return int(str(engine.ask(sql)[0][0]))


def prepare(engine: Engine, safety: Safety) -> list[str]:
    """Set the session up; returns what now holds, in words for the load report.

    Raises Busy when as many pulls as are allowed hold a session with this database already.
    """
    match engine.product:
        case "postgresql":
            said = _postgresql(engine, safety)
        case "mariadb" | "mysql":
            said = _mariadb(engine, safety)
        case "mssql":
            said = _sql_server(engine, safety)
        case product if product in FILES:
            return ["a file, opened read-only"]
        case _:
            return ["read-only session"]
    return ["read-only session", *said, f"at most {safety.connections} session(s) at once"]


@contextmanager
def whole_tables(engine: Engine) -> Iterator[None]:
    """The statements inside join tables from end to end: on PostgreSQL none of them probes an index row by row."""
    if engine.product != "postgresql":
        yield
        return
    for statement in _WHOLE:
        engine.ask(statement)
    try:
        yield
    finally:
        # A session that is lost has forgotten it by itself.
        with suppress(SourceRefused, SourceUnreachable):
            engine.ask(_USUAL)


def _postgresql(engine: Engine, safety: Safety) -> list[str]:
    engine.ask("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    wanted = {
        "application_name": _NAME,
        "lock_timeout": f"{safety.lock_seconds}s",
        "idle_in_transaction_session_timeout": f"{safety.idle_seconds}s",
        "idle_session_timeout": f"{safety.idle_seconds}s",
        # A client that was killed is noticed while its statement runs, not at its end.
        "client_connection_check_interval": "5s",
    }
    for name, value in wanted.items():
        # Older servers do not know all of these.
        engine.ask(
            "SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :name",
            {"name": name, "value": value},
        )
    earlier = engine.ask(
        "SELECT COUNT(*) FROM pg_stat_activity o, pg_stat_activity m WHERE m.pid = pg_backend_pid()"
        " AND o.datname = m.datname AND o.usename = m.usename AND o.application_name = m.application_name"
        " AND (o.backend_start, o.pid) < (m.backend_start, m.pid)"
    )
    _place(int(str(earlier[0][0])), safety)
    return [
        "one snapshot per statement (repeatable read)",
        f"lock time-out {safety.lock_seconds} s",
        f"idle time-out {safety.idle_seconds} s",
    ]


def _mariadb(engine: Engine, safety: Safety) -> list[str]:
    engine.ask("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    for name in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
        engine.ask(f"SET SESSION {name} = {safety.lock_seconds}")
    engine.ask(f"SET SESSION wait_timeout = {safety.idle_seconds}")
    if engine.product == "mariadb":
        engine.ask(f"SET SESSION idle_readonly_transaction_timeout = {safety.idle_seconds}")
    # A name that the server forgets with the session: MariaDB shows no program names to an account.
    whose = str(engine.ask("SELECT CONCAT(CURRENT_USER(), ' ', COALESCE(DATABASE(), ''))")[0][0])
    stem = hashlib.sha256(whose.encode()).hexdigest()[:32]
    places = (f"{_NAME}-{stem}-{number}" for number in range(safety.connections))
    if not any(engine.ask("SELECT GET_LOCK(:name, 0)", {"name": name})[0][0] == 1 for name in places):
        _place(safety.connections, safety)
    return [
        "one snapshot per statement (repeatable read)",
        f"lock time-out {safety.lock_seconds} s",
        f"idle time-out {safety.idle_seconds} s",
    ]


def _sql_server(engine: Engine, safety: Safety) -> list[str]:
    engine.ask("SET DEADLOCK_PRIORITY LOW")
    engine.ask(f"SET LOCK_TIMEOUT {safety.lock_seconds * 1000}")
    said = ["lowest deadlock priority", f"lock time-out {safety.lock_seconds} s"]
    state = engine.ask("SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()")
    if state and state[0][0] == 1:
        engine.ask("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
        said.append("one snapshot per statement")
    return said


def _place(others: int, safety: Safety) -> None:
    if others >= safety.connections:
        raise Busy(
            f"{others} pull(s) hold a session with this database already; site.toml allows {safety.connections}",
            "Wait until they end, or raise [safety] connections.",
        )
