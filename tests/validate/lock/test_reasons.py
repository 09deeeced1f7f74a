"""A changed cell says why it changed; who typed what is told in the study's own folder only."""

import shutil

import pytest

from extract.study.tables import candidate, entry, query, resolution
from validate.lock.assemble import Cell, assemble_cells
from validate.lock.diff import diff
from validate.lock.pseudonyms import RECORDS, write_linking
from validate.lock.publish import publish
from validate.lock.reasons import KINDS, kind_of

LAB = ("lab", "r1", "v1")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (LAB, ("lab", "r1", "v2"), "source"),
        (LAB, ("lab", "r2", "v1"), "record"),
        (LAB, ("double_entry", "r1", "v1"), "method"),
        (("double_entry", None, None), ("double_entry", None, None), "typed"),
        (("derived", None, None), ("derived", None, None), "derived"),
        (None, LAB, "appeared"),
        (LAB, None, "vanished"),
        (None, None, "unknown"),
        (LAB, LAB, "unknown"),
    ],
)
def test_each_kind_of_reason(before, after, kind):
    assert kind_of(before, after) == kind
    assert set(KINDS[kind]) == {"zh", "en"}


def test_a_value_settled_anew_says_by_whom_when_and_why(
    folder, database, draft, contents_of, signers, patients, sound_cells, tmp_path
):
    """...of exactly that cell, and of what follows from it."""
    protocol, pseudonyms = database.protocol, draft.pseudonyms
    patient, name = patients[0], pseudonyms.participants[patients[0]]
    write_linking(folder, pseudonyms, RECORDS.empty_table())
    first = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    database.unlock("ann", reason="a reader found a slip")
    with database.writing("tess") as writer:
        number = writer.append(
            candidate, "candidate.new", [{"patient_id": patient, "run": "r"}], subjects=["candidate/"]
        )[0]["id"]
        about = {"patient_id": patient, "variable": "height", "timepoint": "T1", "evidence_hash": "e"}
        entries = [
            {**about, "request_id": f"e{p}", "pass": p, "abstractor": f"typ{p}", "value": "9.9"}
            for p in (1, 2)
        ]
        ids = [row["id"] for row in writer.append(entry, "entry.made", entries, subjects=["c/", "c/"])]
        settled = {
            **about,
            "request_id": "s",
            "resolver": "tess",
            "choice": "third",
            "value": "1.1",
            "reason": "the chart says 1.1",
            "first_entry": ids[0],
            "second_entry": ids[1],
        }
        writer.append(resolution, "resolution.given", [settled], subjects=[f"candidate/{number}/height"])
        asked = {
            "request_id": "q",
            "patient_id": patient,
            "field": "height@T1",
            "kind": "open",
            "text": "a slip?",
            "author": "tess",
        }
        writer.append(query, "query.open", [asked], subjects=["query/"])
    changed = Cell(patient, "height", "T1", "1.1", method="resolved", day=28)
    second_draft = assemble_cells(protocol, patients, [*sound_cells, changed], pseudonyms)
    second = publish(folder, database, contents_of(database, second_draft), signers, actor="ann")

    found = diff(first, second)
    assert {(c.table, c.key, c.column): c.why for c in found.cells if c.table == "data"} == {
        ("data", name, "height_t1"): "method",
        ("data", name, "height_delta"): "derived",
        ("data", name, "height_relief"): "derived",
    }
    cell = next(c for c in found.cells if c.column == "height_t1")
    assert [(act.act, act.who, act.reason) for act in cell.acts] == [
        ("entry", "typ1", ""),
        ("entry", "typ2", ""),
        ("resolution", "tess", "the chart says 1.1"),
        ("query", "tess", "a slip?"),
    ]
    assert all(act.when.startswith("20") for act in cell.acts)
    assert next(c for c in found.cells if c.column == "value").acts == cell.acts
    assert [(u.version, u.who, u.reason) for u in found.unlocks] == [(1, "ann", "a reader found a slip")]
    told = found.to_json()
    assert told["cells"][0]["said"]["zh"]
    assert told["unlocks"][0]["reason"] == "a reader found a slip"

    # Looking changed nothing, and outside of the study's folder the snapshots tell the kind only.
    assert database.locked() == 2
    shutil.copytree(first, tmp_path / "out" / "v1")
    shutil.copytree(second, tmp_path / "out" / "v2")
    outside = diff(tmp_path / "out" / "v1", tmp_path / "out" / "v2")
    assert [(c.column, c.why) for c in outside.cells] == [(c.column, c.why) for c in found.cells]
    assert outside.unlocks == ()
    assert not any(c.acts for c in outside.cells)


def test_a_snapshot_that_this_database_did_not_lock_gets_no_reasons_of_it(
    folder, database, draft, contents_of, signers, snapshot
):
    """Another study's v1 in our folder: its manifest is not the one that was locked."""
    first = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    database.unlock("ann", reason="SECRET")
    second = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    assert diff(first, second).unlocks
    shutil.move(first, folder.snapshots / "gone")
    shutil.copytree(snapshot, first)
    assert diff(first, second).unlocks == ()
