"""docs/cli.md, written from the command line itself; a test fails when the two differ."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from extract import errors
from extract.errors import CohortlockError

__all__ = ["main", "reference"]

_HEAD = """# Command line

<!-- Written by `make docs` from the command line itself; tests/flows/test_reference.py compares the two. -->

Every verb: `--json` writes one JSON object of a stable shape to stdout; talk and progress go to stderr, and
only to a terminal. `STUDY` is a study's folder, by default the current one; `SNAPSHOT` is a snapshot's folder
or `STUDY@vN`. `cohortlock --install-completion` sets up completion of the shell.
"""


def reference() -> str:
    """The whole of docs/cli.md."""
    return "\n".join([_HEAD, *_verbs(), *_codes()]) + "\n"


def main() -> None:
    """Write the generated documents below docs/ of the current folder."""
    from extract.study.schema import schema_text
    from validate.desk.api import description

    docs = Path("docs")
    for path, text in (
        (docs / "cli.md", reference()),
        (docs / "study.schema.json", schema_text()),
        (docs / "openapi.json", description()),
    ):
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


def _verbs() -> Iterator[str]:
    from typer.main import get_command

    from flows.cli.app import app

    group: Any = get_command(app)
    for name, command in group.commands.items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        usage = " ".join(
            [
                f"cohortlock {name}",
                *(_spelled(a) for a in arguments),
                *(f"{_flag(o)}" if o.required else f"[{_flag(o)}]" for o in options),
            ]
        )
        yield f"## {name}\n\n```\n{usage}\n```\n"
        yield f"{inspect.cleandoc(command.help or '')}\n"
        rows = [(_spelled(a).strip("[]"), a) for a in arguments] + [(_flag(o), o) for o in options]
        yield "| | | default |\n|---|---|---|"
        for spelled, parameter in rows:
            default = "" if parameter.default in (None, "", False) else f"`{_plain(parameter.default)}`"
            yield f"| `{spelled}` | {parameter.help or ''} | {default} |"
        yield ""


def _codes() -> Iterator[str]:
    yield '## Exit codes\n\nUnder `--json` an error is `{"error": {"code", "slug", "message", "next"}}`.\n'
    yield "| code | slug | meaning |\n|---|---|---|"
    yield "| 0 | | good |\n| 1 | `bug` | our bug |\n| 2 | `usage` | wrong usage |"
    for name in errors.__all__:
        kind = getattr(errors, name)
        if issubclass(kind, CohortlockError) and kind is not CohortlockError:
            yield f"| {kind.code} | `{kind.slug}` | {(kind.__doc__ or '').strip().splitlines()[0]} |"
    yield "| 130 | | stopped by the user |"


def _spelled(argument: Any) -> str:
    shown = argument.metavar or argument.name.upper()
    return shown if argument.required else f"[{shown}]"


def _flag(option: Any) -> str:
    flag = option.opts[0]
    if option.is_flag:
        return str(flag)
    return f"{flag} {option.metavar or option.name.upper()}"


def _plain(value: Any) -> str:
    return str(getattr(value, "value", value))


if __name__ == "__main__":
    main()
