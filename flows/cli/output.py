"""What the command line says: results on stdout, talk and progress on stderr, errors with what to type next."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from extract.errors import CohortlockError

__all__ = ["AsJson", "complain", "result", "table", "talk", "tracker"]

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, of a stable shape.")]


def result(data: Any, as_json: bool, human: Callable[[], Iterable[str]]) -> None:
    """Write a verb's result to stdout: ``data`` as one JSON line, or the lines of ``human``."""
    if as_json:
        _line(json.dumps(data, ensure_ascii=False, default=str))
        return
    for line in human():
        _line(line)


def talk(text: str) -> None:
    """Say something to a person who is watching; nothing when stderr is no terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(text + "\n")


def complain(error: CohortlockError, as_json: bool) -> None:
    """Write an error as a sentence and what to type next; under ``--json`` also as JSON on stdout."""
    sys.stderr.write(f"{error.message}\n")
    if error.next_step:
        sys.stderr.write(f"  {error.next_step}\n")
    if as_json:
        _line(
            json.dumps(
                {
                    "error": {
                        "code": error.code,
                        "slug": error.slug,
                        "message": error.message,
                        "next": error.next_step,
                    }
                },
                ensure_ascii=False,
            )
        )


@contextmanager
def tracker(title: str) -> Iterator[Callable[[str, float], None]]:
    """A progress callback ``(what, share 0..1)``: a bar on a terminal, silence when piped."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _what, _share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda what, share: progress.update(task, description=f"{title}: {what}", completed=share)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Plain aligned text; numbers to the right, and Chinese characters count as two columns."""
    cells = [list(columns), *([str(c) for c in row] for row in rows)]
    numeric = [
        all(not row[i] or row[i].lstrip("-").replace(".", "", 1).isdigit() for row in cells[1:])
        and any(row[i] for row in cells[1:])
        for i in range(len(columns))
    ]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        parts = [
            " " * (widths[i] - _width(cell)) + cell if numeric[i] else cell + " " * (widths[i] - _width(cell))
            for i, cell in enumerate(row)
        ]
        yield "  ".join(parts).rstrip()


def _width(text: str) -> int:
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
