"""The recall of the demo's search: sampled, judged blind, estimated; and the study itself untouched."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pytest

from extract.chart.recall_sample import Sample, recall_folder
from extract.chart.screening import Screening
from extract.his.landing import Landing
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from flows import steps
from flows.demo import write_study
from flows.simulation import ChartReader, Rates, Simulation
from validate.review import queue
from validate.review.cases import cases


@pytest.fixture(scope="module")
def road(tmp_path_factory, small_hospital):
    """A hospital and a study of it that is pulled, screened and queued; never written to."""
    root = tmp_path_factory.mktemp("recall")
    shutil.copy(small_hospital, root / "his.db")
    write_study(root / "study", his="sqlite:///../his.db")
    run = steps.pull(root / "study")["run"]
    steps.screen(root / "study")
    steps.queue(root / "study", run)
    return root


@pytest.fixture
def pulled(road, tmp_path):
    shutil.copytree(road, tmp_path / "road")
    return tmp_path / "road" / "study"


def state(study, cohortlock):
    """All that the sample must not change: what has landed, what was read in it, the queue, the funnel."""
    folder = StudyFolder.at(study)
    landing = Landing(folder.landing)
    hashes, run = landing.content_hashes(), landing.run
    landing.close()
    with StudyDatabase.open(folder, folder.protocol()) as database, database.reading() as connection:
        queued = cases(connection)
    screened = {path.name: path.read_bytes() for path in folder.screen.iterdir()}
    return hashes, run, screened, queued, cohortlock("funnel", study, "--json").json


def judge(study) -> None:
    """Two careful readers and an arbitrator, over every case of the sample."""
    place = recall_folder(StudyFolder.at(study))
    protocol = place.protocol()
    with StudyDatabase.open(place.database, protocol) as database:
        team = Simulation(
            database, protocol, ChartReader(place), 1, Rates(reviewer=0, arbitrator=0, abstractor=0)
        )
        hired = team._hire()
        queue.assign(database, hired["sim-manager"], seed=1)
        team._review(hired)
        team._arbitrate(hired["sim-arbitrator"])


def test_the_recall_of_the_demo_is_what_its_truth_file_says(cohortlock, pulled, small_hospital, monkeypatch):
    """Everybody missed is read, 60 of the found are: the interval holds the true recall, and nothing else has moved."""
    before = state(pulled, cohortlock)
    drawn = cohortlock("recall", pulled, "--sample", 60, "--seed", 5, "--json").json
    assert drawn["undefined"] == "the review of the sample is not complete"
    assert drawn["open"] > 0
    assert (drawn["recall"], drawn["codes"][0], drawn["labs"]) == (None, "M54.2", ["ESR"])
    judge(pulled)
    told = cohortlock("recall", pulled, "--json").json
    assert state(pulled, cohortlock) == before

    truth = json.loads((small_hospital.parent / "truth.json").read_text(encoding="utf-8"))
    found = sum(not one["fails"] for one in (*truth["planted"], *truth["decoys"]))
    missed = sum(one["fails"] == ["search"] for one in truth["decoys"])
    assert missed > 0
    strata = {one["name"]: one for one in told["strata"]}
    read_whole = [strata[name] for name in ("code_and_lab", "code", "lab")]
    assert all(one["sampled"] == one["patients"] for one in read_whole)
    assert sum(one["eligible"] for one in read_whole) == missed
    assert strata["found"]["sampled"] == 60
    assert told["low"] < told["recall"] < told["high"]
    assert told["low"] <= found / (found + missed) <= told["high"]

    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert f"查全率估计为{told['recall']:.1%}" in cohortlock("recall", pulled).out
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert f"{told['recall']:.1%} (95% CI" in cohortlock("recall", pulled).out


def test_nothing_before_a_reviewer_tells_the_found_from_the_missed(cohortlock, pulled):
    """No hit of the search is evidence, no count differs, and the queue's order is that of the ids."""
    cohortlock("recall", pulled, "--sample", 20)
    folder = StudyFolder.at(pulled)
    place = recall_folder(folder)
    screening = Screening.load(place)
    assert "keyword" in Screening.load(folder).evidence["kind"].to_pylist()
    assert "keyword" not in screening.evidence["kind"].to_pylist()
    assert set(screening.candidates["n_visits"].to_pylist()) == {1}
    assert set(screening.candidates["negated_only"].to_pylist()) == {False}
    assert not any(screening.matches["leaves"].to_pylist())
    of = Sample.load(folder).of
    with StudyDatabase.open(place.database, place.protocol()) as database, database.reading() as connection:
        known = cases(connection)
    assert list(known) == sorted(known)
    assert {of[patient] == "found" for patient in known} == {True, False}
    assert {one.candidate.run for one in known.values()} == {"recall"}
    assert (place.root / "sample.json").stat().st_mode & 0o077 == 0


def test_a_found_patient_has_the_evidence_of_the_study_but_for_the_hits(cohortlock, pulled):
    """The chart is the same chart: verdicts and values of the found are those of the study's own screening."""
    cohortlock("recall", pulled, "--sample", 20)
    folder = StudyFolder.at(pulled)
    ours, theirs = Screening.load(folder), Screening.load(recall_folder(folder))
    found = pa.array([p for p, name in Sample.load(folder).of.items() if name == "found"])
    for name in ("verdicts", "values"):
        mine, other = (
            table.filter(pa.compute.is_in(table["patient_id"], value_set=found))
            for table in (ours.tables[name], theirs.tables[name])
        )
        assert mine.num_rows > 0
        assert mine.equals(other)


def test_who_has_declined_leaves_the_sample_and_the_seed_draws_all_others_again(cohortlock, pulled):
    folder = StudyFolder.at(pulled)
    cohortlock("recall", pulled, "--sample", 20)
    gone = next(p for p, name in Sample.load(folder).of.items() if name == "lab")
    (pulled / "withheld.csv").write_text(f"what,which,why\npatient,{gone},declined\n", encoding="utf-8")
    first = Sample.load(folder).of
    left = cohortlock("recall", pulled, "--json").json["strata"]
    assert sum(one["sampled"] for one in left) == len(first) - 1
    shutil.rmtree(recall_folder(folder).root)
    cohortlock("recall", pulled, "--sample", 20)
    second = Sample.load(folder).of
    assert gone not in second
    # The same seed: of the others everybody is drawn again.
    assert first.keys() - {gone} <= second.keys()


def test_what_cannot_be_sampled_is_refused_with_what_to_type(cohortlock, pulled):
    assert "--sample 50" in cohortlock("recall", pulled).err
    assert "3 to 500" in cohortlock("recall", pulled, "--sample", 2).err
    assert "no laboratory item" in cohortlock("recall", pulled, "--sample", 9, "--lab", "XYZ").err
    assert cohortlock("recall", pulled, "--sample", 9).code == 0
    again = cohortlock("recall", pulled, "--sample", 9)
    assert "drawn already" in again.err
    shutil.rmtree(recall_folder(StudyFolder.at(pulled)).root)
    site = pulled / "site.toml"
    # Pressed harder than what was approved.
    site.write_text(
        site.read_text(encoding="utf-8").replace("[limits]", "[limits]\nkey_batch = 7", 1), encoding="utf-8"
    )
    assert cohortlock("recall", pulled, "--sample", 9).code == 30
    assert not recall_folder(StudyFolder.at(pulled)).root.exists()
    assert not list(pulled.glob(".recall.*"))
