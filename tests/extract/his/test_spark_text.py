"""Spark without a cluster: its URL, and the stages into which a search is cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from extract.errors import NotSelect, SiteInvalid, SourceUnreachable
from extract.his import compile as compiled
from extract.his import compile_nights as nightly
from extract.his.engines.binds import names
from extract.his.engines.dialects import said
from extract.his.engines.spark_address import read_address
from extract.his.engines.spark_stages import only_read, staged
from extract.his.guard.statements import check_select
from extract.his.packs import read_pack
from extract.his.sites import Limits, Site, load_site
from extract.study import protocol as protocols
from sql import packs

GOLDEN = Path(__file__).parents[1] / "spec" / "golden"
PROTOCOL = protocols.load(Path(protocols.__file__).parent / "templates" / "esr-pain" / "study.toml")


def statements(pack):
    site = Site(
        pack=read_pack(packs() / pack, "spark"), url="spark://master:7077?database=his",
        zone="Asia/Shanghai", limits=Limits(window="decade"), root=Path(),
    )  # fmt: skip
    first, *_, totals = compiled.candidates_sql(site, PROTOCOL)
    return [first, totals, nightly.mergers(site), *compiled.chart_sql(site, PROTOCOL)]


def stages(pack):
    """Each stage with its place-holder filled, as it is sent but for the brackets around it."""
    for one in statements(pack):
        cut = staged(one.sql)
        filled = {stage.name: f"stage_{stage.name}" for stage in cut if stage.name}
        yield from ((f"{one.name} {stage.name}".strip(), stage.sql.format_map(filled)) for stage in cut)


@pytest.mark.parametrize("pack", ["jw1", "omop54"])
def test_the_statements_are_those_that_were_looked_at(pack):
    """...stage by stage; COHORTLOCK_WRITE_GOLDEN=1 writes them anew."""
    now = "\n\n".join(
        f"-- {name}\n-- binds: {', '.join(sorted(names(sql)))}\n{sql};" for name, sql in stages(pack)
    )
    file = GOLDEN / f"{pack}.spark.sql"
    if os.environ.get("COHORTLOCK_WRITE_GOLDEN"):
        file.write_text(now + "\n", encoding="utf-8")
    assert file.read_text(encoding="utf-8") == now + "\n"


@pytest.mark.parametrize("pack", ["jw1", "omop54"])
def test_each_stage_is_one_select_of_spark(pack):
    for name, sql in stages(pack):
        for text in (sql, only_read(sql)):
            [tree] = sqlglot.parse(text, read="spark")
            assert isinstance(tree, exp.Query)
            check_select(text, "spark", name)


def tables(sql):
    return len(list(sqlglot.parse_one(sql, read="spark").find_all(exp.Table)))


def test_what_is_read_twice_is_computed_once():
    """...and not copied into every place that names it, as Spark does."""
    cut = staged(statements("jw1")[0].sql)
    assert len(cut) > 2
    filled = {stage.name: stage.name for stage in cut if stage.name}
    assert sum(tables(stage.sql.format_map(filled)) for stage in cut) < 60


def test_a_statement_without_shared_parts_is_one_stage():
    assert [stage.sql for stage in staged("SELECT '{x}' AS a FROM t")] == ["SELECT '{{x}}' AS a FROM t"]
    once = "WITH a AS (\nSELECT 1 AS n\n),\nb AS (\nSELECT n FROM a\n)\nSELECT n FROM b"
    assert [stage.sql for stage in staged(once)] == [once]


def test_a_part_that_reads_another_and_is_read_twice_is_a_stage():
    sql = "WITH a AS (SELECT ')' AS n), b AS (SELECT n FROM a) SELECT x.n FROM b x JOIN b y ON y.n = x.n"
    first, last = staged(sql)
    assert first == ("b", "WITH a AS (\nSELECT ')' AS n\n)\nSELECT n FROM a")
    assert (
        last.sql.format(b="v")
        == "WITH b AS (\nSELECT * FROM v\n)\n SELECT x.n FROM b x JOIN b y ON y.n = x.n"
    )


def test_a_backslash_in_a_literal_is_a_character():
    assert said(r"SELECT 'a\b''c' AS x, d FROM t", "spark") == r"SELECT 'a\\b''c' AS x, d FROM t"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT reflect('java.lang.System', 'exit', 1) AS n",
        "SELECT java_method('java.lang.System', 'getenv', 'HOME') AS n",
        "SELECT TRANSFORM(a) USING 'cat' AS (b) FROM t",
        "INSERT OVERWRITE TABLE t SELECT 1",
        "CACHE TABLE t",
        "ADD JAR 'x.jar'",
    ],
)
def test_what_spark_can_do_beside_reading_is_refused(sql):
    with pytest.raises((NotSelect, SiteInvalid)):
        check_select(sql, "spark", "x.sql")


def test_a_url_says_where_and_how_much(tmp_path):
    (tmp_path / "lake dir").mkdir()
    one = read_address("spark://a:7077,b?lake=lake%20dir&cores=8&memory=2g&driver=10.0.0.5", tmp_path)
    assert one.lake == f"file://{tmp_path}/lake dir"
    assert one.hosts == [("a", 7077), ("b", 7077)]
    assert one.cluster == ("spark://a:7077,b", 8, "2g", "10.0.0.5")
    assert one.where == "Spark at a:7077,b:7077, lake lake dir"
    configured = read_address("spark://?database=his", tmp_path)
    assert (configured.master, configured.hosts, configured.database) == ("", [], "his")
    assert read_address("spark://m:7077?lake=hdfs://nn/lake", tmp_path).lake == "hdfs://nn/lake"


@pytest.mark.parametrize(
    ("url", "said_of"),
    [
        ("spark://m:7077", "neither a lake nor a database"),
        ("spark://m:7077?lake=hdfs://x&database=y", "or both"),
        ("spark://m:7077?database=y&core=2", "core"),
        ("spark://m:7077?database=y&cores=two", "cores"),
        ("spark://m:7077?database=y&memory=256m", "memory"),
        ("spark://m:7077?database=y&memory=much", "memory"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url, said_of, tmp_path):
    with pytest.raises(SiteInvalid, match=said_of):
        read_address(url, tmp_path)


def test_a_lake_that_is_not_there_is_told_before_anything_starts(tmp_path):
    with pytest.raises(SourceUnreachable, match="no such folder"):
        read_address("spark://m:7077?lake=nowhere", tmp_path)


def test_spark_connect_is_refused_by_name(studies, tmp_path):
    """...and not as a dialect that some pack happens not to list."""
    study = studies(tmp_path / "study", "sc://master:15002?lake=/data")
    with pytest.raises(SiteInvalid, match="Spark Connect") as told:
        load_site(study)
    assert "spark://master:7077" in str(told.value)
