"""What is written about the command line is what it does."""

from __future__ import annotations

import re
from pathlib import Path

from flows.cli.app import app
from flows.cli.reference import reference

ROOT = Path(__file__).parents[2]


def test_the_reference_is_the_command_line():
    """docs/cli.md is generated; `make docs` writes it anew."""
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference()


def test_every_verb_and_option_says_what_it_is():
    """A verb without help, or an argument without a word, is not finished."""
    from typer.main import get_command

    verbs = get_command(app).commands
    assert {
        "demo",
        "init",
        "lint",
        "doctor",
        "sql",
        "pull",
        "funnel",
        "why",
        "check",
        "lock",
        "unlock",
    } <= set(verbs)
    for name, verb in verbs.items():
        assert verb.help, name
        for parameter in verb.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_every_verb_that_answers_can_answer_in_json():
    """All but the desk, which answers in pages."""
    from typer.main import get_command

    for name, verb in get_command(app).commands.items():
        options = {option for parameter in verb.params for option in parameter.opts}
        assert ("--json" in options) is (name != "desk"), name


def test_what_security_names_is_there():
    """A module that moved would leave a review list that looks complete and is not."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:extract|validate|analysis|flows|tests)/[^`]+)`", text)
    assert len(named) > 15
    for pattern in named:
        assert list(ROOT.glob(pattern)), pattern


def test_every_file_that_the_readme_points_to_is_there():
    """...and every verb that it shows is one."""
    from typer.main import get_command

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("http") or (ROOT / target).exists(), target
    verbs = set(get_command(app).commands)
    shown = set(re.findall(r"(?:^    |`)cohortlock ([a-z]+)", text, re.MULTILINE))
    assert shown
    assert shown <= verbs


def test_the_glossary_has_one_word_for_one_thing():
    """No English and no Chinese word stands for two things."""
    rows = [
        line.strip("|").split("|")
        for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ][1:]
    assert len(rows) > 40
    for column in (0, 1):
        words = [row[column].strip() for row in rows]
        assert len(words) == len(set(words))
