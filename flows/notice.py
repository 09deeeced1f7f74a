"""The night's notice: how many candidates are new, have changed evidence, or vanished. Counts only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["notice", "notice_table"]

_WORDS = {
    "new": ("new candidates", "新候选病例"),
    "changed": ("candidates with changed evidence", "证据有变的候选病例"),
    "vanished": ("candidates that vanished", "不再符合的候选病例"),
    "reopened": ("opinions reopened", "重新打开的意见"),
}


def notice(queued: Mapping[str, Any]) -> dict[str, Any]:
    """The ``notice`` of ``pull --json``, from the counts of the queue: new, changed, vanished, reopened, text."""
    counts = {what: int(queued[what]) for what in _WORDS}
    new, changed, vanished, reopened = counts.values()
    return counts | {
        "text": {
            "en": f"{new} new candidates, {changed} with changed evidence, {vanished} vanished;"
            f" {reopened} opinions reopened",
            "zh": f"新候选病例 {new} 例，证据有变 {changed} 例，不再符合 {vanished} 例；重新打开意见 {reopened} 条",
        }
    }


def notice_table(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The counts of a notice as rows of a Prefect artifact."""
    return [{"what": en, "内容": zh, "count": told[what]} for what, (en, zh) in _WORDS.items()]
