"""Patients who were merged: every id leads to the one that survived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["survivors"]


def survivors(merged_into: Mapping[str, str | None] | Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Each merged id -> the surviving id, through chains of any length.

    Ids that were not merged are left out.  A circle of merges, which no HIS should hold, has no survivor:
    its smallest id is taken, so that the answer is the same every time.
    """
    into = {old: new for old, new in dict(merged_into).items() if new and new != old}
    found: dict[str, str] = {}
    for start in into:
        path = [start]
        while (step := into.get(path[-1])) is not None and step not in path:
            path.append(step)
        last = path[-1] if step is None else min(path[path.index(step) :])
        found.update({one: last for one in path if one != last})
    return found
