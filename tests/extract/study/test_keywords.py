"""The expression language: what parses to what, what is refused and how, and where terms are found."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import ExpressionInvalid
from extract.study.keywords import And, Hit, Matcher, Not, Or, Term, parse_expression, written
from extract.study.lexer import SCOPES
from extract.study.protocol import Search


def search(expression, **more):
    return Search.model_validate({"expression": expression, "from": "2022-01-01", "to": "2022-12-31", **more})


def matcher(expression, **more):
    return Matcher.of(search(expression, **more))


PAPER = And((Or((Term("颈痛"), Term("肩痛"), Term("腰痛"), Term("腰腿痛"))), Term("ESR")))


@pytest.mark.parametrize(
    "text",
    [
        "“颈痛 OR 肩痛 OR 腰痛 OR 腰腿痛”AND“ESR”",
        '("颈痛" OR "肩痛" OR "腰痛" OR "腰腿痛") AND "ESR"',
        "（颈痛　ＯＲ　肩痛　OR 腰痛 OR 腰腿痛）ＡＮＤ ESR",
        "(「颈痛」OR『肩痛』OR‘腰痛’OR＂腰腿痛＂)AND'ESR'",
        "(颈痛OR肩痛OR腰痛OR腰腿痛)AND ESR",
        "“(颈痛 OR 肩痛 OR 腰痛 OR 腰腿痛) AND ESR”",
        "(“颈痛 OR 肩痛” OR (腰痛 OR 腰腿痛)) AND ESR",
    ],
)
def test_every_writing_of_the_same_search_is_the_same_tree(text):
    """The string as the paper prints it, with operators inside the quotes, among them."""
    assert parse_expression(text) == PAPER


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a OR b AND c", Or((Term("a"), And((Term("b"), Term("c")))))),
        ("NOT NOT a", Not(Not(Term("a")))),
        ("NOT a AND b", And((Not(Term("a")), Term("b")))),
        ("lab:ESR", Term("ESR", ("lab",))),
        ("LAB：(ESR OR CRP)", Or((Term("ESR", ("lab",)), Term("CRP", ("lab",))))),
        ("诊断：“腰痛 OR 颈痛”", Or((Term("腰痛", ("diagnosis",)), Term("颈痛", ("diagnosis",))))),
        ("(lab:ESR) AND a", And((Term("ESR", ("lab",)), Term("a")))),
        ("ORIF AND ANDERSON", And((Term("ORIF"), Term("ANDERSON")))),
        ('"OR值" AND "low back"', And((Term("OR值"), Term("low back")))),
        ("“low back pain OR neck pain”", Or((Term("low back pain"), Term("neck pain")))),
        ("『a OR b』", Term("a OR b")),
        ("Crohn's AND 'a b'", And((Term("Crohn's"), Term("a b")))),
        ('"VAS:7"', Term("VAS:7")),
        ('"a, b"', Term("a, b")),
    ],
)
def test_the_grammar(text, tree):
    assert parse_expression(text) == tree


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", None, "is empty"),
        ('("颈痛" OR "肩痛', 10, "ends inside a quote that opened at character 10"),
        ("(颈痛 OR 肩痛", 1, "never closed"),
        ("颈痛）", 3, "closes nothing"),
        ("颈痛 肩痛", 4, '颈痛 AND 肩痛, or 颈痛 OR 肩痛, or "颈痛 肩痛"'),
        ("“颈痛”“肩痛”", 5, "side by side"),
        ("颈痛 or 肩痛", 4, "Write OR in capitals"),
        ("颈痛 或 肩痛", 4, "Write OR in capitals"),
        ("颈痛 && 肩痛", 4, "Write AND in capitals"),
        ("颈痛、肩痛", 3, "颈痛 OR 肩痛"),
        ("颈痛 AND", 4, "followed by nothing"),
        ("AND 颈痛", 1, "needs a term before it"),
        ("x AND OR y", 7, "OR needs a term after AND"),
        ("dokument:x", 1, "Did you mean document:"),
        ("document:(lab:x)", 11, "stands inside document:"),
        ("document:", 1, "names no term"),
        ("()", 1, "nothing between the brackets"),
        ('a AND ""', 7, "nothing between the quotes"),
        ("腰痛*", 3, "no wildcards"),
        ("a NOT b", 3, "AND NOT"),
        ("a AND 」", 7, "closes nothing"),
        ("(" * 51 + "a" + ")" * 51, 51, "nested"),
        ("a" * 201, 1, "longer than 200"),
    ],
)
def test_a_fault_is_shown_under_a_caret_with_what_to_type(text, at, says):
    """...and the caret stands under the character at fault also behind wide characters."""
    with pytest.raises(ExpressionInvalid) as caught:
        parse_expression(text)
    assert says in str(caught.value)
    assert caught.value.next_step
    if at is not None:
        shown, caret = caught.value.message.splitlines()[-2:]
        assert shown == f"    {text}"
        assert width(caret.rstrip("^")) == width(shown[: 4 + at - 1])


def width(text):
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def test_the_caret_points_into_the_right_line_of_several():
    with pytest.raises(ExpressionInvalid) as caught:
        parse_expression("(颈痛 OR\n 肩痛)\nAND or")
    assert caught.value.message.splitlines()[-2:] == ["    AND or", "        ^"]


@pytest.mark.parametrize("text", ["NOT a", "a OR NOT b", "NOT (a AND b)", "NOT NOT NOT a"])
def test_a_search_that_needs_no_term_is_refused(text):
    """It would fetch the whole hospital."""
    with pytest.raises(ExpressionInvalid, match="every visit"):
        matcher(text)


@pytest.mark.parametrize("text", ["a AND NOT b", "NOT NOT a", "NOT (NOT a OR b)"])
def test_a_search_with_a_needed_term_is_taken(text):
    assert matcher(text).superset().expression == "h0 > 0"


# ---- every tree -------------------------------------------------------------------------------------

WORDS = st.text(st.sampled_from("aB颈痛 頸\"'“”「」『（)：:OR AND-%_!["), min_size=1, max_size=8).map(
    str.strip
)


def writable(text):
    """Nothing can be typed that a closing 』 belongs to and no other quote fits; parse never yields it."""
    return bool(text) and "』" not in text


TERMS = st.builds(
    Term,
    WORDS.filter(writable),
    st.one_of(st.just(Term("x").scopes), st.sampled_from([(s,) for s in SCOPES])),
)


def flat(kind, children):
    out = []
    for child in children:
        out.extend(child.children if isinstance(child, kind) else (child,))
    return kind(tuple(out))


TREES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: flat(And, c)),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: flat(Or, c)),
    ),
    max_leaves=8,
)


@given(TREES)
def test_a_written_tree_parses_to_itself(tree):
    assert parse_expression(written(tree)) == tree


@given(st.text(st.sampled_from("ab颈痛 \"“”'「」『』()（）:：ANDORT*、\n"), max_size=25))
def test_any_text_parses_or_is_refused(text):
    """No other exception, and what parses can be written and parsed again; offsets lie in the text."""
    try:
        tree = parse_expression(text)
    except ExpressionInvalid:
        return
    assert parse_expression(written(tree)) == tree
    stack = [tree]
    while stack:
        node = stack.pop()
        assert 0 <= node.start < node.end <= len(text)
        stack.extend([node.child] if isinstance(node, Not) else getattr(node, "children", ()))


# ---- find -------------------------------------------------------------------------------------------


def test_literal_is_the_text_as_it_stands():
    """Case and width count: the paper's LIKE on Oracle finds nothing else."""
    found = matcher("ESR").find("esr ＥＳＲ ESR", "document")
    assert found == [Hit(0, "ESR", 8, 11)]


def test_folded_finds_width_case_traditional_blanks_and_synonyms_with_original_offsets():
    text = "頸 痛；ｅＳr 35；血　沉↑"
    one = matcher("颈痛 AND ESR", match="folded", synonyms={"ESR": ["血沉"]})
    assert [(h.term, text[h.start : h.end]) for h in one.find(text, "document")] == [
        ("颈痛", "頸 痛"),
        ("ESR", "ｅＳr"),
        ("ESR", "血　沉"),
    ]


def test_synonyms_do_not_count_in_a_literal_search():
    assert matcher("ESR", synonyms={"ESR": ["血沉"]}).find("血沉", "lab") == []


def test_an_occurrence_inside_a_look_alike_is_no_hit():
    """...but the same word beside it is, and the look-alike is reported apart."""
    one = matcher("ESR", look_alike={"ESR": ["ESRD"]})
    assert one.find("ESRD 5期，ESR 20", "document") == [Hit(0, "ESR", 8, 11)]
    assert one.look_alikes("ESRD 5期，ESR 20", "document") == [Hit(0, "ESR", 0, 4)]


def test_a_look_alike_covers_a_synonym_in_a_folded_search():
    one = matcher("ESR", match="folded", synonyms={"ESR": ["血沉"]}, look_alike={"esr": ["血沉方程K值"]})
    assert one.find("血沉方程ｋ值 1.2", "lab") == []
    assert len(one.find("血沉 35", "lab")) == 1


def test_one_mention_is_one_hit_of_a_term():
    """A longer synonym around the term itself does not count twice."""
    one = matcher("腰痛", match="folded", synonyms={"腰痛": ["下腰痛"]})
    assert one.find("下腰痛3年", "document") == [Hit(0, "腰痛", 0, 3)]


def test_a_term_is_sought_only_in_its_fields():
    one = matcher("lab:ESR AND 颈痛")
    assert [h.leaf for h in one.find("颈痛 ESR", "document")] == [1]
    assert [h.leaf for h in one.find("颈痛 ESR", "lab")] == [0, 1]
    assert one.find("颈痛 ESR", "medication") == []


def test_the_same_term_twice_is_one_leaf():
    one = matcher("(a AND b) OR (a AND c)")
    assert [leaf.term for leaf in one.leaves] == ["a", "b", "c"]
    assert one.decide({0, 2})
    assert not one.decide({1, 2})


def test_a_folded_term_without_a_visible_letter_is_refused():
    with pytest.raises(ExpressionInvalid, match="no visible letter"):
        matcher('"\u200b"', match="folded")


ALPHABET = st.sampled_from("aAbB颈頸痛 ")
TEXTS = st.text(ALPHABET, max_size=30)
TOKENS = st.text(st.sampled_from("aAbB颈痛"), min_size=1, max_size=3)


@given(TEXTS, st.lists(TOKENS, min_size=1, max_size=3, unique=True), st.lists(TOKENS, max_size=2))
def test_find_equals_a_naive_reference(text, words, longer):
    """Every start, tried one by one; minus those inside a look-alike."""
    look_alike = {word: [w for w in longer if word in w] for word in words}
    one = matcher(" OR ".join(f'"{word}"' for word in words), look_alike=look_alike)

    def at(word):
        return {m.start() for m in re.finditer(f"(?={re.escape(word)})", text)}

    expected = {
        (leaf.index, start, start + len(leaf.term))
        for leaf in one.leaves
        for start in at(leaf.term)
        if not any(
            cover <= start and start + len(leaf.term) <= cover + len(other)
            for other in look_alike[leaf.term]
            for cover in at(other)
        )
    }
    assert {(h.leaf, h.start, h.end) for h in one.find(text, "document")} == expected


@given(TEXTS, TOKENS)
def test_what_is_found_literally_is_found_folded(text, word):
    literal = matcher(f'"{word}"').find(text, "document")
    folded = matcher(f'"{word}"', match="folded").find(text, "document")
    assert {(h.start, h.end) for h in literal} <= {(h.start, h.end) for h in folded}


def documented():
    """The table "written | means" of docs/keywords.md."""
    text = (Path(__file__).parents[3] / "docs" / "keywords.md").read_text(encoding="utf-8")
    table = text.partition("| written | means |\n|---|---|\n")[2].partition("\n\n")[0]
    return [
        tuple(cell.strip().strip("`") for cell in row.strip("|").split("|")) for row in table.splitlines()
    ]


@pytest.mark.parametrize(("text", "means"), documented())
def test_the_documentation_tells_the_truth(text, means):
    assert written(parse_expression(text)) == means


def test_a_look_alike_is_declared_for_a_term_in_any_case():
    """...and is itself sought as it stands in a literal search."""
    one = matcher("ESR", look_alike={"esr": ["ESRD"]})
    assert one.find("ESRD", "document") == []
    assert len(one.find("ESRd", "document")) == 1
