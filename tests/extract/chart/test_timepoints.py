"""The choice at a timepoint: window, nearest day, ties, the anchor visit, and what the order of records cannot change."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart.timepoints import Candidate, Span, choose
from extract.study.protocol import Timepoint

ORIGIN = date(2023, 1, 1)


def later(tie="later", pick="nearest"):
    point = Timepoint(after="T0", day=28, window=(21, 35), pick=pick, tie=tie)
    return Span("T1", False, ORIGIN, day(21), day(35), day(28), point)


def anchor(tie="earlier"):
    return Span(
        "T0", True, ORIGIN, day(-3), day(7), ORIGIN, Timepoint(anchor="first_match", window=(-3, 7), tie=tie)
    )


def day(n):
    return ORIGIN + timedelta(days=n)


def at(n, item, *, hour=8, in_visit=False, usable=True, role="", key=None):
    moment = datetime.combine(day(n), datetime.min.time()) + timedelta(hours=hour)
    return Candidate(moment, in_visit, usable, role, (key or item, 0), item)


@pytest.mark.parametrize(
    ("days", "tie", "expected"),
    [
        ([20, 36], "later", None),
        ([21], "later", 21),
        ([35], "later", 35),
        ([25, 30], "later", 30),
        ([26, 30], "later", 30),
        ([26, 30], "earlier", 26),
        ([28, 29], "later", 28),
        ([21, 35], "earlier", 21),
    ],
)
def test_the_nearest_day_in_the_window_wins_and_a_tie_goes_by_the_rule(days, tie, expected):
    """Both ends of the window count."""
    found = choose([at(n, str(n)) for n in days], later(tie))
    assert found.day == expected
    assert found.considered == sum(21 <= n <= 35 for n in days)
    assert ("tie" in found.rule) == (sorted(days) in ([26, 30], [21, 35]))


def test_first_and_last_need_no_target():
    candidates = [at(n, str(n)) for n in (22, 28, 34)]
    assert choose(candidates, later(pick="first")).day == 22
    assert choose(candidates, later(pick="last")).day == 34


def test_an_unusable_measurement_is_passed_over_and_said_so():
    found = choose([at(28, "spoilt", usable=False), at(30, "good")], later())
    assert found.candidate is not None
    assert found.candidate.item == "good"
    assert found.considered == 2
    assert "1 unusable passed over" in found.rule


def test_the_anchor_visit_comes_before_a_nearer_measurement_outside_it():
    found = choose([at(0, "outside"), at(5, "visit", in_visit=True)], anchor())
    assert found.candidate is not None
    assert found.candidate.item == "visit"
    outside = choose([at(0, "outside"), at(5, "visit", in_visit=True, usable=False)], anchor())
    assert outside.candidate is not None
    assert outside.candidate.item == "outside"


def test_what_a_note_tells_of_before_is_the_anchor_s_only_when_written_later_in_its_visit():
    """An admission note's "before" is older than the anchor; a discharge summary's is the anchor's."""
    admission = [
        at(0, "7", role="first", in_visit=True, key="d"),
        at(0, "6", role="last", in_visit=True, key="d"),
    ]
    assert choose(admission, anchor()).candidate.item == "6"
    discharge = [
        at(8, "7", role="first", in_visit=True, key="d"),
        at(8, "3", role="last", in_visit=True, key="d"),
    ]
    assert choose(discharge, anchor()).candidate.item == "7"
    follow_up = [at(28, "7", role="first", key="d"), at(28, "3", role="last", key="d")]
    assert choose(follow_up, later()).candidate.item == "3"
    assert choose([at(5, "7", role="first")], anchor()).candidate is None


@given(
    st.lists(
        st.tuples(st.integers(15, 40), st.integers(0, 23), st.booleans()),
        min_size=1,
        max_size=8,
        unique_by=lambda t: t[:2],
    ),
    st.randoms(),
    st.sampled_from(["earlier", "later"]),
)
def test_the_choice_does_not_depend_on_the_order_of_the_records(rows, random, tie):
    """...and nothing usable in the window is nearer than what was chosen."""
    candidates = [at(n, f"{n}-{hour}", hour=hour, usable=usable) for n, hour, usable in rows]
    shuffled = candidates[:]
    random.shuffle(shuffled)
    first, second = choose(candidates, later(tie)), choose(shuffled, later(tie))
    assert first == second
    usable = [c for c in candidates if c.usable and day(21) <= c.at.date() <= day(35)]
    assert (first.candidate is None) == (not usable)
    if first.candidate is not None:
        distance = abs((first.candidate.at.date() - day(28)).days)
        assert distance == min(abs((c.at.date() - day(28)).days) for c in usable)
        tied = [c for c in usable if abs((c.at.date() - day(28)).days) == distance]
        extreme = max if tie == "later" else min
        assert first.candidate.at == extreme(c.at for c in tied)
