"""A contender in a process of its own that has imported what it needs before the clock starts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO

from process import Process

__all__ = ["Prepared", "prepared"]

_SAID = """import sys
{code}
print("ready", flush=True)
sys.stdin.readline()
print(main(*sys.argv[1:]))
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
"""The peak is of the program itself: what ``wait4`` tells is never less than the size of who started it."""


@dataclass
class Prepared(Process):
    """``code`` imports, and defines ``main(*arguments)``; only ``main`` is timed, but memory is of all."""

    _running: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        first, self.before = self.before, self._start
        self._first = first

    def _start(self) -> None:
        if self._first:
            self._first()
        child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._running = [child]
        if _of(child.stdout).readline().strip() != "ready":
            raise RuntimeError(f"a contender did not start: {self.command[3:]}")

    def __call__(self) -> str:
        """What ``main`` returns."""
        [child] = self._running
        _of(child.stdin).write("\n")
        _of(child.stdin).close()
        said = _of(child.stdout).read()
        if child.wait():
            raise RuntimeError(f"a contender ended with {child.returncode}")
        *_, answer, peak = said.strip().splitlines()
        self.peak = max(self.peak, int(peak) // 1024)
        return answer


def prepared(code: str, *arguments: object) -> Prepared:
    """A contender of Python code."""
    return Prepared([sys.executable, "-c", _SAID.format(code=code), *map(str, arguments)])


def _of(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
