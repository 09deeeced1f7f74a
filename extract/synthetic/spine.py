"""The words of the spine clinic: sites of pain, lengths of time, scores, and the common plan."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from extract.synthetic.dice import Dice

__all__ = [
    "DRUGS",
    "IMAGING",
    "REHABILITATION",
    "SITES",
    "Site",
    "course_text",
    "score_text",
    "span_text",
    "weight_text",
]


@dataclass(frozen=True, slots=True)
class Site:
    """A way to name the pain, the codes of the study's pain sites, and what else belongs to it.

    ``also`` names a pain that such a patient may deny: a negated mention of another site.
    """

    phrase: str
    codes: tuple[int, ...]
    region: str
    also: str
    diagnoses: tuple[tuple[str, str], ...]


_NECK: Final = (("M47.8", "颈椎病"), ("M50.2", "颈椎间盘突出"), ("M54.2", "颈痛"))
_SHOULDER: Final = (("M75.0", "肩周炎"), ("M75.1", "肩袖综合征"))
_BACK: Final = (
    ("M51.2", "腰椎间盘突出症"),
    ("M54.5", "腰痛"),
    ("M47.8", "腰椎退行性病变"),
    ("M48.0", "腰椎管狭窄症"),
)
_LEG: Final = (
    ("M51.1", "腰椎间盘突出伴神经根病"),
    ("M54.4", "腰痛伴坐骨神经痛"),
    ("M51.2", "腰椎间盘突出症"),
)

SITES: Final[tuple[Site, ...]] = (
    Site("颈痛", (1,), "颈", "腰痛", _NECK),
    Site("颈痛、肩痛", (1, 2), "颈", "腰痛", _NECK),
    Site("颈肩痛", (1, 2), "颈", "腰腿痛", _NECK),
    Site("肩痛", (2,), "肩", "颈痛", _SHOULDER),
    Site("腰痛", (3,), "腰", "颈痛、肩痛", _BACK),
    Site("腰痛", (3,), "腰", "颈痛", _BACK),
    Site("下腰痛", (3,), "腰", "肩痛", _BACK),
    Site("腰腿痛", (3, 4), "腰", "颈痛", _LEG),
    Site("腰痛伴右下肢放射痛", (3, 4), "腰", "颈痛、肩痛", _LEG),
    Site("腰痛伴左下肢疼痛", (3, 4), "腰", "肩痛", _LEG),
    Site("颈痛、腰痛", (1, 3), "颈腰", "肩痛", (*_NECK, *_BACK)),
)

DRUGS: Final = (
    ("D2001", "塞来昔布胶囊"), ("D2002", "洛索洛芬钠片"), ("D2003", "双氯芬酸钠缓释片"),
    ("D2004", "甲钴胺片"), ("D2005", "盐酸乙哌立松片"), ("D2006", "依托考昔片"),
)  # fmt: skip
"""Drugs of the common plan."""

REHABILITATION: Final = (
    ("T3001", "牵引治疗"), ("T3002", "中频脉冲电治疗"), ("T3003", "超短波治疗"), ("T3004", "运动疗法"),
    ("T3005", "关节松动训练"), ("T3006", "红外线治疗"), ("T3007", "康复训练"),
)  # fmt: skip
"""Physical rehabilitation of the common plan."""

IMAGING: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "颈": (("颈椎", "C4/5、C5/6椎间盘突出", "颈椎退行性变；C5/6椎间盘突出"),),
    "肩": (("肩关节", "冈上肌腱信号增高，肩峰下滑囊少量积液", "肩袖损伤；肩峰下滑囊炎"),),
    "腰": (
        ("腰椎", "L4/5、L5/S1椎间盘向后突出，硬膜囊受压", "L4/5、L5/S1椎间盘突出"),
        ("腰椎", "腰椎生理曲度变直，L4/5椎间盘膨出", "腰椎退行性变；L4/5椎间盘膨出"),
    ),
    "颈腰": (("颈椎、腰椎", "C5/6及L4/5椎间盘突出", "颈椎、腰椎退行性变；C5/6、L4/5椎间盘突出"),),
}
"""Region -> (part, description, impression) of its MRI or CT."""

_CHINESE: Final = "零一二三四五六七八九十"


def course_text(months: Decimal, dice: Dice) -> str:
    """A length of time as doctors write it, exact: a careful reader gets ``months`` back.

    ``8.5月``, ``8个半月``, ``1年3月``, ``两年``, ``1年半``, ``三个月``, ``1年8.5月``.
    """
    plain = f"{months.normalize():f}"
    ways = [f"{plain}月", f"{plain}个月"]
    whole, rest = divmod(months, 12)
    years = int(whole)
    if months == 6:
        ways.append("半年")
    elif years == 0 and months == int(months) and months <= 10:
        ways.append(f"{_CHINESE[int(months)]}个月")
    if years == 0 and months % 1 == Decimal("0.5"):
        ways.append(f"{int(months)}个半月")
    if years:
        if rest == 0:
            ways += [f"{years}年", "两年" if years == 2 else f"{years}年"]
        elif rest == 6:
            ways += [f"{years}年半", f"{years}.5年"]
        else:
            ways += [f"{years}年{rest.normalize():f}月", f"{years}年{rest.normalize():f}个月"]
    return dice.pick(ways)


def span_text(dice: Dice) -> str:
    """A length of time nobody has to get back exactly: ``3天``, ``2月余``, ``10余年``."""
    unit = dice.pick(("天", "周", "月", "个月", "年", "年"))
    count = dice.between(1, {"天": 10, "周": 3, "月": 11, "个月": 11, "年": 15}[unit])
    more = dice.chance(0.25)
    if more and count >= 10:
        return f"{count}余{unit}"
    return f"{count}{unit}余" if more else f"{count}{unit}"


def score_text(score: Decimal, habit: int) -> str:
    """A pain score in the habit of a doctor (0..6): ``VAS评分5.8分``, ``VAS：5.8分``, ``NRS评分 5.8分``."""
    ways = (
        f"VAS评分{score}分", f"VAS评分：{score}分", f"VAS {score}分", f"疼痛视觉模拟评分(VAS){score}分",
        f"VAS：{score}分", f"视觉模拟评分为{score}分", f"疼痛VAS评分约{score}分",
    )  # fmt: skip
    return ways[habit % len(ways)]


def weight_text(bmi: Decimal, male: bool, dice: Dice) -> str:
    """Height, weight and body mass index that agree with each other."""
    height = dice.between(163, 181) if male else dice.between(151, 169)
    weight = float(bmi) * (height / 100) ** 2
    label = dice.pick(("BMI", "BMI：", "BMI ", "体重指数", "体重指数(BMI)"))
    unit = dice.pick(("kg/m²", "kg/m2", "kg/㎡", ""))
    return f"身高{height}cm，体重{weight:.1f}kg，{label}{bmi}{unit}"
