"""Killing a writer at any moment loses no acknowledged decision and leaves no half of another."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from extract.study.audit import verify_chain
from validate.review.cases import opinions
from validate.review.decisions import decide

WRITER = """
import sys
from pathlib import Path
from extract.study.database import StudyDatabase
from extract.study.protocol import load
from validate.review.decisions import Given, decide_all
from validate.review.rules import Account, Role

url, study, name = sys.argv[1:]
with StudyDatabase.open(url, load(Path(study))) as db:
    me = Account("rev1", "REV1", Role.REVIEWER)
    for n in range(100_000):
        verdict = ("met", "not_met")[n % 2]
        decide_all(db, me, "p1", [Given("I2", verdict), Given("E1", verdict)], request_id=f"{name}-{n}")
        print(f"{name}-{n}", flush=True)
"""


@pytest.mark.parametrize("moment", [0.05, 0.31, 0.77])
def test_a_killed_writer_loses_nothing_that_it_had_acknowledged(
    queued, people, database_url, study_file, moment
):
    """...and both halves of a bulk post are there, or neither; the next writer goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, database_url, str(study_file), "w"], stdout=subprocess.PIPE, text=True
    ) as writer:
        acknowledged = [writer.stdout.readline().strip()]
        time.sleep(moment)
        writer.kill()
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
    assert acknowledged[0] == "w-0"
    decide(queued, people.first, "p1", "E2", "met", request_id="after")
    with queued.reading() as connection:
        assert verify_chain(connection, queued.head()) == []
        kept = opinions(connection)
    by_criterion = {c: [o for o in kept if o.criterion == c] for c in ("I2", "E1")}
    assert len(by_criterion["I2"]) == len(by_criterion["E1"])
    assert len(acknowledged) <= len(by_criterion["I2"]) <= len(acknowledged) + 1
