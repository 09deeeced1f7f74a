"""What the checks found as one HTML file in zh and en: offline, without a script, keys only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from extract.study.protocol import Protocol

__all__ = ["KINDS", "checks_page"]

_STATUSES: Final = ("fail", "error", "waived", "not_evaluated", "pass")
"""In the order in which a reader should see them."""
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "title": {"zh": "数据核查报告", "en": "Data checks"},
    "simulated": {"zh": "模拟数据", "en": "simulated data"},
    "protocol": {"zh": "方案", "en": "Protocol"},
    "good": {"zh": "没有阻止锁库的核查结果", "en": "No check stands in the way of the lock"},
    "bad": {"zh": "有核查结果阻止锁库", "en": "Checks stand in the way of the lock"},
    "pass": {"zh": "通过", "en": "pass"},
    "fail": {"zh": "未通过", "en": "fail"},
    "error": {"zh": "无法运行", "en": "could not run"},
    "not_evaluated": {"zh": "未评价", "en": "not evaluated"},
    "waived": {"zh": "豁免", "en": "waived"},
    "by_kind": {"zh": "按核查类型", "en": "By kind of check"},
    "all": {"zh": "全部核查", "en": "All checks"},
    "check": {"zh": "核查", "en": "Check"},
    "what": {"zh": "内容", "en": "What it asks"},
    "status": {"zh": "结果", "en": "Result"},
    "severity": {"zh": "级别", "en": "Severity"},
    "severe": {"zh": "错误", "en": "error"},
    "warning": {"zh": "警告", "en": "warning"},
    "rows": {"zh": "行数", "en": "Rows"},
    "failing": {"zh": "未通过行数", "en": "Rows that fail"},
    "keys": {"zh": "未通过的行", "en": "Which rows fail"},
    "conditions": {"zh": "锁库条件", "en": "Conditions of the lock"},
    "met": {"zh": "满足", "en": "met"},
    "open": {"zh": "未满足", "en": "open"},
    "owed": {"zh": "由谁完成", "en": "Owed by"},
    "no_value": {
        "zh": "本报告只列行的编号，不含任何数据值。",
        "en": "This report names rows by their keys and holds no value of the data.",
    },
}
KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "type": {"zh": "类型", "en": "type"},
    "range": {"zh": "范围", "en": "range"},
    "warn_range": {"zh": "警戒范围", "en": "warning range"},
    "legal_values": {"zh": "合法编码", "en": "legal values"},
    "missing_code": {"zh": "缺失编码", "en": "missing code"},
    "stated": {"zh": "值或缺失原因", "en": "value or reason"},
    "not_null": {"zh": "必填", "en": "required"},
    "unique": {"zh": "唯一", "en": "unique"},
    "as_recorded": {"zh": "宽表与长表一致", "en": "wide as recorded"},
    "dated": {"zh": "有日期", "en": "dated"},
    "window": {"zh": "时间窗", "en": "window"},
    "time_order": {"zh": "时间顺序", "en": "time order"},
    "delta": {"zh": "变化值复算", "en": "change recomputed"},
    "relief": {"zh": "缓解率复算", "en": "relief recomputed"},
    "responder": {"zh": "应答复算", "en": "responder recomputed"},
    "double_entry": {"zh": "双人录入", "en": "double entry"},
    "unit": {"zh": "单位", "en": "unit"},
    "reconciled": {"zh": "评审完成", "en": "reconciled"},
    "eligible": {"zh": "符合入选", "en": "eligible"},
    "evidence": {"zh": "证据", "en": "evidence"},
    "source": {"zh": "来源未变", "en": "source unchanged"},
    "drift": {"zh": "与上一版比较", "en": "drift"},
    "own": {"zh": "本单位核查", "en": "the site's own"},
    "two_people": {"zh": "两人独立", "en": "two people"},
    "third_person": {"zh": "第三人裁定", "en": "third person"},
    "settles": {"zh": "裁定有据", "en": "settles a difference"},
    "funnel": {"zh": "筛选流程", "en": "funnel"},
}
"""Kind of check -> its name for a reader."""


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template("page.html.j2")


def checks_page(
    protocol: Protocol, told: Mapping[str, Any], conditions: Iterable[Mapping[str, Any]] = ()
) -> bytes:
    """The page of ``told`` (``CheckReport.to_json``, or checks.json of a snapshot) and the lock's conditions.

    A waiver shows who and when; its reason is a person's own words and stays in the study database.
    """
    checks = sorted(told["checks"], key=lambda one: (_STATUSES.index(one["status"]), one["id"]))
    kinds = [kind for kind in KINDS if any(one["kind"] == kind for one in checks)]
    page = _template().render(
        protocol=protocol,
        told=told,
        checks=checks,
        conditions=list(conditions),
        statuses=_STATUSES,
        kinds=[(kind, _counted(one["status"] for one in checks if one["kind"] == kind)) for kind in kinds],
        kind_names=KINDS,
        say=lambda word, language: _WORDS[word][language],
    )
    return page.encode()


def _counted(statuses: Iterable[str]) -> dict[str, int]:
    found = Counter(statuses)
    return {status: found[status] for status in _STATUSES}
