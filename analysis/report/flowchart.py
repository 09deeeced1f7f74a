"""The STROBE flow of participants, drawn from the funnel's rows in the result frame."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from analysis.dataset import Locked
from analysis.groups import ALL, groups_of
from analysis.plan import PARTICIPANTS
from analysis.report.cells import Frame, Piece, Sym, Word
from analysis.report.figure_text import Marks
from analysis.report.figures import Figure, save
from analysis.report.typeface import drawing
from analysis.report.wording import Language, label_of, step_label

__all__ = ["draw_flow"]

_MAIN: Final = ("window", "search", "match")
_WIDTH, _SIDE, _GAP, _AISLE = 3.1, 3.9, 0.42, 0.35
_LINE, _SMALL, _PAD = 0.185, 0.168, 0.18
_MAIN_CHARS, _SIDE_CHARS = 46, 62
_EDGE: Final = "#333333"
_LOST: Final[dict[str, dict[Language, str]]] = {
    "window": {"zh": "不在时间窗内", "en": "Outside the window"},
    "search": {"zh": "检索未命中", "en": "Not found by the search"},
    "match": {"zh": "核对后不符合检索式", "en": "Fail the exact match"},
}


@dataclass(frozen=True)
class _Stage:
    """A box of the main column: the steps that end in it; all but the last stand beside the arrow."""

    label: str
    step: str
    removed: tuple[str, ...]


def _stages(locked: Locked, steps: Sequence[str], language: Language) -> list[_Stage]:
    included = [c.id for c in locked.protocol.include]
    stages, pending = [], list[str]()
    for place, step in enumerate(steps):
        pending.append(step)
        last = place == len(steps) - 1
        ends_inclusion = step in included and not (not last and steps[place + 1] in included)
        if step in _MAIN or last:
            # The last step is a box of its own even when it is the last criterion.
            name = step_label(locked, "included" if last and step not in _MAIN else step, language)
            stages.append(_Stage(name, step, tuple(pending)))
            pending = []
        elif ends_inclusion:
            words = {"zh": "符合纳入标准", "en": "Meet the inclusion criteria"}[language]
            stages.append(_Stage(words, step, tuple(pending)))
            pending = []
    return stages


def _wrap(words: str, language: Language, wide: int) -> list[str]:
    if language == "en":
        return textwrap.wrap(words, wide) or [""]
    size = wide // 2
    return [words[i : i + size] for i in range(0, len(words), size)] or [""]


Line = tuple[Piece, ...]


def _count(frame: Frame, step: str, statistic: str) -> Piece:
    return frame.num("flow", step, ALL, "", statistic, "k")


def _words(lines: Sequence[str]) -> list[Line]:
    return [(Word(line),) for line in lines]


def _main_lines(frame: Frame, stage: _Stage, language: Language) -> list[Line]:
    people, visits = (_count(frame, stage.step, s) for s in ("patients", "visits"))
    between, after = {"zh": (" 例患者，", " 次就诊"), "en": (" patients, ", " visits")}[language]
    return [
        *_words(_wrap(stage.label, language, _MAIN_CHARS)),
        (people, Word(between), visits, Word(after)),
    ]


def _side_lines(frame: Frame, locked: Locked, stage: _Stage, language: Language) -> list[Line]:
    lines: list[Line] = []
    for step in stage.removed:
        gone = _count(frame, step, "removed_patients")
        if gone.text in {"0", "—"}:
            continue
        if step in _MAIN:
            words = _LOST[step][language]
        elif step in {c.id for c in locked.protocol.include}:
            joint = {"zh": f"不满足 {step} ", "en": f"Not {step}: "}[language]
            words = joint + step_label(locked, step, language)
        else:
            words = f"{step} {step_label(locked, step, language)}"
        lines.extend(_counted(_wrap(words, language, _SIDE_CHARS), gone))
    return lines


def _counted(lines: Sequence[str], gone: Piece) -> list[Line]:
    """The lines, indented after the first, with the count at the end and never broken."""
    tail = (Word(" ("), Sym("n"), Word(" = "), gone, Word(")"))
    own = [f"   {part}" if place else part for place, part in enumerate(lines)]
    if sum(2 if ord(c) > 0x2FFF else 1 for c in own[-1]) + 9 <= _SIDE_CHARS:
        return [*_words(own[:-1]), (Word(own[-1]), *tail)]
    return [*_words(own), (Word("  "), *tail)]


def draw_flow(locked: Locked, frame: Frame, language: Language, name: str, folder: Path) -> Figure | None:
    """The flow of participants; None when the snapshot carries no funnel."""
    steps = list(dict.fromkeys(r.variable for r in frame.results.rows if r.table == "flow"))
    if not steps:
        return None
    from matplotlib.figure import Figure as Canvas

    stages = _stages(locked, steps, language)
    with drawing():
        canvas = Canvas(figsize=(7.6, 1))
        axes = canvas.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        marks, top = Marks(), 0.0
        centre = _WIDTH / 2
        for place, stage in enumerate(stages):
            side = _side_lines(frame, locked, stage, language) if place else []
            if place:
                run = max(_GAP, len(side) * _SMALL + _PAD + 0.16 if side else 0)
                _arrow(axes, (centre, top), (centre, top - run))
                if side:
                    middle = top - run / 2
                    _arrow(axes, (centre, middle), (_WIDTH + _AISLE, middle))
                    _box(
                        axes,
                        marks,
                        _WIDTH + _AISLE,
                        middle + (len(side) * _SMALL + _PAD) / 2,
                        _SIDE,
                        side,
                        left=True,
                    )
                top -= run
            lines = _main_lines(frame, stage, language)
            top = _box(axes, marks, 0, top, _WIDTH, lines, bold=place == len(stages) - 1)
        top = _split(axes, marks, locked, frame, language, top)
        axes.set_xlim(-0.05, _WIDTH + _AISLE + _SIDE + 0.05)
        axes.set_ylim(top - 0.05, 0.05)
        canvas.set_size_inches(_WIDTH + _AISLE + _SIDE + 0.1, -top + 0.1)
        return save(canvas, name, folder, marks)


def _split(axes: Any, marks: Marks, locked: Locked, frame: Frame, language: Language, top: float) -> float:
    """The groups under the last box, side by side."""
    levels = groups_of(locked, locked.protocol.analysis.group).levels
    if not levels:
        return top
    centre, bottom, whole = _WIDTH / 2, top, _WIDTH + _AISLE + _SIDE
    if len(levels) == 2:
        slots = [(0.0, _WIDTH), (_WIDTH + _AISLE, _SIDE)]
    else:
        width = (whole + _AISLE) / len(levels) - _AISLE
        slots = [(i * (width + _AISLE), width) for i in range(len(levels))]
    middles = [x + width / 2 for x, width in slots]
    axes.plot([centre, centre], [top, top - 0.2], color=_EDGE, linewidth=0.8)
    axes.plot([min(*middles, centre), max(*middles, centre)], [top - 0.2] * 2, color=_EDGE, linewidth=0.8)
    for (x, width), group in zip(slots, levels, strict=True):
        n = frame.num("1", PARTICIPANTS, group.key, "", "n", "i")
        _arrow(axes, (x + width / 2, top - 0.2), (x + width / 2, top - 0.45))
        lines = [*_words(_wrap(label_of(group.label, language), language, 40)), (Sym("n"), Word(" = "), n)]
        bottom = min(bottom, _box(axes, marks, x, top - 0.45, width, lines))
    return bottom


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {
        "arrowstyle": "-|>",
        "linewidth": 0.8,
        "color": _EDGE,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 9,
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def _box(
    axes: Any,
    marks: Marks,
    x: float,
    top: float,
    width: float,
    lines: Sequence[Line],
    *,
    left: bool = False,
    bold: bool = False,
) -> float:
    """A box with its top edge at ``top``; the height that its lines need. Returns the bottom edge."""
    from matplotlib.patches import Rectangle

    height = len(lines) * (_SMALL if left else _LINE) + _PAD
    fill = "#eaf2f8" if bold else "white"
    axes.add_patch(
        Rectangle((x, top - height), width, height, facecolor=fill, edgecolor=_EDGE, linewidth=0.8, zorder=2)
    )
    axes.text(
        x + (0.1 if left else width / 2),
        top - height / 2,
        marks.text(
            piece for place, line in enumerate(lines) for piece in (*((Word("\n"),) if place else ()), *line)
        ),
        ha="left" if left else "center",
        va="center",
        fontsize=8.2 if left else 9,
        linespacing=1.3,
        zorder=3,
    )
    return top - height
