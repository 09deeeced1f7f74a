"""Names before texts: decided by the server's estimates, told by `cohortlock sql --explain`, and the same rows."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from extract.his import compile as compiled
from extract.his.guard.plans import Plan
from extract.his.ordering import explained, ordered
from extract.his.sites import load_site
from extract.his.source import source
from extract.his.windows import windows
from flows.cli.app import app

TEXTS = "(document:颈痛 OR document:腰痛)"
RARE, COMMON = f"{TEXTS} AND lab:ESR", f"{TEXTS} AND lab:项目"


@pytest.fixture(scope="module")
def big(postgres_url):
    """The benchmark's hospital, small: 4,000 visits, one in thirty with an ESR, all with other results."""
    file = Path(__file__).parents[2] / "benchmarks" / "big_hospital.py"
    spec = importlib.util.spec_from_file_location("big_hospital", file)
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks itself up by name.
    sys.modules["big_hospital"] = module
    spec.loader.exec_module(module)
    with module.hospital(8000, 24000) as made:
        yield made


def asked(study):
    site, protocol = load_site(study), study.protocol()
    search = protocol.search
    return site, protocol, windows(search.from_, search.to, site.limits.window)


@pytest.mark.parametrize(("expression", "order"), [(RARE, "names first"), (COMMON, "at once")])
def test_postgresql_decides_by_how_much_the_names_find(expression, order, big):
    site, protocol, cut = asked(big.study("decided", expression=expression))
    with source(site) as engine:
        chosen = ordered(engine, site, protocol, cut[0])
    assert chosen.order == order
    assert chosen.told["visits"] == pytest.approx(4000, rel=0.1)
    assert (chosen.told["hits in names"] < 2000) == (order == "names first")


def test_both_orders_find_the_same_and_something(big):
    site, protocol, cut = asked(big.study("same", expression=RARE, limits='window = "year"'))
    with source(site) as engine:

        def rows(window, order):
            one = compiled.candidates(site, protocol, window, engine.day, order)
            stream = engine.stream(one.sql, one.params, compiled.CANDIDATES, batch_rows=100)
            return sorted(tuple(row.values()) for batch in stream for row in batch.to_pylist())

        found = {order: [rows(window, order) for window in cut] for order in ("names first", "at once")}
    assert found["names first"] == found["at once"]
    assert sum(map(len, found["at once"])) > 10


def test_a_search_that_a_note_alone_can_satisfy_is_asked_at_once(big):
    """ESR may stand in a note: names tell nothing, and each table is read once."""
    site, protocol, _ = asked(big.study("whole", expression=f"{TEXTS} AND ESR"))
    assert compiled.orders(site, protocol) == ("at once",)
    site, protocol, cut = asked(big.study("names", expression="lab:ESR"))
    assert compiled.orders(site, protocol) == ("at once",)
    with source(site) as engine:
        assert ordered(engine, site, protocol, cut[0]).told == {}


def test_each_searched_table_stands_once_in_a_statement_asked_at_once(big):
    site, protocol, cut = asked(big.study("once", expression=f"{TEXTS} AND ESR AND lab:项目"))
    one = compiled.candidates(site, protocol, cut[0], lambda iso: iso, "at once")
    assert one.sql.count("FROM note n") == one.sql.count("FROM result r") == 1


def test_the_steps_are_told_with_rows_and_cost_and_nothing_is_run(big):
    study = big.study("told", expression=RARE, limits='window = "year"')
    plan = explained(study)
    assert [one["window"] for one in plan] == ["2022", "2023", "2024", "2025"]
    for one in plan:
        assert (one["order"], one["decided_by"]) == ("names first", "estimates")
        assert [step["step"] for step in one["steps"]] == ["dates", "names", "texts"]
        assert [step["tables"] for step in one["steps"]] == [["patient", "visit"], ["lab"], ["document"]]
        costs = [step["cost"] for step in one["steps"]]
        assert 0 < costs[0] < costs[1] < costs[2]
        assert all(step["rows"] >= 0 for step in one["steps"])
    told = CliRunner().invoke(app, ["sql", str(study.root), "--explain", "--json"])
    assert json.loads(told.stdout) == {"plan": plan}
    page = CliRunner().invoke(app, ["sql", str(study.root), "--explain"]).stdout
    assert "先项目名，后文本 names first, then texts；由数据库估算决定 by the server's estimates" in page


def test_a_file_tells_no_estimate_and_the_rule_holds(studies, hospitals, tmp_path):
    study = studies(tmp_path / "study", f"sqlite:///{hospitals(tmp_path / 'his.db')}")
    text = (study.root / "study.toml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("expression"))
    (study.root / "study.toml").write_text(
        text.replace(line, "expression = 'document:腰痛 AND lab:ESR'"), encoding="utf-8"
    )
    first = explained(study)[0]
    assert (first["order"], first["decided_by"], first["estimates"]) == ("names first", "rule", {})
    assert [step["rows"] for step in first["steps"]] == [None, None, None]


@pytest.mark.parametrize(
    ("examined", "order"),
    [((10.0, 500.0), "names first"), ((900.0, 500.0), "at once"), ((None, 5.0), "at once")],
)
def test_a_server_that_tells_examined_rows_is_asked_in_the_order_that_examines_less(
    examined, order, big, monkeypatch
):
    """MariaDB reads a WITH anew at each use: without estimates names are not read twice."""
    site, protocol, cut = asked(big.study("mariadb", expression=RARE))
    site = site.model_copy(update={"url": site.url.replace("postgresql+psycopg", "mariadb+pymysql")})
    rows = dict(zip(("names first", "at once"), examined, strict=True))

    def plan(_engine, sql, _params):
        return Plan(rows=rows["names first" if "likely" in sql else "at once"])

    monkeypatch.setattr("extract.his.ordering.plan_of", plan)
    assert ordered(SimpleNamespace(day=lambda iso: iso), site, protocol, cut[0]).order == order
