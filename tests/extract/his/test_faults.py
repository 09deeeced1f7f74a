"""Bad input of every kind: one clear sentence, a code from the list, and nothing half-written."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from extract.errors import (
    Busy,
    DriverMissing,
    SchemaDrift,
    SiteInvalid,
    SourceRefused,
    SourceUnreachable,
    StorageFault,
)
from extract.his.disk import alone
from extract.his.engines.faults import query_fault
from extract.his.engines.lake import LakeEngine
from extract.his.engines.relational import RelationalEngine
from extract.his.landing import Landing
from extract.his.pull import pull

ONE = pa.schema([("n", pa.int64())])
PASSWORD = "pa55-never-shown"


def untouched(study):
    return not list((study.landing / "records").glob("*/*")) if study.landing.exists() else True


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def refused(study, error):
    with pytest.raises(error) as caught:
        pull(study)
    assert PASSWORD not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert caught.value.next_step
    assert untouched(study)
    return caught.value


def test_a_database_that_does_not_answer(studies, tmp_path):
    url = f"postgresql+psycopg://reader:{PASSWORD}@127.0.0.1:{closed_port()}/his"
    assert "does not answer" in refused(studies(tmp_path / "s", url), SourceUnreachable).message


@pytest.mark.parametrize("part", ["role", "database"])
def test_a_login_that_is_refused(studies, tmp_path, postgres_url, part):
    from sqlalchemy import make_url

    url = make_url(postgres_url).set(password=PASSWORD)
    url = url.set(username="nobody_here") if part == "role" else url.set(database=f"none_{uuid.uuid4().hex}")
    fault = refused(studies(tmp_path / "s", url.render_as_string(hide_password=False)), SourceRefused)
    assert "refuses the login" in fault.message


def test_an_account_that_may_not_read_a_table(studies, tmp_path, postgres_admin):
    role = f"blind_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_admin.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        try:
            url = postgres_admin.replace("postgres@", f"{role}@")
            assert "may not read" in refused(studies(tmp_path / "s", url), SourceRefused).message
        finally:
            admin.execute(f"DROP ROLE {role}")


def test_a_file_or_folder_that_is_not_there(studies, tmp_path):
    refused(studies(tmp_path / "a", "sqlite:///none.db"), SourceUnreachable)
    refused(studies(tmp_path / "b", "duckdb:///none"), SourceUnreachable)
    (tmp_path / "c" / "empty").mkdir(parents=True)
    assert "no .csv" in refused(studies(tmp_path / "c", "duckdb:///empty"), SourceUnreachable).message


def test_a_file_that_is_no_database(studies, tmp_path):
    (tmp_path / "his.db").write_text("this is a letter, not a database" * 100)
    refused(studies(tmp_path / "s", f"sqlite:///{tmp_path / 'his.db'}"), SourceUnreachable)


def test_a_driver_that_is_not_installed(tmp_path):
    with pytest.raises(DriverMissing, match="the driver for oracle is not installed") as caught:
        RelationalEngine(f"oracle+oracledb_missing://u:{PASSWORD}@h/x", root=tmp_path, zone="UTC", seconds=1)
    assert "Install oracledb" in caught.value.next_step
    assert PASSWORD not in str(caught.value)
    with pytest.raises(SiteInvalid, match="cannot be read as a database URL"):
        RelationalEngine(f"postgresql://u:{PASSWORD}@h:port/x", root=tmp_path, zone="UTC", seconds=1)


@pytest.mark.parametrize("engine", ["sqlite", "parquet", "postgresql"])
def test_a_missing_column_and_a_missing_table_are_named_before_anything_is_pulled(
    engine, studies, tmp_path, demo, request
):
    url = {"sqlite": f"sqlite:///{demo / 'his.db'}", "parquet": f"duckdb:///{demo / 'parquet'}"}.get(engine)
    study = studies(tmp_path / "s", url or request.getfixturevalue("postgres_demo"))
    from sql import packs

    text = (packs() / "jw1" / "lab.sql").read_text(encoding="utf-8")
    (study.root / "sql").mkdir()
    (study.root / "sql" / "lab.sql").write_text(
        text.replace("r.reference_result", "r.normal_value").replace(
            "JOIN lab_test_master", "JOIN lab_test_mastr"
        )
    )
    fault = refused(study, SchemaDrift)
    assert "table lab_result has no column normal_value (read by sql/lab.sql" in fault.message
    assert "there is no table lab_test_mastr (read by sql/lab.sql" in fault.message
    assert "Nothing of lab was landed" in fault.message


def test_a_second_pull_leaves_while_one_runs(study):
    with alone(study.landing):
        assert "another pull" in refused(study, Busy).message
    pull(study)


def test_a_landing_folder_that_cannot_be_made(study):
    """Root ignores file modes, so the path leads through a file: no rights can make that a folder."""
    study.landing.write_text("in the way")
    with pytest.raises(StorageFault, match="cannot be written"):
        pull(study)


def test_a_landing_store_that_turns_read_only_midway(study, monkeypatch):
    """The ledger's file system turns read-only: SQLite says so at the commit, and the part is taken back."""
    pull(study)
    before = Landing(study.landing).content_hashes()
    real = sqlite3.connect

    def read_only(path, *args, **kwargs):
        if str(path).endswith("ledger.db"):
            return real(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        return real(path, *args, **kwargs)

    monkeypatch.setattr("extract.his.ledger.sqlite3.connect", read_only)
    with pytest.raises(StorageFault, match="read-only"):
        pull(study)
    monkeypatch.undo()
    assert Landing(study.landing).content_hashes() == before


FULL = """
    import resource, sys
    from pathlib import Path
    from extract.errors import StorageFault
    from extract.his.pull import pull
    from extract.study.folder import StudyFolder
    study = StudyFolder.at(Path(sys.argv[1]))
    size = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        pull(study)
    except StorageFault as fault:
        print(fault.message)
        sys.exit(fault.code)
"""


@pytest.mark.parametrize("size", [0, 4_096, 60_000])
def test_a_disk_that_is_full_stops_the_pull_cleanly_and_the_next_goes_on(
    size, study, studies, hospital, tmp_path
):
    """No file may grow past ``size`` bytes: what a full disk does, at three moments of the pull."""
    command = [sys.executable, "-c", textwrap.dedent(FULL), str(study.root), str(size)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert (done.returncode, done.stderr) == (StorageFault.code, "")
    assert "cannot be written" in done.stdout
    assert not list(study.landing.rglob("*.part"))
    pull(study)
    whole = studies(tmp_path / "whole", f"sqlite:///{hospital}")
    pull(whole)
    assert Landing(study.landing).content_hashes() == Landing(whole.landing).content_hashes()


# ---- the session cannot write, whatever the SQL ----


def drained(engine, sql):
    return list(engine.stream(sql, {}, ONE, batch_rows=10))


def test_the_session_cannot_write_on_sqlite(hospital, tmp_path):
    engine = RelationalEngine(f"sqlite:///{hospital}", root=tmp_path, zone="UTC", seconds=5)
    with pytest.raises(SourceRefused):
        drained(engine, "DELETE FROM LAB_RESULT RETURNING 1")
    assert drained(engine, "SELECT COUNT(*) FROM LAB_RESULT")[0].to_pylist() == [{"n": 4}]
    engine.close()


def test_the_session_cannot_write_on_postgresql(postgres_admin, tmp_path):
    engine = RelationalEngine(postgres_admin, root=tmp_path, zone="UTC", seconds=5)
    with pytest.raises(SourceRefused, match="could not run"):
        drained(engine, "DELETE FROM lab_result RETURNING 1")
    assert drained(engine, "SELECT COUNT(*) FROM lab_result")[0].to_pylist()[0]["n"] > 0
    engine.close()


def test_the_session_cannot_write_or_leave_its_folder_on_duckdb(demo, tmp_path):
    (tmp_path / "other.csv").write_text("n\n1\n")
    engine = LakeEngine(demo / "parquet", zone="UTC", seconds=5)
    for sql in (
        f"SELECT * FROM read_csv('{tmp_path}/other.csv')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
    ):
        with pytest.raises(SourceRefused):
            drained(engine, sql)
    assert not (tmp_path / "out.csv").exists()
    engine.close()


ENDLESS = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 100000000000) SELECT MAX(n) FROM x"


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "postgresql"])
def test_a_statement_that_takes_too_long_is_stopped(engine, hospital, demo, tmp_path, request):
    if engine == "duckdb":
        session = LakeEngine(demo / "parquet", zone="UTC", seconds=1)
    else:
        url = f"sqlite:///{hospital}" if engine == "sqlite" else request.getfixturevalue("postgres_demo")
        session = RelationalEngine(url, root=tmp_path, zone="UTC", seconds=1)
    with pytest.raises(SourceRefused, match="longer than 1 s"):
        drained(session, ENDLESS.replace("SELECT 1", "SELECT CAST(1 AS BIGINT)"))
    assert drained(session, "SELECT 1")[0].to_pylist() == [{"n": 1}]
    session.close()


def test_a_drivers_text_that_quotes_a_value_is_not_passed_on():
    error = psycopg.errors.InvalidTextRepresentation(
        'invalid input syntax for type integer: "张三 13800138000"'
    )
    fault = query_fault(error, "his", 5)
    assert "张三" not in str(fault)
    assert "22P02" in fault.message
