"""The HIS safety contract, on a real PostgreSQL and a real MariaDB: refusals, caps, time-outs, deaths."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pyarrow as pa
import pymysql
import pytest

from extract.errors import Busy, NotNow, SourceRefused, TooCostly, WriteRight
from extract.his.approval import approve
from extract.his.compile import Statement
from extract.his.guard.watch import Guard
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.his.sites import load_site
from extract.his.source import opened, source
from extract.study.folder import StudyFolder

HEADER = "-- name: x\n-- purpose: x\n-- params: none\n-- grain: x\n-- phi: x\n"
PACK = """format = 1
name = "small"
version = "1"
label = { zh = "小", en = "small" }
dialects = ["postgresql", "mariadb"]
absent = ["lab", "diagnosis", "medication", "imaging", "procedure", "scale"]
"""
SELECTS = {
    "patient": "SELECT p.id AS patient_id, p.sex AS sex, p.born AS birth_date, NULL AS merged_into,"
    " NULL AS updated_at FROM person p",
    "visit": "SELECT v.id AS visit_id, v.person AS patient_id, 'outpatient' AS visit_type, NULL AS department,"
    " v.seen AS started_at, v.seen AS ended_at, NULL AS updated_at FROM seen v",
    "document": "SELECT n.id AS document_id, n.visit AS visit_id, n.person AS patient_id, 'note' AS kind,"
    " n.written AS written_at, n.body AS text, NULL AS updated_at FROM note n",
}
STUDY = """format = 1
[study]
id = "small"
title = { zh = "小", en = "small" }
ethics = { approval = "none needed" }
[search]
expression = 'document:腰痛'
from = 2022-01-01
to = 2022-12-31
[timepoints]
T0 = { anchor = "first_match" }
T1 = { after = "T0", day = 90, window = [60, 120] }
[[variable]]
id = "result"
label = { zh = "结果", en = "result" }
at = ["T0", "T1"]
source = { lab = "ESR" }
[outcome]
responder = { any = [ { drop = "result", at_least = 1 } ] }
"""
NUMBER = pa.schema([("n", pa.int64())])
N = 400


class Server:
    """One made hospital on one server: an admin's connection, and a reader's URL."""

    def __init__(self, kind, run, url, reader, active):
        self.kind, self.run, self.url, self.reader, self._active = kind, run, url, reader, active

    def active(self):
        """Statements of the reader that the server runs now."""
        return self.run(self._active)[0][0]

    def until_running(self):
        """Wait for a statement that runs for a second: not one of the small ones at the beginning."""
        end, seen = time.monotonic() + 60, 0
        while seen < 20:
            assert time.monotonic() < end
            seen = seen + 1 if self.active() else 0
            time.sleep(0.05)

    def slow(self):
        """Notes that take the server many minutes to deny."""
        self.run("ALTER TABLE note RENAME TO note_kept")
        endless = "SELECT 1 FROM many a, many b, many c WHERE md5(CONCAT(a.n * b.n * c.n, k.id)) = 'x'"
        self.run(f"CREATE VIEW note AS SELECT k.* FROM note_kept k WHERE EXISTS ({endless})")
        self.grant("SELECT")

    def quick(self):
        """The notes as they were."""
        self.run("DROP VIEW note")
        self.run("ALTER TABLE note_kept RENAME TO note")

    def grant(self, what, table="note", to=None):
        """Give the reader, or a role, a right."""
        self.run(f"GRANT {what} ON {table} TO {to or self.reader}")

    def revoke(self, what, table="note"):
        """Take it back."""
        self.run(f"REVOKE {what} ON {table} FROM {self.reader}")


def fill(run):
    run("CREATE TABLE person (id VARCHAR(20) PRIMARY KEY, sex VARCHAR(5), born DATE)")
    run("CREATE TABLE seen (id VARCHAR(20) PRIMARY KEY, person VARCHAR(20), seen TIMESTAMP NULL)")
    run(
        "CREATE TABLE note (id VARCHAR(20) PRIMARY KEY, visit VARCHAR(20), person VARCHAR(20), written TIMESTAMP NULL, body TEXT)"
    )
    days = [f"2022-{1 + n % 12:02}-{1 + n % 28:02} 08:00:00" for n in range(N)]
    run("CREATE TABLE many (n BIGINT)")
    run("INSERT INTO many VALUES " + ", ".join(f"({n})" for n in range(1000)))
    people = ", ".join(f"('P{n}', 'F', '1970-01-01')" for n in range(N))
    run(f"INSERT INTO person VALUES {people}")
    run("INSERT INTO seen VALUES " + ", ".join(f"('V{n}', 'P{n}', '{day}')" for n, day in enumerate(days)))
    run(
        "INSERT INTO note VALUES "
        + ", ".join(f"('N{n}', 'V{n}', 'P{n}', '{day}', '腰痛半年，张三丰')" for n, day in enumerate(days))
    )


@contextmanager
def on_postgresql(address):
    name = f"guard_{uuid.uuid4().hex[:10]}"
    base = address.replace("+psycopg", "")
    with psycopg.connect(base, autocommit=True) as root:
        root.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        root.execute(f"CREATE ROLE {name} LOGIN")
        try:
            with psycopg.connect(base.rpartition("/")[0] + f"/{name}", autocommit=True) as admin:

                def run(sql):
                    cursor = admin.execute(sql)
                    return cursor.fetchall() if cursor.description else []

                fill(run)
                for table in ("person", "seen", "note", "many"):
                    run(f"GRANT SELECT ON {table} TO {name}")
                url = address.rpartition("/")[0].replace("postgres@", f"{name}@") + f"/{name}"
                active = (
                    f"SELECT COUNT(*) FROM pg_stat_activity WHERE usename = '{name}' AND state = 'active'"
                )
                yield Server("postgresql", run, url, name, active)
        finally:
            root.execute(f"DROP DATABASE {name} WITH (FORCE)")
            root.execute(f"DROP ROLE {name}")


@contextmanager
def on_mariadb(address):
    from sqlalchemy import make_url

    at = make_url(address)
    name = f"guard_{uuid.uuid4().hex[:10]}"
    admin = pymysql.connect(
        host=at.host, port=at.port or 3306, user=at.username, autocommit=True, charset="utf8mb4"
    )

    def run(sql):
        with admin.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    run(f"USE {name}")
    run(f"CREATE USER {name}@'%'")
    try:
        fill(run)
        for table in ("person", "seen", "note", "many"):
            run(f"GRANT SELECT ON {table} TO {name}@'%'")
        url = f"mariadb+pymysql://{name}@{at.host}:{at.port or 3306}/{name}?charset=utf8mb4"
        active = (
            f"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{name}' AND info IS NOT NULL"
        )
        yield Server("mariadb", run, url, f"{name}@'%'", active)
    finally:
        run(f"DROP DATABASE {name}")
        run(f"DROP USER {name}@'%'")
        admin.close()


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def hospital_server(request):
    address = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "mariadb_url")
    with (on_postgresql if request.param == "postgresql" else on_mariadb)(address) as server:
        yield server


@pytest.fixture
def server(hospital_server):
    return hospital_server


@pytest.fixture
def made(tmp_path, server):
    """Make a study of the server's hospital: lines of [safety], lines of [limits]."""

    def make(safety="", limits="", name="study"):
        root = tmp_path / name
        (root / "small").mkdir(parents=True)
        (root / "small" / "pack.toml").write_text(PACK, encoding="utf-8")
        for table, select in SELECTS.items():
            (root / "small" / f"{table}.sql").write_text(HEADER + select + "\n", encoding="utf-8")
        (root / "study.toml").write_text(STUDY, encoding="utf-8")
        (root / "site.toml").write_text(
            f'format = 1\npack = "small"\n[source]\nurl = "{server.url}"\n[limits]\n{limits}\n[safety]\n{safety}\n',
            encoding="utf-8",
        )
        return StudyFolder.at(root)

    return make


@contextmanager
def guarded(study):
    site = load_site(study)
    with source(site) as engine, Guard(engine, site, partial(opened, site)) as guard:
        yield guard


def the_load(study):
    [file] = (study.landing / "load").glob("*.json")
    return json.loads(file.read_text(encoding="utf-8"))


# ---- rights ----


def test_an_account_that_only_reads_pulls_and_the_dba_gets_one_page(made):
    study = made()
    report = pull(study)
    assert report.candidates == N
    load = the_load(study)
    assert Path(report.load) == study.landing / "load" / f"{report.run}.json"
    assert (load["run"], load["outcome"], load["stopped"]) == (report.run, "done", [])
    kinds = {line["name"]: line for line in load["statements"]}
    assert kinds["chart document"]["rows"] == kinds["candidates"]["rows"] == N
    assert kinds["chart document"]["bytes"] > N
    assert all(
        line["plan_rows"] is not None and line["longest"] <= line["seconds"] + 0.001
        for line in kinds.values()
    )
    assert load["total"]["rows"] == sum(line["rows"] for line in kinds.values())
    page = Path(report.load).with_suffix(".md").read_text(encoding="utf-8")
    assert "| chart document | 1 | 400 |" in page
    assert len(page.splitlines()) < 40
    assert not any(
        value in page + json.dumps(load, ensure_ascii=False) for value in ("腰痛", "张三丰", "P1", "V1")
    )


@pytest.mark.parametrize("right", ["INSERT", "UPDATE (body)", "DELETE"])
def test_a_right_to_write_is_refused_unless_site_toml_says_why(right, made, server):
    server.grant(right)
    try:
        with pytest.raises(WriteRight) as caught:
            pull(made())
        assert caught.value.code == 26
        assert f"{right.split()[0]} on" in caught.value.message
        assert "note" in caught.value.message
        study = made('allow_write_right = "the reader of a test"', name="borne")
        pull(study)
        assert "the account may write; allowed because: the reader of a test" in the_load(study)["settings"]
    finally:
        server.revoke(right)
    pull(made(name="again"))


def test_a_right_that_comes_with_a_role_is_found(made, server):
    role = f"clerks_{uuid.uuid4().hex[:8]}"
    server.run(f"CREATE ROLE {role}")
    try:
        server.grant("INSERT, SELECT", to=role)
        if server.kind == "postgresql":
            server.run(f"ALTER ROLE {server.reader} NOINHERIT")
        server.run(f"GRANT {role} TO {server.reader}")
        with pytest.raises(WriteRight, match="INSERT"):
            pull(made())
    finally:
        if server.kind == "postgresql":
            server.run(f"DROP OWNED BY {role}")
        server.run(f"DROP ROLE {role}")


# ---- the session ----


def test_the_session_is_read_only_one_snapshot_and_limited_in_every_wait(made, server):
    settings = {
        "postgresql": ("transaction_read_only", "transaction_isolation", "statement_timeout", "lock_timeout",
                       "idle_in_transaction_session_timeout"),
        "mariadb": ("tx_read_only", "tx_isolation", "max_statement_time", "lock_wait_timeout", "wait_timeout"),
    }[server.kind]  # fmt: skip
    wanted = {
        "postgresql": ["on", "repeatable read", "7s", "2s", "9s"],
        "mariadb": ["1", "REPEATABLE-READ", "7.0", "2", "9"],
    }[server.kind]
    study = made("lock_seconds = 2\nidle_seconds = 9", "statement_seconds = 7")
    with guarded(study) as guard:
        show = "current_setting('{}')" if server.kind == "postgresql" else "@@session.{}"
        found = guard.engine.ask("SELECT " + ", ".join(show.format(name) for name in settings))[0]
        assert [str(value) for value in found] == wanted
        with pytest.raises(SourceRefused):
            guard.engine.ask("DELETE FROM seen")


def test_a_table_that_somebody_locks_stops_the_pull_and_not_the_hospital(made, server):
    study = made("lock_seconds = 1")
    begin = {
        "postgresql": "BEGIN; LOCK TABLE note IN ACCESS EXCLUSIVE MODE",
        "mariadb": "LOCK TABLES note WRITE",
    }
    for part in begin[server.kind].split("; "):
        server.run(part)
    try:
        started = time.monotonic()
        with pytest.raises(SourceRefused):
            pull(study)
        assert time.monotonic() - started < 10
    finally:
        server.run("COMMIT" if server.kind == "postgresql" else "UNLOCK TABLES")
    assert pull(study).candidates == N


def test_a_second_session_beyond_the_cap_leaves(made):
    study = made()
    with guarded(study):
        with pytest.raises(Busy, match="allows 1"):
            pull(study)
        assert pull(made("connections = 2", name="two")).candidates == N
    pull(study)


# ---- gates ----


def test_a_plan_over_the_gate_is_refused_before_it_runs(made, server):
    gate = "max_plan_cost = 1" if server.kind == "postgresql" else "max_plan_rows = 1"
    study = made(gate)
    with pytest.raises(TooCostly, match="the server's plan says") as caught:
        pull(study)
    assert caught.value.code == 28
    load = the_load(study)
    assert load["outcome"] == "stopped: too-costly"
    assert load["total"]["rows"] == 0


def test_rows_beyond_the_cap_stop_the_run(made):
    study = made(f"max_rows = {N + 1}")
    with pytest.raises(TooCostly, match="the run has read"):
        pull(study)
    assert the_load(study)["outcome"] == "stopped: too-costly"


def test_a_slow_canary_makes_the_pull_wait_and_then_leave(made, server, monkeypatch):
    """Somebody locks the canary's table for as long as it takes: first patience, then a clean leave."""
    monkeypatch.setattr("extract.his.guard.canary._EVERY", 0.0)
    server.run("CREATE TABLE canary (n INT)")
    server.grant("SELECT", "canary")
    lock = {
        "postgresql": ["BEGIN", "LOCK TABLE canary IN ACCESS EXCLUSIVE MODE"],
        "mariadb": ["LOCK TABLES canary WRITE"],
    }
    study = made('canary = "SELECT COUNT(*) FROM canary"\nlock_seconds = 1\npatience_seconds = 1')
    try:
        with guarded(study) as guard:
            first = Statement("n", "SELECT 1 AS n", {})
            assert list(guard.stream(first, NUMBER))
            for part in lock[server.kind]:
                server.run(part)
            with pytest.raises(NotNow, match="the database is slow"):
                list(guard.stream(first, NUMBER))
            server.run("COMMIT" if server.kind == "postgresql" else "UNLOCK TABLES")
            assert list(guard.stream(first, NUMBER))
            assert guard._canary.waited >= 1
    finally:
        server.run("DROP TABLE canary")


# ---- deaths ----

CHILD = "import sys; from flows.cli import main; sys.argv = ['cohortlock', 'pull', sys.argv[1]]; main()"


@pytest.fixture
def slow(server):
    server.slow()
    yield server
    server.quick()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_schedulers_stop_leave_no_statement_of_ours(sign, made, slow):
    study = made("max_plan_cost = 1e30\nmax_plan_rows = 1e30")
    approve(study, by="test", reason="test")
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"} | {
        "PYTHONPATH": str(Path.cwd())
    }
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(study.root)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    slow.until_running()
    child.send_signal(sign)
    _, said = child.communicate(timeout=60)
    assert slow.active() == 0
    assert child.returncode == 130
    assert "Traceback" not in said
    [death] = the_load(study)["stopped"]
    assert (death["state"], death["statement"]) == ("dead", "sight note")
    assert death["seconds"] < 10


def test_a_statement_over_its_time_is_dead_on_the_server(made, slow):
    study = made("max_plan_cost = 1e30\nmax_plan_rows = 1e30", "statement_seconds = 1")
    with pytest.raises(SourceRefused, match="longer than 1 s"):
        pull(study)
    assert slow.active() == 0
    assert the_load(study)["stopped"][0]["state"] == "dead"


def test_a_stream_that_is_left_midway_is_dead_on_the_server(made, server):
    """The disk is full, say: the rest of a long answer is not waited for."""
    many = "SELECT a.n AS n FROM many a, many b, many c"
    study = made("max_plan_cost = 1e30\nmax_plan_rows = 1e30", "batch_rows = 10")
    started = time.monotonic()

    def left(guard):
        for _ in guard.stream(Statement("many", many, {}), NUMBER):
            raise OSError("full")

    with pytest.raises(OSError, match="full"), guarded(study) as guard:
        left(guard)
    assert server.active() == 0
    assert time.monotonic() - started < 20
    assert guard.load.deaths[0].state == "dead"


@pytest.mark.parametrize("hospital_server", ["postgresql"], indirect=True)
def test_the_statement_of_a_killed_pull_is_noticed_by_postgresql(made, slow):
    """Kill -9 leaves nobody to confirm anything: PostgreSQL looks for its client every five seconds."""
    study = made("max_plan_cost = 1e30")
    approve(study, by="test", reason="test")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(study.root)], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    slow.until_running()
    child.kill()
    child.wait()
    end = time.monotonic() + 20
    while slow.active():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_pull_after_a_stopped_one_goes_on(made, server):
    server.slow()
    study = made("max_plan_cost = 1e30\nmax_plan_rows = 1e30", "statement_seconds = 1")
    try:
        with pytest.raises(SourceRefused):
            pull(study)
    finally:
        server.quick()
    assert pull(study).candidates == N
    assert Landing(study.landing).current("document").num_rows == N
    assert threading.active_count() < 20
