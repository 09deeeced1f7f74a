"""Back-off: a small SELECT is timed before and between statements, and while it is slow nothing is asked."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from extract.errors import NotNow, SourceRefused
from extract.his.engines.base import Engine
from extract.his.guard.settings import Safety

__all__ = ["Canary", "canary_sql"]

_EVERY: Final = 1.0
"""Seconds between two looks: a pull of a thousand small statements pays for a few."""
_NOISE: Final = 0.05
"""Seconds by which a quiet server's answer may differ."""
_LONGEST: Final = 30.0
"""Seconds of the longest pause."""


def canary_sql(table: str, dialect: str) -> str:
    """One row of a table, as ``dialect`` says it."""
    from sqlglot import exp

    from extract.his.guard.statements import sqlglot_name

    return exp.select("1").from_(exp.to_table(table)).limit(1).sql(dialect=sqlglot_name(dialect))


@dataclass
class Canary:
    """The canary of one session. ``slow`` and ``waited`` are told in the load report."""

    engine: Engine
    sql: str
    safety: Safety
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    usual: float = 0.0
    """Seconds of a quiet server, from the start of this session; the quietest seen."""
    slowest: float = 0.0
    waited: float = 0.0
    looks: int = 0
    _last: float = float("-inf")

    def begin(self) -> None:
        """Learn what is usual."""
        self.usual = statistics.median(self._seconds() for _ in range(3))
        self._last = self.clock()

    def settle(self) -> None:
        """Return when the server is not slow. Raises NotNow when patience ends first."""
        if self.clock() - self._last < _EVERY:
            return
        pause, waited = 1.0, 0.0
        while (seconds := self._seconds()) > max(self.usual * self.safety.canary_factor, self.usual + _NOISE):
            if waited >= self.safety.patience_seconds:
                raise NotNow(
                    f"the database is slow: a small SELECT takes {seconds:.2f} s instead of {self.usual:.3f} s,"
                    f" after {waited:.0f} s of waiting",
                    "Run the same command at a quieter time: what is done stays done.",
                )
            pause = min(pause, self.safety.patience_seconds - waited)
            self.sleep(pause)
            waited += pause
            self.waited += pause
            pause = min(2 * pause, _LONGEST)
        self.usual = min(self.usual, seconds)
        self._last = self.clock()

    def _seconds(self) -> float:
        start = self.clock()
        try:
            self.engine.ask(self.sql)
        except SourceRefused:
            # Stopped by the lock or statement time-out: as slow as it can be.
            self.slowest = max(self.slowest, self.clock() - start)
            self.looks += 1
            return float("inf")
        seconds = self.clock() - start
        self.slowest, self.looks = max(self.slowest, seconds), self.looks + 1
        return seconds
