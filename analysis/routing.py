"""Which test a variable gets, by the rules the protocol fixed before the lock; every choice keeps its reason.

Both families are always computed and stand in the frame; ``chosen`` marks the one the rules picked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis import statistics as st
from analysis.dataset import Cell
from analysis.groups import DIFFERENCE, Group
from analysis.results import Book, Route
from extract.study.protocol import Analysis

__all__ = ["Key", "between", "counts", "within"]

_Part = tuple[str, st.Values, Sequence[int]]
"""A group's key, its part of a column, and its rows."""


@dataclass(frozen=True)
class Key:
    """Where the numbers of a comparison go."""

    table: str
    variable: str
    timepoint: str
    of: str = ""


def _normal(
    book: Book, key: Key, samples: Sequence[_Part], plan: Analysis
) -> tuple[bool, str, tuple[int, ...]]:
    """Whether every sample passes the normality rule, the reason's code, and the rows it rests on."""
    if plan.normality.test == "none":
        return True, "declared", ()
    test = st.lilliefors if plan.normality.test == "lilliefors" else st.shapiro
    evidence, verdicts = [], []
    for group, values, rows in samples:
        found = test(values)
        # The changes of a group were already tested when the group's own before and after was.
        known = book.holds(key.table, key.variable, group, key.timepoint, found.method)
        if known is None:
            ids = book.test(key.table, key.variable, group, key.timepoint, found, rows, chosen=False)
            known = ids["p"]
        evidence.append(known)
        verdicts.append(None if found.p is None else found.p >= plan.normality.alpha)
    if None in verdicts:
        return False, "normality_unknown", tuple(evidence)
    return all(verdicts), "normal" if all(verdicts) else "not_normal", tuple(evidence)


def within(
    book: Book,
    key: Key,
    group: Group,
    first: list[Cell],
    last: list[Cell],
    change: list[Cell],
    plan: Analysis,
) -> None:
    """Before against after in one group: paired t, or Wilcoxon when the changes are not normal.

    The t test is of the recorded changes, so its sign is the protocol's named direction.
    """
    normal, reason, evidence = _normal(book, key, [(group.key, change, group.rows)], plan)
    paired = st.one_sample_t(change)
    forward = _forward(first, last, change)
    signed = st.wilcoxon(first, last) if forward else st.wilcoxon(last, first)
    for result, chosen, method in ((paired, normal, "paired t test"), (signed, not normal, "")):
        book.test(
            key.table,
            key.variable,
            group.key,
            key.timepoint,
            result,
            group.rows,
            chosen=chosen,
            method=method,
        )
    method = "paired t test" if normal else signed.method
    book.route(Route(key.table, key.variable, group.key, key.timepoint, method, reason, evidence))


def _forward(first: list[Cell], last: list[Cell], change: list[Cell]) -> bool:
    """Whether the recorded change is last minus first."""
    for a, b, d in zip(first, last, change, strict=True):
        if a is not None and b is not None and d is not None and a != b:
            return (float(b) - float(a)) * float(d) > 0
    return True


def between(book: Book, key: Key, levels: Sequence[Group], values: Sequence[Cell], plan: Analysis) -> None:
    """One variable between the groups; two groups by t or ranks, more by ANOVA or Kruskal-Wallis."""
    kept = [g for g in levels if g.rows]
    parts = st.cut(values, [g.rows for g in kept])
    samples = [(g.key, part, g.rows) for g, part in zip(kept, parts, strict=True)]
    if len(samples) < 2:
        return
    columns = [s[1] for s in samples]
    if plan.normality.by == "all":
        everyone = _rows(samples)
        (whole,) = st.cut(values, [everyone])
        normal, reason, seen = _normal(book, key, [("all", whole, everyone)], plan)
    else:
        normal, reason, seen = _normal(book, key, samples, plan)
    rows = _rows(samples)
    spread = st.levene(*columns)
    levene = book.test(key.table, key.variable, DIFFERENCE, key.timepoint, spread, rows, chosen=False)
    if len(columns) > 2:
        _several(book, key, samples, (normal, reason, seen), plan)
        return
    equal = plan.variances.test == "none" or spread.p is None or spread.p >= plan.alpha
    student, welch, rank = (test(*columns) for test in (st.student_t, st.welch_t, st.mann_whitney))
    parametric = student if equal or plan.variances.otherwise == "student" else welch
    chosen = parametric if normal else rank
    for result in (student, welch, rank):
        book.test(
            key.table,
            key.variable,
            DIFFERENCE,
            key.timepoint,
            result,
            rows,
            chosen=result is chosen,
            of=key.of,
        )
    if normal:
        reason = f"{reason}_{'equal' if equal else 'unequal'}"
        seen = (*seen, levene["p"])
    book.route(Route(key.table, key.variable, DIFFERENCE, key.timepoint, chosen.method, reason, seen))


def _rows(samples: Sequence[_Part]) -> list[int]:
    return [row for _, _, rows in samples for row in rows]


def _several(
    book: Book,
    key: Key,
    samples: Sequence[_Part],
    verdict: tuple[bool, str, tuple[int, ...]],
    plan: Analysis,
) -> None:
    """Three groups or more: the overall tests, and pairwise comparisons when the chosen one is significant."""
    normal, reason, seen = verdict
    columns, rows = [s[1] for s in samples], _rows(samples)
    overall, rank = st.anova(*columns), st.kruskal_wallis(*columns)
    chosen = overall if normal else rank
    for result in (overall, rank):
        book.test(key.table, key.variable, DIFFERENCE, key.timepoint, result, rows, chosen=result is chosen)
    book.route(Route(key.table, key.variable, DIFFERENCE, key.timepoint, chosen.method, reason, seen))
    if chosen.p is None or chosen.p >= plan.alpha:
        return
    named = {name: column for name, column, _ in samples}
    pairs: Sequence[st.Comparison]
    if normal and plan.post_hoc.normal == "tukey":
        pairs, method, symbol = st.tukey(named, plan.alpha), "Tukey-Kramer", "q"
    elif normal:
        pairs, method, symbol = st.snk(named, plan.alpha).comparisons, "Student-Newman-Keuls", "q"
    else:
        pairs, method, symbol = st.dunn(named, plan.alpha), "Dunn, Holm-adjusted", "z"
    members = {name: list(who) for name, _, who in samples}
    for pair in pairs:
        of = f"{pair.first} vs {pair.second}"
        who = members[pair.first] + members[pair.second]
        note = "inside a range that is not significant" if pair.protected else ""
        p = pair.p if pair.p_adjusted is None else pair.p_adjusted
        for statistic, value in ((symbol, pair.statistic), ("p", p)):
            book.add(
                key.table,
                key.variable,
                DIFFERENCE,
                key.timepoint,
                statistic,
                value,
                method,
                who,
                of=of,
                note=note,
            )


def counts(
    book: Book, key: Key, levels: Sequence[Group], table: Sequence[Sequence[int]], rows: Sequence[int]
) -> None:
    """A table of counts, groups as columns: Pearson, Yates or Fisher by the expected counts."""
    if len([g for g in levels if g.rows]) < 2:
        return
    picked, seen = st.rule(table)
    two = len(table) == 2 and len(table[0]) == 2
    results = {
        "pearson": st.chi_square(table, "pearson"),
        **({"yates": st.chi_square(table, "yates")} if two else {}),
        "likelihood": st.chi_square(table, "likelihood"),
        **({"fisher": st.fisher_exact(table)} if two or picked == "fisher" else {}),
    }
    for name, result in results.items():
        book.test(
            key.table, key.variable, DIFFERENCE, key.timepoint, result, rows, chosen=name == picked, of=key.of
        )
    book.route(
        Route(
            key.table,
            key.variable,
            DIFFERENCE,
            key.timepoint,
            results[picked].method,
            f"counts_{picked}",
            detail=seen,
            of=key.of,
        )
    )
