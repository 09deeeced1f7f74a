"""A Prefect server of our own on loopback, for as long as it is needed and with nothing left behind.

Starting one takes ten to twenty seconds on two cores, so ``start`` returns at once and ``url`` waits.
It has its own home folder, its own port and no telemetry.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from extract.errors import NotReady

__all__ = ["QUIET", "PrefectServer", "connected", "hush"]

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
}
"""Settings under which Prefect reports to nobody."""

_SERVER = QUIET | {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}


class PrefectServer:
    """One server process; use as a context manager, which stops it whatever happens."""

    def __init__(self, home: Path | None = None, *, patience: float = 120.0) -> None:
        self._home = home
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._began = 0.0
        self.home = Path()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and return; ``url`` waits until it answers."""
        self.home = self._home or Path(tempfile.mkdtemp(prefix="cohortlock-prefect-"))
        self.home.mkdir(parents=True, exist_ok=True)
        self._port = _free_port()
        environment = os.environ | _SERVER | {"PREFECT_HOME": str(self.home)}
        # A server must not take another server for its own API.
        environment.pop("PREFECT_API_URL", None)
        command = [sys.executable, "-m", "prefect", "server", "start"]
        with (self.home / "server.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
                [*command, "--host", "127.0.0.1", "--port", str(self._port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._began = time.monotonic()

    @property
    def url(self) -> str:
        """The address of the API, once it answers. Raises NotReady when it does not come up."""
        address = f"http://127.0.0.1:{self._port}/api"
        while time.monotonic() - self._began < self._patience:
            if self._process is None or self._process.poll() is not None:
                break
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{address}/health", timeout=2) as answer,  # noqa: S310 - loopback
            ):
                if answer.status == 200:
                    return address
            time.sleep(0.1)
        raise NotReady(
            "The Prefect server of this run did not come up",
            f"Its log is {self.home / 'server.log'}; `prefect version` shows whether Prefect itself works.",
        )

    def stop(self) -> None:
        """End the process and all it started, and remove its home unless that was given."""
        process, self._process = self._process, None
        if process is not None:
            for sign, patience in ((signal.SIGINT, 10), (signal.SIGKILL, 10)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                    break
        if self._home is None:
            shutil.rmtree(self.home, ignore_errors=True)


def hush() -> None:
    """Prefect reports to nobody and says nothing on this terminal; call it before Prefect is imported.

    What goes wrong is raised, and said once, by whoever called the flow.
    """
    os.environ.update(QUIET | {"PREFECT_LOGGING_LEVEL": "CRITICAL"})


@contextlib.contextmanager
def connected(url: str, home: Path) -> Iterator[None]:
    """This process speaks to the server at ``url`` and keeps Prefect's local files under ``home``."""
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_HOME,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    # Logs are sent from a thread that outlives the server of a demo; there is nothing in them to keep.
    with temporary_settings(
        updates={PREFECT_API_URL: url, PREFECT_HOME: home, PREFECT_LOGGING_TO_API_ENABLED: False}
    ):
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
