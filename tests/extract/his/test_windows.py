"""Windows of a pull."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extract.his.windows import Window, chart_span, windows

DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@given(DAYS, st.integers(0, 3000), st.sampled_from(["year", "quarter", "month"]))
def test_windows_meet_without_gap_or_overlap_and_cover_every_day(start, length, size):
    last = start + timedelta(days=length)
    cut = windows(start, last, size)
    assert cut[0].start == start
    assert cut[-1].end == last + timedelta(days=1)
    assert all(one.end == two.start for one, two in pairwise(cut))
    assert all(one.start < one.end for one in cut)
    assert len({one.name for one in cut}) == len(cut)


def test_windows_are_named_by_their_calendar_piece():
    assert windows(date(2022, 2, 3), date(2022, 7, 1), "quarter") == [
        Window("2022Q1", date(2022, 2, 3), date(2022, 4, 1)),
        Window("2022Q2", date(2022, 4, 1), date(2022, 7, 1)),
        Window("2022Q3", date(2022, 7, 1), date(2022, 7, 2)),
    ]
    assert [one.name for one in windows(date(2021, 12, 31), date(2022, 1, 1), "year")] == ["2021", "2022"]


def test_a_search_that_ends_before_it_begins_has_no_window():
    assert windows(date(2022, 1, 2), date(2022, 1, 1), "month") == []


def test_a_chart_reaches_from_the_lookback_to_the_last_timepoint(study):
    """T1 is day 28 of T0, at the latest day 35, and T0's own window reaches 7 days after its visit."""
    span = chart_span(study.protocol())
    assert span.start == date(2022, 1, 1) - timedelta(days=365 + 3)
    assert span.end == date(2025, 4, 30) + timedelta(days=7 + 35 + 1)
