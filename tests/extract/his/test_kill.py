"""kill -9 at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from extract.his.landing import Landing
from extract.his.pull import pull

CHILD = """
    import os, signal, sys
    from pathlib import Path
    import extract.his.disk as disk
    import extract.his.ledger as ledger
    # Loaded before the forks, each of which would load them again.
    import pandas, sqlglot.optimizer.scope
    import extract.his.engines.relational
    from extract.his.pull import pull
    from extract.study.folder import StudyFolder

    # Die at the n-th of the moments where the disk changes: before or after a sync, a rename, a batch's
    # upsert, a task's end, a run's end.  Each pull is a process of its own.
    left = 0
    def tick():
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def around(owner, name):
        real = getattr(owner, name)
        def wrapped(*args, **kwargs):
            tick()
            result = real(*args, **kwargs)
            tick()
            return result
        setattr(owner, name, wrapped)
    around(os, "fsync"); around(Path, "replace")
    for name in ("done", "add_part", "finish"):
        around(ledger.Ledger, name)
    for name in ("meet", "landed", "ask", "know", "settle_candidates", "mark_gone"):
        around(ledger.Holdings, name)
    for work in sys.argv[1:]:
        root, left = work.rsplit("@", 1)
        left = int(left)
        if (child := os.fork()) == 0:
            pull(StudyFolder.at(Path(root)))
            os._exit(0)
        print(root, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def killed(*work):
    """Pull each (study, moment) in turn, killed at its moment; returns the exit code of each."""
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(CHILD),
        *(f"{study.root}@{moment}" for study, moment in work),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert done.returncode == 0, done.stderr
    return [int(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines()]


@pytest.fixture
def whole(studies, hospital, tmp_path):
    """What an undisturbed pull lands."""
    study = studies(tmp_path / "whole", f"sqlite:///{hospital}", limits='window = "year"')
    report = pull(study)
    landing = Landing(study.landing)
    return landing.content_hashes(), landing.candidates().to_pylist(), report.records


def test_a_killed_pull_goes_on_and_ends_as_if_nothing_had_happened(whole, studies, hospital, tmp_path):
    """Killed twice at chance moments, each later in the work; then one is left to end."""
    chance = random.Random(20_220_101)
    made = [
        studies(tmp_path / f"study{n}", f"sqlite:///{hospital}", limits='window = "year"') for n in range(5)
    ]
    codes = killed(*((study, chance.randint(1, 80)) for study in made for _ in range(2)))
    assert codes.count(-signal.SIGKILL) >= 7
    assert set(codes) <= {0, -signal.SIGKILL}
    # One that got through before its moment came has pulled again without a change: nothing to compare.
    for number, study in enumerate(made):
        if 0 not in codes[2 * number : 2 * number + 2]:
            _as_if_nothing_had_happened(study, whole)


def _as_if_nothing_had_happened(study, whole):
    report = pull(study)
    landing = Landing(study.landing)
    assert (landing.content_hashes(), landing.candidates().to_pylist(), report.records) == whole
    # Nothing is landed twice, and no file is left that the ledger does not know.
    ids = [row["record_id"] for table in report.records for row in landing.current(table).to_pylist()]
    assert len(ids) == len(set(ids)) == sum(row["new"] for row in report.records.values())
    known = {str(row[0]) for row in landing._ledger.query("SELECT part FROM part")}
    files = {
        f.relative_to(study.landing / "records").as_posix() for f in (study.landing / "records").glob("*/*")
    }
    assert files == known


def test_a_killed_pull_is_resumed_and_done_windows_are_not_asked_again(study, monkeypatch):
    assert killed((study, 60)) == [-signal.SIGKILL]
    asked = []
    from extract.his.engines.relational import RelationalEngine

    real = RelationalEngine.stream
    monkeypatch.setattr(
        RelationalEngine, "stream", lambda self, sql, *a, **k: asked.append(sql) or real(self, sql, *a, **k)
    )
    report = pull(study)
    assert report.resumed
    first = len(asked)
    pull(study)
    assert first < len(asked) - first
