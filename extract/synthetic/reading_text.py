"""How a careful reader takes a demo note apart: sections, clauses, denials, lengths of time, scores.

Written from what the notes look like, not from the code that writes them or from any other reader of the
product: it is the measure that those are held against.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

__all__ = ["asserted", "clauses", "course", "flat", "score", "sections"]

_MARK: Final = re.compile(r"【([^】]{1,12})】|(专科检查|辅助检查|不良反应)：")
_WIDE: Final = {
    wide: wide - 0xFEE0
    for wide in (0xFF0E, *range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_BREAK: Final = re.compile(r"[，,。；;\n]")
_DENIAL: Final = re.compile(r"无|否认|未|排除|不支持|不考虑|（-）|阴性")
_CHINESE: Final = {
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
}
_N: Final = r"(\d+(?:\.\d+)?|[一二两三四五六七八九十])"
_YEARS: Final = re.compile(_N + r"年(半)?(?:" + _N + r"个?月)?")
_MONTHS: Final = re.compile(_N + r"个?(半)?月")
_SHORT: Final = re.compile(_N + r"(周|天)")
_DAYS: Final = {"周": Decimal("0.23"), "天": Decimal("0.033")}
_SCORE: Final = re.compile(r"(?:VAS|视觉模拟评分|疼痛评分|NRS)[^0-9，。；]{0,8}(\d{1,2}(?:\.\d)?)\s*分")


def flat(text: str) -> str:
    """Full-width letters, digits and points made plain; other marks kept, they end clauses."""
    return text.translate(_WIDE)


def sections(text: str) -> list[tuple[str, str]]:
    """(name, body) in order; what stands before the first mark has the name ''."""
    found, name, start = [], "", 0
    for match in _MARK.finditer(text):
        found.append((name, text[start : match.start()]))
        name, start = match[1] or match[2], match.end()
    found.append((name, text[start:]))
    return [(name, body) for name, body in found if body.strip()]


def clauses(text: str) -> Iterator[str]:
    """The text between commas and full stops; a list joined by 、 stays one clause."""
    return (clause for clause in _BREAK.split(text) if clause.strip())


def asserted(text: str, terms: tuple[str, ...]) -> list[str]:
    """The terms that some clause of ``text`` states without denying them; questionnaires do not count."""
    found = []
    for sentence in text.split("。"):
        if "量表" in sentence:
            continue
        for clause in clauses(sentence):
            # 无明显诱因出现 and 无诱因 are openings, not denials.
            plain = re.sub(r"无明显诱因|无诱因", "", clause)
            if not _DENIAL.search(plain):
                found += [term for term in terms if term in plain]
    return found


def _number(text: str) -> Decimal:
    return Decimal(_CHINESE[text]) if text in _CHINESE else Decimal(text)


def course(complaint: str) -> Decimal | None:
    """Months of the complaint: its first length of time; how long it has been worse does not count."""
    told = re.split(r"[，,]?(?:加重|再发)", complaint, maxsplit=1)[0]
    if match := _YEARS.search(told):
        months = _number(match[1]) * 12 + (6 if match[2] else 0)
        return months + (_number(match[3]) if match[3] else 0)
    if "半年" in told:
        return Decimal(6)
    if match := _MONTHS.search(told):
        return _number(match[1]) + (Decimal("0.5") if match[2] else 0)
    if match := _SHORT.search(told):
        return _number(match[1]) * _DAYS[match[2]]
    return Decimal("0.5") if "半月" in told else None


def score(text: str) -> Decimal | None:
    """The present score of a note: the last one told, since earlier scores are told before it."""
    found = _SCORE.findall(text)
    return Decimal(found[-1]) if found else None
