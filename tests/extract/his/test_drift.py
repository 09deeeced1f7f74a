"""A table of the hospital that is not what it was stops alone, before anything of it is landed."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from extract.errors import SchemaDrift
from extract.his.columns import family
from extract.his.drift import changed_since
from extract.his.landing import Landing
from extract.his.looks import Sight
from extract.his.pull import pull
from extract.his.records import TABLES
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build

Change = Callable[..., None]
LATE = "UPDATE lab_result SET result = '77' WHERE test_no IN (SELECT test_no FROM lab_test_master)"
DRIFTS = {
    "gone": (
        "ALTER TABLE vital_signs_rec DROP COLUMN vital_signs_values",
        ("ALTER TABLE vital_signs_rec ADD COLUMN vital_signs_values NUMERIC(10,2)",),
        "table vital_signs_rec has no column vital_signs_values",
    ),
    "renamed": (
        "ALTER TABLE vital_signs_rec RENAME COLUMN time_point TO time_point_new",
        ("ALTER TABLE vital_signs_rec RENAME COLUMN time_point_new TO time_point",),
        "table vital_signs_rec has no column time_point",
    ),
    "null": (
        "UPDATE vital_signs_rec SET vital_signs_cvalues = NULL",
        ("DELETE FROM vital_signs_rec", "INSERT INTO vital_signs_rec SELECT * FROM kept"),
        "column vital_signs_rec.vital_signs_cvalues was filled in",
    ),
    "empty": (
        "DELETE FROM vital_signs_rec",
        ("INSERT INTO vital_signs_rec SELECT * FROM kept",),
        "table vital_signs_rec had",
    ),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo hospital as an SQLite file, with a copy of what nurses charted."""
    folder = tmp_path_factory.mktemp("small")
    build(folder / "his.db", patients=90, truth=folder / "truth.json")
    with closing(sqlite3.connect(folder / "his.db")) as db:
        db.execute("CREATE TABLE kept AS SELECT * FROM vital_signs_rec")
        db.commit()
    return folder / "his.db"


@pytest.fixture(scope="module")
def template(small: Path, postgres_url: str) -> Iterator[str]:
    """The same on PostgreSQL, as a database to copy."""
    name = f"drift_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        build(f"{postgres_url.rpartition('/')[0]}/{name}", patients=90, truth=small.with_name("there.json"))
        with psycopg.connect(postgres_url.replace("+psycopg", ""), dbname=name) as db:
            db.execute("CREATE TABLE kept AS SELECT * FROM vital_signs_rec")
        yield name
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def his(request: pytest.FixtureRequest, small: Path, tmp_path: Path) -> Iterator[tuple[str, Change]]:
    """Its URL, and how somebody works in it."""
    if request.param == "sqlite":
        shutil.copy(small, tmp_path / "his.db")

        def change(*statements: str) -> None:
            with closing(sqlite3.connect(tmp_path / "his.db")) as db:
                for statement in statements:
                    db.execute(statement)
                db.commit()

        yield f"sqlite:///{tmp_path / 'his.db'}", change
        return
    template, address = request.getfixturevalue("template"), request.getfixturevalue("postgres_url")
    name, plain = f"drift_{uuid.uuid4().hex[:12]}", address.replace("+psycopg", "")

    def change_there(*statements: str) -> None:
        with psycopg.connect(plain, dbname=name, autocommit=True) as db:
            for statement in statements:
                db.execute(statement)

    with psycopg.connect(plain, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield f"{address.rpartition('/')[0]}/{name}", change_there
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def study(his: tuple[str, Change], studies: Callable[..., StudyFolder], tmp_path: Path) -> StudyFolder:
    """A study of it, with an account that a test may use."""
    return studies(tmp_path / "study", his[0], limits='\n[safety]\nallow_write_right = "a test"\n')


def hashes(study: StudyFolder) -> dict[str, str]:
    with closing(Landing(study.landing)) as landing:
        return landing.content_hashes()


@pytest.mark.parametrize("kind", DRIFTS)
def test_only_the_drifted_table_stops_and_the_next_pull_after_mending_completes(
    kind: str,
    his: tuple[str, Change],
    study: StudyFolder,
    studies: Callable[..., StudyFolder],
    tmp_path: Path,
) -> None:
    """Named with what is wrong; all other tables land; the run is not a clean one, night after night."""
    _, change = his
    drifts, mends, said = DRIFTS[kind]
    pull(study)
    before = hashes(study)
    change(drifts, LATE)
    for _ in range(2):
        with pytest.raises(SchemaDrift) as caught:
            pull(study)
        assert said in caught.value.message
        assert "Nothing of scale was landed; all other tables were" in caught.value.message
        assert "--accept vital_signs_rec" in caught.value.next_step
        now = hashes(study)
        assert {table for table in TABLES if now[table] != before[table]} == {"lab"}
    change(*mends)
    report = pull(study)
    fresh = studies(tmp_path / "fresh", his[0], limits='\n[safety]\nallow_write_right = "a test"\n')
    pull(fresh)
    assert hashes(study) == hashes(fresh)
    assert report.records["scale"]["gone"] == 0


def test_a_column_of_another_kind_stops_its_table(his: tuple[str, Change], study: StudyFolder) -> None:
    """A number that became a text, in a table that the search reads: who was known is asked on."""
    url, change = his
    report = pull(study)
    if url.startswith("sqlite"):
        change("ALTER TABLE orders RENAME COLUMN start_date_time TO old",
               "ALTER TABLE orders ADD COLUMN start_date_time VARCHAR(30)",
               "UPDATE orders SET start_date_time = old")  # fmt: skip
    else:
        # A text would not go with the other half of the pack's UNION: accepted, it could not be read at all.
        change("ALTER TABLE orders ALTER COLUMN start_date_time TYPE DATE")
    with pytest.raises(SchemaDrift, match=r"column orders.start_date_time was time and is (text|date)"):
        pull(study)
    with closing(Landing(study.landing)) as landing:
        assert landing.candidates().num_rows == report.candidates
    accepted = pull(study, accept=["orders"])
    assert accepted.records["medication"]["gone"] == 0
    pull(study)


def test_what_changed_while_a_table_was_stopped_is_landed_when_it_is_accepted(
    his: tuple[str, Change], study: StudyFolder
) -> None:
    """...although nothing of it changes in the night that accepts it."""
    _, change = his
    before = pull(study).records["scale"]
    change("UPDATE vital_signs_rec SET vital_signs_cvalues = NULL")
    with pytest.raises(SchemaDrift, match="vital_signs_cvalues was filled"):
        pull(study)
    accepted = pull(study, accept=["vital_signs_rec"]).records["scale"]
    assert accepted["changed"] == before["new"] > 0


def test_a_searched_table_that_drifts_leaves_the_candidates_as_they_were(
    his: tuple[str, Change], study: StudyFolder
) -> None:
    """Nobody can be searched for: nobody comes, nobody leaves, and the other tables of who is known go on."""
    _, change = his
    report = pull(study)
    before = hashes(study)
    change("ALTER TABLE lab_result RENAME COLUMN result TO result_value",
           "UPDATE pat_visit SET dept_admission_to = 'moved'")  # fmt: skip
    with pytest.raises(SchemaDrift, match="lab_result has no column result"):
        pull(study)
    with closing(Landing(study.landing)) as landing:
        assert landing.candidates().num_rows == report.candidates
    assert {table for table in TABLES if hashes(study)[table] != before[table]} == {"visit"}
    change("ALTER TABLE lab_result RENAME COLUMN result_value TO result")
    assert pull(study).records["lab"]["gone"] == 0


def test_a_first_pull_without_what_the_search_reads_lands_nothing(
    his: tuple[str, Change], study: StudyFolder
) -> None:
    _, change = his
    change("ALTER TABLE lab_result RENAME COLUMN report_item_name TO item")
    with pytest.raises(SchemaDrift, match="lab_result has no column report_item_name"):
        pull(study)
    change("ALTER TABLE lab_result RENAME COLUMN item TO report_item_name")
    assert pull(study).mode == "full"


def test_a_share_is_told_only_of_enough_rows_and_above_the_threshold() -> None:
    def sight(rows: int, filled: int, kind: str = "text") -> dict[str, Sight]:
        return {"t": Sight(rows, None, {"c": kind}, {"c": filled})}

    assert changed_since(sight(100, 100), sight(100, 51), 0.5) == {}
    assert changed_since(sight(100, 100), sight(100, 49), 0.5) == {
        "t": ["column t.c was filled in 100% of the rows and is in 49%"]
    }
    assert changed_since(sight(100, 100), sight(49, 49), 0.5) == {"t": ["table t had 100 rows and has 49"]}
    assert changed_since(sight(10, 10), sight(0, 0), 0.5) == {}
    assert changed_since(sight(100, 10), sight(100, 0), 0.5) == {}
    assert changed_since(sight(100, 100), sight(100, 100, "number"), 0.5) == {
        "t": ["column t.c was text and is number"]
    }
    assert changed_since(sight(100, 100, ""), sight(100, 100), 0.5) == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("character varying", "text"), ("VARCHAR2(20)", "text"), ("nvarchar", "text"), ("uuid", "text"),
        ("timestamp without time zone", "time"), ("timestamp with time zone", "time with zone"),
        ("DATETIMEOFFSET", "time with zone"), ("datetime2", "time"), ("TIMESTAMP_S", "time"), ("date", "date"),
        ("integer", "number"), ("NUMERIC(10,2)", "number"), ("NUMBER", "number"), ("double precision", "number"),
        ("boolean", "boolean"), ("bytea", "bytes"), ("LONGBLOB", "bytes"), ("geometry", "geometry"),
    ],
)  # fmt: skip
def test_types_of_all_servers_fall_into_few_kinds(name: str, kind: str) -> None:
    assert family(name) == kind
