"""The figures: every printed number is the frame's, and one exchanged digit is found although a picture holds no text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from analysis import report
from analysis.plan import analyse
from analysis.report.cells import Frame
from analysis.report.figure_text import untraced_drawing
from analysis.report.figures import draw_means
from analysis.report.summaries_drawn import draw_forest, draw_missing
from analysis.report.trace import untraced
from analysis.report.values_drawn import draw_distribution, draw_entries, draw_paired
from analysis.report.wording import LANGUAGES

DIGIT = re.compile(r'(NotoSansCJKsc-Regular-)(1[1-9a])"')
"""A reference to the outline of a digit: the glyphs 0x11 to 0x1a of our font."""
PAIRS = {
    "vas@T0": [[60, 60, 40], [61, 60, 2], [58, 60, 1], [70, 70, 47]],
    "course_months": [[120, 120, 80], [90, 99, 1], [33, 33, 9]],
}


@pytest.fixture(scope="module")
def whole(simulated):
    """A dataset for which every figure has something to show: missing values, and fields that were entered twice."""
    found = {name: simulated.values(name) for name in simulated.table.column_names}
    for row in range(0, 63, 9):
        found["bmi"][row] = None
    table = pa.table({n: pa.array(v, simulated.table.schema.field(n).type) for n, v in found.items()})
    fields = {"compared": 180, "errors": 4}
    return replace(simulated, table=table, agreement={"entry": {"fields": fields, "pairs": PAIRS}})


@pytest.fixture(scope="module")
def results(whole):
    return analyse(whole)


@pytest.fixture(scope="module")
def out(whole, results, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    report.write(results, whole, folder)
    return folder


FIGURES = ("flow", "means", "paired", "distribution", "scatter", "missing_plot", "forest", "entries")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_stands_as_vector_and_as_picture_with_traced_numbers(out, results, figure, language):
    svg = (out / "figures" / f"{figure}-{language}.svg").read_text(encoding="utf-8")
    assert untraced_drawing(svg, results) == []
    with Image.open(out / "figures" / f"{figure}-{language}.png") as picture:
        assert picture.width > 800
        # A drawing, not an empty frame: at least two inks beside white.
        assert len(picture.convert("RGB").quantize(16).getcolors()) > 3


@pytest.mark.parametrize("figure", [f for f in FIGURES if f != "means"])
def test_one_exchanged_digit_in_a_figure_is_found(out, results, figure):
    """...each digit that stands in a text which names a row, one after another."""
    svg = (out / "figures" / f"{figure}-en.svg").read_text(encoding="utf-8")
    spots = [
        (group.start() + digit.start(2), digit[2])
        for group in re.finditer(r'<g id="num\d+-[^"]*">(?:(?!<g id=).)*', svg, re.DOTALL)
        for digit in DIGIT.finditer(group[0])
        if "<use" in group[0][max(0, digit.start() - 60) : digit.start()]
    ]
    assert len(spots) > 3
    for start, glyph in spots[:: max(1, len(spots) // 8)]:
        other = "11" if glyph != "11" else "12"
        assert untraced_drawing(svg[:start] + other + svg[start + 2 :], results), (figure, start)


def test_an_exchanged_digit_of_a_figure_on_the_page_is_found(out, results):
    html = (out / "report.html").read_text(encoding="utf-8")
    assert untraced(html, results) == []
    start = next(
        g.start() + d.start(2)
        for g in re.finditer(r'<g id="forest-en-num\d+-\d+_[^"]*">(?:(?!<g id=).)*', html, re.DOTALL)
        for d in DIGIT.finditer(g[0])
        if "<use" in g[0][max(0, d.start() - 60) : d.start()]
    )
    digit = html[start : start + 2]
    problems = untraced(html[:start] + ("13" if digit != "13" else "14") + html[start + 2 :], results)
    assert any("the figure shows" in p for p in problems)


def test_a_number_that_is_no_row_of_the_frame_is_found(out, results):
    """A text added by hand: its group has no name of ours."""
    svg = (out / "figures" / "forest-en.svg").read_text(encoding="utf-8")
    found = re.search(r'id="(num\d+-\d+[^"]*)"', svg)
    assert any("outside" in p for p in untraced_drawing(svg.replace(found[1], "text_99", 1), results))


def test_the_limits_of_agreement_are_those_of_the_differences(results):
    """Bland and Altman 1986: the mean difference and 1.96 standard deviations; by hand for VAS at T0."""
    d = [0.0] * 40 + [0.1] * 2 + [-0.2] + [0.0] * 47
    mean = sum(d) / 90
    sd = (sum((x - mean) ** 2 for x in d) / 89) ** 0.5
    found = {
        s: results.find("agreement", "vas", "all", "T0", s).value
        for s in ("n", "mean", "sd", "loa_low", "loa_high")
    }
    assert found == pytest.approx(
        {"n": 90, "mean": mean, "sd": sd, "loa_low": mean - 1.96 * sd, "loa_high": mean + 1.96 * sd}
    )


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_no_figure_fails_on_few_participants(whole, keep, tmp_path):
    few = replace(whole, table=whole.table.slice(0, keep), agreement={})
    frame = Frame(analyse(few))
    for name, draw in (
        ("m", draw_means),
        ("p", draw_paired),
        ("d", draw_distribution),
        ("e", draw_entries),
        ("x", draw_missing),
    ):
        found = draw(few, frame, "en", name, tmp_path)
        assert found is None or untraced_drawing(found.svg, frame.results) == []
    found = draw_forest(few, frame, few.protocol.analysis.correlate[0], "zh", "f", tmp_path)
    assert found is None or untraced_drawing(found.svg, frame.results) == []
