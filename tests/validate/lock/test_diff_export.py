"""What changed between versions, and the dataset in other formats."""

import csv
import io
import json
import stat

import pyarrow.parquet as pq
import pytest

from extract.errors import AlreadyExists, NotFound, SnapshotBroken
from validate.lock.assemble import Cell
from validate.lock.canonical import cell_texts, hash_table
from validate.lock.codebook import codebook_csv, safe_cell
from validate.lock.columns import columns
from validate.lock.diff import diff
from validate.lock.export import export
from validate.lock.publish import publish


def test_rows_that_come_and_go_are_named_once(
    folder, database, draft, contents_of, signers, patients, draft_of
):
    first = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    database.unlock("ann", reason="one less")
    fewer = draft_of(patients[1:])
    second = publish(folder, database, contents_of(database, fewer), signers, actor="ann")
    gone = draft.pseudonyms.participants[patients[0]]
    found = diff(first, second)
    assert ("data", gone) in found.removed
    assert found.cells == found.added == ()
    assert diff(second, first).added == found.removed
    told = found.to_json()
    assert told["logical_hash"][0] != told["logical_hash"][1]


def test_a_broken_snapshot_is_neither_compared_nor_exported(snapshot, locked_once, tmp_path):
    (snapshot / "flow.json").write_text("{}")
    with pytest.raises(SnapshotBroken):
        diff(locked_once, snapshot)
    with pytest.raises(SnapshotBroken):
        export(snapshot, "csv", tmp_path / "x.csv")


@pytest.mark.parametrize("table", ["data", "long"])
def test_csv_holds_the_table_cell_for_cell(snapshot, tmp_path, table):
    path = export(snapshot, "csv", tmp_path / "x.csv", table=table)
    text = path.read_bytes().decode("utf-8")
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    locked = pq.read_table(snapshot / f"{table}.parquet")
    assert list(found[0]) == locked.column_names
    for name in locked.column_names:
        said = ["" if value is None else str(value) for value in locked.column(name).to_pylist()]
        assert said == [row[name] for row in found]


def test_the_byte_order_mark_is_there_for_those_who_ask(snapshot, tmp_path):
    assert export(snapshot, "csv", tmp_path / "a.csv").read_bytes()[:3] != b"\xef\xbb\xbf"
    assert export(snapshot, "csv", tmp_path / "b.csv", bom=True).read_bytes()[:3] == b"\xef\xbb\xbf"


def test_parquet_is_the_same_data(snapshot, tmp_path):
    path = export(snapshot, "parquet", tmp_path / "x.parquet")
    assert hash_table(pq.read_table(path)) == hash_table(pq.read_table(snapshot / "data.parquet"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_is_a_formula_to_a_spreadsheet(text):
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("1;3") == "1;3"


def test_a_formula_in_the_data_is_neutralised_and_a_negative_number_stays_one(
    folder, database, draft_of, contents_of, signers, patients, tmp_path
):
    evil = [Cell(patients[0], "spots", "", "=cmd|' /C calc'!A0", method="m")]
    bad = draft_of(patients, evil)
    path = publish(folder, database, contents_of(database, bad), signers, actor="ann")
    with export(path, "csv", tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        row = next(
            r for r in csv.DictReader(file) if r["participant"] == bad.pseudonyms.participants[patients[0]]
        )
    assert row["spots"].startswith("'=cmd")
    assert float(row["height_delta"]) < 0


def test_what_cannot_be_exported_is_said(snapshot, tmp_path):
    with pytest.raises(NotFound):
        export(snapshot, "sas", tmp_path / "x")
    with pytest.raises(NotFound):
        export(snapshot, "csv", tmp_path / "x", table="nothing")
    export(snapshot, "csv", tmp_path / "x.csv")
    with pytest.raises(AlreadyExists):
        export(snapshot, "csv", tmp_path / "x.csv")


def test_the_codebook_describes_every_column_and_the_data_obey_it(snapshot, protocol):
    """By the Table Schema alone, as a stranger would read it."""
    book = json.loads((snapshot / "codebook.json").read_text(encoding="utf-8"))
    table = pq.read_table(snapshot / "data.parquet")
    assert [field["name"] for field in book["fields"]] == table.column_names
    kinds = {"int64": "integer", "string": "string"}
    for field in book["fields"]:
        column = table.column(field["name"])
        assert field["type"] == kinds.get(str(column.type), "number")
        rules = field.get("constraints", {})
        for value in column.to_pylist():
            if value is None:
                continue
            assert rules.get("minimum", value) <= value <= rules.get("maximum", value)
            assert value in rules.get("enum", [value])
    assert {field["label"]["zh"] for field in book["fields"]} >= {"年龄", "高度 T0"}
    rows = list(csv.DictReader(io.StringIO(codebook_csv(protocol).decode())))
    assert [row["column"] for row in rows] == [item.name for item in columns(protocol)]


def test_long_keeps_what_was_reported(snapshot):
    """``<0.5`` counts as a half in the wide table and stays ``<0.5`` in the long one."""
    long = pq.read_table(snapshot / "long.parquet").to_pylist()
    below = [row for row in long if row["comparator"] == "<"]
    assert below
    assert {row["value"] for row in below} == {"0.5"}
    wide = pq.read_table(snapshot / "data.parquet")
    assert "0.2" in cell_texts(wide.column("sap_t0")).to_pylist()


def test_files_of_a_snapshot_are_read_only(locked_once):
    assert all(not f.stat().st_mode & stat.S_IWUSR for f in locked_once.rglob("*") if f.is_file())
