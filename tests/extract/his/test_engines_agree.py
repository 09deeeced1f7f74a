"""The same pull on SQLite, on DuckDB over Parquet and CSV, and on PostgreSQL: the diff is the proof."""

from __future__ import annotations

import pytest

from extract.chart.screening import screen
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.his.records import HIT_COLUMNS, SCHEMAS
from extract.study.keywords import Matcher


@pytest.fixture(scope="module")
def reference(demo, tmp_path_factory, request):
    from shutil import copy

    from extract.study import protocol
    from extract.study.folder import StudyFolder

    folder = tmp_path_factory.mktemp("reference")
    copy(protocol.__file__.replace("protocol.py", "templates/esr-pain/study.toml"), folder / "study.toml")
    (folder / "site.toml").write_text(
        f'format = 1\npack = "jw1"\n[source]\nurl = "sqlite:///{demo / "his.db"}"\n'
    )
    study = StudyFolder.at(folder)
    pull(study)
    screen(study)
    return study, Landing(study.landing)


@pytest.mark.parametrize("place", ["parquet", "csv", "postgresql"])
def test_every_engine_gives_the_same_candidates_records_evidence_and_hashes(
    place, reference, demo, studies, tmp_path, request
):
    url = request.getfixturevalue("postgres_demo") if place == "postgresql" else f"duckdb:///{demo / place}"
    of_reference, expected = reference
    study = studies(tmp_path / "study", url)
    pull(study)
    found = Landing(study.landing)
    assert found.candidates().equals(expected.candidates())
    assert found.window_totals() == expected.window_totals()
    assert found.rejected() == expected.rejected()
    for table, schema in SCHEMAS.items():
        assert (
            found.current(table).select(schema.names).equals(expected.current(table).select(schema.names))
        ), table
    assert found.content_hashes() == expected.content_hashes()
    screen(study)
    assert study.screen.joinpath("evidence.parquet").stat().st_size > 1000
    for file in sorted(of_reference.screen.glob("*.parquet")):
        # Candidates, evidence, values, verdicts, matches and links: the same bytes.
        assert study.screen.joinpath(file.name).read_bytes() == file.read_bytes(), file.name


def test_the_reference_is_a_hospital_worth_comparing(reference):
    _, expected = reference
    assert expected.candidates().num_rows > 100
    for table in SCHEMAS:
        assert expected.current(table).num_rows > 0, table
    assert expected.current("lab").column("visit_id").null_count > 100


def test_the_sql_returns_every_visit_that_the_exact_matcher_wants(reference):
    """SQL is a superset: over all landed charts, no visit whose own records satisfy the search is missing."""
    study, landing = reference
    search = study.protocol().search
    matcher = Matcher.of(search)
    hits: dict[str, set[int]] = {}
    for scope, (table, column) in HIT_COLUMNS.items():
        for row in landing.current(table).select(["visit_id", column]).to_pylist():
            if row["visit_id"] is not None and row[column] is not None:
                hits.setdefault(row["visit_id"], set()).update(
                    hit.leaf for hit in matcher.find(row[column], scope)
                )
    dated = landing.current("visit").to_pylist()
    wanted = {
        row["visit_id"] for row in dated
        if search.from_ <= row["started_at"].date() <= search.to and matcher.decide(hits.get(row["visit_id"], set()))
    }  # fmt: skip
    found = set(landing.candidates().column("visit_id").to_pylist())
    assert len(wanted) > 50
    assert wanted <= found
