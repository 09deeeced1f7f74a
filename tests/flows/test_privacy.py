"""A patient's value stands in the landing store and the study database, and nowhere else that we write."""

from __future__ import annotations

import json
import sqlite3
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from extract.synthetic.people import CANARY, CANARY_PHONE

pytestmark = pytest.mark.timeout(900)


def spellings(text: str) -> list[bytes]:
    """How a text may be written: UTF-8, GB18030, UTF-16, and escaped as JSON and Python do."""
    escaped = json.dumps(text).strip('"')
    return [
        text.encode(),
        text.encode("gb18030"),
        text.encode("utf-16-le"),
        escaped.encode(),
        escaped.upper().encode(),
    ]


def holds(file: Path, text: str) -> bool:
    """Whether a file holds ``text`` in any spelling; a Parquet file is looked into cell by cell."""
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        cells = (str(cell) for column in table.columns for cell in column.to_pylist() if cell is not None)
        return any(text in cell for cell in cells)
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = zlib.decompress(data, wbits=31)
    return any(spelled in data for spelled in spellings(text))


def written(demo) -> list[Path]:
    """Everything that the run wrote, but for the hospital, its truth, the landing store and the study database."""
    own = {demo.out / "his.db", demo.out / "truth.json"}
    private = demo.study / "landing"
    files = [f for root in (demo.out, demo.home) for f in root.rglob("*") if f.is_file()]
    return [
        f for f in files if f not in own and private not in f.parents and not f.name.startswith("study.db")
    ]


def test_the_canary_was_really_pulled(demo):
    """Otherwise nothing is proved by not finding it."""
    landed = list((demo.study / "landing").rglob("*.parquet"))
    for canary in (CANARY, CANARY_PHONE):
        assert any(holds(file, canary) for file in landed)


def test_the_canary_is_nowhere_else(demo):
    """Snapshot, report, keys, Prefect's database and its log, both streams."""
    files = written(demo)
    names = {f.name for f in files}
    assert {"prefect.db", "server.log", "report.html", "data.parquet", "manifest.json", "study.toml"} <= names
    for canary in (CANARY, CANARY_PHONE):
        assert [f for f in files if holds(f, canary)] == []
        assert canary not in demo.stdout + demo.stderr


def identities(demo) -> list[str]:
    """Numbers and names of twenty participants, as the hospital has them."""
    patients = [one["patient_id"] for one in json.loads((demo.out / "truth.json").read_text())["planted"]][
        :20
    ]
    marks = ",".join("?" * len(patients))
    with sqlite3.connect(demo.out / "his.db") as his:
        rows = his.execute(
            f"SELECT PATIENT_ID, NAME, ID_NO FROM PAT_MASTER_INDEX WHERE PATIENT_ID IN ({marks})", patients
        ).fetchall()
    his.close()
    assert len(rows) == 20
    return [str(text) for row in rows for text in row if text and len(str(text)) > 2]


def test_no_participant_can_be_named_from_what_leaves(demo):
    """Neither a patient's number, nor a name, nor an identity number."""
    files = written(demo)
    found = [(f.name, kind) for kind, text in enumerate(identities(demo)) for f in files if holds(f, text)]
    assert found == []
    for text in identities(demo):
        assert text not in demo.stdout + demo.stderr


def test_what_is_private_is_its_owners_alone(demo):
    """Landing store, study database and keys can be read by nobody else."""
    for private in (demo.study / "landing", demo.study / "keys", demo.study / "study.db"):
        assert private.stat().st_mode & 0o077 == 0, private.name
