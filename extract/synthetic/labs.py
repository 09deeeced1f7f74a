"""Laboratory panels of the demo hospital and how its machines print a number."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from extract.synthetic.dice import Dice

__all__ = [
    "CRP_NAMES",
    "ESR_NAMES",
    "PANELS",
    "Item",
    "Panel",
    "Result",
    "draw",
    "printed",
    "wide",
]

ESR_NAMES: Final = (
    "血沉", "血沉(ESR)", "ESR", "血沉（ESR）", "血 沉 ( ESR )", "红细胞沉降率", "红细胞沉降率(ESR)",
    "红细胞沉降率测定", "红细胞沉降率测定(ESR)", "红细胞沉降率测定(ESR)手工法", "血沉测定",
)  # fmt: skip
"""Names under which the erythrocyte sedimentation rate is reported."""

CRP_NAMES: Final = ("C反应蛋白", "C-反应蛋白", "C—反应蛋白", "CRP", "C反应蛋白(CRP)", "C反应蛋白测定")
"""Names under which C-reactive protein is reported; the high-sensitivity test is another item."""

_WIDE: Final = {ord(a): ord(b) for a, b in zip("0123456789.", "０１２３４５６７８９．", strict=True)}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a panel; ``text`` holds qualitative answers, else the number is normal(mean, sd)."""

    name: str
    code: str
    unit: str = ""
    decimals: int = 1
    mean: float = 0.0
    sd: float = 1.0
    low: float = 0.0
    high: float = 0.0
    text: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The reference interval as printed."""
        return "阴性" if self.text else f"{self.low:g}-{self.high:g}"


@dataclass(frozen=True, slots=True)
class Panel:
    """What is ordered as one test."""

    subject: str
    code: str
    specimen: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One printed line: name, code, text, unit, flag, reference."""

    name: str
    code: str
    text: str
    unit: str
    flag: str
    reference: str


def _panel(subject: str, code: str, specimen: str, *items: Item) -> Panel:
    return Panel(subject, code, specimen, items)


_NEGATIVE: Final = ("阴性", "阴性", "阴性", "阴性", "阴性(-)", "阳性(+)")

PANELS: Final[dict[str, Panel]] = {
    "blood": _panel(
        "血常规", "P01", "全血",
        Item("白细胞计数", "WBC", "10^9/L", 2, 6.5, 1.8, 3.5, 9.5),
        Item("红细胞计数", "RBC", "10^12/L", 2, 4.6, 0.5, 3.8, 5.8),
        Item("血红蛋白", "HGB", "g/L", 0, 138, 15, 115, 175),
        Item("血小板计数", "PLT", "10^9/L", 0, 225, 55, 125, 350),
        Item("中性粒细胞百分比", "NEUT%", "%", 1, 60, 8, 40, 75),
        Item("淋巴细胞百分比", "LYM%", "%", 1, 30, 7, 20, 50),
    ),
    "chemistry": _panel(
        "肝肾功能", "P02", "血清",
        Item("丙氨酸氨基转移酶", "ALT", "U/L", 0, 24, 11, 7, 40),
        Item("天门冬氨酸氨基转移酶", "AST", "U/L", 0, 23, 8, 13, 35),
        Item("肌酐", "CREA", "μmol/L", 0, 70, 14, 41, 97),
        Item("尿素", "UREA", "mmol/L", 2, 5.3, 1.3, 2.6, 7.5),
        Item("尿酸", "UA", "μmol/L", 0, 330, 75, 155, 428),
        Item("葡萄糖", "GLU", "mmol/L", 2, 5.6, 1.1, 3.9, 6.1),
    ),
    "lipids": _panel(
        "血脂四项", "P03", "血清",
        Item("总胆固醇", "TC", "mmol/L", 2, 4.9, 0.9, 2.8, 5.7),
        Item("甘油三酯", "TG", "mmol/L", 2, 1.6, 0.8, 0.4, 1.7),
        Item("高密度脂蛋白胆固醇", "HDL-C", "mmol/L", 2, 1.3, 0.3, 1.0, 2.0),
        Item("低密度脂蛋白胆固醇", "LDL-C", "mmol/L", 2, 2.9, 0.8, 0.0, 3.4),
    ),
    "sugar": _panel(
        "糖化血红蛋白", "P04", "全血",
        Item("糖化血红蛋白", "HbA1c", "%", 1, 7.4, 1.4, 4.0, 6.0),
        Item("葡萄糖", "GLU", "mmol/L", 2, 8.2, 2.4, 3.9, 6.1),
    ),
    "urine": _panel(
        "尿常规", "P05", "尿液",
        Item("尿蛋白", "PRO", text=_NEGATIVE),
        Item("尿葡萄糖", "U-GLU", text=_NEGATIVE),
        Item("尿白细胞", "LEU", text=_NEGATIVE),
        Item("尿比重", "SG", "", 3, 1.017, 0.005, 1.003, 1.030),
        Item("酸碱度", "PH", "", 1, 6.2, 0.5, 4.5, 8.0),
    ),
    "hepatitis": _panel(
        "乙肝两对半", "P06", "血清",
        Item("乙肝表面抗原", "HBsAg", text=_NEGATIVE),
        Item("乙肝表面抗体", "HBsAb", text=("阳性(+)", "阴性")),
        Item("乙肝核心抗体", "HBcAb", text=_NEGATIVE),
    ),
    "rheology": _panel(
        "血流变", "P07", "全血",
        Item("全血粘度(高切)", "BV-H", "mPa.s", 2, 4.6, 0.5, 3.9, 5.3),
        Item("血沉方程K值", "ESRK", "", 1, 55, 20, 0, 93),
        Item("血沉最大沉降率", "MSR", "mm/min", 2, 0.4, 0.1, 0.0, 0.8),
        Item("红细胞压积", "HCT", "%", 1, 42, 4, 35, 50),
    ),
    "rheumatoid": _panel(
        "类风湿三项", "P08", "血清",
        Item("类风湿因子", "RF", "IU/mL", 1, 11, 6, 0, 20),
        Item("抗环瓜氨酸肽抗体", "CCP", "RU/mL", 1, 3, 2, 0, 5),
        Item("抗链球菌溶血素O", "ASO", "IU/mL", 0, 70, 35, 0, 200),
    ),
    "hs_crp": _panel(
        "超敏C反应蛋白", "P09", "血清",
        Item("超敏C反应蛋白(hs-CRP)", "HSCRP", "mg/L", 2, 1.4, 0.8, 0.0, 3.0),
    ),
}  # fmt: skip


def wide(text: str) -> str:
    """The number in full-width digits, as some interfaces deliver it."""
    return text.translate(_WIDE)


def printed(value: Decimal, decimals: int, flag: str, dice: Dice) -> str:
    """How a machine prints a number: mostly plainly, sometimes with an arrow, a blank or full width."""
    text = f"{value:.{decimals}f}"
    roll = dice.between(0, 99)
    if roll < 5 and flag in {"H", "L"}:
        return text + ("↑" if flag == "H" else "↓")
    if roll in {97, 98}:
        return wide(text)
    return text + " " if roll == 99 else text


def draw(panel: Panel, dice: Dice) -> list[Result]:
    """One patient's results of a panel; about one panel in seventy is spoilt by haemolysis."""
    if panel.specimen == "血清" and dice.chance(0.015):
        return [Result(i.name, i.code, "溶血", i.unit, "N", i.reference) for i in panel.items]
    results = []
    for item in panel.items:
        if item.text:
            text = dice.pick(item.text)
            results.append(Result(item.name, item.code, text, "", "N", "阴性"))
            continue
        value = round(max(dice.normal(item.mean, item.sd), item.mean * 0.15), item.decimals)
        flag = "H" if value > item.high else "L" if value < item.low else "N"
        if item.code == "HSCRP" and value < 0.5:
            text = "<0.5"
        else:
            text = printed(Decimal(str(value)), item.decimals, flag, dice)
        results.append(Result(item.name, item.code, text, item.unit, flag, item.reference))
    return results
