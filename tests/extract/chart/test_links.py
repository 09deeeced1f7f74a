"""Records without a visit: the nearest visit within the margin, derived and counted; none is never dropped."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.chart.links import link
from extract.his.packs import LinkRule

DAY0 = datetime(2023, 1, 1)  # noqa: DTZ001 - naive by contract
MARGIN = LinkRule(before_days=1, after_days=7)


def visits(*rows):
    return pl.DataFrame(
        [
            {
                "visit_id": v,
                "patient_id": p,
                "started_at": DAY0 + timedelta(days=a),
                "ended_at": None if b is None else DAY0 + timedelta(days=b),
            }
            for v, p, a, b in rows
        ],
        schema={
            "visit_id": pl.String,
            "patient_id": pl.String,
            "started_at": pl.Datetime("ms"),
            "ended_at": pl.Datetime("ms"),
        },
    )


def records(*rows):
    return pl.DataFrame(
        [
            {
                "record_id": r,
                "patient_id": p,
                "visit_id": v,
                "at": None if d is None else DAY0 + timedelta(days=d),
            }
            for r, p, v, d in rows
        ],
        schema={
            "record_id": pl.String,
            "patient_id": pl.String,
            "visit_id": pl.String,
            "at": pl.Datetime("ms"),
        },
    )


def linked(found):
    return {r: (v, how) for r, v, how in found.iter_rows()}


def test_a_record_goes_to_the_nearest_visit_within_the_margin():
    """A source's own visit is kept; a visit that does not exist is as good as none."""
    known = visits(("v1", "p", 0, 5), ("v2", "p", 20, None), ("w", "q", 0, None))
    found = link(
        records(
            ("own", "p", "v1", 100),
            ("inside", "p", None, 3),
            ("before", "p", None, -1),
            ("too early", "p", None, -2),
            ("after", "p", None, 12),
            ("too late", "p", None, 13),
            ("next", "p", None, 19),
            ("orphan", "p", "gone", 3),
            ("undated", "p", None, None),
            ("other", "z", None, 0),
        ),
        known,
        MARGIN,
    )
    assert linked(found) == {
        "own": ("v1", "source"),
        "inside": ("v1", "derived"),
        "before": ("v1", "derived"),
        "too early": (None, "none"),
        "after": ("v1", "derived"),
        "too late": (None, "none"),
        "next": ("v2", "derived"),
        "orphan": ("v1", "derived"),
        "undated": (None, "none"),
        "other": (None, "none"),
    }


def test_without_a_rule_nothing_is_derived():
    found = link(records(("a", "p", None, 0)), visits(("v", "p", 0, None)), None)
    assert linked(found) == {"a": (None, "none")}


def test_of_two_equally_near_visits_the_earlier_one_is_taken():
    found = link(records(("a", "p", None, 5)), visits(("late", "p", 5, None), ("early", "p", 5, 5)), MARGIN)
    assert linked(found)["a"] == ("early", "derived")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.sampled_from("pq")), max_size=5),
    st.lists(st.tuples(st.integers(-5, 40) | st.none(), st.sampled_from("pq")), max_size=8),
)
def test_every_record_is_accounted_for_and_every_link_is_lawful(stays, loose):
    known = visits(*((f"v{i}", p, start, start + length) for i, (start, length, p) in enumerate(stays)))
    rows = records(*((f"r{i}", p, None, d) for i, (d, p) in enumerate(loose)))
    found = linked(link(rows, known, MARGIN))
    assert list(found) == rows["record_id"].to_list()
    for i, (when, patient) in enumerate(loose):
        distances = {
            f"v{j}": max(start - when, when - start - length, 0)
            for j, (start, length, owner) in enumerate(stays)
            if owner == patient and when is not None and start - 1 <= when <= start + length + 7
        }
        visit, how = found[f"r{i}"]
        assert how == ("derived" if distances else "none")
        if distances:
            assert distances[visit] == min(distances.values())
