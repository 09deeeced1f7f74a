"""Who the patients are: invented names, numbers that belong to nobody, and the staff of the hospital."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from extract.synthetic.dice import Dice

__all__ = ["CANARY", "CANARY_PHONE", "Person", "born_so_that", "doctors", "patient_number", "person"]

CANARY: Final = "金丝雀甲乙丙"
"""Name of one planted patient, her next of kin and a person in one of her notes: a string that must be
found nowhere outside the landing store and the study database."""

CANARY_PHONE: Final = "19900424242"
"""Telephone of the same patient, for the same search."""

_SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英玉华建国红梅志远晓东思雨浩然子涵"
_PLACES: Final = ("城关镇", "东风街道", "红旗路", "新华西街", "解放南路", "建设村", "北园社区", "滨河小区")
_CHARGES: Final = ("城镇职工", "城乡居民", "自费", "公费", "商保")
_SCATTER: Final = 38_473_627  # odd and no multiple of 5, so that i -> i * it mod 10^8 meets every number once


@dataclass(frozen=True, slots=True)
class Person:
    """The identity that a hospital keeps; ``sex`` is 男 or 女."""

    number: str
    sex: str
    birth: date
    name: str
    phone: str
    kin: str
    address: str
    charge: str


def patient_number(index: int, twin: int = 0) -> str:
    """PATIENT_ID of the patient ``index``: eight digits in no visible order, each index its own.

    ``twin`` 1 gives the second number of somebody who was registered twice.
    """
    return f"{(index * 2 + twin + 1) * _SCATTER % 100_000_000:08d}"


def born_so_that(age: int, on: date, dice: Dice) -> date:
    """A birth date of somebody who is ``age`` completed years old on the day ``on``."""
    birthday = date(on.year - age, on.month, min(on.day, 28))
    return birthday - timedelta(days=dice.between(0, 330))


def person(index: int, sex: str, birth: date, dice: Dice) -> Person:
    """An invented person. Telephone numbers and identity numbers are of ranges that are not given out."""
    family = dice.pick(_SURNAMES)
    given = dice.pick(_GIVEN) + (dice.pick(_GIVEN) if dice.chance(0.7) else "")
    return Person(
        number=patient_number(index),
        sex=sex,
        birth=birth,
        name=family + given,
        phone=f"1990{dice.between(0, 9_999_999):07d}",
        kin=family + dice.pick(_GIVEN),
        address=dice.pick(_PLACES) + f"{dice.between(1, 300)}号",
        charge=dice.pick(_CHARGES),
    )


def doctors(department: str) -> tuple[str, ...]:
    """The staff numbers of a department's doctors; each has habits of writing (see notes)."""
    base = sum(ord(letter) for letter in department) % 90 + 10
    return tuple(f"{base}{n:02d}" for n in range(1, 7))
