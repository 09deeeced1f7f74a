"""The audit of published numbers for people to read, in English and Chinese: what is open, what one test alone gives."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from analysis.interval import Interval
from analysis.published import Signal
from analysis.published_proofs import THEOREMS
from analysis.witness import Decision

__all__ = ["CHECKS", "decision_lines", "lines", "ordered", "spoken_proofs"]

CHECKS: Final = {
    "P by Pearson's chi-square": "P（Pearson χ²）",
    "P by Yates's chi-square": "P（连续性校正χ²）",
    "P by Fisher's exact test": "P（Fisher确切概率法）",
    "sum of the groups": "各组之和",
    "P by Student's t": "P（Student t）",
    "P by Welch's t": "P（Welch t）",
    "overall mean from the groups": "由各组推得的总体均数",
    "overall SD from the groups": "由各组推得的总体标准差",
    "least overall SD that the groups' means alone force": "仅由各组均数之差决定的总体标准差下限",
    "T1 mean minus T0 mean": "治疗后均数减治疗前均数",
    "correlation within pairs implied by the SDs": "三个标准差推得的配对内相关",
    "GRIM: a mean of values in steps": "GRIM：按步长记录的数值能否有此均数",
    "GRIMMER: an SD of values in steps": "GRIMMER：按步长记录的数值能否有此标准差",
    "threshold against mean, sign and SD": "分组阈值与均数、符号、标准差是否相容",
    "chi-square by Pearson": "χ²（Pearson）",
    "chi-square by Yates": "χ²（连续性校正）",
    "percent of the count": "由例数推得的百分比",
    "P of the printed statistic": "由所印统计量推得的 P",
    "median between its quartiles": "中位数介于两个四分位数之间",
    "quantile against mean and SD": "分位数与均数、标准差是否相容",
    "lower 95% limit of r by Fisher's z": "r 的95%置信区间下限（Fisher z）",
    "upper 95% limit of r by Fisher's z": "r 的95%置信区间上限（Fisher z）",
    "printed alike everywhere": "同一数字各处所印一致",
    "square of r": "r 的平方",
    "Student's t between the groups": "组间 t（Student）",
    "Welch's t between the groups": "组间 t（Welch）",
    "paired t of the change": "变化量的配对 t",
    "t of the printed r": "由所印 r 推得的 t",
    "P of the printed r": "由所印 r 推得的 P",
    "lower 95% limit of the mean": "均数95%置信区间下限",
    "upper 95% limit of the mean": "均数95%置信区间上限",
    "overall r forced by the groups": "由各组数字决定的总体 r",
    "declared and reported": "方法中声明者是否见于结果",
}
"""Every check's name, and what it is called in Chinese."""
_VERDICTS: Final = {"differs": "不一致", "impossible": "不可能", "otherwise": "另法一致"}
_NOTES: Final = (
    (r"declared among the methods, not among the printed results", "方法中已声明，所印结果中没有"),
    (r"no data have these group means and this overall SD", "没有任何数据能同时具有这些组均数与此总体标准差"),
    (
        r"no (\d+) values in steps of (\S+) have this mean and this SD",
        r"以 \2 为步长的 \1 个数值不可能同时有此均数与标准差",
    ),
    (r"no (\d+) values in steps of (\S+) have this mean", r"以 \2 为步长的 \1 个数值不可能有此均数"),
    (r"at most (\d+) of (\d+) keep '(.*)' as printed", r"按所印数字，\2 例中至多 \1 例满足“\3”"),
    (r"the numbers are not of the same people: n differs", "所比数字并非来自同一批患者：n 不同"),
    (r"; with the sign turned, up to (\d+)", r"；符号相反时至多 \1 例"),
)
_HEAD: Final = {
    "en": ("verdict", "where", "check", "printed", "implied", "at the printed values", "note"),
    "zh": ("判定", "位置", "检查", "所印", "推得", "按印刷值", "说明"),
}


def lines(
    signals: Sequence[Signal], language: Literal["en", "zh"]
) -> tuple[tuple[str, ...], list[list[str]]]:
    """Head and rows: what is impossible, what differs, then the P that another usual test gives."""
    return _HEAD[language], [list(_row(s, language)) for s in ordered(signals)]


def ordered(signals: Sequence[Signal]) -> list[Signal]:
    """Those that are told to people, the gravest first."""
    order = ("impossible", "differs", "otherwise")
    return sorted((s for s in signals if s.verdict in order), key=lambda s: order.index(s.verdict))


def _row(signal: Signal, language: Literal["en", "zh"]) -> Iterator[str]:
    zh = language == "zh"
    yield _VERDICTS[signal.verdict] if zh else signal.verdict
    yield signal.where
    yield CHECKS[signal.check] if zh else signal.check
    yield _span(signal.printed)
    yield _span(signal.implied)
    yield "" if signal.point is None else f"{signal.point:.4g}"
    yield _note(signal.note) if zh else signal.note


def _note(text: str) -> str:
    for pattern, chinese in _NOTES:
        text = re.sub(pattern, chinese, text)
    return text


def _span(interval: Interval) -> str:
    """``low to high``; one number when both print alike; ``none`` when nothing can be it."""
    if interval.low > interval.high:
        return "∅"
    low, high = (f"{end:.4g}" if math.isfinite(end) else "" for end in (interval.low, interval.high))
    if not high:
        return f"≥ {low}"
    return low if low == high else f"{low}…{high}"


_DECISIONS: Final = {
    "witness": (
        "these {n} numbers can stand together: data were found",
        "这{n}个数字可以同时成立：已找到一组数据",
    ),
    "impossible": (
        "no data have all these numbers; the proofs:",
        "没有任何数据能同时具有这些数字；证明如下：",
    ),
    "unknown": ("neither data nor a proof were found", "既未找到数据，也未找到证明"),
}
_REST: Final = (
    "without the {k} refused numbers the other {n} can stand together: data were found",
    "除去上述{k}个数字，其余{n}个可以同时成立：已找到一组数据",
)
_STEP_WORDS: Final = (
    ("no common value", "两区间不相交"),
    ("implied ", "推得 "),
    ("printed ", "所印 "),
    ("; below ", "；以下比较 "),
    (" is compared", ""),
    ("no whole number lies in it", "其中没有整数"),
    ("in steps²", "（以步长²计）"),
    (", S at least the least", "（且 S 不小于下限）"),
    (" a whole number of k's parity", " 为与 k 同奇偶的整数"),
    ("for no whole sum k in ", "没有整数和 k 属于 "),
    (", so ", "，故 "),
    ("mean [", "均数 ["),
    (" range [", " 取值范围 ["),
)
_UNMET: Final = ("unknown: {names}", "未知：{names}")


def decision_lines(decision: Decision, language: Literal["en", "zh"]) -> Iterator[str]:
    """The verdict; each proof with its theorem and arithmetic; what the data found have."""
    at = 1 if language == "zh" else 0
    yield _DECISIONS[decision.verdict][at].format(n=len(decision.met))
    for proof in spoken_proofs(decision, language):
        yield f"{proof['where']}: {proof['says']}"
        yield from (f"    {step}" for step in proof["steps"])
    if decision.without and decision.met:
        yield _REST[at].format(k=len(decision.without), n=len(decision.met))
    if decision.unmet:
        yield _UNMET[at].format(names=", ".join(decision.unmet))


def spoken_proofs(decision: Decision, language: Literal["en", "zh"]) -> list[dict[str, Any]]:
    """Each proof's place, theorem and steps in the language."""
    at = 1 if language == "zh" else 0
    told = []
    for proof in decision.proofs:
        steps = list(proof.steps)
        if at:
            for english, chinese in _STEP_WORDS:
                steps = [step.replace(english, chinese) for step in steps]
        told.append({"where": proof.where, "says": THEOREMS[proof.theorem][at], "steps": steps})
    return told
