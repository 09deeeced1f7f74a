"""A standalone Spark cluster on loopback: a master and workers, ended with us however we end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

__all__ = ["Cluster", "free_port", "standalone", "until"]

# Ends all of its group, executors too, when its standard input ends.
_SUPERVISOR = """
class() { "$1/bin/spark-class" "org.apache.spark.deploy.$2" "${@:4}" >"$3" 2>&1 & }
class "$1" master.Master master.log --host 127.0.0.1 --port "$2" --webui-port "$3"
read -r _
for n in $(seq "$4"); do
  class "$1" worker.Worker "worker$n.log" --host 127.0.0.1 --webui-port 0 --cores "$5" --memory "$6" \
    --work-dir "$PWD/work$n" "spark://127.0.0.1:$2"
done
read -r _
kill -9 0
"""


class Cluster:
    """The cluster's address, and what its master tells of it."""

    def __init__(self, port: int, page: int) -> None:
        self.url, self._page = f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{page}/json/"

    def told(self) -> Any:
        """The master's own page."""
        with urllib.request.urlopen(self._page, timeout=10) as answer:  # noqa: S310 - our own page
            return json.loads(answer.read())

    def workers(self) -> int:
        """How many it has."""
        try:
            return int(self.told()["aliveworkers"])
        except (OSError, ValueError):  # the page is not there yet, or half there
            return 0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until(what: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def standalone(
    folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "1g", java: str = ""
) -> Iterator[Cluster]:
    """A cluster whose files are in ``folder``, which is removed; ``java``: options of each of its JVMs."""
    import pyspark

    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "spark-defaults.conf").write_text(f"spark.executor.extraJavaOptions {java}\n")
    surroundings = {
        "SPARK_CONF_DIR": str(folder / "conf"), "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": java,
    }  # fmt: skip
    port, page = free_port(), free_port()
    home = str(Path(pyspark.__file__).parent)
    process = subprocess.Popen(
        ["bash", "-c", _SUPERVISOR, "cluster", home, str(port), str(page), str(workers), str(cores), memory],
        cwd=folder, env=os.environ | surroundings, stdin=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    made = Cluster(port, page)
    assert process.stdin
    with patch.dict(os.environ, surroundings):
        try:
            # A worker that finds no master waits ten seconds before it looks again.
            until(partial(_listens, port))
            process.stdin.write(b"\n")
            process.stdin.flush()
            until(lambda: made.workers() == workers)
            yield made
        finally:
            process.stdin.close()
            process.wait(30)
            shutil.rmtree(folder, ignore_errors=True)
