"""What is written about the command line is what it does."""

from __future__ import annotations

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
