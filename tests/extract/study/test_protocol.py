"""The protocol: the shipped study, the hash over its meaning, and faults that name their line."""

from decimal import Decimal
from pathlib import Path

import pytest

from extract.errors import ExpressionInvalid, ProtocolInvalid
from extract.study.protocol import column, load, parse

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "extract/study/templates/esr-pain/study.toml"
TEXT = TEMPLATE.read_text(encoding="utf-8")


def test_the_shipped_study_is_complete():
    """Four inclusions, four exclusions, what is measured twice, and the responder rule of the paper."""
    protocol = load(TEMPLATE)
    assert [c.id for c in protocol.criteria] == ["I1", "I2", "I3", "I4", "E1", "E2", "E3", "E4"]
    assert {v.id for v in protocol.variable} >= {
        "age",
        "sex",
        "bmi",
        "course_months",
        "pain_site",
        "vas",
        "esr",
        "crp",
    }
    assert [v.id for v in protocol.timed] == ["vas", "esr", "crp"]
    assert [(t.drop, t.relief, t.at_least) for t in protocol.outcome.responder.any] == [
        ("vas", None, 3),
        (None, "vas", Decimal("0.5")),
    ]
    assert (protocol.first, protocol.last) == ("T0", "T1")


def test_the_hash_is_over_the_meaning():
    """Comments, blanks and the order of keys change nothing; a number does."""
    same = TEXT.replace("# section 2.2", "# changed").replace('tie = "later"', 'tie   = "later"')
    same = same.replace('id = "E4"\nlabel', "label", 1).replace(
        "auto = true\n\n[outcome]", 'auto = true\nid = "E4"\n\n[outcome]'
    )
    assert same != TEXT
    assert parse(same).hash == parse(TEXT).hash
    assert parse(TEXT.replace("at_least = 0.5", "at_least = 0.6")).hash != parse(TEXT).hash


def line_with(text, words):
    return next(n for n, line in enumerate(text.splitlines(), 1) if words in line)


@pytest.mark.parametrize(
    ("old", "new", "words", "says"),
    [
        ('step = 0.1\nsource = { text = "course" }', 'stop = 0.1\nsource = { text = "course" }', "stop", "no key 'stop'"),
        ('source = { lab = "ESR" }', 'source = { labb = "ESR" }', "labb", "a source is one of"),
        ('drop = "vas"', 'drop = "vax"', "vax", "'vax', which is not a variable"),
        ('at = "T0", at_least = 4', 'at = "T8", at_least = 4', "T8", "'T8', which is not a timepoint"),
        ('at = ["T0", "T1"]\nsource = { lab = "ESR" }', 'at = ["T0", "T9"]\nsource = { lab = "ESR" }', "T9", "'T9'"),
        ('text = "bmi"', 'text = "bim"', "bim", "extractor 'bim'"),
        ('id = "E4"', 'id = "E3"', None, "defined twice"),
        ('id = "bmi"', 'id = "sex"', None, "defined twice"),
        ("from       = 2022-01-01", 'from = "soon"', "soon", "date"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line(old, new, words, says):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    with pytest.raises(ProtocolInvalid) as caught:
        parse(text)
    assert says in caught.value.message
    assert caught.value.message.count("study.toml, line") == 1
    if words:
        assert f"study.toml, line {line_with(text, words)}:" in caught.value.message


def test_a_protocol_with_a_broken_expression_does_not_load():
    """With the expression's own exit code, the line, and the caret."""
    with pytest.raises(ExpressionInvalid) as caught:
        parse(TEXT.replace(' AND "ESR"', ' and "ESR"'))
    assert caught.value.code == 11
    assert f"line {line_with(TEXT, 'expression =')}" in caught.value.message
    assert caught.value.message.endswith("^")


def test_a_file_that_is_not_toml_or_not_text_is_refused(tmp_path):
    with pytest.raises(ProtocolInvalid, match="not valid TOML"):
        parse("format = ")
    with pytest.raises(ProtocolInvalid, match="cannot be read"):
        load(tmp_path / "study.toml")
    (tmp_path / "study.toml").write_bytes(b"\xff")
    with pytest.raises(ProtocolInvalid, match="not UTF-8"):
        load(tmp_path / "study.toml")


def test_columns_are_named_in_one_way():
    assert [column("a"), column("a", "T0"), column("a", kind="delta")] == ["a", "a_t0", "a_delta"]
