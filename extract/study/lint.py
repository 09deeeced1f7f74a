"""Lint of study.toml: what is wrong or doubtful in a protocol, each with its line and what to type.

An *error* makes the study impossible or wrong (nobody can be included, a threshold out of reach, a name
that nothing defines); a *warning* is a trap that the author may have wanted.  The rules stand in
``lint_search``, ``lint_criteria`` and ``lint_plan``; each yields ``Finding``s with a place in the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from extract.errors import ExpressionInvalid, ProtocolInvalid
from extract.study.expression import parse_search
from extract.study.findings import Finding, Severity
from extract.study.lint_criteria import criteria_findings
from extract.study.lint_entry import entry_findings
from extract.study.lint_plan import plan_findings
from extract.study.lint_search import search_findings
from extract.study.positions import line_of
from extract.study.protocol import Protocol, faults, where

__all__ = ["Problem", "lint", "lint_text"]

_RULES: Final[tuple[Callable[[Protocol], Iterator[Finding]], ...]] = (
    search_findings,
    criteria_findings,
    plan_findings,
    entry_findings,
)


@dataclass(frozen=True)
class Problem:
    """One thing to mend: the 1-based line, how bad it is, the rule's id, what is wrong, what to type."""

    line: int
    severity: Severity
    rule: str
    message: str
    next_step: str

    def to_json(self) -> dict[str, str | int]:
        """The shape of one problem in ``cohortlock lint --json``."""
        return {
            "line": self.line,
            "severity": self.severity,
            "rule": self.rule,
            "message": self.message,
            "next_step": self.next_step,
        }


def lint(path: Path) -> list[Problem]:
    """The problems of the protocol in ``path``, by line. Raises ProtocolInvalid when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProtocolInvalid(
            f"{path.name}: cannot be read: {error.strerror}",
            "`cohortlock init DIR` makes a new study folder.",
        ) from None
    except UnicodeDecodeError:
        raise ProtocolInvalid(f"{path.name}: is not UTF-8", "Save the file as UTF-8.") from None
    return lint_text(text)


def lint_text(text: str) -> list[Problem]:
    """The problems of a protocol's text, by line; no problem means that it can be run as it stands."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [
            Problem(_toml_line(error, text), "error", "toml", f"not valid TOML: {error}", "Mend the line.")
        ]
    try:
        protocol = Protocol.model_validate(data)
    except ValidationError as error:
        found = [
            Finding(
                place,
                "error",
                "protocol",
                f"{where(place)}{message}",
                "docs/study.schema.json lists every key.",
            )
            for place, message in faults(error)
        ]
    else:
        found = [*_expression(protocol)] or [finding for rule in _RULES for finding in rule(protocol)]
    problems = [Problem(line_of(text, f.place), f.severity, f.rule, f.message, f.next_step) for f in found]
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.rule))


def _expression(protocol: Protocol) -> Iterator[Finding]:
    try:
        parse_search(protocol.search.expression)
    except ExpressionInvalid as error:
        yield Finding(("search", "expression"), "error", "expression", error.message, error.next_step)


def _toml_line(error: tomllib.TOMLDecodeError, text: str) -> int:
    """The line that tomllib names in its message; the last one when it says "at end of document"."""
    _, _, rest = str(error).partition("at line ")
    digits = rest.partition(",")[0]
    return int(digits) if digits.isdigit() else max(1, text.count("\n") + (not text.endswith("\n")))
