"""The table that says what the report's audit of itself looked at, and with which result."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.published import Signal
from analysis.published_words import CHECKS, lines
from analysis.report.cells import Row, Sheet, Word
from analysis.report.sheets import Writer, head, text

__all__ = ["own_audit"]


def own_audit(writer: Writer, number: int, signals: Sequence[Signal]) -> Sheet:
    """One row per kind of check: how many numbers went through it, how many do not fit, how many a convention explains."""
    zh = writer.language == "zh"
    first = head(*(
        ("核对内容", "核对数", "不符", "按约定说明")
        if zh
        else ("What the printed numbers imply", "Checked", "Do not fit", "Explained")
    ))  # fmt: skip
    body = [
        _row(CHECKS[check] if zh else _capital(check), [s for s in signals if s.check == check])
        for check in dict.fromkeys(s.check for s in signals)
    ]
    body.append(_row("合计" if zh else "All", signals, rule=True))
    return writer.sheet(
        str(number), "own", (first,), body, [(Word(note),) for note in _notes(signals, zh=zh)]
    )


def _row(words: str, signals: Sequence[Signal], *, rule: bool = False) -> Row:
    counted = (len(signals), sum(s.open for s in signals), sum(s.verdict == "otherwise" for s in signals))
    return Row((text(words), *(text(str(n)) for n in counted)), rule=rule)


def _notes(signals: Sequence[Signal], *, zh: bool) -> list[str]:
    """How it was done, and each number that only a convention explains."""
    told = [
        "取自本报告所印的数字（按其小数位），由均数、标准差、例数、统计量等相互推算；推算区间与所印区间不相交即为不符，"
        "有一项不符则不发布报告。所印数字另存于 reported.json，可用 cohortlock audit 重复核对。"
        if zh
        else "Taken from the numbers as this report prints them: each is recomputed from the others within their rounding, and "
        "one that cannot fit stops the release. reported.json holds them; cohortlock audit repeats this."
    ]
    _, explained = lines([s for s in signals if s.verdict == "otherwise"], "zh" if zh else "en")
    told += [
        (f"{row[1]}：{row[2]}，{row[-1]}。" if zh else f"{row[1]}: {row[2]}; {row[-1]}.") for row in explained
    ]
    return told


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
