"""The funnel closes at every step, in patients and in visits, whatever the masks; and why says the same."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart import screens
from extract.chart.funnel import funnel, masked_steps
from extract.chart.screening import Screening
from extract.chart.why import explain

MASKS = st.dictionaries(st.integers(0, 40).map(str), st.integers(0, 127), max_size=25)


class Counted:
    """A landing of which only the counts matter."""

    def __init__(self, visits, extra):
        self.visits = visits
        self.extra = extra

    def current(self, table):
        """Nobody was merged."""
        assert table == "patient"
        return pa.table({"patient_id": pa.array([], pa.string()), "merged_into": pa.array([], pa.string())})

    def candidates(self):
        """The visits, and some that no term hits."""
        rows = [(v, p) for p, many in self.visits.items() for v in many]
        rows += [(f"only fetched {i}", f"stranger {i}") for i in range(self.extra)]
        return pa.table({"visit_id": [v for v, _ in rows], "patient_id": [p for _, p in rows]})

    def window_totals(self):
        """More than any test has."""
        return {"patients": 1000, "visits": 5000}


def screening_of(masks, visits):
    rows = {name: [] for name in screens.SCHEMAS}
    for patient, mask in masks.items():
        rows["candidates"].append(
            {
                "patient_id": patient,
                "bits": mask,
                "state": "screened_in",
                "t0_visit_id": "",
                "n_visits": len(visits[patient]),
            }
        )
        rows["matches"] += [
            {"visit_id": v, "patient_id": patient, "matched": True, "leaves": [0], "record_ids": []}
            for v in visits[patient]
        ]
    return Screening(protocol_hash="", **{name: screens.table(name, found) for name, found in rows.items()})


@given(MASKS, st.data())
def test_it_closes_for_any_masks(protocol, masks, data):
    """What a step leaves and what it removes add up; the gain is those who fail this criterion alone."""
    visits = {p: [f"{p}-{i}" for i in range(data.draw(st.integers(1, 4)))] for p in masks}
    found = funnel(protocol, screening_of(masks, visits), Counted(visits, data.draw(st.integers(0, 5))))
    shown = found.to_json()
    assert shown["closes"] is True
    steps = shown["steps"]
    assert [s["id"] for s in steps] == [
        "window",
        "search",
        "match",
        *(c.id for c in protocol.criteria),
        "included",
    ]
    for before, after in pairwise(steps):
        assert before["patients"] - after["removed_patients"] == after["patients"]
        assert before["visits"] - after["removed_visits"] == after["visits"]
        assert after["removed_patients"] >= 0
    kept = [p for p, mask in masks.items() if mask == 127]
    assert steps[-1]["patients"] == len(kept)
    assert steps[-1]["visits"] == sum(len(visits[p]) for p in kept)
    for i, criterion in enumerate(protocol.criteria):
        assert shown["gain"][criterion.id] == sum(mask == 127 - (1 << i) for mask in masks.values())


@given(MASKS, st.integers(0, 7))
def test_each_step_is_a_subset_of_the_one_before(masks, criteria):
    steps = masked_steps(masks, criteria)
    assert all(after <= before for before, after in pairwise(steps))


def test_a_match_that_the_sql_did_not_fetch_is_no_closed_funnel(protocol):
    """It would mean that the SQL was no superset."""
    screening = screening_of({"p": 127}, {"p": ["v"]})
    assert funnel(protocol, screening, Counted({"p": ["v"]}, 0)).closes
    assert not funnel(protocol, screening, Counted({"p": ["other"]}, 0)).closes


def test_final_verdicts_take_the_place_of_the_machine_s(rows, screened, protocol):
    """Settled means met for an inclusion, not met for an exclusion; unknown is not settled."""
    for patient in ("p", "q", "r"):
        rows.eligible(patient)
    screening = screened().screening
    settled = {c.id: "met" if c in protocol.include else "not_met" for c in protocol.criteria}
    final = {(p, c): v for p in ("p", "q", "r") for c, v in settled.items()}
    assert funnel(protocol, screening, rows, final).steps[-1].patients == 3
    final["q", "E2"] = "met"
    final["r", "E4"] = "unknown"
    found = funnel(protocol, screening, rows, final)
    assert found.closes
    assert found.steps[-1].patients == 1
    assert found.gain == {**dict.fromkeys(settled, 0), "E2": 1, "E4": 1}


def test_a_patient_excluded_automatically_keeps_the_machine_s_verdicts(rows, screened, protocol):
    rows.eligible("p").eligible("q")
    rows.drop("lab:q-l1")
    screening = screened().screening
    final = {("p", c.id): "met" if c in protocol.include else "not_met" for c in protocol.criteria}
    steps = {s.id: s for s in funnel(protocol, screening, rows, final).steps}
    assert steps["E2"].patients == 2
    assert steps["E3"].removed_patients == 1
    assert steps["included"].patients == 1


def test_merged_patients_are_counted_once(rows, screened, protocol):
    rows.eligible()
    rows.patient("old", merged_into="p").visit("old-v", 3, "old")
    steps = {s.id: s for s in funnel(protocol, screened().screening, rows).steps}
    assert steps["search"].patients == 1
    assert steps["match"].patients == 1


def test_why_names_terms_records_and_the_criterion_that_excluded(rows, screened, protocol):
    rows.eligible().eligible("q")
    rows.drop("lab:q-l1")
    screening = screened().screening
    assert explain(protocol, screening, "p")["in"] is True
    out = explain(protocol, screening, "q")
    assert out["in"] is False
    criterion = {r["id"]: r for r in out["reasons"] if r["step"] == "criterion"}
    assert criterion["E3"]["ok"] is False
    match = next(r for r in out["reasons"] if r["step"] == "match" and r["visit_id"] == "q-v0")
    assert match["terms"] == ["瘙痒", "IgE"]
    assert {h["record_id"] for h in match["hits"]} == {"document:q-n0", "lab:q-l0"}


@pytest.mark.parametrize(("visit", "step"), [("p-v1", "match"), ("old", "window"), ("empty", "search")])
def test_why_says_at_which_step_a_visit_was_lost(rows, screened, protocol, visit, step):
    rows.eligible()
    rows.drop("lab:p-l1")
    rows.visit("old", -100).visit("empty", 100)
    screening = screened().screening
    rows.fetched = {"p-v0", "p-v1"}
    screening = screened().screening
    row = next(r for r in rows.rows["visit"] if r["visit_id"] == visit)
    found = explain(protocol, screening, "p", row)
    assert found["in"] is False
    assert found["reasons"][0]["step"] == step
    assert found["reasons"][0]["ok"] is False
