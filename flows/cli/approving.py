"""The verb approve: the card of what a protocol would ask of the hospital, and the recorded yes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.arguments import Study
from flows.cli.output import AsJson, result, table, talk
from flows.cli.telling import Tongue, tongue

__all__ = ["card_lines", "register"]

_HERE = Path()
_WORDS: dict[str, tuple[str, str]] = {
    "card": ("调取审批卡", "approval card"),
    "site": ("数据源", "source"),
    "search": ("检索", "search"),
    "charts": ("病历范围", "charts"),
    "criteria": ("标准", "criteria"),
    "include": ("纳入", "include"),
    "exclude": ("排除", "exclude"),
    "statement": ("语句", "statement"),
    "times": ("次数", "sent"),
    "cost": ("估计代价", "plan cost"),
    "rows": ("估计行数", "plan rows"),
    "untold": ("数据库未给出", "not told"),
    "scope": ("范围指纹", "scope"),
    "approved": ("已批准", "approved"),
    "simulated": ("（模拟）", " (simulated)"),
    "open": ("尚未批准：未经批准的调取会被拒绝", "not approved: a pull is refused"),
    "limits": ("限制", "limits"),
}


def register(app: typer.Typer) -> None:
    """Add this module's verb to ``app``."""
    app.command()(approve)


def approve(
    study: Study = _HERE,
    by: Annotated[
        str, typer.Option(help="Who approves; without it the card is shown and nothing approved.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Number of the approval, or why.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the approval back.")] = False,
    page: Annotated[Path | None, typer.Option(help="Write the card as an HTML page too.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print each statement's SQL as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the protocol would ask of the hospital's database; with --by and --reason, approve exactly that.

    The card asks the server for its plans and reads no row. It is needed before the first pull, and
    again when study.toml, site.toml or the pack change.
    """
    from extract.his.approval import approve as record
    from extract.his.approval import card
    from extract.his.approval import withdraw as take_back
    from extract.study.folder import StudyFolder

    folder = StudyFolder.at(study)
    if withdraw:
        take_back(folder, by=by, reason=reason)
        result({"study": folder.protocol().study.id, "approval": None}, as_json, lambda: ["withdrawn"])
        return
    told = card(folder)
    if by or reason:
        told["approval"] = record(folder, by=by, reason=reason).to_json()
    if page is not None:
        from flows.cli.approval_page import approval_page

        page.write_text(approval_page(told), encoding="utf-8")
        told["page"] = str(page)
    result(told, as_json, lambda: card_lines(told, tongue(), sql=sql))
    if told["approval"] is None:
        talk(
            "Next: `cohortlock approve STUDY --by NAME --reason NUMBER`, or `cohortlock pull STUDY --limit 5`."
        )


def card_lines(told: dict[str, Any], language: Tongue, *, sql: bool) -> Iterator[str]:
    """The card for a terminal."""
    i = 0 if language == "zh" else 1

    def say(key: str) -> str:
        return _WORDS[key][i]

    search = told["search"]
    yield f"{say('card')}: {told['title'][language]} ({told['study']})"
    yield f"{say('site')}: {told['site']['where']}, {told['site']['pack']}"
    yield f"{say('search')}: {search['expression']}"
    yield f"  {search[language]}"
    yield f"{say('charts')}: {search['chart_from']} .. {search['chart_to']}"
    yield ""
    for one in told["criteria"]:
        yield f"{say(one['kind'])} {one['id']}  {one['label'][language]}"
        yield f"    {one[language]}"
    yield ""
    yield from table(
        (say("statement"), say("times"), say("cost"), say("rows")),
        (
            [
                one["name"],
                one["times"][language],
                *(_estimate(one[key], say("untold")) for key in ("cost", "rows")),
            ]
            for one in told["statements"]
        ),
    )
    if sql:
        for one in told["statements"]:
            yield f"\n-- {one['name']}"
            yield from (f"--   :{name} = {value!r}" for name, value in sorted(one["params"].items()))
            yield one["sql"].rstrip()
    yield ""
    yield f"{say('limits')}: " + ", ".join(f"{name} {value}" for name, value in told["limits"].items())
    yield f"{say('scope')}: {told['scope']}"
    if (approval := told["approval"]) is None:
        yield say("open")
    else:
        mark = say("simulated") if approval["simulated"] else ""
        yield f"{say('approved')}{mark}: {approval['by']}, {approval['at']}, {approval['reason']}"


def _estimate(value: float | None, untold: str) -> str:
    return untold if value is None else f"{value:.0f}"
