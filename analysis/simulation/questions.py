"""What the plan will ask of the data, and its answer in every replication, by the rules of ``analysis.routing``.

The P is that of the test which the rules choose in that very replication.  The estimate and its interval are those the
report prints beside it: of a mean, by t, whatever test gives the P.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from analysis import statistics as st
from analysis.groups import ALL, DIFFERENCE
from analysis.simulation import kernels as k
from analysis.simulation.fits import logistic
from analysis.simulation.kernels import Answers, Array
from analysis.simulation.people import People, code_columns, rule_variables, timed
from analysis.terms import DELTA, delta_of
from extract.study.protocol import Analysis, Protocol, Variable, column

__all__ = ["Question", "answers", "members", "questions", "truths", "unasked"]

Kind = Literal["within", "between", "counts", "correlation", "ancova", "given_first", "two_r", "own_first", "model"]  # fmt: skip
Trap = Literal["", "circular", "restricted", "coupled"]
_RESPONDER: Final = "responder"
_CORRELATIONS: Final = {"pearson": k.pearson, "spearman": k.spearman, "kendall": k.kendall}
_PIECE: Final = 400
_FITTED: Final = 200_000


@dataclass(frozen=True)
class Question:
    """One P of the report, under the key that it has in the result frame.

    ``trap``: ``circular`` (groups made from what is compared), ``restricted`` (a correlation inside such a group),
    ``coupled`` (a change set beside the value that it starts from).
    """

    kind: Kind
    table: str
    variable: str
    group: str
    timepoint: str
    of: str = ""
    trap: Trap = ""

    @property
    def key(self) -> str:
        """``2.esr.all.delta``, as [analysis.published] names numbers."""
        return f"{self.table}.{self.variable}.{self.group}.{self.timepoint}.{self.of}".rstrip(".")


def questions(protocol: Protocol, drawn: frozenset[str]) -> tuple[Question, ...]:
    """Every question whose variables are ``drawn``, in the order of the report."""
    return tuple(dict.fromkeys(_questions(protocol, drawn)))


def unasked(protocol: Protocol, drawn: frozenset[str]) -> tuple[str, ...]:
    """Variables of the protocol that nothing is assumed of, so that their questions are not simulated."""
    return tuple(v.id for v in protocol.variable if v.id not in drawn)


def _level_keys(protocol: Protocol, by: str | None) -> list[str]:
    if by == _RESPONDER:
        return ["responder", "nonresponder"]
    found = next((v for v in protocol.variable if v.id == by and v.categorical and not v.many), None)
    return [] if found is None else [f"{by}={v.code}" for v in found.values]


def _questions(protocol: Protocol, drawn: frozenset[str]) -> Iterator[Question]:
    plan, rule = protocol.analysis, rule_variables(protocol)
    levels = _level_keys(protocol, plan.group)
    split = plan.group == _RESPONDER
    safety = {*plan.safety, *(v.id for v in protocol.variable if v.over is not None and v.categorical)}
    for variable in protocol.variable:
        if variable.id not in drawn or variable.id == plan.group or not levels:
            continue
        at = variable.at[0] if variable.at else ""
        where = "safety" if variable.id in safety else "1"
        coupled: Trap = "coupled" if split and variable.id in rule else ""
        if not variable.categorical:
            yield Question("between", "1", variable.id, DIFFERENCE, at, trap=coupled)
        else:
            codes = [str(v.code) for v in variable.values] if variable.many else [""]
            yield from (Question("counts", where, variable.id, DIFFERENCE, at, of) for of in codes)
    for variable in protocol.timed:
        if variable.id in drawn and not variable.categorical:
            yield from _changes(protocol, variable, levels)
    for planned in plan.correlate:
        yield from _correlated(protocol, drawn, planned.x, planned.y, planned.strata)
    if plan.predictors and set(plan.predictors) <= drawn:
        for id_ in plan.predictors:
            variable = protocol.variable_named(id_)
            at = variable.at[0] if variable.at else ""
            for code in [str(v.code) for v in variable.values[1:]] if variable.categorical else [""]:
                yield Question("model", "model", id_, ALL, at, code, "coupled" if id_ in rule else "")


def _changes(protocol: Protocol, variable: Variable, levels: list[str]) -> Iterator[Question]:
    plan, rule = protocol.analysis, rule_variables(protocol)
    made: Trap = "circular" if plan.group == _RESPONDER and variable.id in rule else ""
    for key in (ALL, *levels):
        yield Question("within", "2", variable.id, key, DELTA, trap="" if key == ALL else made)
    if levels:
        yield Question("between", "2", variable.id, DIFFERENCE, DELTA, trap=made)
    if len(levels) == 2 and "ancova" in plan.sensitivity:
        yield Question("ancova", "sensitivity", variable.id, DIFFERENCE, variable.at[-1], trap=made)


def _correlated(protocol: Protocol, drawn: frozenset[str], x: str, y: str, by: str | None) -> Iterator[Question]:  # fmt: skip
    ids = (delta_of(x), delta_of(y))
    if not set(ids) <= drawn or any(protocol.variable_named(i).many for i in ids):
        return
    changes = ids[0] != x and ids[1] != y
    at = DELTA if ids[0] != x else (protocol.variable_named(x).at or ("",))[0]
    cut: Trap = "restricted" if by == _RESPONDER and set(ids) & set(rule_variables(protocol)) else ""
    levels = _level_keys(protocol, by)
    for key in (ALL, *levels):
        yield Question("correlation", "3", ids[0], key, at, ids[1], "" if key == ALL else cut)
    if levels and (by != protocol.analysis.group or at != DELTA):
        made: Trap = "circular" if by == _RESPONDER and ids[0] in rule_variables(protocol) else ""
        yield Question("between", "3", ids[0], DIFFERENCE, at, trap=made)
    if changes:
        for id_ in dict.fromkeys(ids):
            first = protocol.variable_named(id_).at[0]
            yield Question("own_first", "limits", id_, ALL, first, trap="coupled")
        yield Question("given_first", "limits", ids[0], ALL, DELTA, ids[1])
        if len(levels) == 2:
            yield Question("two_r", "limits", ids[0], DIFFERENCE, DELTA, ids[1], cut)


def members(people: People, protocol: Protocol, by: str | None) -> list[tuple[str, NDArray[np.bool_]]]:
    """The groups that ``by`` makes, as ``analysis.groups`` does: key and (R, n) membership."""
    if by == _RESPONDER:
        return [("responder", people[_RESPONDER] == 1), ("nonresponder", people[_RESPONDER] == 0)]
    return [(key, people[str(by)] == float(key.rpartition("=")[2])) for key in _level_keys(protocol, by)]


def answers(asked: Sequence[Question], people: People, protocol: Protocol) -> dict[Question, Answers]:
    """The answer to each question in every replication."""
    fitted = _fitted(asked, people, protocol)
    return {q: fitted[q] if q in fitted else _answer(q, people, protocol, tested=True) for q in asked}


def truths(asked: Sequence[Question], people: People, protocol: Protocol) -> dict[Question, float]:
    """What each question estimates, in a population of one replication; NaN where it only tests."""
    few = {name: values[:, :_FITTED] for name, values in people.items()}
    fitted = _fitted(asked, few, protocol)
    found = {}
    for q in asked:
        one = fitted[q] if q in fitted else _answer(q, people, protocol, tested=False)
        found[q] = float(np.mean(one.estimate))
    return found


def _fitted(asked: Sequence[Question], people: People, protocol: Protocol) -> dict[Question, Answers]:
    mine = [q for q in asked if q.kind == "model"]
    if not mine:
        return {}
    # The whole model, also when only one of its coefficients is asked for.
    whole = [q for q in questions(protocol, frozenset(_drawn(people))) if q.kind == "model"]
    columns = []
    for q in whole:
        values = people[column(q.variable, q.timepoint or None)]
        columns.append(values if not q.of else np.where(np.isnan(values), np.nan, values == float(q.of)))
    found = dict(zip(whole, logistic(people[_RESPONDER], columns), strict=True))
    return {q: found[q] for q in mine}


def _drawn(people: People) -> Iterator[str]:
    for name in people:
        base = name.split("=")[0]
        yield base
        yield base.rpartition("_")[0]


def _split(values: Array, groups: Sequence[tuple[str, NDArray[np.bool_]]]) -> list[Array]:
    return [np.where(inside, values, np.nan) for _, inside in groups]


def _answer(q: Question, people: People, protocol: Protocol, *, tested: bool) -> Answers:
    plan = protocol.analysis
    if q.kind == "counts":
        return _counts(q, people, protocol, tested=tested)
    if q.kind in {"correlation", "given_first", "two_r", "own_first"}:
        return _related(q, people, protocol, tested=tested)
    by = next(
        (p.strata for p in plan.correlate if q.table == "3" and delta_of(p.x) == q.variable), plan.group
    )
    groups = members(people, protocol, by)
    if q.kind == "ancova":
        variable = protocol.variable_named(q.variable)
        first, last = (people[column(q.variable, at)] for at in (variable.at[0], variable.at[-1]))
        return k.ancova(list(zip(_split(first, groups), _split(last, groups), strict=True)))
    delta = q.timepoint == DELTA
    values = people[column(q.variable, None if delta else q.timepoint or None, kind=DELTA if delta else None)]
    if q.kind == "within":
        part = values if q.group == ALL else _split(values, [g for g in groups if g[0] == q.group])[0]
        return _within(part, plan, tested=tested)
    return _between(values, groups, plan, tested=tested)


def _passes(values: Sequence[Array], plan: Analysis) -> NDArray[np.bool_]:
    """In which replications every sample passes the normality rule."""
    if plan.normality.test == "none":
        return np.ones(len(values[0]), dtype=bool)
    test = k.shapiro if plan.normality.test == "shapiro" else _lilliefors
    with np.errstate(all="ignore"):
        return np.asarray(np.all([test(v) >= plan.normality.alpha for v in values], axis=0))


def _lilliefors(values: Array) -> Array:
    found = [st.lilliefors(row).p for row in values]
    return np.array([np.nan if p is None else p for p in found])


def _chosen(normal: NDArray[np.bool_], by_means: Answers, by_ranks: Array) -> Answers:
    p = np.where(normal, by_means.p, by_ranks)
    return Answers(p, by_means.estimate, by_means.se, by_means.low, by_means.high)


def _within(change: Array, plan: Analysis, *, tested: bool) -> Answers:
    paired = k.one_mean(change)
    return _chosen(_passes([change], plan), paired, k.wilcoxon(change)) if tested else paired


def _between(
    values: Array, groups: Sequence[tuple[str, NDArray[np.bool_]]], plan: Analysis, *, tested: bool
) -> Answers:
    parts = _split(values, groups)
    if len(parts) == 2 and not tested:
        return k.student_t(*parts)
    if not tested:
        return k.blank(np.full(len(values), np.nan))
    whole = np.concatenate(parts, axis=1)
    normal = _passes([whole] if plan.normality.by == "all" else parts, plan)
    if len(parts) > 2:
        overall = k.blank(k.anova(parts))
        return _chosen(normal, overall, k.kruskal_wallis(parts))
    student, welch = k.student_t(*parts), k.welch_t(*parts)
    equal = np.ones(len(values), dtype=bool)
    if plan.variances.test != "none" and plan.variances.otherwise != "student":
        spread = k.levene(parts)
        equal = np.isnan(spread) | (spread >= plan.alpha)
    both = zip(*((a.p, a.estimate, a.se, a.low, a.high) for a in (student, welch)), strict=True)
    parametric = Answers(*(np.where(equal, s, w) for s, w in both))
    return _chosen(normal, parametric, k.mann_whitney(*parts))


def _related(q: Question, people: People, protocol: Protocol, *, tested: bool) -> Answers:
    change = {id_: people[column(id_, kind=DELTA)] for id_ in (q.variable, q.of) if id_ and timed(protocol.variable_named(id_))}  # fmt: skip
    if q.kind == "own_first":
        return k.pearson(people[column(q.variable, q.timepoint)], change[q.variable])
    if q.kind == "given_first":
        first = [
            people[column(i, protocol.variable_named(i).at[0])] for i in dict.fromkeys((q.variable, q.of))
        ]
        return k.partial(change[q.variable], change[q.of], first)
    planned = next(
        p for p in protocol.analysis.correlate if (delta_of(p.x), delta_of(p.y)) == (q.variable, q.of)
    )
    x, y = (_term(people, protocol, term) for term in (planned.x, planned.y))
    strata = members(people, protocol, planned.strata)
    if q.kind == "two_r":
        (x1, x2), (y1, y2) = _split(x, strata), _split(y, strata)
        return k.compare_correlations((x1, y1), (x2, y2))
    if q.group != ALL:
        (inside,) = (g for g in strata if g[0] == q.group)
        (x,) = _split(x, [inside])
    if planned.method == "kendall" and not tested:
        # The mean of tau over small samples is tau: no need of all pairs of a million.
        pieces = (x.shape[1] // _PIECE, _PIECE)
        x, y = (v[0, : pieces[0] * pieces[1]].reshape(pieces)[:_PIECE] for v in (x, y))
    return _CORRELATIONS[planned.method](x, y)


def _term(people: People, protocol: Protocol, term: str) -> Array:
    id_ = delta_of(term)
    if id_ != term:
        return people[column(id_, kind=DELTA)]
    at = protocol.variable_named(id_).at
    return people[column(id_, at[0] if at else None)]


def _counts(q: Question, people: People, protocol: Protocol, *, tested: bool) -> Answers:
    variable = protocol.variable_named(q.variable)
    names = code_columns(variable)
    rows = len(people[names[0]])
    if not tested:
        return k.blank(np.full(rows, np.nan))
    groups = members(people, protocol, protocol.analysis.group)
    if variable.many:
        held = people[f"{q.variable}={q.of}"]
        lines = [held == 1, held == 0]
    else:
        lines = [people[names[0]] == float(v.code) for v in variable.values]
    if variable.many:
        # A participant without any code is one of whom nothing is known.
        none = np.all([people[n] == 0 for n in names], axis=0)
        lines = [line & ~none for line in lines]
    tables = np.array([[(line & inside).sum(axis=1) for _, inside in groups] for line in lines])
    sizes = np.array([inside.sum(axis=1) for _, inside in groups])
    p = np.full(rows, np.nan)
    for row in range(rows):
        table = tables[:, :, row]
        if (sizes[:, row] > 0).sum() >= 2 and (not variable.many or table[0].any()):
            p[row] = _table_p(tuple(map(tuple, table.tolist())))
    return k.blank(p)


@lru_cache(maxsize=100_000)
def _table_p(table: tuple[tuple[int, ...], ...]) -> float:
    """P of the test that the expected counts allow; the same tables come again and again."""
    picked, _ = st.rule(table)
    found = st.fisher_exact(table) if picked == "fisher" else st.chi_square(table, picked)
    return float("nan") if found.p is None else found.p
