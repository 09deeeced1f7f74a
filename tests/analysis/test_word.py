"""The report for Word: the frame's numbers in three-line tables, both captions, the hash on every page."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from docx import Document
from docx.oxml.ns import qn
from PIL import Image

from analysis import report
from analysis.plan import analyse
from analysis.report.cells import Frame, Num, plain
from analysis.report.numbers import shown
from analysis.report.sheets import Writer
from analysis.report.word import unlike
from analysis.report.wording import LANGUAGES


@pytest.fixture(scope="module")
def frame(simulated):
    return analyse(simulated)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, simulated, frame) -> Path:
    out = tmp_path_factory.mktemp("word")
    report.write(frame, simulated, out)
    return out


@pytest.fixture(scope="module")
def documents(folder):
    return {lang: Document(str(folder / f"report-{lang}.docx")) for lang in LANGUAGES}


def text_of(cell) -> str:
    return "".join(t.text or "" for t in cell.iter(qn("w:t")))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_of_the_file_is_the_frames(folder, frame, language):
    seen, problems = unlike(folder / f"report-{language}.docx", frame)
    assert problems == []
    assert seen > 500


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tables_hold_what_the_sheets_say_cell_by_cell(documents, simulated, frame, language):
    """Tables 1 to 3 of the file, cell for cell, against the sheets; so no number is lost or stands elsewhere."""
    writer = Writer(simulated, Frame(frame), language)
    body = documents[language].element.body
    for table, sheet in zip(
        body.iter(qn("w:tbl")), (writer.baseline(), writer.change(), writer.correlation()), strict=False
    ):
        found = [text_of(c) for row in table.iter(qn("w:tr")) for c in row.iter(qn("w:tc"))]
        wanted = [plain(c.pieces) for row in (*sheet.head, *sheet.body) for c in row.cells]
        assert [t for t in found if t] == [t for t in wanted if t]
        numbers = sum(
            isinstance(p, Num) for row in (*sheet.head, *sheet.body) for c in row.cells for p in c.pieces
        )
        assert sum(1 for _ in table.iter(qn("w:bookmarkStart"))) == numbers > 30


def test_one_changed_number_is_found(folder, frame, tmp_path):
    source, edited = folder / "report-en.docx", tmp_path / "edited.docx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(edited, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/document.xml":
                assert b">90<" in data
                data = data.replace(b">90<", b">91<", 1)
            new.writestr(name, data)
    problems = unlike(edited, frame)[1]
    assert len(problems) == 1
    assert "the file shows 91, the frame gives 90" in problems[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_have_three_lines_and_no_others_but_between_groups(documents, language):
    """Thick above and below, thin under the head; no vertical line anywhere."""
    for table in documents[language].element.body.iter(qn("w:tbl")):
        rows = list(table.iter(qn("w:tr")))
        edges = [
            {(e.tag.split("}")[1], e.get(qn("w:sz"))) for b in row.iter(qn("w:tcBorders")) for e in b}
            for row in rows
        ]
        heads = sum(1 for row in rows if row.find(f".//{qn('w:tblHeader')}") is not None)
        assert ("top", "12") in edges[0]
        assert ("bottom", "12") in edges[-1]
        assert ("top", "6") in edges[heads]
        assert all(side in {"top", "bottom"} for edge in edges for side, _ in edge)
        assert sum(any(size == "12" for _, size in edge) for edge in edges) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_table_that_goes_on_overleaf_says_so_and_repeats_its_head(documents, language):
    """续表 over each later part, on a new page; every part fits on one and no row is lost or printed twice."""
    body = list(documents[language].element.body)
    marks = [
        (place, re.fullmatch(r"续表(\d+)|Table (\d+) \(continued\)", text_of(block)))
        for place, block in enumerate(body)
    ]
    marks = [(place, found[1] or found[2]) for place, found in marks if found]
    assert len(marks) >= 3
    for place, number in marks:
        assert body[place].find(f".//{qn('w:pageBreakBefore')}") is not None
        before, after = body[place - 1], body[place + 1]
        heads = [[text_of(c) for c in t.find(qn("w:tr")).iter(qn("w:tc"))] for t in (before, after)]
        assert heads[0] == heads[1]
        own = [
            i for i, b in enumerate(body[:place]) if re.match(rf"(表|Table ){number}[　\u2002]", text_of(b))
        ]
        assert own
    for block in body:
        if block.tag == qn("w:tbl"):
            rows = list(block.iter(qn("w:tr")))
            held = [row.find(f".//{qn('w:keepNext')}") is not None for row in rows]
            assert held == [True] * (len(rows) - 1) + [False]


def test_the_hash_is_in_the_foot_of_every_page_with_its_number(documents, simulated):
    for document in documents.values():
        for section in document.sections:
            foot = section.footer._element
            assert simulated.logical_hash in text_of(foot)
            assert {f.get(qn("w:instr")) for f in foot.iter(qn("w:fldSimple"))} == {"PAGE", "NUMPAGES"}


def test_captions_stand_in_both_languages_and_the_figures_are_inside(documents):
    words = [p.text for p in documents["zh"].paragraphs]
    for number, zh in ((1, "纳入患者的基线特征"), (2, "治疗前后各指标的变化"), (3, "变化量的相关性分析")):
        place = next(i for i, w in enumerate(words) if w == f"表{number}　{zh}")
        assert words[place + 1].startswith(f"Table {number}\N{EN SPACE}")
    drawn = [w for w in words if re.match(r"图\d", w)]
    assert [int(re.match(r"图(\d+)", w)[1]) for w in drawn] == list(range(1, len(drawn) + 1))
    for document in documents.values():
        assert len(document.inline_shapes) == len(drawn) >= 7


def test_an_exchanged_picture_is_found(folder, frame, tmp_path):
    """...its own hash stands in its alternative text, which also tells a screen reader what it shows."""
    source, edited = folder / "report-zh.docx", tmp_path / "edited.docx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(edited, "w") as new:
        pictures = [n for n in old.namelist() if n.startswith("word/media/")]
        for name in old.namelist():
            new.writestr(name, old.read(pictures[1] if name == pictures[0] else name))
    assert unlike(edited, frame)[1] == ["a picture of the file is not the one that was drawn"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_symbols_are_italic_and_the_statistic_comes_before_p(documents, language):
    document = documents[language]
    italic = {r.text for p in document.paragraphs for r in p.runs if r.italic}
    for table in document.tables[:3]:
        italic |= {
            r.text for row in table.rows for c in row.cells for p in c.paragraphs for r in p.runs if r.italic
        }
    assert {"P", "t", "n", "r", "M"} <= italic
    head = [c.text for c in document.tables[0].rows[0].cells]
    assert head[-2:] == [{"zh": "统计量", "en": "Statistic"}[language], "P"]


def test_the_methods_paragraph_names_what_ran(documents, frame):
    ran = {route.method for route in frame.routes}
    told = next(p.text for p in documents["en"].paragraphs if p.text.startswith("All tests are two-sided"))
    assert all(method in told for method in ran)


def test_the_simulated_banner_stands_in_the_file_and_its_foot(documents):
    assert any("均为模拟" in p.text for p in documents["zh"].paragraphs)
    assert re.search("SIMULATED", text_of(documents["en"].sections[0].footer._element))


@pytest.mark.skipif(
    shutil.which("soffice") is None, reason="needs LibreOffice: apt-get install libreoffice-writer-nogui"
)
@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="needs poppler: apt-get install poppler-utils")
def test_libreoffice_makes_a_pdf_with_the_hash_on_every_page(folder, simulated, tmp_path):
    """Chinese, English and journal style; no page is blank, Chinese characters have glyphs, three tables keep their words."""
    names = [f"report-{kind}.docx" for kind in ("zh", "en", "en-journal")]
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path / 'profile'}", "--headless", "--convert-to", "pdf",
         "--outdir", str(tmp_path), *(str(folder / name) for name in names)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    for name in names:
        pdf = tmp_path / name.replace(".docx", ".pdf")
        text = subprocess.run(
            ["pdftotext", "-layout", str(pdf), "-"], check=True, capture_output=True, text=True
        ).stdout
        pages = text.split("\f")[:-1]
        assert 8 <= len(pages) <= 24
        for number, page in enumerate(pages, start=1):
            assert simulated.logical_hash in page
            assert f"{number} / {len(pages)}" in page
        for words in (
            ("基线特征", "表1", "表3", "病例筛选流程") if "zh" in name else ("Baseline", "Table 1", "Table 3")
        ):
            assert words in text.replace("表 ", "表"), words
        subprocess.run(
            ["pdftoppm", "-r", "30", "-gray", "-png", str(pdf), str(tmp_path / pdf.stem)], check=True
        )
        for picture in sorted(tmp_path.glob(f"{pdf.stem}-*.png")):
            with Image.open(picture) as page:
                ink = sum(page.histogram()[:220]) / (page.width * page.height)
            words = "".join(pages[int(picture.stem.rpartition("-")[2]) - 1].split())
            # The foot alone has about a hundred characters: every page holds text of its own or a figure.
            assert ink < 0.5, picture.name
            assert len(words) > 160 or ink > 0.012, picture.name


def test_english_journals_get_their_own_habits_for_the_same_numbers(folder, frame):
    """Mean (SD), No. (%), P without its zero and no column of statistics in Table 1; each number still the frame's."""
    path = folder / "report-en-journal.docx"
    seen, problems = unlike(path, frame)
    assert problems == []
    assert seen > 500
    document = Document(str(path))
    one = document.tables[0]
    heads = [c.text for c in one.rows[0].cells]
    assert heads[-1] == "P"
    assert "Statistic" not in heads
    whole = "\n".join(p.text for p in document.paragraphs)
    assert whole.count("(") == whole.count(")")
    cells = [c.text for row in one.rows[1:] for c in row.cells]
    assert not [c for c in cells if "±" in c]
    assert any(re.fullmatch(r"[\d.]+ \([\d.]+\)†?", c) for c in cells)
    assert any("No. (%)" in c for c in cells)
    last = [row.cells[-1].text.rstrip("†") for row in one.rows[1:] if row.cells[-1].text]
    assert all(re.fullmatch(r"<\.001|>\.99|\.\d{2,3}", p) for p in last), last


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0004, "<.001"), (0.0042, ".004"), (0.03, ".03"), (0.0496, ".050"), (0.314, ".31"), (0.996, ">.99")],
)
def test_p_of_english_journals(value, text):
    assert shown(value, "pe") == text
