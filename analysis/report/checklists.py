"""STROBE and RECORD, item by item: what of each the protocol, the snapshot and this report hold, and what is the authors'.

STROBE statement, checklist for cohort studies (von Elm and others, PLoS Med 2007;4:e296); RECORD, its extension to data
collected for care (Benchimol and others, PLoS Med 2015;12:e1001885).  Items are named in our own words by their number;
nothing is ticked that a reader cannot find at the place named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from analysis.groups import ALL
from analysis.report.cells import Cell, Num, Row, Sheet, Word
from analysis.report.sheets import Writer, head, text
from analysis.report.wording import label_of

__all__ = ["record", "strobe"]

Told = tuple[str, str]
Answer = Callable[[Writer], Told | None]
Item = tuple[str, str, str, Answer]


def _authors(_: Writer) -> Told | None:
    return None


def _said(zh: str, en: str) -> Answer:
    return lambda _: (zh, en)


def _title(writer: Writer) -> Told:
    title = writer.protocol.study.title
    return (
        f"{title.zh}；设计（回顾性队列）须在题名或摘要写明",
        f"{title.en}; the design (retrospective cohort) is to be named",
    )


def _window(writer: Writer) -> Told:
    search = writer.protocol.search
    points = "; ".join(
        f"{name} {point.window[0]}～{point.window[1]} d"
        for name, point in writer.protocol.timepoints.items()
        if point.window
    )
    first, last = search.from_, search.to
    return (
        f"{first} 至 {last} 的就诊；{points}",
        f"visits from {first} to {last}; {points.replace('～', ' to ')}",
    )


def _criteria(writer: Writer) -> Told:
    n, m = len(writer.protocol.include), len(writer.protocol.exclude)
    return (
        f"纳入 {n} 条、排除 {m} 条，均写入方案；两人独立评审，第三人仲裁",
        f"{n} criteria of inclusion and {m} of exclusion in the protocol; two blind reviewers, a third arbitrates",
    )


def _variables(writer: Writer) -> Told:
    n = len(writer.protocol.variable)
    return (
        f"{n} 个变量的定义、单位与来源：codebook.csv",
        f"{n} variables with definition, unit and source: codebook.csv",
    )


def _sources(writer: Writer) -> Told:
    twice = [label_of(v.label, "zh") for v in writer.protocol.variable if v.entry == "double"]
    other = [label_of(v.label, "en") for v in writer.protocol.variable if v.entry == "double"]
    return (
        f"检验与文书由医院信息系统只读抽取；双人录入：{'、'.join(twice) or '无'}",
        f"laboratory and notes read from the hospital's system; entered twice: {', '.join(other) or 'none'}",
    )


def _bias(writer: Writer) -> Told:
    _ = writer
    return (
        "盲法双评审与双录入减少信息偏倚；选择偏倚见流程图与“解读须知”",
        "blind double review and double entry against information bias; selection: the flow and How to read these numbers",
    )


def _missing(writer: Writer) -> Told:
    found = "multiple_imputation" in writer.protocol.analysis.sensitivity
    extra = ("，并声明多重填补" if found else "", "; multiple imputation is declared" if found else "")
    return (
        f"主分析不填补，例数列于各数字之旁{extra[0]}",
        f"not imputed in the main analysis, n beside each number{extra[1]}",
    )


def _sensitivity(writer: Writer) -> Told:
    n = len(writer.protocol.analysis.sensitivity)
    return f"方案声明 {n} 项，见方案声明与报告对照", f"{n} declared; see Declared and reported"


def _ethics(writer: Writer) -> Told | None:
    ethics = writer.protocol.study.ethics
    if not ethics.approval:
        return None
    return (
        f"伦理批准：{ethics.approval}；知情同意：{ethics.consent}",
        f"ethics: {ethics.approval}; consent: {ethics.consent}",
    )


def _expression(writer: Writer) -> Told:
    search = writer.protocol.search
    return (
        f"检索式 {search.expression}（{search.match}）；编码见方案",
        f"expression {search.expression} ({search.match}); codes in the protocol",
    )


_STROBE: Final[tuple[Item, ...]] = (
    ("1", "题名与摘要", "Title and abstract", _title),
    ("2", "背景与依据", "Background and rationale", _authors),
    ("3", "目的与假设", "Objectives and hypotheses", _authors),
    ("4", "研究设计", "Study design", _said("方案 study.toml，锁库前固定，哈希见页首", "study.toml, fixed before the lock; its hash is on the first page")),
    ("5", "场所与时间", "Setting and dates", _window),
    ("6", "参与者的选择", "Participants", _criteria),
    ("7", "变量定义", "Variables", _variables),
    ("8", "数据来源与测量", "Data sources and measurement", _sources),
    ("9", "偏倚", "Bias", _bias),
    ("10", "样本量", "Study size", _said("纳入时间窗内全部符合者；检验效能可由 cohortlock simulate 给出", "everybody eligible in the window; power by cohortlock simulate")),
    ("11", "计量变量的处理", "Quantitative variables", _said("不分组，按原单位分析", "analysed in their own unit, not cut into classes")),
    ("12a", "统计方法", "Statistical methods", _said("“统计学方法”与检验选择表", "Statistical methods and How each test was chosen")),
    ("12b", "亚组与交互", "Subgroups", lambda w: ("、".join(w.protocol.analysis.subgroups) or "未声明", ", ".join(w.protocol.analysis.subgroups) or "none declared")),
    ("12c", "缺失数据", "Missing data", _missing),
    ("12d", "失访", "Loss to follow-up", _said("末次测量缺失者见流程图与缺失表", "who lacks the last measurement: the flow and Missing values")),
    ("12e", "敏感性分析", "Sensitivity analyses", _sensitivity),
    ("13", "各阶段人数", "Numbers at each stage", _said("流程图", "the flow of participants")),
    ("14", "基线特征与缺失例数", "Descriptive data", _said("表1，缺失表", "Table 1 and Missing values")),
    ("15", "结局数据", "Outcome data", _said("表2", "Table 2")),
    ("16", "主要结果与区间", "Main results with intervals", _said("表2、表3；调整后结果见多因素模型", "Tables 2 and 3; adjusted: the multivariable model")),
    ("17", "其他分析", "Other analyses", _said("敏感性、亚组与多重性各表", "the tables of sensitivity, subgroups and multiplicity")),
    ("18", "主要结果概述", "Key results", _said("“主要结果”", "Main results")),
    ("19", "局限性", "Limitations", _said("“解读须知”与“能说明与不能说明什么”可作依据，由作者撰写", "How to read these numbers and What a correlation can and cannot say; the words are the authors'")),
    ("20", "解释", "Interpretation", _authors),
    ("21", "外推性", "Generalisability", _authors),
    ("22", "资助", "Funding", _authors),
)  # fmt: skip

_RECORD: Final[tuple[Item, ...]] = (
    ("1.1", "数据类型与数据库名称", "Type of data and names of databases", _authors),
    ("1.2", "地区与时间范围", "Region and time frame", _window),
    ("1.3", "数据库间链接", "Linkage between databases", _said("未跨库链接；住院与门诊记录以患者编号关联", "none between databases; visits are joined by the hospital's patient number")),
    ("6.1", "人群选择方法（编码与算法）", "How the population was selected (codes, algorithms)", _expression),
    ("6.2", "选择方法的验证", "Validation of the selection", lambda w: _agreed(w)),  # noqa: PLW0108 - defined below
    ("6.3", "链接流程图", "Flow of the linkage", _said("流程图；无跨库链接", "the flow of participants; no linkage")),
    ("7.1", "编码与算法的完整清单", "Complete list of codes and algorithms", _said("study.toml 与快照的 sql/", "study.toml and sql/ in the snapshot")),
    ("12.1", "研究者对数据库的访问范围", "Access to the database population", _said("只读，限检索时间窗内的记录；sql/ 为实际运行的语句", "read only, records of the search window; sql/ holds the statements that ran")),
    ("12.2", "数据清洗方法", "Data cleaning", _said("checks.json 为全部核查及其结果", "checks.json holds every check and its result")),
    ("12.3", "链接方法与质量", "Linkage methods and quality", _said("无跨库链接", "no linkage between databases")),
    ("13.1", "人群筛选各步人数", "Selection with numbers at each step", _said("流程图", "the flow of participants")),
    ("19.1", "使用非为研究采集之数据的影响", "Implications of data not made for research", _authors),
    ("22.1", "方案、原始数据与程序的获取", "Access to protocol, data and code", _said("study.toml、sql/、rerun.R、rerun.sps 与 results.csv；数据获取由作者说明", "study.toml, sql/, rerun.R, rerun.sps and results.csv; access to data is for the authors to say")),
)  # fmt: skip


def _agreed(writer: Writer) -> Told | None:
    """Agreement of the two blind reviewers; the numbers stand in the table of Gilbert's items."""
    if not isinstance(writer.frame.num("agreement", "review", ALL, "", "kappa", "f2"), Num):
        return None
    return (
        "每位候选者由两人盲法评审，一致性见病历回顾研究质量八项",
        "each candidate judged blind by two; agreement stands in Quality of a chart review",
    )


def _rows(writer: Writer, items: tuple[Item, ...]) -> Iterator[Row]:
    zh = writer.language == "zh"
    mine = "由作者撰写" if zh else "for the authors"
    for number, name_zh, name_en, answer in items:
        told = answer(writer)
        words = mine if told is None else told[0 if zh else 1]
        item = Cell((Word(number),), label=True)
        yield Row((item, text(name_zh if zh else name_en), text(words, muted=told is None)))


def _sheet(writer: Writer, number: int, name: str, items: tuple[Item, ...], source: str) -> Sheet:
    first = (
        head("条目", "内容", "证据与所在位置")
        if writer.language == "zh"
        else head("Item", "What", "Evidence and where")
    )
    rows = list(_rows(writer, items))
    answered = sum(not row.cells[2].muted for row in rows)
    note = {
        "zh": f"{len(rows)} 条中 {answered} 条由方案、数据集与本报告填写，其余由作者撰写。{source}",
        "en": f"{answered} of {len(rows)} items are filled from the protocol, the dataset and this report; the rest is for the "
        f"authors. {source}",
    }[writer.language]
    return writer.sheet(str(number), name, (first,), rows, [(Word(note),)])


def strobe(writer: Writer, number: int) -> Sheet:
    """The STROBE checklist for cohort studies."""
    return _sheet(writer, number, "strobe", _STROBE, "von Elm E, et al. PLoS Med 2007;4:e296.")


def record(writer: Writer, number: int) -> Sheet:
    """What RECORD adds for data collected for care."""
    return _sheet(writer, number, "record", _RECORD, "Benchimol EI, et al. PLoS Med 2015;12:e1001885.")
