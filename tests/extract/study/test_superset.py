"""The SQL side never loses a visit that the exact matcher lets in, on every engine that is here."""

import re
import sqlite3
import uuid

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.study.expression import bounded
from extract.study.keywords import And, Matcher, Not, Or, Term, written
from extract.study.lexer import DEFAULT_SCOPES
from extract.study.protocol import Search
from extract.study.superset import pattern

FIELDS = ("document", "diagnosis", "imaging", "lab", "medication", "procedure")


class _Sqlite:
    def __init__(self):
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE TABLE record (visit INTEGER, field TEXT, text TEXT)")

    def fill(self, rows):
        self.connection.execute("DELETE FROM record")
        self.connection.executemany("INSERT INTO record VALUES (?, ?, ?)", rows)

    def visits(self, sql, params):
        return {row[0] for row in self.connection.execute(sql, params)}

    def close(self):
        self.connection.close()


class _Duck:
    def __init__(self):
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        self.connection.execute("CREATE TABLE record (visit INTEGER, field TEXT, text TEXT)")

    def fill(self, rows):
        self.connection.execute("DELETE FROM record")
        self.connection.executemany("INSERT INTO record VALUES (?, ?, ?)", rows)

    def visits(self, sql, params):
        return {
            row[0] for row in self.connection.execute(re.sub(r":(leaf_\w+)", r"$\1", sql), params).fetchall()
        }

    def close(self):
        self.connection.close()


class _Postgres:
    def __init__(self, url):
        self.server = url.replace("+psycopg", "")
        self.name = f"superset_{uuid.uuid4().hex}"
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {self.name} ENCODING 'UTF8' TEMPLATE template0")
        self.connection = psycopg.connect(self.server, dbname=self.name, autocommit=True)
        self.connection.execute("CREATE TABLE record (visit INTEGER, field TEXT, text TEXT)")

    def fill(self, rows):
        with self.connection.cursor() as cursor:
            cursor.execute("TRUNCATE record")
            cursor.executemany("INSERT INTO record VALUES (%s, %s, %s)", rows)

    def visits(self, sql, params):
        bound = re.sub(r":(leaf_\w+)", r"%(\1)s", sql.replace("%", "%%"))
        return {row[0] for row in self.connection.execute(bound, params)}

    def close(self):
        self.connection.close()
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(f"DROP DATABASE {self.name}")


@pytest.fixture(scope="module", params=[_Sqlite, _Duck, pytest.param(_Postgres, marks=pytest.mark.postgres)])
def engine(request):
    arguments = [request.getfixturevalue("postgres_url")] if request.param is _Postgres else []
    one = request.param(*arguments)
    yield one
    one.close()


def asked(matcher):
    """The candidates query in small: one row per visit, h0 … hn, and the expression over them."""
    superset = matcher.superset()
    flags = ", ".join(
        f"MAX(CASE WHEN field IN ({', '.join(repr(s) for s in leaf.scopes)}) AND {leaf.condition('text')}"
        f" THEN 1 ELSE 0 END) AS h{leaf.index}"
        for leaf in superset.leaves
    )
    return (
        f"SELECT visit FROM (SELECT visit, {flags} FROM record GROUP BY visit) t WHERE {superset.expression}",
        superset.params,
    )


def exact(matcher, rows):
    found = {}
    for visit, field, text in rows:
        found.setdefault(visit, set()).update(h.leaf for h in matcher.find(text or "", field))
    return {visit for visit, leaves in found.items() if matcher.decide(leaves)}


LETTERS = "aAß%_!\\[]^ＡⅡiI頸颈痛 é\n"
WORDS = st.text(st.sampled_from(LETTERS), min_size=1, max_size=3).map(str.strip).filter(bool)
LEAVES = st.builds(Term, WORDS, st.sampled_from([DEFAULT_SCOPES, ("lab",), ("medication",)]))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: And(tuple(c))),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: Or(tuple(c))),
    ),
    max_leaves=5,
).filter(bounded)
ROWS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.sampled_from(FIELDS),
        st.one_of(st.none(), st.text(st.sampled_from(LETTERS), max_size=8)),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=TREES, rows=ROWS, match=st.sampled_from(["literal", "folded"]), synonym=WORDS, other=WORDS)
def test_sql_returns_too_much_or_the_same_never_too_little(engine, tree, rows, match, synonym, other):
    """...for any expression over any records, LIKE's own marks, NULLs, synonyms and look-alikes included."""
    first = tree
    while not isinstance(first, Term):
        first = first.child if isinstance(first, Not) else first.children[0]
    matcher = Matcher.of(
        Search.model_validate(
            {
                "expression": written(tree),
                "from": "2022-01-01",
                "to": "2022-12-31",
                "match": match,
                "synonyms": {first.text: [synonym]},
                "look_alike": {first.text: [first.text + other]},
            }
        )
    )
    engine.fill(rows)
    assert exact(matcher, rows) <= engine.visits(*asked(matcher))


def test_likes_own_marks_are_asked_for_as_they_stand(engine):
    """10% does not find 100; a backslash and a bracket are no pattern."""
    texts = {1: "10%", 2: "100", 3: r"a\b", 4: "a!b", 5: "a_b", 6: "axb", 7: "[a]", 8: None}
    engine.fill([(visit, "document", text) for visit, text in texts.items()])

    def visits(term):
        search = Search.model_validate({"expression": f'"{term}"', "from": "2022-01-01", "to": "2022-01-01"})
        return engine.visits(*asked(Matcher.of(search)))

    assert visits("10%") == {1}
    assert visits(r"a\b") == {3}
    assert visits("a!b") == {4}
    assert visits("a_b") == {5}
    assert visits("[a]") == {7}


def test_a_negated_term_never_narrows_the_sql():
    """The leaf under NOT is not even asked for."""
    matcher = Matcher.of(
        Search.model_validate({"expression": "a AND NOT b", "from": "2022-01-01", "to": "2022-01-01"})
    )
    assert matcher.superset().expression == "h0 > 0"
    assert [leaf.index for leaf in matcher.superset().leaves] == [0]


def test_the_shape_that_the_pull_builds_on():
    matcher = Matcher.of(
        Search.model_validate(
            {"expression": "(a OR 'b%') AND lab:c", "from": "2022-01-01", "to": "2022-01-01"}
        )
    )
    superset = matcher.superset()
    assert superset.expression == "((h0 > 0 OR h1 > 0) AND h2 > 0)"
    assert superset.leaves[1].condition("d.text") == "(d.text LIKE :leaf_1_0 ESCAPE '!')"
    assert superset.params == {"leaf_0_0": "%a%", "leaf_1_0": "%b!%%", "leaf_2_0": "%c%"}
    assert superset.leaves[2].scopes == ("lab",)


def test_an_open_bracket_is_any_character():
    """SQL Server reads [ as a set, Oracle forbids its escape."""
    assert pattern("[x") == "%_x%"
