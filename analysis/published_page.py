"""The audit of published numbers as one HTML file in zh and en: offline, without a script, questions and proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.published import Signal
from analysis.published_words import decision_lines, lines, ordered, spoken_proofs
from analysis.witness import Decision

__all__ = ["audit_page"]

_LANGUAGES: Final[tuple[Literal["zh", "en"], ...]] = ("zh", "en")
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "title": {"zh": "已发表数字的核对", "en": "Audit of published numbers"},
    "counts": {
        "zh": "{all} 项核对，{open} 项需向作者询问",
        "en": "{all} checks, {open} to ask the authors about",
    },
    "note": {
        "zh": "以下各项是向作者提出的问题，而非指控。所印数字按其舍入区间计算；两区间不相交才列出。",
        "en": "Each line is a question to the authors, never an accusation. A printed number stands for all that round to "
        "it; a line is listed only where the two intervals cannot meet.",
    },
    "signals": {"zh": "逐项核对", "en": "One by one"},
    "silent": {"zh": "没有需要询问的数字。", "en": "No number raises a question."},
    "together": {"zh": "合在一起：见证数据与证明", "en": "Together: witness and proofs"},
}


def audit_page(file: str, signals: Sequence[Signal], decision: Decision | None = None) -> str:
    """The page; ``file`` is the name that stands on it."""
    kinds = [signal.verdict for signal in ordered(signals)]
    tables = {}
    for language in _LANGUAGES:
        head, rows = lines(signals, language)
        tables[language] = {"head": head, "rows": list(zip(kinds, rows, strict=True))}
    room = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    return room.get_template("published_page.html.j2").render(
        file=file,
        words=_WORDS,
        count=len(signals),
        asked=sum(signal.open for signal in signals),
        tables=tables,
        together=None if decision is None else {lang: _together(decision, lang) for lang in _LANGUAGES},
    )


def _together(decision: Decision, language: Literal["zh", "en"]) -> dict[str, Any]:
    said = list(decision_lines(decision, language))
    between = sum(1 + len(proof.steps) for proof in decision.proofs)
    return {
        "verdict": said[0],
        "proofs": spoken_proofs(decision, language),
        "rest": said[1 + between :],
    }
