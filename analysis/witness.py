"""A witness for printed numbers: data that have every one of them to the last digit, or what proves there are none.

Conditions touch only sums, sums of squares and of products per group.  Data start from the printed moments on the
recording grid; moves of whole steps then shrink the distance to the rounding boxes, and the end is checked in exact
fractions.  The search is seeded.  What neither finds is *unknown*, and is called so.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.published_numbers import Number, Printed, has, printed_numbers
from analysis.published_proofs import Proof, proofs

__all__ = ["Decision", "decide", "write_witness"]

Verdict = Literal["witness", "impossible", "unknown"]
Floats = NDArray[np.float64]
_FINE: Final = Fraction(1, 1000)
_STARTS: Final = 6
_ROUNDS: Final = 1500
_MOVES: Final = 64


@dataclass(frozen=True)
class Decision:
    """Whether data have all the numbers; ``rows`` have all but ``without``, the numbers that proofs refuse.

    ``rows`` are (group, column -> value), empty where the search found none; ``unmet`` are then the numbers of the
    variables whose data were not found.
    """

    verdict: Verdict
    proofs: tuple[Proof, ...]
    without: tuple[str, ...]
    met: tuple[str, ...]
    unmet: tuple[str, ...]
    groups: tuple[str, ...]
    columns: Mapping[str, tuple[Fraction, ...]]

    def to_json(self) -> dict[str, Any]:
        """The decision as plain data, without the rows."""
        return {
            "verdict": self.verdict,
            "proofs": [p.to_json() for p in self.proofs],
            "without": list(self.without),
            "met": list(self.met),
            "unmet": list(self.unmet),
            "rows": len(self.groups) if self.columns else 0,
            "columns": list(self.columns),
        }


def decide(data: Mapping[str, Any], seed: int = 1) -> Decision:
    """Find data that have the printed numbers, or prove that there are none."""
    printed = printed_numbers(data)
    found = tuple(proofs(printed))
    without = tuple(dict.fromkeys(p.where for p in found))
    groups = tuple(g for g, n in printed.parts.items() for _ in range(n))
    columns: dict[str, tuple[Fraction, ...]] = {}
    met: list[str] = []
    unmet: list[str] = []
    for number_set in _connected(printed, [n for n in printed.numbers if n.where not in without]):
        names = sorted({c for n in number_set for v in (n.x, n.y) if v for c in printed.columns(v)})
        rows = _search(printed, number_set, names, seed)
        if rows is None:
            unmet.extend(n.where for n in number_set)
        else:
            met.extend(n.where for n in number_set)
            columns.update(rows)
    verdict: Verdict = "impossible" if found else ("unknown" if unmet else "witness")
    return Decision(verdict, found, without, tuple(met), tuple(unmet), groups, columns)


def write_witness(decision: Decision, path: Path) -> None:
    """One row a person: an invented number, the group, the columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["row", "group", *decision.columns])
        for i, group in enumerate(decision.groups if decision.columns else ()):
            out.writerow([i + 1, group, *(_decimal(values[i]) for values in decision.columns.values())])


def _decimal(value: Fraction) -> str:
    text = f"{float(value):.6f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _connected(printed: Printed, numbers: Sequence[Number]) -> Iterator[list[Number]]:
    """The numbers in sets that share no column, so that each set can be met alone."""
    sets: list[tuple[set[str], list[Number]]] = []
    for number in numbers:
        columns = {c for v in (number.x, number.y) if v for c in printed.columns(v)}
        joined = [s for s in sets if s[0] & columns]
        sets = [s for s in sets if not s[0] & columns]
        sets.append((columns.union(*(s[0] for s in joined)), [*(n for s in joined for n in s[1]), number]))
    yield from (numbers for _, numbers in sets)


@dataclass(frozen=True)
class _Space:
    """The numbers as functions of the groups' sums and sums of products, for whole batches of moves at once."""

    numbers: Sequence[Number]
    n: Floats
    masks: Floats
    x: Floats
    y: Floats
    low: Floats
    high: Floats

    @cached_property
    def of_sums(self) -> Floats:
        """(g k, 2 q): what turns the groups' sums into every number's two totals."""
        totals = [np.einsum("qg,qk->gkq", self.masks, v) for v in (self.x, self.y)]
        return np.concatenate(totals, axis=2).reshape(-1, 2 * len(self.numbers))

    @cached_property
    def of_products(self) -> Floats:
        """(g k k, 3 q): the same for sums of squares and of products."""
        pairs = ((self.x, self.x), (self.x, self.y), (self.y, self.y))
        totals = [np.einsum("qg,qk,ql->gklq", self.masks, a, b) for a, b in pairs]
        return np.concatenate(totals, axis=3).reshape(-1, 3 * len(self.numbers))

    @cached_property
    def kinds(self) -> list[NDArray[np.bool_]]:
        """Which numbers are an SD, an r, a t, a t of r; all others are means."""
        kinds = np.array([n.kind for n in self.numbers])
        return [kinds == kind for kind in ("sd", "r", "t", "t of r")]

    def values(self, sums: Floats, products: Floats) -> Floats:
        """(batch, q) the numbers. sums are (batch, g, k), products (batch, g, k, k)."""
        mx, my = np.hsplit(sums.reshape(len(sums), -1) @ self.of_sums / np.tile(self.n, 2), 2)
        xx, xy, yy = np.hsplit(products.reshape(len(sums), -1) @ self.of_products, 3)
        xx, yy = (np.maximum(v - self.n * m * m, 1e-12) for v, m in ((xx, mx), (yy, my)))
        xy = xy - self.n * mx * my
        sd = np.sqrt(xx / np.maximum(self.n - 1, 1))
        r = np.clip(xy / np.sqrt(xx * yy), -0.999999, 0.999999)
        t = np.abs(mx) * np.sqrt(self.n) / sd
        t_of_r = np.abs(r) * np.sqrt(np.maximum(self.n - 2, 0) / (1 - r * r))
        found: Floats = np.select(self.kinds, [sd, r, t, t_of_r], mx)
        return found

    def distance(self, sums: Floats, products: Floats) -> Floats:
        """(batch,) summed distance to the boxes, in widths."""
        value = self.values(sums, products)
        # A mean may be met at the very edge of its box only; the exact check decides about the hair.
        hair = (self.high - self.low) * 1e-7
        out = np.maximum(self.low - hair - value, value - self.high - hair)
        found: Floats = np.minimum(np.maximum(out, 0.0) / np.maximum(self.high - self.low, 1e-9), 1e6).sum(
            axis=1
        )
        return found

    def fit(self, data: Floats, at: NDArray[np.intp], bounds: Sequence[tuple[float, float]]) -> Floats:
        """Unrounded data inside the middle of every box, as near as a descent gets from ``data``."""
        rows = self.masks[:, at]
        kinds = [n.kind for n in self.numbers]
        signs = {n.group: np.sign(float(n.low + n.high)) for n in self.numbers if n.kind == "r"}
        toward = [signs.get(n.group, 1.0) for n in self.numbers]
        middle, half = (self.low + self.high) / 2, np.maximum((self.high - self.low) / 2, 1e-9)

        def cost(flat: Floats) -> tuple[float, Floats]:
            columns = flat.reshape(data.shape)
            total, slope = 0.0, np.zeros_like(columns)
            for q, kind in enumerate(kinds):
                mine, n = rows[q], self.n[q]
                x, y = columns @ self.x[q], columns @ self.y[q]
                m = float(mine @ x) / n
                dx, dy = mine * (x - m), mine * (y - mine @ y / n)
                xx, yy = max(float(dx @ dx), 1e-9), max(float(dy @ dy), 1e-9)
                sd = (xx / max(n - 1, 1)) ** 0.5
                by_sd = dx / (max(n - 1, 1) * sd)
                by_y = np.zeros_like(dx)
                if kind == "mean":
                    value, by_x = m, mine / n
                elif kind == "sd":
                    value, by_x = sd, by_sd
                elif kind == "t":
                    value = abs(m) * n**0.5 / sd
                    by_x = np.sign(m) * mine / n * n**0.5 / sd - value / sd * by_sd
                else:
                    root = (xx * yy) ** 0.5
                    value = min(max(float(dx @ dy) / root, -0.99999), 0.99999)
                    by_x, by_y = dy / root - value * dx / xx, dx / root - value * dy / yy
                    if kind == "t of r":
                        # With the sign of the printed r: t is its size alone.
                        turn = toward[q] * max(n - 2, 0) ** 0.5 / (1 - value * value) ** 1.5
                        value = toward[q] * value * (max(n - 2, 0) / (1 - value * value)) ** 0.5
                        by_x, by_y = turn * by_x, turn * by_y
                off = (value - middle[q]) / half[q]
                over = np.sign(off) * max(abs(off) - 0.8, 0.0)
                total += over * over
                slope += (2 * over / half[q]) * (np.outer(by_x, self.x[q]) + np.outer(by_y, self.y[q]))
            return total, slope.ravel()

        from scipy.optimize import minimize

        limits = [bounds[c] for _ in range(len(data)) for c in range(data.shape[1])]
        found: Floats = minimize(
            cost,
            data.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options={"maxiter": 300, "ftol": 1e-14},
        ).x.reshape(data.shape)
        return found


def _search(
    printed: Printed, numbers: Sequence[Number], names: Sequence[str], seed: int
) -> dict[str, tuple[Fraction, ...]] | None:
    groups = list(printed.parts)
    at = np.repeat(np.arange(len(groups)), [printed.parts[g] for g in groups])
    units = [printed.step(name) or _FINE for name in names]
    space = _Space(
        numbers,
        np.array([printed.n(n.group) for n in numbers], dtype=float),
        np.array([[g in printed.members(n.group) for g in groups] for n in numbers], dtype=float),
        np.array([_form(printed, n.x, names) for n in numbers]),
        np.array([_form(printed, n.y or n.x, names) for n in numbers]),
        np.array([float(n.low) for n in numbers]),
        np.array([float(n.high) for n in numbers]),
    )
    for start in range(_STARTS):
        chance = np.random.default_rng([seed, start])
        whole = _walk(
            printed, space, names, units, at, _begin(printed, numbers, names, at, start, chance), chance
        )
        if whole is None:
            continue
        columns = {
            name: tuple(int(v) * unit for v in whole[:, c])
            for c, (name, unit) in enumerate(zip(names, units, strict=True))
        }
        if all(_met(printed, n, columns, groups, at) for n in numbers):
            return columns
    return None


def _form(printed: Printed, variable: str, names: Sequence[str]) -> list[float]:
    """A variable as a sum of columns: itself, or last minus first."""
    columns = printed.columns(variable)
    signs = {columns[0]: 1.0} if len(columns) == 1 else {columns[0]: -1.0, columns[1]: 1.0}
    return [signs.get(name, 0.0) for name in names]


def _met(
    printed: Printed,
    number: Number,
    columns: Mapping[str, Sequence[Fraction]],
    groups: Sequence[str],
    at: NDArray[np.intp],
) -> bool:
    """The recomputation of one number from the rows themselves."""
    rows = [i for i, g in enumerate(at) if groups[g] in printed.members(number.group)]
    values = []
    for variable in (number.x, number.y or number.x):
        names = printed.columns(variable)
        first, last = columns[names[0]], columns[names[-1]]
        values.append([first[i] if len(names) == 1 else last[i] - first[i] for i in rows])
    return has(number, values[0], values[1])


def _begin(
    printed: Printed, numbers: Sequence[Number], names: Sequence[str], at: NDArray[np.intp], start: int,
    chance: np.random.Generator,
) -> Floats:  # fmt: skip
    """Columns with the printed means, SDs and changes, nearly; another shape with every start."""
    known = {(n.kind, n.group, n.x, n.y): float(n.low + n.high) / 2 for n in numbers}
    out = np.zeros((len(at), len(names)))
    for g, group in enumerate(printed.parts):
        rows = np.flatnonzero(at == g)
        shared: Floats | None = None
        for c, name in enumerate(names):
            mean = known.get(("mean", group, name, ""), known.get(("mean", printed.whole, name, ""), 0.0))
            sd = known.get(("sd", group, name, ""), known.get(("sd", printed.whole, name, ""), 1.0))
            noise = _shape(len(rows), start, chance)
            if name.endswith("_t1") and c and names[c - 1] == f"{name[:-3]}_t0" and shared is not None:
                first = known.get(("sd", group, names[c - 1], ""), 1.0)
                change = known.get(("sd", group, f"d_{name[:-3]}", ""))
                rho = 0.5 if change is None else (first**2 + sd**2 - change**2) / max(2 * first * sd, 1e-9)
                rho = min(max(rho, -0.99), 0.99)
                noise = rho * shared + (1 - rho * rho) ** 0.5 * noise
            shared = noise
            out[rows, c] = mean + sd * noise
    return out


def _shape(n: int, start: int, chance: np.random.Generator) -> Floats:
    kind = start % 3
    values = (
        chance.standard_normal(n) if kind == 0
        else chance.uniform(-1.0, 1.0, n) if kind == 1
        else chance.beta(0.4, 0.8, n)
    )  # fmt: skip
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    standard: Floats = (values - values.mean()) / spread if spread > 0 else values * 0.0
    return standard


def _walk(
    printed: Printed, space: _Space, names: Sequence[str], units: Sequence[Fraction], at: NDArray[np.intp],
    begin: Floats, chance: np.random.Generator,
) -> NDArray[np.int64] | None:  # fmt: skip
    """Moves of whole steps towards the boxes; None when the last is not reached."""
    unit = np.array([float(u) for u in units])
    ends = [printed.range(name) for name in names]
    low = np.array([-1e9 if e is None else float(-(-e[0] // u)) for e, u in zip(ends, units, strict=True)])
    high = np.array([1e9 if e is None else float(e[1] // u) for e, u in zip(ends, units, strict=True)])
    bounds = [(float(a * u), float(b * u)) for a, b, u in zip(low, high, unit, strict=True)]
    begin = space.fit(np.clip(begin, low * unit, high * unit), at, bounds)
    whole = np.clip(np.rint(begin / unit), low, high)
    groups = len(printed.parts)
    k = len(names)
    sums = np.zeros((groups, k))
    products = np.zeros((groups, k, k))
    for g in range(groups):
        mine = whole[at == g] * unit
        sums[g], products[g] = mine.sum(axis=0), mine.T @ mine
    best = float(space.distance(sums[None], products[None])[0])
    reach = np.minimum(np.maximum(begin.std(axis=0) / unit, 2.0), 12.0)
    for turn in range(_ROUNDS):
        if best <= 0.0:
            break
        heat = 0.5 * (1 - turn / _ROUNDS) ** 2
        rows = chance.integers(0, len(at), (_MOVES, 2))
        cols = chance.integers(0, k, _MOVES)
        scale = np.exp(chance.random(_MOVES) * np.log(reach[cols]))
        by = np.maximum(np.rint(scale), 1.0) * np.where(chance.random(_MOVES) < 0.5, -1.0, 1.0)
        # A move of one, of two against each other, or of two together.
        second = chance.integers(-1, 2, _MOVES) * (rows[:, 0] != rows[:, 1])
        old = whole[rows]
        new = old.copy()
        new[np.arange(_MOVES), 0, cols] += by
        new[np.arange(_MOVES), 1, cols] += by * second
        new = np.clip(new, low, high)
        before, after = old * unit, new * unit
        batch_sums = np.repeat(sums[None], _MOVES, axis=0)
        batch_products = np.repeat(products[None], _MOVES, axis=0)
        for side in (0, 1):
            live = np.flatnonzero((side == 0) | (second != 0))
            group = at[rows[live, side]]
            a, b = before[live, side], after[live, side]
            batch_sums[live, group] += b - a
            batch_products[live, group] += np.einsum("mk,ml->mkl", b, b) - np.einsum("mk,ml->mkl", a, a)
        distances = space.distance(batch_sums, batch_products)
        pick = int(distances.argmin())
        if distances[pick] < best + heat * chance.exponential():
            best = float(distances[pick])
            whole[rows[pick, 0]] = new[pick, 0]
            if second[pick]:
                whole[rows[pick, 1]] = new[pick, 1]
            sums, products = batch_sums[pick].copy(), batch_products[pick].copy()
    done: NDArray[np.int64] = whole.astype(np.int64)
    return done if best <= 0.0 else None
