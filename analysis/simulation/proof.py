"""The first replications once more, as locked datasets through ``analysis.plan`` itself: what is simulated is what is reported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa

from analysis import statistics as st
from analysis.dataset import Cell, Locked
from analysis.model import columns_of
from analysis.plan import analyse
from analysis.results import Result, Results
from analysis.simulation.kernels import Answers
from analysis.simulation.people import People, World, code_columns, draw
from analysis.simulation.questions import Question, answers
from validate.lock.columns import columns

__all__ = ["Proof", "dataset", "proved"]

_CLOSE: Final = 1e-7
_FIRST_GIVEN: Final = "partial correlation, first values taken out"


@dataclass(frozen=True)
class Proof:
    """How many replications were carried out twice, how many numbers were compared, and where they differ."""

    replications: int
    compared: int
    differ: tuple[str, ...] = ()


def proved(world: World, asked: Sequence[Question], n: int, seed: int, replications: int) -> Proof:
    """Compare P, estimate and interval of every question over the first ``replications``."""
    people = draw(world, n, replications, (seed, 0))
    found = answers(asked, people, world.protocol)
    compared, differ = 0, []
    for row in range(replications):
        locked = dataset(world, people, row)
        frame = analyse(locked)
        coefficients = _model(locked, world.protocol.analysis.predictors)
        for q in asked:
            theirs = coefficients[q.key] if q.kind == "model" else _of_frame(frame, q)
            for name, mine, other in zip(
                ("p", "estimate", "low", "high"), _numbers(found[q], row), theirs, strict=True
            ):
                if other is _NOT_THERE:
                    continue
                compared += 1
                if not _same(mine, other):
                    differ.append(
                        f"replication {row}, {q.key}, {name}: {mine!r} here, {other!r} in the report"
                    )
    return Proof(replications, compared, tuple(differ))


_NOT_THERE: Final[Any] = object()


def _numbers(found: Answers, row: int) -> tuple[float, ...]:
    return tuple(float(getattr(found, name)[row]) for name in ("p", "estimate", "low", "high"))


def _same(mine: float, other: float | None) -> bool:
    if other is None or math.isnan(mine):
        return other is None and math.isnan(mine)
    return abs(mine - other) <= _CLOSE * max(1.0, abs(other))


def dataset(world: World, people: People, row: int) -> Locked:
    """One replication as a locked dataset of the plan; what is not drawn is missing.

    The model (compared by itself), drawn samples, subgroups and published numbers are left out of the plan, and no cell is
    withheld for being small: none of them changes a number that is compared.
    """
    plan = world.protocol.analysis
    kept = tuple(s for s in plan.sensitivity if s == "ancova")
    protocol = world.protocol.model_copy(
        update={
            "analysis": plan.model_copy(
                update={"sensitivity": kept, "subgroups": (), "predictors": (), "published": {}}
            ),
            "lock": world.protocol.lock.model_copy(update={"small_cell": 0}),
        }
    )
    size = next(iter(people.values())).shape[1]
    several = {v.id: v for v in world.variables if v.many}
    made: dict[str, pa.Array] = {}
    for one in columns(protocol):
        if one.kind == "participant":
            made[one.name] = pa.array([f"P{i:05d}" for i in range(size)], one.type)
        elif one.variable is not None and one.variable.id in several:
            made[one.name] = pa.array(_joined(several[one.variable.id], people, row), one.type)
        else:
            values = people[one.name][row] if one.name in people else np.full(size, np.nan)
            made[one.name] = pa.array([_cell(v, one.type) for v in values], one.type)
    return Locked(protocol, pa.table(made), "0" * 64)


def _cell(value: float, kind: pa.DataType) -> Cell:
    if math.isnan(value):
        return None
    return Decimal(f"{value:.{kind.scale}f}") if pa.types.is_decimal(kind) else int(value)


def _joined(variable: Any, people: People, row: int) -> list[str | None]:
    held = np.array([people[name][row] for name in code_columns(variable)])
    codes = [str(v.code) for v in variable.values]
    return [";".join(c for c, h in zip(codes, column, strict=True) if h == 1) or None for column in held.T]


def _model(locked: Locked, predictors: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """The coefficients as ``analysis.model`` fits them, without its two hundred samples drawn again."""
    found = columns_of(locked, predictors)
    flags = locked.values("responder")
    rows = [i for i, f in enumerate(flags) if f is not None and all(c.values[i] is not None for c in found)]
    fitted = st.logistic(
        [int(flags[i] or 0) for i in rows], [(c.key, [c.values[i] or 0.0 for i in rows]) for c in found]
    )
    told: dict[str, tuple[Any, ...]] = {}
    for place, c in enumerate(found):
        key = Question("model", "model", c.variable.id, "all", c.timepoint, c.code).key
        term = fitted.terms[place + 1] if fitted.terms else None
        told[key] = (None,) * 4 if term is None else (term.p, term.b, term.low, term.high)
    return told


def _of_frame(frame: Results, q: Question) -> tuple[Any, ...]:
    """P, estimate and interval as the report has them; ``_NOT_THERE`` what it does not print."""
    rows = [
        r
        for r in frame.rows
        if (r.table, r.variable, r.group, r.timepoint, r.of)
        == (q.table, q.variable, q.group, q.timepoint, q.of)
    ]
    p = next((r for r in rows if r.statistic == "p" and r.chosen and _is_asked(q, r)), None)
    if q.kind == "counts":
        return (None if p is None else p.value, _NOT_THERE, _NOT_THERE, _NOT_THERE)
    if q.kind == "two_r":
        return (None if p is None else p.value, *_of(rows, "", ("estimate",)), _NOT_THERE, _NOT_THERE)
    name = "r" if q.kind in {"correlation", "given_first", "own_first"} else "estimate"
    wanted = (name, "ci_low", "ci_high")
    if q.kind == "within":
        return (None if p is None else p.value, *_of(rows, "paired t test", wanted))
    if q.kind == "between":
        # Where ranks give the P, the report prints both t tests; which of them is the one beside it is Levene's say.
        method = "" if p is None else p.method
        told = _of(rows, method, wanted) if method.endswith("t test") else (_NOT_THERE,) * 3
        return (None if p is None else p.value, *told)
    return (None if p is None else p.value, *_of(rows, "" if p is None else p.method, wanted))


def _is_asked(q: Question, row: Result) -> bool:
    if q.kind == "given_first":
        return row.method == _FIRST_GIVEN
    if q.kind == "own_first":
        return row.method.endswith("with the change of itself")
    return True


def _of(rows: Sequence[Result], method: str, names: Sequence[str]) -> tuple[float | None, ...]:
    found = {r.statistic: r.value for r in rows if not method or r.method == method}
    return tuple(found.get(name) for name in names)
