"""P values adjusted for how many were looked at."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["benjamini_hochberg", "holm"]


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjustment, in the order given."""
    order = sorted(range(len(p)), key=p.__getitem__)
    adjusted = [0.0] * len(p)
    floor = 0.0
    for place, index in enumerate(order):
        floor = max(floor, min(1.0, (len(p) - place) * p[index]))
        adjusted[index] = floor
    return tuple(adjusted)


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """Benjamini and Hochberg's step-up adjustment for the false discovery rate, in the order given."""
    order = sorted(range(len(p)), key=p.__getitem__, reverse=True)
    adjusted = [1.0] * len(p)
    ceiling = 1.0
    for place, index in enumerate(order):
        ceiling = min(ceiling, p[index] * len(p) / (len(p) - place))
        adjusted[index] = ceiling
    return tuple(adjusted)
