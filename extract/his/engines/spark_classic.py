"""A session with a cluster whose driver is ours: statements as Arrow batches, a few partitions at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from extract.his.engines.binds import names
from extract.his.engines.spark_address import Address
from extract.his.engines.spark_driver import DRIVER, quiet
from extract.his.engines.spark_stages import only_read, staged

__all__ = ["Classic"]

_NUMBERS: Final = itertools.count(1)


class Classic:
    """One SparkSession. All but ``cancel`` and ``running`` is called by the thread that made it."""

    def __init__(self, address: Address) -> None:
        """Raises Busy, DriverMissing, SourceUnreachable, SourceRefused."""
        root = DRIVER.enter(address)
        self._step = address.cores
        self.spark: Any = root.newSession()
        self._context: Any = root.sparkContext
        self._core: Any = self._context._jsc.sc()  # noqa: SLF001 - what pyspark shows of a job is not enough

    @property
    def name(self) -> str:
        """What the cluster calls this application."""
        return str(self._context.applicationId)

    def began(self, group: str) -> None:
        """What this thread now asks for belongs to ``group``; a task that is cancelled is interrupted."""
        self._context.setJobGroup(group, "cohortlock", interruptOnCancel=True)

    def batches(
        self, sql: str, params: Mapping[str, object], group: str, left: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        """Rows of ``sql``, as many partitions at a time as we have cores; ends when ``left`` says so.

        The rows of those partitions are all that is held, here and in the JVM.
        """
        from pyspark.serializers import NoOpSerializer
        from pyspark.util import _load_from_socket

        with quiet():
            from pyspark.sql.pandas.types import to_arrow_schema

        self.began(group)
        frame = self._computed(sql, params)
        schema = to_arrow_schema(frame.schema, timezone="UTC")
        rows = frame._jdf.toArrowBatchRdd().toJavaRDD()  # noqa: SLF001 - toArrow() would hold everything
        jvm = self._context._jvm  # noqa: SLF001
        whole = rows.getNumPartitions()
        for start in range(0, whole, self._step):
            if left():
                return
            parts = jvm.java.util.ArrayList()
            for number in range(start, min(start + self._step, whole)):
                parts.append(number)
            place = jvm.PythonRDD.runJob(self._core, rows, parts)
            with _load_from_socket(place, NoOpSerializer()) as frames:
                for data in frames:
                    yield pa.ipc.read_record_batch(pa.py_buffer(data), schema)

    def _computed(self, sql: str, params: Mapping[str, object]) -> Any:
        """The last stage's rows, not yet asked for; what the earlier ones found lies on the executors."""
        found: dict[str, str] = {}
        try:
            *first, last = staged(sql)
            for stage in first:
                text = stage.sql.format_map(found)
                frame = self.spark.sql(only_read(text), _bound(text, params)).localCheckpoint(eager=True)
                found[stage.name] = f"cohortlock_{next(_NUMBERS)}_{stage.name}"
                frame.createOrReplaceTempView(found[stage.name])
            text = last.sql.format_map(found)
            return self.spark.sql(only_read(text), _bound(text, params))
        finally:
            # A view is only a name: whoever has read it keeps what is behind it.
            for name in found.values():
                self.spark.catalog.dropTempView(name)

    def cancel(self, group: str) -> None:
        """Stop what runs for ``group``, and what it would still start."""
        self._core.cancelJobGroupAndFutureJobs(group)

    def running(self, group: str) -> int:
        """Jobs and tasks of ``group`` that run, as the executors have told."""
        self._core.listenerBus().waitUntilEmpty(10_000)
        tracker = self._context._jsc.statusTracker()  # noqa: SLF001
        found = 0
        for number in tracker.getJobIdsForGroup(group):
            job = tracker.getJobInfo(number)
            if job is None:
                continue
            found += job.status().toString() == "RUNNING"
            for stage in job.stageIds():
                told = tracker.getStageInfo(stage)
                found += told.numActiveTasks() if told is not None else 0
        return found

    def close(self) -> None:
        """End the session, and with the last one the driver."""
        DRIVER.leave()


def _bound(sql: str, params: Mapping[str, object]) -> dict[str, object]:
    wanted = names(sql)
    return {name: value for name, value in params.items() if name in wanted}
