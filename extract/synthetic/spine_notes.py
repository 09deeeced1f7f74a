"""Notes of the spine clinic, written from a ``Case``: the first visit, the days between, and the return."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from extract.synthetic.cases import Case
from extract.synthetic.dice import Dice
from extract.synthetic.notes import FAMILY_HISTORY, Story, general_exam, past_history
from extract.synthetic.spine import course_text, score_text, weight_text

__all__ = ["DIFFERENTIAL", "daily", "first_visit", "next_visit", "return_visit"]

_QUALITY: Final = ("呈持续性胀痛", "为酸痛", "呈阵发性刺痛", "以钝痛为主", "疼痛性质为酸胀痛")
_WORSE: Final = (
    "劳累后加重，休息可缓解",
    "久坐后明显",
    "受凉后加重",
    "弯腰时明显，平卧减轻",
    "夜间明显，影响睡眠",
)
_TREATED: Final = (
    "曾在外院行针灸、推拿，效果不佳", "自服止痛药，症状反复", "未系统诊治", "当地医院予理疗，稍缓解后又发作",
    "外敷膏药治疗，未见明显好转",
)  # fmt: skip
_NO: Final = (
    "无发热、盗汗",
    "无大小便失禁",
    "无明显消瘦",
    "否认外伤史",
    "无晨僵",
    "无间歇性跛行",
    "无胸闷、心悸",
)
_FOCUS: Final[dict[str, tuple[str, ...]]] = {
    "颈": (
        "颈椎生理曲度变直，C5/6棘突旁压痛（+），臂丛牵拉试验（+）",
        "颈部肌肉紧张，椎间孔挤压试验阳性，双上肢肌力5级",
    ),
    "肩": ("肩峰下压痛（+），外展受限约80°，Neer征（+）", "肩关节活动受限，肱二头肌长头腱压痛阳性"),
    "腰": (
        "L4/5棘突旁压痛（+），直腿抬高试验（+）50°",
        "腰椎活动受限，L5/S1椎旁叩击痛，双下肢肌力5级，病理征未引出",
    ),
    "颈腰": ("颈椎、腰椎棘突旁压痛（+），活动受限", "C5/6、L4/5椎旁压痛，四肢肌力正常"),
}
DIFFERENTIAL: Final = (
    "1.强直性脊柱炎：多见于青年男性，骶髂关节受累，本例不支持。2.椎体恶性肿瘤：夜间痛明显，影像学未提示，可排除。",
    "1.脊柱结核感染：有低热、盗汗，本例无，暂不考虑。2.压缩性骨折：有外伤史，影像学可排除。",
    "1.类风湿关节炎：多有晨僵及小关节肿痛，本例不支持。2.感染性脊柱炎：炎症指标及影像学不支持。",
)
_PLAN_DRUGS: Final = ("予非甾体抗炎药口服", "口服消炎镇痛及营养神经药物", "药物镇痛治疗")
_PLAN_REHAB: Final = ("配合牵引、理疗等康复治疗", "行中频、运动疗法康复", "物理康复治疗，每日1次")
_OTHER: Final = (
    ("双膝关节酸胀", "双膝关节酸胀不适，上下楼明显", "双膝轻压痛，浮髌试验阴性", ("M17.9", "膝骨关节炎")),
    ("头晕、乏力", "头晕、乏力，活动后明显", "神清语利，四肢肌力5级", ("R42", "头晕")),
    ("双手指关节不适", "双手指关节僵硬不适", "双手小关节无肿胀", ("M15.9", "多发性骨关节炎")),
)
_MENTION: Final[dict[str, tuple[str, ...]]] = {
    "negated": ("否认颈痛、肩痛、腰痛。", "无颈痛、腰痛。", "无腰痛、腰腿痛。"),
    "family": ("母亲有腰痛病史。", "其父有颈痛、腰痛病史多年。", "姐姐有腰腿痛病史。"),
    "historical": ("10年前曾有腰痛，已痊愈。", "既往有肩痛病史，现已愈。", "5年前曾患颈痛，治愈后未复发。"),
    "template": ("SAS量表：8.我因头痛、颈痛和背痛而烦恼（1分），总分36分。",),
}
_WORD: Final[dict[str, tuple[str, ...]]] = {
    "literal": ("查ESR、CRP", "完善ESR、CRP及影像学检查", "拟查血常规、ESR、CRP"),
    "ESRD": ("母亲因ESRD行血液透析，完善血沉、CRP", "查血沉、CRP。其兄患ESRD"),
    "ESR1": ("外院基因检测ESR1突变（-），完善血沉、CRP",),
    "wide": ("查ＥＳＲ、ＣＲＰ", "完善ＥＳＲ、CRP及影像学检查"),
    "none": ("完善血沉、CRP及影像学检查", "查血沉、CRP"),
}
_FEMALE_FERTILE: Final = ("月经规律，末次月经2周前，否认妊娠", "月经规律，无痛经")


def _plan(case: Case, dice: Dice) -> str:
    parts = []
    if case.drugs:
        parts.append(dice.pick(_PLAN_DRUGS))
    if case.rehabilitation:
        parts.append(dice.pick(_PLAN_REHAB))
    if not parts:
        parts.append("注意休息")
    return "，".join(parts) + "，4周后复诊"


def first_visit(case: Case, dice: Dice, habit: int, *, named: bool, scored: bool, weighed: bool) -> Story:
    """The note of T0. ``named``: the letters of the search stand in it; ``scored``, ``weighed``: VAS, BMI too."""
    word = dice.pick(_WORD[case.esr_word]) if named or case.esr_word != "literal" else "完善相关检查"
    aux = word
    if case.pain == "present":
        complaint, history, focus, diagnoses = _pain(case, dice)
    else:
        complaint, history, focus, diagnoses = _no_pain(dice)
    past = past_history(dice, case.past)
    family = dice.pick(FAMILY_HISTORY) if dice.chance(0.6) else ""
    if case.pain != "present":
        family = ""
        said = dice.pick(_MENTION[case.pain])
        if case.pain == "family":
            family = said
        elif case.pain == "historical":
            past += said
        else:
            history += said
    if scored and case.vas[0] is not None:
        # A score from elsewhere, before the present one: a hasty reader takes the first number.
        if dice.chance(0.06):
            history += f"外院治疗前VAS评分{min(Decimal(9), case.vas[0] + 1)}分，"
        history += f"{dice.pick(('现', '目前', ''))}{score_text(case.vas[0], habit)}。"
    if case.now:
        history += case.now
    exam = general_exam(dice)
    if weighed:
        exam += weight_text(case.bmi, case.sex == "男", dice) + "。"
    fertile = case.sex == "女" and 18 <= case.age < 48 and "E3" not in case.excluded
    return Story(
        complaint=complaint,
        history=history,
        past=past,
        personal=dice.pick(("无特殊嗜好", "否认吸烟、饮酒史", "长期伏案工作，偶饮酒", "务农，吸烟10年")),
        family=family,
        exam=exam,
        focus=focus,
        aux=aux,
        diagnoses=(*diagnoses, *case.diagnoses),
        plan=_plan(case, dice),
        married="" if dice.chance(0.5) else "已婚已育，配偶体健",
        menses=dice.pick(_FEMALE_FERTILE) if fertile and dice.chance(0.6) else "",
    )


def _pain(case: Case, dice: Dice) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    site = case.site
    spell = course_text(case.course, dice) if case.course is not None else ""
    complaint = dice.pick((f"{site.phrase}{spell}", f"反复{site.phrase}{spell}", f"间断{site.phrase}{spell}",
                           f"{site.phrase}反复发作{spell}", f"{site.phrase}伴活动受限{spell}"))  # fmt: skip
    if dice.chance(0.25):
        complaint += dice.pick(("，加重1周", "，加重3天", "，再发加重5天"))
    opening = dice.pick((
        f"患者{spell}前无明显诱因出现{site.phrase}", f"{spell}前劳累后出现{site.phrase}",
        f"患者于{spell}前无诱因逐渐出现{site.phrase}", f"缘于{spell}前受凉后出现{site.phrase}",
    ))  # fmt: skip
    history = f"{opening}，{dice.pick(_QUALITY)}，{dice.pick(_WORSE)}。{dice.pick(_TREATED)}。"
    denied = dice.some(_NO, dice.between(1, 3))
    if dice.chance(0.4):
        denied.append(f"无{site.also}")
    history += "，".join(denied) + "。"
    found = tuple(dice.some(site.diagnoses, 1 if dice.chance(0.6) else 2))
    return complaint + "。", history, dice.pick(_FOCUS[site.region]), found


def _no_pain(dice: Dice) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
    complaint, history, focus, diagnosis = dice.pick(_OTHER)
    return f"{complaint}2周。", f"患者2周前出现{history}。无发热。", focus, (diagnosis,)


def _name(case: Case) -> str:
    return case.site.phrase if case.pain == "present" else "症状"


def daily(case: Case, at: datetime, score: Decimal | None, habit: int, dice: Dice) -> str:
    """日常病程记录 during the first admission."""
    state = dice.pick(("一般情况可", "精神、饮食可", "夜间睡眠好转"))
    said = f"，{score_text(score, habit)}" if score is not None else ""
    return (
        f"{at:%Y-%m-%d %H:%M}\n患者诉{_name(case)}较前{dice.pick(('减轻', '好转', '稍减轻'))}{said}，{state}。"
        f"查体：{dice.pick(('局部压痛减轻', '活动度改善', '生命体征平稳'))}。继续目前治疗。"
    )


def next_visit(case: Case, score: Decimal | None, habit: int, dice: Dice) -> Story:
    """A return between T0 and T1, or another one near T1: its score is not the one that counts."""
    return _back(case, score, habit, dice, ())


def return_visit(case: Case, habit: int, dice: Dice, *, told_before: bool) -> Story:
    """The return at T1: score, adverse events; ``told_before`` repeats the first score before the present one."""
    return _back(case, case.vas[1], habit, dice, case.events, case.vas[0] if told_before else None)


_EVENT: Final[dict[int, tuple[str, ...]]] = {
    0: ("未见不良反应", "无不良反应", "未诉不良反应"),
    1: ("复查肝功能异常，ALT 86U/L", "转氨酶升高，予保肝治疗"),
    2: ("肌酐升高，停用非甾体抗炎药", "复查肾功能异常"),
    3: ("服药后恶心", "服药后胃部不适，餐后服用缓解", "偶有反酸"),
}


def _back(
    case: Case,
    score: Decimal | None,
    habit: int,
    dice: Dice,
    events: tuple[int, ...],
    before: Decimal | None = None,
) -> Story:
    history = f"患者按方案治疗后{_name(case)}较前{dice.pick(('减轻', '好转', '改善', '有所缓解'))}。"
    if score is not None:
        if before is not None:
            history += f"治疗前VAS评分{before}分，现VAS评分{score}分。"
        else:
            history += f"{dice.pick(('现', '目前', '今日'))}{score_text(score, habit)}。"
    if events:
        history += f"不良反应：{'，'.join(dice.pick(_EVENT[code]) for code in events)}。"
    return Story(
        complaint=dice.pick((f"{_name(case)}治疗后复诊。", f"{_name(case)}复诊。", "治疗后复诊。")),
        history=history,
        past="",
        personal="",
        family="",
        exam=general_exam(dice),
        focus=dice.pick(("局部压痛较前减轻", "活动度较前改善", "压痛（±），肌力正常")),
        aux=dice.pick(("复查炎症指标", "复查", "")),
        diagnoses=tuple(case.site.diagnoses[:1]) if case.pain == "present" else (("Z09.9", "治疗后随诊"),),
        plan=dice.pick(("继续功能锻炼", "巩固治疗，避免劳累", "门诊随访")),
    )
