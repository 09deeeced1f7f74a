"""The guarded session: every statement of a pull goes through here, and what it cost is kept."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import pyarrow as pa

from extract.errors import CohortlockError, NotNow, SiteInvalid, SourceRefused, TooCostly
from extract.his.compile import Statement
from extract.his.drift import source_tables
from extract.his.engines.base import EndsItself, Engine
from extract.his.guard.canary import Canary, canary_sql
from extract.his.guard.deaths import Death, confirm_dead
from extract.his.guard.load import Load
from extract.his.guard.plans import Plan, check_plan
from extract.his.guard.rights import check_rights
from extract.his.guard.session import FILES, prepare, session_id
from extract.his.guard.statements import check_select
from extract.his.mapping import reads
from extract.his.sites import Site

__all__ = ["Guard", "check_hours", "stoppable"]

Clock = Callable[[ZoneInfo], datetime]


def check_hours(site: Site, clock: Clock = datetime.now) -> None:
    """Raises NotNow in blackout hours of the site's clock, with the next moment that is allowed."""
    now = clock(ZoneInfo(site.zone)).replace(tzinfo=None)
    try:
        allowed = site.safety.next_allowed(now)
    except ValueError as error:
        raise SiteInvalid(f"site.toml: {error}", "Leave some hours for the pull.") from None
    if allowed is not None:
        if allowed.second or allowed.microsecond:
            allowed = allowed.replace(second=0, microsecond=0) + timedelta(minutes=1)
        raise NotNow(
            f"site.toml forbids a pull at {now:%H:%M} ({site.zone}); the next allowed time is {allowed:%Y-%m-%d %H:%M}",
            "Run the same command then: what is done stays done. `cohortlock schedule` runs it every night.",
        )


class Guard:
    """One session with a site's database, held to what site.toml allows.

    ``again`` opens another session with the same database: it is asked for only to read off the server
    that a statement of this one is dead.
    """

    def __init__(
        self, engine: Engine, site: Site, again: Callable[[], Engine], *, clock: Clock = datetime.now
    ) -> None:
        self.engine = engine
        self.site = site
        self._again = again
        self._clock = clock
        self._statement = ""
        self._open: Iterator[pa.RecordBatch] | None = None
        self._rows = 0
        self._plans: dict[str, tuple[int, Plan]] = {}
        self._session: int | None = None
        self._canary: Canary | None = None
        self._file: Path | None = None
        self.load = Load(engine.where, f"{site.pack.name} {site.pack.version}", started=self._now())

    def __enter__(self) -> Self:
        """Prove the rights and set the session up.

        Raises NotNow, WriteRight, Busy, SourceRefused, SourceUnreachable.
        """
        safety, tables = self.site.safety, sorted(source_tables(self.site))
        borne = check_rights(self.engine, tables, safety)
        self.load.settings = [
            *prepare(self.engine, safety),
            f"statement time-out {self.site.limits.statement_seconds} s",
            f"at most {safety.max_rows:,} rows",
            *(f"no work {hours}" for hours in safety.blackout),
            *borne,
        ]
        if self.engine.product not in FILES:
            self._session = session_id(self.engine)
            self.engine.abandoned = self._confirm
            visit = self.site.pack.tables["visit"]
            some = next(iter(reads(visit.sql, self.site.dialect, visit.origin)))
            self._canary = Canary(self.engine, safety.canary or canary_sql(some, self.site.dialect), safety)
            check_select(self._canary.sql, self.site.dialect, "site.toml [safety] canary")
            self._canary.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing of ours running, and file the report."""
        try:
            if self._open is not None:
                _close(self._open)
            if error is not None and not isinstance(error, CohortlockError) and not self.load.deaths:
                # Interrupted where the engine was not streaming: in a small question of our own.
                self._confirm()
        finally:
            if isinstance(error, CohortlockError):
                self.load.outcome = f"stopped: {error.slug}"
            else:
                self.load.outcome = "done" if error is None else f"stopped: {type(error).__name__}"
            self._filed(error)

    def file(self, path: Path, run: str) -> None:
        """Say where the load report goes (.json, and .md beside it) when the session ends."""
        self._file, self.load.run = path, run

    def _filed(self, error: BaseException | None) -> None:
        if self._file is None:
            return
        self.load.ended = self._now()
        if (canary := self._canary) is not None:
            self.load.canary = {
                "usual": round(canary.usual, 6),
                "slowest": round(canary.slowest, 6),
                "looks": canary.looks,
                "waited": canary.waited,
            }
        try:
            self.load.write(self._file)
        except OSError:
            # What stopped the run says more than a report that could not be written.
            if error is None:
                raise

    def _now(self) -> str:
        return self._clock(ZoneInfo(self.site.zone)).isoformat(sep=" ", timespec="seconds")

    # ---- statements ----

    def stream(
        self, statement: Statement, schema: pa.Schema, unreadable: Counter[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """``Engine.stream`` of a statement that is proven, allowed now, and below the gate.

        Raises NotSelect, NotNow, TooCostly, and what the engine raises.
        """
        check_select(statement.sql, self.site.dialect, statement.name)
        check_hours(self.site, self._clock)
        if self._canary is not None:
            self._canary.settle()
        line = self.load.kind(statement.name)
        line.planned(self._plan(statement))
        line.statements += 1
        batches = self.engine.stream(
            statement.sql,
            statement.params,
            schema,
            batch_rows=self.site.limits.batch_rows,
            unreadable=unreadable,
        )
        self._statement, self._open = statement.name, batches
        spent = 0.0
        try:
            while True:
                start = time.monotonic()
                try:
                    batch = next(batches, None)
                finally:
                    passed = time.monotonic() - start
                    spent += passed
                    line.seconds += passed
                if batch is None:
                    break
                line.rows += batch.num_rows
                line.bytes += batch.nbytes
                self._counted(batch.num_rows)
                yield batch
                check_hours(self.site, self._clock)
        finally:
            line.longest = max(line.longest, spent)
            self._open = None
            _close(batches)

    def one(self, statement: Statement, schema: pa.Schema) -> pa.RecordBatch:
        """The only batch of a statement that yields one row; read to its end, so that nothing is left open."""
        [batch] = list(self.stream(statement, schema))
        return batch

    def _plan(self, statement: Statement) -> Plan:
        """The plan of the longest list of keys so far: a shorter one of the same statement costs no more."""
        binds, plan = self._plans.get(statement.name, (-1, Plan()))
        if len(statement.params) > binds:
            plan = check_plan(self.engine, statement.name, statement.sql, statement.params, self.site.safety)
            self._plans[statement.name] = (len(statement.params), plan)
        return plan

    def _counted(self, rows: int) -> None:
        self._rows += rows
        if self._rows > (allowed := self.site.safety.max_rows):
            raise TooCostly(
                f"{self._statement}: the run has read {self._rows:,} rows; site.toml allows {allowed:,}",
                "Narrow the search, or raise [safety] max_rows.",
            )

    # ---- a statement that is left ----

    def _confirm(self) -> None:
        """The engine left a statement before its end: it must not go on without us."""
        if isinstance(self.engine, EndsItself) and (ended := self.engine.ended()) is not None:
            death = Death(self._statement, *ended)
        elif self._session is None:
            return
        else:
            death = confirm_dead(self._again, self.engine.product, self._session, self._statement)
        self.load.deaths.append(death)
        if death.state == "running":
            raise SourceRefused(
                f"{self.engine.where}: session {death.session} still runs a statement of ours "
                f"after {death.seconds:.0f} s of trying to end it",
                "Ask the DBA to end that session.",
            )


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM, as a scheduler sends it, ends a pull as Ctrl-C does: with its statement stopped on the server."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _close(batches: Iterator[pa.RecordBatch]) -> None:
    close: Callable[[], None] | None = getattr(batches, "close", None)
    if close is not None:
        close()
