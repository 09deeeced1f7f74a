"""What the report says, in Chinese and in English; the study's own words come from the protocol."""

from __future__ import annotations

from typing import Final, Literal

from analysis.dataset import Locked
from extract.study.protocol import Label, Protocol

__all__ = [
    "LANGUAGES",
    "METHODS",
    "PHRASES",
    "REASONS",
    "Language",
    "label_of",
    "method_name",
    "say",
    "step_label",
    "with_unit",
]

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, Language]] = ("zh", "en")


def _two(zh: str, en: str) -> dict[Language, str]:
    return {"zh": zh, "en": en}


PHRASES: Final[dict[str, dict[Language, str]]] = {
    "report": _two("统计分析报告", "Statistical report"),
    "simulated": _two(
        "模拟数据：患者与评审均为模拟，不得用于临床判断",
        "Simulated: patients and reviewers are simulated; not for clinical use",
    ),
    "snapshot": _two("锁定数据集", "Locked dataset"),
    "logical_hash": _two("内容哈希", "Content hash"),
    "protocol_hash": _two("方案哈希", "Protocol hash"),
    "participants": _two("参与者", "participants"),
    "click": _two(
        "点击任一数字，可见其方法、例数与参与者。", "Click any number for its method, n and participants."
    ),
    "summary": _two("主要结果", "Main results"),
    "methods": _two("统计学方法", "Statistical methods"),
    "h_baseline": _two("基线特征", "Baseline"),
    "h_change": _two("治疗前后变化", "Change"),
    "h_correlation": _two("变化量的相关性", "Correlation"),
    "h_printed": _two("与已发表数字的比较", "Beside the published numbers"),
    "flow": _two("病例筛选流程", "Flow of participants"),
    "baseline": _two("纳入患者的基线特征", "Baseline characteristics of the participants"),
    "change": _two("治疗前后各指标的变化", "Values before and after treatment, and their change"),
    "correlation": _two("变化量的相关性分析", "Correlation of the changes"),
    "scatter": _two("变化量散点图", "Scatter plot of the changes"),
    "paired": _two(
        "各组治疗前后配对变化（细线为个体，粗线为均数）",
        "Paired change: each participant (thin) and the mean (thick)",
    ),
    "distribution": _two("变化量的分布与正态Q-Q图", "Distribution of the changes with normal Q-Q plots"),
    "forest": _two("各亚组相关系数森林图", "Forest plot of the correlation by subgroup"),
    "missing_plot": _two("缺失模式", "Pattern of missing values"),
    "entries": _two("双人录入的Bland-Altman图", "Bland-Altman plot of the two entries"),
    "means": _two("各组治疗前后均数", "Group means before and after"),
    "safety": _two("安全性事件", "Safety events"),
    "missing": _two("缺失情况", "Missing values"),
    "h_around": _two("敏感性、亚组与多重性", "Sensitivity, subgroups and multiplicity"),
    "sensitivity": _two("组间变化量的敏感性分析", "Sensitivity of the comparison between groups"),
    "robust": _two("相关系数的敏感性与亚组分析", "The correlation again: sensitivity and subgroups"),
    "model": _two(
        "显著缓解的多因素模型及其内部验证", "Multivariable model of response with internal validation"
    ),
    "imputed": _two("完整病例与多重填补", "Complete cases and multiple imputation"),
    "limits": _two("变化量相关能说明与不能说明什么", "What a correlation of changes can and cannot say"),
    "multiplicity": _two("多重性一览", "Ledger of multiplicity"),
    "gilbert": _two("病历回顾研究质量八项", "Quality of a chart review: eight items"),
    "strobe": _two("STROBE 报告清单（队列研究）", "STROBE checklist (cohort studies)"),
    "record": _two(
        "RECORD 报告清单（常规采集的健康数据）", "RECORD checklist (routinely collected health data)"
    ),
    "h_own": _two("本报告数字的自检", "Audit of this report's own numbers"),
    "own": _two(
        "发布前对表1～3与正文所印数字的核对", "Printed numbers of Tables 1 to 3 and the text, before release"
    ),
    "h_quality": _two("报告规范", "Reporting guidelines"),
    "declared": _two("方案声明与报告对照", "Declared and reported"),
    "routing": _two("检验方法的选择及依据", "How each test was chosen"),
    "reading": _two("解读须知", "How to read these numbers"),
    "printed": _two("与已发表数字不一致者", "Numbers that differ from the published ones"),
    "index": _two("数字索引", "Index of numbers"),
    "table": _two("表", "Table "),
    "figure": _two("图", "Figure "),
    "item": _two("指标", "Variable"),
    "statistic": _two("统计量", "Statistic"),
    "group": _two("组别", "Group"),
    "time": _two("时间点", "Time point"),
    "category": _two("类别", "Category"),
    "overall": _two("总体", "Overall"),
    "between": _two("组间变化量比较", "Change between groups"),
    "delta": _two("变化量", "Change"),
    "relief": _two("缓解率", "relief"),
    "value": _two("数值", "Value"),
    "mean_sd": _two("均数±标准差", "mean ± SD"),
    "interval": _two("95%置信区间", "95% CI"),
    "pearson": _two("Pearson相关系数", "Pearson correlation"),
    "spearman": _two("Spearman等级相关系数", "Spearman correlation"),
    "kendall": _two("Kendall相关系数", "Kendall correlation"),
    "r2": _two("决定系数", "Coefficient of determination"),
    "between_groups": _two("组间比较", "Between groups"),
    "test": _two("所选检验", "Test chosen"),
    "reason": _two("依据", "Why"),
    "beside": _two("同时列出", "Beside it"),
    "ours": _two("本次计算", "Computed here"),
    "theirs": _two("已发表", "Published"),
    "n_missing": _two("缺失例数", "Missing, n"),
    "percent": _two("百分比/%", "%"),
    "none_missing": _two("全部指标均无缺失。", "No value is missing."),
    "no_flow": _two("数据集未附筛选流程。", "The dataset carries no flow."),
    "patients": _two("患者", "patients"),
    "visits": _two("就诊", "visits"),
    "excluded": _two("排除", "Excluded"),
    "fit": _two("总体回归直线及95%置信带", "Overall fit with 95% band"),
    "undefined": _two("—", "—"),
    "language": _two("语言", "Language"),
    "simulated_short": _two("模拟", "SIMULATED"),
}


METHODS: Final[dict[str, str]] = {
    "Student t test": "独立样本t检验",
    "Welch t test": "Welch校正t检验",
    "Mann-Whitney U test": "Mann-Whitney U检验",
    "paired t test": "配对样本t检验",
    "one-sample t test": "单样本t检验",
    "Wilcoxon signed-rank test": "Wilcoxon符号秩检验",
    "one-way ANOVA": "单因素方差分析",
    "Kruskal-Wallis H test": "Kruskal-Wallis H检验",
    "Student-Newman-Keuls": "SNK-q检验",
    "Tukey-Kramer": "Tukey-Kramer检验",
    "Kolmogorov-Smirnov (Lilliefors)": "Kolmogorov-Smirnov检验（Lilliefors校正）",
    "Kendall correlation": "Kendall相关",
    "Dunn, Holm-adjusted": "Dunn检验（Holm校正）",
    "Pearson chi-square": "Pearson χ²检验",
    "chi-square with Yates's correction": "连续性校正χ²检验",
    "likelihood-ratio chi-square": "似然比χ²检验",
    "Fisher exact test": "Fisher确切概率法",
    "Shapiro-Wilk": "Shapiro-Wilk检验",
    "Levene test (mean-centred)": "Levene检验（以均数为中心）",
    "arithmetic mean": "算术均数",
    "standard deviation, n - 1": "标准差（n−1）",
    "median": "中位数",
    "quartile, HAVERAGE": "四分位数（HAVERAGE）",
    "95% interval of the mean, t": "均数的95%置信区间（t分布）",
    "values that are there": "有值例数",
    "values that are not there": "缺失例数",
    "counted in the funnel": "筛选漏斗计数",
    "percent of participants": "占全部参与者的百分比",
    "participants": "参与者人数",
    "participants in the category": "该类别例数",
    "participants with both values": "两项均有值者",
    "percent of those with a value": "占有值者的百分比",
    "Pearson correlation": "Pearson相关",
    "Spearman correlation": "Spearman等级相关",
    "least squares line": "最小二乘直线",
    "analysis of covariance": "协方差分析",
    "logistic regression, Wald interval": "Logistic回归（Wald区间）",
    "logistic regression, Firth's penalty, profile interval": "Logistic回归（Firth惩罚，剖面似然区间）",
    "variance inflation factor": "方差膨胀因子",
    "participants with the outcome and all predictors": "结局与各预测变量均有值者",
    "participants in the smaller outcome": "较少一类结局的例数",
    "events per coefficient": "每个系数的事件数",
    "c-statistic in its own sample": "c统计量（建模样本）",
    "Welch analysis of variance": "Welch方差分析",
    "pairs of first opinions": "首次意见对数",
    "percent of first opinions that agree": "首次意见一致率",
    "Cohen kappa of first opinions": "首次意见的Cohen κ",
    "pairs of entries": "双录入对数",
    "mean difference of two entries, first minus second": "两次录入的平均差（首录−次录）",
    "standard deviation of the difference of two entries": "两次录入之差的标准差",
    "limit of agreement (Bland-Altman), 1.96 SD": "一致性界限（Bland-Altman，1.96 SD）",
    "fields that were entered twice": "双录入字段数",
    "fields whose two entries differ": "双录入不一致字段数",
    "percent of fields whose two entries differ": "双录入不一致率",
    "partial correlation, first values taken out": "偏相关（去除首次值）",
    "Pearson correlation: one participant left out": "Pearson相关：逐例剔除",
    "Pearson correlation with the change of itself": "首次值与自身变化量的Pearson相关",
    "Pearson correlation of the change with the mean of both values (Oldham)": "变化量与两次均值的Pearson相关（Oldham）",
    "r expected from the cut range alone (Thorndike 2)": "仅由取值范围截断所预期的r（Thorndike 2）",
    "SD within over SD of all": "层内标准差与总体标准差之比",
    "share of variance between the groups (eta squared)": "组间变异占总变异之比（η²）",
    "difference of two correlations, Fisher's z": "两相关系数之差（Fisher z）",
}
"""English name of a method, as in the frame -> the Chinese one."""

REASONS: Final[dict[str, dict[Language, str]]] = {
    "normal": _two("变化量符合正态分布", "the changes pass as normal"),
    "normal_equal": _two("各组正态，方差齐", "normal in each group, variances equal"),
    "normal_unequal": _two("各组正态，方差不齐", "normal in each group, variances unequal"),
    "not_normal": _two("不符合正态分布", "not normal"),
    "normality_unknown": _two(
        "例数过少或数值恒定，无法判断正态性", "too few or constant values to judge normality"
    ),
    "gilbert": _two("病历回顾研究质量八项", "Quality of a chart review: eight items"),
    "declared": _two("方案规定按正态处理", "taken as normal by the protocol"),
    "declared_equal": _two("方案规定按正态处理，方差齐", "taken as normal by the protocol, variances equal"),
    "declared_unequal": _two(
        "方案规定按正态处理，方差不齐", "taken as normal by the protocol, variances unequal"
    ),
    "counts_pearson": _two("期望频数足够", "expected counts suffice"),
    "counts_yates": _two("四格表，有期望频数过小", "fourfold table with a small expected count"),
    "counts_fisher": _two("期望频数过小", "expected counts too small"),
}

_STEPS: Final[dict[str, dict[Language, str]]] = {
    "window": _two("检索时间窗内全部就诊", "All visits in the search window"),
    "search": _two("数据库检索命中（超集）", "Found by the database search (superset)"),
    "match": _two("逐字核对检索式后符合", "Satisfy the search expression, matched exactly"),
    "included": _two("最终纳入", "Included"),
    "review": _two("人工评审", "Review"),
}


def say(key: str, language: Language) -> str:
    """The phrase in this language."""
    return PHRASES[key][language]


def label_of(label: Label, language: Language) -> str:
    """One side of a protocol label."""
    return label.zh if language == "zh" else label.en


def with_unit(protocol: Protocol, variable: str, language: Language) -> str:
    """``年龄/岁`` in Chinese (quantity over unit), ``Age (years)`` in English."""
    found = next((v for v in protocol.variable if v.id == variable), None)
    if found is None:
        return say("relief", language) if variable.endswith("relief") else variable
    name = label_of(found.label, language)
    if found.unit is None:
        return name
    unit = label_of(found.unit, language)
    return (
        f"{name}/({unit})"
        if language == "zh" and "/" in unit
        else (f"{name}/{unit}" if language == "zh" else f"{name} ({unit})")
    )


def step_label(locked: Locked, step: str, language: Language) -> str:
    """What a step of the funnel is called: a criterion by the protocol, the rest by us."""
    for criterion in locked.protocol.criteria:
        if criterion.id == step:
            return label_of(criterion.label, language)
    return _STEPS[step][language] if step in _STEPS else step


def method_name(method: str, language: Language) -> str:
    """The method in this language; what follows a colon or ``with`` or ``of`` stays as it is."""
    if language == "en":
        return method
    if method in METHODS:
        return METHODS[method]
    for joint, zh in ((": ", "："), (" with ", "，对"), (" of ", "：")):
        head, found, tail = method.partition(joint)
        if found and head in METHODS:
            return f"{METHODS[head]}{zh}{tail}"
    return method
