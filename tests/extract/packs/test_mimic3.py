"""The mimic3 pack on the published demo: real admissions, real laboratory values, M/D/YY dates."""

from pathlib import Path

import duckdb
import pytest

from extract.his.packs import read_pack
from sql import packs

DATA = Path(__file__).parents[4] / "shared" / "data" / "mimic3-demo"
BACK = ("Spinal stenosis", "Pain in thoracic spine", "Lumbago", "Sciatica", "neuritis or radiculitis",
        "Backache", "Other symptoms referable to back", "Disorders of sacrum", "of coccyx", "Other unspecified back disorders")  # fmt: skip


@pytest.fixture(scope="module")
def canonical():
    """The pack's SELECTs as views over the files."""
    connection = duckdb.connect()
    for file in DATA.glob("*.csv.gz"):
        name = file.name.removesuffix(".csv.gz")
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{file}', all_varchar = true)")
    pack = read_pack(packs() / "mimic3", "duckdb")
    for name, table in pack.tables.items():
        connection.execute(f"CREATE TABLE canonical_{name} AS {table.sql}")
    yield connection
    connection.close()


def one(connection, query):
    return connection.execute(query).fetchone()


def test_back_pain_and_a_sedimentation_rate_never_meet_and_the_lost_result_is_named(pulled):
    """0 visits; the result without an admission is counted and named by its key, not dropped by a join."""
    back = " OR ".join(f'diagnosis:"{words}"' for words in BACK)
    found = pulled(
        expression=f'({back}) AND lab:"Sedimentation Rate"',
        dates=("2100-01-01", "2210-12-31"),
        pack="mimic3",
        url=f"duckdb:///{DATA}",
    )
    assert found.report.candidates == 0
    rejected = {(r["table"], r["reason"]): r for r in found.report.rejected}
    lost = rejected["lab", "esr_without_admission"]
    assert (lost["count"], lost["which"]) == (1, "lab:|51288|2165-08-09 05:00:00|1")
    assert rejected["lab", "result_without_admission"]["count"] == 14262
    assert found.landing.window_totals() == {"patients": 100, "visits": 129}


def test_both_sides_of_the_search_are_there_alone(canonical):
    """The empty answer is not that of a query that finds nothing: 3 visits with 724.x, 2 with a result."""
    assert one(
        canonical, "SELECT COUNT(DISTINCT visit_id) FROM canonical_diagnosis WHERE code LIKE '724.%'"
    ) == (3,)
    assert canonical.execute(
        "SELECT visit_id FROM canonical_lab WHERE code = '51288' AND visit_id IS NOT NULL ORDER BY 1"
    ).fetchall() == [("111115",), ("170883",)]


def test_the_words_of_the_search_are_those_of_the_codes(canonical):
    """Every title of ICD-9 724 holds one of the words that the search is written with."""
    titles = canonical.execute(
        "SELECT long_title FROM d_icd_diagnoses WHERE icd9_code LIKE '724%'"
    ).fetchall()
    assert len(titles) > 15
    missed = [title for (title,) in titles if not any(words in title for words in BACK)]
    assert missed == []


def test_no_join_loses_a_row(canonical):
    """Every table is as long as its source, and every key stands once."""
    for name, source, key in (
        ("patient", "patients", "patient_id"), ("visit", "admissions", "visit_id"), ("lab", "labevents", "result_id"),
        ("medication", "prescriptions", "medication_id"), ("procedure", "procedures_icd", "procedure_id"),
    ):  # fmt: skip
        rows, keys = one(canonical, f"SELECT COUNT(*), COUNT(DISTINCT {key}) FROM canonical_{name}")
        assert (rows, keys) == (one(canonical, f"SELECT COUNT(*) FROM {source}")[0], rows)
    rows, keys = one(canonical, "SELECT COUNT(*), COUNT(DISTINCT diagnosis_id) FROM canonical_diagnosis")
    assert rows == keys == 1761 + 129


def test_two_digit_years_find_their_century(canonical):
    """Against the laboratory's full dates: results lie in or near their stay; ages are 0 to 89."""
    far = one(
        canonical,
        """SELECT COUNT(*) FROM canonical_lab l JOIN canonical_visit v USING (visit_id)
           WHERE ABS(DATE_DIFF('day', CAST(v.started_at AS TIMESTAMP), CAST(l.specimen_at AS TIMESTAMP))) > 400""",
    )
    assert far == (0,)
    assert one(canonical, "SELECT COUNT(*) FROM canonical_visit WHERE ended_at < started_at") == (0,)
    youngest, oldest, withheld = one(
        canonical,
        """SELECT MIN(age), MAX(age), (SELECT COUNT(*) FROM canonical_patient WHERE birth_date IS NULL)
           FROM (SELECT DATE_DIFF('year', CAST(p.birth_date AS DATE), CAST(v.started_at AS TIMESTAMP)) AS age
                 FROM canonical_patient p JOIN canonical_visit v USING (patient_id))""",
    )
    assert (youngest, oldest, withheld) == (17, 89, 8)


def test_icd_9_codes_have_their_point(canonical):
    codes = {code for (code,) in canonical.execute("SELECT code FROM canonical_diagnosis").fetchall() if code}
    assert "724.00" in codes
    assert not [code for code in codes if code.startswith("E") and "." in code and code.index(".") != 4]
    assert not [code for code in codes if not code.startswith("E") and "." in code and code.index(".") != 3]
