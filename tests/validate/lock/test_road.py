"""From a small hospital to two versions of a snapshot, through the doors that people use."""

import json
import re
import shutil
import sqlite3

import pyarrow.parquet as pq
import pytest

from extract.chart.screening import Screening, screen
from extract.errors import ChecksFailed, NotFound, NotReady, Refused
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from extract.synthetic.people import CANARY, CANARY_PHONE
from flows.cli.telling import path_lines
from flows.demo import simulate, write_study
from validate.checks.waivers import standing_waivers, waive_check
from validate.lock.diff import diff
from validate.lock.keys import create_signer
from validate.lock.lineage import trace
from validate.lock.path_of import path_of as cell_of
from validate.lock.pseudonyms import read_linking
from validate.lock.publish import recorded
from validate.lock.snapshot import lock, readiness, unlock, waive
from validate.lock.verify import verify
from validate.review.accounts import active
from validate.review.queue import enqueue


def queue(folder, run):
    with StudyDatabase.open(folder, folder.protocol()) as database:
        return enqueue(database, folder.protocol(), Screening.load(folder), run)


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    """The smallest hospital, pulled, screened and queued; nobody has reviewed."""
    root = tmp_path_factory.mktemp("road")
    build(root / "his.db", patients=90, seed=20220101, truth=root / "truth.csv")
    write_study(root / "study", his="sqlite:///../his.db")
    folder = StudyFolder.at(root / "study")
    pull(folder)
    screen(folder)
    queue(folder, "first")
    return root


@pytest.fixture
def study(pulled, tmp_path):
    """A copy of the study beside its hospital."""
    shutil.copytree(pulled, tmp_path / "copy")
    return StudyFolder.at(tmp_path / "copy" / "study")


def signers_of(folder):
    return [
        create_signer(folder, name=f"simulated {role}", role=role, passphrase="p", meaning="lock")
        for role in folder.protocol().lock.signatures
    ]


def data_manager(folder):
    with StudyDatabase.open(folder, folder.protocol()) as database, database.reading() as connection:
        return active(connection)["sim-manager"]


def ids_of(folder):
    """Everything that names a patient, a visit or a record, and what was read in the record."""
    landing = Landing(folder.landing)
    found = set()
    for table, columns in {
        "patient": ["patient_id"],
        "visit": ["visit_id", "record_id"],
        "document": ["document_id", "record_id", "version"],
        "lab": ["result_id", "record_id", "version"],
    }.items():
        rows = landing.current(table)
        found |= {value for name in columns for value in rows.column(name).to_pylist() if value}
    landing.close()
    return {one for one in found if len(one) >= 6}


def read_of(folder, *place):
    """What the machine read at (patient, variable, timepoint)."""
    rows = Screening.load(folder).values.to_pylist()
    return next(row for row in rows if (row["patient_id"], row["variable"], row["timepoint"]) == place)


def told_by(path):
    """The words of a file of a snapshot."""
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pydict())
    return path.read_text(encoding="utf-8")


def test_an_unreviewed_study_is_refused_with_the_list_of_what_is_open(study):
    signers = signers_of(study)
    ready = readiness(study)
    missing = {one.id for one in ready.conditions if not one.ok}
    assert {"opinions", "participants", "groups"} <= missing
    opinions = next(one for one in ready.conditions if one.id == "opinions")
    assert opinions.owed
    assert {one["id"] for one in ready.to_json()["preconditions"] if one["ok"]} >= {
        "ethics",
        "signatures",
        "audit",
    }
    with pytest.raises(Refused, match="data manager"):
        lock(study, signers=signers)
    assert not list(study.snapshots.glob("v*"))


def test_lock_unlock_correct_and_lock_again(study):
    """Every claim that a study's end makes, in the order in which a study makes them."""
    folder = study
    simulate(folder.root, 20220101)
    signers, who = signers_of(folder), data_manager(folder)

    # One signature too few, then the lock.
    with pytest.raises(NotReady, match="principal investigator"):
        lock(folder, signers=signers[:1])
    first = lock(folder, signers=signers)
    report = verify(first)
    assert report.problems == ()
    rows = pq.read_table(first / "data.parquet").to_pylist()
    assert 85 <= len(rows) <= 90
    assert sorted(row["participant"] for row in rows) == [f"P{n:03d}" for n in range(1, len(rows) + 1)]

    # Nobody can be recognised in it.
    ids = ids_of(folder)
    assert len(ids) > 1000
    tokens = re.compile(r"[^\s'\",\[\]{}]+")
    for file in (f for f in first.rglob("*") if f.is_file()):
        told = told_by(file)
        assert not ids & set(tokens.findall(told)), file.name
        assert CANARY not in told
        assert CANARY_PHONE not in told
        assert not re.search(r"\b20\d\d-\d\d-\d\d\b", told) or file.suffix in {".json", ".jsonl", ".toml"}

    # Locked: the database refuses, a second lock refuses, and its own record of the manifest verifies.
    with StudyDatabase.open(folder, folder.protocol()) as database:
        assert verify(first, expected_manifest=recorded(database)[1]).ok
        with pytest.raises(Refused, match="locked"):
            waive_check(database, who, "age.range", reason="too late", request_id="w")
    with pytest.raises(Refused, match="locked at version 1"):
        lock(folder, signers=signers)

    # The laboratory corrects one result after the lock.
    assert unlock(folder, "the laboratory corrected a result") == 1
    patient = next(iter(read_linking(folder)))
    value = read_of(folder, patient, "crp", "T1")
    corrected = "4.4" if value["value"] != "4.4" else "4.5"
    test_no, item, order = value["record_id"].removeprefix("lab:").split("|")
    with sqlite3.connect(folder.root.parent / "his.db") as his:
        changed = his.execute(
            "UPDATE lab_result SET result = ? WHERE test_no = ? AND item_no = ? AND print_order = ?",
            (corrected, test_no, item, order),
        )
        assert changed.rowcount == 1
    pull(folder)
    screen(folder)
    # As it is read: a laboratory may tell it in another unit.
    corrected = read_of(folder, patient, "crp", "T1")["value"]
    assert corrected != value["value"]
    unqueued = {one.id for one in readiness(folder).conditions if not one.ok}
    assert "queued" in unqueued
    # Nothing that a person judged rests on it, so nothing is reopened.
    assert queue(folder, "second")["changed"] == 1
    second = lock(folder, signers=signers)
    assert second.name == "v2"
    assert verify(first).ok
    found = diff(first, second)
    name = read_linking(folder)[patient]
    assert (found.added, found.removed, found.columns) == ((), (), ())
    assert {(c.table, c.key, c.column) for c in found.cells} == {
        ("data", name, "crp_t1"),
        ("data", name, "crp_delta"),
        ("long", f"{name}/crp/T1", "value"),
        ("long", f"{name}/crp/T1", "scaled"),
    }
    assert next(c.after for c in found.cells if c.column == "value") == corrected
    # Each with its reason: the record changed, the difference follows from it, and why the study was opened.
    assert {(c.table, c.column): c.why for c in found.cells} == {
        ("data", "crp_t1"): "source",
        ("data", "crp_delta"): "derived",
        ("long", "value"): "source",
        ("long", "scaled"): "source",
    }
    assert [(u.version, u.reason) for u in found.unlocks] == [(1, "the laboratory corrected a result")]

    # Inside the house a cell of either version leads to the version of the record that it was read in.
    old, new = (trace(folder, path, name, "crp_t1") for path in (first, second))
    assert old.record_id == new.record_id == value["record_id"]
    assert old.version == value["version"] != new.version
    assert old.method == "lab:CRP"
    assert trace(folder, first, name, "crp_delta").record_id is None
    for place in (("P999", "crp_t1"), (name, "nothing")):
        with pytest.raises(NotFound):
            trace(folder, first, *place)
    # The same at a terminal, with every version that a pull has seen.
    read = cell_of(second, name, "crp_t1")
    assert (read["value"], read["recorded"], read["method"]) == (corrected, corrected, "lab:CRP")
    assert (read["record"]["table"], read["record"]["key"]) == ("lab", f"{test_no}|{item}|{order}")
    assert [one["read"] for one in read["record"]["versions"]] == [False, True]
    assert [one["read"] for one in cell_of(first, name, "crp_t1")["record"]["versions"]] == [True, False]
    change = cell_of(second, name, "crp_delta")
    assert [one["column"] for one in change["follows"]] == ["crp_t0", "crp_t1"]
    assert change["follows"][1]["record"] == read["record"]
    assert "record" not in change
    responder = cell_of(second, name, "responder")
    assert {one["column"] for one in responder["follows"]} >= {"vas_t0", "vas_t1"}
    for language in ("zh", "en"):
        told = "\n".join(path_lines(change, language))
        assert f"lab {test_no}|{item}|{order}" in told
        assert told.count("\n  *") + told.count("\n      *") == 2
    # Outside of the house the same cell ends at its pseudonym.
    away = shutil.copytree(second, folder.root.parent / "away" / "v2")
    assert set(cell_of(away, name, "crp_t1")["record"]) == {"pseudonym", "version"}
    for place in (("P999", "crp_t1"), (name, "nothing"), (name, "participant")):
        with pytest.raises(NotFound):
            cell_of(second, *place)
    assert not found.to_json()["same"]
    assert diff(first, first).same


def test_a_failed_check_refuses_the_lock_until_it_is_waived(study):
    """...by a data manager with a reason, which stays in the house."""
    text = study.protocol_file.read_text(encoding="utf-8")
    study.protocol_file.write_text(text.replace("range = [12, 60]", "range = [12, 20]"), encoding="utf-8")
    simulate(study.root, 20220101)
    signers = signers_of(study)
    with pytest.raises((ChecksFailed, NotReady), match=r"bmi\.range"):
        lock(study, signers=signers)
    with StudyDatabase.open(study, study.protocol()) as database:
        who = data_manager(study)
        with pytest.raises(Refused):
            waive_check(database, who, "bmi.range", reason=" ", request_id="w")
        with pytest.raises(NotFound):
            waive(study, "bmi.rage", reason="r", database=database)
        first = waive(study, "bmi.range", reason="REASON-1b2c", database=database)
        assert first.who == who.id
        assert standing_waivers(database) == [first]
    path = lock(study, signers=signers)
    assert verify(path).ok
    for file in (f for f in path.rglob("*") if f.is_file()):
        assert "REASON-1b2c" not in told_by(file)
    assert '"waived": 1' in (path / "checks.json").read_text()


def test_the_site_s_own_checks_are_in_the_snapshot_and_a_damaged_one_stops_the_next(study):
    """What the hospital expected is signed with the rest; nothing is compared with a version that is not as signed."""
    own = '[[check]]\nid = "adults"\nexpectation = "column_values_to_be_between"\ncolumn = "age"\nmin_value = 1\n'
    (study.root / "checks.toml").write_text(own, encoding="utf-8")
    simulate(study.root, 20220101)
    path = lock(study, signers=signers_of(study))
    assert (path / "checks.toml").read_text(encoding="utf-8") == own
    assert "checks.toml" in json.loads((path / "manifest.json").read_text())["files"]
    assert "own.adults" in (path / "checks.json").read_text()
    assert verify(path).ok

    unlock(study, "again")
    assert {r.id: r.status for r in readiness(study).report.results}["snapshot.sound"] == "pass"
    sound = (path / "flow.json").read_bytes()
    (path / "flow.json").chmod(0o644)
    (path / "flow.json").write_bytes(sound + b"\n")
    ready = readiness(study)
    assert {r.id: r.status for r in ready.report.results}["snapshot.sound"] == "error"
    assert "checks" in {one.id for one in ready.conditions if not one.ok}
    (path / "flow.json").write_bytes(sound)
    assert readiness(study).ok
