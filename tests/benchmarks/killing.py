"""Pulls that are killed: each a process of its own, forked from one that has everything loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from extract.his.landing import Landing
from extract.his.records import TABLES

__all__ = ["Killer", "landed"]

ROOT = Path(__file__).resolve().parents[2]
BUSY, UNREACHABLE = 17, 13
FORKS = """
    import os, sys, time, traceback
    from pathlib import Path
    # Loaded before the forks, each of which would load them again.
    import adbc_driver_manager, pandas, psycopg, sqlalchemy.dialects.postgresql, sqlglot.optimizer.scope
    import extract.his.engines.relational
    from extract.errors import CohortlockError
    from extract.his.pull import pull
    from extract.study.folder import StudyFolder
    for line in sys.stdin:
        root, seconds = line.rstrip().split("\\t")
        began = time.monotonic()
        if (child := os.fork()) == 0:
            code = 1
            try:
                pull(StudyFolder.at(Path(root)))
                code = 0
            except CohortlockError as error:
                code = error.code
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        done, status = os.waitpid(child, os.WNOHANG)
        while not done:
            time.sleep(0.002)
            if time.monotonic() - began > float(seconds):
                os.kill(child, 9)
                done, status = os.waitpid(child, 0)
            else:
                done, status = os.waitpid(child, os.WNOHANG)
        print(os.waitstatus_to_exitcode(status), time.monotonic() - began, flush=True)
"""


class Killer:
    """Pulls studies and kills the pulls: ``pull(study, after)`` with SIGKILL after so many seconds."""

    def __init__(self) -> None:
        self.kills = 0
        self.seconds = 0.0
        """How long the last pull took that came to its end."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(FORKS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def pull(self, study: Path, after: float = 1e9) -> int:
        """One pull; its exit code, or -9 where it was killed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{study}\t{after}\n")
        self._process.stdin.flush()
        code, seconds = self._process.stdout.readline().split()
        self.kills += int(code) == -signal.SIGKILL
        if int(code) == 0:
            self.seconds = float(seconds)
        return int(code)

    def finish(self, study: Path) -> None:
        """Pull until one comes to its end: what a killed one left on the server may still be there for a moment."""
        for _ in range(120):
            if (code := self.pull(study)) == 0:
                return
            if code not in {BUSY, UNREACHABLE}:
                break
            time.sleep(0.5)
        raise AssertionError(f"a pull that nobody killed ended with {code}")


def landed(study: Path) -> dict[str, object]:
    """What must be equal, killed or not: every table's content, the candidates, what was counted; and no file too many."""
    with closing(Landing(study / "landing")) as landing:
        records = study / "landing" / "records"
        files = {f.relative_to(records).as_posix() for f in records.glob("*/*")}
        known = {str(row[0]) for row in landing._ledger.query("SELECT part FROM part")}
        assert files == known, "files that the ledger does not know, or the other way round"
        return {table: landing.content_hash(table) for table in TABLES} | {
            "candidates": landing.candidates().to_pylist(),
            "totals": landing.window_totals(),
            "rejected": landing.rejected(),
        }
