"""The report: one offline file in two languages, in which no number stands that the result frame does not give."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from analysis import report
from analysis.plan import analyse
from analysis.report.numbers import shown
from analysis.report.trace import untraced
from analysis.report.typeface import FONT
from extract.errors import StorageFault
from extract.study.protocol import parse

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="session")
def written(tmp_path_factory, simulated):
    """The whole report on disk, with the frame it was rendered from."""
    out = tmp_path_factory.mktemp("report")
    results = analyse(simulated)
    return report.write(results, simulated, out), results


@pytest.fixture(scope="session")
def html(written):
    return written[0].read_text(encoding="utf-8")


def test_every_number_on_the_page_is_in_the_frame(html, written):
    assert untraced(html, written[1]) == []
    assert html.count("data-row=") > 600


def test_one_changed_digit_is_found(html, written):
    """...for each of a spread of numbers: the number, or a digit typed into a cell, or a quotation."""
    spots = list(re.finditer(r'data-row="\d+"[^>]*>([^<]+)</a>', html))
    for spot in spots[:: len(spots) // 12]:
        start, end = spot.span(1)
        digit = next(i for i in range(end - 1, start - 1, -1) if html[i].isdigit())
        other = str((int(html[digit]) + 1) % 10)
        assert untraced(html[:digit] + other + html[digit + 1 :], written[1]), spot[0]
    assert untraced(html.replace(" ± ", " ±1 ", 1).replace("<td></td>", "<td>7</td>", 1), written[1])
    assert untraced(re.sub(r'(data-key="[^"]+">)', r"\g<1>9", html, count=1), written[1])


def test_each_number_says_its_method_and_n_and_links_to_its_row(html):
    for row, title in re.findall(r'<a class="n" href="#r(\d+)"[^>]*title="([^"]+)"', html)[::37]:
        assert f'<tr id="r{row}"' in html
        assert re.search(r"; n = \d+$", title)


def test_the_page_needs_nothing_else(html):
    """No address of a server, no file beside it, no handler in the markup; a policy that forbids all of it."""
    addresses = set(re.findall(r"https?://[^\"'\s<>)]+", html))
    assert all(a.startswith("http://www.w3.org/") for a in addresses), addresses
    assert not re.search(r"\son[a-z]+\s*=", re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL))
    assert not re.search(r'(?:src|href)="(?!#)', html.replace('xlink:href="#', ""))
    assert "default-src 'none'" in html


def test_the_page_says_what_it_is_of(html, simulated):
    """Content hash, protocol hash and the simulated banner, above and below, in both languages."""
    assert html.count(simulated.logical_hash) >= 4
    assert html.count(simulated.protocol.hash) >= 3
    for words in ("患者与评审均为模拟", "patients and reviewers are simulated"):
        assert html.count(words) >= 2
    assert "†" in html
    assert "−14.16" in html


def test_two_runs_give_the_same_bytes(written, simulated, tmp_path):
    """...of every file: page, frame, tables and figures."""
    again = report.write(analyse(simulated), simulated, tmp_path)
    first = {
        p.relative_to(written[0].parent): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in written[0].parent.rglob("*")
        if p.is_file()
    }
    second = {
        p.relative_to(again.parent): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in again.parent.rglob("*")
        if p.is_file()
    }
    assert first == second
    assert {"flow-zh.svg", "flow-en.png", "scatter-zh.svg", "means-en.svg"} <= {p.name for p in first}


def test_the_tables_are_files_too(written):
    """Table 2 in Chinese holds the change of the whole cohort as printed on the page."""
    path = written[0].parent / "tables" / "table2-zh.csv"
    rows = list(csv.reader(path.open(encoding="utf-8-sig")))
    assert any("−13.89 ± 10.50†" in row for row in rows)
    assert len({len(row) for row in rows[1:-2]}) == 1


def test_no_persons_value_and_no_free_text_is_on_the_page(html, simulated):
    """Relief of one person has six digits; none of them is printed, in the page or its JSON."""
    singles = {f"{v:.6f}" for v in simulated.values("vas_relief")}
    assert not [v for v in singles if v in html]


def test_another_study_gets_its_report_from_its_own_protocol(make_locked, make_invented, tmp_path):
    """The second study, of another disease, with nothing of the first one's words on its page."""
    text = (EXAMPLES / "hba1c-clinosim" / "study.toml").read_text(encoding="utf-8")
    protocol = parse(text)
    other = make_locked(make_invented(protocol, 40), protocol, flow={})
    results = analyse(other)
    html = report.write(results, other, tmp_path).read_text(encoding="utf-8")
    assert untraced(html, results) == []
    assert protocol.study.title.en in html
    assert all(v.label.en in html for v in protocol.variable)
    for word in ("ESR", "VAS", "血沉", "疼痛"):
        assert word not in html


@pytest.mark.parametrize("keep", [0, 3, 58])
def test_a_report_exists_also_for_few_or_one_sided_participants(locked, keep, tmp_path):
    """...with no banner on it, since that study is not simulated."""
    flags = locked.values("responder")
    order = sorted(range(len(flags)), key=lambda i: -flags[i])[:keep]
    few = replace(locked, table=locked.table.take(pa.array(order, pa.int64())), flow={})
    results = analyse(few)
    html = report.write(results, few, tmp_path).read_text(encoding="utf-8")
    assert untraced(html, results) == []
    assert "均为模拟" not in html


def test_n_stands_where_somebody_is_missing(locked, tmp_path):
    """Three people without a last value: the note gives n by group, and r its number of pairs."""
    found = {name: locked.values(name) for name in locked.table.column_names}
    for name in ("esr_t1", "esr_delta"):
        found[name][:3] = [None, None, None]
    table = pa.table({n: pa.array(v, locked.table.schema.field(n).type) for n, v in found.items()})
    some_missing = replace(locked, table=table)
    html = report.write(analyse(some_missing), some_missing, tmp_path).read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", "", html)
    assert "Δ血沉/(mm/h)：有值者 总体 87，显著缓解组 57，未显著缓解组 30。" in text
    assert "Pearson correlation r (n = 87)" in text


def test_a_folder_that_cannot_be_written_is_one_sentence(simulated, results, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(StorageFault, match="cannot be written"):
        report.write(results, simulated, blocked)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-13.8856, "f2", "−13.89"),
        (0.125, "f2", "0.13"),
        (2.675, "f2", "2.68"),
        (-0.004, "f2", "0.00"),
        (0.0004, "p", "<0.001"),
        (0.0495, "p", "0.050"),
        (1.0, "p", "1.000"),
        (0.635, "c100", "63.5"),
        (-8.94, "a2", "8.94"),
        (90.0, "i", "90"),
        (None, "f2", "—"),
    ],
)
def test_numbers_are_printed_as_their_format_says(value, form, text):
    assert shown(value, form) == text


@given(some.floats(-1e6, 1e6), some.integers(0, 4))
def test_rounding_is_to_the_nearest_and_half_away_from_zero(value, decimals):
    text = shown(value, f"f{decimals}").replace("−", "-")
    assert abs(Decimal(text) - Decimal(repr(value))) <= Decimal(5).scaleb(-decimals - 1)


def test_the_font_ships_with_its_licence_and_draws_every_label(protocol):
    """...without a glyph missing: matplotlib would warn, and the reader see a box."""
    from matplotlib.ft2font import FT2Font

    known = FT2Font(str(FONT)).get_charmap()
    words = protocol.model_dump_json() + "−≥≤±²′χρ（），；：、～"
    missing = {c for c in words if ord(c) > 31 and ord(c) not in known}
    assert not missing
    assert FONT.stat().st_size < 4_000_000
    assert "SIL OPEN FONT LICENSE" in (FONT.parent / "LICENSE-OFL.txt").read_text(encoding="utf-8")


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a Chromium")
@pytest.mark.parametrize(
    ("language", "shows", "hides"), [("zh", "基线特征", "Main results"), ("en", "Main results", "主要结果")]
)
def test_the_page_works_in_a_browser_without_a_console_error(written, language, shows, hides, tmp_path):
    """...offline, in both languages; the other language is not laid out."""
    page = written[0]
    text = page.read_text(encoding="utf-8")
    probe = tmp_path / "report.html"
    # What is visible, written into the title by a second page that frames nothing: innerText leaves out hidden parts.
    script = "document.title = 'VISIBLE ' + document.body.innerText.replace(/\\s+/g, ' ')"
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = text.replace("script-src ", f"script-src 'sha256-{own}' ", 1)
    probe.write_text(allowed.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    run = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom", f"file://{probe}#{language}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in run.stderr
    title = re.search(r"<title>VISIBLE (.*?)</title>", run.stdout, re.DOTALL)[1]
    assert shows in title
    assert hides not in title
