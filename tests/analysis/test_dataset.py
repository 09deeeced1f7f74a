"""The door to the data: only what verify accepts comes in, and what comes in is what was locked."""

from __future__ import annotations

import csv
import shutil
import stat
from importlib.resources import files
from pathlib import Path

import pytest

from analysis import dataset
from analysis.plan import analyse
from extract.errors import NotLocked, SnapshotBroken
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.checks.results import CheckReport
from validate.lock.assemble import Cell, assemble_cells
from validate.lock.contents import build_contents
from validate.lock.keys import PseudonymKey, create_signer
from validate.lock.pseudonyms import Pseudonyms
from validate.lock.publish import publish

COHORT = Path(__file__).parent / "data" / "cohort_g.csv"
NAMES = {
    ("age", ""): "age",
    ("course_months", ""): "duration",
    ("bmi", ""): "bmi",
    **{(v, t): f"{v}_{t.lower()}" for v in ("vas", "esr", "crp") for t in ("T0", "T1")},
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory, protocol, funnel):
    """The 90 patients, locked, signed and published by the room that locks."""
    root = tmp_path_factory.mktemp("study")
    text = (files("extract.study") / "templates" / "esr-pain" / "study.toml").read_bytes()
    (root / "study.toml").write_bytes(text)
    folder = StudyFolder.at(root)
    folder.snapshots.mkdir()
    folder.landing.mkdir()
    rows = list(csv.DictReader(COHORT.open()))
    cells = [
        Cell(
            row["id"],
            variable,
            timepoint,
            row[name],
            method="test",
            day=0,
            record_id=f"r{row['id']}",
            version="0",
        )
        for row in rows
        for (variable, timepoint), name in NAMES.items()
    ]
    cells += [Cell(row["id"], "sex", "", "1" if row["male"] == "1" else "2", method="test") for row in rows]
    patients = [row["id"] for row in rows]
    draft = assemble_cells(protocol, patients, cells, Pseudonyms.assign(PseudonymKey(b"k" * 32), patients))
    signers = [
        create_signer(folder, name=f"Person {i}", role=role, passphrase="p", meaning="lock")
        for i, role in enumerate(protocol.lock.signatures)
    ]
    with StudyDatabase.open(folder, protocol) as database:
        contents = build_contents(
            protocol,
            draft,
            study_toml=text,
            report=CheckReport(()),
            reviewed=[],
            agreement={},
            flow=funnel,
            sql={"candidates.sql": "SELECT 1\n"},
            audit=database.audit(),
            head=database.head(),
        )
        return publish(folder, database, contents, signers, actor="ann")


def test_a_locked_snapshot_gives_the_numbers_of_its_people(snapshot, results):
    """...the same as from the table in memory: nothing is lost or changed on the way through the lock."""
    locked = dataset.open(snapshot)
    assert locked.version == "v1"
    assert len(locked.logical_hash) == 64
    assert len(locked.participants) == 90
    found = analyse(locked)
    for mine in results.rows:
        # This snapshot has no subgroup variable, so it has fewer tests to adjust for.
        around = mine.table == "subgroup" or mine.statistic in {"p_holm", "p_bh"}
        # What is drawn has its seed from the content, and this snapshot has no study days.
        drawn = "seed" in mine.method or " on days " in mine.method
        if around or drawn or mine.variable in {"pain_site", "adverse_event"}:
            continue
        same = found.find(
            mine.table, mine.variable, mine.group, mine.timepoint, mine.statistic, mine.of, mine.method
        )
        assert same is not None, mine
        # Relief is kept to six decimals in the snapshot.
        assert same.value == pytest.approx(mine.value, rel=1e-4 if mine.variable == "relief" else 1e-12), mine


def test_a_snapshot_with_one_changed_byte_is_refused(snapshot, tmp_path):
    """...and the file is named."""
    copy = tmp_path / "v1"
    shutil.copytree(snapshot, copy)
    target = copy / "codebook.csv"
    target.chmod(target.stat().st_mode | stat.S_IWUSR)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(bytes(data))
    with pytest.raises(SnapshotBroken, match=r"codebook\.csv"):
        dataset.open(copy)


def test_a_folder_that_is_no_snapshot_is_refused(tmp_path):
    """...with the file that is missing, and what to type next."""
    with pytest.raises(NotLocked, match=r"manifest\.json") as caught:
        dataset.open(tmp_path)
    assert "cohortlock lock" in caught.value.next_step


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(NotLocked):
        dataset.open(tmp_path / "nowhere")
