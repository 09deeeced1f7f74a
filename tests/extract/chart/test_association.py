"""Words that go with the hits are found, those of the search are not told again, and no name ever is."""

from __future__ import annotations

import math

import pytest
from scipy.stats import chi2_contingency

from extract.chart.association import associated, log_likelihood


@pytest.mark.parametrize("table", [(30, 100, 5, 200), (1, 10, 1, 10), (50, 60, 2, 400), (3, 50, 30, 60)])
def test_the_statistic_is_that_of_scipy(table):
    a, n1, b, n2 = table
    expected = chi2_contingency(
        [[a, n1 - a], [b, n2 - b]], correction=False, lambda_="log-likelihood"
    ).statistic
    assert math.isclose(abs(log_likelihood(*table)), expected, rel_tol=1e-9, abs_tol=1e-9)
    assert (log_likelihood(*table) >= 0) is (a / n1 >= b / n2)


def notes(text: str, n: int, start: int = 0) -> list[tuple[str, str]]:
    return [(f"p{start + i}", text) for i in range(n)]


def test_a_word_that_goes_with_the_hits_is_found_whole():
    """...and neither the term itself nor a piece of the word nor what stands everywhere."""
    told = associated(
        notes("腰痛，坐骨神经受压。予对症处理。", 40) + notes("腰痛。予对症处理。", 10, 40),
        notes("咳嗽。予对症处理。", 200, 100),
        ["腰痛"],
    )
    [one] = told
    assert len(one["word"]) == 5
    assert one["word"] in "坐骨神经受压"
    assert one["notes"] == 40
    assert one["elsewhere"] == 0


def test_a_word_of_few_patients_is_never_told():
    """It could be a name, however often it was copied forward."""
    copied = [("one patient", "腰痛，家属欧阳建国陪同。")] * 60
    told = associated(copied + notes("腰痛。", 60), notes("咳嗽。", 200, 100), ["腰痛"])
    assert not any(set(one["word"]) & set("欧阳建国陪同") for one in told)


def test_nothing_is_nothing():
    assert associated([], [], ["腰痛"]) == []
    assert associated(notes("腰痛", 20), [], ["腰痛"]) == []
