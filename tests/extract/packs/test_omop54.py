"""The omop54 pack: the same persons and the same records from CSV files and from a PostgreSQL database."""

import csv
import gzip
import io
import re
import uuid
from pathlib import Path

import psycopg
import pytest

from extract.his.records import TABLES

DATA = Path(__file__).parents[4] / "shared" / "data"
FILES = DATA / "omop-synthea27nj"
LOADED = ("person", "visit_occurrence", "care_site", "note", "measurement", "observation",
          "condition_occurrence", "drug_exposure", "procedure_occurrence", "concept")  # fmt: skip
DATES = ("1950-01-01", "2022-12-31")
LOW_BACK, NECK = 'diagnosis:"low back pain"', 'diagnosis:"neck pain"'


@pytest.fixture(scope="module")
def database(postgres_url):
    """A PostgreSQL database made by the model's own DDL, filled from the CSV files; dropped at the end."""
    server_url = postgres_url.replace("+psycopg", "")
    name = f"omop54_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    try:
        with psycopg.connect(server_url, dbname=name) as connection:
            ddl = (DATA / "omop-ddl-5.4" / "OMOPCDM_postgresql_5.4_ddl.sql").read_text(encoding="utf-8")
            connection.execute(re.sub(r"@cdmDatabaseSchema\.", "", ddl))
            for table in LOADED:
                fill(connection, table)
        yield postgres_url.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def fill(connection, table):
    text = gzip.decompress((FILES / f"{table.upper()}.csv.gz").read_bytes()).decode("utf-8")
    columns = ", ".join(next(csv.reader(io.StringIO(text))))
    with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv, HEADER)") as copy:
        copy.write(text)


@pytest.fixture(scope="module")
def both(pulled, database):
    """(low back, neck) pulled from the files, and from the database."""
    urls = {"duckdb": f"duckdb:///{FILES}", "postgresql": database}
    borne = '[safety]\nallow_write_right = "the owner of a database made for this test"\n'
    return {
        name: [
            pulled(expression=e, dates=DATES, pack="omop54", url=url, more=borne) for e in (LOW_BACK, NECK)
        ]
        for name, url in urls.items()
    }


@pytest.mark.postgres
@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_the_persons_with_low_back_and_neck_pain(both, engine):
    low_back, neck = both[engine]
    assert len({patient for _, patient in low_back.candidates}) == 5
    assert len({patient for _, patient in neck.candidates}) == 4
    assert len(low_back.patients("diagnosis", code="278860009")) == 5
    assert len(neck.patients("diagnosis", code="1121000119107")) == 4


@pytest.mark.postgres
def test_files_and_database_give_the_same_candidates_and_the_same_records(both):
    """Row for row: the landed hash of every table is equal, numbers and times included."""
    for files, database in zip(both["duckdb"], both["postgresql"], strict=True):
        assert files.candidates == database.candidates
        assert files.report.rejected == database.report.rejected
        for table in TABLES:
            assert files.landing.content_hash(table) == database.landing.content_hash(table), table


@pytest.mark.postgres
def test_vital_signs_are_scales_and_analytes_are_labs(both):
    """A pain score is no laboratory value; what states no value is counted."""
    chart = both["postgresql"][0]
    assert chart.patients("scale", code="72514-3")
    assert not chart.patients("lab", code="72514-3")
    assert chart.patients("lab", code="4548-4")
    assert {"table": "scale", "reason": "observation_without_value", "count": 8099} in chart.report.rejected
    assert all(
        row["raw_value"] for row in chart.landing.current("scale").to_pylist() if row["code"] == "72514-3"
    )
