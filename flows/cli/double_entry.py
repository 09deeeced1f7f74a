"""Verbs about double entry: compare two files of entries, or the study's own two passes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from extract.errors import NotFound, StorageFault
from flows.cli.output import AsJson, result
from flows.cli.telling import tongue

if TYPE_CHECKING:
    from validate.entry.file_comparison import FileComparison, Options

__all__ = ["register"]

_NAME = Annotated[
    Path | None, typer.Argument(metavar="FIRST", help="Entries of the first person: .rec, .epx or .csv.")
]
_OTHER = Annotated[Path | None, typer.Argument(metavar="SECOND", help="Entries of the second person.")]


class Report(StrEnum):
    """How the report is written."""

    text = "text"
    json = "json"
    html = "html"


class Language(StrEnum):
    """Of the report."""

    zh = "zh"
    en = "en"


def register(app: typer.Typer) -> None:
    """Add this module's verbs to ``app``."""
    app.command()(compare)


def compare(
    first: _NAME = None,
    second: _OTHER = None,
    *,
    key: Annotated[
        list[str] | None, typer.Option(help="A field that names a record; several make one key.")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(help="A field not to compare: computed, a note.")] = None,
    tolerance: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=NUMBER", help="How far two numbers may lie apart.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="The reconciled entries; each file is then held against them.")
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="The study whose form says what its fields mean: units, codes, steps.")
    ] = None,
    ignore_case: Annotated[bool, typer.Option(help="Upper and lower case of a text are the same.")] = False,
    with_deleted: Annotated[bool, typer.Option(help="Compare records marked as deleted too.")] = False,
    encoding: Annotated[str, typer.Option(help="Of .rec and .csv; by default UTF-8, else GB18030.")] = "",
    report: Annotated[Report, typer.Option(help="Text as of EpiData, a page, or JSON.")] = Report.text,
    language: Annotated[Language | None, typer.Option(help="By default the terminal's.")] = None,
    hide_values: Annotated[
        bool, typer.Option(help="Name the fields that differ, not what stands in them.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two files of entries, or with --study alone the study's two passes. Shows what was typed.

    Records are matched by --key, without one by their order. Keys that stand twice are listed and not
    compared. The JSON holds keys and names of fields, never what stands in them.
    """
    if (first is None) != (second is None) or (first is None and study is None):
        raise typer.BadParameter("give two files of entries, or --study alone for the study's two passes")
    if first is None and (key or skip or tolerance or truth):
        raise typer.BadParameter(
            "--key, --skip, --tolerance and --truth are for files, not for the study's passes"
        )
    from validate.entry.file_comparison import Options
    from validate.entry.file_report import page, text

    if first is None or second is None:
        found = _passes(study or Path())
    else:
        options = Options(
            tuple(key or ()), tuple(skip or ()), _allowed(tolerance or ()), ignore_case, with_deleted
        )
        found = _files((first, second), truth, study, encoding, options)
    spoken = language.value if language else tongue()
    if as_json or report is Report.json:
        lines = [json.dumps(found.to_json(), ensure_ascii=False)]
    elif report is Report.html:
        lines = [page(found, spoken, values=not hide_values)]
    else:
        lines = list(text(found, spoken, values=not hide_values))
    if output is not None:
        _write(output, lines)
        lines = [str(output)]
    result(None, as_json=False, human=lambda: lines)


def _write(output: Path, lines: Sequence[str]) -> None:
    try:
        output.write_text("\n".join(lines).rstrip("\n") + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageFault(f"{output}: {error.strerror}", "Give another --output.") from None


def _passes(study: Path) -> FileComparison:
    from extract.study.database import StudyDatabase
    from extract.study.folder import StudyFolder
    from validate.entry.own_passes import compare_passes

    folder = StudyFolder.at(study)
    if not folder.database.exists():
        raise NotFound(f"{folder.database}: nothing was entered in this study", "Give two files to compare.")
    with StudyDatabase.open(folder, folder.protocol()) as database:
        return compare_passes(database)


def _files(
    paths: tuple[Path, Path], truth: Path | None, study: Path | None, encoding: str, options: Options
) -> FileComparison:
    from dataclasses import replace

    from extract.study.folder import StudyFolder
    from validate.entry.epidata import read_entries
    from validate.entry.file_comparison import against, compare_files
    from validate.entry.forms import form_fields
    from validate.entry.own_passes import form_by_name

    form = form_by_name(form_fields(StudyFolder.at(study).protocol())) if study else {}
    one, other = (read_entries(path, encoding=encoding) for path in paths)
    found = compare_files(one, other, options, form)
    if truth is None:
        return found
    persons, by_field = against(read_entries(truth, encoding=encoding), (one, other), options, form)
    return replace(found, persons=persons, persons_by_field=by_field)


def _allowed(given: Sequence[str]) -> dict[str, Decimal]:
    allowed = {}
    for one in given:
        name, _, number = one.partition("=")
        try:
            allowed[name] = Decimal(number)
        except InvalidOperation:
            allowed[name] = Decimal(-1)
        if not name or not allowed[name].is_finite() or allowed[name] < 0:
            raise typer.BadParameter("a tolerance is written FIELD=NUMBER, for example esr=0.5")
    return allowed
