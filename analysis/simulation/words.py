"""What a simulation found, told in Chinese and English: tables for a terminal, sentences, captions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analysis.groups import ALL, DIFFERENCE
from analysis.report.wording import Language
from analysis.simulation.people import Scenario
from analysis.simulation.performance import Performance, wilson
from analysis.simulation.questions import Question
from analysis.simulation.search import LEAST
from analysis.simulation.simulated import Simulated
from analysis.terms import DELTA, delta_of
from extract.study.protocol import Protocol

__all__ = ["HEAD_EFFECT", "HEAD_NOTHING", "caption", "effect_rows", "named", "nothing_rows", "sentences"]

HEAD_EFFECT: Final[dict[Language, tuple[str, ...]]] = {
    "zh": ("检验", "效能%", "95%区间", "真值", "偏倚", "(MCSE)", "经验SE", "模型SE", "RMSE", "覆盖率%", "S型%", "M型", "所需例数", ""),
    "en": ("question", "power %", "95 % MC", "truth", "bias", "(MCSE)", "emp. SE", "model SE", "RMSE", "cover %", "S %", "M", "n needed", ""),
}  # fmt: skip
HEAD_NOTHING: Final[dict[Language, tuple[str, ...]]] = {
    "zh": ("检验", "情景", "P<α 的%", "95%区间", "平均估计", "说明"),
    "en": ("question", "scenario", "P < alpha, %", "95 % MC", "mean estimate", ""),
}
_SCENARIOS: Final[dict[Scenario, dict[Language, str]]] = {
    "assumed": {"zh": "按假设", "en": "as assumed"},
    "unrelated": {"zh": "同质且互不相关", "en": "one kind, unrelated"},
    "null": {"zh": "无变化且互不相关", "en": "no change, unrelated"},
    "stable": {"zh": "未治疗而仍相关", "en": "stable, still related"},
    "entry": {"zh": "按初值入组，无变化", "en": "let in by first value"},
}
_TRAPS: Final[dict[str, dict[Language, str]]] = {
    "circular": {"zh": "循环比较：分组即由该值构成", "en": "circular: the groups are made of it"},
    "restricted": {"zh": "层内全距受限", "en": "range cut by the stratum"},
    "coupled": {"zh": "与初值数学耦合", "en": "coupled with the first value"},
}
_SIGNAL: Final = 0.05
_STRICT: Final = 3.29


def named(q: Question, protocol: Protocol, language: Language) -> str:
    """A question in words."""
    zh = language == "zh"
    name = getattr(protocol.variable_named(q.variable).label, language)
    if q.kind in {"correlation", "given_first", "two_r"}:
        return _pair(q, protocol, language)
    if q.kind == "own_first":
        return f"Δ{name}与其{q.timepoint}值的相关" if zh else f"Δ{name} with {name} at {q.timepoint}"
    if q.kind == "within":
        group = _group(q.group, protocol, language)
        return f"{name}变化，{group}" if zh else f"{name}, change, {group}"
    values = protocol.variable_named(q.variable).values
    code = next((getattr(v, language) for v in values if str(v.code) == q.of), "")
    if q.kind == "model":
        code = f"={code}" if code else ""
        return f"模型：{name}{code}" if zh else f"model: {name}{code}"
    if q.kind == "ancova":
        at = f"{name} {q.timepoint}值（校正初值）" if zh else f"{name} at {q.timepoint}, first value adjusted"
    elif q.timepoint == DELTA:
        at = f"{name}变化" if zh else f"{name}, change"
    else:
        at = f"{name} {q.timepoint}".rstrip()
    code = (f"：{code}" if zh else f": {code}") if code else ""
    return f"{at}{code}，组间" if zh else f"{at}{code}, groups"


def _pair(q: Question, protocol: Protocol, language: Language) -> str:
    """A question of two variables."""
    zh = language == "zh"
    name, other = (getattr(protocol.variable_named(i).label, language) for i in (q.variable, q.of))
    if q.kind == "two_r":
        return f"两层相关系数之差（Δ{name}与Δ{other}）" if zh else f"r of Δ{name}, Δ{other}: strata compared"
    if q.kind == "given_first":
        return f"Δ{name}与Δ{other}的偏相关（扣除初值）" if zh else f"Δ{name} with Δ{other}, first values out"
    group = _group(q.group, protocol, language)
    planned = next(
        p for p in protocol.analysis.correlate if (delta_of(p.x), delta_of(p.y)) == (q.variable, q.of)
    )
    x, y = (
        ("Δ" if term != i else "") + n
        for term, i, n in ((planned.x, q.variable, name), (planned.y, q.of, other))
    )
    return f"{x}与{y}的相关，{group}" if zh else f"{x} with {y}, {group}"


def _group(key: str, protocol: Protocol, language: Language) -> str:
    if key == ALL:
        return "总体" if language == "zh" else "all"
    if key in {"responder", "nonresponder"}:
        return str(getattr(protocol.outcome.labels[key == "responder"], language))
    if key == DIFFERENCE:
        return "组间" if language == "zh" else "groups"
    id_, _, code = key.partition("=")
    values = protocol.variable_named(id_).values
    return next((str(getattr(v, language)) for v in values if str(v.code) == code), key)


def effect_rows(told: Simulated, language: Language) -> Iterator[list[str]]:
    """One row a question, as assumed."""
    for q, p in told.found["assumed"].items():
        yield [
            named(q, told.protocol, language),
            _percent(p.rejected.value),
            f"{_percent(p.rejected_low)}-{_percent(p.rejected_high)}",
            _short(p.truth),
            _short(p.bias.value),
            "" if p.bias.mcse is None else f"({_short(p.bias.mcse)})",
            _short(p.empirical_se.value),
            _short(p.model_se.value),
            _short(p.rmse.value),
            _percent(p.coverage.value),
            _percent(p.type_s.value),
            _short(p.type_m.value),
            _needed(told, q),
            _TRAPS[q.trap][language] if q.trap else "",
        ]


def _needed(told: Simulated, q: Question) -> str:
    least = told.smallest.get(q)
    if least is None:
        return ""
    if least.n is None:
        return f">{least.tried}"
    return f"≤{LEAST}" if least.n == LEAST else str(least.n)


def nothing_rows(told: Simulated, language: Language) -> Iterator[list[str]]:
    """One row a question and scenario in which nothing happens: what is significant all the same."""
    for scenario in ("unrelated", "null", "entry", "stable"):
        for q, p in told.found.get(scenario, {}).items():
            yield [
                named(q, told.protocol, language),
                _SCENARIOS[scenario][language],
                _percent(p.rejected.value),
                f"{_percent(p.rejected_low)}-{_percent(p.rejected_high)}",
                _short(p.mean),
                _verdict(told, scenario, q, p, language),
            ]


def _verdict(told: Simulated, scenario: Scenario, q: Question, p: Performance, language: Language) -> str:
    zh, alpha = language == "zh", told.protocol.analysis.alpha
    if scenario == "stable":
        return "并非疗效：同次就诊即相关" if zh else "no effect of treatment: they go together at a visit"
    if scenario == "entry":
        return "向均数回归" if zh else "regression to the mean"
    if p.undefined > _SIGNAL * p.replications:
        share = _percent(p.undefined / p.replications)
        return f"{share}%无法计算" if zh else f"undefined in {share} %"
    if q.trap in {"circular", "coupled"} and q.kind != "model":
        return _TRAPS[q.trap][language]
    return _level(p, alpha, language)


def _level(p: Performance, alpha: float, language: Language) -> str:
    # Many questions are judged at once, so an interval of 99.9 % each.
    low, high = wilson(round((p.rejected.value or 0.0) * p.replications), p.replications, _STRICT)
    zh, en = ("I类错误符合名义水准", "type I error as stated")
    if low > alpha:
        zh, en = f"I类错误高于{alpha:g}", f"type I error above {alpha:g}"
    elif high < alpha:
        zh, en = f"I类错误低于{alpha:g}（保守）", f"type I error below {alpha:g}: conservative"
    return zh if language == "zh" else en


def sentences(told: Simulated, language: Language) -> Iterator[str]:
    """What a reader must know beside the tables: where the numbers are from, what they cannot say, how they were proved."""
    zh = language == "zh"
    worst = max((p.rejected.mcse or 0.0 for p in told.found["assumed"].values()), default=0.0)
    a = told.assumptions
    yield (
        f"n={told.n}，重复{told.replications}次，种子{told.seed}；效能的蒙特卡洛标准误不超过{100 * worst:.1f}个百分点；"
        f"真值取自100万名合格者；假设下缓解率{100 * told.response_rate:.1f}%"
        if zh
        else f"n = {told.n}, {told.replications} replications, seed {told.seed}; Monte Carlo standard error of power at most "
        f"{100 * worst:.1f} points; truths from a million of the eligible; {100 * told.response_rate:.1f} % respond as assumed"
    )
    source = a.source or "simulation.toml"
    yield f"假设来源：{source}" if zh else f"assumptions: {source}"
    if a.source.startswith("numbers printed"):
        yield (
            "若这些数字即本研究的结果，则所得为“事后效能”，只是P值的另一种说法（Hoenig & Heisey 2001），不能用于论证样本量"
            if zh
            else "if these are this study's own results, this is observed power: its P said in another way (Hoenig & Heisey "
            "2001), and no argument for its size"
        )
    yield from _strata(told, language)
    for one in told.realised:
        if abs(one.realised - one.assumed) > max(_SIGNAL * abs(one.assumed), 0.01):
            yield (
                f"{one.what}：假设{one.assumed:.3g}，按步长、取值范围与分布形状记录后为{one.realised:.3g}"
                if zh
                else f"{one.what}: {one.assumed:.3g} assumed, {one.realised:.3g} once recorded in steps, range and shape"
            )
    if told.unasked:
        names = ", ".join(told.unasked)
        yield f"未给假设、未模拟：{names}" if zh else f"nothing assumed, not simulated: {names}"
    p = told.proof
    yield (
        f"前{p.replications}次重复另经正式分析程序完整计算：{p.compared}个数字中{len(p.differ)}个不同"
        if zh
        else f"the first {p.replications} replications went through the analysis itself: {len(p.differ)} of {p.compared} numbers differ"
    )


def _strata(told: Simulated, language: Language) -> Iterator[str]:
    """The strata's correlations beside that of all, where one law made everybody."""
    found = told.found["assumed"]
    for whole in [q for q in told.asked if q.kind == "correlation" and q.group == ALL]:
        cut = [q for q in told.asked if q.trap == "restricted" and q.kind == "correlation" and (q.variable, q.of) == (whole.variable, whole.of)]  # fmt: skip
        if not cut:
            continue
        parts = [
            (
                _group(q.group, told.protocol, language),
                _short(found[q].truth),
                _percent(found[q].rejected.value),
            )
            for q in cut
        ]
        r = _short(found[whole].truth)
        if language == "zh":
            inside = "；".join(f"{g}内为{v}，有{p}%的研究P<α" for g, v, p in parts)
            yield f"总体相关系数{r}，全体服从同一规律；仅因按结局分层：{inside}。层间差异不说明规律不同"
        else:
            inside = "; ".join(f"{v} among {g}, significant in {p} % of studies" for g, v, p in parts)
            yield f"r is {r} and one law holds for everybody; cut by the outcome alone it is {inside}. Strata that differ do not show two laws"


def caption(told: Simulated, language: Language) -> str:
    """The caption of the figure."""
    alpha = told.protocol.analysis.alpha
    if language == "zh":
        return (
            f"图 模拟的检验效能。A：各检验的效能随例数变化（阴影为95%蒙特卡洛区间，竖线为计划例数{told.n}，横线为目标"
            f"{100 * told.power:g}%）。B：无效应时P<{alpha:g}的比例（虚线为名义水准；三角为由结局构成分组或与初值耦合者）。"
            f"每点{told.replications}次重复，种子{told.seed}。"
        )
    return (
        f"Figure. Power by simulation. A: power of each question by n (band: 95 % Monte Carlo interval; vertical: the "
        f"planned {told.n}; horizontal: the wanted {100 * told.power:g} %). B: share with P < {alpha:g} where there is no effect "
        f"(dashed: the stated level; triangles: groups made from the outcome, or coupled with the first value). "
        f"{told.replications} replications a point, seed {told.seed}."
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _short(value: float | None) -> str:
    """Three digits, no exponent; the sign of nought is not shown."""
    if value is None:
        return ""
    size = abs(value)
    places = 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{value:.{places}f}"
    return text.lstrip("-") if not float(text) else text
