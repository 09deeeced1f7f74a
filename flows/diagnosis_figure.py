"""The diagnostics of a search as one figure: terms, their combinations, months and departments; SVG and PNG."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from analysis.report.typeface import drawing

__all__ = ["draw"]

_FULL, _PALE, _WARN = "#2f5d8a", "#b9cbdd", "#c0703a"
_MOST: Final = 12
_FALLBACK: Final = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
)
"""For characters of a term that the shipped typeface has not; the first that this machine has."""


def draw(told: dict[str, Any], out: Path) -> list[Path]:
    """``diagnostics.svg`` and ``diagnostics.png`` in ``out``; counts only."""
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A fallback that comes in one weight only is no news.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with drawing():
        import matplotlib as mpl

        have = {entry.name for entry in font_manager.fontManager.ttflist}
        family = [*mpl.rcParams["font.family"], *(name for name in _FALLBACK if name in have)]
        with mpl.rc_context({"font.family": family}):
            figure = Figure(figsize=(10.5, 7.6), layout="constrained")
            FigureCanvasAgg(figure)
            grid = figure.add_gridspec(2, 2, height_ratios=(1, 1))
            _terms(figure.add_subplot(grid[0, 0]), told)
            _together(figure.add_subplot(grid[0, 1]), told)
            _bars(figure.add_subplot(grid[1, 0]), told["months"], "month", "各月就诊  Visits by month")
            _bars(
                figure.add_subplot(grid[1, 1]),
                told["departments"],
                "department",
                "各科室就诊  Visits by department",
            )
            figure.suptitle(
                f"{told['study']}：{told['matched']} 次就诊，{told['patients']} 名患者", fontsize=11
            )
            files = [out / "diagnostics.svg", out / "diagnostics.png"]
            for file in files:
                metadata = {"Date": None} if file.suffix == ".svg" else {"Software": None}
                figure.savefig(file, metadata=metadata, dpi=160)
    return files


def _terms(axes: Any, told: dict[str, Any]) -> None:
    """For each term: visits with it, those that satisfy the search, those that would be out without it."""
    terms = told["terms"]
    places = range(len(terms))
    for key, color, label, height in (
        ("visits", _PALE, "出现  with the term", 0.8),
        ("matched", _FULL, "符合检索式  in", 0.5),
        ("needed", _WARN, "仅靠该词  in by it alone", 0.22),
    ):
        axes.barh(places, [term[key] for term in terms], height=height, color=color, label=label)
    axes.set_yticks(places, [term["term"] for term in terms])
    axes.invert_yaxis()
    axes.set_title("检索词  Terms (visits)", fontsize=9.5, loc="left")
    axes.legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.45, -0.08), ncols=3)


def _together(axes: Any, told: dict[str, Any]) -> None:
    shown = told["together"][:_MOST]
    axes.barh(range(len(shown)), [one["visits"] for one in shown], color=_FULL)
    axes.set_yticks(range(len(shown)), [" + ".join(one["terms"]) for one in shown], fontsize=7.5)
    axes.invert_yaxis()
    for place, one in enumerate(shown):
        axes.annotate(
            str(one["visits"]),
            (one["visits"], place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    axes.set_title("同一就诊中的组合  Terms of one visit", fontsize=9.5, loc="left")


def _bars(axes: Any, rows: list[dict[str, Any]], by: str, title: str) -> None:
    shown = rows if by == "month" else sorted(rows, key=lambda one: -one["visits"])[:_MOST]
    names = [one[by] or "?" for one in shown]
    places = range(len(shown))
    visits = [one["visits"] for one in shown]
    negated = [one["negated_only"] for one in shown]
    if by == "month":
        axes.bar(places, visits, color=_FULL)
        axes.bar(places, negated, color=_WARN)
        step = max(1, len(shown) // 8)
        axes.set_xticks(places[::step], names[::step], rotation=45, ha="right", fontsize=7.5)
    else:
        axes.barh(places, visits, color=_FULL)
        axes.barh(places, negated, color=_WARN)
        axes.set_yticks(places, names, fontsize=8)
        axes.invert_yaxis()
    axes.set_title(title, fontsize=9.5, loc="left")
    axes.legend(["符合检索式  in", "仅否定提及  by negated mentions only"], fontsize=7.5, loc="best")
