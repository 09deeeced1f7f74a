"""The thirty lines of docs/verify.md, which import nothing of ours, agree with us."""

import ast
import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from validate.lock.canonical import hash_table
from validate.lock.export import export_all
from validate.lock.verify import verify

CODE = (
    (Path(__file__).parents[3] / "docs" / "verify.md")
    .read_text(encoding="utf-8")
    .split("```python\n")[1]
    .split("```")[0]
)
OURS = {"flows", "extract", "validate", "analysis", "sql"}


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("verify") / "verify.py"
    path.write_text(CODE, encoding="utf-8")
    return path


def run(script, snapshot):
    return subprocess.run(
        [sys.executable, "-I", script, snapshot], capture_output=True, text=True, check=False
    )


def test_it_has_thirty_lines_and_imports_nothing_of_ours():
    assert len(CODE.splitlines()) <= 30
    imported = set()
    for node in ast.walk(ast.parse(CODE)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split(".")[0])
    assert not imported & OURS


def test_it_prints_the_logical_hash_of_a_sound_snapshot(script, snapshot):
    found = run(script, snapshot)
    assert found.stderr == ""
    assert found.stdout.strip() == verify(snapshot).logical_hash


@pytest.mark.parametrize(
    "name", ["data.parquet", "flow.json", "manifest.json", "signatures/data-manager.json", "audit.jsonl"]
)
def test_it_stops_at_a_changed_file(script, snapshot, name):
    data = bytearray((snapshot / name).read_bytes())
    data[len(data) // 2] ^= 1
    (snapshot / name).write_bytes(bytes(data))
    assert run(script, snapshot).returncode != 0


@pytest.fixture(scope="module")
def table_hash(tmp_path_factory):
    """The script's own function, over tables written to a folder of ours."""
    tree = ast.parse(CODE)
    wanted = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    names = {"root": tmp_path_factory.mktemp("tables"), "sha256": None}
    tree.body = [node for node in tree.body if isinstance(node, wanted)]
    exec(compile(tree, "docs/verify.md", "exec"), names)  # noqa: S102 - our own documentation
    names["sha256"] = lambda data: names["hashlib"].sha256(data).hexdigest()

    def of(table):
        """Of a table, or of a Parquet file."""
        if isinstance(table, Path):
            return names["table_hash"](table)
        pq.write_table(table, names["root"] / "t.parquet")
        return names["table_hash"]("t.parquet")

    return of


cells = {
    "text": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    "whole": st.none() | st.integers(-(2**53), 2**53),
    "tenth": st.none() | st.decimals(-(10**8), 10**8, places=1, allow_nan=False),
}
rows = st.lists(st.fixed_dictionaries(cells), max_size=6)
SCHEMA = pa.schema([("text", pa.string()), ("whole", pa.int64()), ("tenth", pa.decimal128(18, 1))])


@given(rows)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_agrees_with_us_on_any_rows_shuffled_and_written_by_others(table_hash, found):
    table = pa.Table.from_pylist(found, SCHEMA)
    expected = hash_table(table)
    assert table_hash(table) == expected
    assert table_hash(pa.Table.from_pylist(found[::-1], SCHEMA)) == expected
    assert table_hash(pa.Table.from_pandas(table.to_pandas())) == expected
    with duckdb.connect() as connection:
        connection.register("given", table)
        assert table_hash(connection.sql("SELECT tenth, text, whole FROM given").to_arrow_table()) == expected


def by_pandas(table, file):
    table.to_pandas().to_parquet(file, index=False, compression="gzip")


def by_duckdb(table, file):
    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.sql(
            f"SELECT {', '.join(sorted(table.column_names, reverse=True))} FROM given"
        ).write_parquet(str(file))


def by_arrow_otherwise(table, file):
    pq.write_table(table, file, version="1.0", compression="snappy", row_group_size=5, use_dictionary=False)


@pytest.mark.parametrize("write", [by_pandas, by_duckdb, by_arrow_otherwise])
def test_a_snapshot_shuffled_and_written_by_others_has_the_signed_hash(table_hash, snapshot, write):
    """...by the last lines of the script; the file is another, and the script as a whole says that first."""
    manifest = json.loads((snapshot / "manifest.json").read_bytes())
    lines = []
    for name, about in sorted(manifest["tables"].items()):
        table = pq.read_table(snapshot / about["file"])
        shuffled = table.take(random.Random(name).sample(range(len(table)), len(table)))
        write(shuffled, snapshot / about["file"])
        lines.append(f"{name}\t{table_hash(snapshot / about['file'])}\n")
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == manifest["logical_hash"]
    assert {p.kind for p in verify(snapshot).problems} <= {"size", "hash"}
    assert not verify(snapshot).ok


def test_the_sceptic_over_every_snapshot_can_be_unconvinced(sceptic, snapshot, tmp_path):
    """...one that it accepts and one that it does not, in one go."""
    broken = shutil.copytree(snapshot, tmp_path / "broken")
    (broken / "flow.json").write_bytes(b"{}\n")
    said = sceptic([snapshot, broken])
    assert said[snapshot] == verify(snapshot).logical_hash
    assert "AssertionError: flow.json" in said[broken]


def test_every_file_of_a_snapshot_is_documented(snapshot):
    text = (Path(__file__).parents[3] / "docs" / "snapshot.md").read_text(encoding="utf-8")
    for file in (f for f in snapshot.rglob("*") if f.is_file()):
        name = file.relative_to(snapshot)
        assert f"`{name}`" in text or f"`{name.parts[0]}/" in text, name


def snippet(language):
    """The code of docs/verify.md that opens a snapshot."""
    text = (Path(__file__).parents[3] / "docs" / "verify.md").read_text(encoding="utf-8")
    return text.split(f"```{language} open\n")[1].split("```")[0]


@pytest.mark.parametrize("language", ["python", "r"])
def test_the_snippets_open_a_snapshot_and_stop_at_a_changed_one(snapshot, tmp_path, language):
    """In R the rows come from the export: its package arrow is not in Debian."""
    export_all(snapshot, tmp_path / "out", ["csv"])
    script = tmp_path / f"open.{language}"
    script.write_text(snippet(language), encoding="utf-8")
    program = [sys.executable, "-I"] if language == "python" else ["Rscript", "--vanilla"]
    command = [*program, script, snapshot, tmp_path / "out" / "data.csv"]
    ages = pq.read_table(snapshot / "data.parquet").column("age").to_pylist()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert (int(said[0]), float(said[1]), said[2]) == (len(ages), sum(ages), verify(snapshot).logical_hash)
    data = bytearray((snapshot / "data.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (snapshot / "data.parquet").write_bytes(bytes(data))
    broken = subprocess.run(command, capture_output=True, text=True, check=False)
    assert broken.returncode != 0
    assert "is not what was signed" in broken.stderr
