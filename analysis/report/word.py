"""The report for Word: the same parts as the page, as three-line tables with both captions and the hash on every page.

Each number of the frame stands between invisible bookmarks named after its row and format, so a file can be read back
and held against the frame, also after a journal's editor has worked on its looks.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from docx import Document
from docx.document import Document as Draft
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt

from analysis.dataset import Locked
from analysis.report.cells import Cell, Num, Piece, Sheet, Sym, plain
from analysis.report.numbers import shown
from analysis.report.page import Drawing, Part
from analysis.report.word_layout import WIDTH, Line, grid_of, parts_of, widths_of
from analysis.report.wording import LANGUAGES, Language, say
from analysis.results import Results

__all__ = ["unlike", "write_word"]

_LATIN: Final = "Times New Roman"
_SONG, _HEI = "宋体", "黑体"
_THICK, _THIN = 12, 6  # eighths of a point: the three lines
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
_NAMED: Final = re.compile(r"n\d+_r(\d+)_(\w+)")
_DRAWN: Final = re.compile(r"\[sha256 ([0-9a-f]{64})\]")
_GAP: Final = "\N{EN SPACE}"
_SMALL: Final = 17  # half points


class _Writer:
    """Builds one document; numbers its bookmarks."""

    def __init__(self, language: Language) -> None:
        self.document: Draft = Document()
        self.language = language
        self._marks = count(1)

    # ---- pieces ----

    def runs(self, pieces: Sequence[Piece], size: int = 0, *, bold: bool = False) -> str:
        return "".join(self._run(p, size, bold) for p in pieces)

    def _run(self, piece: Piece, size: int, bold: bool) -> str:
        if isinstance(piece, Sym):
            return _text(piece.text, size, bold, "<w:i/>") + (
                _text(piece.after, size, bold) if piece.after else ""
            )
        if isinstance(piece, Num):
            mark = next(self._marks)
            name = f"n{mark}_r{piece.row.id}_{piece.form}"
            inside = _text(piece.text, size, bold)
            return f'<w:bookmarkStart w:id="{mark}" w:name="{name}"/>{inside}<w:bookmarkEnd w:id="{mark}"/>'
        if piece.kind == "low":
            return _text(piece.text, size, bold, '<w:vertAlign w:val="subscript"/>')
        if piece.text == "†":
            return _text("†", size, bold, '<w:vertAlign w:val="superscript"/>')
        return _text(piece.text, size, bold)

    # ---- blocks ----

    def add(self, xml: str) -> None:
        """Append a block before the section's properties."""
        body = self.document.element.body
        body.insert(len(body) - 1, parse_xml(xml))

    def paragraph(self, pieces: Sequence[Piece], *, size: int = 0, style: str = "", more: str = "") -> None:
        named = f'<w:pStyle w:val="{style}"/>' if style else ""
        self.add(f"<w:p {nsdecls('w')}><w:pPr>{named}{more}</w:pPr>{self.runs(pieces, size)}</w:p>")

    def heading(self, words: str) -> None:
        self.document.add_heading(words, level=1)

    def caption(self, words: str, twin: str, *, above: bool) -> None:
        """The caption in the report's language, and under a Chinese one the English."""
        for place, line in enumerate((words, twin)[: 2 if self.language == "zh" else 1]):
            more = (
                ("<w:keepNext/>" if above else "") + _spacing(120 if above and not place else 0, 60) + _CENTRE
            )
            self.add(f"<w:p {nsdecls('w')}><w:pPr>{more}</w:pPr>{_text(line, 18, bold=not place)}</w:p>")

    def sheet(self, sheet: Sheet) -> None:
        """A three-line table with its captions above and its notes below."""
        grid = list(grid_of([*sheet.head, *sheet.body]))
        widths = widths_of(grid)
        first = len(sheet.head)
        for part in parts_of(grid, first, widths):
            if part.start == first:
                self.caption(sheet.caption, sheet.other, above=True)
            else:
                self._continued(sheet.name)
            ruled = [place >= first and sheet.body[place - first].rule for place in range(len(grid))]
            self._table(grid[:first], [(grid[place], ruled[place]) for place in part], widths)
        for note in sheet.notes:
            self.paragraph(note, size=16, more=_spacing(30, 0))

    def _continued(self, name: str) -> None:
        """The mark over the part of a table that stands on the next page."""
        words = f"续表{name}" if self.language == "zh" else f"Table {name} (continued)"
        more = f'<w:keepNext/><w:pageBreakBefore/>{_spacing(0, 60)}<w:jc w:val="right"/>'
        self.add(f"<w:p {nsdecls('w')}><w:pPr>{more}</w:pPr>{_text(words, 18, bold=True)}</w:p>")

    def _table(self, head: Sequence[Line], body: Sequence[tuple[Line, bool]], widths: Sequence[int]) -> None:
        """One part of a table, on one page: heading rows, body, the three lines."""
        rows = []
        lines = [*((line, False) for line in head), *body]
        for place, (line, ruled) in enumerate(lines):
            top = _THICK if place == 0 else (_THIN if place == len(head) else 0)
            last = place == len(lines) - 1
            edge = (top or (4 if ruled else 0), _THICK if last else 0)
            # What fits on a page is not torn: each row but the last stays with the next.
            rows.append(self._row(line, widths, edge, head=place < len(head), held=not last))
        columns = "".join(f'<w:gridCol w:w="{w}"/>' for w in widths)
        self.add(
            f'<w:tbl {nsdecls("w")}><w:tblPr><w:tblW w:w="{WIDTH}" w:type="dxa"/><w:jc w:val="center"/>'
            '<w:tblLayout w:type="fixed"/><w:tblCellMar><w:left w:w="50" w:type="dxa"/><w:right w:w="50" w:type="dxa"/>'
            f"</w:tblCellMar></w:tblPr><w:tblGrid>{columns}</w:tblGrid>{''.join(rows)}</w:tbl>"
        )

    def _row(
        self,
        line: Sequence[tuple[Cell, str]],
        widths: Sequence[int],
        edge: tuple[int, int],
        *,
        head: bool,
        held: bool,
    ) -> str:
        made = "".join(
            self._cell(cell, merge, width, edge, head=head, first=not place, held=held)
            for place, ((cell, merge), width) in enumerate(zip(line, widths, strict=True))
        )
        return f"<w:tr><w:trPr><w:cantSplit/>{'<w:tblHeader/>' if head else ''}</w:trPr>{made}</w:tr>"

    def _cell(
        self,
        cell: Cell,
        merge: str,
        width: int,
        edge: tuple[int, int],
        *,
        head: bool,
        first: bool,
        held: bool,
    ) -> str:
        lines = "".join(
            f'<w:{side} w:val="single" w:sz="{size}" w:space="0" w:color="000000"/>'
            for side, size in (("top", edge[0]), ("bottom", edge[1]))
            if size
        )
        merged = {"start": '<w:vMerge w:val="restart"/>', "inside": "<w:vMerge/>"}.get(merge, "")
        left = first or (cell.label and not head and len(plain(cell.pieces)) > 14)
        shape = (
            ("<w:keepNext/>" if held else "")
            + _spacing(10, 10)
            + ('<w:ind w:left="160"/>' if cell.indent else "")
            + ("" if left else _CENTRE)
        )
        content = "" if merge == "inside" else self.runs(cell.pieces, _SMALL)
        return (
            f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{merged}<w:tcBorders>{lines}</w:tcBorders>'
            f'<w:vAlign w:val="center"/></w:tcPr><w:p><w:pPr>{shape}</w:pPr>{content}</w:p></w:tc>'
        )

    def figure(self, drawing: Drawing) -> None:
        """The picture with its captions below."""
        width = min(15.5, drawing.inches * 2.54)
        self.document.add_picture(str(drawing.png), width=Cm(width))
        last = self.document.paragraphs[-1]
        last.alignment = WD_ALIGN_PARAGRAPH.CENTER
        last.paragraph_format.keep_with_next = True
        picture = self.document.inline_shapes[-1]._inline.docPr  # noqa: SLF001 - python-docx has no alternative text
        digest = hashlib.sha256(drawing.png.read_bytes()).hexdigest()
        picture.set("descr", f"{drawing.caption[self.language]} [sha256 {digest}]")
        captions = {
            lang: f"{say('figure', lang)}{drawing.number}{'　' if lang == 'zh' else _GAP}{drawing.caption[lang]}"
            for lang in LANGUAGES
        }
        self.caption(captions[self.language], captions["en"], above=False)


_CENTRE: Final = '<w:jc w:val="center"/>'


def _spacing(before: int, after: int) -> str:
    return f'<w:spacing w:before="{before}" w:after="{after}" w:line="240" w:lineRule="auto"/>'


def _text(words: str, size: int = 0, bold: bool = False, more: str = "") -> str:
    sized = f'<w:sz w:val="{size}"/><w:szCs w:val="{size}"/>' if size else ""
    # The order inside w:rPr is the schema's: bold, italic, size, vertical alignment.
    slant, raised = (more, "") if more == "<w:i/>" else ("", more)
    shape = f"{'<w:b/>' if bold else ''}{slant}{sized}{raised}"
    return f'<w:r><w:rPr>{shape}</w:rPr><w:t xml:space="preserve">{escape(words)}</w:t></w:r>'


def _fonts(document: Draft) -> None:
    """Times New Roman with Song for text and Hei for headings, black, at the sizes journals ask for."""
    for name, size, chinese in (("Normal", 10.5, _SONG), ("Heading 1", 13, _HEI), ("Title", 18, _HEI)):
        style: Any = document.styles[name]
        style.font.size, style.font.name, style.font.color.rgb = Pt(size), _LATIN, None
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        for place, font in (("ascii", _LATIN), ("hAnsi", _LATIN), ("cs", _LATIN), ("eastAsia", chinese)):
            fonts.set(qn(f"w:{place}"), font)
    document.styles["Normal"].paragraph_format.space_after = Pt(4)
    # The template draws a blue line under the title.
    title: Any = document.styles["Title"].element.get_or_add_pPr()
    for line in title.findall(qn("w:pBdr")):
        title.remove(line)


def _sheet_of_paper(document: Draft, foot: str) -> None:
    """A4, and on every page the snapshot's hash and the page's number."""
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2)
    section.top_margin = section.bottom_margin = Cm(2.2)
    paragraph = section.footer.paragraphs[0]
    fields = "".join(
        f'<w:fldSimple w:instr="{field}">{_text("1", 14)}</w:fldSimple>{_text(after, 14)}'
        for field, after in (("PAGE", " / "), ("NUMPAGES", ""))
    )
    made = parse_xml(f"<w:p {nsdecls('w')}><w:pPr>{_CENTRE}</w:pPr>{_text(foot + '    ', 14)}{fields}</w:p>")
    paragraph._p.getparent().replace(paragraph._p, made)  # noqa: SLF001 - python-docx has no fields


def write_word(locked: Locked, part: Part, path: Path) -> None:
    """Write the report in the part's language; the same input gives the same bytes."""
    language = part.language
    writer = _Writer(language)
    document = writer.document
    study = locked.protocol.study
    title = study.title.zh if language == "zh" else study.title.en
    _fonts(document)
    banner = f" · {say('simulated_short', language)}" if study.simulated else ""
    _sheet_of_paper(document, f"{study.id} {locked.version} · {locked.logical_hash}{banner}")
    properties = document.core_properties
    properties.title, properties.author, properties.comments = title, "cohortlock", f"{locked.logical_hash}"
    properties.created = properties.modified = datetime(*_STAMP[:3])  # noqa: DTZ001 - Word keeps no zone
    document.add_heading(title, level=0)
    if language == "zh":
        writer.add(f"<w:p {nsdecls('w')}>{_text(study.title.en, 20)}</w:p>")
    if study.simulated:
        writer.add(f"<w:p {nsdecls('w')}>{_text(say('simulated', language), 21, bold=True)}</w:p>")
    for key, value in (("logical_hash", locked.logical_hash), ("protocol_hash", locked.protocol.hash)):
        writer.add(f"<w:p {nsdecls('w')}>{_text(f'{say(key, language)}: {value}', 16)}</w:p>")
    _body(writer, part)
    _save(document, path)


def _body(writer: _Writer, part: Part) -> None:
    """Everything between title and end, in the order of the page."""
    language = part.language
    pictures = {
        place: [f for f in part.figures if f.place == place] for place in {f.place for f in part.figures}
    }

    def section(key: str, sheets: Sequence[Sheet | None] = (), places: Sequence[str] = ()) -> None:
        kept = [s for s in sheets if s is not None and s.body]
        drawn = [f for place in places for f in pictures.get(place, ())]
        if kept or drawn:
            writer.heading(say(key, language))
        for sheet in kept:
            writer.sheet(sheet)
        for one in drawn:
            writer.figure(one)

    def told(key: str, sentences: Sequence[Sequence[Piece]]) -> None:
        writer.heading(say(key, language))
        for sentence in sentences:
            writer.paragraph(sentence)

    told("methods", [part.methods])
    told("summary", part.summary)
    section("flow", places=["flow"])
    section("h_baseline", [part.tables[0]])
    section("h_change", [part.tables[1]], ["means", "paired", "distribution"])
    section("h_correlation", [part.tables[2]], ["scatter"])
    section("safety", [part.safety])
    if part.missing is None:
        told("missing", [])
        writer.add(f"<w:p {nsdecls('w')}>{_text(say('none_missing', language))}</w:p>")
    else:
        section("missing", [part.missing], ["missing_plot"])
    section("h_around", part.around, ["forest"])
    told("reading", part.reading)
    section("routing", [part.routing])
    section("h_printed", [part.printed])
    section("h_own", [part.audit])
    section("h_quality", part.quality, ["entries"])


def _save(document: Draft, path: Path) -> None:
    """Write with one date on every member, so that two runs give the same bytes."""
    raw = io.BytesIO()
    document.save(raw)
    partial = path.with_suffix(".part")
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as out:
        for name in made.namelist():
            member = zipfile.ZipInfo(name, _STAMP)
            member.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(member, made.read(name))
    partial.replace(path)


def unlike(path: Path, results: Results) -> tuple[int, list[str]]:
    """How many numbers of the frame the file holds, and which of them are not printed as the frame gives them.

    A picture that is not the one that was drawn is a problem too: its hash stands in its alternative text.
    """
    document = Document(str(path))
    body = document.element.body
    problems, seen = list(_exchanged(document)), 0
    for start in body.iter(qn("w:bookmarkStart")):
        found = _NAMED.fullmatch(start.get(qn("w:name"), ""))
        if found is None:
            continue
        seen += 1
        text = _until_end(start)
        row, form = int(found[1]), found[2]
        right = shown(results.rows[row].value, form) if row < len(results.rows) else None
        if right != text:
            problems.append(f"row {row}: the file shows {text}, the frame gives {right}")
    return seen, problems


def _exchanged(document: Draft) -> Iterator[str]:
    """Pictures whose bytes are not those that were drawn."""
    for shape in document.inline_shapes:
        told = _DRAWN.search(shape._inline.docPr.get("descr", ""))  # noqa: SLF001
        blip = next(iter(shape._inline.iter(qn("a:blip"))))  # noqa: SLF001
        drawn = document.part.related_parts[blip.get(qn("r:embed"))].blob
        if told is None or hashlib.sha256(drawn).hexdigest() != told[1]:
            yield "a picture of the file is not the one that was drawn"


def _until_end(start: Any) -> str:
    """The text between a bookmark's start and its end."""
    words: list[str] = []
    for node in start.itersiblings():
        if node.tag == qn("w:bookmarkEnd") and node.get(qn("w:id")) == start.get(qn("w:id")):
            break
        words.extend(t.text or "" for t in node.iter(qn("w:t")))
    return "".join(words)
