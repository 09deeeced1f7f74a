"""Student, Newman and Keuls' comparisons of means, with the step-down protection that makes them valid.

Means are ordered; the widest range is tested first, each range of ``span`` means against the studentized range of
that many means.  Once a range is not significant nothing inside it may be called different, however large its own
difference is against its own, smaller criterion (Keppel & Wickens 6.1 holds such a pair).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from analysis.statistics.comparisons import Comparison
from analysis.statistics.distributions import range_quantile, range_sf
from analysis.statistics.result import OUT_OF_RANGE, Undefined
from analysis.statistics.samples import Values, samples

__all__ = ["Snk", "snk", "snk_from_means", "tukey"]


@dataclass(frozen=True)
class Snk:
    """``comparisons`` widest range first; ``subsets`` are the homogeneous sets, smallest means first.

    ``n`` is the harmonic mean of the group sizes, as SPSS uses; ``notes`` say when that mattered, or why there is
    no answer.
    """

    mse: float | None = None
    df: float | None = None
    n: float | None = None
    comparisons: tuple[Comparison, ...] = ()
    subsets: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


@cache
def _critical(alpha: float, span: int, df: float) -> float:
    return range_quantile(1 - alpha, span, df)


def snk_from_means(means: Mapping[str, float], n: float, mse: float, df: float, alpha: float = 0.05) -> Snk:
    """The comparisons from the means, the (harmonic) group size and the mean square within groups."""
    order = sorted(means, key=means.__getitem__)
    if len(order) < 2 or not mse > 0 or not df > 0:
        return Snk(mse, df, n, notes=("needs at least 2 groups and variation within them",))
    error = math.sqrt(mse / n)
    kept_equal: list[tuple[int, int]] = []
    found: list[Comparison] = []
    for span in range(len(order), 1, -1):
        for low in range(len(order) - span + 1):
            high = low + span - 1
            difference = means[order[high]] - means[order[low]]
            q = difference / error
            critical = _critical(alpha, span, df)
            protected = any(a <= low and high <= b for a, b in kept_equal)
            rejected = not protected and q > critical
            if not protected and not rejected:
                kept_equal.append((low, high))
            found.append(
                Comparison(
                    order[high],
                    order[low],
                    difference,
                    q,
                    range_sf(q, span, df),
                    span=span,
                    critical=critical,
                    rejected=rejected,
                    protected=protected,
                )
            )
    inside = {place for a, b in kept_equal for place in range(a, b + 1)}
    alone = [(place, place) for place in range(len(order)) if place not in inside]
    subsets = tuple(tuple(order[a : b + 1]) for a, b in sorted([*kept_equal, *alone]))
    return Snk(mse, df, n, tuple(found), subsets)


def snk(groups: Mapping[str, Values], alpha: float = 0.05) -> Snk:
    """The comparisons from the raw groups; empty groups are left out."""
    try:
        kept = {name: g for name, g in zip(groups, samples(*groups.values()), strict=True) if g.n}
        df = sum(g.n for g in kept.values()) - len(kept)
        if len(kept) < 2 or df < 1:
            return Snk(notes=("needs at least 2 groups with values to spare",))
        mse = float(sum(g.squares for g in kept.values()) / df)
        size = len(kept) / sum(1 / g.n for g in kept.values())
        result = snk_from_means({name: float(g.mean) for name, g in kept.items()}, size, mse, df, alpha)
    except Undefined as reason:
        return Snk(notes=(str(reason),))
    except (OverflowError, ZeroDivisionError):
        return Snk(notes=(OUT_OF_RANGE,))
    if len({g.n for g in kept.values()}) == 1:
        return result
    note = "group sizes differ: their harmonic mean is used, so the error rate is not guaranteed"
    return Snk(result.mse, result.df, result.n, result.comparisons, result.subsets, (*result.notes, note))


def tukey(groups: Mapping[str, Values], alpha: float = 0.05) -> tuple[Comparison, ...]:
    """Tukey and Kramer's comparisons of every pair against the range of all means; empty when undefined."""
    try:
        kept = {name: g for name, g in zip(groups, samples(*groups.values()), strict=True) if g.n}
        df = sum(g.n for g in kept.values()) - len(kept)
        if len(kept) < 2 or df < 1:
            return ()
        mse = float(sum(g.squares for g in kept.values()) / df)
        found = []
        for a, b in combinations(kept, 2):
            difference = float(kept[a].mean - kept[b].mean)
            q = abs(difference) / math.sqrt(mse / 2 * (1 / kept[a].n + 1 / kept[b].n))
            p = range_sf(q, len(kept), df)
            found.append(Comparison(a, b, difference, q, p, span=len(kept), rejected=p < alpha))
        return tuple(found)
    except (Undefined, OverflowError, ZeroDivisionError):
        return ()
