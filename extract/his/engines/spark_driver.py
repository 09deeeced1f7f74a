"""The one Spark driver of this process: a JVM that is silent, takes a stated part of a cluster, and is ended.

Nothing that holds a value leaves it: no log (Spark writes statements and rows into its messages), no web
page, no event log.  The JVM reads our standard input and ends with us, however we end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from extract.errors import Busy, DriverMissing, SourceRefused, SourceUnreachable
from extract.his.engines.spark_address import Address

__all__ = ["DRIVER", "answers", "java", "quiet"]

_EXECUTOR_SECONDS: Final = 60
"""How long a cluster may take to give the first executor."""
_SILENT: Final = Path(__file__).with_name("spark_silent.properties")
_SET: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.eventLog.enabled": "false",
    "spark.log.structuredLogging.enabled": "false",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_SILENT.as_uri()} -XX:-UsePerfData"
    # It plans, and the executors work: a compiler that starts at once is worth more than a thorough one.
    " -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    # A task that does not end when it is cancelled takes its executor with it.
    "spark.task.reaper.enabled": "true",
    "spark.task.reaper.killTimeout": "15s",
    "spark.scheduler.mode": "FAIR",
}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Pyspark says on import what it thinks of the installed pandas, of which nothing is used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def java() -> str | None:
    """The Java that Spark would start."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def answers(address: Address) -> None:
    """Raises SourceUnreachable where no master takes a connection: Spark itself would try for a minute."""
    if not address.hosts:
        return
    for host in address.hosts:
        with contextlib.suppress(OSError), socket.create_connection(host, timeout=5):
            return
    raise SourceUnreachable(
        f"{address.where}: no master answers", "Check host, port and network, then `cohortlock doctor`."
    )


class _Driver:
    """Started for the first session, ended with the last."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users = 0
        self._root: Any = None
        self._of: Address | None = None

    def enter(self, address: Address) -> Any:
        """The root SparkSession. Raises Busy, DriverMissing, SourceUnreachable, SourceRefused."""
        with self._lock:
            if self._root is None:
                self._root, self._of = _started(address), address
            elif self._of is None or self._of.cluster != address.cluster:
                raise Busy(
                    f"{address.where}: this process holds a session with another Spark cluster",
                    "Wait until it ends, or run the command in a process of its own.",
                )
            self._users += 1
            return self._root

    def leave(self) -> None:
        """One session less."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                root, self._root = self._root, None
                _stopped(root)


DRIVER: Final = _Driver()


def _started(address: Address) -> Any:
    if java() is None:
        raise DriverMissing(
            f"{address.where}: there is no Java here",
            "Install Java 17 or newer (Debian: openjdk-17-jre-headless), or set JAVA_HOME.",
        )
    answers(address)
    try:
        with quiet():
            from py4j.protocol import Py4JError  # type: ignore[import-untyped]
            from pyspark import SparkConf, SparkContext
            from pyspark.errors import PySparkException
            from pyspark.java_gateway import launch_gateway
            from pyspark.logger import PySparkLogger
            from pyspark.sql import SparkSession
    except ImportError:
        raise DriverMissing(
            f"{address.where}: pyspark is not installed", "Install pyspark (pip install 'cohortlock[spark]')."
        ) from None
    if SparkContext._active_spark_context is not None:  # noqa: SLF001 - no public way to ask
        raise Busy(f"{address.where}: this process runs a Spark of its own", "Run the command elsewhere.")
    # pyspark logs an error with its statement and value to standard error before it raises it.
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True
    logging.getLogger("py4j").addHandler(logging.NullHandler())
    logging.getLogger("py4j").propagate = False
    conf = SparkConf(loadDefaults=False)
    for name, value in _settings(address).items():
        conf.set(name, value)
    interrupt = signal.getsignal(signal.SIGINT)
    gateway: Any = None
    try:
        # What the JVM prints before its log is set goes nowhere.
        gateway = launch_gateway(  # type: ignore[no-untyped-call]
            conf, popen_kwargs={"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        )
        with quiet():
            context = SparkContext(gateway=gateway, conf=conf)
        root = SparkSession(context)
    except (PySparkException, Py4JError, OSError) as error:
        _ended(gateway)
        if gateway is None:
            raise DriverMissing(
                f"{address.where}: the installed Java does not start Spark",
                "Install Java 17 or newer (Debian: openjdk-17-jre-headless), and set JAVA_HOME to it.",
            ) from None
        raise _refusal(error, address) from None
    finally:
        # Spark puts its own handler there, which prints; Ctrl-C is ours to answer.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt)
    try:
        _awaited(context, address)
    except BaseException:
        _stopped(root)
        raise
    return root


def _settings(address: Address) -> dict[str, str]:
    settings = {
        **_SET,
        "spark.app.name": "cohortlock",
        "spark.cores.max": str(address.cores),
        "spark.executor.memory": address.memory,
        "spark.sql.shuffle.partitions": str(max(4, 2 * address.cores)),
    }
    if address.master:
        settings["spark.master"] = address.master
    here = address.driver
    if not here and address.hosts and all(host in {"127.0.0.1", "localhost"} for host, _ in address.hosts):
        here = "127.0.0.1"
    if here:
        settings |= {"spark.driver.host": here, "spark.driver.bindAddress": here}
    return settings


def _refusal(_error: Exception, address: Address) -> SourceUnreachable:
    return SourceUnreachable(
        f"{address.where}: the cluster does not take this application",
        "Check the master's address, that its Spark has this pyspark's version, and driver= in [source] url.",
    )


def _awaited(context: Any, address: Address) -> None:
    tracker = context._jsc.sc().statusTracker()  # noqa: SLF001 - not in pyspark's own face
    end = time.monotonic() + _EXECUTOR_SECONDS
    while len(tracker.getExecutorInfos()) < 2:  # the driver is one
        if time.monotonic() > end:
            raise SourceRefused(
                f"{address.where}: the cluster gives no executor of {address.memory}"
                f" within {_EXECUTOR_SECONDS} s",
                "Its cores or memory are taken: wait, or ask for less (cores=, memory= in [source] url).",
            )
        time.sleep(0.05)


def _stopped(root: Any) -> None:
    gateway = root.sparkContext._gateway  # noqa: SLF001 - pyspark has no way to end its JVM
    with contextlib.suppress(Exception):  # a JVM that is gone cannot be ended any better
        root.stop()
    _ended(gateway)


def _ended(gateway: Any) -> None:
    """End the JVM, and let pyspark forget it, so that the next session starts one anew."""
    from pyspark import SparkContext

    if gateway is not None:
        with contextlib.suppress(Exception):
            gateway.shutdown()
        process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
        if process is not None:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    SparkContext._active_spark_context = None  # noqa: SLF001
    SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001
