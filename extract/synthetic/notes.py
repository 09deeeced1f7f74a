"""How notes are put together: a ``Story`` of sections, written as an outpatient form or inpatient documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from extract.synthetic.dice import Dice
from extract.synthetic.families import Family
from extract.synthetic.spine import span_text

__all__ = [
    "FAMILY_HISTORY",
    "OutpatientNote",
    "Story",
    "admission",
    "discharge",
    "first_course",
    "general_exam",
    "on_form",
    "ordinary",
    "past_history",
]

OutpatientNote = tuple[str | None, ...]

_PAST: Final = (
    "既往体健", "高血压病史5年，口服氨氯地平，血压控制可", "2型糖尿病史3年，口服二甲双胍", "血脂偏高，未用药",
    "既往有胃溃疡史，已治愈", "2015年行阑尾切除", "既往体质一般",
)  # fmt: skip
_DENIED: Final = (
    "否认肝炎、结核等传染病史", "否认手术、外伤、骨折史", "否认肿瘤病史", "否认药物、食物过敏史", "否认输血史",
    "否认冠心病病史", "无恶性肿瘤、类风湿病史", "预防接种史不详",
)  # fmt: skip
_PERSONAL: Final = (
    "生于原籍，否认疫区居住史，无烟酒嗜好", "吸烟20年，10支/日，偶饮酒", "否认吸烟、饮酒史", "长期伏案工作，无特殊嗜好",
    "务农，无毒物接触史", "久居本地，生活规律",
)  # fmt: skip
FAMILY_HISTORY: Final = (
    "否认家族遗传病史", "父亲有高血压，母亲体健", "父母均已故，死因不详", "否认家族中有类似疾病史", "母亲有腰痛病史",
    "父亲因肺恶性肿瘤去世", "姐姐患类风湿关节炎", "无家族遗传倾向疾病",
)  # fmt: skip
"""Family histories: some name a disease or a pain that is not the patient's own."""
_MARRIED: Final = ("已婚，育1子1女，家人体健", "已婚已育，配偶体健", "未婚", "适龄结婚，育有1女")
_MENSES: Final = ("月经规律，末次月经2周前，否认妊娠", "已绝经", "月经周期28天，经期5天，无痛经")


@dataclass(slots=True)
class Story:
    """The sections of one encounter's note, each a sentence or two; ``codes`` are of ``diagnoses``."""

    complaint: str
    history: str
    past: str
    personal: str
    family: str
    exam: str
    focus: str
    aux: str
    diagnoses: tuple[tuple[str, str], ...]
    plan: str
    married: str = ""
    menses: str = ""


def past_history(dice: Dice, extra: str = "") -> str:
    """One thing the patient has had and two or three denied."""
    parts = [dice.pick(_PAST), *dice.some(_DENIED, dice.between(1, 3))]
    return "。".join(parts) + "。" + extra


def general_exam(dice: Dice) -> str:
    """Vital signs and a general impression."""
    return (
        f"T {dice.between(361, 369) / 10}℃，P {dice.between(62, 94)}次/分，R {dice.between(16, 20)}次/分，"
        f"BP {dice.between(108, 146)}/{dice.between(64, 92)}mmHg。"
        + dice.pick(("神志清楚，查体合作。", "一般情况可，步入诊室。", "发育正常，营养中等，自动体位。"))
    )


def ordinary(family: Family, female: bool, dice: Dice) -> Story:
    """A note of an ordinary visit: every slot drawn by itself."""

    def fill(text: str) -> str:
        while "{d}" in text:
            text = text.replace("{d}", span_text(dice), 1)
        return text.replace("{n}", str(dice.between(1, 9)))

    return Story(
        complaint=fill(dice.pick(family.complaints)) + "。",
        history="，".join(fill(dice.pick(slot)) for slot in family.stories) + "。",
        past=past_history(dice) if dice.chance(0.7) else "既往体健。",
        personal=dice.pick(_PERSONAL) if dice.chance(0.4) else "",
        family=dice.pick(FAMILY_HISTORY) if dice.chance(0.4) else "",
        exam=general_exam(dice),
        focus=fill(dice.pick(family.focus)),
        aux=fill(dice.pick(family.aux)),
        diagnoses=tuple(dice.some(family.diagnoses, 1 if dice.chance(0.7) else 2)),
        plan=dice.pick(family.plans),
        married=dice.pick(_MARRIED) if dice.chance(0.3) else "",
        menses=dice.pick(_MENSES) if female and dice.chance(0.2) else "",
    )


def on_form(story: Story, *, coded: bool = True) -> OutpatientNote:
    """The eleven texts of OUTP_MR, ILLNESS_DESC to ADVICE; an empty section is NULL, as forms leave it."""
    body = story.exam
    if story.focus:
        body += f"专科检查：{story.focus}。"
    if story.aux:
        body += f"辅助检查：{story.aux}。"
    return (
        story.complaint,
        story.past or None,
        story.family or None,
        story.married or None,
        story.personal or None,
        story.menses or None,
        story.history,
        body,
        "；".join(name for _, name in story.diagnoses),
        ";".join(code for code, _ in story.diagnoses) if coded else None,
        story.plan,
    )


def _numbered(story: Story) -> str:
    return "".join(f"{n}.{name} " for n, (_, name) in enumerate(story.diagnoses, start=1)).strip()


def admission(story: Story) -> str:
    """入院记录 with its section marks."""
    sections = (
        ("主诉", story.complaint),
        ("现病史", story.history),
        ("既往史", story.past),
        ("个人史", story.personal),
        ("婚育史", story.married),
        ("月经史", story.menses),
        ("家族史", story.family),
        ("体格检查", story.exam),
        ("专科检查", story.focus + "。"),
        ("辅助检查", story.aux + "。"),
        ("初步诊断", _numbered(story)),
    )
    return "\n".join(f"【{name}】{text}" for name, text in sections if text and text != "。")


def first_course(story: Story, differential: str, at: datetime) -> str:
    """首次病程记录; the differential names diseases that the patient does not have."""
    return (
        f"{at:%Y-%m-%d %H:%M} 首次病程记录\n"
        f"【病例特点】1.{story.complaint} 2.{story.exam} 3.专科情况：{story.focus}。\n"
        f"【拟诊讨论】初步诊断：{_numbered(story)}。诊断依据：病史、体征及辅助检查。\n"
        f"【鉴别诊断】{differential}\n"
        f"【诊疗计划】{story.plan}。"
    )


def discharge(story: Story, course: str, state: str) -> str:
    """出院记录."""
    return (
        f"【入院情况】{story.complaint}{story.focus}。\n"
        f"【入院诊断】{_numbered(story)}\n"
        f"【诊疗经过】{course}\n"
        f"【出院情况】{state}\n"
        f"【出院医嘱】{story.plan}，不适随诊。"
    )
