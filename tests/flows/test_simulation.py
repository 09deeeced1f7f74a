"""Simulated people err at their rates and nowhere else, and what they spoil together the score shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from extract.chart.screening import Screening
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.synthetic.scoring import score
from flows import steps
from flows.demo import write_study
from flows.simulation import CAST, ChartReader, MachineReader, Rates, Simulation
from validate.reconcile import Reconciliation, reconcile


@pytest.fixture(scope="module")
def screened(tmp_path_factory, small_hospital) -> Path:
    """A study that is pulled and screened, with an empty study database to come."""
    root = tmp_path_factory.mktemp("screened")
    shutil.copy(small_hospital, root / "his.db")
    shutil.copy(small_hospital.parent / "truth.json", root / "truth.json")
    write_study(root / "study", his="sqlite:///../his.db")
    steps.pull(root / "study")
    steps.screen(root / "study")
    return root / "study"


def reviewed(study: Path, into: Path, rates: Rates, seed: int = 7) -> Reconciliation:
    """The reconciliation after a team with these rates has worked on a study database of its own."""
    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    with StudyDatabase.open(into / "study.db", protocol) as database:
        from validate.review.queue import enqueue

        enqueue(database, protocol, Screening.load(folder), "run")
        Simulation(database, protocol, ChartReader(folder), seed, rates).run()
        return reconcile(database, protocol)


def test_people_who_never_err_agree_and_find_exactly_the_planted(screened, tmp_path):
    """So whatever is wrong in another run is an error that was made on purpose."""
    found = reviewed(screened, tmp_path, Rates(0, 0, 0))
    told = score(screened.parent / "truth.json", found.eligible)
    assert (told["precision"], told["recall"]) == (1.0, 1.0)
    assert found.agreement.overall.percent.value == 1.0
    assert found.comparison.fields.errors == 0
    assert found.open == ()


def test_errors_that_meet_are_in_the_score(screened, tmp_path):
    """Nobody corrects what both reviewers saw alike: precision or recall falls, and the patients are named."""
    found = reviewed(screened, tmp_path, Rates(reviewer=0.2, arbitrator=0.2, abstractor=0.0))
    told = score(screened.parent / "truth.json", found.eligible)
    assert told["precision"] < 1 or told["recall"] < 1
    assert len(told["missed"]) + len(told["included_in_error"]) > 0
    assert found.agreement.overall.percent.value < 0.9


def test_slips_of_abstractors_are_found_and_settled(screened, tmp_path):
    """Each differing field has a resolution, and the values that count are those of people who never err."""
    careful = reviewed(screened, tmp_path, Rates(0, 0, 0))
    (tmp_path / "other").mkdir()
    hasty = reviewed(screened, tmp_path / "other", Rates(reviewer=0, arbitrator=0, abstractor=0.05))
    assert hasty.comparison.fields.errors > 5
    assert hasty.open == ()
    differing = {
        place
        for place, value in hasty.final_values.items()
        if value.value != careful.final_values[place].value
    }
    # Two people who slip alike in one field are not found by comparing them; that is rare, and it is all.
    assert len(differing) <= 2


def test_the_same_seed_errs_in_the_same_places(screened, tmp_path):
    first = reviewed(screened, tmp_path, Rates())
    (tmp_path / "again").mkdir()
    second = reviewed(screened, tmp_path / "again", Rates())
    assert first.final_verdicts == second.final_verdicts
    assert first.verdicts.drop_columns(["evidence_hash"]) == second.verdicts.drop_columns(["evidence_hash"])


def test_everybody_is_called_simulated():
    """In the audit and in every table that names a person."""
    assert all(name.startswith("simulated ") for _, name in CAST.values())


def test_a_reader_of_any_study_believes_the_screening(screened):
    """...and says of what the machine left open that it cannot be told."""
    folder = StudyFolder.at(screened)
    screening = Screening.load(folder)
    reader = MachineReader(screening)
    rows = screening.verdicts.to_pylist()
    assert {row["verdict"] for row in rows} == {"met", "not_met", "unknown"}
    for row in rows[:500]:
        said = "cannot_tell" if row["verdict"] == "unknown" else row["verdict"]
        assert reader.verdict(row["patient_id"], row["criterion"]) == said
