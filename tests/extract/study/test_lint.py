"""Lint: every rule fires where it should, with its line, and is silent where it should be."""

import re
from pathlib import Path

import pytest

from extract.errors import ProtocolInvalid
from extract.study.lint import lint, lint_text

ROOT = Path(__file__).parents[3]
CLEAN = """format = 1
[study]
id = "s"
title = { zh = "题", en = "t" }
ethics = { approval = "2022-1" }
[search]
expression = '"alpha" AND "beta1"'
from = 2022-01-01
to = 2022-12-31
look_alike = {}
synonyms = {}
[timepoints]
T0 = { anchor = "first_match", window = [0, 7] }
T1 = { after = "T0", day = 28, window = [21, 35] }
[extractor.note]
kind = "number"
labels = ["score"]
[[variable]]
id = "age"
label = { zh = "年龄", en = "age" }
source = { derived = "age_at(T0)" }
range = [18, 80]
[[variable]]
id = "sex"
label = { zh = "性别", en = "sex" }
source = { patient = "sex" }
values = [
  { code = 1, zh = "男", en = "male", from = ["M"] },
  { code = 2, zh = "女", en = "female", from = ["F"] },
]
[[variable]]
id = "score"
label = { zh = "评分", en = "score" }
at = ["T0", "T1"]
source = { text = "note" }
range = [0, 10]
warn = [0, 9]
[[include]]
id = "I1"
label = { zh = "年龄", en = "age" }
rule = { variable = "age", between = [18, 80] }
[[include]]
id = "I2"
label = { zh = "评分", en = "score" }
rule = { variable = "score", at = "T0", at_least = 4 }
[[exclude]]
id = "E1"
label = { zh = "诊断", en = "diagnosis" }
rule = { any = [ { diagnosis = ["C00-C97"] }, { text = ["gamma"] } ] }
[outcome]
responder = { any = [ { drop = "score", at_least = 3 }, { relief = "score", at_least = 0.5 } ] }
[analysis]
group = "responder"
correlate = [ { x = "delta(score)", y = "age", strata = "sex" } ]
sensitivity = ["welch", "t1_window_14_42"]
subgroups = ["sex"]
"""

EXTRA = """[[{kind}]]
id = "X1"
label = {{ zh = "额外", en = "extra" }}
rule = {rule}
"""


def with_rule(kind, rule):
    return CLEAN.replace("[outcome]", EXTRA.format(kind=kind, rule=rule) + "[outcome]")


def swap(old, new):
    assert old in CLEAN
    return CLEAN.replace(old, new, 1)


def with_form(**rules):
    """The clean study with ``sex`` and ``score`` entered twice, and jumps or rules of the form."""
    text = swap("range = [0, 10]", 'range = [0, 10]\nentry = "double"\nmissing = ["not_applicable"]')
    text = text.replace('source = { patient = "sex" }', 'source = { patient = "sex" }\nentry = "double"')
    return text + "".join(f"[[entry.{kind}]]\n{lines}\n" for kind, lines in rules.items())


CASES = {
    "TOML that does not parse": (swap("format = 1", "format = "), "toml", "error", "format = "),
    "a key that does not exist": (swap("warn = [0, 9]", "wran = [0, 9]"), "protocol", "error", "wran"),
    "a variable that does not exist": (swap('drop = "score"', 'drop = "scare"'), "protocol", "error", "responder ="),
    "a timepoint that does not exist": (
        swap('at = "T0", at_least', 'at = "T7", at_least'), "protocol", "error", 'at = "T7"',
    ),
    "an extractor that does not exist": (swap('text = "note"', 'text = "nota"'), "protocol", "error", "nota"),
    "a broken expression": (swap("AND", "and"), "expression", "error", "expression"),
    "a search that begins after it ends": (swap("to = 2022", "to = 2021"), "empty-window", "error", "to = 2021"),
    "AND beside OR": (swap('"beta1"', '"beta1" OR "delta"'), "mixed-operators", "warning", "expression"),
    "a term inside another": (swap('"beta1"', '("beta1" OR "beta12")'), "contained-term", "warning", "expression"),
    "a short word without look-alikes": (swap("beta1", "GLU"), "look-alike", "warning", "expression"),
    "a look-alike of one term that another hits": (
        swap("look_alike = {}", 'look_alike = { alpha = ["alphabeta1"] }'), "look-alike", "warning", "look_alike",
    ),
    "synonyms of a term that is not sought": (
        swap("synonyms = {}", 'synonyms = { gamma = ["g"] }'), "unused-term", "warning", "synonyms",
    ),
    "a look-alike that hides nothing": (
        swap("look_alike = {}", 'look_alike = { alpha = ["omega"] }'), "idle-look-alike", "warning", "look_alike",
    ),
    "a window that ends before it begins": (swap("[21, 35]", "[35, 21]"), "empty-window", "error", "T1 ="),
    "a window without its day": (swap("day = 28", "day = 40"), "empty-window", "error", "T1 ="),
    "windows that overlap": (swap("[21, 35]", "[5, 35]"), "overlapping-windows", "warning", "T1 ="),
    "a range that is empty": (swap("range = [18, 80]", "range = [80, 18]"), "empty-range", "error", "range = [80"),
    "a warning beyond the range": (swap("[0, 9]", "[0, 12]"), "warn-outside-range", "warning", "warn"),
    "a criterion that contradicts itself": (
        swap("between = [18, 80]", "between = [18, 80], at_most = 10"), "contradiction", "error", "at_most",
    ),
    "criteria that contradict each other": (
        with_rule("include", '{ variable = "score", at = "T0", at_most = 3 }'), "contradiction", "error", "at_most",
    ),
    "including and excluding the same": (
        with_rule("exclude", '{ variable = "score", at = "T0", at_least = 4 }'), "contradiction", "error", "at_least = 4",
    ),
    "excluding everything that is included": (
        with_rule("exclude", '{ variable = "age", at_least = 10 }'), "contradiction", "error", "at_least = 10",
    ),
    "a range of codes that ends before it begins": (
        swap("C00-C97", "C97-C00"), "contradiction", "error", "C97",
    ),
    "a criterion outside the variable's range": (
        swap("at_least = 4", "at_least = 40"), "outside-range", "error", "at_least = 40",
    ),
    "the same condition twice": (
        with_rule("include", '{ variable = "age", between = [18, 80] }'), "repeated-criterion", "warning", None,
    ),
    "a variable asked for when it is not taken": (
        with_rule("include", '{ variable = "age", at = "T1", at_least = 20 }'), "not-taken-then", "error", "at_least = 20",
    ),
    "a timed variable without its time": (
        swap('at = "T0", at_least', "at_least"), "which-timepoint", "warning", "at_least = 4",
    ),
    "a code that is none of the values": (
        with_rule("include", '{ variable = "sex", is = 3 }'), "unknown-code", "error", "is = 3",
    ),
    "no approval": (swap('"2022-1"', '""'), "ethics", "warning", "ethics"),
    "two variables of one column": (
        swap("[[include]]", '[[variable]]\nid = "score_t0"\nlabel = { zh = "分", en = "s" }\n'
             'source = { lab = "L" }\n[[include]]'),
        "column-collision", "error", "score_t0",
    ),
    "a column name too long for SPSS": (
        CLEAN.replace("T1", "T" + "1" * 64).replace("t1_window", "t" + "1" * 64 + "_window"),
        "spss-name", "warning", 'id = "score"',
    ),
    "a variable label too long for SPSS": (
        swap('zh = "评分"', f'zh = "{"评" * 86}"'), "spss-label", "warning", "评" * 86,
    ),
    "a value label too long for SPSS": (swap('zh = "女"', f'zh = "{"女" * 41}"'), "spss-label", "warning", "女" * 41),
    "a code given twice": (swap("code = 2", "code = 1"), "repeated-code", "error", 'zh = "女"'),
    "arithmetic over an unknown variable": (
        swap('derived = "age_at(T0)"', 'derived = "weight / 2"'), "unknown-name", "error", "weight",
    ),
    "an age at an unknown time": (swap("age_at(T0)", "age_at(T5)"), "unknown-name", "error", "T5"),
    "a choice without words": (
        swap('kind = "number"\nlabels = ["score"]', 'kind = "choice"'), "nothing-to-find", "error", "source = { text",
    ),
    "a number without a label": (swap('labels = ["score"]', ""), "nothing-to-find", "error", "[extractor.note]"),
    "an extractor that nothing reads": (
        swap("[[variable]]", '[extractor.idle]\nkind = "duration"\n[[variable]]'), "unused-extractor", "warning", "idle",
    ),
    "a variable that no table shows": (
        swap("[[include]]", '[[variable]]\nid = "late"\nlabel = { zh = "晚", en = "late" }\nat = ["T1"]\n'
             'source = { lab = "L" }\n[[include]]'),
        "unused-variable", "warning", None,
    ),
    "a timepoint at which nothing is measured": (
        swap("[extractor.note]", 'T2 = { after = "T0", day = 90, window = [80, 99] }\n[extractor.note]'),
        "unused-timepoint", "warning", "T2",
    ),
    "a responder rule over a variable that has no change": (
        swap('drop = "score"', 'drop = "age"'), "responder-not-timed", "error", "responder =",
    ),
    "a drop beyond the range": (swap("at_least = 3 }", "at_least = 11 }"), "responder-unreachable", "error", "= 11"),
    "a relief of more than all": (swap("at_least = 0.5", "at_least = 1.5"), "responder-unreachable", "error", "1.5"),
    "a jump over what must not be missing": (
        with_form(jump='field = "sex"\ncodes = [1]\nover = ["score@T1"]'), "jump-over-required", "warning", "[[entry.jump]]",
    ),
    "a rule of the form that compares a field with itself": (
        with_form(rule='id = "r"\nleft = "score@T0"\nis = "<"\nright = "score@T0"'), "idle-rule", "error", "[[entry.rule]]",
    ),
    "an unknown group": (swap('group = "responder"', 'group = "age"'), "unknown-name", "error", "group"),
    "an unknown subgroup": (swap('subgroups = ["sex"]', 'subgroups = ["site"]'), "unknown-name", "error", "subgroups"),
    "an unknown sensitivity analysis": (swap('"welch"', '"bayes"'), "unknown-name", "error", "sensitivity"),
    "a sensitivity window that is empty": (swap("_14_42", "_42_14"), "unknown-name", "error", "sensitivity"),
    "a correlation of nothing": (swap("delta(score)", "delta(scare)"), "unknown-name", "error", "correlate"),
    "a correlation by an unknown stratum": (swap('strata = "sex"', 'strata = "age"'), "unknown-name", "error", "correlate"),
}  # fmt: skip


def test_a_sound_protocol_has_no_problem():
    """So no rule fires on it: each case below is this text with one thing changed."""
    assert lint_text(CLEAN) == []


@pytest.mark.parametrize(("text", "rule", "severity", "on"), CASES.values(), ids=CASES)
def test_a_fault_is_found_on_its_line(text, rule, severity, on):
    problems = lint_text(text)
    found = [p for p in problems if p.rule == rule]
    assert found, problems
    assert {p.severity for p in found} == {severity}
    assert all(p.message and p.next_step for p in found)
    if on is not None:
        assert any(on in text.splitlines()[p.line - 1] for p in found), found


@pytest.mark.parametrize(
    "text",
    [
        swap('"beta1"', '("beta1" OR document:"alphabet")'),
        swap('"beta1"', '("beta1" OR ("delta" AND "gamma"))'),
        swap("beta1", "GLU").replace("look_alike = {}", 'look_alike = { GLU = ["GLUT4"] }'),
        with_rule("exclude", '{ variable = "score", at = "T1", at_least = 4 }'),
        with_rule("exclude", '{ variable = "score", at = "T0", at_least = 8 }'),
        with_rule("exclude", '{ all = [ { variable = "age", at_least = 10 }, { text = ["x"] } ] }'),
        with_rule(
            "include", '{ any = [ { variable = "age", at_most = 20 }, { variable = "age", at_least = 70 } ] }'
        ),
    ],
)
def test_what_only_resembles_a_fault_is_left_alone(text):
    """A longer term in a narrower field, brackets, declared look-alikes, another time, part of an all."""
    assert [p for p in lint_text(text) if p.rule != "contained-term" or "alphabet" not in p.message] == []


def test_every_fault_is_told_at_once():
    """Not only the first: two unknown names, two lines."""
    text = CLEAN.replace('drop = "score"', 'drop = "scare"').replace(
        'at = "T0", at_least', 'at = "T7", at_least'
    )
    assert len({p.line for p in lint_text(text)}) == 2


def test_the_template_warns_of_its_empty_approval_and_nothing_else():
    problems = lint(ROOT / "extract/study/templates/esr-pain/study.toml")
    assert [(p.rule, p.severity) for p in problems] == [("ethics", "warning")]


def test_the_second_study_is_clean():
    assert lint(ROOT / "docs/examples/hba1c-clinosim/study.toml") == []


def test_a_file_that_cannot_be_read_is_said_so(tmp_path):
    with pytest.raises(ProtocolInvalid, match="cannot be read"):
        lint(tmp_path / "study.toml")
    (tmp_path / "study.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProtocolInvalid, match="not UTF-8"):
        lint(tmp_path / "study.toml")


def test_every_rule_is_documented_and_has_a_case():
    """docs/lint.md, the cases above and the rules in the code name the same rules."""
    text = (ROOT / "docs/lint.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", text, re.MULTILINE))
    assert documented == {rule: severity for _, rule, severity, _ in CASES.values()}
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "extract/study").glob("lint*.py"))
    assert [rule for rule in documented if f'"{rule}"' not in code] == []
    assert set(re.findall(r'"((?:[a-z]+-)+[a-z]+)",\n', code)) <= set(documented)
