"""Who hangs together: patients that mergers make one person, and those that a visit ties to each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["batches_of", "circles", "windows_of"]


def circles(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Each name of the pairs -> everybody whom a chain of pairs ties to it, itself among them."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in pairs:
        parent[root(one)] = root(other)
    members: dict[str, set[str]] = defaultdict(set)
    for name in list(parent):
        members[root(name)].add(name)
    whole = {top: frozenset(names) for top, names in members.items()}
    return {name: whole[root(name)] for name in parent}


def windows_of(
    windows: Mapping[str, str], order: Sequence[str], persons: Mapping[str, frozenset[str]]
) -> dict[str, str]:
    """Patient -> window, for those of ``windows`` and all who are one person with them: the first in ``order``."""
    rank = {name: place for place, name in enumerate(order)}
    found = dict(windows)
    for patient in windows:
        if (person := persons.get(patient)) is not None:
            first = min((windows[p] for p in person if p in windows), key=rank.__getitem__)
            found |= dict.fromkeys(person, first)
    return found


def batches_of(
    patients: Iterable[str], tied: Mapping[str, frozenset[str]], size: int
) -> list[list[str]] | None:
    """The patients in batches of at most ``size``, no circle cut in two; None where a circle is larger."""
    found: list[list[str]] = []
    left = set(patients)
    batch: list[str] = []
    for patient in sorted(left):
        if patient not in left:
            continue
        circle = sorted(tied.get(patient, frozenset({patient})) & left)
        if len(circle) > size:
            return None
        left.difference_update(circle)
        if len(batch) + len(circle) > size:
            found.append(batch)
            batch = []
        batch += circle
    return [*found, batch] if batch else found
