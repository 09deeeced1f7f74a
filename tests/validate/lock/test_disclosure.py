"""How recognisable participants are, counted by hand and by brute force."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.study.protocol import parse
from validate.lock.disclosure import disclosure, quasi_identifiers


def table(rows):
    names = ("participant", "age", "kind", "spots", "responder")
    types = (pa.string(), pa.int64(), pa.int64(), pa.string(), pa.int64())
    return pa.table(
        [pa.array(c, t) for c, t in zip(zip(*rows, strict=True), types, strict=True)], names=names
    )


@pytest.fixture(scope="module")
def told(protocol):
    return disclosure(
        protocol,
        table(
            [
                ("P001", 30, 1, "1;2", 1),
                ("P002", 30, 1, "1", 1),
                ("P003", 34, 1, None, 0),
                ("P004", 35, 2, "2", 0),
                ("P005", None, 2, "2", 0),
            ]
        ),
    )


def test_quasi_identifiers_are_the_master_record_and_the_age(protocol):
    assert [v.id for v in quasi_identifiers(protocol)] == ["age", "kind"]


def test_groups_as_locked_and_in_bands(told):
    exact, five, ten = told["groups"]
    assert (exact["band"], exact["groups"], exact["k"], exact["alone"]) == (1, 4, 1, 3)
    assert exact["sizes"] == {"1": 3, "2": 1}
    # 30-34 are one band of five; 35 is the next; missing is a group of its own.
    assert (five["groups"], five["alone"], five["sizes"]) == (3, 2, {"1": 2, "3": 1})
    assert (ten["groups"], ten["alone"]) == (3, 2)
    assert exact["below"] == ["P001", "P002", "P003", "P004", "P005"]


def test_small_cells_count_each_of_several_codes(told):
    assert told["cells"] == [
        {"column": "kind", "by": "responder", "cells": 3, "below": 3},
        {"column": "spots", "by": "responder", "cells": 3, "below": 3},
    ]


def test_the_threshold_is_the_protocols(study_text):
    loose = parse(study_text.replace("[lock]", "[lock]\nsmall_cell = 2"))
    found = disclosure(
        loose, table([("P001", 30, 1, "1", 1), ("P002", 30, 1, "1", 1), ("P003", 31, 1, "1", 1)])
    )
    assert found["groups"][0]["below"] == ["P003"]
    assert found["cells"][0]["below"] == 0


@given(
    st.lists(
        st.tuples(st.integers(18, 80) | st.none(), st.sampled_from([1, 2, None])), min_size=1, max_size=40
    )
)
def test_it_agrees_with_counting_everybody_against_everybody(protocol, people):
    rows = [(f"P{n:03d}", age, kind, "1", 1) for n, (age, kind) in enumerate(people)]
    for found in disclosure(protocol, table(rows))["groups"]:
        banded = [(age if age is None else age // found["band"], kind) for age, kind in people]
        alike = [sum(a == b for b in banded) for a in banded]
        assert found["k"] == min(alike)
        assert found["alone"] == alike.count(1)
        assert found["below"] == [row[0] for row, n in zip(rows, alike, strict=True) if n < 5]
        assert found["sizes"] == {str(n): count // n for n, count in sorted(Counter(alike).items())}


def test_nobody_is_no_group(protocol):
    found = disclosure(protocol, table([("P001", 1, 1, "1", 1)]).slice(0, 0))
    assert found["groups"][0]["k"] == 0


def test_it_stands_in_the_snapshot_without_a_value(snapshot, protocol):
    found = json.loads((snapshot / "disclosure.json").read_bytes())
    assert found == disclosure(protocol, pq.read_table(snapshot / "data.parquet"))
    assert found["participants"] == 12
    assert set(found["groups"][0]) == {"band", "groups", "k", "alone", "below", "sizes"}
