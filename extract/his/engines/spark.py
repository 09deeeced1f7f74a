"""A regional platform's lake through Spark: a folder of files, or the tables of a catalog.

A statement runs as a job group of its own in a thread of its own, so that the caller can be interrupted
at any moment; whoever leaves it cancels the group and waits until no executor runs a task of it.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRuns
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from extract.errors import CohortlockError, SchemaDrift
from extract.his.engines.base import Ended, unwatched
from extract.his.engines.forms import formed
from extract.his.engines.spark_address import read_address
from extract.his.engines.spark_classic import Classic
from extract.his.engines.spark_faults import spark_fault, too_long
from extract.his.engines.spark_lake import views

__all__ = ["SparkEngine"]

_T = TypeVar("_T")
_NUMBERS: Final = itertools.count(1)
_GRACE: Final = 60.0
"""Seconds after which hope is given up that a cancelled statement ends."""
_BATCHES_AHEAD: Final = 2
_SESSION: Final = {
    # A text is never read as a number that it is not, and an unreadable time is an error, not a guess.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    # '' in a literal is a quote; a backslash is doubled by the dialect layer.
    "spark.sql.legacy.consecutiveStringLiterals.enabled": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    # The HIS keeps wall-clock times.
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    # A table is a name, never a path in FROM.
    "spark.sql.runSQLOnFiles": "false",
    # What a task reads is what a batch of partitions holds in memory.
    "spark.sql.files.maxPartitionBytes": "64m",
}


class SparkEngine:
    """One session with one lake or catalog."""

    dialect = product = "spark"

    def __init__(
        self,
        url: str,
        *,
        root: Path,
        zone: str,
        seconds: int,
        all_text: bool = False,
        empty: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Open. ``all_text`` and ``empty`` as ``LakeEngine`` has them.

        Raises SiteInvalid, Busy, DriverMissing, SourceUnreachable, SourceRefused.
        """
        address = read_address(url, root)
        self.where = address.where
        self.abandoned: Callable[[], object] = unwatched
        self._zone = ZoneInfo(zone)
        self._seconds = seconds
        self._ended: Ended | None = None
        # pyspark ties a Python thread to a thread of the JVM.  An answer that was not waited for would be
        # taken for the next one: so only this thread asks, and the caller waits for it.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="spark")
        # Not in the worker: signals are the main thread's.
        self._session = Classic(address)
        settings = {**_SESSION, "spark.sql.session.timeZone": zone}
        try:
            self._asked(lambda: _settled(self._session, settings))
            self._asked(lambda: views(self._session.spark, address, all_text=all_text, empty=empty or {}))
        except BaseException:
            self.close()
            raise

    def stream(
        self,
        sql: str,
        params: Mapping[str, object],
        schema: pa.Schema,
        *,
        batch_rows: int,
        unreadable: Counter[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """See ``Engine.stream``."""
        for batch in self._batches(sql, params, batch_rows):
            columns = [_wall_clock(column, self._zone) for column in batch.columns]
            yield pa.record_batch(
                [
                    formed(column, field, self._zone, unreadable)
                    for column, field in zip(columns, schema, strict=True)
                ],
                schema=schema,
            )

    def ask(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """See ``Engine.ask``."""
        return [
            tuple(row)
            for batch in self._batches(sql, params or {}, 1000)
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]

    def day(self, iso: str) -> object:
        """See ``Engine.day``: Spark compares a text bind with dates, times and texts alike."""
        return iso

    def columns(self, table: str) -> frozenset[str] | None:
        """See ``Engine.columns``."""
        try:
            return self._asked(lambda: _columns(self._session, table))
        except SchemaDrift:
            return None

    def ended(self) -> Ended | None:
        """How the last statement that was left ended on the cluster."""
        return self._ended

    def close(self) -> None:
        """See ``Engine.close``."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    # ---- statements ----

    def _batches(self, sql: str, params: Mapping[str, object], rows: int) -> Iterator[pa.RecordBatch]:
        """Rows as Spark gives them, read ahead by the worker while the caller is busy."""
        group = f"cohortlock-{os.getpid()}-{next(_NUMBERS)}"
        left = threading.Event()
        ready: queue.Queue[pa.RecordBatch | None] = queue.Queue(_BATCHES_AHEAD)

        def work() -> None:
            _settled(self._session, {"spark.sql.execution.arrow.maxRecordsPerBatch": str(rows)})
            for batch in self._session.batches(sql, params, group, left.is_set):
                _put(ready, batch, left)
            _put(ready, None, left)

        done = self._worker.submit(work)
        try:
            waited = 0.0
            while True:
                began = time.monotonic()
                batch = _next(ready, done, self._seconds - waited)
                waited += time.monotonic() - began
                if batch is None:
                    break
                yield batch
        except BaseException as error:  # noqa: BLE001 - whatever it is, the cluster must not go on
            left.set()
            self._ended = self._end(group, done)
            self.abandoned()
            if isinstance(error, StillRuns):
                raise too_long(self.where, self._seconds) from None
            raise self._fault(error) from None

    def _fault(self, error: BaseException) -> BaseException:
        foreign = isinstance(error, Exception) and not isinstance(error, CohortlockError)
        return spark_fault(error, self.where) if foreign else error

    def _end(self, group: str, done: Future[None]) -> Ended:
        """Cancel a statement, and return when no executor runs a task of it."""
        began, how = time.monotonic(), "by itself"
        try:
            if not done.done() or self._session.running(group):
                self._session.cancel(group)
                how = "cancelled"
            while not done.done() or self._session.running(group):
                if time.monotonic() - began > _GRACE:
                    return Ended(self._session.name, "running", how, time.monotonic() - began)
                time.sleep(0.05)
            return Ended(self._session.name, "dead", how, time.monotonic() - began)
        except Exception:  # noqa: BLE001 - whatever the JVM's loss looks like from here
            return Ended("", "unknown", how, time.monotonic() - began)

    def _asked(self, question: Callable[[], _T]) -> _T:
        """A question about schema or session, asked by the worker; jobs that it starts end with it."""
        group = f"cohortlock-{os.getpid()}-{next(_NUMBERS)}"

        def work() -> _T:
            self._session.began(group)
            return question()

        done = self._worker.submit(work)
        try:
            return done.result(self._seconds)
        except BaseException as error:  # noqa: BLE001 - the same
            if not done.done():
                self._session.cancel(group)
            if isinstance(error, StillRuns):
                raise too_long(self.where, self._seconds) from None
            raise self._fault(error) from None


def _put(
    ready: queue.Queue[pa.RecordBatch | None], batch: pa.RecordBatch | None, left: threading.Event
) -> None:
    while not left.is_set():
        try:
            ready.put(batch, timeout=0.1)
        except queue.Full:
            continue
        return


def _next(
    ready: queue.Queue[pa.RecordBatch | None], done: Future[None], seconds: float
) -> pa.RecordBatch | None:
    """The next batch, None at the end. Raises what the worker met, and StillRuns after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ready.get(timeout=max(0.0, min(0.1, end - time.monotonic())))
        except queue.Empty:
            if done.done():
                done.result()
                if ready.empty():
                    return None
            elif time.monotonic() >= end:
                raise StillRuns from None


def _settled(session: Classic, settings: Mapping[str, str]) -> None:
    conf = session.spark.conf
    for name, value in settings.items():
        if conf.get(name, None) != value:
            conf.set(name, value)


def _columns(session: Classic, table: str) -> frozenset[str]:
    return frozenset(name.lower() for name in session.spark.table(table).columns)


def _wall_clock(column: pa.Array, zone: ZoneInfo) -> pa.Array:
    """A moment as the site's clock shows it."""
    kind = column.type
    if not pa.types.is_timestamp(kind) or kind.tz is None:
        return column
    return pc.local_timestamp(pc.cast(column, pa.timestamp(kind.unit, zone.key)))
