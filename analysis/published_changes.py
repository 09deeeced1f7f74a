"""Audit of changes and their correlation: T0 and T1 against Δ, paired t, r with its t and P, the overall r."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final

from analysis.interval import Interval
from analysis.published_groups import t_tests
from analysis.published_signal import Level, Signal, Tables, compared
from analysis.statistics.distributions import normal_quantile, normal_two_sided, t_quantile, t_two_sided

__all__ = ["correlation", "deltas", "of_statistic", "within"]

_MOST_STRATA: Final = 3
_UNLIKE: Final = "the numbers are not of the same people: n differs"


def deltas(name: str, tables: Tables, *, forward: bool = True) -> Iterator[Signal]:
    """Mean change from the two means; and the correlation within pairs that the three SDs imply.

    ``forward`` is T1 minus T0.  Where n shows that some people have one of the two values only, nothing follows
    exactly, and what does not fit is said and no question.
    """
    stem = name.removeprefix("d_")
    before, after = tables.get(f"{stem}_t0"), tables.get(f"{stem}_t1")
    if before is None or after is None:
        return
    for group, change in tables[name].items():
        if group not in before or group not in after:
            continue
        first, last = (before, after) if forward else (after, before)
        yield from _change(f"{name}.{group}", first[group], last[group], change)


def _change(where: str, first: Level, last: Level, change: Level) -> Iterator[Signal]:
    implied = Interval(last.mean.low - first.mean.high, last.mean.high - first.mean.low)
    same = first.n == last.n == change.n
    mean = compared(f"{where}.mean", "T1 mean minus T0 mean", change.mean, implied)
    yield mean if same or not mean.open else replace(mean, verdict="otherwise", note=_UNLIKE)
    if min(first.sd.low, last.sd.low) <= 0:
        return
    inside = [
        (a**2 + b**2 - d**2) / (2 * a * b)
        for a, b, d in product(
            (first.sd.low, first.sd.high), (last.sd.low, last.sd.high), (change.sd.low, change.sd.high)
        )
    ]
    implied = Interval.over(inside)
    possible = implied.meets(Interval(-1.0, 1.0))
    yield Signal(
        f"{where}.sd", "correlation within pairs implied by the SDs", Interval(-1.0, 1.0), implied,
        "consistent" if possible else ("impossible" if same else "otherwise"), "" if possible or same else _UNLIKE,
    )  # fmt: skip


def of_statistic(where: str, symbol: str, value: str, p: str, df: float | None) -> Iterator[Signal]:
    """P of a printed t (with df) or Z."""
    size = Interval.read(value).magnitude
    if symbol == "t" and df is not None:
        implied = Interval(t_two_sided(size.high, df), t_two_sided(size.low, df))
    elif symbol == "z":
        implied = Interval(normal_two_sided(size.high), normal_two_sided(size.low))
    else:
        return
    yield compared(f"{where}.p", "P of the printed statistic", Interval.p(p), implied)


def within(where: str, change: Level | None, printed: Sequence[str]) -> Iterator[Signal]:
    """A change against zero: ``[symbol, statistic, P]``, a paired t or the Z of a rank test."""
    symbol, value, p = printed
    if symbol == "t" and change is not None:
        implied = _paired(change)
        yield replace(
            compared(f"{where}.t", "paired t of the change", Interval.read(value).magnitude, implied),
            point=_middle(change),
        )
    df = None if change is None else change.n - 1
    yield from of_statistic(where, symbol, value, p, df)


def _middle(change: Level) -> float | None:
    """T at the printed mean and SD, rounding left aside."""
    mean, sd = ((box.low + box.high) / 2 for box in (change.mean, change.sd))
    return abs(mean) / (sd / math.sqrt(change.n)) if sd else None


def _paired(change: Level) -> Interval:
    values = [m / (s / math.sqrt(change.n)) if s else math.copysign(math.inf, m) for m, s in change.corners()]
    return Interval.over(values).magnitude


def correlation(printed: Mapping[str, Any], tables: Tables, sizes: Mapping[str, int]) -> Iterator[Signal]:
    """Correlations, paired and independent t, intervals."""
    groups = list(sizes)
    pairs = {**sizes, **printed.get("n", {})}
    for group in groups:
        if f"r_{group}" in printed:
            yield from _of_group(printed, group, pairs[group])
    if "R2" in printed and f"r_{groups[0]}" in printed:
        yield _square("t3.R2", printed["R2"], printed[f"r_{groups[0]}"][0])
    for key, value in printed.items():
        if key.startswith("t_ind_"):
            parts = [tables[key.removeprefix("t_ind_")][g] for g in groups[1:]]
            for name, (implied, _) in t_tests(parts[0], parts[1]).items():
                yield compared(
                    f"t3.{key}", f"{name}'s t between the groups", Interval.read(value), implied.magnitude
                )
        elif key.startswith("t_d_"):
            name, group = _split(key.removeprefix("t_"), groups)
            change = tables[name][group]
            one = compared(
                f"t3.{key}", "paired t of the change", Interval.read(value).magnitude, _paired(change)
            )
            yield replace(one, point=_middle(change))
        elif key.startswith("ci_d_"):
            name, group = _split(key.removeprefix("ci_"), groups)
            yield from _interval(f"t3.{key}", tables[name][group], value)
    yield from _forced_r(printed, tables, pairs, groups)


def _of_group(printed: Mapping[str, Any], group: str, n: int) -> Iterator[Signal]:
    """R of one group: its t and P, its limits, its square."""
    r = printed[f"r_{group}"]
    yield from _r(f"t3.r_{group}", r, n)
    if f"ci_r_{group}" in printed:
        yield from _r_limits(f"t3.ci_r_{group}", r[0], n, printed[f"ci_r_{group}"])
    if f"R2_{group}" in printed:
        yield _square(f"t3.R2_{group}", printed[f"R2_{group}"], r[0])


def _split(key: str, groups: Sequence[str]) -> tuple[str, str]:
    """``d_x_group`` as variable and group, whatever stands in their names. Raises KeyError on another group."""
    for group in sorted(groups, key=len, reverse=True):
        if key.endswith(f"_{group}"):
            return key.removesuffix(f"_{group}"), group
    raise KeyError(key)


def _square(where: str, printed: float | str, r: float | str) -> Signal:
    size = Interval.read(r).magnitude
    return compared(where, "square of r", Interval.read(printed), Interval(size.low**2, size.high**2))


def _t_of(r: float, n: int) -> float:
    return r * math.sqrt((n - 2) / (1 - r * r)) if abs(r) < 1 else math.copysign(math.inf, r)


def _r(where: str, printed: Sequence[Any], n: int) -> Iterator[Signal]:
    r, t, p = printed
    box = Interval.read(r)
    ts = Interval.over([_t_of(x, n) for x in (box.low, box.high)]).magnitude
    if t is not None:
        yield replace(
            compared(f"{where}.t", "t of the printed r", Interval.read(t).magnitude, ts),
            point=abs(_t_of((box.low + box.high) / 2, n)),
        )
    ps = Interval.over([t_two_sided(x, n - 2) if math.isfinite(x) else 0.0 for x in (ts.low, ts.high)])
    yield compared(f"{where}.p", "P of the printed r", Interval.p(str(p)), ps)


def _r_limits(where: str, r: float | str, n: int, limits: Sequence[Any]) -> Iterator[Signal]:
    if n <= 3:
        return
    box = Interval.read(r)
    reach = normal_quantile(0.975) / math.sqrt(n - 3)
    for sign, name, limit in ((-1, "lower", limits[0]), (1, "upper", limits[1])):
        ends = [math.tanh(math.atanh(x) + sign * reach) if abs(x) < 1 else x for x in (box.low, box.high)]
        yield compared(
            where, f"{name} 95% limit of r by Fisher's z", Interval.read(limit), Interval.over(ends)
        )


def _interval(where: str, change: Level, limits: Sequence[Any]) -> Iterator[Signal]:
    reach = t_quantile(0.975, change.n - 1) / math.sqrt(change.n)
    for sign, name, limit in ((-1, "lower", limits[0]), (1, "upper", limits[1])):
        implied = Interval.over([m + sign * reach * s for m, s in change.corners()])
        yield compared(where, f"{name} 95% limit of the mean", Interval.read(limit), implied)


def _forced_r(
    printed: Mapping[str, Any], tables: Tables, pairs: Mapping[str, int], groups: Sequence[str]
) -> Iterator[Signal]:
    """The overall r that the groups' means, SDs and r force, of the two changes whose t are printed."""
    keyed = [k.removeprefix("t_") for k in printed if k.startswith("t_d_")]
    named = list(printed.get("r_of", ())) or list(dict.fromkeys(_split(k, groups)[0] for k in keyed))
    if (
        len(named) != 2
        or not 2 <= len(groups) - 1 <= _MOST_STRATA
        or any(f"r_{g}" not in printed for g in groups)
    ):
        return
    if any(name not in tables or g not in tables[name] for name in named for g in groups):
        return
    x, y = (tables[name] for name in named)
    # It follows only when r, means and SDs are of the same people.
    if (
        any(not x[g].n == y[g].n == pairs[g] for g in groups)
        or sum(pairs[g] for g in groups[1:]) != pairs[groups[0]]
    ):
        return
    boxes = [
        tuple(product(x[g].corners(), y[g].corners(), _ends(Interval.read(printed[f"r_{g}"][0]))))
        for g in groups[1:]
    ]
    sizes = [pairs[g] for g in groups[1:]]
    found = []
    for corner in product(*boxes):
        n = sum(sizes)
        mx = sum(k * c[0][0] for k, c in zip(sizes, corner, strict=True)) / n
        my = sum(k * c[1][0] for k, c in zip(sizes, corner, strict=True)) / n
        xx = yy = xy = 0.0
        for k, ((ax, sx), (ay, sy), r) in zip(sizes, corner, strict=True):
            xx += (k - 1) * sx**2 + k * (ax - mx) ** 2
            yy += (k - 1) * sy**2 + k * (ay - my) ** 2
            xy += (k - 1) * r * sx * sy + k * (ax - mx) * (ay - my)
        if xx <= 0 or yy <= 0:
            return
        found.append(xy / math.sqrt(xx * yy))
    where = f"t3.r_{groups[0]}"
    overall = Interval.read(printed[f"r_{groups[0]}"][0])
    yield compared(f"{where}.r", "overall r forced by the groups", overall, Interval.over(found))


def _ends(box: Interval) -> tuple[float, float]:
    return max(-1.0, box.low), min(1.0, box.high)
