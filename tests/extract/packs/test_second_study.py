"""The second study runs the whole road: a pack that a user wrote, another outcome, no word of the first."""

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from extract.chart.screening import Screening
from extract.his.approval import approve
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from flows import steps
from flows.demo import signing
from flows.simulation import MachineReader, Rates, Simulation
from validate.review.rules import Verdict

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data" / "clinosim-us"
EXAMPLE = ROOT / "docs" / "examples" / "hba1c-clinosim"

# The study once more, in one query over the files: the first visit for diabetes with an HbA1c that day or
# the next, the value then, and the value nearest to 90 days later (60 to 120; of two, the later).
EXPECTED = """
WITH lab AS (
  SELECT patient_id, CAST(SUBSTR(result_datetime, 1, 19) AS TIMESTAMP) AS t, CAST(value AS DOUBLE) AS v
  FROM read_csv('{data}/lab_results.csv.gz', all_varchar = true) WHERE lab_name = 'HbA1c'),
visit AS (
  SELECT e.patient_id, CAST(e.admission_datetime AS TIMESTAMP) AS a
  FROM read_csv('{data}/encounters.csv.gz', all_varchar = true) e
  JOIN read_csv('{data}/diagnoses.csv.gz', all_varchar = true) d USING (encounter_id)
  WHERE d.discharge_diagnosis_name LIKE '%diabetes mellitus%' AND e.admission_datetime < '2025-10-01'),
first AS (
  SELECT patient_id, MIN(a) AS t0 FROM visit
  WHERE EXISTS (SELECT 1 FROM lab WHERE lab.patient_id = visit.patient_id
                AND CAST(t AS DATE) - CAST(a AS DATE) BETWEEN 0 AND 1)
  GROUP BY patient_id),
before AS (
  SELECT f.patient_id, f.t0, ARG_MIN(v, ABS(EPOCH(t) - EPOCH(t0))) AS v0 FROM first f JOIN lab USING (patient_id)
  WHERE CAST(t AS DATE) - CAST(t0 AS DATE) BETWEEN 0 AND 1 GROUP BY ALL),
after AS (
  SELECT f.patient_id,
         ARG_MIN(v, ABS(CAST(t AS DATE) - CAST(t0 AS DATE) - 90) - EPOCH(t) / 1e12) AS v1
  FROM first f JOIN lab USING (patient_id)
  WHERE CAST(t AS DATE) - CAST(t0 AS DATE) BETWEEN 60 AND 120 GROUP BY ALL)
SELECT COUNT(*), AVG(v0), AVG(v1), COUNT(*) FILTER (ROUND(v0 - v1, 1) >= 0.5)
FROM before JOIN after USING (patient_id) WHERE v0 >= 6.5
"""


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """From the files to the report, with reviewers who do not err."""
    study = tmp_path_factory.mktemp("road") / "study"
    shutil.copytree(EXAMPLE, study)
    with pytest.MonkeyPatch.context() as patch, signing(study):
        patch.setenv("CLINOSIM", str(DATA))
        approve(StudyFolder.at(study), by="test", reason="test")
        pulled = steps.pull(study)
        steps.screen(study)
        steps.queue(study, pulled["run"])
        folder = StudyFolder.at(study)
        protocol = folder.protocol()
        reader = MachineReader(Screening.load(folder), Verdict.NOT_MET)
        with StudyDatabase.open(folder, protocol) as database:
            Simulation(database, protocol, reader, seed=7, rates=Rates(0, 0, 0)).run()
        steps.reconcile(study)
        checked = steps.check(study)
        locked = Path(steps.lock(study)["path"])
        told = steps.analyse(locked, study / "reports" / "v1")
    with Path(told["results"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return SimpleNamespace(checked=checked, locked=locked, report=Path(told["report"]), rows=rows)


def number(road, table, group, timepoint, statistic):
    (row,) = [
        row
        for row in road.rows
        if (row["table"], row["variable"], row["group"], row["timepoint"], row["statistic"])
        == (table, "hba1c", group, timepoint, statistic)
        and row["method"] in {"values that are there", "arithmetic mean"}
    ]
    return float(row["value"])


def test_the_numbers_are_those_of_one_query_over_the_files(road):
    """Participants, both means and the responders, counted without any of our code."""
    people, before, after, responders = duckdb.execute(EXPECTED.format(data=DATA)).fetchone()
    assert number(road, "2", "all", "T0", "n") == people == 80
    assert number(road, "2", "all", "T0", "mean") == pytest.approx(before)
    assert number(road, "2", "all", "T1", "mean") == pytest.approx(after)
    assert number(road, "2", "responder", "T0", "n") == responders


def test_the_checks_pass_and_the_snapshot_verifies(road):
    assert road.checked["ok"]
    from validate.lock.verify import verify

    assert verify(road.locked).ok


def test_the_report_speaks_of_this_study_only(road):
    """It is written in both languages, and no word of the template's study is in it."""
    text = road.report.read_text(encoding="utf-8")
    assert "糖化血红蛋白" in text
    assert "HbA1c" in text
    assert not [word for word in ("ESR", "VAS", "血沉", "疼痛") if word in text]
