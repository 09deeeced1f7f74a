"""The checks of a study, compiled from its protocol: data, not code; no engine is named here but in words.

A rule is one expectation over one frame (``validate.checks.frames`` builds them).  Numbers are compared in
whole steps of their variable, so that no float decides what is in range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, cast

from extract.study.protocol import Label, LabSource, Protocol, Variable
from validate.checks.results import Severity
from validate.lock.columns import RESPONDER, Column, columns, ends, value_column

__all__ = ["FRAMES", "Rule", "compile_rules"]

Frame = Literal["participants", "long", "verdicts", "funnel", "values"]
FRAMES: tuple[Frame, ...] = ("participants", "long", "verdicts", "funnel", "values")


@dataclass(frozen=True)
class Rule:
    """One expectation: ``expectation`` by its name in Great Expectations, ``arguments`` as it takes them.

    ``looks_at`` are the columns that must hold something for the rule to have been evaluated at all.
    """

    id: str
    kind: str
    severity: Severity
    frame: Frame
    expectation: str
    arguments: dict[str, Any] = field(hash=False)
    label: Label
    looks_at: tuple[str, ...]
    only: tuple[str, tuple[Any, ...]] | None = None
    """A column and the values in it of the rows that the rule is about; None is every row."""


def compile_rules(protocol: Protocol) -> tuple[Rule, ...]:
    """Every rule of the protocol, in the order a reader expects: rows, values, times, derived, review."""
    return (
        Rule(
            "participants.unique",
            "unique",
            "error",
            "participants",
            "expect_column_values_to_be_unique",
            {"column": "key"},
            Label(zh="参与者编号不重复", en="participant ids are unique"),
            ("key",),
        ),
        Rule(
            "long.unique",
            "unique",
            "error",
            "long",
            "expect_compound_columns_to_be_unique",
            {"column_list": ["participant", "variable", "timepoint"]},
            Label(zh="长表每个参与者、变量、时点只有一行", en="one row per participant, variable, timepoint"),
            ("key",),
        ),
        *(rule for item in columns(protocol) if item.kind == "value" for rule in _of_value(item)),
        *_of_times(protocol),
        *(
            _pair(
                f"{item.name}.recomputed", item.kind, item.name, _said(item.label, "复算一致", "recomputed")
            )
            for item in columns(protocol)
            if item.kind in {"delta", "relief"}
        ),
        _pair(
            "responder.recomputed",
            "responder",
            RESPONDER,
            Label(zh="应答判定复算一致", en="responder recomputed"),
        ),
        _of_set(
            "participants.source",
            "source",
            "participants",
            "source",
            ["unchanged"],
            Label(
                zh="判定之后来源记录未变",
                en="the records say what they said when they were judged",
            ),
        ),
        *_of_review(),
    )


def steps(variable: Variable, value: Decimal) -> float:
    """``value`` in steps of ``variable``; exact for every limit that is a multiple of half a step."""
    return float(value / variable.step)


def _of_value(item: Column) -> Iterator[Rule]:
    variable = item.variable
    assert variable is not None  # noqa: S101 - columns of kind "value" have one
    name, label = item.name, item.label
    yield _regex(
        f"{name}.type", "type", f"{name}:text", _pattern(variable), _said(label, "类型正确", "has its type")
    )
    yield _of_set(
        f"{name}.stated",
        "stated",
        "participants",
        f"{name}:stated",
        ["value", "code"],
        _said(label, "有值或缺失代码，不可兼有", "has a value or a missing code, not both"),
    )
    yield _of_set(
        f"{name}.missing_code",
        "missing_code",
        "participants",
        f"{name}:missing",
        list(variable.missing),
        _said(label, "缺失代码合法", "has a legal missing code"),
    )
    if variable.required:
        yield Rule(
            f"{name}.not_null",
            "not_null",
            "error",
            "participants",
            "expect_column_values_to_not_be_null",
            {"column": f"{name}:text"},
            _said(label, "不缺失", "is not missing"),
            ("key",),
        )
    if variable.range:
        yield _between(item, "range", "error", variable.range, _said(label, "在范围内", "is in its range"))
    if variable.warn:
        yield _between(
            item,
            "warn_range",
            "warning",
            variable.warn,
            _said(label, "在常见范围内", "is in its usual range"),
        )
    if variable.values:
        codes = [value.code for value in variable.values]
        said = _said(label, "取值合法", "has legal codes")
        if variable.many:
            one = "|".join(str(code) for code in codes)
            yield _regex(f"{name}.legal", "legal_values", f"{name}:text", f"^({one})(;({one}))*$", said)
        else:
            yield _of_set(f"{name}.legal", "legal_values", "participants", f"{name}:recorded", codes, said)
    if not variable.many:
        yield _pair(
            f"{name}.as_recorded",
            "as_recorded",
            name,
            _said(label, "宽表与长表一致", "is the same in the wide and the long table"),
        )
    if variable.entry == "double":
        yield _of_set(
            f"{name}.double_entry",
            "double_entry",
            "participants",
            f"{name}:entries",
            ["agree", "resolved"],
            _said(label, "双录入一致或已裁定", "was entered twice, and agrees or is resolved"),
        )
    if any(isinstance(source, LabSource) for source in variable.source):
        yield _unit(item)


def _unit(item: Column) -> Rule:
    name, label = item.name, item.label
    return _of_set(
        f"{name}.unit",
        "unit",
        "participants",
        f"{name}:unit",
        ["known"],
        _said(label, "单位已知", "came in a known unit"),
    )


def _of_times(protocol: Protocol) -> Iterator[Rule]:
    for variable in protocol.variable:
        for timepoint in variable.at:
            low, high = protocol.timepoints[timepoint].window
            name = value_column(variable, timepoint)
            yield _of_set(
                f"{name}.dated",
                "dated",
                "participants",
                f"{name}:dated",
                ["yes"],
                Label(
                    zh=f"{variable.label.zh} {timepoint} 的日期可查",
                    en=f"{variable.label.en} {timepoint} has its day",
                ),
                "warning",
            )
            yield Rule(
                f"{name}.window",
                "window",
                "error",
                "participants",
                "expect_column_values_to_be_between",
                {"column": f"{name}:day", "min_value": low, "max_value": high},
                Label(
                    zh=f"{variable.label.zh} {timepoint} 在第 {low}~{high} 天",
                    en=f"{variable.label.en} {timepoint} is on day {low} to {high}",
                ),
                (f"{name}:day",),
            )
        if len(variable.at) > 1:
            first, last = ends(protocol, variable)
            before, after = (f"{value_column(variable, point)}:day" for point in (first, last))
            yield Rule(
                f"{variable.id}.order",
                "time_order",
                "error",
                "participants",
                "expect_column_pair_values_a_to_be_greater_than_b",
                {"column_A": after, "column_B": before, "ignore_row_if": "either_value_is_missing"},
                Label(
                    zh=f"{variable.label.zh} {first} 早于 {last}",
                    en=f"{variable.label.en}: {first} is before {last}",
                ),
                (before, after),
            )


def _of_review() -> Iterator[Rule]:
    yield _of_set(
        "verdicts.final",
        "reconciled",
        "verdicts",
        "final",
        ["met", "not_met"],
        Label(zh="每条标准都有最终判定", en="every criterion has a final verdict"),
    )
    yield _equal(
        "verdicts.eligible",
        "eligible",
        "verdicts",
        "final",
        "needed",
        Label(
            zh="参与者符合全部入选标准、不符合任何排除标准",
            en="participants meet every inclusion and no exclusion",
        ),
    )
    for name, severity, label in (
        (
            "sealed",
            "error",
            Label(zh="没有无证据的判定", en="no verdict without the evidence it was made on"),
        ),
        (
            "evidence",
            "warning",
            Label(zh="判定为符合者有证据可查", en="what is judged to hold has evidence to show"),
        ),
    ):
        yield Rule(
            f"verdicts.{name}",
            "evidence",
            cast("Severity", severity),
            "verdicts",
            "expect_column_values_to_be_between",
            {"column": name, "min_value": 1},
            label,
            (name,),
        )
    for count, zh, en in (("patients", "人数", "patients"), ("visits", "人次", "visits")):
        label = Label(zh=f"筛选流程{zh}闭合", en=f"the funnel closes in {en}")
        yield _equal(f"funnel.{count}", "funnel", "funnel", count, f"{count}:expected", label)
    yield _equal(
        "funnel.participants",
        "funnel",
        "funnel",
        "included",
        "rows",
        Label(zh="流程末端人数等于数据集行数", en="the funnel ends in as many as the dataset has rows"),
    )


def _said(label: Label, zh: str, en: str) -> Label:
    return Label(zh=f"{label.zh}{zh}", en=f"{label.en} {en}")


def _pattern(variable: Variable) -> str:
    if variable.many:
        return r"^-?\d+(;-?\d+)*$"
    if variable.categorical or not variable.decimals:
        return r"^-?\d+$"
    return rf"^-?\d+(\.\d{{1,{variable.decimals}}})?$"


def _regex(id_: str, kind: str, column: str, pattern: str, label: Label) -> Rule:
    return Rule(
        id_,
        kind,
        "error",
        "participants",
        "expect_column_values_to_match_regex",
        {"column": column, "regex": pattern},
        label,
        (column,),
    )


def _of_set(
    id_: str,
    kind: str,
    frame: Frame,
    column: str,
    legal: list[Any],
    label: Label,
    severity: Severity = "error",
) -> Rule:
    return Rule(
        id_,
        kind,
        severity,
        frame,
        "expect_column_values_to_be_in_set",
        {"column": column, "value_set": legal},
        label,
        (column,),
    )


def _between(
    item: Column, kind: str, severity: Severity, limits: tuple[Decimal, Decimal], label: Label
) -> Rule:
    assert item.variable is not None  # noqa: S101 - columns of kind "value" have one
    column = f"{item.name}:recorded"
    low, high = (steps(item.variable, limit) for limit in limits)
    return Rule(
        f"{item.name}.{kind}",
        kind,
        severity,
        "participants",
        "expect_column_values_to_be_between",
        {"column": column, "min_value": low, "max_value": high},
        label,
        (column,),
    )


def _pair(id_: str, kind: str, column: str, label: Label) -> Rule:
    """A stored column equals its recomputation; missing on one side only is a difference."""
    return _equal(id_, kind, "participants", column, f"{column}:recomputed", label)


def _equal(id_: str, kind: str, frame: Frame, first: str, second: str, label: Label) -> Rule:
    return Rule(
        id_,
        kind,
        "error",
        frame,
        "expect_column_pair_values_to_be_equal",
        {"column_A": first, "column_B": second, "ignore_row_if": "both_values_are_missing"},
        label,
        (first, second),
    )
