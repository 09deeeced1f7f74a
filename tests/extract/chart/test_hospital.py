"""The demo hospital, pulled and screened: every planted value exactly, no verdict wrong, offsets true."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from extract.chart.diagnostics import diagnosis
from extract.chart.funnel import funnel
from extract.chart.screening import Screening, screen
from extract.chart.why import why
from extract.errors import NotFound
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from extract.synthetic.roster import FULL

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """A small hospital with all planted patients and every kind of decoy, pulled and screened."""
    root = tmp_path_factory.mktemp("hospital")
    build(root / "his.db", patients=FULL, truth=root / "truth.json")
    study = root / "study"
    study.mkdir()
    shutil.copy(ROOT / "extract/study/templates/esr-pain/study.toml", study / "study.toml")
    (study / "site.toml").write_text(
        f'format = 1\npack = "jw1"\n[source]\nurl = "sqlite:///{root / "his.db"}"\n'
    )
    folder = StudyFolder.at(study)
    pull(folder)
    return folder, screen(folder), json.loads((root / "truth.json").read_text())


def survivors_of(folder):
    people = Landing(folder.landing).current("patient").to_pylist()
    return {row["patient_id"]: row["merged_into"] or row["patient_id"] for row in people}


def test_every_value_of_every_planted_patient_is_recovered_exactly(hospital):
    """90 patients, their anchor date and twelve values each."""
    folder, screening, truth = hospital
    survivor = survivors_of(folder)
    known = {(v["patient_id"], v["variable"], v["timepoint"]): v for v in screening.values.to_pylist()}
    anchors = dict(
        zip(
            screening.candidates["patient_id"].to_pylist(),
            screening.candidates["t0_date"].to_pylist(),
            strict=True,
        )
    )
    assert len(truth["planted"]) == 90
    for person in truth["planted"]:
        id_ = survivor[person["patient_id"]]
        assert anchors[id_].isoformat() == person["t0"]
        for name, wanted in person["values"].items():
            variable, at = (name[:-3], name[-2:].upper()) if name.endswith(("_t0", "_t1")) else (name, "")
            found = known[id_, variable, at]
            assert found["comparator"] == ""
            if isinstance(wanted, list):
                assert found["value"] == ";".join(map(str, sorted(wanted))), name
            else:
                assert Decimal(found["value"]) == Decimal(str(wanted)), name


def test_no_machine_verdict_on_a_planted_patient_or_a_decoy_is_wrong(hospital):
    """Each is what the truth says, or unknown; planted patients are never excluded automatically."""
    folder, screening, truth = hospital
    protocol = folder.protocol()
    survivor = survivors_of(folder)
    verdicts = {(v["patient_id"], v["criterion"]): v["verdict"] for v in screening.verdicts.to_pylist()}
    states = dict(
        zip(
            screening.candidates["patient_id"].to_pylist(),
            screening.candidates["state"].to_pylist(),
            strict=True,
        )
    )
    unknown = 0
    for person in (*truth["planted"], *truth["decoys"]):
        id_ = survivor.get(person["patient_id"], person["patient_id"])
        if "search" in person["fails"]:
            assert id_ not in states, person["kind"]
            continue
        for criterion in protocol.criteria:
            passes = criterion.id not in person["fails"]
            right = "met" if passes == (criterion in protocol.include) else "not_met"
            assert verdicts[id_, criterion.id] in {right, "unknown"}, (person["kind"], criterion.id)
            unknown += verdicts[id_, criterion.id] == "unknown" and criterion.rule.judge is None
    assert all(states[survivor[p["patient_id"]]] == "screened_in" for p in truth["planted"])
    assert unknown < len(states)


def test_the_funnel_of_the_hospital_closes(hospital):
    folder, screening, _ = hospital
    found = funnel(folder.protocol(), screening, Landing(folder.landing)).to_json()
    assert found["closes"] is True
    assert found["steps"][0]["patients"] > found["steps"][-1]["patients"] >= 90


def test_every_quote_of_the_hospital_stands_where_it_is_said_to(hospital):
    folder, screening, _ = hospital
    landing = Landing(folder.landing)
    records = {}
    for table in set(screening.evidence["table"].to_pylist()):
        records.update((row["record_id"], row) for row in landing.current(table).to_pylist())
    for e in screening.evidence.to_pylist():
        assert str(records[e["record_id"]][e["field"]])[e["start"] : e["end"]] == e["quote"]


def test_screening_again_gives_the_same_bytes(hospital):
    folder, screening, _ = hospital
    before = {path.name: path.read_bytes() for path in folder.screen.iterdir()}
    screen(folder)
    assert {path.name: path.read_bytes() for path in folder.screen.iterdir()} == before
    assert Screening.load(folder).tables == screening.tables


def test_why_answers_for_patients_and_visits(hospital):
    folder, screening, truth = hospital
    id_ = survivors_of(folder)[truth["planted"][0]["patient_id"]]
    assert why(folder, id_)["in"] is True
    anchor = next(r["t0_visit_id"] for r in screening.candidates.to_pylist() if r["patient_id"] == id_)
    assert why(folder, anchor)["in"] is True
    with pytest.raises(NotFound):
        why(folder, "nobody")


def test_what_diagnosis_counts_is_what_was_screened(hospital):
    """Matched visits by month, by department and by combination of terms all add up to the screening's."""
    folder, screening, _ = hospital
    told = diagnosis(folder)
    assert told["matched"] == sum(screening.matches["matched"].to_pylist()) > 0
    for parts in ("months", "departments", "together"):
        assert sum(one["visits"] for one in told[parts]) == told["matched"]
    assert all(one["needed"] <= one["matched"] <= one["visits"] for one in told["terms"])
    assert any(alike["spared"] for one in told["terms"] for alike in one["look_alikes"])
