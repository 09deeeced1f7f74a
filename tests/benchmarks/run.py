"""The measured comparisons: every ``bench_*`` function beside this file, on stdout and in RESULTS.md.

A bench yields ``(contender, call)`` pairs on one input; each call is run ``ROUNDS`` times in turn with the
others, so that a busy machine disturbs all alike, and must return the same answer as the first contender
unless the bench says what differs.  Times are given beside their ratio to the first contender.  A contender
that is a ``Process`` runs as one of its own, start and imports included, and its peak memory is measured.
Nothing is asserted about time.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from process import Process

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
NAMED = ("duckdb", "pandas", "polars", "pyarrow", "sqlalchemy", "prefect", "great-expectations", "scipy")

Contender = tuple[str, Callable[[], object]]


def benches() -> Iterator[tuple[str, Callable[[], Iterator[Contender]]]]:
    """Every bench of this folder with its title, the first line of its docstring."""
    for file in sorted(HERE.glob("bench_*.py")):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in vars(module).items():
            if name.startswith("bench_"):
                yield (function.__doc__ or name).splitlines()[0], function


def measure(contenders: list[Contender]) -> list[dict[str, object]]:
    """Median, ratio to the first, peak memory and answer of each contender, taken in turns."""
    seconds: dict[str, list[float]] = {name: [] for name, _ in contenders}
    answers: dict[str, object] = {}
    for _ in range(ROUNDS):
        for name, call in contenders:
            if isinstance(call, Process) and call.before:
                call.before()
            began = time.perf_counter()
            answers[name] = call()
            seconds[name].append(time.perf_counter() - began)
    first = statistics.median(seconds[contenders[0][0]])
    return [
        {
            "contender": name,
            "median s": f"{statistics.median(seconds[name]):.3f}",
            "best s": f"{min(seconds[name]):.3f}",
            "ratio": f"{statistics.median(seconds[name]) / first:.2f}",
            "peak RSS MB": call.peak if isinstance(call, Process) else "",
            "answer": answers[name],
        }
        for name, call in contenders
    ]


def lines(rows: list[dict[str, object]]) -> Iterator[str]:
    """The rows as a Markdown table."""
    names = list(rows[0])
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(str(value) for value in row.values())} |"


def machine() -> str:
    """Processor, memory, date and versions, in one paragraph."""
    processor = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in NAMED)
    return (
        f"{os.cpu_count()} cores of {processor}, {memory} GB, Python {platform.python_version()}, {versions}."
    )


def stamp() -> str:
    """When a table was measured, in how many rounds, and at which sizes where they were set."""
    sizes = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(("BENCH_", "LOCK_"))]
    return ", ".join([f"{datetime.now(UTC):%Y-%m-%d}", f"{ROUNDS} rounds in turn", *sizes])


def kept() -> dict[str, str]:
    """Title -> what stands under it in RESULTS.md."""
    parts = RESULTS.read_text(encoding="utf-8").split("\n## ")[1:] if RESULTS.exists() else []
    return {title: text for title, _, text in (part.partition("\n") for part in parts)}


def main() -> None:
    """Run all benches, or those whose title contains an argument; each takes its place in RESULTS.md when it is done."""
    wanted = sys.argv[1:]
    every = list(benches())
    head = f"# Measured comparisons\n\nWritten by `make bench`. Ratios are to the first line of a table.\n\n{machine()}\n"
    for title, bench in every:
        if wanted and not any(word in title for word in wanted):
            continue
        part = "\n".join([stamp(), "", *lines(measure(list(bench()))), ""])
        sys.stdout.write(f"## {title}\n{part}\n")
        sys.stdout.flush()
        known = kept() | {title: f"\n{part}"}
        body = [f"\n## {one}\n{known[one].rstrip()}\n" for one, _ in every if one in known]
        RESULTS.write_text(head + "".join(body), encoding="utf-8")


if __name__ == "__main__":
    main()
