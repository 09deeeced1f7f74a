"""Who is compared with whom: the groups of the plan as row numbers of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.dataset import Cell, Locked
from extract.study.protocol import Label

__all__ = ["ALL", "DIFFERENCE", "Group", "Groups", "groups_of", "pick"]

ALL: Final = "all"
DIFFERENCE: Final = "difference"


@dataclass(frozen=True)
class Group:
    """A set of participants with the key it has in the frame."""

    key: str
    label: Label
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Groups:
    """Everybody, and the groups that are compared, in the order of the tables' columns."""

    everyone: Group
    levels: tuple[Group, ...]

    @property
    def columns(self) -> tuple[Group, ...]:
        """Everybody first, then the groups."""
        return (self.everyone, *self.levels)


def groups_of(locked: Locked, by: str) -> Groups:
    """The groups that the column ``by`` makes: responders first, or a variable's categories in code order."""
    values = locked.values(by)
    everyone = Group(ALL, Label(zh="总体", en="Overall"), tuple(range(len(values))))
    return Groups(everyone, tuple(_levels(locked, by, values)))


def _levels(locked: Locked, by: str, values: Sequence[Cell]) -> list[Group]:
    def rows(code: int) -> tuple[int, ...]:
        return tuple(i for i, value in enumerate(values) if value is not None and str(value) == str(code))

    if by == "responder":
        labels = locked.protocol.outcome.labels
        return [Group("responder", labels[1], rows(1)), Group("nonresponder", labels[0], rows(0))]
    found = next((v for v in locked.protocol.variable if v.id == by and v.categorical and not v.many), None)
    if found is None:
        return []
    return [Group(f"{by}={v.code}", Label(zh=v.zh, en=v.en), rows(v.code)) for v in found.values]


def pick(values: Sequence[Cell], rows: Sequence[int]) -> list[Cell]:
    """The values of these rows."""
    return [values[i] for i in rows]
