"""The report's sentences: main results, methods as they ran, and what the numbers cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.groups import ALL, DIFFERENCE
from analysis.plan import DELTA, PARTICIPANTS, delta_of
from analysis.report.cells import Num, Piece, Sym, Word
from analysis.report.sheets import Writer
from analysis.report.wording import method_name, with_unit
from extract.study.protocol import Correlation

__all__ = ["methods", "reading", "summary"]

Sentence = tuple[Piece, ...]


def _p(piece: Piece) -> Iterator[Piece]:
    yield Sym("P")
    small = isinstance(piece, Num) and piece.row.value is not None and piece.row.value < 0.001
    yield Word(" " if small else " = ")
    yield piece


def summary(writer: Writer) -> list[Sentence]:
    """The main results: who, the correlated changes, their correlation overall and by stratum."""
    zh = writer.language == "zh"
    frame = writer.frame
    who: list[Piece] = [Word("共纳入 " if zh else "Included: ")]
    for place, group in enumerate(writer.groups.columns):
        if place:
            who.append(Word(("，其中" if place == 1 else "、") if zh else "; "))
            who.append(Word(f"{writer.name(group)} "))
        who.append(frame.num("1", PARTICIPANTS, group.key, "", "n", "i"))
        who.append(Word(" 例" if zh else (" participants" if place == 0 else "")))
    who.append(Word("。" if zh else "."))
    sentences: list[Sentence] = [tuple(who)]
    for planned in writer.protocol.analysis.correlate:
        terms = [(delta_of(t), DELTA if delta_of(t) != t else "") for t in (planned.x, planned.y)]
        for id_, at in terms:
            if at == DELTA:
                sentences.append(tuple(_change(writer, id_)))
        sentences.append(tuple(_correlation(writer, planned)))
    return sentences


def _change(writer: Writer, id_: str) -> Iterator[Piece]:
    zh = writer.language == "zh"
    key = ("3", id_, ALL, DELTA)
    yield Word(f"{writer.quantity(id_, DELTA)}：" if zh else f"{writer.quantity(id_, DELTA)}: ")
    yield from writer.frame.mean_sd(*key)
    yield Word("（95%CI " if zh else " (95% CI ")
    yield writer.frame.num(*key, "ci_low", "f2")
    yield Word("～" if zh else " to ")
    yield writer.frame.num(*key, "ci_high", "f2")
    yield Word("）" if zh else ")")
    for group in writer.groups.levels:
        yield Word(f"，{writer.name(group)} " if zh else f"; {writer.name(group)} ")
        yield from writer.frame.mean_sd("2", id_, group.key, DELTA)
    statistic, p = writer.test("2", id_, DIFFERENCE, DELTA)
    if len(p.pieces) and isinstance(p.pieces[0], Num):
        yield Word("；组间 " if zh else "; between groups ")
        yield from statistic.pieces
        yield Word("，" if zh else ", ")
        yield from _p(p.pieces[0])
    yield Word("。" if zh else ".")


def _correlation(writer: Writer, planned: Correlation) -> Iterator[Piece]:
    zh = writer.language == "zh"
    x, y = delta_of(planned.x), delta_of(planned.y)
    at = DELTA if x != planned.x else ""
    name_x, name_y = (
        ("Δ" if i != t else "") + with_unit(writer.protocol, i, writer.language).split("/")[0].split(" (")[0]
        for i, t in ((x, planned.x), (y, planned.y))
    )
    yield Word(f"{name_x}与{name_y}：" if zh else f"{name_x} with {name_y}: ")
    places = (writer.groups.everyone, *(writer.groups.levels if planned.strata else ()))
    for place, group in enumerate(places):
        key = ("3", x, group.key, at)
        yield Word((("；" if zh else "; ") if place else "") + f"{writer.name(group)} ")
        yield Sym({"pearson": "r", "spearman": "ρ", "kendall": "τ"}[planned.method])
        yield Word(" = ")
        yield from writer.frame.marked((writer.frame.num(*key, "r", "f2", y),))
        yield Word("（95%CI " if zh else " (95% CI ")
        yield writer.frame.num(*key, "ci_low", "f2", y)
        yield Word("～" if zh else " to ")
        yield writer.frame.num(*key, "ci_high", "f2", y)
        yield Word("，" if zh else ", ")
        yield from _p(writer.frame.num(*key, "p", "p", y))
        yield Word("）" if zh else ")")
    yield Word("。" if zh else ".")


def methods(writer: Writer) -> Sentence:
    """What really ran, from the tests the plan chose, and the rules it chose them by."""
    zh = writer.language == "zh"
    plan = writer.protocol.analysis
    chosen = list(dict.fromkeys(route.method for route in writer.frame.results.routes))
    chosen += [f"{m.capitalize()} correlation" for m in dict.fromkeys(c.method for c in plan.correlate)]
    judge = {"shapiro": "Shapiro-Wilk", "lilliefors": "Kolmogorov-Smirnov (Lilliefors)"}.get(
        plan.normality.test
    )
    names = [method_name(m, writer.language) for m in chosen]
    if zh:
        words = (
            f"全部检验为双侧，检验水准 α = {plan.alpha}。"
            + (
                f"正态性以 {judge} 检验判断（{'分组' if plan.normality.by == 'group' else '合并'}，α = {plan.normality.alpha}），"
                if judge
                else "方案规定按正态处理，"
            )
            + f"方差齐性以 Levene 检验（以均数为中心）判断。实际采用：{'、'.join(names)}。"
            "均数与标准差对全部计量资料给出；四分位数按 HAVERAGE 法，秩检验的 Z 不作连续性校正，与 SPSS 一致。"
            "缺失值不填补，每项分析以有值者为准，例数列于各数字之旁。"
        )
    else:
        words = (
            f"All tests are two-sided at α = {plan.alpha}. "
            + (
                f"Normality is judged by the {judge} test "
                f"({'in each group' if plan.normality.by == 'group' else 'in all together'}, α = {plan.normality.alpha}), "
                if judge
                else "Normality is taken as given by the protocol, "
            )
            + f"equality of variances by Levene's test about the mean. Tests that ran: {', '.join(names)}. "
            "Means and standard deviations are given for every measurement; quartiles are by HAVERAGE and the Z of "
            "rank tests has no continuity correction, as in SPSS. Missing values are not imputed; each analysis uses "
            "those with a value, and n goes with every number."
        )
    return (Word(words),)


def reading(writer: Writer) -> list[Sentence]:
    """What follows from how the groups and changes are built, whatever the numbers are."""
    zh = writer.language == "zh"
    notes: list[str] = []
    protocol = writer.protocol
    tested = {t.variable for t in (*protocol.outcome.responder.any, *protocol.outcome.responder.all)}
    names = [with_unit(protocol, v, writer.language).split("/")[0].split(" (")[0] for v in sorted(tested)]
    if protocol.analysis.group == "responder":
        listed = "、".join(names) if zh else ", ".join(names)
        notes.append(
            f"分组由 {listed} 的变化定义，因此 {listed} 变化的组间差异是分组的结果，不是发现。"
            if zh
            else f"The groups are defined by the change of {listed}: a difference between them in that change is how they "
            "were made, not a finding."
        )
    cut = [
        c
        for c in protocol.analysis.correlate
        if c.strata == "responder" and {delta_of(c.x), delta_of(c.y)} & tested
    ]
    if cut:
        notes.append(
            "分层相关以结局变量本身分层，各层内该变量的取值范围被截断，层内 r 会因此变小，不宜与总体 r 直接比较。"
            if zh
            else "The strata cut the outcome's own range, which by itself lowers r within them; it does not compare with the "
            "overall r."
        )
    if any(c.x != delta_of(c.x) and c.y != delta_of(c.y) for c in protocol.analysis.correlate):
        notes.append(
            "无对照组时，治疗前后变化包含向均数回归；两个变化量同时受时间和回归影响，相关不等于因果。"
            if zh
            else "Without a control group a change includes regression to the mean; two changes share time and regression, so "
            "their correlation is no proof of a cause."
        )
    notes.append(
        "总体列由全部参与者直接计算，与各组的例数、均数和标准差在算术上一致。"
        if zh
        else "The overall column is computed from all participants and agrees arithmetically with the groups' n, mean and SD."
    )
    return [(Word(note),) for note in notes]
