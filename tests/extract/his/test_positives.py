"""The visits by code and item: one SELECT in every dialect, and the same rows on every engine."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from extract.his.asked import QUERIES, asked_offline
from extract.his.engines.dialects import day_bind
from extract.his.guard.statements import check_select
from extract.his.packs import read_pack
from extract.his.positives import positive_schema, positives
from extract.his.sites import Limits, Site, load_site
from extract.his.source import source
from sql import packs

_LIKE = r"\(*(?:CONVERT\()?t\.(?:code|name)(?: USING utf8mb4\))? LIKE :\w+ ESCAPE '!'\)*"
_ALIKE = re.compile(rf"{_LIKE}(?:\s+(?:AND|OR)\s+{_LIKE})*")
CODES = ("M54.5", "M50-M51", "c00-c97")
DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb", "mssql", "oracle", "duckdb", "spark")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_stands_on_the_approval_card(study, dialect):
    """...to the letter but for the number of spellings that are looked for; they travel as binds."""

    def alike(sql: str) -> str:
        return _ALIKE.sub("LIKE", sql)

    pack = read_pack(packs() / "jw1", dialect)
    site = Site(pack=pack, url=f"{dialect}://HIS", zone="Asia/Shanghai", limits=Limits(), root=Path())
    shown = {alike(one.statement.sql) for one in asked_offline(site, study.protocol())}
    labs = [pack.labs[name] for name in pack.labs]
    for _, _, statement in positives(site, study.protocol(), CODES, labs, partial(day_bind, dialect)):
        assert alike(statement.sql) in shown
    assert "positive" in QUERIES


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_is_one_select_of_its_dialect(study, dialect):
    """By the visit that a record names; and for results, which the pack gives a visit, by the patient."""
    pack = read_pack(packs() / "jw1", dialect)
    site = Site(pack=pack, url=f"{dialect}://HIS", zone="Asia/Shanghai", limits=Limits(), root=Path())
    found = positives(site, study.protocol(), CODES, [pack.labs["ESR"]], partial(day_bind, dialect))
    assert [(table, named) for table, named, _ in found] == [
        ("diagnosis", True),
        ("lab", True),
        ("lab", False),
    ]
    for _, _, statement in found:
        check_select(statement.sql, dialect, statement.name)
        assert {"from_date", "to_date"} <= statement.params.keys()
    codes = {value for name, value in found[0][2].params.items() if name.startswith("leaf")}
    assert codes == {"%M54%", "%m54%", "%M5%", "%m5%", "%C%", "%c%"}


def test_nothing_is_asked_where_nothing_is_known(study):
    site = load_site(study)
    assert positives(site, study.protocol(), [], [], partial(day_bind, "sqlite")) == []


def rows_of(folder):
    protocol, site = folder.protocol(), load_site(folder)
    told = {}
    with source(site) as engine:
        for table, _, one in positives(site, protocol, CODES, [site.pack.labs["ESR"]], engine.day):
            schema = positive_schema(site, table)
            batches = list(engine.stream(one.sql, one.params, schema, batch_rows=500))
            rows = pa.Table.from_batches(batches, schema).to_pylist()
            told[one.name] = sorted((tuple(row.values()) for row in rows), key=repr)
    return told


@pytest.mark.parametrize("place", ["postgresql", "parquet"])
def test_every_engine_gives_the_same_records_and_visits(demo, studies, tmp_path, request, place):
    url = request.getfixturevalue("postgres_demo") if place == "postgresql" else f"duckdb:///{demo / place}"
    first = rows_of(studies(tmp_path / "sqlite", f"sqlite:///{demo / 'his.db'}"))
    assert all(first.values())
    assert rows_of(studies(tmp_path / place, url)) == first
