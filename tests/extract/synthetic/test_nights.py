"""Nights of the demo hospital: what they do, that they repeat, and that both databases see the same."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from extract.errors import NotFound, SourceUnreachable
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.study import protocol
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from extract.synthetic.nights import next_night
from extract.synthetic.people import patient_number
from extract.synthetic.schema import TABLES

TEMPLATE = Path(protocol.__file__).parent / "templates" / "esr-pain" / "study.toml"
KINDS = {
    "card.found", "corrected.place", "corrected.row", "deleted", "deleted.out", "edited", "edited.out", "late",
    "merged", "newcomer", "refunded", "released", "touched", "unmerged", "visit", "voided",
}  # fmt: skip


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Path:
    """A hospital of 150 that no test changes."""
    folder = tmp_path_factory.mktemp("nights")
    build(folder / "his.db", patients=150, truth=folder / "truth.json")
    return folder / "his.db"


@pytest.fixture
def hospital(untouched, tmp_path) -> Path:
    return Path(shutil.copy(untouched, tmp_path / "his.db"))


@pytest.fixture
def postgres(postgres_url, tmp_path):
    """The same hospital on PostgreSQL."""
    name = f"nights_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            url = f"{postgres_url.rpartition('/')[0]}/{name}"
            build(url, patients=150, truth=tmp_path / "truth.json")
            yield url
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            admin.execute(f"DROP ROLE IF EXISTS {name}")


def content(target: Path | str) -> dict[str, list[str]]:
    """Every row of every table as text, the same for both databases."""
    engine = sa.create_engine(target if isinstance(target, str) else f"sqlite:///{target}")
    with engine.connect() as connection:
        found = {
            table: sorted(
                "|".join(map(plain, row)) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")
            )
            for table in TABLES
        }
    engine.dispose()
    return found


def plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return str(float(value)) if isinstance(value, int | float | Decimal) else str(value)


def query(path: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(path) as db:
        found = db.execute(sql).fetchall()
    db.close()
    return found


def test_the_same_seed_does_the_same_on_both_databases_and_another_seed_something_else(
    hospital, postgres, untouched, tmp_path
):
    """Two nights, row for row; SQLite's rows are written as the build writes them."""
    for seed in (1, 2):
        ours, theirs = (next_night(target, seed=seed, changed=0.02) for target in (hospital, postgres))
        assert ours == theirs
        assert content(hospital) == content(postgres)
    other = Path(shutil.copy(untouched, tmp_path / "other.db"))
    assert next_night(other, seed=3, changed=0.02) != next_night(hospital, seed=4, changed=0.02)
    times = query(hospital, "SELECT DISTINCT length(RESULT_DATE_TIME) FROM LAB_RESULT")
    assert set(times) == {(19,), (None,)}


def test_every_kind_happens_in_the_first_night_and_cards_are_joined_in_the_second(hospital):
    assert next_night(hospital, seed=1).counts.keys() == KINDS
    assert next_night(hospital, seed=2).counts.keys() == KINDS | {"card.joined"}


def test_a_night_without_changes_changes_nothing(hospital):
    before = hospital.read_bytes()
    assert next_night(hospital, seed=1, changed=0).changes == ()
    assert hospital.read_bytes() == before


def test_what_is_told_is_what_differs(hospital, untouched):
    """Every row that differs is told, by its key; and of a told row something differs."""
    report = next_night(hospital, seed=1, changed=0.05)
    told = {(c.table, c.key) for c in report.changes}
    before, after = keyed(untouched), keyed(hospital)
    differ = {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)}
    texts = {(t, k) for t, k in differ if t == "JHMR_FILE_CONTENT_TEXT"}
    newcomers = set(report.patients("newcomer"))
    of_newcomers = {
        (table, key) for table, key in differ - told if any(n in part for n in newcomers for part in key)
        or str((after.get((table, key)) or {}).get("PATIENT_ID")) in newcomers
    }  # fmt: skip
    assert differ - told - texts - of_newcomers == set()
    # Of a document that is edited without a trace the text alone differs; it stands in a table of its own.
    # What comes and goes in one night was never seen.
    same = {place for place in told - differ if place in before}
    assert {key for _, key in same} <= {key for _, key in texts}
    assert {("JHMR_FILE_INDEX", key) for _, key in texts - of_newcomers} <= told


def keyed(path: Path) -> dict[tuple[str, tuple[str, ...]], dict[str, object]]:
    found = {}
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        for name, table in TABLES.items():
            for row in db.execute(f"SELECT * FROM {name}"):
                # A key that is a time is told as Python writes one.
                found[name, tuple(str(row[column]) for column in table.key)] = dict(row)
    db.close()
    return found


def test_changes_leave_tonight_a_day_or_no_time_at_all(hospital):
    report = next_night(hospital, seed=1, changed=0.1)
    edited = {c.key[0] for c in report.changes if c.kind == "edited"}
    left = dict(query(hospital, "SELECT FILE_UNIQUE_ID, LAST_MODIFY_DATE_TIME FROM JHMR_FILE_INDEX"))
    ways = {
        None if left[k] is None else left[k][11:] == "00:00:00" or left[k] > f"{report.at:%Y-%m-%d}"
        for k in edited
    }
    assert ways == {None, True, False}
    assert any((left[k] or "").endswith("00:00:00") for k in edited)


def test_nights_go_on_from_each_other(hospital):
    """Each a day later, and no key is made twice."""
    reports = [next_night(hospital, seed=seed) for seed in (1, 2, 3)]
    assert [(b.at - a.at).days for a, b in pairwise(reports)] == [1, 1]
    assert len({r.patients("newcomer")[0] for r in reports}) == 3


def test_the_last_visit_goes_to_a_second_card_and_comes_back_by_merger(hospital):
    """A planted patient's T1: visit and results stand under another number, which is merged the night after."""
    first = next_night(hospital, seed=1)
    (moved,) = [c for c in first.changes if c.kind == "card.found" and c.table == "CLINIC_MASTER"]
    card = next(
        c.patient_id for c in first.changes if c.kind == "card.found" and c.table == "PAT_MASTER_INDEX"
    )
    assert moved.patient_id in {patient_number(index) for index in range(90)}
    assert query(hospital, f"SELECT COUNT(*) FROM LAB_TEST_MASTER WHERE PATIENT_ID = '{card}'") > [(0,)]
    assert query(hospital, f"SELECT VISIT_DATE FROM CLINIC_MASTER WHERE PATIENT_ID = '{card}'") == [
        (moved.key[0],)
    ]
    assert query(hospital, f"SELECT COUNT(*) FROM PAT_ID_MERGE WHERE PATIENT_ID = '{card}'") == [(0,)]
    next_night(hospital, seed=2)
    into = f"SELECT INTO_PATIENT_ID FROM PAT_ID_MERGE WHERE PATIENT_ID = '{card}'"
    assert query(hospital, into) == [(moved.patient_id,)]


def test_a_hospital_that_is_not_there_is_said_plainly(tmp_path):
    with pytest.raises(NotFound):
        next_night(tmp_path / "none.db", seed=1)
    with pytest.raises(SourceUnreachable):
        next_night("postgresql+psycopg://nobody@127.0.0.1:1/none", seed=1)


def test_on_postgresql_nights_land_what_fresh_pulls_of_either_database_land(hospital, postgres, tmp_path):
    """A study on PostgreSQL over two nights; a fresh one there, and a fresh one on the SQLite twin."""
    reader = grant_reading(postgres)
    study = study_of(tmp_path / "study", reader)
    pull(study)
    for seed in (1, 2):
        for target in (hospital, postgres):
            next_night(target, seed=seed, changed=0.02)
        report = pull(study)
        assert {what for counts in report.records.values() for what, n in counts.items() if n} == {
            "new", "changed", "unchanged", "gone",
        }  # fmt: skip
    hashes = []
    for name, url in (("server", reader), ("file", f"sqlite:///{hospital}")):
        fresh = study_of(tmp_path / name, url)
        pull(fresh)
        hashes.append(Landing(fresh.landing).content_hashes())
    assert Landing(study.landing).content_hashes() == hashes[0] == hashes[1]


def grant_reading(url: str) -> str:
    """The URL of an account that may read the hospital and nothing else, as a DBA would give one."""
    role = url.rpartition("/")[2]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    return url.replace("//postgres@", f"//{role}@")


def study_of(folder: Path, url: str) -> StudyFolder:
    folder.mkdir()
    shutil.copy(TEMPLATE, folder / "study.toml")
    (folder / "site.toml").write_text(
        f'format = 1\npack = "jw1"\n[source]\nurl = "{url}"\n', encoding="utf-8"
    )
    return StudyFolder.at(folder)
