"""ESR and CRP as a laboratory delivers them: spellings, units, corrections, voided and late tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from extract.synthetic.casebook import Casebook
from extract.synthetic.dice import Dice
from extract.synthetic.labs import CRP_NAMES, ESR_NAMES, Result, printed

__all__ = ["Inflammation"]

_ESR_UNITS: Final = ("mm/h", "mm/h", "mm/hr", "mm/1h", "mm/H", "mm/小时")
_HS_NAMES: Final = ("超敏C反应蛋白", "超敏C反应蛋白(hs-CRP)", "hs-CRP", "超敏C反应蛋白(CRP)")
_SPELLED: Final = tuple(name for name in ESR_NAMES if "ESR" in name)
_PLAIN: Final = tuple(name for name in ESR_NAMES if "ESR" not in name)


class Inflammation:
    """Writes inflammation tests of one patient.

    ``spelled``: the item's name must contain the letters ESR; ``hidden``: it must not.
    """

    def __init__(
        self, book: Casebook, dice: Dice, department: str, *, spelled: bool = False, hidden: bool = False
    ) -> None:
        self._book, self._dice, self._department = book, dice, department
        names = _SPELLED if spelled else _PLAIN if hidden else ESR_NAMES
        self._esr_name = dice.pick(names)
        self._crp_name = dice.pick(CRP_NAMES)
        self._in_decilitres = dice.chance(0.08)

    def test(
        self,
        at: datetime,
        visit: int | None,
        esr: Decimal | None,
        crp: Decimal | None,
        *,
        follow_up: bool = False,
    ) -> None:
        """The test that counts. Values are mm/h and mg/L; None was not done."""
        dice = self._dice
        results = self._lines(esr, crp)
        if not results:
            return
        late = timedelta(days=dice.between(3, 25)) if dice.chance(0.05) else timedelta(hours=4)
        first: list[Result] = results
        corrected: list[Result] = []
        if dice.chance(0.05):
            # The machine's first answer was wrong; the correction is a later row of the same item.
            first = self._lines(esr and esr + 7, crp and crp + 3)
            corrected = results
        if dice.chance(0.25):
            value = Decimal(dice.between(3, 60)).scaleb(-1)
            name = dice.pick(_HS_NAMES)
            first = [*first, Result(name, "XC003", f"{value:.2f}", "mg/L", "N", "0-3")]
        if dice.chance(0.06):
            spoilt = self._lines(esr and esr + 15, crp and crp + 6)
            self._write(at - timedelta(minutes=30), visit, spoilt, status="9")
        if len(results) == 2 and not corrected and dice.chance(0.3):
            self._write(at, visit, first[:1], reported=at + late)
            self._write(at + timedelta(minutes=2), visit, first[1:], reported=at + late)
            return
        self._write(at, visit, first, reported=at + late, corrected=corrected, follow_up=follow_up)

    def other(self, at: datetime, visit: int | None, esr: Decimal | None, crp: Decimal | None) -> None:
        """A test whose values do not count: near the given ones, never the same."""
        dice = self._dice
        off = Decimal(dice.between(11, 49)).scaleb(-1)
        self._write(at, visit, self._lines(esr and esr + off, crp and crp + off))

    def _lines(self, esr: Decimal | None, crp: Decimal | None) -> list[Result]:
        dice = self._dice
        lines = []
        if esr is not None:
            flag = "H" if esr > 20 else "N"
            unit = dice.pick(_ESR_UNITS)
            lines.append(Result(self._esr_name, "XC001", printed(esr, 1, flag, dice), unit, flag, "0-20"))
        if crp is not None:
            flag = "H" if crp > 8 else "N"
            if self._in_decilitres:
                text, unit = printed(crp / 10, 2, flag, dice), "mg/dL"
            else:
                text, unit = printed(crp, 1, flag, dice), "mg/L"
            lines.append(Result(self._crp_name, "XC002", text, unit, flag, "0-8"))
        return lines

    def _write(
        self,
        at: datetime,
        visit: int | None,
        results: list[Result],
        *,
        reported: datetime | None = None,
        corrected: list[Result] | None = None,
        status: str = "4",
        follow_up: bool = False,
    ) -> None:
        if results:
            self._book.lab(
                at, visit, "炎症二项" if follow_up else "炎症指标", "P10", results,
                reported=reported, corrected=corrected or [], status=status, department=self._department,
            )  # fmt: skip
