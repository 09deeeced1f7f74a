"""A contender that is a process of its own: its last line, and its peak memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Process"]
_COMPILED = tempfile.TemporaryDirectory(prefix="bench-compiled-")
"""Where the contenders' compiled modules are kept, whatever the caller's environment says of them."""


def _as_installed() -> dict[str, str]:
    """The environment of an installed program, whose modules were compiled once and not at every start."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": _COMPILED.name}


@dataclass
class Process:
    """A contender that is a command; ``peak`` is the largest resident size of its runs, in MB."""

    command: list[str]
    before: Callable[[], object] | None = None
    """Run before each turn, outside the clock: a fresh folder, say."""
    peak: int = 0

    def __call__(self) -> str:
        """The last line that the command prints."""
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=errors, env=_as_installed()
            ) as process,
        ):
            assert process.stdout
            said = process.stdout.read().decode()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                errors.seek(0)
                failed = errors.read().decode()[-500:]
                raise RuntimeError(f"a contender ended with {process.returncode}: {failed}")
        self.peak = max(self.peak, usage.ru_maxrss // 1024)
        return said.strip().splitlines()[-1]
