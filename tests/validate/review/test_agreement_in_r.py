"""Agreement computed again in R, its errors by a numerical delta method, and held against published examples."""

from __future__ import annotations

import math
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from scipy.special import stdtrit

from validate.review.agreement import agreement

pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None, reason="needs R: apt-get install r-base-core"
)

SCRIPT = Path(__file__).parent / "agreement.R"
NAMES = ("percent", "kappa", "pabak", "ac1")
PARADOX = [[95, 3], [2, 0]]
PUBLISHED = {
    # Cohen, Educ Psychol Meas 1960;20:37: 200 cases, three categories, .70 agreed, .41 by chance, kappa .492.
    "cohen": [[88, 14, 18], [10, 40, 10], [2, 6, 12]],
    # Gwet, Handbook of Inter-Rater Reliability, 4th ed. 2014 (irrCAC's cont3x3abstractors).
    "gwet": [[13, 0, 0], [0, 20, 7], [0, 4, 56]],
    # Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 3rd ed., table 18.1.
    "fleiss": [[75, 1, 4], [5, 4, 1], [0, 0, 10]],
    # Feinstein & Cicchetti, J Clin Epidemiol 1990;43:543, the first paradox.
    "feinstein": [[80, 10], [5, 5]],
    "paradox": PARADOX,
}


def random_tables() -> list[list[list[int]]]:
    """Two to four categories, nought to sixty a cell, at least one on and one off the diagonal."""
    draw = random.Random(4)
    made = []
    for _ in range(150):
        k = draw.choice((2, 3, 4))
        table = [[draw.choice((0, 1, 2, 5, 9, 60)) for _ in range(k)] for _ in range(k)]
        table[0][0] += 1
        table[1][0] += 1
        made.append(table)
    return made


@pytest.fixture(scope="module")
def in_r():
    """Table -> (value, standard error) of each coefficient, by R; one call for all tables."""
    tables = [*PUBLISHED.values(), *random_tables()]
    lines = [" ".join(map(str, [len(t), *(c for row in t for c in row)])) for t in tables]
    done = subprocess.run(
        ["Rscript", "--vanilla", str(SCRIPT)],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    told = []
    for line in done.stdout.splitlines():
        numbers = [None if part == "NA" else float(part) for part in line.split()]
        told.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return list(zip(tables, told, strict=True))


def test_every_coefficient_and_its_interval_equal_rs(in_r):
    """...over 155 tables: value to 1e-9, half the interval to the gradient's own accuracy."""
    intervals = 0
    for table, told in in_r:
        ours = agreement(table)
        t = float(stdtrit(ours.n - 1, 0.975))
        for name, (value, error) in zip(NAMES, told, strict=False):
            found = getattr(ours, name)
            assert found.value == pytest.approx(value, abs=1e-9), (name, table)
            if name in {"kappa", "ac1"} and found.low is not None and found.low > -1 and found.high < 1:
                assert (found.high - found.low) / 2 == pytest.approx(t * error, rel=1e-5), (name, table)
                intervals += 1
        for found, (value, error) in zip(ours.specific.values(), told[len(NAMES) :], strict=True):
            if value is None:
                assert found.value is None
                continue
            assert found.value == pytest.approx(value, abs=1e-9), table
            if found.low is not None and found.low > 0 and found.high < 1:
                assert (found.high - found.low) / 2 == pytest.approx(1.959963984540054 * error, rel=1e-5)
                intervals += 1
    assert intervals > 400, "most of them have an interval to compare"


def test_the_interval_of_percent_and_pabak_equals_rs_prop_test():
    """``prop.test(correct = FALSE)`` is Wilson's; PABAK is percent on a scale from -1 to 1, and so are its limits."""
    tables = [t for t in PUBLISHED.values() if len(t) == 2]
    asked = "; ".join(
        f"cat(prop.test({t[0][0] + t[1][1]}, {sum(map(sum, t))}, correct=FALSE)$conf.int, '\\n')"
        for t in tables
    )
    done = subprocess.run(
        ["Rscript", "--vanilla", "-e", f"options(digits=15); {asked}"],
        capture_output=True,
        text=True,
        check=True,
    )
    for table, line in zip(tables, done.stdout.splitlines(), strict=True):
        low, high = map(float, line.split())
        found = agreement(table)
        assert (found.percent.low, found.percent.high) == pytest.approx((low, high), abs=1e-9)
        assert (found.pabak.low, found.pabak.high) == pytest.approx((2 * low - 1, 2 * high - 1), abs=1e-9)


def test_kappa_of_the_paper_that_defined_it():
    """Cohen 1960: .70 agreed where .41 would by chance, so kappa is .492."""
    found = agreement(PUBLISHED["cohen"])
    assert found.percent.value == pytest.approx(0.70)
    assert found.kappa.value == pytest.approx(0.492, abs=5e-4)


def test_the_paradox_in_r_too(in_r):
    """95/3/2/0: 0.95, -0.025, 0.90, 0.947, from both."""
    told = next(told for table, told in in_r if table is PARADOX)
    for (value, _), expected in zip(told, (0.95, -0.025, 0.90, 0.947), strict=False):
        assert math.isclose(value, expected, abs_tol=7e-4)
