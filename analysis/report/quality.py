"""Gilbert's eight questions to a chart review, answered from the protocol and the snapshot's own evidence.

Source: Gilbert EH, Lowenstein SR, Koziol-McLain J, Barta DC, Steiner J. Chart reviews in emergency medicine research:
Where are the methods? Ann Emerg Med 1996;27:305-8.  What a program cannot know is said to be for the authors.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.groups import ALL
from analysis.report.cells import Cell, Num, Piece, Row, Sheet, Sym, Word
from analysis.report.sheets import Writer, head, text
from analysis.report.wording import label_of

__all__ = ["gilbert"]


def gilbert(writer: Writer, number: int) -> Sheet:
    """The eight questions, what stands for them in the protocol and the snapshot, and what is left to the authors."""
    zh = writer.language == "zh"
    first = head("项目", "证据", "须由作者说明") if zh else head("Item", "Evidence", "For the authors to say")
    rows = [
        Row((text(name[0 if zh else 1]), evidence, text(left[0 if zh else 1])))
        for name, evidence, left in _items(writer)
    ]
    note = (
        "依 Gilbert 等（Ann Emerg Med 1996;27:305–8）病历回顾研究八项。" if zh
        else "The eight items of Gilbert et al. (Ann Emerg Med 1996;27:305-8) for chart reviews."
    )  # fmt: skip
    return writer.sheet(str(number), "gilbert", (first,), rows, [(Word(note),)])


def _items(writer: Writer) -> Iterator[tuple[tuple[str, str], Cell, tuple[str, str]]]:
    protocol, zh = writer.protocol, writer.language == "zh"
    pilot = protocol.review.pilot
    twice = [label_of(v.label, writer.language) for v in protocol.variable if v.entry == "double"]
    listed = ("、" if zh else ", ").join(twice) or "—"
    yield (
        ("培训", "Training"),
        text(
            (f"方案要求 {pilot.cases} 例预评审，κ ≥ {pilot.kappa_at_least} 或一致率 ≥ {pilot.or_agreement_at_least}" if zh
             else f"The protocol asks for {pilot.cases} pilot cases with kappa of at least {pilot.kappa_at_least} or agreement "
             f"of at least {pilot.or_agreement_at_least}")
            if pilot else ("方案未要求预评审" if zh else "The protocol asks for no pilot round")
        ),
        ("培训内容与评审者背景", "what was taught, and who the reviewers were"),
    )  # fmt: skip
    yield (
        ("病例选择", "Case selection"),
        text(
            f"检索式 {protocol.search.expression}；纳入 {len(protocol.include)} 条、排除 {len(protocol.exclude)} 条；流程图" if zh
            else f"Expression {protocol.search.expression}; {len(protocol.include)} criteria of inclusion, "
            f"{len(protocol.exclude)} of exclusion; the flow of participants"
        ),
        ("—", "—"),
    )  # fmt: skip
    yield (
        ("变量定义", "Definition of variables"),
        text(
            f"{len(protocol.variable)} 个变量，来源、单位与范围见数据集的 codebook.csv" if zh
            else f"{len(protocol.variable)} variables; source, unit and range in the dataset's codebook.csv"
        ),
        ("—", "—"),
    )  # fmt: skip
    yield (
        ("标准化表格", "Standard forms"),
        text(
            f"表格由方案生成；双人录入：{listed}"
            if zh
            else f"The form is made from the protocol; entered twice: {listed}"
        ),
        ("—", "—"),
    )
    yield (
        ("过程监督", "Monitoring"),
        text(
            "每一操作记入哈希链审计（audit.jsonl）"
            if zh
            else "Every action stands in a hash-chained audit (audit.jsonl)"
        ),
        ("是否定期开会及如何处理问题", "whether meetings were held, and how problems were settled"),
    )
    yield (
        ("盲法", "Blinding"),
        text(
            "两位评审者在双方完成之前互不可见对方意见" if zh
            else "Neither reviewer sees the other's opinion before both are done"
        ),
        ("评审者是否知晓研究假设", "whether the reviewers knew the hypothesis"),
    )  # fmt: skip
    yield (
        ("提及评审者间一致性", "Agreement mentioned"),
        text("两人独立评审，第三人仲裁" if zh else "Two independent reviewers, a third arbitrates"),
        ("—", "—"),
    )
    yield ("检验评审者间一致性", "Agreement tested"), Cell(tuple(_tested(writer))), ("—", "—")


def _tested(writer: Writer) -> Iterator[Piece]:
    """Kappa of the first opinions and the error rate of double entry, from the frame."""
    zh, find = writer.language == "zh", writer.frame.num
    key = ("agreement", "review", ALL, "")
    if isinstance(find(*key, "kappa", "f2"), Num):
        yield Word("首次意见 " if zh else "First opinions ", "name")
        yield Sym("n")
        yield Word(" = ")
        yield find(*key, "n", "i")
        yield Word("，一致率 " if zh else ", agreement ")
        yield find(*key, "percent", "c1")
        yield Word("%，") if zh else Word("%, ")
        yield Sym("κ")
        yield Word(" = ")
        yield find(*key, "kappa", "f2")
        yield Word(" (")
        yield find(*key, "ci_low", "f2")
        yield Word(", ")
        yield find(*key, "ci_high", "f2")
        yield Word(")")
    else:
        yield Word("数据集未附评审一致性" if zh else "The dataset carries no agreement of the reviewers")
    entry = ("agreement", "entry", ALL, "")
    if isinstance(find(*entry, "n", "i"), Num):
        yield Word("；双录入比对 " if zh else "; double entry compared ", "name")
        yield find(*entry, "n", "i")
        yield Word(" 项，不一致 " if zh else " fields, different ")
        yield find(*entry, "count", "i")
        yield Word(" (")
        yield find(*entry, "percent", "f2")
        yield Word("%)")
