"""Words of the calibration's pages in Chinese and English; part of ``validate.desk.words``."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, tuple[str, str]]] = {
    "calibration": ("预评审", "Pilot round"),
    "consistency": ("评审稳定性", "Consistency"),
    "pilot_only": (
        "预评审阶段：此处只列出预评审病例；达到方案要求并放行后再评审其余病例。",
        "Pilot round: only its cases are listed here. The others follow once it is passed.",
    ),
    "pilot_none": (
        "方案未要求预评审：可在 study.toml 的 [review] 中填写 calibration。",
        "The protocol asks for no pilot round: `calibration` under [review] in study.toml asks for one.",
    ),
    "pilot_asked": (
        "方案要求：{cases} 例，每条标准 κ ≥ {kappa} 或一致率 ≥ {percent}",
        "The protocol asks for {cases} cases and, for each criterion, κ of at least {kappa} or agreement of at least {percent}",
    ),
    "pilot_or_ac1": ("或 AC1 ≥ {ac1}", "or AC1 of at least {ac1}"),
    "round": ("第 {n} 轮", "Round {n}"),
    "draw_round": ("抽取预评审病例", "Draw the pilot cases"),
    "draw_again": ("再抽取一轮", "Draw another round"),
    "open_gate": ("放行其余病例", "Open the rest"),
    "gate_open": ("已放行：其余病例可以评审。", "Open: the rest may be judged."),
    "gate_closed": ("尚未放行：其余病例暂不评审。", "Closed: the rest is not judged yet."),
    "gate_by": ("第 {n} 轮之后由 {who} 放行", "after round {n}, by {who}"),
    "gate_reason": ("未达标而放行的理由", "Why the rest is opened below the threshold"),
    "lack_round": ("尚未抽取预评审病例", "no round has been drawn"),
    "lack_opinions": ("{n} 例尚未由双方评审完毕", "cases that both have still to judge: {n}"),
    "lack_arbitration": ("{n} 例等待仲裁", "cases that wait for the arbitrator: {n}"),
    "lack_codes": ("{n} 处分歧尚未注明原因：{criteria}", "disagreements without a cause: {n} ({criteria})"),
    "lack_wording": (
        "{criteria}：应在 study.toml 中修改表述或判断说明，再重新启动审阅台",
        "{criteria}: reword the label or guidance in study.toml, then start the desk again",
    ),
    "lack_threshold": ("{criteria} 未达到方案要求", "below what the protocol asks: {criteria}"),
    "reaches": ("达标", "Reached"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "disagreements": ("分歧及其原因", "Disagreements and their causes"),
    "disagreements_none": ("双方没有分歧。", "The two never differed."),
    "disagreements_how": (
        "仲裁完成后列出双方的首次判断。请说明每处分歧的原因。",
        "What the two first said, once the arbitrator has settled it. Say what each came from.",
    ),
    "cause": ("原因", "Cause"),
    "guideline_gap": ("标准表述不清", "gap in the guideline"),
    "reader_error": ("评审疏误", "error of a reader"),
    "true_ambiguity": ("病例确有歧义", "a case that is truly ambiguous"),
    "cause_note": ("说明", "What it came from"),
    "new_wording": ("新的表述（仅限标准表述不清）", "New wording (for a gap in the guideline only)"),
    "chart_of": ("候选者 {n}", "candidate {n}"),
    "drift": ("前、中、后三段的一致性", "Agreement early, midway and late"),
    "drift_how": (
        "按双方完成的先后分为三段；仅计首次独立判断。趋势：Cochran-Armitage 检验。",
        "Cases in the order in which both were done, in thirds; first opinions only. Trend: Cochran-Armitage.",
    ),
    "third_1": ("前段", "First third"),
    "third_2": ("中段", "Middle third"),
    "third_3": ("后段", "Last third"),
    "trend_p": ("趋势 P", "P for trend"),
    "overlap": ("首尾区间", "First and last"),
    "overlapping": ("重叠", "overlap"),
    "apart": ("不重叠", "apart"),
    "pace": ("每次判断用时", "Time per judgement"),
    "pace_how": (
        "秒；中位数与四分位数。每条至少 {n} 次、两位评审员方才显示；超过 {minutes} 分钟视为中断，不计。",
        "Seconds: median and quartiles, from {n} judgements of two people on. Over {minutes} min counts as interrupted and is left out.",
    ),
    "median": ("中位数", "Median"),
    "quartiles": ("四分位数", "Quartiles"),
    "interrupted": ("中断", "Interrupted"),
    "too_few": ("例数不足", "too few"),
    "raters": ("机器预筛与诊断编码", "The machine and the codes as raters"),
    "raters_how": (
        "与最终结论比较；“未定”不算命中。未进入评审的患者不在其中（见查全率）。",
        "Against the consensus; unknown is no hit. Who was never a candidate is not here: see recall.",
    ),
    "rater": ("评判者", "Rater"),
    "rater_machine": ("机器预筛", "machine"),
    "rater_codes": ("诊断编码", "diagnosis codes"),
    "sensitivity": ("敏感度", "Sensitivity"),
    "ppv": ("阳性预测值", "PPV"),
    "unknown": ("未定", "unknown"),
    "phrases": ("同样的话，不同的判断", "Same phrase, different verdict"),
    "phrases_how": (
        "同一句话（忽略全半角、繁简与空白）在不同病例中得到不同判断。仅列双方均已完成的病例。",
        "One sentence, judged differently in different cases or by different people. Only of cases that are settled.",
    ),
    "phrases_none": ("没有这样的句子。", "There is none."),
    "phrase": ("原文", "Phrase"),
    "said_how_often": ("判断次数", "Judged"),
}
