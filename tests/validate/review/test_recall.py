"""The recall of a search: its interval holds the truth as often as it says, and no number stands where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validate.review.recall import NOBODY, NOT_SAMPLED, OPEN, Stratum, estimate, told

WORLDS = [
    # patients, eligible, sampled: of the found, then of those whom no keyword found
    ((500, 80, 40, 300), (420, 50, 10, 6), (40, 14, 13, 13)),
    ((300, 120, 60), (200, 20, 2), (60, 30, 30)),
    ((2000, 400, 2000), (600, 120, 40), (50, 25, 25)),
    ((550, 12, 25), (300, 6, 3), (30, 12, 18)),
]


def strata(*rows: tuple[int, int, int]) -> list[Stratum]:
    return [Stratum(str(i), i == 0, size, n, n, hits) for i, (size, n, hits) in enumerate(rows)]


@pytest.mark.parametrize("world", WORLDS)
def test_the_interval_holds_the_true_recall_as_often_as_it_says(world):
    """1,000 samples of each world, a fixed seed: 95 % and no less than 92.5 %."""
    sizes, hits, drawn = world
    true = hits[0] / sum(hits)
    chance = np.random.default_rng(20_261_122)
    held = 0
    for _ in range(1000):
        rows = [
            (size, n, int(chance.hypergeometric(e, size - e, n)))
            for size, e, n in zip(sizes, hits, drawn, strict=True)
        ]
        found = estimate(strata(*rows))
        assert found.low is not None
        assert found.high is not None
        held += found.low - 1e-9 <= true <= found.high + 1e-9
    assert 0.925 <= held / 1000 <= 0.985


def test_what_was_read_whole_has_no_sampling_error():
    found = estimate(strata((100, 100, 80), (30, 30, 20), (10, 10, 0)))
    assert found.value == pytest.approx(0.8)
    assert found.low == pytest.approx(0.8)
    assert found.high == pytest.approx(0.8)


def test_each_sampled_patient_stands_for_as_many_as_the_weight_says():
    rows = strata((200, 50, 25), (60, 20, 5), (10, 10, 5))
    assert [one.weight for one in rows] == [4, 3, 1]
    assert estimate(rows).value == pytest.approx(100 / (100 + 15 + 5))


def test_nobody_missed_in_the_sample_is_no_proof_that_nobody_is():
    found = estimate(strata((200, 50, 40), (100, 20, 0)))
    assert found.value == 1
    assert found.high == pytest.approx(1)
    assert found.low is not None
    assert 0.8 < found.low < 0.95


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (strata((100, 0, 0), (10, 5, 1)), NOT_SAMPLED),
        (strata((100, 50, 10), (10, 0, 0)), NOT_SAMPLED),
        (strata((0, 0, 0), (0, 0, 0)), NOT_SAMPLED),
        (strata((100, 50, 0), (10, 5, 0)), NOBODY),
        ([Stratum("found", True, 9, 3, 2, 1), Stratum("lab", False, 9, 3, 3, 1)], OPEN),
    ],
)
def test_a_recall_that_is_undefined_says_why_in_both_languages(rows, why):
    found = estimate(rows)
    assert (found.value, found.low, found.high, found.note) == (None, None, None, why)
    said = told("a", 1, rows, {})
    assert why in said["sentence"]["en"]
    assert "无法估计" in said["sentence"]["zh"]
    assert (said["recall"], said["low"], said["high"], said["undefined"]) == (None, None, None, why)


def test_the_sentence_says_the_numbers():
    said = told("a", 7, strata((200, 50, 25), (60, 20, 5)), {"positive": 3})["sentence"]
    assert said["en"].startswith("The estimated recall of the search expression is 87.0% (95% CI ")
    assert said["zh"].startswith("检索式的查全率估计为87.0%（95%CI ")
    assert "50" in said["zh"]
    assert "20" in said["zh"]


@st.composite
def samples(draw: st.DrawFn) -> list[Stratum]:
    rows = []
    for _ in range(draw(st.integers(2, 4))):
        size = draw(st.integers(1, 400))
        n = draw(st.integers(1, size))
        rows.append((size, n, draw(st.integers(0, n))))
    return strata(*rows)


@given(samples())
def test_the_interval_holds_the_estimate_and_what_was_read(rows):
    """...and stays in what is possible: those judged eligible are, and those judged not are not."""
    found = estimate(rows)
    if found.value is None:
        assert not any(one.eligible for one in rows)
        return
    assert found.low is not None
    assert found.high is not None
    assert -1e-9 <= found.low <= found.value + 1e-9 <= found.high + 2e-9 <= 1 + 3e-9
    for one in rows:
        at, low, high = one.count
        assert (
            one.eligible
            <= low
            <= at + 1e-9
            <= high + 2e-9
            <= one.patients - (one.sampled - one.eligible) + 3e-9
        )
