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

_Asked = tuple[str, tuple[tuple[str, object], ...]]
"""A stage: its text and its binds."""

_NUMBERS: Final = itertools.count(1)
_KEPT: Final = 8
"""How many stages stay on the executors: those of a search that its next window shares, and no more."""


class Classic:
    """One SparkSession. All but ``cancel`` and ``running`` is called by the thread that made it."""

    def __init__(self, address: Address) -> None:
        """Raises Busy, DriverMissing, SourceUnreachable, SourceRefused."""
        root = DRIVER.enter(address)
        self._step = address.cores
        self.spark: Any = root.newSession()
        self._context: Any = root.sparkContext
        self._core: Any = self._context._jsc.sc()  # noqa: SLF001 - what pyspark shows of a job is not enough
        self._kept: dict[_Asked, str] = {}
        self._keepers: set[str] = set()
        self._doubtful = False

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
        self.began(group)
        try:
            yield from self._rows(self._computed(sql, params), left)
        except Exception:
            self._doubtful = True
            raise

    def _rows(self, frame: Any, left: Callable[[], bool]) -> Iterator[pa.RecordBatch]:
        from pyspark.serializers import NoOpSerializer
        from pyspark.util import _load_from_socket

        with quiet():
            from pyspark.sql.pandas.types import to_arrow_schema

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
        """The last stage's rows, not yet asked for; what the earlier ones found lies on the executors.

        What another statement has computed there, another window of the search say, is used again.
        """
        self._trust_or_forget()
        found: dict[str, str] = {}
        *first, last = staged(sql)
        for stage in first:
            text = stage.sql.format_map(found)
            asked = (text, tuple(sorted(_bound(text, params).items(), key=str)))
            # The one that was used last stands last.
            found[stage.name] = self._kept.pop(asked, "") or self._checkpointed(stage.name, text, params)
            self._kept[asked] = found[stage.name]
        while len(self._kept) > max(_KEPT, len(first)):
            self._dropped(next(iter(self._kept)))
        text = last.sql.format_map(found)
        return self.spark.sql(only_read(text), _bound(text, params))

    def _checkpointed(self, name: str, text: str, params: Mapping[str, object]) -> str:
        frame = self.spark.sql(only_read(text), _bound(text, params)).localCheckpoint(eager=True)
        view = f"cohortlock_{next(_NUMBERS)}_{name}"
        frame.createOrReplaceTempView(view)
        return view

    def _trust_or_forget(self) -> None:
        """What was left on an executor went with it: after a loss, or a cancelled task, all is computed anew."""
        infos = self._context._jsc.statusTracker().getExecutorInfos()  # noqa: SLF001 - not in pyspark's own face
        here = {f"{one.host()}:{one.port()}" for one in infos}
        if self._doubtful or not self._keepers <= here:
            for asked in list(self._kept):
                self._dropped(asked)
            self._doubtful = False
        self._keepers = here

    def _dropped(self, asked: _Asked) -> None:
        # A view is only a name: whoever has read it keeps what is behind it.
        self.spark.catalog.dropTempView(self._kept.pop(asked))

    def cancel(self, group: str) -> None:
        """Stop what runs for ``group``, and what it would still start."""
        self._doubtful = True
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
