"""The desk's words in Chinese and English; a page asks for a key and never holds a word itself."""

from __future__ import annotations

from typing import Final

__all__ = ["LANGUAGES", "WORDS", "language"]

LANGUAGES: Final = ("zh", "en")

WORDS: Final[dict[str, tuple[str, str]]] = {
    "desk": ("审阅台", "Desk"),
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出", "Sign out"),
    "account": ("账号", "Account"),
    "password": ("口令", "Password"),
    "purpose": (
        "我仅为本研究之目的查阅病历，遵守伦理批件。",
        "I read charts for this study only, under its ethics approval.",
    ),
    "approval": ("伦理批件号", "Ethics approval"),
    "no_approval": ("尚未填写", "not stated yet"),
    "simulated": ("演示：患者与数据均为模拟", "Demo: patients and data are simulated"),
    "queue": ("我的任务", "My work"),
    "candidate": ("候选者", "Candidate"),
    "progress": ("进度", "Progress"),
    "reopened": ("证据已变化，请重新判断", "evidence changed, judge again"),
    "open": ("打开", "Open"),
    "done": ("已完成", "done"),
    "nothing": ("暂无任务。", "Nothing to do here."),
    "judge": ("独立判断", "Judge"),
    "arbitrate": ("仲裁", "Arbitrate"),
    "enter": ("录入", "Enter"),
    "resolve": ("核对不一致", "Settle differences"),
    "owed": ("尚缺", "Still owed"),
    "owner": ("由谁完成", "Owed by"),
    "count": ("数量", "Count"),
    "chart": ("病历", "Chart"),
    "notes": ("文书与报告", "Notes and reports"),
    "document": ("文书", "note"),
    "imaging": ("影像", "imaging"),
    "visit": ("就诊", "visit"),
    "negated": ("否定", "negated"),
    "historical": ("既往", "historical"),
    "family": ("家族", "family"),
    "hypothetical": ("假设", "hypothetical"),
    "resolved": ("已愈", "resolved"),
    "patient": ("患者", "Patient"),
    "lab": ("检验", "Laboratory"),
    "diagnosis": ("诊断", "Diagnoses"),
    "medication": ("用药", "Drugs"),
    "procedure": ("手术与操作", "Procedures"),
    "scale": ("量表", "Scales"),
    "criteria": ("标准", "Criteria"),
    "include": ("纳入", "Include"),
    "exclude": ("排除", "Exclude"),
    "evidence": ("证据", "Evidence"),
    "no_evidence": ("未找到相关记录", "nothing found in the records"),
    "met": ("符合", "met"),
    "not_met": ("不符合", "not met"),
    "cannot_tell": ("无法判断", "cannot tell"),
    "reason": ("理由", "Reason"),
    "reason_needed": ("理由（必填）", "Reason (required)"),
    "by_rule": ("由方案规则判定", "decided by the protocol's rule"),
    "opinion_a": ("意见甲", "One opinion"),
    "opinion_b": ("意见乙", "Another opinion"),
    "ruling": ("仲裁结论", "Ruling"),
    "save": ("保存", "Save"),
    "pass": ("第 {n} 次录入", "Entry {n}"),
    "missing": ("缺失原因", "Missing because"),
    "value": ("值", "Value"),
    "first": ("第一次", "first"),
    "second": ("第二次", "second"),
    "third": ("第三个值", "a third value"),
    "not_documented": ("未记录", "not documented"),
    "not_done": ("未做", "not done"),
    "not_applicable": ("不适用", "not applicable"),
    "illegible": ("无法辨认", "illegible"),
    "wrong": ("未能完成", "That did not work"),
    "back": ("返回任务", "Back to my work"),
    "other_language": ("English", "中文"),
    "range": ("范围", "range"),
    "codes": ("代码", "codes"),
    "assignment": ("分配", "assignment"),
    "opinion": ("判断", "opinion"),
    "arbitration": ("仲裁", "arbitration"),
    "entry": ("录入", "entry"),
    "resolution": ("核对", "resolution"),
}


def language(cookie: str | None, accepted: str) -> str:
    """The page's language: the person's choice, else the browser's first that we have, else Chinese."""
    if cookie in LANGUAGES:
        return str(cookie)
    for part in accepted.split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in LANGUAGES:
            return tag
    return "zh"
