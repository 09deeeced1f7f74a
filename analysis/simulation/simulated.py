"""A whole simulation: the planned analysis under the assumptions, under no effect, and at other sizes.

Aims, data, estimands, methods and performance are reported as ADEMP asks (Morris, White and Crowther 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from analysis.simulation.assumptions import Assumptions
from analysis.simulation.kernels import Answers
from analysis.simulation.people import Scenario, World, draw, recorded_rate, rule_variables, timed
from analysis.simulation.performance import Performance, measured
from analysis.simulation.proof import Proof, proved
from analysis.simulation.questions import Question, questions, unasked
from analysis.simulation.replications import POPULATION, Bench, population, workers
from analysis.simulation.search import Curve, Smallest, curve, smallest
from analysis.terms import DELTA
from extract.errors import AssumptionsInvalid
from extract.study.protocol import Protocol, column

__all__ = ["Realised", "Simulated", "simulate"]

_PROVED: Final = 3
_SURE: Final = 4.0
_TRAPS: Final[Mapping[Scenario, tuple[str, ...]]] = {
    "unrelated": ("between", "counts", "correlation", "ancova", "given_first", "two_r", "own_first", "model"),
    "null": ("within",),
    "stable": ("correlation", "given_first"),
    "entry": ("within",),
}  # fmt: skip


@dataclass(frozen=True)
class Realised:
    """A number of the assumptions, and what it is among the eligible once recorded in steps and inside the range."""

    what: str
    assumed: float
    realised: float


@dataclass(frozen=True)
class Simulated:
    """Everything that a simulation found. ``found`` holds the performance in each scenario, by question."""

    protocol: Protocol
    assumptions: Assumptions
    n: int
    replications: int
    seed: int
    power: float
    asked: tuple[Question, ...]
    unasked: tuple[str, ...]
    response_rate: float
    realised: tuple[Realised, ...]
    found: Mapping[Scenario, Mapping[Question, Performance]]
    curve: Curve
    smallest: Mapping[Question, Smallest]
    proof: Proof

    def to_json(self) -> dict[str, Any]:
        """The stable shape of ``cohortlock simulate --json``; docs/simulate.md explains it."""
        return {
            "format": 1,
            "study": self.protocol.study.id,
            "protocol": self.protocol.hash,
            "assumptions": self.assumptions.model_dump(mode="json"),
            "assumptions_sha256": self.assumptions.sha256,
            "n": self.n,
            "replications": self.replications,
            "seed": self.seed,
            "alpha": self.protocol.analysis.alpha,
            "power_wanted": self.power,
            "response_rate": self.response_rate,
            "realised": [asdict(one) for one in self.realised],
            "not_simulated": list(self.unasked),
            "proof": asdict(self.proof),
            "questions": [self._question(q) for q in self.asked],
        }

    def _question(self, q: Question) -> dict[str, Any]:
        points = self.curve.points.get(q, {})
        least = self.smallest.get(q)
        return {
            "key": q.key,
            "kind": q.kind,
            "trap": q.trap or None,
            "scenarios": {name: found[q].to_json() for name, found in self.found.items() if q in found},
            "curve": [{"n": n, "significant": hits, "of": of} for n, (hits, of) in sorted(points.items())],
            "smallest_n": None if least is None else asdict(least),
        }


def simulate(
    protocol: Protocol,
    assumptions: Assumptions,
    *,
    n: int | None = None,
    replications: int = 2000,
    power: float = 0.8,
    seed: int = 1,
    jobs: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> Simulated:
    """Simulate the plan of ``protocol``. Deterministic for a seed, whatever ``jobs`` is.

    Raises AssumptionsInvalid when no people can have the assumed numbers.
    """
    size = n or assumptions.n
    world = _settled(World(protocol, assumptions, "assumed"))
    asked = questions(protocol, frozenset(assumptions.variable))
    with workers(jobs) as pool:
        bench = Bench(replications, seed, pool, tell)
        proof = proved(world, asked, min(size, 500), seed, min(_PROVED, replications))
        answered = bench.run(world, asked, size)
        truth = population(world, asked, seed)
        alpha = protocol.analysis.alpha
        assumed = {q: measured(answered[q], truth[q], alpha, _truth_error(answered[q], size)) for q in asked}
        found: dict[Scenario, Mapping[Question, Performance]] = {"assumed": assumed}
        for scenario, kinds in _TRAPS.items():
            other = replace(world, scenario=scenario)
            mine = [q for q in asked if q.kind in kinds and _met(other, q)]
            if mine:
                told = bench.run(other, mine, size)
                found[scenario] = {q: measured(told[q], _nought(q), alpha) for q in mine}
        wanted = [q for q in asked if _sought(q, answered[q], truth[q], size, alpha)]
        points = curve(bench, world, wanted, size, alpha)
        least = smallest(points, bench, world, wanted, size, power)
    return Simulated(
        protocol, assumptions, size, replications, seed, power, asked,
        unasked(protocol, frozenset(assumptions.variable)), recorded_rate(world), tuple(_realised(world, seed)),
        found, points, least, proof,
    )  # fmt: skip


def _nought(q: Question) -> float:
    """What a question estimates where nothing happens; NaN where it only tests."""
    return float("nan") if q.kind == "counts" else 0.0


def _met(world: World, q: Question) -> bool:
    """Whether the scenario says anything of the question."""
    if world.scenario == "stable":
        return bool(world.assumptions.association) and q.group == "all"
    if world.scenario == "entry":
        return q.group == "all" and q.variable in world.let_in
    return True


def _truth_error(found: Answers, n: int) -> float:
    """Standard error of a truth taken from a population of a million."""
    there = found.estimate[~np.isnan(found.estimate)]
    return float(there.std()) * (n / POPULATION) ** 0.5 if len(there) else 0.0


def _sought(q: Question, found: Answers, truth: float, n: int, alpha: float) -> bool:
    """Whether a size can be sought: there is an effect, and it is not made by how the groups are made."""
    if q.trap in {"circular", "coupled"} or q.kind in {"own_first", "two_r", "model"}:
        # Of a model most small studies separate, and each of those is a search of its own: it is simulated at n only.
        return False
    if np.isnan(truth):
        share = float(np.mean(found.p < alpha))
        return bool(share - alpha > _SURE * (alpha * (1 - alpha) / len(found.p)) ** 0.5)
    return bool(abs(truth) > _SURE * _truth_error(found, n) > 0)


def _settled(world: World) -> World:
    """The world in which the response rate is the assumed one."""
    _ = world.root, world.root_alone
    rate = world.assumptions.response_rate
    if rate is None:
        return world
    (id_,) = rule_variables(world.protocol)
    reach = 8 * sum(world.assumptions.variable[id_].sd)
    low, high = -reach, reach  # the lower the last value, the more responders
    if not recorded_rate(replace(world, fall=high)) < rate < recorded_rate(replace(world, fall=low)):
        raise AssumptionsInvalid(
            f"no mean of {id_} gives a response rate of {rate:g}",
            "Leave response_rate out, or check [outcome] responder in study.toml.",
        )
    for _ in range(40):
        middle = (low + high) / 2
        if recorded_rate(replace(world, fall=middle)) > rate:
            low = middle
        else:
            high = middle
    return replace(world, fall=(low + high) / 2)


def _realised(world: World, seed: int) -> list[Realised]:
    """Means, SDs and correlations of the population beside those assumed."""
    people = draw(world, 200_000, 1, (seed, 2_000_000), whole=True)
    found: list[Realised] = []
    for variable in world.variables:
        assumed = world.assumptions.variable[variable.id]
        if variable.categorical or assumed.shift:
            continue
        ends = [column(variable.id, at) for at in (variable.at[0], variable.at[-1])] if timed(variable) else [column(variable.id, variable.at[0] if variable.at else None)]  # fmt: skip
        for end, name in enumerate(ends):
            found.append(Realised(f"{name} mean", world.mean(variable.id, end), float(np.mean(people[name]))))
            found.append(Realised(f"{name} SD", assumed.sd[end], float(np.std(people[name]))))
        if timed(variable):
            r = float(np.corrcoef(people[ends[0]][0], people[ends[1]][0])[0, 1])
            found.append(Realised(f"{ends[0]}, {ends[1]} r", assumed.within, r))
    for one in world.assumptions.association:
        names = [column(i, kind=DELTA) for i in (one.x, one.y)]
        if one.change is not None and all(n in people for n in names):
            r = float(np.corrcoef(people[names[0]][0], people[names[1]][0])[0, 1])
            found.append(Realised(f"{names[0]}, {names[1]} r", one.change, r))
    return found
