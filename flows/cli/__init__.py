"""The command line: ``cohortlock VERB``.  Exit 0 good, 1 our bug, 2 usage, 10 and more named in extract/errors.py."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from extract.errors import CohortlockError
from flows.cli.output import complain
from flows.faults import Bug, place, storage_fault

__all__ = ["main"]

USAGE = 2
STOPPED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # A terminal of an old Windows or of a bare container is not always UTF-8; a name must not kill a verb.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    from typer.exceptions import Abort

    from flows.cli.app import app

    try:
        left: object = app(arguments, prog_name="cohortlock", standalone_mode=False)
    except (KeyboardInterrupt, Abort):
        sys.stderr.write("Stopped. Nothing half-written is left; the same command goes on where it was.\n")
        return STOPPED
    except BrokenPipeError:
        # The reader of our pipe has gone (`| head`); the interpreter must not complain about it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence; see faults.py for why no text
        said = _as_ours(error)
        complain(said, "--json" in arguments)
        return said.code
    return left if isinstance(left, int) else 0


def _as_ours(error: Exception) -> CohortlockError:
    """Any exception as a sentence, a code and what to type next; of an unexpected one only type and place."""
    from typer.exceptions import TyperException

    if isinstance(error, CohortlockError):
        return error
    if isinstance(error, OSError) and (fault := storage_fault(error)) is not None:
        return fault
    if isinstance(error, TyperException):
        said = CohortlockError(
            str(getattr(error, "format_message", error.__str__)()),
            "`cohortlock --help` lists the verbs, `cohortlock VERB --help` the options of one.",
        )
        said.code, said.slug = USAGE, "usage"
        return said
    said = CohortlockError(
        f"cohortlock has a bug: {error if isinstance(error, Bug) else place(error)}",
        "The study's data are as they were. Please report this line; it holds no patient's data.",
    )
    said.slug = "bug"
    return said
