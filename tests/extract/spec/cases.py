"""Questions made by chance: a small hospital, an expression, and the protocol around it.

Many hospitals stand in one database, so that a place is filled once for all of them: the first keeps its
names as they are, the others' persons have the number of their hospital before them.  Each expression is
asked of all of them at once, and each hospital's answer is compared on its own.
"""

from __future__ import annotations

import datetime as dt
import random
import sys
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from extract.study.expression import And, Node, Not, Or, Term, bounded, terms
from extract.study.keywords import written
from extract.study.lexer import DEFAULT_SCOPES
from extract.study.protocol import Search

plain: Any = sys.modules["spec_reference"]

PIECES = (
    *"aAbß%_!\\[]^'\":?{}$ＡⅡ％頸颈痛腰 é\n😀𠮷",
    *("a b", "aA", "a%", "100%", "a_b", "腰痛", "腰 痛", "颈痛", "[a]", "\\'", "😀痛"),
)
"""What texts and terms are made of: LIKE's marks, quotes, width, script, blanks, characters beyond the first plane."""
FIELDS = ("document", "document", "diagnosis", "lab", "imaging", "medication")
COMMON = ("a", "A", "b", "%", "_", "腰痛", "颈", "頸", "Ⅱ", " ")
OFTEN = st.sampled_from([*COMMON * 6, *PIECES])
"""Few pieces make most of both, so that texts do hold terms."""
TEXTS = st.lists(OFTEN, max_size=8).map("".join)
ONE_WORD = st.sampled_from([piece for piece in COMMON if piece.strip()])
ANY_WORD = st.lists(OFTEN.filter(lambda piece: '"' not in piece), min_size=1, max_size=2)
WORDS = ONE_WORD | ANY_WORD.map("".join).map(str.strip).filter(bool)
SCOPES = st.sampled_from([DEFAULT_SCOPES] * 4 + [("lab",), ("medication",), ("document",), ("imaging",)])
PERSONS = st.sampled_from(["p1", "p2", "p3", "01", "颈4"])
FIRST = dt.datetime(2021, 12, 30)  # noqa: DTZ001 - wall-clock time
TIMES = st.integers(0, 370 * 86_400).map(lambda seconds: FIRST + dt.timedelta(seconds=seconds))
DATES = st.sampled_from(
    [
        *[("2022-01-01", "2022-12-31")] * 6,
        ("2021-12-31", "2022-07-31"),
        ("2022-03-15", "2022-03-15"),
        ("2022-02-28", "2023-01-02"),
    ]
)
SIZES = st.sampled_from(["decade"] * 8 + ["year", "quarter", "month"])


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One of the values, or NULL: one time in five."""
    return st.integers(0, 4).flatmap(lambda n: values if n else st.none())


@dataclass(frozen=True)
class Question:
    """An expression, the protocol around it, and the size of the windows in which it is asked."""

    tree: Node
    search: Search
    size: Literal["decade", "year", "quarter", "month"]


@dataclass(frozen=True)
class Case:
    """One hospital and the question that was made for it."""

    hospital: Any
    question: Question


@st.composite
def hospitals(draw: Any) -> Any:
    """Persons (some merged), visits (one at least without a date), records with NULLs everywhere in each."""
    names = sorted(draw(st.sets(PERSONS, min_size=1)))
    into = {name: draw(st.none() | st.sampled_from(names)) for name in names}
    visits = draw(
        st.dictionaries(st.tuples(PERSONS, st.integers(1, 3)), maybe(TIMES), min_size=1, max_size=5)
    )
    known = st.sampled_from(sorted(visits))
    anywhere = st.tuples(st.none() | PERSONS, st.none() | st.integers(1, 3))
    entry = st.builds(
        lambda where, *rest: plain.Entry(rest[0], *where, *rest[1:]),
        st.integers(0, 3).flatmap(lambda n: known if n else anywhere),
        st.sampled_from(FIELDS),
        maybe(TIMES),
        maybe(TEXTS),
        maybe(st.decimals(Decimal(-99), Decimal(99), places=2)),
        # Now and then a record names a visit of somebody else.
        st.integers(0, 5).flatmap(lambda n: st.none() if n else PERSONS),
    )
    visits[names[0], 4] = None
    nothing = [plain.Entry(draw(st.sampled_from(FIELDS)), who, None, None, None) for who in (None, names[0])]
    return plain.Records(into, visits, [*draw(st.lists(entry, min_size=1, max_size=10)), *nothing])


@st.composite
def questions(draw: Any) -> Question:
    """Scopes, AND, OR, NOT; both kinds of match, synonyms, look-alikes, dates."""
    tree = draw(
        st.recursive(
            st.builds(Term, WORDS, SCOPES),
            lambda inner: st.one_of(
                st.builds(Not, inner),
                st.lists(inner, min_size=2, max_size=3).map(lambda c: And(tuple(c))),
                st.lists(inner, min_size=2, max_size=3).map(lambda c: Or(tuple(c))),
            ),
            max_leaves=5,
        ).filter(bounded)
    )
    match = draw(st.sampled_from(["literal", "folded"]))
    named = [term.text for term in terms(tree)]
    more = st.dictionaries(st.sampled_from(named), st.lists(WORDS, min_size=1, max_size=2), max_size=2)
    longer = st.dictionaries(
        st.sampled_from(named), st.lists(TEXTS.filter(str.strip), min_size=1, max_size=2), max_size=1
    )
    first, last = draw(DATES)
    search = Search.model_validate(
        {
            "expression": written(tree),
            "from": first,
            "to": last,
            "match": match,
            "synonyms": draw(more) if match == "folded" else {},
            "look_alike": draw(longer),
        }
    )
    return Question(tree, search, draw(SIZES))


def generated(number: int, start: int) -> list[Case]:
    """So many cases, the same for the same ``start``, each drawn for itself from bytes of its own.

    ``@given`` by itself begins with the smallest example and goes on by changing the last one: of a thousand
    hospitals nine hundred would be nearly one.
    """
    made: list[Case] = []

    @settings(database=None)
    @given(hospitals(), questions())
    def take(hospital: Any, question: Question) -> None:
        made.append(Case(hospital, question))

    dice = random.Random(start)
    while len(made) < number:
        # Bytes that a filter refuses too often make no case.
        take.hypothesis.fuzz_one_input(dice.randbytes(4096))  # type: ignore[attr-defined]
    return made


@dataclass(frozen=True)
class Town:
    """Many hospitals in one database."""

    hospitals: tuple[Any, ...]

    @property
    def records(self) -> Any:
        """All of them."""
        whole = plain.Records()
        for number, hospital in enumerate(self.hospitals):
            whole.persons |= {_of(number, p): _or_none(number, into) for p, into in hospital.persons.items()}
            whole.visits |= {(_of(number, p), n): began for (p, n), began in hospital.visits.items()}
            whole.entries += [
                replace(e, person=_or_none(number, e.person), of=_or_none(number, e.of))
                for e in hospital.entries
            ]
        return whole

    def answer(self, question: Question) -> set[str]:
        """What plain Python says, hospital by hospital."""
        return {
            f"V|{_of(number, person)}|{ordinal}"
            for number, hospital in enumerate(self.hospitals)
            for person, ordinal in plain.answer(hospital, question.tree, question.search)
        }

    def at_fault(self, visits: set[str]) -> list[int]:
        """The hospitals of these visits."""
        of = {
            f"V|{_of(number, person)}|{ordinal}": number
            for number, hospital in enumerate(self.hospitals)
            for person, ordinal in hospital.visits
        }
        return sorted({of[visit] for visit in visits if visit in of})


def _of(number: int, person: str) -> str:
    return person if number == 0 else f"{number}.{person}"


def _or_none(number: int, person: str | None) -> str | None:
    return None if person is None else _of(number, person)
