"""What a person at a terminal waits for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

BIN = Path(sys.executable).parent


def bench_help() -> Iterator[tuple[str, Callable[[], object]]]:
    """Seconds until help stands on the terminal (ours must stay under 0.5)."""

    def help_of(*command: str) -> Callable[[], object]:
        return lambda: subprocess.run([*command, "--help"], capture_output=True, check=True).returncode

    yield "cohortlock --help", help_of(str(BIN / "cohortlock"))
    yield "cohortlock pull --help", help_of(str(BIN / "cohortlock"), "pull")
    yield "prefect --help", help_of(str(BIN / "prefect"))
    yield "python -c pass", lambda: subprocess.run([sys.executable, "-c", "pass"], check=True).returncode
