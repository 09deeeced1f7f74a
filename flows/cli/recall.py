"""The verb that draws a blind sample of whom no keyword found, and says the recall of the search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from flows.cli.arguments import Study
from flows.cli.output import AsJson, result, table
from flows.cli.telling import Tongue, tongue

__all__ = ["register"]

_HERE = Path()
_NAMES: Final = {
    "zh": {"found": "检索到", "code_and_lab": "编码和检验", "code": "仅编码", "lab": "仅检验"},
    "en": {"found": "found", "code_and_lab": "code and lab", "code": "code only", "lab": "lab only"},
}
_HEAD: Final = {
    "zh": ("层", "患者", "抽样", "权重", "已审", "合格"),
    "en": ("stratum", "patients", "sampled", "weight", "judged", "eligible"),
}


def register(app: typer.Typer) -> None:
    """Add this module's verb to ``app``."""
    app.command()(recall)


def recall(
    study: Study = _HERE,
    sample: Annotated[
        int,
        typer.Option(
            help="Draw so many patients whom no keyword found, and as many whom one did; 0 draws none."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the draw; the same seed draws the same patients.")] = 1,
    code: Annotated[
        list[str] | None,
        typer.Option(
            help="A diagnosis code, category or range that makes a visit positive; may be given again."
        ),
    ] = None,
    lab: Annotated[
        list[str] | None,
        typer.Option(help="A laboratory item of the pack that makes a visit positive; may be given again."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How much of what it should find the search finds, from patients sampled blind into a review of their own.

    With --sample the sample is drawn at the HIS, once the pull is approved, into STUDY/recall, which
    `cohortlock desk STUDY/recall` serves. Without, the estimate from what was judged so far. Counts only.
    """
    from flows.recalled import draw_recall
    from flows.recalled import recall as estimated

    told = draw_recall(study, sample, seed, code or (), lab or ()) if sample else estimated(study)
    result(told, as_json, lambda: _lines(told, tongue()))


def _lines(told: dict[str, Any], language: Tongue) -> Iterator[str]:
    visits = told["visits"]
    if language == "zh":
        yield (
            f"{told['study']}：有编码或检验项目的就诊{visits['positive']}次，其中检索未匹配{visits['unmatched']}次"
            f"（其患者另有就诊被检索到的{visits['otherwise_found']}次）"
        )
    else:
        yield (
            f"{told['study']}: {visits['positive']} visits have a code or item, {visits['unmatched']} of them not "
            f"matched ({visits['otherwise_found']} of patients found by another visit)"
        )
    yield from table(
        _HEAD[language],
        (
            [
                _NAMES[language][one["name"]],
                one["patients"],
                one["sampled"],
                "-" if one["weight"] is None else f"{one['weight']:.2f}",
                one["decided"],
                one["eligible"],
            ]
            for one in told["strata"]
        ),
    )
    yield told["sentence"][language]
    if not told["current"]:
        yield (
            "研究方案在抽样后已修改：以上是修改前检索式的查全率"
            if language == "zh"
            else "the protocol has changed since the sample was drawn: this is the recall of the search as it was"
        )
    if told["open"]:
        yield (
            f"待审{told['open']}例：cohortlock desk {told['folder']}"
            if language == "zh"
            else f"{told['open']} cases are open: cohortlock desk {told['folder']}"
        )
