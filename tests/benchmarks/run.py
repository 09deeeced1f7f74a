"""The measured comparisons: every ``bench_*`` function beside this file, a table on stdout, build/bench.json.

A bench yields ``(contender, call)`` pairs on one input; each call is run ``ROUNDS`` times in turn with the
others, so that a busy machine disturbs all alike, and must return the same answer as the first contender
unless the bench says what differs.  Nothing is asserted about time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))

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
    """Median, best and answer of each contender, taken in turns."""
    seconds: dict[str, list[float]] = {name: [] for name, _ in contenders}
    answers: dict[str, object] = {}
    for _ in range(ROUNDS):
        for name, call in contenders:
            began = time.perf_counter()
            answers[name] = call()
            seconds[name].append(time.perf_counter() - began)
    return [
        {
            "contender": name,
            "median_seconds": round(statistics.median(times), 4),
            "best_seconds": round(min(times), 4),
            "answer": str(answers[name]),
        }
        for name, times in seconds.items()
    ]


def main() -> None:
    """Run all benches, or those whose title contains an argument."""
    wanted = sys.argv[1:]
    found = []
    for title, bench in benches():
        if wanted and not any(word in title for word in wanted):
            continue
        rows = measure(list(bench()))
        found.append({"bench": title, "rows": rows})
        sys.stdout.write(f"\n{title}\n")
        for row in rows:
            sys.stdout.write(
                f"  {row['median_seconds']:>9} s  (best {row['best_seconds']} s)  {row['contender']}: {row['answer']}\n"
            )
    out = Path("build")
    out.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "rounds": ROUNDS}
    (out / "bench.json").write_text(
        json.dumps({"machine": machine, "benches": found}, ensure_ascii=False, indent=1) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
