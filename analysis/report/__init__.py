"""Report: tables, figures and the HTML page, in Chinese and English, all rendered from the result frame.

``write`` puts into a folder::

    report.html                      one file, offline, both languages
    report-zh.docx report-en.docx    the same for Word
    report-en-journal.docx           the English one in English journals' habits
    rerun.R                          the same tests by R, from the exported CSV
    rerun.sps                        the same tests by SPSS or PSPP, from the exported .sav
    results.csv  results.parquet     the frame
    reported.json                    the printed numbers of Tables 1 to 3, as `cohortlock audit` reads them
    tables/table1-zh.csv ...         each table as it is printed
    figures/flow-zh.svg .png ...     each figure in both languages
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from markupsafe import Markup

from analysis.dataset import Locked
from analysis.published import audit
from analysis.report import annex, around, checklists, models, prose
from analysis.report.cells import Frame, Sheet, plain
from analysis.report.declared import declared
from analysis.report.journal import in_journal_style
from analysis.report.own import own_signals, release, reported, said_in, said_in_tables, said_on
from analysis.report.own_sheet import own_audit
from analysis.report.page import Drawing, Part, render
from analysis.report.quality import gilbert
from analysis.report.sheets import Writer
from analysis.report.trace import untraced
from analysis.report.wording import LANGUAGES, Language, say
from analysis.rerun import write_script
from analysis.rerun.spss import write_syntax
from analysis.results import Results
from extract.errors import StorageFault

__all__ = ["write"]

_AROUND: Final = ("sensitivity", "robust", "model", "imputed", "limits", "multiplicity", "declared")
PAGE: Final = "report.html"


def write(results: Results, locked: Locked, out_dir: Path) -> Path:
    """Write the whole report into ``out_dir``; the path of report.html.

    Raises StorageFault when the folder cannot be written, NumbersDisagree when a printed number does not fit the
    others, and RuntimeError (our bug) when a number on the page is not the one in the frame: such a page is never written.
    """
    try:
        return _write(results, locked, out_dir)
    except OSError as error:
        raise StorageFault(
            f"{out_dir}: the report cannot be written: {error.strerror or error}",
            "Free the disk or name another --out.",
        ) from error


def _write(results: Results, locked: Locked, out_dir: Path) -> Path:
    figures, tables = out_dir / "figures", out_dir / "tables"
    for folder in (figures, tables):
        folder.mkdir(parents=True, exist_ok=True)
    results.to_csv(out_dir / "results.csv", first=locked.protocol.first)
    results.to_parquet(out_dir / "results.parquet")
    write_script(locked, results, out_dir / "rerun.R")
    write_syntax(locked, results, out_dir / "rerun.sps")
    frame = Frame(results)
    _audited(locked, frame, out_dir / "reported.json")
    parts = [_part(locked, frame, language, figures) for language in LANGUAGES]
    for part in parts:
        sheets = (
            *part.tables,
            part.safety,
            part.missing,
            *part.around,
            part.routing,
            part.printed,
            part.audit,
            *part.quality,
        )
        for sheet in sheets:
            if sheet is not None and sheet.body:
                _to_csv(sheet, tables / f"table{sheet.name}-{part.language}.csv")
    html = render(locked, results, parts, _program())
    if problems := untraced(html, results):
        raise RuntimeError(f"{len(problems)} numbers of the page are not those of the frame: {problems[0]}")
    release(own_signals(said_on(html, results), locked), PAGE)
    page = out_dir / PAGE
    partial = page.with_suffix(".part")
    partial.write_text(html, encoding="utf-8")
    partial.replace(page)
    for part in parts:
        _word(locked, results, part, out_dir / f"report-{part.language}.docx")
        if part.language == "en":
            journal = in_journal_style(part)
            release(own_signals(said_in(journal), locked), "report-en-journal.docx")
            _word(locked, results, journal, out_dir / "report-en-journal.docx")
    return page


def _audited(locked: Locked, frame: Frame, path: Path) -> None:
    """Put the printed numbers beside the report, and refuse to go on when one of them does not fit the others."""
    found = {}
    for language in LANGUAGES:
        writer = Writer(locked, frame, language)
        found[language] = reported(said_in_tables(prose.summary(writer), _tables(writer)), locked)
    path.write_text(json.dumps(found[LANGUAGES[0]], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for language, numbers in found.items():
        release(audit(numbers), f"report-{language}")


def _word(locked: Locked, results: Results, part: Part, path: Path) -> None:
    """The report for Word, read back and held against the frame before it stays."""
    from analysis.report.word import unlike, write_word

    write_word(locked, part, path)
    _, problems = unlike(path, results)
    if problems:
        path.unlink()
        raise RuntimeError(
            f"{len(problems)} numbers of {path.name} are not those of the frame: {problems[0]}"
        )


def _program() -> str:
    try:
        return version("cohortlock")
    except PackageNotFoundError:
        return ""


def _tables(writer: Writer) -> tuple[Sheet, Sheet, Sheet]:
    return writer.baseline(), writer.change(), writer.correlation()


def _own(writer: Writer, number: int) -> Sheet:
    said = said_in_tables(prose.summary(writer), _tables(writer))
    return own_audit(writer, number, own_signals(said, writer.locked))


_ANNEXES: Final[tuple[tuple[str, Callable[[Writer, int], Sheet | None]], ...]] = (
    ("safety", annex.safety),
    ("missing", annex.missing),
    ("sensitivity", around.sensitivity),
    ("robust", around.robust),
    ("model", models.model),
    ("imputed", models.imputation),
    ("limits", around.limits),
    ("multiplicity", around.multiplicity),
    ("declared", lambda writer, number: declared(writer, number, {})),
    ("routing", annex.routing),
    ("printed", annex.printed),
    ("own", _own),
    ("gilbert", gilbert),
    ("strobe", checklists.strobe),
    ("record", checklists.record),
)
"""The tables after the first three, in the order of the page; their numbers follow it."""


def _part(locked: Locked, frame: Frame, language: Language, folder: Path) -> Part:
    writer = Writer(locked, frame, language)
    tables = _tables(writer)
    annexes: dict[str, Sheet] = {}
    number = len(tables) + 1
    for name, write_sheet in _ANNEXES:
        if (sheet := write_sheet(writer, number)) is not None:
            annexes[name] = sheet
            number += 1
    places = {name: sheet.name for name, sheet in annexes.items()}
    # The declared list names the numbers of the others: it has its place, and is written again now they are known.
    if "declared" in places and (named := declared(writer, int(places["declared"]), places)) is not None:
        annexes["declared"] = named
    return Part(
        language=language,
        summary=prose.summary(writer),
        tables=tables,
        figures=_drawings(locked, frame, language, folder),
        safety=annexes.get("safety"),
        missing=annexes.get("missing"),
        around=[annexes[name] for name in _AROUND if name in annexes],
        reading=prose.reading(writer),
        methods=prose.methods(writer),
        routing=annexes.get("routing"),
        printed=annexes.get("printed"),
        audit=annexes["own"],
        quality=[annexes[name] for name in ("gilbert", "strobe", "record")],
    )


def _drawings(locked: Locked, frame: Frame, language: Language, folder: Path) -> list[Drawing]:
    """The figures in the order of the page; one that has nothing to show is left out."""
    from analysis.report.figures import Figure, draw_means, draw_scatter
    from analysis.report.flowchart import draw_flow
    from analysis.report.summaries_drawn import draw_forest, draw_missing
    from analysis.report.values_drawn import draw_distribution, draw_entries, draw_paired

    planned = locked.protocol.analysis.correlate

    def one(place: str, draw: Callable[[Locked, Frame, Language, str, Path], Figure | None]) -> None:
        drawn.append((place, draw(locked, frame, language, f"{place}-{language}", folder)))

    drawn: list[tuple[str, Figure | None]] = []
    one("flow", draw_flow)
    one("means", draw_means)
    one("paired", draw_paired)
    one("distribution", draw_distribution)
    for place, draw in (("scatter", draw_scatter), ("forest", draw_forest)):
        for number, correlation in enumerate(planned, start=1):
            name = f"{place}{number if len(planned) > 1 else ''}-{language}"
            drawn.append((place, draw(locked, frame, correlation, language, name, folder)))
        if place == "scatter":
            one("missing_plot", draw_missing)
    one("entries", draw_entries)
    kept = [(place, figure) for place, figure in drawn if figure is not None]
    return [
        Drawing(
            number,
            place,
            {lang: say(place, lang) for lang in LANGUAGES},
            Markup(figure.svg),  # noqa: S704 - matplotlib's
            figure.files[1],
            figure.inches,
        )
        for number, (place, figure) in enumerate(kept, start=1)
    ]


def _to_csv(sheet: Sheet, path: Path) -> None:
    """The table as text; with a byte order mark, so that spreadsheet programs read Chinese."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow([sheet.caption])
        for row in _lines(sheet):
            out.writerow(row)
        for note in sheet.notes:
            out.writerow([plain(note)])


def _lines(sheet: Sheet) -> Iterable[list[str]]:
    under = 0
    for row in (*sheet.head, *sheet.body):
        words = [plain(cell.pieces) for cell in row.cells]
        if under and row.cells[0].rows == 1:
            yield ["", *words]
        else:
            yield words
        under = max((cell.rows for cell in row.cells), default=1) if row.cells[0].rows > 1 else under
        under = max(0, under - 1)
