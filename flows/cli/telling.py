"""How a funnel and a why are told to a person at a terminal, in the language of the terminal."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from flows.cli.output import table

__all__ = ["Tongue", "funnel_lines", "path_lines", "tongue", "why_lines"]

Tongue = Literal["zh", "en"]

_HEADS: Final[dict[Tongue, tuple[str, ...]]] = {
    "zh": ("步骤", "", "患者", "就诊", "剔除患者", "剔除就诊", "若去掉此条"),
    "en": ("step", "", "patients", "visits", "-patients", "-visits", "gain if dropped"),
}
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "closes": ("每一步的患者与就诊均闭合", "the funnel closes at every step"),
    "open": ("流程不闭合", "the funnel does not close"),
    "verdicts": ("按评审结论", "by the reviewers' verdicts"),
    "screening": ("按机器初筛，未定者暂留", "by the machine's screening; what it left open is kept"),
    "in": ("纳入", "in"),
    "out": ("未纳入", "out"),
    "match": ("检索式", "search"),
    "anchor": ("起点", "anchor"),
    "found": ("命中", "found"),
    "without": ("未命中", "not found"),
    "negated": ("仅有否定提及", "negated mentions only"),
    "met": ("符合", "met"),
    "not_met": ("不符合", "not met"),
    "unknown": ("待人判断", "for a person"),
    "cannot_tell": ("无法判断", "cannot tell"),
    "review": ("评审结论", "reviewed"),
    "missing": ("缺失", "missing"),
    "recorded": ("记录为", "recorded as"),
    "method": ("取值方法", "found by"),
    "day": ("研究日", "study day"),
    "record": ("原始记录", "record"),
    "outside": ("仅在该研究的文件夹内可还原", "only its study's folder can name it"),
    "auto": ("机器判定", "decided by the rule alone"),
}


def tongue() -> Tongue:
    """The language of the terminal: Chinese when LC_ALL, LC_MESSAGES or LANG says so, else English."""
    said = next((v for n in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(n))), "")
    return "zh" if said.lower().startswith("zh") else "en"


def funnel_lines(told: Mapping[str, Any], language: Tongue) -> Iterator[str]:
    """The ``funnel`` --json contract as a table."""
    yield from table(
        _HEADS[language],
        (
            [
                step["id"],
                step["label"][language],
                step["patients"],
                step["visits"],
                step["removed_patients"] or "",
                step["removed_visits"] or "",
                step.get("gain", ""),
            ]
            for step in told["steps"]
        ),
    )
    say = _say(language)
    yield f"{say('closes' if told['closes'] else 'open')}; {say(told['basis'])}"


def why_lines(told: Mapping[str, Any], language: Tongue) -> Iterator[str]:
    """The ``why`` --json contract as a list: what spoke for and against, with the records it stands in."""
    say = _say(language)
    yield say("in" if told["in"] else "out")
    for reason in told["reasons"]:
        mark = "+" if reason.get("ok") else "-"
        step = reason.get("step")
        if step == "match":
            yield from _match(reason, mark, language)
        elif step == "criterion":
            verdict = say(reason["verdict"]) + (f" ({say('auto')})" if reason.get("auto") else "")
            yield f"{mark} {reason['id']} {reason['label'][language]}: {verdict}"
            yield f"    {reason['text']}"
            yield from (f"    {record}" for record in reason.get("records") or ())
        elif step == "review":
            verdicts = ", ".join(f"{c} {say(v)}" for c, v in sorted(reason["verdicts"].items()))
            yield f"{mark} {say('review')}: {verdicts}"
        else:
            name = say(step) if step in _WORDS else str(step)
            rest = [str(reason[k]) for k in ("visit_id", "date", "text") if reason.get(k)]
            yield f"{mark} {name}: {', '.join(rest)}"


def _match(reason: Mapping[str, Any], mark: str, language: Tongue) -> Iterator[str]:
    say = _say(language)
    parts = [f"{say('found')} {', '.join(reason.get('terms') or ()) or '-'}"]
    if reason.get("without"):
        parts.append(f"{say('without')} {', '.join(reason['without'])}")
    if reason.get("negated_only"):
        parts.append(say("negated"))
    yield f"{mark} {say('match')} {reason.get('visit_id') or ''}: {'; '.join(parts)}"
    hits = Counter((h["record_id"], h["term"], h["assertion"], h["cue"]) for h in reason.get("hits") or ())
    for (record, term, assertion, cue), number in hits.items():
        how = "" if assertion == "present" else f"  {assertion}" + (f" ({cue})" if cue else "")
        yield f"    {record}  {term} ×{number}{how}"


def path_lines(told: Mapping[str, Any], language: Tongue, depth: int = 0) -> Iterator[str]:
    """The path of a cell, from its value to the hospital's record; what it follows from is indented."""
    say, pad = _say(language), "    " * depth
    value = say("missing") if told["value"] is None else told["value"]
    who = f"{told['snapshot']} {told['participant']} " if not depth else ""
    yield f"{pad}{who}{told['column']} ({told['label'][language]}) = {value}"
    if told.get("recorded") not in {None, told["value"]}:
        yield f"{pad}  {say('recorded')} {told['recorded']}"
    day = "" if told.get("day") is None else f", {say('day')} {told['day']}"
    yield f"{pad}  {say('method')} {told['method']}{day}" + (
        f", {told['missing']}" if told.get("missing") else ""
    )
    record = told.get("record")
    if record and "table" in record:
        span = "" if record["start"] is None else f" [{record['start']}:{record['end']}]"
        yield f"{pad}  {say('record')} {record['table']} {record['key']}{span}"
        for one in record["versions"]:
            mark = "*" if one["read"] else " "
            yield f"{pad}  {mark} {one['version'][:12]}  {one['first_seen']} - {one['last_seen']}"
    elif record:
        yield f"{pad}  {say('record')} {record['pseudonym']} ({say('outside')})"
    for one in told.get("follows", ()):
        yield from path_lines(one, language, depth + 1)


def _say(language: Tongue) -> Any:
    return lambda key: _WORDS[key][0 if language == "zh" else 1]
