"""People of a study that has not been: columns of a dataset, a row a replication, drawn from the assumptions.

Numbers come from a multivariate normal (a Gaussian copula where a shape is not normal) and are then recorded as the
protocol says: in its steps, inside its range.  The i-th participant of a replication is the same whatever n is, so that
power at two sizes differs by the size and not by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy import special

from analysis.simulation.assumptions import Assumed, Assumptions, Dropout
from analysis.simulation.entry import Source, sources
from analysis.simulation.kernels import Array
from extract.errors import AssumptionsInvalid
from extract.study.protocol import Protocol, ResponderTest, Variable, column

__all__ = [
    "People", "Scenario", "World", "code_columns", "draw", "recorded_rate", "rule_variables", "timed",
]  # fmt: skip

Scenario = Literal["assumed", "unrelated", "null", "stable", "entry"]
"""``unrelated``: everybody is of one kind and no two variables go together; each changes as assumed. ``null``: nor does
anything change, of mean or spread. ``stable``: nothing changes either, but what goes together still does.
``entry``: as ``null``, among people whom the protocol's criteria let in by the first value."""

People = Mapping[str, Array]
"""Column of the dataset -> (R, n); NaN is missing. Of a variable with several codes: ``name=code``, 0 or 1."""

_HEAVY: Final = 5.0


class _Part(NamedTuple):
    """One normal deviate of a participant: a number at one end, or what decides a code."""

    variable: str
    end: int


@dataclass(frozen=True)
class World:
    """A protocol and its assumptions in one scenario, with everything that does not depend on chance worked out."""

    protocol: Protocol
    assumptions: Assumptions
    scenario: Scenario
    fall: float = 0.0
    """What is added to the last mean of the responder rule's variable so that the response rate is the assumed one."""

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Those that are drawn, in the protocol's order."""
        return tuple(v for v in self.protocol.variable if v.id in self.assumptions.variable)

    @cached_property
    def parts(self) -> tuple[_Part, ...]:
        """The deviates of a participant."""
        found: list[_Part] = []
        for variable in self.variables:
            if variable.many:
                found += [_Part(variable.id, i) for i in range(len(variable.values))]
            else:
                found += [_Part(variable.id, end) for end in range(2 if timed(variable) else 1)]
        return tuple(found)

    @cached_property
    def root(self) -> Array:
        """(k, k): what turns independent deviates into those of the eligible. Raises AssumptionsInvalid."""
        return _root(self._correlations(alone=self.scenario in {"unrelated", "null", "entry"}))

    @cached_property
    def root_alone(self) -> Array:
        """The same for those in whom no two variables go together."""
        return _root(self._correlations(alone=True))

    @cached_property
    def let_in(self) -> Mapping[str, Source]:
        """In the scenario ``entry``, where those come from whom a criterion lets in by their first value."""
        if self.scenario != "entry":
            return {}
        levels = {i: (a.mean[0], a.sd[0]) for i, a in self.assumptions.variable.items() if len(a.mean) == 2}
        return sources(self.protocol, levels)

    def _correlations(self, *, alone: bool) -> Array:
        place = {part: i for i, part in enumerate(self.parts)}
        found = np.eye(len(place))
        several = {v.id for v in self.variables if v.many}

        def put(a: _Part, b: _Part, value: float) -> None:
            found[place[a], place[b]] = found[place[b], place[a]] = value

        for variable in self.variables:
            if timed(variable):
                within = self.assumptions.variable[variable.id].within
                put(_Part(variable.id, 0), _Part(variable.id, 1), within)
        for one in () if alone else self.assumptions.association:
            if {one.x, one.y} & several:
                continue
            x, y = (self.assumptions.variable[i] for i in (one.x, one.y))
            if len(x.mean) == 2 and len(y.mean) == 2:
                same, across = _cross(x, y, one.change, one.same_visit)
                for end in (0, 1):
                    put(_Part(one.x, end), _Part(one.y, end), same)
                    put(_Part(one.x, end), _Part(one.y, 1 - end), across)
                continue
            once, often = (one.y, one.x) if len(x.mean) == 2 else (one.x, one.y)
            first = one.same_visit or 0.0
            put(_Part(once, 0), _Part(often, 0), first)
            if len(self.assumptions.variable[often].mean) == 2:
                a, b = self.assumptions.variable[often].sd
                last = (first * a + (one.change or 0.0) * _change_sd(self.assumptions.variable[often])) / b
                put(_Part(once, 0), _Part(often, 1), last)
        return found

    def mean(self, id_: str, end: int, *, unchanged: bool = False) -> float:
        """The mean of a variable at its first (0) or last (1) timepoint in this scenario."""
        assumed = self.assumptions.variable[id_]
        if unchanged or self.scenario not in {"assumed", "unrelated"}:
            return assumed.mean[0]
        moved = self.fall if end == 1 and id_ == rule_variables(self.protocol)[0] else 0.0
        return assumed.mean[end] + moved

    def sd(self, id_: str, end: int) -> float:
        """The SD likewise."""
        assumed = self.assumptions.variable[id_]
        # Where nothing happens the two ends have one distribution: else a range would move their means apart.
        return assumed.sd[end if self.scenario in {"assumed", "unrelated"} else 0]


def timed(variable: Variable) -> bool:
    """Whether the variable is a number that is measured before and after."""
    return len(variable.at) > 1 and not variable.categorical


def code_columns(variable: Variable) -> tuple[str, ...]:
    """The columns that a category is drawn in: one, or one for each code where several may hold."""
    if variable.many:
        return tuple(f"{variable.id}={value.code}" for value in variable.values)
    return (column(variable.id, variable.at[0] if variable.at else None),)


def rule_variables(protocol: Protocol) -> tuple[str, ...]:
    """Variables that decide who is a responder."""
    tests = (*protocol.outcome.responder.any, *protocol.outcome.responder.all)
    return tuple(dict.fromkeys(t.variable for t in tests))


def _change_sd(one: Assumed) -> float:
    a, b = one.sd
    return float(np.sqrt(a * a + b * b - 2 * one.within * a * b))


def _cross(x: Assumed, y: Assumed, change: float | None, same: float | None) -> tuple[float, float]:
    """Correlation at the same visit and across visits that give the correlation of the changes.

    Without ``same`` nothing goes together across visits, where that is possible; else the two are chosen so that
    the four values are farthest from determining each other.
    """
    if change is None:
        return same or 0.0, (same or 0.0) * float(np.sqrt(max(x.within, 0.0) * max(y.within, 0.0)))
    (a, b), (c, d) = x.sd, y.sd
    wanted = change * _change_sd(x) * _change_sd(y)

    def across(at: float) -> float:
        return (at * (a * c + b * d) - wanted) / (a * d + b * c)

    def least(at: float) -> float:
        lag = across(at)
        matrix = np.array(
            [[1, x.within, at, lag], [x.within, 1, lag, at], [at, lag, 1, y.within], [lag, at, y.within, 1]]
        )
        return float(np.linalg.eigvalsh(matrix)[0])

    if same is not None:
        return same, across(same)
    alone = wanted / (a * c + b * d)
    if abs(alone) < 1 and least(alone) > 1e-9:
        return alone, 0.0
    best = max(np.linspace(-0.99, 0.99, 199), key=lambda at: least(float(at)))
    return float(best), across(float(best))


def _root(correlations: Array) -> Array:
    values, vectors = np.linalg.eigh(correlations)
    if not np.isfinite(values).all() or values[0] < -1e-9 or np.abs(correlations).max() > 1 + 1e-9:
        raise AssumptionsInvalid(
            "the correlations contradict each other: no people can have all of them",
            "Bring `change` nearer to 0, leave `same_visit` out, or give fewer associations to one variable.",
        )
    # Symmetric, so that the order of variables in the file moves no deviate to another.
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def recorded_rate(world: World) -> float:
    """Share of responders among a hundred thousand of the eligible."""
    people = draw(world, 100_000, 1, (0, 99), whole=True)
    return float(np.nanmean(people["responder"]))


def draw(world: World, n: int, replications: int, stream: tuple[int, int], *, whole: bool = False) -> People:
    """``replications`` studies of ``n``, from the stream (seed, chunk).

    ``whole`` is the population: all eligible, nobody lost, no value missing.
    """
    kinds = {"assumed": 0, "null": 1, "stable": 2, "entry": 3, "unrelated": 4}
    normal, heavy, gone, wrong = (
        np.random.default_rng(np.random.SeedSequence(stream[0], spawn_key=(kinds[world.scenario], stream[1], kind)))
        for kind in range(4)
    )  # fmt: skip
    shape = (n, replications, len(world.parts))
    free = normal.standard_normal(shape)
    deviates = free @ world.root
    wrongly = np.zeros((replications, n), dtype=bool)
    if world.assumptions.ineligible and not whole:
        wrongly = (wrong.random((n, replications)) < world.assumptions.ineligible).T
        deviates = np.where(wrongly.T[:, :, None], free @ world.root_alone, deviates)
    drawn = {part: deviates[:, :, i].T for i, part in enumerate(world.parts)}
    scale = (
        np.sqrt(heavy.chisquare(_HEAVY, (n, replications, 1))[:, :, 0].T / _HEAVY)
        if _any_heavy(world)
        else None
    )
    codes = _codes(world, drawn)
    values = _numbers(world, drawn, codes, wrongly, scale)
    if not whole:
        _lose(world, values, codes, drawn, gone.random((n, replications, 1 + len(world.parts))))
    found = {**codes, **{column(p.variable, at): v for (p, at), v in _placed(world, values).items()}}
    found |= _derived(world.protocol, world.variables, values)
    return found


def _any_heavy(world: World) -> bool:
    return any(world.assumptions.variable[v.id].shape == "heavy" for v in world.variables)


def _placed(world: World, values: Mapping[_Part, Array]) -> dict[tuple[_Part, str | None], Array]:
    at = {v.id: v.at for v in world.variables}
    return {
        (part, (at[part.variable][-1 if part.end else 0] if at[part.variable] else None)): value
        for part, value in values.items()
    }


def _codes(world: World, drawn: Mapping[_Part, Array]) -> dict[str, Array]:
    """Columns of the categories; the deviate's share decides the code."""
    found: dict[str, Array] = {}
    for variable in world.variables:
        if not variable.categorical:
            continue
        share = world.assumptions.variable[variable.id].share
        if variable.many:
            for i, (name, value) in enumerate(zip(code_columns(variable), variable.values, strict=True)):
                held = special.ndtr(drawn[_Part(variable.id, i)]) < share.get(str(value.code), 0.0)
                found[name] = held.astype(np.float64)
            continue
        limits = np.cumsum([share.get(str(v.code), 0.0) for v in variable.values])
        limits[-1] = np.inf
        place = np.searchsorted(limits, special.ndtr(drawn[_Part(variable.id, 0)]), side="right")
        (name,) = code_columns(variable)
        found[name] = np.array([v.code for v in variable.values], dtype=np.float64)[place]
    return found


def _numbers(
    world: World, drawn: Mapping[_Part, Array], codes: Mapping[str, Array], wrongly: Array, scale: Array | None
) -> dict[_Part, Array]:  # fmt: skip
    """Values as they are recorded: rounded to the step, held inside the range."""
    found: dict[_Part, Array] = {}
    group = codes.get(world.protocol.analysis.group)
    for variable in world.variables:
        if variable.categorical:
            continue
        assumed = world.assumptions.variable[variable.id]
        for end in range(2 if timed(variable) else 1):
            z = drawn[_Part(variable.id, end)]
            mean = np.where(
                wrongly, world.mean(variable.id, end, unchanged=True), world.mean(variable.id, end)
            )
            if group is not None and world.scenario == "assumed":
                for code, shift in assumed.shift.items():
                    mean = mean + np.where(group == float(code), shift[end], 0.0)
            source = world.let_in.get(variable.id)
            if source is None:
                value = _shaped(assumed.shape, z, mean, world.sd(variable.id, end), scale)
            else:
                value = source.value(drawn[_Part(variable.id, 0)], z, end, assumed.within)
            found[_Part(variable.id, end)] = _recorded(variable, value)
    return found


def _shaped(shape: str, z: Array, mean: Array, sd: float, scale: Array | None) -> Array:
    if shape == "lognormal":
        spread = np.log1p((sd / mean) ** 2)
        return np.asarray(np.exp(np.log(mean) - spread / 2 + np.sqrt(spread) * z))
    if shape == "heavy" and scale is not None:
        # One scale a participant: a multivariate t, whose correlations are those of its deviates.
        z = z / scale / np.sqrt(_HEAVY / (_HEAVY - 2))
    return np.asarray(mean + sd * z)


def _recorded(variable: Variable, value: Array) -> Array:
    step, units = float(variable.step), 10.0**variable.decimals
    if variable.range is not None:
        value = np.clip(value, float(variable.range[0]), float(variable.range[1]))
    # By way of whole units: equal values are the same double, and so are equal differences.
    return np.asarray(np.rint(np.rint(value / step) * step * units) / units)


def _lose(
    world: World, values: dict[_Part, Array], codes: dict[str, Array], drawn: Mapping[_Part, Array], chance: Array
) -> None:  # fmt: skip
    """Take away what the assumptions say is missing, in place."""
    lost = _risk(world.assumptions.dropout, drawn) > chance[:, :, 0].T
    for i, part in enumerate(world.parts):
        if part in values:
            gone = world.assumptions.variable[part.variable].missing > chance[:, :, 1 + i].T
            values[part] = np.where(gone | (lost & (part.end == 1)), np.nan, values[part])
    for variable in world.variables:
        share = world.assumptions.variable[variable.id].missing
        if variable.categorical and share:
            # Of several codes none is known: one deviate decides for all.
            gone = share > chance[:, :, 1 + world.parts.index(_Part(variable.id, 0))].T
            for name in code_columns(variable):
                codes[name] = np.where(gone, np.nan, codes[name])


def _risk(dropout: Dropout, drawn: Mapping[_Part, Array]) -> Array:
    """The chance of each participant to be lost; on average the rate."""
    if dropout.mechanism == "mcar" or dropout.by is None or not dropout.rate:
        return np.array(dropout.rate)
    z = drawn[_Part(dropout.by, 1 if dropout.mechanism == "mnar" else 0)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    low, high = -50.0, 50.0
    for _ in range(100):
        middle = (low + high) / 2
        if float(weights @ special.expit(middle + dropout.strength * nodes)) < dropout.rate:
            low = middle
        else:
            high = middle
    return np.asarray(special.expit(low + dropout.strength * z))


def _derived(
    protocol: Protocol, variables: tuple[Variable, ...], values: Mapping[_Part, Array]
) -> dict[str, Array]:
    """Changes, reliefs and who is a responder, as the lock works them out (validate/lock/blocks.py)."""
    found: dict[str, Array] = {}
    sign = 1 if protocol.outcome.delta == "T1 - T0" else -1
    share = 1 if protocol.outcome.relief == "(T1 - T0) / T0" else -1
    reliefs = {t.relief for t in (*protocol.outcome.responder.any, *protocol.outcome.responder.all)}
    for variable in variables:
        if not timed(variable):
            continue
        units = 10.0**variable.decimals
        before, after = (values[_Part(variable.id, end)] for end in (0, 1))
        change = np.rint((after - before) * units) / units
        found[column(variable.id, kind="delta")] = sign * change + 0.0
        if variable.id in reliefs:
            with np.errstate(all="ignore"):
                relief = np.where(before == 0, np.nan, share * change / before)
            found[column(variable.id, kind="relief")] = np.rint(relief * 1e6) / 1e6 + 0.0
    rule = protocol.outcome.responder
    told = None
    for test in rule.any or rule.all:
        answer = _passes(test, values, protocol.variable_named(test.variable))
        told = answer if told is None else _joined(told, answer, any_=bool(rule.any))
    if told is not None:
        found["responder"] = told
    return found


def _joined(a: Array, b: Array, *, any_: bool) -> Array:
    """Kleene's or, or and, of 1, 0 and NaN."""
    decisive = 1.0 if any_ else 0.0
    either = (a == decisive) | (b == decisive)
    return np.where(either, decisive, np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0 - decisive))


def _passes(test: ResponderTest, values: Mapping[_Part, Array], variable: Variable) -> Array:
    units = 10.0**variable.decimals
    before, after = (values[_Part(variable.id, end)] for end in (0, 1))
    drop = np.rint((before - after) * units)
    needed = float(test.at_least) * units * (np.ones_like(before) if test.drop else before)
    passed = (drop >= needed - 1e-6).astype(np.float64)
    if test.relief:
        passed = np.where(before > 0, passed, np.where(before < 0, np.nan, 0.0))
    return np.where(np.isnan(before) | np.isnan(after), np.nan, passed)
