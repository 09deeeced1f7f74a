"""Figures that show participants one by one, unlabelled: paired change, distribution with Q-Q, the two entries.

Every printed number is the frame's; the plan's choice of test and the points say together why it was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from scipy import special

from analysis import statistics as st
from analysis.agreement import Entries, entries
from analysis.dataset import Locked
from analysis.groups import ALL, Group, groups_of, pick
from analysis.report.cells import Frame, Piece, Sym, Word
from analysis.report.figure_text import Marks
from analysis.report.figures import COLOURS, SHAPES, Figure, canvas_of, floats, p_value, save
from analysis.report.typeface import drawing
from analysis.report.wording import Language, label_of, with_unit
from analysis.terms import DELTA
from extract.study.protocol import Variable, column

__all__ = ["draw_distribution", "draw_entries", "draw_paired"]

_GREY: Final = "#555555"
_SHARE: Final = 0.375  # Blom's plotting position, which SPSS's Q-Q plot uses


def _timed(locked: Locked) -> list[Variable]:
    return [v for v in locked.protocol.timed if not v.categorical]


def _panels(axes: Any, many: int) -> list[Any]:
    return [axes] if many == 1 else list(axes)


def _levels(locked: Locked) -> tuple[Group, ...]:
    groups = groups_of(locked, locked.protocol.analysis.group)
    return tuple(g for g in groups.levels if g.rows) or (groups.everyone,)


def draw_paired(locked: Locked, frame: Frame, language: Language, name: str, folder: Path) -> Figure | None:
    """Each participant's first and last value joined, by group, with the group's mean; None when nothing is timed."""
    timed, levels = _timed(locked), _levels(locked)
    if not timed or not locked.table.num_rows:
        return None
    marks = Marks()
    with drawing():
        canvas, axes = canvas_of(2.5 * len(timed) + 0.3, 3.6, len(timed))
        for panel, variable in zip(_panels(axes, len(timed)), timed, strict=True):
            first, last = (locked.values(column(variable.id, at)) for at in (variable.at[0], variable.at[-1]))
            told: list[Piece] = []
            for place, group in enumerate(levels):
                rows = [i for i in group.rows if first[i] is not None and last[i] is not None]
                _joined(panel, floats(pick(first, rows)), floats(pick(last, rows)), place)
                told.extend((Word("\n"),) if told else ())
                told.extend(_change(frame, variable.id, group, language))
            spots = [x for place in range(len(levels)) for x in (3 * place, 3 * place + 1)]
            panel.set_xticks(spots, [variable.at[0], variable.at[-1]] * len(levels))
            panel.set_xlim(-0.6, 3 * len(levels) - 1.4)
            panel.set_title(with_unit(locked.protocol, variable.id, language), fontsize=9)
            panel.set_xlabel(marks.text(told), fontsize=7, linespacing=1.35)
        _legend(canvas, levels, language)
        return save(canvas, name, folder, marks)


def _joined(axes: Any, first: Sequence[float], last: Sequence[float], place: int) -> None:
    at, colour = 3 * place, COLOURS[place % len(COLOURS)]
    from matplotlib.collections import LineCollection

    paths = [[(at, a), (at + 1, b)] for a, b in zip(first, last, strict=True)]
    axes.add_collection(LineCollection(paths, colors=colour, linewidths=0.5, alpha=0.28, zorder=1))
    if first:
        means = [sum(first) / len(first), sum(last) / len(last)]
        axes.plot(
            [at, at + 1], means, color=colour, linewidth=2, marker=SHAPES[place % len(SHAPES)], markersize=6,
            markeredgecolor="white", zorder=3,
        )  # fmt: skip


def _change(frame: Frame, variable: str, group: Group, language: Language) -> tuple[Piece, ...]:
    key = ("2", variable, group.key, DELTA)
    p = frame.num(*key, "p", "p")
    return (
        Word(f"{label_of(group.label, language)}: Δ = "),
        frame.num(*key, "mean", "f2"), Word(" ± "), frame.num(*key, "sd", "f2"), Word(", "), *p_value(p),
    )  # fmt: skip


def _legend(canvas: Any, levels: Sequence[Group], language: Language) -> None:
    from matplotlib.lines import Line2D

    if len(levels) < 2:
        return
    handles = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], marker=SHAPES[i % len(SHAPES)], linewidth=2,
               label=label_of(g.label, language))
        for i, g in enumerate(levels)
    ]  # fmt: skip
    canvas.legend(handles=handles, loc="outside upper center", ncols=len(levels), fontsize=8.5)


def draw_distribution(
    locked: Locked, frame: Frame, language: Language, name: str, folder: Path
) -> Figure | None:
    """The changes' histogram, and under it their normal Q-Q plot, by group; None when nothing is timed."""
    timed, levels = _timed(locked), _levels(locked)
    if not timed or not locked.table.num_rows:
        return None
    marks = Marks()
    with drawing():
        canvas, grid = canvas_of(2.5 * len(timed) + 0.3, 4.9, len(timed), 2)
        above, below = (_panels(row, len(timed)) for row in grid)
        for top, bottom, variable in zip(above, below, timed, strict=True):
            change = locked.values(column(variable.id, kind=DELTA))
            samples = [floats([v for v in pick(change, g.rows) if v is not None]) for g in levels]
            _histogram(top, samples)
            told: list[Piece] = []
            for place, (group, values) in enumerate(zip(levels, samples, strict=True)):
                _quantiles(bottom, values, place)
                told.extend((Word("\n"),) if told else ())
                told.extend(_normality(frame, variable.id, group, language))
            top.set_title("Δ" + with_unit(locked.protocol, variable.id, language), fontsize=9)
            top.set_ylabel({"zh": "例数", "en": "Participants"}[language])
            bottom.set_ylabel(
                {"zh": "实际分位数（标准化）", "en": "Observed quantile (standardised)"}[language]
            )
            words = {"zh": "正态期望分位数", "en": "Expected normal quantile"}[language]
            bottom.set_xlabel(marks.text((Word(words + "\n"), *told)), fontsize=7.5, linespacing=1.4)
        _legend(canvas, levels, language)
        return save(canvas, name, folder, marks)


def _histogram(axes: Any, samples: Sequence[Sequence[float]]) -> None:
    together = [v for values in samples for v in values]
    if not together:
        return
    # Sturges' number of classes over all groups, so that the bars compare.
    classes = max(5, len(together).bit_length() + 1)
    low, high = min(together), max(together)
    width = (high - low) / classes or 1.0
    edges = [low + width * i for i in range(classes + 1)]
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(samples))]
    axes.hist(list(samples), bins=edges, color=colours, stacked=True, edgecolor="white", linewidth=0.5)


def _quantiles(axes: Any, values: Sequence[float], place: int) -> None:
    n = len(values)
    found = st.describe(values)
    if n < 3 or not found.sd or found.mean is None:
        return
    expected = [float(special.ndtri((i + 1 - _SHARE) / (n + 1 - 2 * _SHARE))) for i in range(n)]
    axes.plot(
        expected, [(v - found.mean) / found.sd for v in sorted(values)], linestyle="none",
        marker=SHAPES[place % len(SHAPES)], color=COLOURS[place % len(COLOURS)], markersize=3.4, alpha=0.75,
        markeredgewidth=0, zorder=2,
    )  # fmt: skip
    reach = max(abs(expected[0]), abs(expected[-1]))
    axes.plot([-reach, reach], [-reach, reach], color=_GREY, linewidth=0.8, zorder=1)


def _normality(frame: Frame, variable: str, group: Group, language: Language) -> tuple[Piece, ...]:
    key = ("2", variable, group.key, DELTA)
    found = next(
        (
            m
            for m in ("Shapiro-Wilk", "Kolmogorov-Smirnov (Lilliefors)")
            if frame.results.find(*key, "p", "", m)
        ),
        None,
    )
    if found is None:
        return (Word(label_of(group.label, language)),)
    p = frame.num(*key, "p", "p", "", found)
    return (Word(f"{label_of(group.label, language)}: {found.partition(' (')[0]} "), *p_value(p))


def draw_entries(locked: Locked, frame: Frame, language: Language, name: str, folder: Path) -> Figure | None:
    """Bland and Altman's plot of the two entries of each number; None when the snapshot does not carry them."""
    found = [one for one in entries(locked) if one.pairs]
    if not found:
        return None
    marks = Marks()
    with drawing():
        canvas, axes = canvas_of(2.6 * len(found) + 0.2, 3.1, len(found))
        for panel, one in zip(_panels(axes, len(found)), found, strict=True):
            _differences(panel, one)
            key = ("agreement", one.variable.id, ALL, one.timepoint)
            for statistic, style in (("mean", "-"), ("loa_low", (0, (4, 2))), ("loa_high", (0, (4, 2)))):
                level = frame.results.find(*key, statistic)
                if level is not None and level.value is not None:
                    panel.axhline(
                        level.value,
                        color=COLOURS[0 if statistic == "mean" else 1],
                        linewidth=1.1,
                        linestyle=style,
                    )
            title = with_unit(locked.protocol, one.variable.id, language)
            panel.set_title(f"{one.timepoint} {title}".strip(), fontsize=9)
            panel.set_ylabel({"zh": "首录 − 次录", "en": "First − second entry"}[language])
            panel.set_xlabel(marks.text(_agreed(frame, key, language)), fontsize=7.5, linespacing=1.4)
        return save(canvas, name, folder, marks)


def _differences(axes: Any, one: Entries) -> None:
    """One point a pair of values, its area by how many participants share it."""
    axes.scatter(
        [float((a + b) / 2) for a, b, _ in one.pairs], [float(a - b) for a, b, _ in one.pairs],
        s=[10 + 6 * times for _, _, times in one.pairs], facecolor=COLOURS[0], alpha=0.45, edgecolor="white", linewidth=0.4,
        zorder=3,
    )  # fmt: skip
    widest = max((abs(float(a - b)) for a, b, _ in one.pairs), default=0) or float(one.variable.step)
    axes.set_ylim(-1.6 * widest, 1.6 * widest)


def _agreed(frame: Frame, key: tuple[str, str, str, str], language: Language) -> tuple[Piece, ...]:
    before, bias, limits = {
        "zh": ("两次录入的均值\n", "，平均差 ", "，95%一致性界限 "),
        "en": ("Mean of the two entries\n", ", mean difference ", ",\n95% limits of agreement "),
    }[language]
    return (
        Word(before), Sym("n"), Word(" = "), frame.num(*key, "n", "i"), Word(bias), frame.num(*key, "mean", "f2"),
        Word(limits), frame.num(*key, "loa_low", "f2"), Word({"zh": "～", "en": " to "}[language]),
        frame.num(*key, "loa_high", "f2"),
    )  # fmt: skip
