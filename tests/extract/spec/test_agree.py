"""Any records, any expression: every engine gives what plain Python gives, row for row.

``COHORTLOCK_SPEC_CASES`` is the number of questions per engine (`make soak`: 2,000).
"""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.study.expression import And, Not, Or, Term, bounded
from extract.study.keywords import written
from extract.study.lexer import DEFAULT_SCOPES

CASES = int(os.environ.get("COHORTLOCK_SPEC_CASES", "40"))
QUESTIONS = 4
LETTERS = "aAbß%_!\\[]^'\":?{}$ＡⅡ頸颈痛腰 é\n😀𠮷"
FIELDS = ("document", "diagnosis", "lab", "imaging", "medication")
WORDS = st.text(st.sampled_from(LETTERS.replace('"', "")), min_size=1, max_size=3).map(str.strip).filter(bool)
LEAVES = st.builds(
    Term, WORDS, st.sampled_from([DEFAULT_SCOPES, ("lab",), ("medication",), ("document", "lab")])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: And(tuple(c))),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: Or(tuple(c))),
    ),
    max_leaves=5,
).filter(bounded)
PERSONS = st.sampled_from(["p1", "p2", "p3", "01", "颈4"])
FIRST = dt.datetime(2021, 12, 30)  # noqa: DTZ001 - wall-clock time
TIMES = st.integers(0, 370 * 86_400).map(lambda seconds: FIRST + dt.timedelta(seconds=seconds))
TEXTS = st.text(st.sampled_from(LETTERS), max_size=8)


@st.composite
def hospitals(draw, asking):
    """Persons (some merged), visits (some without a date), records with NULLs everywhere."""
    names = sorted(draw(st.sets(PERSONS, min_size=1)))
    into = {name: draw(st.none() | st.sampled_from(names)) for name in names}
    visits = draw(st.dictionaries(st.tuples(PERSONS, st.integers(1, 3)), st.none() | TIMES, max_size=5))
    entries = draw(
        st.lists(
            st.builds(
                asking["Entry"],
                st.sampled_from(FIELDS),
                st.none() | PERSONS,
                st.none() | st.integers(1, 3),
                st.none() | TIMES,
                st.none() | TEXTS,
                st.none() | st.decimals(Decimal(-99), Decimal(99), places=2),
            ),
            max_size=10,
        )
    )
    return asking["Records"](into, visits, entries)


def test_every_engine_agrees_with_plain_python(place, asking):
    """...on candidates no fewer, on the answer exactly, and on each canonical row delivered."""

    @settings(
        max_examples=max(1, CASES // QUESTIONS),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize="COHORTLOCK_SPEC_CASES" not in os.environ,
        database=None,
    )
    @given(records=hospitals(asking), trees=st.lists(TREES, min_size=QUESTIONS, max_size=QUESTIONS))
    def agrees(records, trees):
        place.load(records)
        for tree in trees:
            asking["agree"](place, records, written(tree), expected=asking["reference"](records, tree))

    agrees()
