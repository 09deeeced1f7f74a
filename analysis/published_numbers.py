"""The numbers of a table as a set: each with its rounding box, and the exact test whether given data have it.

SDs, r and t are square roots; they are compared by their squares, so that every test is one of whole fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

__all__ = ["Number", "Printed", "has", "printed_numbers", "signed_square"]

Kind = Literal["mean", "sd", "r", "t", "t of r"]
_CHANGE: Final = "d_"


@dataclass(frozen=True)
class Number:
    """One printed number: what it is of, and every value that may have been printed so."""

    where: str
    kind: Kind
    group: str
    x: str
    y: str
    low: Fraction
    high: Fraction


@dataclass(frozen=True)
class Printed:
    """A set of printed numbers. ``parts`` are the groups that make up ``whole``, which is itself one when alone."""

    whole: str
    parts: Mapping[str, int]
    numbers: tuple[Number, ...]
    steps: Mapping[str, Fraction]
    ranges: Mapping[str, tuple[Fraction, Fraction]]

    def n(self, group: str) -> int:
        """Size of a part, or of all together."""
        return self.parts[group] if group in self.parts else sum(self.parts.values())

    def members(self, group: str) -> tuple[str, ...]:
        """The parts that a group is made of."""
        return (group,) if group in self.parts else tuple(self.parts)

    def columns(self, variable: str) -> tuple[str, ...]:
        """What is recorded to have a variable: itself, or the two values that it is the change between."""
        stem = variable.removeprefix(_CHANGE)
        pair = (f"{stem}_t0", f"{stem}_t1")
        named = {number.x for number in self.numbers}
        return pair if variable != stem and named.issuperset(pair) else (variable,)

    def step(self, column: str) -> Fraction | None:
        """The step a column is recorded in; a column of a pair also takes its change's or its stem's."""
        for name in _names(column):
            if name in self.steps:
                return self.steps[name]
        return None

    def range(self, column: str) -> tuple[Fraction, Fraction] | None:
        """The least and the greatest value of a column."""
        names = (column,) if column.startswith(_CHANGE) else (column, column[:-3])
        return next((self.ranges[name] for name in names if name in self.ranges), None)


def _names(column: str) -> Iterator[str]:
    yield column
    if column.endswith(("_t0", "_t1")):
        yield column[:-3]
        yield _CHANGE + column[:-3]


def printed_numbers(data: Mapping[str, Any]) -> Printed:
    """Means, SDs, r, paired t and t of r of a file of printed numbers; docs/audit.md has its shape."""
    sizes: dict[str, int] = data["n"]
    whole, *others = sizes
    parts = {g: sizes[g] for g in others} if others else dict(sizes)
    together = sum(parts.values()) == sizes[whole]
    groups = [g for g in sizes if together or g in parts]
    found = [n for n in _numbers(data, list(sizes)) if n.group in groups]
    return Printed(
        whole,
        parts,
        tuple(found),
        {name: Fraction(str(step)) for name, step in data.get("steps", {}).items()},
        {
            name: (Fraction(str(ends[0])), Fraction(str(ends[1])))
            for name, ends in data.get("ranges", {}).items()
        },
    )


def _numbers(data: Mapping[str, Any], groups: Sequence[str]) -> Iterator[Number]:
    for part in ("t1", "t2"):
        for name, values in data.get(part, {}).items():
            for group, (mean, sd) in zip(groups, values, strict=False):
                yield _number(f"{part}.{name}.{group}.mean", "mean", group, name, mean)
                yield _number(f"{part}.{name}.{group}.sd", "sd", group, name, sd)
    third = data.get("t3", {})
    changes = [
        name.removeprefix("t_").removesuffix(f"_{group}")
        for name in third
        for group in groups
        if name.startswith(f"t_{_CHANGE}") and name.endswith(f"_{group}")
    ]
    pair = list(third.get("r_of", ())) or list(dict.fromkeys(changes))
    for group in groups:
        for name in dict.fromkeys(changes):
            if f"t_{name}_{group}" in third:
                yield _number(f"t3.t_{name}_{group}", "t", group, name, third[f"t_{name}_{group}"])
        if f"r_{group}" in third and len(pair) == 2:
            r, t, *_ = third[f"r_{group}"]
            yield _number(f"t3.r_{group}.r", "r", group, pair[0], r, pair[1])
            if t is not None:
                yield _number(f"t3.r_{group}.t", "t of r", group, pair[0], t, pair[1])


def _number(where: str, kind: Kind, group: str, x: str, value: float | str, y: str = "") -> Number:
    text = f"{value:.2f}" if not isinstance(value, str) else value.strip().replace("\N{MINUS SIGN}", "-")
    exact = Fraction(str(value) if not isinstance(value, str) else text)
    half = Fraction(1, 2 * 10 ** len(text.partition(".")[2]))
    low, high = exact - half, exact + half
    if kind in {"sd", "t", "t of r"}:
        # A t is printed with or without its sign; its size is what is compared.
        low, high = (max(Fraction(0), low), high) if exact >= 0 else (max(Fraction(0), -high), -low)
    return Number(where, kind, group, x, y, max(low, Fraction(-1)) if kind == "r" else low,
                  min(high, Fraction(1)) if kind == "r" else high)  # fmt: skip


def signed_square(value: Fraction) -> Fraction:
    """The square with the sign of the value: it keeps the order, and needs no root."""
    return value * abs(value)


def has(number: Number, x: Sequence[Fraction], y: Sequence[Fraction] = ()) -> bool:
    """Whether these data have the number, in exact arithmetic."""
    n = len(x)
    mean = sum(x, Fraction(0)) / n
    if number.kind == "mean":
        return number.low <= mean <= number.high
    squares = sum(((v - mean) ** 2 for v in x), Fraction(0))
    low, high = signed_square(number.low), signed_square(number.high)
    if number.kind == "sd":
        return n > 1 and low <= squares / (n - 1) <= high
    if number.kind == "t":
        return squares > 0 and low <= mean**2 * n * (n - 1) / squares <= high
    other = sum(y, Fraction(0)) / n
    others = sum(((v - other) ** 2 for v in y), Fraction(0))
    if squares == 0 or others == 0:
        return False
    products = sum(((a - mean) * (b - other) for a, b in zip(x, y, strict=True)), Fraction(0))
    r = signed_square(products) / (squares * others)
    if number.kind == "r":
        return low <= r <= high
    return abs(r) < 1 and low <= abs(r) * (n - 2) / (1 - abs(r)) <= high
