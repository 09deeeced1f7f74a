"""What the protocol declares, and where the report holds it or why it does not."""

from __future__ import annotations

from typing import Final

from analysis.report.cells import Row, Sheet, Word
from analysis.report.sheets import Writer, head, text
from analysis.report.wording import label_of
from analysis.terms import DELTA, delta_of
from analysis.windows import Window, windows_of

__all__ = ["declared"]

_ELSEWHERE: Final = {
    "zh": "锁定数据集不含未入选的记录，无法由其重算；按此条件另建方案副本、筛选并锁库后，用 cohortlock diff 比较",
    "en": "needs records that a locked dataset does not hold; a copy of the study with this setting is screened, locked "
    "and compared by cohortlock diff",
}


def declared(writer: Writer, number: int, places: dict[str, str]) -> Sheet | None:
    """Each analysis that the protocol declares, and where it stands or why it does not.

    ``places`` gives the number of the table that holds a kind of analysis.
    """
    plan = writer.protocol.analysis
    zh = writer.language == "zh"
    table = writer.say("table")
    where: dict[str, str] = {
        "welch": places.get("sensitivity", places.get("routing", "")),
        "rank": places.get("sensitivity", places.get("routing", "")),
        "ancova": places.get("sensitivity", ""),
        "leave_one_out": places.get("robust", ""),
        "multiple_imputation": places.get("imputed", ""),
    }
    windows = {window.name: window for window in windows_of(writer.locked)}
    names = {
        "multiple_imputation": ("多重填补", "Multiple imputation"),
        "welch": ("Welch校正t检验", "Welch t tests"),
        "rank": ("秩检验", "Rank tests"),
        "ancova": ("协方差分析（含斜率齐性）", "Analysis of covariance with equal slopes"),
        "leave_one_out": ("逐例剔除", "One participant left out"),
        "folded_search": ("折叠检索（全半角、繁简、同义词）", "Folded search (width, script, synonyms)"),
    }
    body = []
    for one in plan.correlate:
        terms = " ~ ".join(
            writer.quantity(delta_of(t), DELTA if delta_of(t) != t else "") for t in (one.x, one.y)
        )
        body.append((f"{one.method.capitalize()}: {terms}", f"{table}3"))
    for name in plan.sensitivity:
        label = names.get(name, (name, name))[0 if zh else 1]
        found = where.get(name, "")
        if name == "multiple_imputation" and not found:
            told = "无缺失值，无可填补" if zh else "no value is missing: nothing to impute"
        elif name in windows:
            told = _windowed(writer, windows[name], places)
            label = _window_label(writer, windows[name])
        elif name in where and not found:
            told = "方案无可用的比较" if zh else "the plan has no comparison for it"
        else:
            told = f"{table}{found}" if found else _ELSEWHERE[writer.language]
        body.append((label, told))
    for name in plan.subgroups:
        variable = next((v for v in writer.protocol.variable if v.id == name), None)
        label = label_of(variable.label, writer.language) if variable else name
        found = places.get("robust", "")
        none = "方案未计划相关分析，亚组无可重复者" if zh else "the plan names no correlation to repeat"
        body.append((f"{'亚组：' if zh else 'Subgroup: '}{label}", f"{table}{found}" if found else none))
    if plan.predictors and "model" in places:
        listed = ("、" if zh else ", ").join(writer.quantity(name) for name in plan.predictors)
        body.append(
            (f"{'多因素模型：' if zh else 'Multivariable model: '}{listed}", f"{table}{places['model']}")
        )
    body.extend(
        (f"{'安全性：' if zh else 'Safety: '}{writer.quantity(name)}", f"{table}{places['safety']}")
        for name in plan.safety
        if "safety" in places
    )
    if not body:
        return None
    extra = [f"{table}{places[k]}" for k in ("limits", "multiplicity", "routing", "printed") if k in places]
    note = (
        f"报告中未经方案声明者：{'、'.join(extra)}，以及各检验的并列结果；均为说明，不作结论。"
        if zh
        else f"In the report without being declared: {', '.join(extra)} and the tests beside the chosen ones; they explain, "
        "and conclude nothing."
    )
    first = head("方案声明", "报告") if zh else head("Declared in the protocol", "Reported")
    rows = [Row((text(a), text(b))) for a, b in body]
    return writer.sheet(str(number), "declared", (first,), rows, [(Word(note),)])


def _window_label(writer: Writer, window: Window) -> str:
    own = (
        writer.protocol.timepoints[window.timepoint].window
        if window.timepoint in writer.protocol.timepoints
        else None
    )
    zh = writer.language == "zh"
    before = (
        ""
        if own is None
        else (f"（方案 {own[0]}～{own[1]} 日）" if zh else f" (protocol: {own[0]} to {own[1]})")
    )
    span = f"第 {window.first}～{window.last} 日" if zh else f"days {window.first} to {window.last}"
    return f"{window.timepoint} {span}{before}"


def _windowed(writer: Writer, window: Window, places: dict[str, str]) -> str:
    """Where a declared window stands, or why the locked values cannot answer it."""
    if window.rows is not None and "robust" in places:
        return f"{writer.say('table')}{places['robust']}"
    return _ELSEWHERE[writer.language]
