"""Drift: whether agreement holds from the first third of a study to the last.

Cases are put in the order in which both reviewers were done with them and cut into thirds; each criterion's
agreement is shown in each third with its interval, with a test of trend over the three (Cochran, Biometrics
1954;10:417; Armitage, Biometrics 1955;11:375; scores 0, 1, 2) and whether the first and last intervals overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from validate.review.agreement import Agreement, first_opinions, of_pairs
from validate.review.cases import Opinion

__all__ = ["Drift", "Trend", "drift", "trend"]

_THIRDS: Final = 3
NO_CASES: Final = "fewer than three cases have been judged by both"
ALL_ALIKE: Final = "agreement is the same in every case: there is no trend to test"


@dataclass(frozen=True)
class Trend:
    """Two-sided test of a trend in percent agreement; ``note`` says why there is none."""

    z: float | None
    p: float | None
    note: str = ""


@dataclass(frozen=True)
class Drift:
    """One criterion over the study."""

    thirds: tuple[Agreement, ...]
    """Early, midway, late."""
    trend: Trend

    @property
    def overlap(self) -> bool | None:
        """Whether the intervals of percent agreement of the first and the last third overlap; None without both."""
        first, last = self.thirds[0].percent, self.thirds[-1].percent
        if first.low is None or first.high is None or last.low is None or last.high is None:
            return None
        return first.low <= last.high and last.low <= first.high

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "thirds": [one.to_json() for one in self.thirds],
            "z": self.trend.z,
            "p": self.trend.p,
            "note": self.trend.note,
            "overlap": self.overlap,
        }


def drift(opinions: Iterable[Opinion], criteria: Sequence[str]) -> dict[str, Drift]:
    """Criterion -> its drift; a case lies in the same third for every criterion. ``opinions`` in their order."""
    pairs = first_opinions(opinions)
    done: dict[str, int] = {}
    for (patient, _), both in pairs.items():
        done[patient] = max(done.get(patient, 0), *(one.id for one in both))
    ordered = sorted(done, key=lambda patient: done[patient])
    third = {patient: _THIRDS * place // len(ordered) for place, patient in enumerate(ordered)}
    return {name: _one(name, pairs, third) for name in criteria}


def trend(agreed: Sequence[int], n: Sequence[int]) -> Trend:
    """Cochran-Armitage over groups of ``n`` of which ``agreed`` agreed, in order. Equal lengths, n > 0 in all."""
    total, hits = sum(n), sum(agreed)
    if len(n) < 2 or not all(n):
        return Trend(None, None, NO_CASES)
    if hits in {0, total}:
        return Trend(None, None, ALL_ALIKE)
    share = hits / total
    score = sum(place * (a - size * share) for place, (a, size) in enumerate(zip(agreed, n, strict=True)))
    weight = sum(size * place for place, size in enumerate(n))
    spread = sum(size * place * place for place, size in enumerate(n)) - weight * weight / total
    z = score / math.sqrt(share * (1 - share) * spread)
    return Trend(z, math.erfc(abs(z) / math.sqrt(2)))


def _one(
    name: str, pairs: Mapping[tuple[str, str], tuple[Opinion, Opinion]], third: Mapping[str, int]
) -> Drift:
    said: list[list[tuple[str, str]]] = [[] for _ in range(_THIRDS)]
    for (patient, criterion), (first, second) in pairs.items():
        if criterion == name:
            said[third[patient]].append((first.verdict.value, second.verdict.value))
    thirds = tuple(of_pairs(one) for one in said)
    return Drift(thirds, trend([sum(a == b for a, b in one) for one in said], [len(one) for one in said]))
