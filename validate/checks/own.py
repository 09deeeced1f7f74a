"""A site's own expectations: ``checks.toml`` and a Great Expectations suite ``expectations.json`` beside study.toml.

Both become the same rules as the protocol's, over the dataset in its own units, one row a participant; their
results hold keys only.  What cannot be kept to that (a share of rows that may fail, an average, which has no
row) is refused with its line, not ignored.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from extract.errors import ProtocolInvalid
from extract.study.positions import line_of
from extract.study.protocol import Label, Protocol
from validate.checks.rules import Rule
from validate.lock.columns import columns

__all__ = ["JSON_FILE", "TOML_FILE", "Fault", "own_faults", "own_files", "own_rules"]

TOML_FILE: Final = "checks.toml"
JSON_FILE: Final = "expectations.json"
_DOCS: Final = "docs/checks.md, `A site's own`, lists what can be written."
_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PREFIX: Final = "expect_"


@dataclass(frozen=True)
class _Form:
    """What an expectation takes: names of its columns, of its other arguments, and the columns it can be asked of."""

    columns: tuple[str, ...]
    others: tuple[str, ...] = ()
    of: str = "any"
    either: bool = False
    """Whether one of ``others`` is enough."""
    always: Mapping[str, Any] | None = None


_FORMS: Final[Mapping[str, _Form]] = {
    "expect_column_values_to_be_in_set": _Form(("column",), ("value_set",)),
    "expect_column_values_to_not_be_in_set": _Form(("column",), ("value_set",)),
    "expect_column_values_to_be_between": _Form(
        ("column",), ("min_value", "max_value"), of="number", either=True
    ),
    "expect_column_values_to_match_regex": _Form(("column",), ("regex",), of="text"),
    "expect_column_values_to_not_match_regex": _Form(("column",), ("regex",), of="text"),
    "expect_column_values_to_be_unique": _Form(("column",)),
    "expect_column_values_to_not_be_null": _Form(("column",)),
    "expect_compound_columns_to_be_unique": _Form(("column_list",)),
    "expect_column_pair_values_to_be_equal": _Form(
        ("column_A", "column_B"), always={"ignore_row_if": "both_values_are_missing"}
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": _Form(
        ("column_A", "column_B"), of="number", always={"ignore_row_if": "either_value_is_missing"}
    ),
}


@dataclass(frozen=True)
class Fault:
    """One thing to mend in a site's own expectations: the file, its 1-based line, what is wrong."""

    file: str
    line: int
    message: str

    def to_json(self) -> dict[str, str | int]:
        """The shape of one problem in ``cohortlock lint --json``, with the file it is in."""
        return {
            "file": self.file,
            "line": self.line,
            "severity": "error",
            "rule": "own_check",
            "message": self.message,
            "next_step": _DOCS,
        }


@dataclass(frozen=True)
class _Written:
    """One expectation as it is written, and where."""

    file: str
    line: int
    id: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: object
    label: object
    only: object


class _Unfit(Exception):
    """What is wrong with one expectation."""


def own_rules(study: Path, protocol: Protocol) -> tuple[Rule, ...]:
    """The rules of the study folder's own files, none where there are none. Raises ProtocolInvalid."""
    rules, faults = _read(study, protocol)
    if faults:
        listed = "; ".join(f"{fault.file}, line {fault.line}: {fault.message}" for fault in faults)
        raise ProtocolInvalid(listed, _DOCS)
    return rules


def own_files(study: Path) -> dict[str, bytes]:
    """The study folder's own files, those that are there, by name: they go into a snapshot as they are."""
    return {name: (study / name).read_bytes() for name in (TOML_FILE, JSON_FILE) if (study / name).is_file()}


def own_faults(study: Path, protocol: Protocol) -> tuple[Fault, ...]:
    """Everything to mend in them."""
    return _read(study, protocol)[1]


def _read(study: Path, protocol: Protocol) -> tuple[tuple[Rule, ...], tuple[Fault, ...]]:
    kinds = {c.name: "text" if pa.types.is_string(c.type) else "number" for c in columns(protocol)}
    rules: dict[str, Rule] = {}
    faults: list[Fault] = []
    for name, parse in ((TOML_FILE, _of_toml), (JSON_FILE, _of_json)):
        file = study / name
        if not file.is_file():
            continue
        try:
            written = list(parse(file.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            faults.append(Fault(name, 1, "not UTF-8"))
            continue
        for one in written:
            if isinstance(one, Fault):
                faults.append(one)
                continue
            try:
                rule = _rule(one, kinds, rules)
            except _Unfit as unfit:
                faults.append(Fault(one.file, one.line, str(unfit)))
            else:
                rules[rule.id] = rule
    return tuple(rules.values()), tuple(faults)


def _of_toml(text: str) -> Iterator[_Written | Fault]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        yield Fault(TOML_FILE, int(found[1]) if found else text.count("\n") + 1, "not valid TOML")
        return
    for name in data.keys() - {"check"}:
        yield Fault(TOML_FILE, line_of(text, (name,)), f"{name!r} is not known here; write [[check]]")
    listed = data.get("check", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        yield Fault(TOML_FILE, line_of(text, ("check",)), "write each check as [[check]]")
        return
    for number, one in enumerate(listed):
        about = {"id", "expectation", "severity", "label", "only"}
        yield _Written(
            TOML_FILE,
            line_of(text, ("check", number)),
            str(one.get("id", "")),
            str(one.get("expectation", "")),
            {name: value for name, value in one.items() if name not in about},
            one.get("severity", "error"),
            one.get("label"),
            one.get("only"),
        )


def _of_json(text: str) -> Iterator[_Written | Fault]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        yield Fault(JSON_FILE, error.lineno, "not valid JSON")
        return
    listed = data.get("expectations") if isinstance(data, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        yield Fault(JSON_FILE, 1, 'a suite is an object with "expectations", a list of objects')
        return
    marks = re.finditer(r'"(?:type|expectation_type)"\s*:', text)
    lines = [text.count("\n", 0, mark.start()) + 1 for mark in marks]
    for number, one in enumerate(listed):
        meta = one.get("meta") if isinstance(one.get("meta"), dict) else {}
        given = one.get("kwargs") if isinstance(one.get("kwargs"), dict) else {}
        severity = {"critical": "error", "info": "warning"}.get(
            str(one.get("severity", "critical")), "warning"
        )
        yield _Written(
            JSON_FILE,
            lines[number] if number < len(lines) else 1,
            str(meta.get("id", f"gx_{number + 1}")),
            str(one.get("type", one.get("expectation_type", ""))),
            {name: value for name, value in given.items() if not _says_nothing(name, value)},
            severity,
            meta.get("label"),
            None,
        )


def _says_nothing(name: str, value: object) -> bool:
    """Defaults that Great Expectations writes out, and that change nothing here."""
    return value is None or name == "batch_id" or (name == "mostly" and value == 1)


def _rule(one: _Written, kinds: Mapping[str, str], before: Mapping[str, Rule]) -> Rule:
    if not _ID.fullmatch(one.id):
        raise _Unfit("an id is lower-case letters, digits and _, at most 40")
    if f"own.{one.id}" in before:
        raise _Unfit(f"the id {one.id!r} is used twice")
    name = one.expectation if one.expectation.startswith(_PREFIX) else _PREFIX + one.expectation
    form = _FORMS.get(name)
    if form is None:
        raise _Unfit(f"{one.id}: no expectation {one.expectation!r} that names the rows which fail")
    if one.severity not in {"error", "warning"}:
        raise _Unfit(f"{one.id}: the severity is error or warning")
    always = form.always or {}
    for given, value in one.arguments.items():
        if given not in {*form.columns, *form.others} and always.get(given) != value:
            raise _Unfit(f"{one.id}: {given!r} cannot be given to {name}")
    looked_at = tuple(_columns(one, form, kinds))
    _others(one, form)
    return Rule(
        f"own.{one.id}",
        "own",
        one.severity,
        "values",
        name,
        {**one.arguments, **always},
        _label(one),
        ("key",) if name.endswith("_not_be_null") else looked_at,
        _condition(one, kinds),
    )


def _columns(one: _Written, form: _Form, kinds: Mapping[str, str]) -> Iterator[str]:
    for argument in form.columns:
        given = one.arguments.get(argument)
        named: list[Any] = given if isinstance(given, list) else [given]
        if not named or given is None:
            raise _Unfit(f"{one.id}: {argument} is missing")
        for column in named:
            if column not in kinds:
                raise _Unfit(f"{one.id}: the dataset has no column {column!r}")
            if form.of not in {"any", kinds[column]}:
                raise _Unfit(f"{one.id}: {column} is no {form.of}")
            yield str(column)


def _others(one: _Written, form: _Form) -> None:
    there = [name for name in form.others if name in one.arguments]
    if len(there) < (min(1, len(form.others)) if form.either else len(form.others)):
        raise _Unfit(f"{one.id}: {' or '.join(form.others)} is missing")
    for name in there:
        value = one.arguments[name]
        if name == "value_set" and not (isinstance(value, list) and value):
            raise _Unfit(f"{one.id}: value_set is a list with something in it")
        if name in {"min_value", "max_value"} and (
            isinstance(value, bool) or not isinstance(value, int | float)
        ):
            raise _Unfit(f"{one.id}: {name} is a number")
        if name == "regex":
            try:
                re.compile(value)
            except (re.error, TypeError):
                raise _Unfit(f"{one.id}: regex is no regular expression") from None


def _condition(one: _Written, kinds: Mapping[str, str]) -> tuple[str, tuple[Any, ...]] | None:
    if one.only is None:
        return None
    given = one.only if isinstance(one.only, dict) else {}
    column, values = given.get("column"), given.get("value_set")
    if given.keys() != {"column", "value_set"} or column not in kinds or not isinstance(values, list):
        raise _Unfit(f"{one.id}: only = {{ column = a column of the dataset, value_set = [...] }}")
    return str(column), tuple(values)


def _label(one: _Written) -> Label:
    if one.label is None:
        named: Sequence[object] = [one.arguments[n] for n in sorted(one.arguments) if n.startswith("column")]
        words = one.expectation.removeprefix(_PREFIX).replace("_", " ")
        said = f"{', '.join(str(part) for part in named)}: {words}"
        return Label(zh=said, en=said)
    if not isinstance(one.label, dict) or one.label.keys() != {"zh", "en"}:
        raise _Unfit(f"{one.id}: label = {{ zh = ..., en = ... }}")
    return Label(zh=str(one.label["zh"]), en=str(one.label["en"]))
