"""The search and the criteria of a protocol as sentences in plain Chinese and English."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from extract.study.expression import And, Node, Not, Or, Term
from extract.study.keywords import Matcher
from extract.study.protocol import Criterion, Protocol, Rule

__all__ = ["criterion_words", "rule_words", "search_words"]

Words = tuple[str, str]
"""Chinese, English."""

_FIELDS: Final[dict[str, Words]] = {
    "document": ("病历文书", "documents"),
    "diagnosis": ("诊断", "diagnoses"),
    "imaging": ("影像报告", "imaging reports"),
    "lab": ("检验项目", "laboratory items"),
    "medication": ("用药", "drugs"),
    "procedure": ("手术操作", "procedures"),
}


def search_words(protocol: Protocol) -> dict[str, str]:
    """The search as one sentence in each language."""
    search, matcher = protocol.search, Matcher.of(protocol.search)
    scopes = list(dict.fromkeys(scope for leaf in matcher.leaves for scope in leaf.scopes))
    zh, en = _node(matcher.expression)
    where = "、".join(_FIELDS[s][0] for s in scopes), ", ".join(_FIELDS[s][1] for s in scopes)
    folded = search.match == "folded"
    return {
        "zh": f"{search.from_}至{search.to}期间的就诊，其{where[0]}中出现：{zh}"
        + ("（全半角、大小写、繁简及同义词均视为相同）" if folded else "（按原文逐字匹配）"),
        "en": f"visits from {search.from_} to {search.to} whose {where[1]} contain {en}"
        + (" (width, case, script and synonyms aside)" if folded else " (letter by letter)"),
    }


def _node(node: Node) -> Words:
    match node:
        case Term():
            fields = [_FIELDS[s] for s in node.scopes] if len(node.scopes) == 1 else []
            zh, en = (f"（{fields[0][0]}）", f" (in {fields[0][1]})") if fields else ("", "")
            return f"“{node.text}”{zh}", f'"{node.text}"{en}'
        case Not():
            zh, en = _node(node.child)
            return f"未出现{zh}", f"not {en}"
        case And() | Or():
            parts = [_node(child) for child in node.children]
            marks = ("且", " and ") if isinstance(node, And) else ("或", " or ")
            zh, en = marks[0].join(p[0] for p in parts), marks[1].join(p[1] for p in parts)
            return f"（{zh}）", f"({en})"
    raise TypeError(type(node).__name__)


def criterion_words(protocol: Protocol, criterion: Criterion) -> dict[str, Any]:
    """A criterion: its label, its rule in words, and whether the machine may decide alone."""
    zh, en = rule_words(protocol, criterion.rule)
    return {
        "id": criterion.id,
        "kind": "include" if criterion in protocol.include else "exclude",
        "auto": criterion.auto,
        "label": criterion.label.model_dump(),
        "zh": zh,
        "en": en,
    }


def rule_words(protocol: Protocol, rule: Rule) -> Words:
    """A rule in words, read off the rule itself and not off its label."""
    if rule.all is not None or rule.any is not None:
        parts = [_bracketed(protocol, one) for one in rule.all or rule.any or ()]
        zh, en = ("且", " and ") if rule.all is not None else ("或", " or ")
        return zh.join(p[0] for p in parts), en.join(p[1] for p in parts)
    if rule.not_ is not None:
        zh, en = _bracketed(protocol, rule.not_)
        return f"非{zh}", f"not {en}"
    zh, en = _leaf(protocol, rule)
    when_zh, when_en = _when(rule)
    return when_zh + zh, en + when_en


def _bracketed(protocol: Protocol, rule: Rule) -> Words:
    zh, en = rule_words(protocol, rule)
    return (f"（{zh}）", f"({en})") if rule.all or rule.any else (zh, en)


def _leaf(protocol: Protocol, rule: Rule) -> Words:  # noqa: PLR0911 - one return for each kind of leaf
    match rule.leaf:
        case "variable":
            variable = next(v for v in protocol.variable if v.id == rule.variable)
            unit = variable.unit
            zh, en = _range(rule, unit.zh if unit else "", unit.en if unit else "")
            return f"{variable.label.zh}{zh}", f"{variable.label.en} {en}"
        case "lab":
            return f"查有{rule.lab}", f"{rule.lab} was measured"
        case "imaging":
            return f"做过{_or(rule.imaging, '或')}", f"{_or(rule.imaging, ' or ')} was done"
        case "diagnosis":
            return f"诊断编码在{_or(rule.diagnosis, '、')}", f"a diagnosis coded {_or(rule.diagnosis, ', ')}"
        case "procedure":
            return f"做过手术操作“{rule.procedure}”", f"a procedure of the list {rule.procedure}"
        case "medication":
            return (
                f"使用过{_or(rule.medication, '或')}类药物",
                f"drugs of the list {_or(rule.medication, ' or ')}",
            )
        case "text":
            return (
                f"病历提及{_or(rule.text, '、')}（非否定）",
                f"notes mention {_or(rule.text, ', ')} (not negated)",
            )
        case "missing":
            return f"缺少{_or(rule.missing, '、')}之一", f"any of {_or(rule.missing, ', ')} is missing"
        case _:
            return f"由人判断：{rule.judge}", f"a person judges: {rule.judge}"


def _range(rule: Rule, zh: str, en: str) -> Words:
    said: list[Words] = []
    if rule.between is not None:
        low, high = (_number(n) for n in rule.between)
        said.append((f"在{low}～{high}{zh}", f"from {low} to {high} {en}".rstrip()))
    if rule.at_least is not None:
        said.append((f"≥{_number(rule.at_least)}{zh}", f"at least {_number(rule.at_least)} {en}".rstrip()))
    if rule.at_most is not None:
        said.append((f"≤{_number(rule.at_most)}{zh}", f"at most {_number(rule.at_most)} {en}".rstrip()))
    if rule.is_ is not None:
        said.append((f"为{rule.is_}", f"is {rule.is_}"))
    if not said:
        return "有记录", "is recorded"
    return "且".join(s[0] for s in said), " and ".join(s[1] for s in said)


def _when(rule: Rule) -> Words:
    zh, en = "", ""
    if rule.at:
        points = [rule.at] if isinstance(rule.at, str) else list(rule.at)
        zh, en = f"{'、'.join(points)}时", f" at {' and '.join(points)}"
    if rule.before_days is not None:
        zh, en = f"{zh}此前{rule.before_days}天内", f"{en} within {rule.before_days} days before"
    return zh, en


def _or(words: tuple[str, ...] | None, mark: str) -> str:
    return mark.join(words or ())


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
