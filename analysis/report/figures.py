"""The figures: flow of participants, changes against each other, means before and after.

Every printed number is taken from the result frame; colours are Okabe and Ito's, told apart by all, and shapes differ
as well.  SVG holds text as paths, so it looks the same everywhere.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from analysis import statistics as st
from analysis.dataset import Locked
from analysis.groups import Group, groups_of
from analysis.plan import DELTA, delta_of
from analysis.report.cells import Frame, Num, Piece, Sym, Word
from analysis.report.figure_text import Marks
from analysis.report.typeface import drawing
from analysis.report.wording import Language, label_of, say, with_unit
from extract.study.protocol import Correlation, column

__all__ = [
    "COLOURS",
    "SHAPES",
    "Figure",
    "canvas_of",
    "draw_means",
    "draw_scatter",
    "floats",
    "p_value",
    "save",
]

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES: Final = ("o", "^", "s", "D", "v", "P")
_GREY: Final = "#555555"
_STEPS: Final = 60
_DESCRIBED: Final = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its SVG text, and where both files stand."""

    name: str
    svg: str
    files: tuple[Path, Path]
    inches: float


def save(figure: Any, name: str, folder: Path, marks: Marks) -> Figure:
    """Write ``name.svg`` and ``name.png`` and keep the SVG's text for the page; bytes are the same every run."""
    marks.everything(figure)
    # The layout is solved once and kept for both files.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    svg_file, png_file = folder / f"{name}.svg", folder / f"{name}.png"
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = _DESCRIBED.sub("", out.getvalue())  # matplotlib's metadata: addresses and no content
    svg_file.write_text(text, encoding="utf-8")
    figure.savefig(png_file, format="png", metadata={"Software": None}, dpi=200)
    start = text.index("<svg")
    return Figure(name, _scoped(text[start:], name), (svg_file, png_file), float(figure.get_figwidth()))


def _scoped(svg: str, name: str) -> str:
    """Ids made unique on the page: several drawings share one document."""
    for mark in ('id="', 'href="#', "url(#"):
        svg = svg.replace(mark, f"{mark}{name}-")
    return svg


def canvas_of(width: float, height: float, columns: int = 1, rows: int = 1) -> tuple[Any, Any]:
    """A figure of ``rows`` x ``columns`` panels, in inches."""
    # The object interface, not pyplot: nothing global is left behind.
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width, height), layout="constrained")
    return canvas, canvas.subplots(rows, columns)


def floats(values: Sequence[Any]) -> list[float]:
    """Decimals and integers as matplotlib takes them."""
    return [float(v) for v in values]


def draw_scatter(
    locked: Locked, frame: Frame, planned: Correlation, language: Language, name: str, folder: Path
) -> Figure:
    """Two changes against each other: everybody's line with its band, the strata with their own."""
    x_id, y_id = delta_of(planned.x), delta_of(planned.y)
    at = {i: DELTA if i != t else "" for i, t in ((x_id, planned.x), (y_id, planned.y))}
    x = locked.values(column(x_id, kind=at[x_id] or None))
    y = locked.values(column(y_id, kind=at[y_id] or None))
    strata = groups_of(locked, planned.strata or "")
    marks = Marks()
    with drawing():
        canvas, axes = canvas_of(5.6, 4.2)
        for place, group in enumerate(strata.levels or (strata.everyone,)):
            rows = [i for i in group.rows if x[i] is not None and y[i] is not None]
            colour = COLOURS[place % len(COLOURS)]
            axes.scatter(
                floats([x[i] for i in rows]),
                floats([y[i] for i in rows]),
                s=26,
                marker=SHAPES[place % len(SHAPES)],
                facecolor=colour,
                alpha=0.75,
                linewidth=0.5,
                edgecolor="white",
                label=marks.text(_legend(frame, group, planned, language)) if strata.levels else None,
                zorder=3,
            )
            if strata.levels:
                _line(axes, [x[i] for i in rows], [y[i] for i in rows], colour, band=False)
        rows = [i for i in strata.everyone.rows if x[i] is not None and y[i] is not None]
        label = marks.text(
            (Word(f"{say('fit', language)}: "), *_legend(frame, strata.everyone, planned, language))
        )
        _line(axes, [x[i] for i in rows], [y[i] for i in rows], _GREY, band=True, label=label)
        axes.axhline(0, color="#bbbbbb", linewidth=0.6, zorder=0)
        axes.axvline(0, color="#bbbbbb", linewidth=0.6, zorder=0)
        for put, id_ in ((axes.set_xlabel, x_id), (axes.set_ylabel, y_id)):
            put(("Δ" if at[id_] else "") + with_unit(locked.protocol, id_, language))
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8, handletextpad=0.6, labelspacing=0.5
        )
        return save(canvas, name, folder, marks)


def _legend(frame: Frame, group: Group, planned: Correlation, language: Language) -> tuple[Piece, ...]:
    x, y = delta_of(planned.x), delta_of(planned.y)
    at = DELTA if x != planned.x else ""
    symbol = Sym({"pearson": "r", "spearman": "ρ", "kendall": "τ"}[planned.method])
    key = ("3", x, group.key, at)
    n, r, p = (frame.num(*key, s, form, y) for s, form in (("n", "i"), ("r", "f2"), ("p", "p")))
    return (
        Word(f"{label_of(group.label, language)}, "), Sym("n"), Word(" = "), n, Word(", "), symbol, Word(" = "), r,
        Word(", "), *p_value(p),
    )  # fmt: skip


def p_value(p: Piece) -> tuple[Piece, ...]:
    """``P = 0.021`` or ``P <0.001``."""
    small = isinstance(p, Num) and p.text.startswith("<")
    return (Sym("P"), Word(" " if small else " = "), p)


def _line(
    axes: Any, x: Sequence[Any], y: Sequence[Any], colour: str, *, band: bool, label: str | None = None
) -> None:
    fitted = st.line(x, y)
    if fitted.slope is None or fitted.intercept is None:
        return
    low, high = min(floats(x)), max(floats(x))
    along = [low + (high - low) * i / _STEPS for i in range(_STEPS + 1)]
    level = [fitted.intercept + fitted.slope * a for a in along]
    style = "-" if band else (0, (4, 2))
    axes.plot(
        along, level, color=colour, linewidth=1.4 if band else 1.1, linestyle=style, label=label, zorder=4
    )
    half = [fitted.half_width(a) for a in along]
    if band and all(h is not None for h in half):
        widths = [h or 0.0 for h in half]
        axes.fill_between(
            along,
            [v - h for v, h in zip(level, widths, strict=True)],
            [v + h for v, h in zip(level, widths, strict=True)],
            color=colour,
            alpha=0.15,
            linewidth=0,
            zorder=1,
        )


def draw_means(locked: Locked, frame: Frame, language: Language, name: str, folder: Path) -> Figure | None:
    """Group means with 95% intervals at each timepoint, a panel a variable; None when nothing is timed."""
    protocol = locked.protocol
    timed = [v for v in protocol.timed if not v.categorical]
    if not timed:
        return None
    groups = groups_of(locked, protocol.analysis.group)
    levels = groups.levels or (groups.everyone,)
    marks = Marks()
    with drawing():
        canvas, all_axes = canvas_of(2.35 * len(timed) + 0.4, 2.9, len(timed))
        panels = [all_axes] if len(timed) == 1 else list(all_axes)
        for axes, variable in zip(panels, timed, strict=True):
            for place, group in enumerate(levels):
                _mean_line(axes, frame, variable.id, list(variable.at), group, place, len(levels), language)
            axes.set_xticks(range(len(variable.at)), list(variable.at))
            axes.set_xlim(-0.35, len(variable.at) - 0.65)
            axes.set_title(with_unit(protocol, variable.id, language), fontsize=9)
            if axes.get_ylim()[0] > 0:
                axes.set_ylim(bottom=0)
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(levels), fontsize=8.5)
        return save(canvas, name, folder, marks)


def _mean_line(
    axes: Any,
    frame: Frame,
    variable: str,
    points: Sequence[str],
    group: Group,
    place: int,
    of: int,
    language: Language,
) -> None:
    shift = (place - (of - 1) / 2) * 0.09
    at, mean, below, above = [], [], [], []
    for position, point in enumerate(points):
        found = [
            frame.results.find("2", variable, group.key, point, s) for s in ("mean", "ci_low", "ci_high")
        ]
        values = [None if f is None else f.value for f in found]
        if values[0] is None:
            continue
        low, high = (values[0] if v is None else v for v in values[1:])
        at.append(position + shift)
        mean.append(values[0])
        below.append(values[0] - low)
        above.append(high - values[0])
    if not at:
        return
    axes.errorbar(
        at,
        mean,
        yerr=[below, above],
        color=COLOURS[place % len(COLOURS)],
        marker=SHAPES[place % len(SHAPES)],
        markersize=5.5,
        linewidth=1.3,
        capsize=3,
        label=label_of(group.label, language),
    )
