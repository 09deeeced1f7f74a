"""A night with 0, 1 and 10 % of the charts changed, against a full pull of the same hospital on PostgreSQL."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from night_hospital import NightHospital
from process import Process

from extract.study import protocol

NOTES = int(os.environ.get("BENCH_NOTES", "1000000"))
TEMPLATE = Path(protocol.__file__).parent / "templates" / "esr-pain" / "study.toml"
SITE = """format = 1
pack = "jw1"
[source]
url = "{url}"
[limits]
sweep_days = 0
[safety]
allow_write_right = "a bench of its own database"
max_plan_cost = 1e12
"""
PULL = """
import sys
from pathlib import Path
from extract.his.pull import pull
from extract.study.folder import StudyFolder
report = pull(StudyFolder.at(Path(sys.argv[1])))
told = {kind: sum(c[kind] for c in report.records.values()) for kind in ("new", "changed", "unchanged", "gone")}
assert report.mode == sys.argv[2], report.mode
print(f"{report.mode}, {report.asked} of {report.patients} charts asked for", told)
"""


def bench_nights() -> Iterator[tuple[str, Process]]:
    """A night after a first pull of 1 million notes and 3 million results on PostgreSQL (BENCH_NOTES)"""  # noqa: D400 - a title
    # The contenders run after this generator has ended.
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    hospital = stack.enter_context(NightHospital(NOTES))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    for name in ("full", "nights"):
        (folder / name).mkdir()
        shutil.copy(TEMPLATE, folder / name / "study.toml")
        (folder / name / "site.toml").write_text(SITE.format(url=hospital.url), encoding="utf-8")

    def pulling(name: str, mode: str) -> list[str]:
        return [sys.executable, "-c", PULL, str(folder / name), mode]

    def afresh() -> None:
        shutil.rmtree(folder / "full" / "landing", ignore_errors=True)

    def night(share: float) -> None:
        # What other contenders changed in between has been pulled before this night begins.
        if not (folder / "nights" / "landing").exists():
            Process(pulling("nights", "full"))()
        Process(pulling("nights", "night"))()
        hospital.night(share)

    yield "a full pull", Process(pulling("full", "full"), before=afresh)
    for share in (0.0, 0.01, 0.1):
        yield (
            f"a night, {share:.0%} of the charts changed",
            Process(pulling("nights", "night"), before=lambda share=share: night(share)),  # type: ignore[misc]
        )
