"""Verbs about words: annotate, terms, explore."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from extract.errors import NotFound, Refused
from flows.cli.arguments import Study
from flows.cli.output import AsJson, result, table, talk

__all__ = ["register"]

_HERE = Path()


class TermsAct(StrEnum):
    """What can be done with a term set."""

    test = "test"
    show = "show"


def register(app: typer.Typer) -> None:
    """Add this module's verbs to ``app``."""
    for verb in (annotate, terms, explore, diagnose):
        app.command()(verb)


def annotate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text file, or - for stdin.")],
    study: Annotated[Path, typer.Option(help="The study whose terms and variables are looked for.")] = _HERE,
    encoding: Annotated[str, typer.Option(help="Of the file: utf-8, or gb18030 for GBK exports.")] = "utf-8",
    as_json: AsJson = False,
) -> None:
    """Mentions and values in each line of a text, with assertion, cue and offsets. Shows what the text holds.

    With --json one object per input line: {"line", "hits", "values"}; lines count from 1, offsets are in
    characters of the line.
    """
    from extract.chart.annotate import Annotator
    from extract.study.folder import StudyFolder

    annotator = Annotator.of(StudyFolder.at(study).protocol())
    for number, line in enumerate(_lines(file, encoding), 1):
        told = {"line": number, **annotator.annotate(line)}
        if as_json:
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        else:
            sys.stdout.writelines(said + "\n" for said in _annotated(told, line))
    sys.stdout.flush()


def terms(
    action: Annotated[TermsAct, typer.Argument(help="Test a set, or show its terms.")],
    file: Annotated[
        str, typer.Argument(metavar="SET", help="A term set's file, or the name of a shipped one.")
    ],
    as_json: AsJson = False,
) -> None:
    """Test a term set: hits, negated hits, look-alikes, failures, and what is new since its last version.

    Leaves with exit code 10 when a test of the set fails.
    """
    from extract.chart.termsets import examine, load_set, shipped

    path = Path(file) if Path(file).is_file() else shipped(file)
    loaded = load_set(path)
    if action is TermsAct.show:
        told = loaded.told()
        result(told, as_json, lambda: _set_lines(told))
        return
    told = examine(loaded, path)
    result(told, as_json, lambda: _examined(told))
    if not told["ok"]:
        raise typer.Exit(10)


def _lines(file: str, encoding: str) -> Iterator[str]:
    """The lines of a file without their ends; only a line feed ends one. Raises NotFound, Refused."""
    if file == "-":
        yield from _decoded(sys.stdin.buffer, "standard input", encoding)
        return
    path = Path(file)
    if not path.is_file():
        raise NotFound(f"{file}: there is no such file", "Give a text file, or - to read standard input.")
    with path.open("rb") as stream:
        yield from _decoded(stream, file, encoding)


def _decoded(stream: BinaryIO, name: str, encoding: str) -> Iterator[str]:
    # By bytes: str.splitlines would also break a line at U+2028 and shift every number after it.
    for number, raw in enumerate(stream, 1):
        bare = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            text = bare.decode(encoding)
        except LookupError:
            raise Refused(
                f"{encoding}: there is no such encoding", "Give utf-8, gb18030 or another name Python knows."
            ) from None
        except UnicodeDecodeError as error:
            raise Refused(
                f"{name}, line {number}: byte {error.start + 1} is not {encoding}",
                "Say --encoding gb18030 for a GBK export; convert other files to UTF-8 first.",
            ) from None
        yield text.removeprefix("\ufeff") if number == 1 else text


def _annotated(told: dict[str, Any], line: str) -> Iterator[str]:
    for hit in told["hits"]:
        cue = f"  ({hit['cue']})" if hit["cue"] else ""
        yield f"{told['line']}: {hit['start']}-{hit['end']}  {line[hit['start'] : hit['end']]}  {hit['assertion']}{cue}"
    for value in told["values"]:
        what = value["value"] if value["low"] == value["high"] else f"{value['low']} to {value['high']}"
        yield f"{told['line']}: {value['start']}-{value['end']}  {value['variable']} = {what} {value['unit']}".rstrip()


def _set_lines(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['id']} version {told['version']}, owner {told['owner']}"
    yield from table(
        ("term", "synonyms", "look-alikes"),
        ([t["term"], " ".join(t["synonyms"]), " ".join(t["look_alikes"])] for t in told["terms"]),
    )


def _examined(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['id']} version {told['version']}: {told['tests']} tests, {len(told['failures'])} failures"
    yield from table(
        ("term", "hits", "negated", "look-alikes"),
        ([t["term"], t["hits"], t["negated"], t["look_alikes"]] for t in told["terms"]),
    )
    for failure in told["failures"]:
        yield f"test {failure['test']}: {failure['term']}: expected {failure['expected']}, found {failure['found']}"
    if told["since"] is not None:
        yield f"since version {told['since']['version']}:"
        yield from _news(told["since"])


def _news(since: dict[str, Any]) -> Iterable[str]:
    for kind in ("added", "removed"):
        for one in since[kind]:
            yield f"  {kind} {one['what']} {one['word']} ({one['term']})"
    yield f"  {since['new_hits']} hits of the tests are new, {since['lost_hits']} are gone"


def explore(
    study: Study = _HERE,
    term: Annotated[
        list[str] | None,
        typer.Option(help="A term to try instead of the study's expression; may be repeated."),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Texts of each term to show: prints patient data.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """What terms bring in, counted over everything that has landed: overlaps, look-alikes, months, departments.

    Counts only; with --examples also texts around hits, which are patient data.
    """
    from extract.chart.workbench import explore as explored
    from extract.study.folder import StudyFolder

    if examples:
        talk("The examples below are patient data.")
    told = explored(StudyFolder.at(study), term or (), examples=examples)
    result(told, as_json, lambda: _explored(told))


def _explored(told: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{told['study']}: {told['records']} texts; {told['matched']} of {told['visits']} visits, "
        f"{told['patients']} patients satisfy the search"
    )
    yield ""
    keys = ("term", "records", "unlinked", "visits", "patients", "matched", "needed", "look_alikes")
    yield from table(
        [key.replace("_", "-") for key in keys], ([one[k] for k in keys] for one in told["terms"])
    )
    yield ""
    yield from _upset(told)
    for what in ("month", "department"):
        yield ""
        names = [one["term"] for one in told["terms"]]
        yield from table(
            (what, "visits", "patients", *names),
            (
                [
                    one[what] or "(unknown)",
                    one["visits"],
                    one["patients"],
                    *(one["terms"][name] for name in names),
                ]
                for one in told[f"{what}s"]
            ),
        )
    for one in told["terms"]:
        for text in one.get("examples", ()):
            yield f"{one['term']}: …{text}…"


def _upset(told: dict[str, Any]) -> Iterator[str]:
    """Which terms stand together: a column of dots for each term, a bar for the visits."""
    names = [one["term"] for one in told["terms"]]
    most = max((one["visits"] for one in told["together"]), default=1)
    yield from table(
        (*names, "visits", "in", ""),
        (
            [
                *("●" if name in one["terms"] else "·" for name in names),
                one["visits"],
                "+" if one["matched"] else "-",
                "▇" * max(1, round(30 * one["visits"] / most)),
            ]
            for one in told["together"]
        ),
    )


def diagnose(
    study: Study = _HERE,
    out: Annotated[
        Path | None, typer.Option(help="Folder for diagnostics.json, .svg and .png as well; made if needed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the search brought in, as screened: which term, negated and copied hits, words and codes it does not ask for.

    Reads what has landed and the last screening; counts only, no patient's text.
    """
    from extract.chart.diagnostics import diagnosis
    from extract.study.folder import StudyFolder
    from flows.diagnosis_figure import draw

    told = diagnosis(StudyFolder.at(study))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        written = out / "diagnostics.json"
        written.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
        told["files"] = [str(written), *(str(file) for file in draw(told, out))]
    result(told, as_json, lambda: _diagnosed(told))


def _diagnosed(told: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{told['study']}: {told['matched']} visits of {told['patients']} patients satisfy the search, "
        f"{told['negated_only']} of them by negated mentions only"
    )
    yield ""
    yield from table(
        ("term", "visits", "matched", "needed", "hits", "negated", "copied"),
        (
            [
                *(t[k] for k in ("term", "visits", "matched", "needed")),
                sum(t["hits"].values()),
                t["hits"].get("negated", 0),
                t["copied"],
            ]
            for t in told["terms"]
        ),
    )
    alike = [
        [t["term"], *(a[k] for k in ("word", "records", "visits", "spared"))]
        for t in told["terms"]
        for a in t["look_alikes"]
    ]
    if alike:
        yield ""
        yield from table(("look-alike of", "word", "records", "visits", "spared"), alike)
    yield ""
    yield from table(
        ("not in the expression", "notes with", "of matched", "of others", "log-likelihood"),
        (
            [a["word"], a["notes"], f"{a['share']:.1%}", f"{a['elsewhere']:.1%}", f"{a['g2']:.0f}"]
            for a in told["associated"]
        ),
    )
    yield ""
    yield from table(
        ("ICD category", "visits in", "visits out"),
        ([one["code"], one["matched"], one["unmatched"]] for one in told["coded"]),
    )
    yield ""
    yield from table(
        ("together", "visits"), ([" + ".join(t["terms"]), t["visits"]] for t in told["together"])
    )
    for what in ("month", "department"):
        yield ""
        yield from table(
            (what, "visits", "patients", "negated only"),
            (
                [one[what] or "(unknown)", one["visits"], one["patients"], one["negated_only"]]
                for one in told[f"{what}s"]
            ),
        )
