"""Lines of TOML values, also of items inside arrays and inline tables that span lines."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.study.positions import line_of, places

TEXT = '''# a comment with = and [brackets]
format = 1
[study]
title = { zh = "题 = [x]", en = "y" }   # [[no]]
"quoted.key" = 3

[[variable]]
id = "a"
values = [
  { code = 1, zh = "一" },
  # between
  { code = 2, zh = """
two lines""" },
]
label.en = "z"
[[variable]]
id = 'b'
range = [0, 10]
[variable.extra]
deep = true
[extractor.vas]
kind = "number"
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("format",), 2),
        (("study",), 3),
        (("study", "title", "en"), 4),
        (("study", "quoted.key"), 5),
        (("variable", 0), 7),
        (("variable", 0, "values", 0, "zh"), 10),
        (("variable", 0, "values", 1, "zh"), 12),
        (("variable", 0, "label", "en"), 15),
        (("variable", 1, "id"), 17),
        (("variable", 1, "range", 1), 18),
        (("variable", 1, "extra", "deep"), 20),
        (("extractor", "vas", "kind"), 22),
        (("variable", 1, "nothing", "such"), 16),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_the_line_of_a_place(place, line):
    assert line_of(TEXT, place) == line


def paths(value, path=()):
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from paths(child, (*path, key))


def test_every_path_of_the_text_has_a_line():
    """What tomllib reads, the walk has seen."""
    assert set(paths(tomllib.loads(TEXT))) - {()} <= set(places(TEXT))


@given(st.text(st.sampled_from("ab.=[]{}\"'#,\\ \n1"), max_size=40))
def test_a_text_that_is_not_toml_ends_all_the_same(text):
    lines = text.count("\n") + 1
    assert all(1 <= line <= lines for line in places(text).values())
