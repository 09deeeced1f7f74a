"""Verbs about the review: who judges what, and the pilot round before the rest is opened."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from extract.errors import NotFound
from flows.cli.arguments import Study
from flows.cli.output import AsJson, result, table
from flows.cli.telling import Tongue, tongue

__all__ = ["register"]

_HERE = Path()
_HEAD: Final = {
    "zh": ("标准", "n", "一致率", "κ", "AC1", "达标"),
    "en": ("criterion", "n", "percent", "kappa", "AC1", "reached"),
}
_LACKS: Final = {
    "round": ("尚未抽取预评审病例", "no round has been drawn"),
    "opinions": ("待评审病例", "cases still to judge"),
    "arbitration": ("待仲裁病例", "cases with the arbitrator"),
    "codes": ("未注明原因的分歧", "disagreements without a cause"),
    "wording": ("须在 study.toml 中修改表述的标准", "criteria to reword in study.toml"),
    "threshold": ("未达标的标准", "criteria below the threshold"),
}


class Act(StrEnum):
    """What can be done with the pilot round."""

    show = "show"
    draw = "draw"
    cause = "cause"
    open = "open"


def register(app: typer.Typer) -> None:
    """Add this module's verbs to ``app``."""
    for verb in (assign, calibration):
        app.command()(verb)


def assign(
    study: Study = _HERE,
    seed: Annotated[int, typer.Option(help="Who judges with whom follows from it and the ids alone.")] = 0,
    without_pilot: Annotated[
        bool, typer.Option("--no-pilot", help="Do not draw the pilot round that the protocol asks for.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give every candidate without reviewers two of them, evenly; the first time, draw the pilot round too.

    While a pilot round runs, its candidates are the only ones that reviewers see. The review of a recall
    sample needs none: --no-pilot.
    """
    from extract.study.database import StudyDatabase
    from extract.study.folder import StudyFolder
    from validate.review import queue
    from validate.review.accounts import MACHINE
    from validate.review.calibration import state
    from validate.review.calibration_acts import draw

    folder = StudyFolder.at(study)
    with StudyDatabase.open(folder, folder.protocol()) as database:
        assigned = queue.assign(database, MACHINE, seed=seed)
        with database.reading() as connection:
            found = state(connection, database.protocol)
        if found.plan and not without_pilot and not found.rounds:
            draw(database, MACHINE, seed=seed)
            with database.reading() as connection:
                found = state(connection, database.protocol)
        drawn = len(found.rounds[-1].cases) if found.rounds else 0
    told = {"assigned": assigned, "pilot": drawn, "open": not found.rounds or found.gate is not None}
    result(told, as_json, lambda: _assigned(told, tongue()))


def calibration(
    study: Study = _HERE,
    action: Annotated[Act, typer.Argument(help="What to do.")] = Act.show,
    *,
    by: Annotated[str, typer.Option(help="The data manager's account that acts; needed but for show.")] = "",
    candidate: Annotated[int, typer.Option(help="Of the disagreement that is given a cause.")] = 0,
    criterion: Annotated[str, typer.Option(help="Of the disagreement that is given a cause.")] = "",
    cause: Annotated[str, typer.Option(help="guideline_gap, reader_error or true_ambiguity.")] = "",
    note: Annotated[str, typer.Option(help="What the disagreement came from.")] = "",
    wording: Annotated[str, typer.Option(help="The new wording, for a guideline_gap only.")] = "",
    reason: Annotated[str, typer.Option(help="Why the rest is opened below the threshold.")] = "",
    as_json: AsJson = False,
) -> None:
    """The pilot round: agreement by criterion, what its gate waits for; draw a round, name a cause, open the rest.

    Candidates by number, verdicts of settled cases, no words of anybody. The JSON also has drift over the study,
    time per judgement and the machine as a rater.
    """
    from extract.study.database import StudyDatabase
    from extract.study.folder import StudyFolder
    from validate.review.accounts import one_active
    from validate.review.calibration import state
    from validate.review.calibration_acts import code, draw, open_gate
    from validate.review.consistency import counted

    if action is not Act.show and not by:
        raise typer.BadParameter("the data manager's account that acts is needed", param_hint="--by")
    folder = StudyFolder.at(study)
    with StudyDatabase.open(folder, folder.protocol()) as database:
        if action is not Act.show:
            with database.reading() as connection:
                actor = one_active(connection, by)
            if actor is None:
                raise NotFound(f"there is no account {by!r}", "`cohortlock user STUDY` lists them.")
            request = _fresh()
            if action is Act.draw:
                draw(database, actor)
            elif action is Act.cause:
                code(
                    database,
                    actor,
                    candidate,
                    criterion,
                    cause,
                    note=note,
                    wording=wording,
                    request_id=request,
                )
            else:
                open_gate(database, actor, reason=reason, request_id=request)
        with database.reading() as connection:
            told = state(connection, database.protocol).to_json()
            told |= counted(connection, database.protocol)
    result(told, as_json, lambda: _lines(told, tongue()))


def _fresh() -> str:
    import secrets

    return f"cli-{secrets.token_urlsafe(12)}"


def _assigned(told: dict[str, Any], language: Tongue) -> Iterator[str]:
    zh = language == "zh"
    yield f"已分配 {told['assigned']} 名候选者" if zh else f"Assigned: {told['assigned']} candidates."
    if told["pilot"] and not told["open"]:
        yield (
            f"预评审 {told['pilot']} 例；通过之前只评审这些病例"
            if zh
            else f"Pilot round of {told['pilot']}: nothing else is judged before it is passed."
        )


def _lines(told: dict[str, Any], language: Tongue) -> Iterator[str]:
    zh = language == "zh"
    if told["declared"] is None:
        yield "方案未要求预评审" if zh else "The protocol asks for no pilot round."
        return
    for one in told["rounds"]:
        name = f"第 {one['number']} 轮" if zh else f"Round {one['number']}"
        yield f"{name}: {one['judged']} / {len(one['cases'])}"
        if one["agreement"]["criteria"]:
            yield from table(_HEAD[language], _criteria(one, zh))
        for d in one["disagreements"]:
            said = " / ".join(d["verdicts"])
            yield f"  {d['candidate']} {d['criterion']}: {said} -> {d['final']}  {d['cause'] or '?'}"
    if told["gate"]:
        yield ("已放行" if zh else "Open: the rest may be judged.") + (
            f" ({told['gate']['reason']})" if told["gate"]["reason"] else ""
        )
        return
    yield "尚未放行" if zh else "Closed. It waits for:"
    for lack in told["lacking"]:
        named = f" ({', '.join(lack['criteria'])})" if lack["criteria"] else ""
        yield f"  {_LACKS[lack['what']][0 if zh else 1]}: {lack['count']}{named}"


def _criteria(one: dict[str, Any], zh: bool) -> Iterator[list[str]]:
    for name, found in one["agreement"]["criteria"].items():
        numbers = [found[key]["value"] for key in ("percent", "kappa", "ac1")]
        told = ["" if value is None else f"{value:.3f}" for value in numbers]
        reached = {True: "是" if zh else "yes", False: "否" if zh else "no", None: ""}[one["met"].get(name)]
        yield [name, str(found["n"]), *told, reached]
