"""Spark, on a real standalone cluster: a master and two workers on loopback, started once and ended with us."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extract.chart.screening import screen
from extract.errors import (
    Busy,
    DriverMissing,
    NotNow,
    NotSelect,
    SchemaDrift,
    SourceRefused,
    SourceUnreachable,
    TooCostly,
)
from extract.his.compile import Statement
from extract.his.engines.spark import SparkEngine
from extract.his.engines.spark_address import read_address
from extract.his.engines.spark_driver import DRIVER
from extract.his.guard.watch import Guard
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.his.records import SCHEMAS
from extract.his.sites import load_site
from extract.his.source import opened
from flows.cli import main

SPEC = Path(__file__).parents[1] / "spec"
NUMBER = pa.schema([("n", pa.int64())])
ENDLESS = "SELECT COUNT(*) AS n FROM range(3000000000) a CROSS JOIN range(1000) b WHERE a.id * b.id = -1"
SOAKED = "COHORTLOCK_SPEC_CASES" in os.environ
TOGETHER = 20
CASES = int(os.environ.get("COHORTLOCK_SPEC_CASES", "200"))
QUESTIONS = CASES // TOGETHER
"""A question costs Spark seconds: each is asked of twenty hospitals, its own among them, and each answer is a case."""
START = int(os.environ.get("COHORTLOCK_SPEC_SEED", random.SystemRandom().randrange(10**6) if SOAKED else 1))


def module(path):
    spec = importlib.util.spec_from_file_location(f"spark_{path.stem}", path)
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


suite, promises = (module(SPEC / f"{name}.py") for name in ("conftest", "test_spec"))


clusters = module(Path(__file__).parents[2] / "spark_cluster.py")
free_port, until = clusters.free_port, clusters.until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    # Executors of a test live for a minute: they need not be compiled well.  Two cores of each worker, so
    # that a second application finds a place beside the one that is held.
    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    with clusters.standalone(tmp_path_factory.mktemp("cluster") / "spark", cores=2, java=quick) as made:
        yield made


def of(cluster, source):
    """The URL of a source on the cluster."""
    return f"{cluster.url}?{source}&cores=2&memory=512m"


@pytest.fixture(scope="module")
def spark(cluster):
    """The driver, held so that the tests need not start one each."""
    address = read_address(of(cluster, "database=default"), Path())
    yield DRIVER.enter(address)
    DRIVER.leave()


@pytest.fixture(scope="module")
def engine(spark, cluster, demo):
    made = SparkEngine(of(cluster, f"lake={demo / 'parquet'}"), root=demo, zone="Asia/Shanghai", seconds=300)
    yield made
    made.close()


# ---- one question, equal answers ----


@pytest.fixture(scope="module")
def expected(demo, tmp_path_factory):
    from extract.study import protocol
    from extract.study.folder import StudyFolder

    folder = tmp_path_factory.mktemp("reference")
    shutil.copy(Path(protocol.__file__).parent / "templates" / "esr-pain" / "study.toml", folder)
    (folder / "site.toml").write_text(
        f'format = 1\npack = "jw1"\n[source]\nurl = "sqlite:///{demo / "his.db"}"\n[limits]\nwindow = "decade"\n'
    )
    study = StudyFolder.at(folder)
    pull(study)
    screen(study)
    return study, Landing(study.landing)


def equal_to_the_byte(study, expected):
    of_reference, wanted = expected
    found = Landing(study.landing)
    assert found.candidates().num_rows > 100
    assert found.candidates().equals(wanted.candidates())
    assert found.window_totals() == wanted.window_totals()
    assert found.rejected() == wanted.rejected()
    assert found.content_hashes() == wanted.content_hashes()
    for table, schema in SCHEMAS.items():
        assert found.current(table).select(schema.names).equals(wanted.current(table).select(schema.names))
    screen(study)
    for file in sorted(of_reference.screen.glob("*.parquet")):
        assert study.screen.joinpath(file.name).read_bytes() == file.read_bytes(), file.name


def test_a_pull_of_csv_equals_sqlites_to_the_byte(spark, cluster, demo, expected, studies, tmp_path):
    study = studies(tmp_path / "study", of(cluster, f"lake={demo / 'csv'}"), limits='window = "decade"')
    pull(study)
    equal_to_the_byte(study, expected)


class Place(suite.places.Place):
    """The lake of the spec suite; filled anew only where the records differ."""

    _last = None

    def load(self, records):
        """Records that stand there already stay."""
        if self._last is None or records.rows() != self._last:
            super().load(records)
            self._last = records.rows()


@pytest.fixture(scope="module")
def place(spark, cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    made = Place(of(cluster, f"lake={folder}"), suite.places._files(folder, "parquet"), reopen=True)
    yield made
    made.close()


@pytest.fixture
def spec(place):
    def check(table, expression, expected, **search):
        records = suite.plain.read_records(table)
        place.load(records)
        suite.agree(place, records, expression, search=search, expected={f"V|{v}" for v in expected.split()})

    return check


@pytest.mark.parametrize("promise", [name for name in vars(promises) if name.startswith("test_")])
def test_the_spec_suite(promise, spec):
    vars(promises)[promise](spec)


def test_generated_hospitals_and_questions_agree_with_plain_python(place):
    """Cases as the other engines have them (tests/extract/spec/test_agree.py): rows, candidates, answers."""
    made = suite.cases.generated(max(TOGETHER, QUESTIONS), START)
    for at in range(0, QUESTIONS, TOGETHER):
        lot = made[at : at + TOGETHER]
        town = suite.cases.Town(tuple(case.hospital for case in lot))
        records, delivered = town.records, suite.plain.delivered(town.records)
        place.batch_rows = 1000
        place.load(records)
        whole = {"from_": suite.cases.FIRST.date(), "to": suite.cases.FIRST.date().replace(year=2023)}
        chart = place.chart(lot[0].question.search.model_copy(update=whole), records.keys())
        suite.rows_agree(chart, delivered)
        visits = {row["visit_id"] for row in delivered["visit"]}
        for number, case in enumerate(lot[: QUESTIONS - at], at):
            search, answer = case.question.search, town.answer(case.question)
            found = place.candidates(search, case.question.size)
            matched = suite.decided(visits, delivered, search)
            seed = f"COHORTLOCK_SPEC_SEED={START}, case {number}: {case.question}"
            assert answer <= found, f"{seed} loses {sorted(answer - found)}"
            assert found & matched == answer, seed


def test_a_catalog_s_tables_are_read_as_a_lake_s(spark, cluster, tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    moment = dt.datetime(2022, 3, 4, 8, tzinfo=dt.UTC)
    pq.write_table(pa.table({"No": ["001", None], "at": [moment, None]}), folder / "a.parquet")
    spark.sql("CREATE DATABASE his_spark")
    try:
        spark.sql(f"CREATE TABLE his_spark.people USING parquet LOCATION '{folder}'")
        url = of(cluster, "database=his_spark")
        with closing(SparkEngine(url, root=tmp_path, zone="Asia/Shanghai", seconds=60)) as made:
            assert made.columns("people") == made.columns("his_spark.people") == {"no", "at"}
            assert made.columns("nobody") is None
            schema = pa.schema([("no", pa.string()), ("at", pa.timestamp("s"))])
            asked = made.stream("SELECT p.no, p.at FROM people p", {}, schema, batch_rows=10)
            [row] = [row for batch in asked for row in batch.to_pylist() if row["no"]]
            # A moment is what the site's clock showed.
            assert row == {"no": "001", "at": dt.datetime(2022, 3, 4, 16)}  # noqa: DTZ001
    finally:
        spark.sql("DROP DATABASE his_spark CASCADE")


# ---- safety ----


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE written AS SELECT 1 AS n",
        "INSERT INTO lab_result SELECT * FROM lab_result",
        "DROP VIEW lab_result",
        "SET spark.sql.ansi.enabled = false",
        "SELECT 1) UNION ALL (SELECT 2); DROP VIEW lab_result",
        "SELECT * FROM parquet.`/etc`",
    ],
)
def test_nothing_but_a_query_of_tables_can_be_sent(sql, engine):
    """...even by an engine without its guard."""
    with pytest.raises((SourceRefused, SchemaDrift)):
        engine.ask(sql)
    assert engine.columns("lab_result")


def busy(application):
    """Seconds of processor that the executors of an application have used."""
    used = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if application.encode() in (folder / "cmdline").read_bytes():
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return used


def is_quiet(application):
    before = busy(application)
    time.sleep(1)
    return before > 0 and busy(application) - before < 0.3


def test_a_statement_that_takes_too_long_is_dead_on_the_executors(engine, cluster):
    engine._seconds = 3
    try:
        with pytest.raises(SourceRefused, match="took longer than 3 s"):
            list(engine.stream(ENDLESS, {}, NUMBER, batch_rows=10))
    finally:
        engine._seconds = 300
    assert engine.ended().state == "dead"
    assert engine.ended().how == "cancelled"
    [application] = cluster.told()["activeapps"]
    assert engine.ended().session == application["id"]
    assert any(is_quiet(application["id"]) for _ in range(5))
    assert engine.ask("SELECT 7") == [(7,)]


STAGED = """
WITH few AS (SELECT a.id AS n FROM range(7) a WHERE a.id > {least}),
two AS (SELECT f.n FROM few f UNION ALL SELECT f.n FROM few f UNION ALL SELECT f.n FROM few f)
SELECT COUNT(*) AS n FROM two t JOIN two u ON u.n = t.n
"""


def test_what_windows_of_a_search_share_is_computed_once(engine, spark):
    """...and anew after the executor that kept it is gone."""
    session = engine._session

    def kept():
        return list(session._kept.values())

    assert engine.ask(STAGED.format(least=2)) == [(36,)]
    first = kept()
    assert engine.ask(STAGED.format(least=2)) == [(36,)]
    assert kept() == first
    for least in range(3, 12):
        engine.ask(STAGED.format(least=least))
    assert len(kept()) == 8
    assert not set(first) & set(kept())
    assert engine.ask(STAGED.format(least=2)) == [(36,)]
    application = spark.sparkContext.applicationId
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            said = (folder / "cmdline").read_bytes()
            if application.encode() in said and b"CoarseGrainedExecutorBackend" in said:
                os.kill(int(folder.name), signal.SIGKILL)
    until(lambda: engine.ask("SELECT 7") == [(7,)])
    assert engine.ask(STAGED.format(least=2)) == [(36,)]


def test_ctrl_c_ends_it_too_and_stands_in_the_load_report(spark, cluster, demo, studies, tmp_path):
    site = load_site(studies(tmp_path / "study", of(cluster, f"lake={demo / 'parquet'}")))
    with closing(opened(site)) as made:
        guard = Guard(made, site, partial(opened, site))
        guard.file(tmp_path / "load.json", "run")
        threading.Timer(4, partial(os.kill, os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt), guard:
            list(guard.stream(Statement("candidates endless", ENDLESS, {}), NUMBER))
    [death] = json.loads((tmp_path / "load.json").read_text())["stopped"]
    assert (death["statement"], death["state"], death["how"]) == ("candidates endless", "dead", "cancelled")
    assert "app-" in (tmp_path / "load.md").read_text()


def test_a_stream_that_is_left_is_cancelled(engine):
    rows = engine.stream("SELECT a.id AS n FROM range(0, 6000000, 1, 600) a", {}, NUMBER, batch_rows=100)
    assert next(rows).num_rows == 100
    rows.close()
    assert engine.ended().state == "dead"


def test_a_killed_pull_leaves_nothing_on_the_cluster(cluster, demo, spark):
    """...since its driver ends when its standard input does."""
    held = {one["id"] for one in cluster.told()["activeapps"]}
    code = (
        "import sys; from pathlib import Path; from extract.his.engines.spark import SparkEngine\n"
        "e = SparkEngine(sys.argv[1], root=Path(), zone='UTC', seconds=60); print('open', flush=True)\n"
        f"e.ask('{ENDLESS}')"
    )
    url = f"{cluster.url}?lake={demo / 'parquet'}&cores=2&memory=450m"
    process = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE)
    until(lambda: len(cluster.told()["activeapps"]) > len(held))
    process.kill()
    process.wait()
    until(lambda: {one["id"] for one in cluster.told()["activeapps"]} == held)


def test_errors_name_the_rule_and_no_value_and_nothing_is_printed(engine, capfd):
    capfd.readouterr()
    for sql, kind in {
        "SELECT CAST(m.patient_id || '张三丰' AS INTEGER) AS n FROM pat_master_index m": SourceRefused,
        "SELECT p.nothing AS n FROM pat_master_index p": SchemaDrift,
        "SELECT 1 AS n FROM nobody": SchemaDrift,
        "SELECT FROM WHERE": SourceRefused,
    }.items():
        with pytest.raises(kind) as told:
            list(engine.stream(sql, {}, NUMBER, batch_rows=10))
        assert "张三丰" not in str(told.value)
        assert "SELECT" not in str(told.value).split("\n")[0]
        assert told.value.__cause__ is None
        assert told.value.__suppress_context__
    assert capfd.readouterr() == ("", "")


def test_a_whole_pull_by_the_command_line_guard_included(
    spark, cluster, demo, expected, studies, tmp_path, capfd
):
    """...lands what SQLite's lands, to the byte; here from Parquet."""

    def told(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(one) for one in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        assert "WARN" not in out + err
        return int(left.value.code or 0), out, err

    # Every day but that before yesterday, so that no midnight comes between.
    away = (dt.datetime.now(ZoneInfo("Asia/Shanghai")) - dt.timedelta(days=2)).weekday()
    days = [day for n, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")) if n != away]
    hours = ", ".join(f'"{day} 00:00-24:00"' for day in days)

    def allowing(more=""):
        made = studies(
            tmp_path / "study",
            of(cluster, f"lake={demo / 'parquet'}"),
            limits=f'window = "decade"\n[safety]\n{more}',
        )
        assert told("approve", made.root, "--by", "DBA", "--reason", "1")[0] in {0, NotNow.code}
        return made

    with pytest.raises(NotNow):
        pull(allowing(f"blackout = [{hours}]"))
    code, _, err = told("pull", allowing("max_rows = 50").root)
    assert code == TooCostly.code
    assert "max_rows" in err
    good = allowing()
    own = good.root / "sql"
    own.mkdir()
    head = "".join(f"-- {key}: x\n" for key in ("name", "purpose", "params", "grain", "phi"))
    own.joinpath("patient.sql").write_text(f"{head}SELECT TRANSFORM(a) USING 'cat' AS (b) FROM t")
    assert told("pull", good.root)[0] == NotSelect.code
    shutil.rmtree(own)
    code, out, err = told("pull", good.root, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["candidates"] > 100
    page = Path(said["load_report"]).with_suffix(".md").read_text()
    assert "Spark at 127.0.0.1" in page
    assert "read-only session" in page
    assert json.loads(Path(said["load_report"]).read_text())["canary"]["looks"] >= 3
    equal_to_the_byte(good, expected)
    assert told("doctor", good.root)[0] == 0


# ---- what is not there ----


def test_another_cluster_in_the_same_process_has_to_wait(spark, demo):
    with pytest.raises(Busy):
        SparkEngine(f"spark://127.0.0.1:1?lake={demo}", root=demo, zone="UTC", seconds=5)


def test_without_java_it_says_what_to_install(monkeypatch, demo):
    from extract.his.engines import spark_driver

    monkeypatch.setattr(spark_driver, "DRIVER", spark_driver._Driver())
    monkeypatch.setenv("JAVA_HOME", str(demo))
    with pytest.raises(DriverMissing, match="openjdk"):
        spark_driver.DRIVER.enter(read_address(f"spark://127.0.0.1:1?lake={demo}", demo))


def test_a_master_that_does_not_answer_is_told_at_once(demo):
    from extract.his.engines import spark_driver

    with pytest.raises(SourceUnreachable, match="no master answers"):
        spark_driver._Driver().enter(read_address(f"spark://127.0.0.1:{free_port()}?lake={demo}", demo))
