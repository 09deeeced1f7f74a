"""Figures of summaries: the correlation in every subgroup as a forest, and how much is missing of what."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from analysis.dataset import Locked
from analysis.groups import ALL
from analysis.report.cells import Frame, Num, Piece, Word
from analysis.report.figure_text import Marks
from analysis.report.figures import COLOURS, Figure, canvas_of, save
from analysis.report.typeface import drawing
from analysis.report.wording import Language, label_of, say, with_unit
from analysis.sensitivity import subgroups_of
from analysis.terms import DELTA, delta_of
from extract.study.protocol import Correlation, column

__all__ = ["draw_forest", "draw_missing"]

_GREY: Final = "#555555"
_ROW: Final = 0.34
_GONE: Final = COLOURS[1]


def draw_forest(
    locked: Locked, frame: Frame, planned: Correlation, language: Language, name: str, folder: Path
) -> Figure | None:
    """A planned correlation in all and in each subgroup, with intervals; None without a subgroup that has one."""
    x, y = delta_of(planned.x), delta_of(planned.y)
    at = DELTA if x != planned.x else ""
    lines: list[tuple[str, tuple[str, str, str, str]]] = [(say("overall", language), ("3", x, ALL, at))]
    for variable, group in subgroups_of(locked):
        named = next((v.label for v in locked.protocol.variable if v.id == variable), None)
        before = (
            f"{label_of(named, language)}："
            if named and language == "zh"
            else (f"{named.en}: " if named else "")
        )
        lines.append((before + label_of(group.label, language), ("subgroup", x, group.key, at)))
    if len(lines) < 2:
        return None
    marks = Marks()
    with drawing():
        canvas, axes = canvas_of(6.4, _ROW * len(lines) + 1.1)
        # Numbers stand right of the axis, in the axes' own width.
        for place, (words, key) in enumerate(lines):
            _line(axes, marks, frame, key, y, (-place, words))
        overall = frame.results.find("3", x, ALL, at, "r", y)
        if overall is not None and overall.value is not None:
            axes.axvline(overall.value, color=_GREY, linewidth=0.7, linestyle=(0, (2, 2)), zorder=0)
        axes.axvline(0, color="#bbbbbb", linewidth=0.8, zorder=0)
        axes.set_xlim(-1, 1)
        axes.set_ylim(-len(lines) + 0.4, 0.9)
        axes.set_yticks([-i for i in range(len(lines))], [words for words, _ in lines], fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        symbol = {"pearson": "r", "spearman": r"\rho", "kendall": r"\tau"}[planned.method]
        axes.set_xlabel(f"${symbol}$ ({'95%CI' if language == 'zh' else '95% CI'})")
        axes.text(1.04, 0.75, "$n$", fontsize=8.5, ha="left")
        axes.text(
            1.2, 0.75, f"${symbol}$ ({'95%CI' if language == 'zh' else '95% CI'})", fontsize=8.5, ha="left"
        )
        return save(canvas, name, folder, marks)


def _line(
    axes: Any, marks: Marks, frame: Frame, key: tuple[str, str, str, str], of: str, at: tuple[int, str]
) -> None:
    height = at[0]
    n, r, low, high = (
        frame.num(*key, s, form, of)
        for s, form in (("n", "i"), ("r", "f2"), ("ci_low", "f2"), ("ci_high", "f2"))
    )
    axes.text(1.04, height, marks.text((n,)), va="center", ha="left", fontsize=8.5)
    if not isinstance(r, Num) or r.row.value is None:
        axes.text(1.2, height, "—", va="center", ha="left", fontsize=8.5)
        return
    told: tuple[Piece, ...] = (r,)
    if (
        isinstance(low, Num)
        and isinstance(high, Num)
        and low.row.value is not None
        and high.row.value is not None
    ):
        axes.plot([low.row.value, high.row.value], [height] * 2, color=COLOURS[0], linewidth=1.3, zorder=2)
        told = (r, Word(" ("), low, Word(", "), high, Word(")"))
    whole = key[0] == "3"
    axes.plot(
        r.row.value, height, marker="D" if whole else "s", color=COLOURS[1 if whole else 0],
        markersize=7 if whole else 4 + min(3.0, r.row.n / 30), zorder=3,
    )  # fmt: skip
    axes.text(1.2, height, marks.text(told), va="center", ha="left", fontsize=8.5)


def draw_missing(locked: Locked, frame: Frame, language: Language, name: str, folder: Path) -> Figure | None:
    """Which values are missing, a row a variable and a column a participant, with counts; None when nothing is."""
    found = [r for r in frame.results.rows if r.table == "missing" and r.statistic == "missing" and r.value]
    if not found:
        return None
    marks = Marks()
    # Participants with the same pattern side by side, those with most missing first: no order that tells who.
    columns = [locked.values(column(r.variable, r.timepoint or None)) for r in found]
    patterns = sorted(
        zip(*([v is None for v in values] for values in columns), strict=True), key=lambda p: (-sum(p), p)
    )
    with drawing():
        canvas, axes = canvas_of(6.2, _ROW * len(found) + 1.0)
        for place in range(len(found)):
            gone = [(at - 0.5, 1.0) for at, pattern in enumerate(patterns) if pattern[place]]
            axes.broken_barh([(-0.5, len(patterns))], (place - 0.46, 0.92), facecolor="#e8e8e8")
            axes.broken_barh(gone, (place - 0.46, 0.92), facecolor=_GONE)
        axes.set_xlim(-0.5, len(patterns) - 0.5)
        axes.set_ylim(len(found) - 0.5, -0.5)
        names = [
            " ".join(filter(None, (r.timepoint, with_unit(locked.protocol, r.variable, language))))
            for r in found
        ]
        axes.set_yticks(range(len(found)), names, fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        for place, row in enumerate(found):
            share = frame.num("missing", row.variable, ALL, row.timepoint, "percent", "c1")
            told = marks.text((Num(row, "i"), Word(" ("), share, Word("%)")))
            axes.text(len(patterns) - 0.2, place, told, va="center", ha="left", fontsize=8.5)
        axes.set_xlabel(
            {
                "zh": "参与者（按缺失模式排列；橙色为缺失）",
                "en": "Participants, by pattern (orange: missing)",
            }[language]
        )
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        return save(canvas, name, folder, marks)
