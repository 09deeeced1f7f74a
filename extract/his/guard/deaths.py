"""A statement that was left (cancel, time-out, Ctrl-C) is confirmed dead, read off the server by a second session."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from extract.errors import CohortlockError
from extract.his.engines.base import Engine

__all__ = ["Death", "confirm_dead"]

_RUNNING: Final = {
    "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE pid = {id} AND state IN ('active', 'fastpath function call')",
    "mariadb": "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND command <> 'Sleep'",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND command <> 'Sleep'",
}
_STOP: Final = {
    "postgresql": ("SELECT pg_cancel_backend({id})", "SELECT pg_terminate_backend({id})"),
    "mariadb": ("KILL QUERY {id}", "KILL CONNECTION {id}"),
    "mysql": ("KILL QUERY {id}", "KILL CONNECTION {id}"),
}
_GRACE: Final = (0.0, 3.0, 30.0)
"""Seconds after which it is cancelled, its session ended, and hope given up."""


class Death(NamedTuple):
    """How a statement of ours ended on the server."""

    statement: str
    session: int | str
    """The server's number of the session; Spark's name of the application."""
    state: str
    """dead, running, or unknown where the server does not answer."""
    how: str
    """by itself, cancelled, session ended."""
    seconds: float

    def to_json(self) -> dict[str, object]:
        """As it stands in the load report."""
        return {**self._asdict(), "seconds": round(self.seconds, 3)}


def confirm_dead(again: Callable[[], Engine], product: str, session: int, statement: str) -> Death:
    """Stop session ``session``'s statement from a session made by ``again``; return when it does not run.

    Never raises a CohortlockError: a server that does not answer is the state ``unknown``.
    """
    started, how, step = time.monotonic(), "by itself", 0
    try:
        watcher = again()
        try:
            while _runs(watcher, product, session):
                passed = time.monotonic() - started
                if passed >= _GRACE[2]:
                    return Death(statement, session, "running", how, passed)
                if step < 2 and passed >= _GRACE[step]:
                    how = ("cancelled", "session ended")[step]
                    _stop(watcher, _STOP[product][step].format(id=session))
                    step += 1
                time.sleep(0.02)
        finally:
            watcher.close()
    except CohortlockError:
        return Death(statement, session, "unknown", how, time.monotonic() - started)
    return Death(statement, session, "dead", how, time.monotonic() - started)


def _runs(watcher: Engine, product: str, session: int) -> bool:
    return int(str(watcher.ask(_RUNNING[product].format(id=session))[0][0])) > 0


def _stop(watcher: Engine, sql: str) -> None:
    try:
        watcher.ask(sql)
    except CohortlockError:
        # It ended between the look and the shot; the next look tells.
        return
