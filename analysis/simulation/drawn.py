"""The figure of a simulation: power by size, and what is significant where there is no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from analysis.report.figure_text import Marks
from analysis.report.figures import COLOURS, SHAPES, Figure, canvas_of, save
from analysis.report.typeface import drawing
from analysis.report.wording import LANGUAGES, Language
from analysis.simulation.performance import wilson
from analysis.simulation.questions import Question
from analysis.simulation.simulated import Simulated
from analysis.simulation.words import named

__all__ = ["draw"]

_MOST: Final = 6
_GREY: Final = "#555555"


def draw(told: Simulated, folder: Path) -> list[Figure]:
    """``power-zh`` and ``power-en``, each as SVG and PNG."""
    return [_figure(told, language, folder) for language in LANGUAGES]


def _figure(told: Simulated, language: Language, folder: Path) -> Figure:
    rows = [
        (q, p)
        for scenario in ("unrelated", "null")
        for q, p in told.found.get(scenario, {}).items()
        if p.undefined <= p.replications // 2
        and (scenario == "unrelated" or q.group == "all")
        and q.kind != "own_first"
    ]
    with drawing():
        canvas, (left, right) = canvas_of(11.5, max(4.6, 0.19 * len(rows) + 1.4), columns=2)
        _curves(left, told, language)
        _nothing(right, told, rows, language)
        return save(canvas, f"power-{language}", folder, Marks())


def _hardest(told: Simulated) -> list[Question]:
    """The curves that are worth drawing: the questions that need the largest studies, correlations first among equals."""

    def need(q: Question) -> tuple[float, bool]:
        least = told.smallest[q].n
        return (-(float("inf") if least is None else least), q.kind != "correlation")

    return sorted(told.smallest, key=need)[:_MOST]


def _curves(axes: Any, told: Simulated, language: Language) -> None:
    for place, q in enumerate(_hardest(told)):
        points = {n: point for n, point in sorted(told.curve.points[q].items()) if n <= 2 * told.n}
        sizes = list(points)
        limits = [wilson(*points[n]) for n in sizes]
        colour = COLOURS[place % len(COLOURS)]
        axes.fill_between(sizes, [100 * a for a, _ in limits], [100 * b for _, b in limits], color=colour, alpha=0.15, linewidth=0)  # fmt: skip
        axes.plot(
            sizes, [100 * told.curve.power(q, n) for n in sizes], color=colour, linewidth=1.3,
            marker=SHAPES[place % len(SHAPES)], markersize=3.5, label=named(q, told.protocol, language),
        )  # fmt: skip
    axes.axhline(100 * told.power, color=_GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    axes.axvline(told.n, color=_GREY, linewidth=0.8, zorder=0)
    axes.set_ylim(0, 102)
    axes.set_xlim(left=0)
    axes.set_xlabel({"zh": "例数 $n$", "en": "Participants $n$"}[language])
    axes.set_ylabel({"zh": "检验效能（%）", "en": "Power (%)"}[language])
    axes.set_title("A", loc="left")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), fontsize=8, ncols=2)


def _nothing(axes: Any, told: Simulated, rows: list[Any], language: Language) -> None:
    alpha = told.protocol.analysis.alpha
    for place, (q, p) in enumerate(rows):
        made = q.trap in {"circular", "coupled"} and q.kind != "model"
        colour = COLOURS[1] if made else COLOURS[0]
        axes.plot([100 * p.rejected_low, 100 * p.rejected_high], [-place] * 2, color=colour, linewidth=1.3)
        axes.plot(100 * p.rejected.value, -place, marker="^" if made else "o", color=colour, markersize=5)
    axes.axvline(100 * alpha, color=_GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    axes.set_yticks([-i for i in range(len(rows))], [named(q, told.protocol, language) for q, _ in rows], fontsize=7.5)  # fmt: skip
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, 102)
    axes.set_xlabel(
        {"zh": f"无效应时 $P$ < {alpha:g} 的比例（%）", "en": f"$P$ < {alpha:g} without an effect (%)"}[
            language
        ]
    )
    axes.set_title("B", loc="left")
