"""Proofs that no data have a set of printed numbers, each step's arithmetic written out for a reader's own hand.

Everything is carried through the rounding boxes in exact fractions, so a proof holds for every dataset there is.
With S the sum of squares about the mean and m the means: S(all) = Σ S(group) + Σ nᵢnⱼ/n·(mᵢ − mⱼ)² over pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import combinations, product
from typing import Any, Final

from analysis.granular import grim, grimmer
from analysis.interval import Interval
from analysis.published_numbers import Number, Printed, signed_square

__all__ = ["THEOREMS", "Proof", "proofs"]

Box = tuple[Fraction, Fraction]

THEOREMS: Final = {
    "mean of all": ("the mean of all is the weighted mean of the groups'", "总体均数是各组均数的加权平均"),
    "floor of SD": (
        "the distance between the groups' means alone forces a larger SD",
        "仅各组均数之差已使总体标准差更大",
    ),
    "SD of all": (
        "the SD of all follows from the groups' means and SDs",
        "总体标准差由各组均数与标准差决定",
    ),
    "mean change": ("the mean change is the difference of the two means", "变化量均数等于两均数之差"),
    "triangle": (
        "the SD of a difference lies between the difference and the sum of the two SDs",
        "差值的标准差介于两标准差之差与之和之间",
    ),
    "r of all": (
        "the r of all follows from the groups' means, SDs and r",
        "总体 r 由各组均数、标准差与 r 决定",
    ),
    "paired t": ("t is mean over SD times the root of n", "t 等于均数除以标准差再乘以 n 的平方根"),
    "t of r": ("t follows from r and n", "t 由 r 与 n 决定"),
    "range": (
        "values between a and b have variance at most (b - m)(m - a)·n/(n - 1)",
        "取值在 a 与 b 之间时，方差不超过 (b − m)(m − a)·n/(n − 1)",
    ),
    "GRIM": ("the sum of values in steps is a whole number of steps", "按步长记录的数值之和是步长的整数倍"),
    "GRIMMER": (
        "so is the sum of their squares, of the same parity as the sum",
        "其平方和亦为整数，且与总和同奇偶",
    ),
}
"""What each proof rests on, in English and Chinese."""


@dataclass(frozen=True)
class Proof:
    """That one number cannot stand beside the others it is derived from; ``needs`` are those others."""

    where: str
    theorem: str
    needs: tuple[str, ...]
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The proof as plain data, with its theorem in both languages."""
        en, zh = THEOREMS[self.theorem]
        return {**asdict(self), "says": {"en": en, "zh": zh}}


Known = Mapping[tuple[str, str, str, str], Number]


def proofs(printed: Printed) -> list[Proof]:
    """Every proof there is, in the order of the numbers; a number may have several."""
    known: Known = {(n.kind, n.group, n.x, n.y): n for n in printed.numbers}
    found: list[Proof] = []
    for number in printed.numbers:
        for argue in _ARGUMENTS[number.kind]:
            found.extend(argue(number, printed, known))
    return found


def _show(value: Fraction) -> str:
    return f"{float(value):.6g}" if value >= 0 else f"({float(value):.6g})"


def _box(box: Box) -> str:
    return f"[{float(box[0]):.6g}, {float(box[1]):.6g}]"


def _apart(number: Number, theorem: str, needs: list[Number], steps: list[str], implied: Box,
           printed: Box) -> Iterator[Proof]:  # fmt: skip
    if implied[1] < printed[0] or printed[1] < implied[0]:
        last = f"implied {_box(implied)}, printed {_box(printed)}: no common value"
        yield Proof(number.where, theorem, tuple(n.where for n in needs), (*steps, last))


def _times(a: Box, b: Box) -> Box:
    corners = [x * y for x, y in product(a, b)]
    return min(corners), max(corners)


def _minus(a: Number, b: Number) -> Box:
    return a.low - b.high, a.high - b.low


def _squared(box: Box) -> Box:
    ends = (box[0] ** 2, box[1] ** 2)
    return (Fraction(0) if box[0] <= 0 <= box[1] else min(ends)), max(ends)


def _of_parts(number: Number, kind: str, printed: Printed, known: Known, x: str, y: str = "") -> list[Number]:
    """The same number of every part, when all are printed and the number is of all together."""
    if number.group in printed.parts:
        return []
    found = [known.get((kind, g, x, y)) for g in printed.parts]
    return [n for n in found if n is not None] if None not in found else []


def _mean_of_all(number: Number, printed: Printed, known: Known) -> Iterator[Proof]:
    means = _of_parts(number, "mean", printed, known, number.x)
    if not means:
        return
    n = printed.n(number.group)
    implied = (
        sum((printed.n(m.group) * m.low for m in means), Fraction(0)) / n,
        sum((printed.n(m.group) * m.high for m in means), Fraction(0)) / n,
    )
    said = " + ".join(f"{printed.n(m.group)}·{_box((m.low, m.high))}" for m in means)
    yield from _apart(
        number, "mean of all", means, [f"({said})/{n} = {_box(implied)}"], implied, (number.low, number.high)
    )


def _between(xs: list[Number], ys: list[Number], printed: Printed, n: int) -> tuple[Box, list[str]]:
    """Σ nᵢnⱼ/n·(xᵢ − xⱼ)(yᵢ − yⱼ) over pairs of groups."""
    low = high = Fraction(0)
    steps = []
    for i, j in combinations(range(len(xs)), 2):
        weight = Fraction(printed.n(xs[i].group) * printed.n(xs[j].group), n)
        dx, dy = _minus(xs[i], xs[j]), _minus(ys[i], ys[j])
        box = _squared(dx) if xs is ys else _times(dx, dy)
        low, high = low + weight * box[0], high + weight * box[1]
        across = f"{_box(dx)}²" if xs is ys else f"{_box(dx)}·{_box(dy)}"
        steps.append(
            f"{printed.n(xs[i].group)}·{printed.n(xs[j].group)}/{n}·{across} = "
            f"{_box((weight * box[0], weight * box[1]))}"
        )
    return (low, high), steps


def _within(sds: list[Number], printed: Printed) -> Box:
    return (
        sum(((printed.n(s.group) - 1) * s.low**2 for s in sds), Fraction(0)),
        sum(((printed.n(s.group) - 1) * s.high**2 for s in sds), Fraction(0)),
    )


def _sd_of_all(number: Number, printed: Printed, known: Known) -> Iterator[Proof]:
    means = _of_parts(number, "mean", printed, known, number.x)
    if not means:
        return
    n = printed.n(number.group)
    between, steps = _between(means, means, printed, n)
    said = (number.low**2 * (n - 1), number.high**2 * (n - 1))
    if between[0] > said[1]:
        least = float(between[0] / (n - 1)) ** 0.5
        yield Proof(
            number.where, "floor of SD", tuple(m.where for m in means),
            (*steps, f"S ≥ {_show(between[0])}, so SD ≥ √({_show(between[0])}/{n - 1}) = {least:.6g}",
             f"printed SD ≤ {_show(number.high)}, S ≤ {n - 1}·{_show(number.high)}² = {_show(said[1])}"),
        )  # fmt: skip
    sds = _of_parts(number, "sd", printed, known, number.x)
    if sds:
        within = _within(sds, printed)
        inner = " + ".join(f"{printed.n(s.group) - 1}·{_box((s.low, s.high))}²" for s in sds)
        implied = (between[0] + within[0], between[1] + within[1])
        yield from _apart(
            number, "SD of all", [*means, *sds],
            [*steps, f"{inner} = {_box(within)}",
             f"S = {_box(implied)}; printed S = {n - 1}·{_box((number.low, number.high))}² = {_box(said)}"],
            implied, said,
        )  # fmt: skip


def _change(number: Number, known: Known, kind: str) -> tuple[Number, Number] | None:
    stem = number.x.removeprefix("d_")
    first, last = (known.get((kind, number.group, f"{stem}_{at}", "")) for at in ("t0", "t1"))
    return (first, last) if stem != number.x and first and last else None


def _mean_change(number: Number, _printed: Printed, known: Known) -> Iterator[Proof]:
    if pair := _change(number, known, "mean"):
        first, last = pair
        implied = _minus(last, first)
        step = f"{_box((last.low, last.high))} − {_box((first.low, first.high))} = {_box(implied)}"
        yield from _apart(number, "mean change", [first, last], [step], implied, (number.low, number.high))


def _triangle(number: Number, _printed: Printed, known: Known) -> Iterator[Proof]:
    if pair := _change(number, known, "sd"):
        first, last = pair
        implied = (
            max(first.low - last.high, last.low - first.high, Fraction(0)),
            first.high + last.high,
        )
        a, b = _box((first.low, first.high)), _box((last.low, last.high))
        yield from _apart(
            number, "triangle", [first, last], [f"|{a} − {b}| ≤ SD ≤ {a} + {b}"], implied,
            (number.low, number.high),
        )  # fmt: skip


def _r_of_all(number: Number, printed: Printed, known: Known) -> Iterator[Proof]:
    xs, ys = (_of_parts(number, "mean", printed, known, v) for v in (number.x, number.y))
    sxs, sys_ = (_of_parts(number, "sd", printed, known, v) for v in (number.x, number.y))
    rs = _of_parts(number, "r", printed, known, number.x, number.y)
    if not (xs and ys and sxs and sys_ and rs):
        return
    n = printed.n(number.group)
    (xx, x_steps), (yy, y_steps) = _between(xs, xs, printed, n), _between(ys, ys, printed, n)
    wx, wy = _within(sxs, printed), _within(sys_, printed)
    xx, yy = (xx[0] + wx[0], xx[1] + wx[1]), (yy[0] + wy[0], yy[1] + wy[1])
    xy, xy_steps = _between(xs, ys, printed, n)
    for r, sx, sy in zip(rs, sxs, sys_, strict=True):
        inner = _times((r.low, r.high), _times((sx.low, sx.high), (sy.low, sy.high)))
        k = printed.n(r.group) - 1
        xy = (xy[0] + k * inner[0], xy[1] + k * inner[1])
        xy_steps.append(
            f"{k}·{_box((r.low, r.high))}·{_box((sx.low, sx.high))}·{_box((sy.low, sy.high))} = "
            f"{_box((k * inner[0], k * inner[1]))}"
        )
    if xx[0] <= 0 or yy[0] <= 0:
        return
    least, most = xx[0] * yy[0], xx[1] * yy[1]
    implied = (
        signed_square(xy[0]) / (most if xy[0] > 0 else least),
        signed_square(xy[1]) / (least if xy[1] > 0 else most),
    )
    steps = [
        *(f"Sx: {s}" for s in x_steps), f"Sx = {_box(xx)}", *(f"Sy: {s}" for s in y_steps), f"Sy = {_box(yy)}",
        *(f"Sxy: {s}" for s in xy_steps), f"Sxy = {_box(xy)}",
        f"r = Sxy/√(Sx·Sy) in {_box((_root(implied[0]), _root(implied[1])))}; below r·|r| is compared",
    ]  # fmt: skip
    yield from _apart(
        number, "r of all", [*xs, *ys, *sxs, *sys_, *rs], steps, implied,
        (signed_square(number.low), signed_square(number.high)),
    )  # fmt: skip


def _root(square: Fraction) -> Fraction:
    """For showing only."""
    root = Fraction(float(abs(square)) ** 0.5)
    return root if square >= 0 else -root


def _paired_t(number: Number, printed: Printed, known: Known) -> Iterator[Proof]:
    mean = known.get(("mean", number.group, number.x, ""))
    sd = known.get(("sd", number.group, number.x, ""))
    if mean is None or sd is None or sd.low <= 0:
        return
    n = printed.n(number.group)
    size = _squared((mean.low, mean.high))
    implied = (size[0] * n / sd.high**2, size[1] * n / sd.low**2)
    steps = [
        f"t² = {_box((mean.low, mean.high))}²·{n}/{_box((sd.low, sd.high))}² = {_box(implied)}",
        f"|t| in {_box((_root(implied[0]), _root(implied[1])))}; below t² is compared",
    ]
    yield from _apart(number, "paired t", [mean, sd], steps, implied, (number.low**2, number.high**2))


def _t_of_r(number: Number, printed: Printed, known: Known) -> Iterator[Proof]:
    r = known.get(("r", number.group, number.x, number.y))
    if r is None or max(abs(r.low), abs(r.high)) >= 1:
        return
    n = printed.n(number.group)
    size = _squared((r.low, r.high))
    implied = (size[0] * (n - 2) / (1 - size[0]), size[1] * (n - 2) / (1 - size[1]))
    steps = [
        f"t² = r²({n} − 2)/(1 − r²), r in {_box((r.low, r.high))}: {_box(implied)}",
        f"|t| in {_box((_root(implied[0]), _root(implied[1])))}; below t² is compared",
    ]
    yield from _apart(number, "t of r", [r], steps, implied, (number.low**2, number.high**2))


def _range(number: Number, printed: Printed, known: Known) -> Iterator[Proof]:
    """Bhatia and Davis; a mean outside the range is refused by the same product."""
    ends = printed.range(number.x)
    mean = known.get(("mean", number.group, number.x, ""))
    if ends is None or mean is None or number.x.startswith("d_"):
        return
    n, (a, b) = printed.n(number.group), ends
    if mean.low > b or mean.high < a:
        if number.kind == "mean":
            step = f"mean {_box((mean.low, mean.high))}, range {_box(ends)}"
            yield Proof(number.where, "range", (), (step,))
        return
    best = min(max((a + b) / 2, mean.low), mean.high)
    most = (b - best) * (best - a) * n
    if number.kind == "sd" and number.low**2 * (n - 1) > most:
        yield Proof(
            number.where, "range", (mean.where,),
            (f"S ≤ {n}·({_show(b)} − {_show(best)})·({_show(best)} − {_show(a)}) = {_show(most)}",
             f"printed S ≥ {n - 1}·{_show(number.low)}² = {_show(number.low**2 * (n - 1))}"),
        )  # fmt: skip


def _steps(number: Number, printed: Printed, known: Known) -> Iterator[Proof]:
    step = printed.steps.get(number.x) or (None if number.x.startswith("d_") else printed.step(number.x))
    mean = known.get(("mean", number.group, number.x, ""))
    if step is None or mean is None:
        return
    n = printed.n(number.group)
    sums = (mean.low * n / step, mean.high * n / step)
    box = Interval(float(mean.low), float(mean.high))
    said = f"{n}·{_box((mean.low, mean.high))}/{_show(step)} = {_box(sums)}"
    whole = grim(box, n, step)
    if number.kind == "mean" and not whole:
        yield Proof(number.where, "GRIM", (), (said, "no whole number lies in it"))
    if number.kind == "sd" and whole and n > 1:
        if grimmer(box, Interval(float(number.low), float(number.high)), n, step):
            return
        squares = (number.low**2 * (n - 1) / step**2, number.high**2 * (n - 1) / step**2)
        yield Proof(
            number.where, "GRIMMER", (mean.where,),
            (said, f"S in steps²: {n - 1}·{_box((number.low, number.high))}²/{_show(step)}² = {_box(squares)}",
             f"for no whole sum k in {_box(sums)} is k²/{n} + S a whole number of k's parity, S at least the least"),
        )  # fmt: skip


_Argument = Callable[[Number, Printed, Known], Iterator[Proof]]
_ARGUMENTS: Final[dict[str, tuple[_Argument, ...]]] = {
    "mean": (_mean_of_all, _mean_change, _range, _steps),
    "sd": (_sd_of_all, _triangle, _range, _steps),
    "r": (_r_of_all,),
    "t": (_paired_t,),
    "t of r": (_t_of_r,),
}
