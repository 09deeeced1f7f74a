"""Whom no keyword found: positive by code or item, in one stratum each, and drawn the same every time."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart.recall_frame import FOUND, Visit, allocated, drawn, frame_of, positive_visits
from extract.his.packs import LabConcept
from extract.his.sites import load_site
from extract.study.folder import StudyFolder

DAY = datetime.fromisoformat("2023-03-01T09:00")
COLUMNS = ("visit_id", "patient_id", "started_at", "ended_at", "record_key", "code", "name", "happened_at")
ESR = LabConcept(names=("血沉", "ESR"), not_names=("血沉方程",), unit="mm/h", units={"mm/h": 1})


@pytest.fixture
def pack(tmp_path):
    (tmp_path / "study.toml").write_text("")
    (tmp_path / "site.toml").write_text('format = 1\npack = "jw1"\n[source]\nurl = "sqlite:///x.db"\n')
    return load_site(StudyFolder.at(tmp_path)).pack


def records(*rows):
    times = {"started_at", "ended_at", "happened_at"}
    kinds = [(name, pa.timestamp("s") if name in times else pa.string()) for name in COLUMNS]
    return pa.Table.from_pylist(
        [dict(zip(COLUMNS, row, strict=True)) for row in rows], schema=pa.schema(kinds)
    )


def test_the_exact_rules_decide_what_the_sql_brought_in(pack):
    """A code is met by its prefix with or without the point; an item by its whole name after folding."""
    diagnoses = records(
        ("v1", "p", DAY, None, "d1", "M54.502", "腰痛", DAY),
        ("v2", "p", DAY, None, "d2", "I10；m545", "高血压", DAY),
        ("v3", "p", DAY, None, "d3", "M54.2", "颈痛", DAY),
        ("v4", "p", DAY, None, "d4", None, None, None),
    )
    labs = records(
        ("v1", "p", DAY, None, "l1", None, "ＥＳＲ", DAY),
        ("v5", "q", DAY, None, "l2", None, "血沉方程K值", DAY),
        ("v6", "q", DAY, None, "l3", None, "血沉", DAY),
    )
    found = positive_visits([("diagnosis", True, diagnoses), ("lab", True, labs)], pack, ["M54.5"], [ESR])
    assert {one.visit_id: one.stratum for one in found} == {"v1": "code_and_lab", "v2": "code", "v6": "lab"}


def test_a_result_without_a_visit_is_of_the_visit_that_the_pack_gives_it(pack):
    """...of its patient's visits one, and of none where none is near."""
    far = DAY.replace(month=9)
    loose = records(
        ("v1", "p", DAY, None, "l1", None, "血沉", DAY.replace(hour=15)),
        ("v2", "p", far, None, "l1", None, "血沉", DAY.replace(hour=15)),
        ("v2", "p", far, None, "l2", None, "血沉", None),
    )
    assert [one.visit_id for one in positive_visits([("lab", False, loose)], pack, [], [ESR])] == ["v1"]


def test_a_patient_is_of_one_stratum_by_the_visit_that_says_most_and_stands_by_the_first():
    """Found, merged and withheld patients are not missed; visits are counted all the same."""
    visits = [
        Visit("a1", "a", DAY, {"lab"}),
        Visit("a2", "a", DAY.replace(day=2), {"lab", "code"}),
        Visit("b1", "b", DAY, {"lab"}),
        Visit("c1", "c", DAY, {"code"}),
        Visit("c2", "c", DAY, {"code"}),
        Visit("d1", "d", DAY, {"code"}),
        Visit("e1", "e", DAY, {"lab"}),
        Visit("e2", "e", DAY.replace(day=2), {"lab"}),
    ]
    frame = frame_of(
        visits, matched={"c1"}, anchors={"c": "c1"}, survivors={"b": "c"}, withheld={"d"}
    )  # fmt: skip
    assert frame.strata == {
        FOUND: {"c": "c1"},
        "code_and_lab": {"a": "a1"},
        "code": {},
        "lab": {"e": "e1"},
    }
    assert (frame.positive, frame.unmatched, frame.otherwise) == (8, 7, 2)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 60)), st.integers(0, 150))
def test_a_sample_is_as_even_as_the_strata_allow(sizes, size):
    given_ = allocated(sizes, size)
    assert sum(given_.values()) == min(size, sum(sizes.values()))
    assert all(given_[name] <= sizes[name] for name in sizes)
    open_ = [given_[name] for name in sizes if given_[name] < sizes[name]]
    assert not open_ or max(given_.values()) - min(open_) <= 1


def test_a_seed_draws_the_same_in_any_order_and_another_seed_others():
    stratum = {f"p{i}": f"v{i}" for i in range(200)}
    backwards = dict(reversed(stratum.items()))
    assert drawn(stratum, 20, 1, "lab") == drawn(backwards, 20, 1, "lab")
    assert drawn(stratum, 20, 1, "lab") != drawn(stratum, 20, 2, "lab") != drawn(stratum, 20, 2, "code")
    counts = [sum("p7" in drawn(stratum, 20, seed, "lab") for seed in range(400))]
    assert 20 <= counts[0] <= 60
