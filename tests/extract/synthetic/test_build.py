"""Building: the same everywhere, bounded, whole or not at all."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
import uuid
from datetime import datetime
from pathlib import Path

import psycopg
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from extract.errors import AlreadyExists, NotFound, SourceUnreachable, StorageFault
from extract.synthetic import hospital, people, roster, sinks
from extract.synthetic.schema import TABLES


def dump(path: Path) -> dict[str, list[tuple]]:
    connection = sqlite3.connect(path)
    found = {
        name: connection.execute(f"SELECT * FROM {name} ORDER BY {', '.join(table.key)}").fetchall()
        for name, table in TABLES.items()
    }
    connection.close()
    return found


def test_the_same_seed_builds_the_same_hospital(tmp_path):
    """...row for row and in the truth file, and another seed builds another one."""
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        hospital.build(tmp_path / f"{name}.db", patients=120, seed=seed, truth=tmp_path / f"{name}.json")
    assert dump(tmp_path / "a.db") == dump(tmp_path / "b.db")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert dump(tmp_path / "a.db") != dump(tmp_path / "c.db")


def test_a_patient_is_the_same_in_a_hospital_of_any_size(tmp_path, demo):
    """A small hospital's rows are rows of the larger one, keys included."""
    hospital.build(tmp_path / "small.db", patients=700, truth=tmp_path / "small.json")
    large = dump(demo.path)
    for table, rows in dump(tmp_path / "small.db").items():
        assert set(rows) <= set(large[table]), table
    assert len(large["PAT_MASTER_INDEX"]) > 1_000


def test_chance_does_not_depend_on_the_python_hash(tmp_path):
    """The rows of a patient are equal in another process with another hash seed."""
    code = (
        "import hashlib; from extract.synthetic.roster import admit;"
        "print(hashlib.sha256(repr([sorted(admit(5, i)[0].rows.items()) for i in (3, 95, 600, 900)])"
        ".encode()).hexdigest())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            cwd=Path(hospital.__file__).parents[2],
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(answers) == 1


def test_patient_numbers_never_meet():
    numbers = {people.patient_number(i, twin) for i in range(100_000) for twin in (0, 1)}
    assert len(numbers) == 200_000
    assert all(len(number) == 8 for number in numbers)


def test_the_report_counts_what_is_in_the_tables(demo):
    found = dump(demo.path)
    assert demo.report.rows == {name: len(rows) for name, rows in found.items()}
    assert (demo.report.planted, demo.report.decoys) == (90, roster.FULL - 90)


def test_keys_hold_and_references_meet(demo):
    """The unique keys exist; results, reports and notes have their masters."""
    connection = sqlite3.connect(demo.path)
    indexes = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert {f"PK_{name}" for name in TABLES} <= indexes
    for orphan in (
        "SELECT count(*) FROM LAB_RESULT WHERE TEST_NO NOT IN (SELECT TEST_NO FROM LAB_TEST_MASTER)",
        "SELECT count(*) FROM EXAM_REPORT WHERE EXAM_NO NOT IN (SELECT EXAM_NO FROM EXAM_MASTER)",
        (
            "SELECT count(*) FROM JHMR_FILE_INDEX i LEFT JOIN JHMR_FILE_CONTENT_TEXT t USING (FILE_UNIQUE_ID)"
            " WHERE t.FILE_UNIQUE_ID IS NULL"
        ),
        (
            "SELECT count(*) FROM OUTP_MR o LEFT JOIN CLINIC_MASTER c USING (VISIT_DATE, VISIT_NO, PATIENT_ID)"
            " WHERE c.VISIT_NO IS NULL"
        ),
    ):
        assert connection.execute(orphan).fetchone() == (0,), orphan
    connection.close()


def test_times_are_iso_text_in_sqlite(demo):
    """Every value of a TIMESTAMP column reads back as a time to the second."""
    connection = sqlite3.connect(demo.path)
    for name, table in TABLES.items():
        for column, sql in table.columns:
            if sql.startswith("TIMESTAMP"):
                for (value,) in connection.execute(f"SELECT {column} FROM {name} WHERE {column} IS NOT NULL"):
                    assert datetime.fromisoformat(value).isoformat(sep=" ", timespec="seconds") == value
    connection.close()


def test_texts_fit_their_columns(demo):
    """VARCHAR(n) holds: SQLite would not complain, Oracle would."""
    connection = sqlite3.connect(demo.path)
    for name, table in TABLES.items():
        for column, sql in table.columns:
            if sql.startswith("VARCHAR"):
                width = int(sql.split("(")[1].split(")")[0])
                longest = connection.execute(f"SELECT max(length({column})) FROM {name}").fetchone()[0]
                assert (longest or 0) <= width, (name, column)
    connection.close()


def test_the_dirt_of_real_charts_is_there(demo):
    """Each kind of dirt that the demo promises occurs in the tables at least once."""
    connection = sqlite3.connect(demo.path)
    for what in (
        "SELECT 1 FROM LAB_TEST_MASTER WHERE VISIT_ID IS NULL",
        "SELECT 1 FROM LAB_TEST_MASTER WHERE VISIT_ID = 0",
        "SELECT 1 FROM LAB_TEST_MASTER WHERE RESULT_STATUS <> '4'",
        "SELECT 1 FROM LAB_TEST_MASTER WHERE SPCM_SAMPLE_DATE_TIME IS NULL",
        "SELECT 1 FROM LAB_TEST_MASTER WHERE julianday(RESULTS_RPT_DATE_TIME) > julianday(SPCM_SAMPLE_DATE_TIME) + 3",
        "SELECT 1 FROM LAB_RESULT WHERE RESULT LIKE '%↑'",
        "SELECT 1 FROM LAB_RESULT WHERE RESULT GLOB '*[０-９]*'",
        "SELECT 1 FROM LAB_RESULT WHERE RESULT LIKE '<%'",
        "SELECT 1 FROM LAB_RESULT WHERE RESULT = '阴性'",
        "SELECT 1 FROM LAB_RESULT WHERE RESULT = '溶血'",
        "SELECT 1 FROM LAB_RESULT WHERE REPORT_ITEM_NAME = '血沉方程K值'",
        "SELECT 1 FROM LAB_RESULT WHERE UNITS = 'mg/dL'",
        (
            "SELECT 1 FROM LAB_RESULT a JOIN LAB_RESULT b USING (TEST_NO, ITEM_NO, REPORT_ITEM_CODE)"
            " WHERE b.PRINT_ORDER > a.PRINT_ORDER AND b.RESULT_DATE_TIME > a.RESULT_DATE_TIME"
        ),
        "SELECT 1 FROM CLINIC_MASTER WHERE RETURNED_DATE IS NOT NULL",
        "SELECT 1 FROM ORDERS WHERE ORDER_STATUS = '4'",
        "SELECT 1 FROM JHMR_FILE_INDEX WHERE DELETE_FLAG = '1'",
        "SELECT 1 FROM PAT_ID_MERGE m JOIN CLINIC_MASTER c ON c.PATIENT_ID = m.PATIENT_ID",
        "SELECT 1 FROM OUTP_MR WHERE MED_HISTORY LIKE '%无明显诱因出现腰痛%'",
        "SELECT 1 FROM OUTP_MR WHERE MED_HISTORY LIKE '%我因头痛、颈痛和背痛而烦恼%'",
        "SELECT 1 FROM OUTP_MR WHERE BODY_EXAM LIKE '%无痛胃镜%'",
        "SELECT 1 FROM OUTP_MR WHERE MED_HISTORY LIKE '%ESRD%'",
        "SELECT 1 FROM OUTP_MR WHERE MED_HISTORY LIKE '%ESR1%' OR BODY_EXAM LIKE '%ESR1%'",
        "SELECT 1 FROM OUTP_MR WHERE BODY_EXAM LIKE '%ＥＳＲ%'",
        "SELECT 1 FROM OUTP_MR WHERE FAMILY_ILL LIKE '%母亲有腰痛病史%'",
    ):
        assert connection.execute(what + " LIMIT 1").fetchone() == (1,), what
    connection.close()


def test_a_hospital_is_never_overwritten(tmp_path, demo):
    with pytest.raises(AlreadyExists):
        hospital.build(demo.path, patients=100, truth=tmp_path / "t.json")


def test_a_killed_build_leaves_no_half_hospital(tmp_path, monkeypatch):
    """An error in the middle leaves neither the database nor its part file nor a truth file."""

    def broken(seed, index):
        if index == 95:
            raise RuntimeError("power cut")
        return roster.admit(seed, index)

    monkeypatch.setattr(hospital, "admit", broken)
    with pytest.raises(RuntimeError):
        hospital.build(tmp_path / "his.db", patients=120, truth=tmp_path / "truth.json")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said_plainly(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault):
        hospital.build(tmp_path / "file" / "his.db", patients=100, truth=tmp_path / "t.json")
    with pytest.raises(StorageFault):
        hospital.build(tmp_path / "his.db", patients=100, truth=tmp_path / "file" / "t.json")
    assert not (tmp_path / "his.db").exists()


def test_a_full_disk_is_said_plainly_and_leaves_nothing(tmp_path, monkeypatch):
    """SQLite's own answer to a full disk, given by a page limit, becomes StorageFault."""

    def small(target):
        sink = opened(target)
        sink.execute(["PRAGMA max_page_count = 60"])
        return sink

    opened = sinks.open_sink
    monkeypatch.setattr(hospital, "open_sink", small)
    with pytest.raises(StorageFault, match="full"):
        hospital.build(tmp_path / "his.db", patients=400, truth=tmp_path / "t.json")
    assert list(tmp_path.iterdir()) == []


def test_fewer_patients_than_are_planted_are_refused(tmp_path):
    with pytest.raises(ValueError, match="90"):
        hospital.build(tmp_path / "his.db", patients=89, truth=tmp_path / "t.json")


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path):
    with pytest.raises(SourceUnreachable) as caught:
        hospital.build("postgresql+psycopg://u:secret@127.0.0.1:1/x", patients=90, truth=tmp_path / "t.json")
    assert "secret" not in str(caught.value)


def test_progress_is_told_and_ends_whole(tmp_path):
    told = []
    hospital.build(
        tmp_path / "his.db", patients=120, truth=tmp_path / "t.json", progress=lambda *step: told.append(step)
    )
    assert told[0] == ("patients", 0.0)
    assert told[-1] == ("indexes", 1.0)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_export_holds_every_row(tmp_path, demo, form):
    """Each table becomes one file with the same rows; times become timestamps in Parquet."""
    counts = hospital.export(demo.path, tmp_path, form=form)
    assert counts == demo.report.rows
    file = tmp_path / f"LAB_RESULT.{form}"
    if form == "parquet":
        table = pq.read_table(file)
        assert str(table.schema.field("RESULT_DATE_TIME").type).startswith("timestamp")
        assert table.num_rows == counts["LAB_RESULT"]
    else:
        text = pa_csv.ConvertOptions(column_types={"TEST_NO": "string"})
        assert pa_csv.read_csv(file, convert_options=text).num_rows == counts["LAB_RESULT"]
        with (tmp_path / "PAT_MASTER_INDEX.csv").open(encoding="utf-8", newline="") as lines:
            assert {len(row["PATIENT_ID"]) for row in csv.DictReader(lines)} == {8}


def test_export_of_nothing_is_said_plainly(tmp_path):
    with pytest.raises(NotFound):
        hospital.export(tmp_path / "none.db", tmp_path)


def test_sqlite_urls_are_files(tmp_path):
    hospital.build(f"sqlite:///{tmp_path}/his.db", patients=90, truth=tmp_path / "t.json")
    assert (tmp_path / "his.db").is_file()


@pytest.mark.postgres
def test_postgresql_holds_the_same_rows(tmp_path, postgres_url):
    """The same build on PostgreSQL and on SQLite, table by table and row by row."""
    name = f"demo_{uuid.uuid4().hex[:12]}"
    server = postgres_url.replace("+psycopg", "")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    try:
        url = postgres_url.rsplit("/", 1)[0] + f"/{name}"
        report = hospital.build(url, patients=130, truth=tmp_path / "pg.json")
        hospital.build(tmp_path / "his.db", patients=130, truth=tmp_path / "lite.json")
        assert (tmp_path / "pg.json").read_bytes() == (tmp_path / "lite.json").read_bytes()
        here = dump(tmp_path / "his.db")
        with psycopg.connect(server.rsplit("/", 1)[0] + f"/{name}") as there:
            for table, rows in here.items():
                theirs = there.execute(f"SELECT * FROM {table}").fetchall()
                assert sorted(map(plain, theirs)) == sorted(map(plain, rows)), table
                assert report.rows[table] == len(rows)
        with pytest.raises(AlreadyExists):
            sinks.open_sink(url)
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def plain(row: tuple) -> list[str]:
    """A row as text, so that two drivers' types compare."""
    found = []
    for value in row:
        if isinstance(value, datetime):
            found.append(value.isoformat(sep=" ", timespec="seconds"))
        elif value is None or isinstance(value, str):
            found.append(str(value))
        else:
            found.append(f"{float(value):g}")
    return found


def test_memory_does_not_grow_with_the_hospital(tmp_path):
    """Five times the patients, hardly more memory at the peak: rows leave in batches."""
    code = (
        "import re, sys; from pathlib import Path; from extract.synthetic import hospital;"
        "f = Path(sys.argv[1]); n = int(sys.argv[2]);"
        "hospital.build(f / f'{n}.db', patients=n, truth=f / f'{n}.json');"
        # Not getrusage: its peak is inherited from the process that started this one.
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    peaks = []
    for patients in (2_000, 10_000):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), str(patients)],
            cwd=Path(hospital.__file__).parents[2], capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout))
    # The page cache of SQLite (64 MB) fills once; what would grow is the rows (about 40 MB more text).
    assert peaks[1] - peaks[0] < 90 * 1024
    assert peaks[1] < 400 * 1024


def test_the_truth_is_a_file_apart(demo):
    """No table and no chart says who was planted."""
    text = json.dumps(
        {k: [list(map(str, r)) for r in v] for k, v in dump(demo.path).items()}, ensure_ascii=False
    )
    assert "planted" not in text
    assert "decoy" not in text
