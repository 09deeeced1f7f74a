"""The worked example: a user's own pack for the clinosim export, and the second study on it."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from extract.chart import screening
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.his.records import KEY, TABLES
from extract.study.folder import StudyFolder

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data" / "clinosim-us"
EXAMPLE = ROOT / "docs" / "examples" / "hba1c-clinosim"


@pytest.fixture(scope="module")
def low_back(pulled):
    return pulled(
        expression='diagnosis:"Low back pain"',
        dates=("2025-01-01", "2026-01-31"),
        pack=EXAMPLE / "pack",
        url=f"duckdb:///{DATA}",
    )


def test_of_24_patients_with_low_back_pain_one_has_a_sedimentation_rate_and_two_a_crp(low_back):
    """The labs carry no encounter: they reach the chart by the patient, and none is lost."""
    patients = low_back.patients("diagnosis", code="M54")
    assert len(patients) == 24
    assert len({patient for _, patient in low_back.candidates}) == 24
    assert len(low_back.patients("lab", name="ESR") & patients) == 1
    assert len(low_back.patients("lab", name="CRP") & patients) == 2


def test_a_patient_who_is_exported_once_per_encounter_is_one_patient(low_back):
    rows = low_back.landing.current("patient").to_pylist()
    assert len(rows) == len({row["patient_id"] for row in rows}) == 24


def test_every_key_stands_once(low_back):
    rejected = {(r["table"], r["reason"]) for r in low_back.report.rejected}
    assert not {r for r in rejected if r[1] in {"repeated_key", "contradicted_key", "no_key"}}
    assert ("lab", "no_visit") in rejected
    assert ("medication", "prescription_without_date") in rejected
    for table in TABLES:
        keys = low_back.landing.current(table, [KEY[table]]).column(KEY[table]).to_pylist()
        assert len(keys) == len(set(keys))


def test_a_triage_note_finds_the_admission_it_led_to(low_back):
    """Its encounter is written with -ED behind it."""
    visits = set(low_back.landing.current("visit").column("visit_id").to_pylist())
    notes = low_back.landing.current("document").column("visit_id").to_pylist()
    assert notes
    assert not [visit for visit in notes if visit.endswith("-ED")]
    assert set(notes) <= visits


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The second study, pulled into a copy of its folder."""
    root = tmp_path_factory.mktemp("hba1c") / "study"
    shutil.copytree(EXAMPLE, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLINOSIM", str(DATA))
        folder = StudyFolder.at(root)
        pull(folder)
        yield folder


def test_the_second_study_has_its_candidates(study):
    landing = Landing(study.landing)
    rows = landing.candidates().to_pylist()
    landing.close()
    assert len({row["patient_id"] for row in rows}) == 112


def test_the_second_study_screens_to_enough_participants(study):
    """Counted apart in the CSV files: 82 of the 112 begin at 6.5 % or more; 3 have no value 60 to 120 days on."""
    screening.screen(study)
    found = screening.Screening.load(study).verdicts.to_pylist()
    counted = Counter((row["criterion"], row["verdict"]) for row in found)
    assert counted["I1", "met"] == 112
    assert (counted["I2", "met"], counted["I2", "not_met"]) == (82, 30)
    assert (counted["E2", "met"], counted["E2", "not_met"]) == (3, 109)
    kept = {row["patient_id"] for row in found}
    kept -= {
        r["patient_id"] for r in found if r["verdict"] == ("met" if r["criterion"][0] == "E" else "not_met")
    }
    assert len(kept) == 80
