"""site.toml and packs: what is wrong is said with its line, and nothing but a SELECT gets through."""

from __future__ import annotations

import shutil
from decimal import Decimal

import pytest

from extract.errors import SiteInvalid
from extract.his.compile import candidates_sql, chart_sql
from extract.his.guard.statements import check_select
from extract.his.mapping import check_yield, reads
from extract.his.packs import read_pack
from extract.his.sites import load_site
from sql import packs

HEADER = "-- name: x\n-- purpose: x\n-- params: none\n-- grain: x\n-- phi: none\n"


def own(study, name, text):
    (study.root / "sql").mkdir(exist_ok=True)
    (study.root / "sql" / name).write_text(text, encoding="utf-8")


def own_pack(study):
    shutil.copytree(str(packs() / "jw1"), study.root / "ours")
    site = study.site_file
    site.write_text(site.read_text().replace('pack = "jw1"', 'pack = "ours"'))
    return study.root / "ours"


def test_the_shipped_pack_loads_with_its_concepts(study):
    pack = load_site(study).pack
    assert set(pack.tables) >= {"patient", "visit", "lab", "document"}
    assert pack.labs["CRP"].units["mg/dL"] == Decimal(10)
    assert "超敏C反应蛋白" in pack.labs["CRP"].not_names
    assert pack.link["lab"].after_days >= pack.link["lab"].before_days


def test_a_password_is_taken_from_the_environment_and_never_shown(study, monkeypatch, studies):
    monkeypatch.setenv("HIS_PW", "s3cr@t/x")
    study = studies(study.root, "postgresql+psycopg://reader:${HIS_PW}@127.0.0.1:1/his")
    site = load_site(study)
    assert "s3cr%40t%2Fx@127" in site.url
    assert "s3cr" not in repr(site)
    monkeypatch.delenv("HIS_PW")
    with pytest.raises(SiteInvalid, match="HIS_PW is not set"):
        load_site(study)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[limits]", '[limits]\nwindow = "week"', "line 7: limits.window"),
        ("[limits]", "[limits]\nkey_batch = 501", "limits.key_batch"),
        ("[limits]", "[limit]", "line 6: limit"),
        ('"jw1"', '"nope"', "no pack 'nope'"),
        ("sqlite://", "", "not a URL"),
        ("[source]", '[source]\nzone = "Mars/Base"', "not a time zone"),
        ("format = 1", "format = 1 x", "not valid TOML"),
        ("sqlite:///", "sybase://", "not written for sybase"),
        ("format = 1", 'format = 1\nabsent = ["visits"]', "'visits' is not a canonical table"),
        ("format = 1", 'format = 1\nabsent = ["visit"]', "visit is declared absent"),
    ],
)  # fmt: skip
def test_a_fault_in_site_toml_is_one_sentence_with_its_line(study, old, new, said):
    text = study.site_file.read_text()
    assert old in text
    study.site_file.write_text(text.replace(old, new, 1))
    with pytest.raises(SiteInvalid, match=said):
        load_site(study)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM lab_result",
        "SELECT * INTO stolen FROM lab_result",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
        "SELECT 1; DROP TABLE lab_result",
        "SELECT * FROM lab_result FOR UPDATE",
        "CREATE TABLE t AS SELECT 1",
        "PRAGMA query_only = 0",
        "ATTACH 'x' AS y",
        "SELECT FROM WHERE",
    ],
)
def test_only_one_select_that_neither_writes_nor_locks_is_taken(study, sql):
    own(study, "lab.sql", HEADER + sql)
    with pytest.raises(SiteInvalid, match=r"sql/lab\.sql"):
        load_site(study)


def test_a_select_that_forgets_a_column_or_invents_one_is_named(study):
    text = (packs() / "jw1" / "visit.sql").read_text(encoding="utf-8")
    own(study, "visit.sql", text.replace("AS ended_at", "AS ended"))
    with pytest.raises(SiteInvalid, match="does not yield ended_at"):
        load_site(study)
    own(
        study,
        "visit.sql",
        text.replace("NULL                     AS updated_at", "NULL AS updated_at, 1 AS colour"),
    )
    with pytest.raises(SiteInvalid, match="yields colour"):
        load_site(study)


def test_a_file_without_its_header_is_refused(study):
    own(study, "lab.sql", "-- name: lab\nSELECT 1")
    with pytest.raises(SiteInvalid, match="lacks purpose, params, grain, phi"):
        load_site(study)


def test_a_study_puts_its_own_file_in_place_of_the_packs_and_a_dialects_file_first(study):
    text = (packs() / "jw1" / "lab.sql").read_text(encoding="utf-8")
    own(study, "lab.sql", text.replace("'LAB_RESULT'", "'MINE'"))
    assert "'MINE'" in load_site(study).pack.tables["lab"].sql
    own(study, "lab.sqlite.sql", text.replace("'LAB_RESULT'", "'MINE ON SQLITE'"))
    assert "'MINE ON SQLITE'" in load_site(study).pack.tables["lab"].sql
    assert load_site(study).pack.tables["lab"].origin == "sql/lab.sqlite.sql"


def test_a_missing_table_must_be_declared_absent(study):
    (own_pack(study) / "scale.sql").unlink()
    with pytest.raises(SiteInvalid, match=r"no scale\.sql and does not say that the table is absent"):
        load_site(study)
    study.site_file.write_text(
        study.site_file.read_text().replace("format = 1", 'format = 1\nabsent = ["scale"]')
    )
    site = load_site(study)
    assert "scale" not in site.pack.tables
    assert site.pack.absent == ("scale",)


def test_an_unknown_key_of_a_pack_is_named_with_its_line(study):
    file = own_pack(study) / "pack.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[lab.CRP]", "[lab.CRP]\nunitz = 1"), encoding="utf-8")
    line = text[: text.index("[lab.CRP]")].count("\n") + 2
    with pytest.raises(SiteInvalid, match=f"pack.toml, line {line}: lab.CRP.unitz"):
        load_site(study)


@pytest.mark.parametrize(
    "name", sorted(entry.name for entry in packs().iterdir() if (entry / "pack.toml").is_file())
)
def test_every_shipped_pack_names_the_columns_it_reads(name):
    """The drift check knows only columns with an alias: a pack that hides them would pass for fitting."""
    pack = read_pack(packs() / name, "duckdb")
    for table in pack.tables.values():
        for source, columns in reads(table.sql, "duckdb", table.origin).items():
            assert columns, f"{table.origin} names no column of {source}"


def test_values_travel_only_as_binds(study):
    """No term and no patient stands in the text of a statement."""
    site, protocol = load_site(study), study.protocol()
    for statement in (*candidates_sql(site, protocol), *chart_sql(site, protocol)):
        assert "腰痛" not in statement.sql
        assert "2022" not in statement.sql
    first = candidates_sql(site, protocol)[0]
    assert "%腰痛%" in first.params.values()
    assert first.params["from_date"] == "2022-01-01"
    assert [s.name for s in candidates_sql(site, protocol)][-2:] == ["candidates 2025", "window_totals"]


def test_the_jw1_pack_is_whole_for_oracle_too():
    """No Oracle runs here: the texts at least parse, read only, and yield the canonical columns."""
    pack = read_pack(packs() / "jw1", "oracle")
    assert pack.tables["document"].origin == "jw1/document.oracle.sql"
    for table in pack.tables.values():
        check_select(table.sql, "oracle", table.origin)
        check_yield(table, "oracle")
