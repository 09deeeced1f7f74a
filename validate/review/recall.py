"""The recall of a search: of the eligible patients, the share that its keywords found, with a 95 % interval.

Patients are sampled without replacement in strata, and each stratum's eligible patients are estimated as
its size times the sampled proportion.  Recall is A / (A + B), A found and B missed.  Each proportion has
Wilson's interval (J Am Stat Assoc 1927;22:209) at the effective sample size n (N - 1) / (N - n), so that a
stratum read whole has no sampling error (Korn & Graubard, Surv Methodol 1998;24:193); the limits are
carried to the sum and the ratio by variance estimates recovery (Zou & Donner, Stat Med 2008;27:1693).
Its coverage is measured in tests/validate/review/test_recall.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from extract.study.protocol import Protocol
from validate.review.agreement import Estimate
from validate.review.cases import Case, eligible
from validate.review.rules import Phase

__all__ = ["METHOD", "Stratum", "estimate", "recall_of", "strata_of", "told"]

METHOD: Final = "Wilson with finite-population correction per stratum, combined by MOVER"
_Z: Final = 1.959963984540054
_STEPS: Final = 60

NOT_SAMPLED: Final = "a stratum with patients was not sampled"
NOBODY: Final = "nobody in the sample is eligible"
OPEN: Final = "the review of the sample is not complete"

_WHY_ZH: Final = {
    NOT_SAMPLED: "有患者的层未被抽样",
    NOBODY: "样本中无合格患者",
    OPEN: "样本尚未审阅完毕",
}


@dataclass(frozen=True)
class Stratum:
    """A stratum of ``patients``, of whom ``sampled`` were drawn, ``decided`` judged, ``eligible`` found so."""

    name: str
    found: bool
    patients: int
    sampled: int
    decided: int
    eligible: int

    @property
    def weight(self) -> float | None:
        """How many patients each sampled one stands for."""
        return self.patients / self.sampled if self.sampled else None

    @property
    def count(self) -> tuple[float, float, float]:
        """Eligible patients, with the limits of their number. Needs a complete review."""
        if not self.patients:
            return (0.0, 0.0, 0.0)
        low, high = _limits(self.eligible, self.sampled, self.patients)
        # What was read is known: no limit contradicts it.
        least, most = self.eligible, self.patients - (self.sampled - self.eligible)
        at = self.patients * self.eligible / self.sampled
        return (at, max(self.patients * low, least), min(self.patients * high, most))


def strata_of(
    protocol: Protocol,
    sizes: Mapping[str, int],
    of: Mapping[str, str],
    states: Mapping[str, str],
    cases: Mapping[str, Case],
    found: str,
) -> list[Stratum]:
    """The strata as reviewed. ``of``: sampled patient -> stratum; ``states``: their state in the screening.

    Whom the protocol excludes automatically was judged by it, here as in the study; who is in no case
    and no state (declined since) is no longer of the sample.  ``found`` names the stratum of the found.
    """
    drawn = dict.fromkeys(sizes, 0)
    decided = dict.fromkeys(sizes, 0)
    counted = dict.fromkeys(sizes, 0)
    for patient, name in of.items():
        case = cases.get(patient)
        if states.get(patient) == "auto_excluded":
            drawn[name] += 1
            decided[name] += 1
        elif case is not None and case.candidate.present:
            drawn[name] += 1
            if case.phase is Phase.COMPLETE:
                decided[name] += 1
                counted[name] += eligible(protocol, case.finals)
    return [
        Stratum(name, name == found, size, drawn[name], decided[name], counted[name])
        for name, size in sizes.items()
    ]


def estimate(strata: Sequence[Stratum]) -> Estimate:
    """Recall with its interval; without a value it says why."""
    if any(one.decided < one.sampled for one in strata):
        return Estimate(None, note=OPEN)
    if any(one.patients and not one.sampled for one in strata) or not any(one.sampled for one in strata):
        return Estimate(None, note=NOT_SAMPLED)
    return recall_of(
        [one.count for one in strata if one.found], [one.count for one in strata if not one.found]
    )


def recall_of(
    found: Sequence[tuple[float, float, float]], missed: Sequence[tuple[float, float, float]]
) -> Estimate:
    """A / (A + B) from independent counts with their limits."""
    a, b = _sum(found), _sum(missed)
    if a[0] + b[0] <= 0:
        return Estimate(None, note=NOBODY)
    value = a[0] / (a[0] + b[0])

    def below(r: float) -> float:
        """The lower limit of (1 - r) A - r B: recall may be r where it is not above zero."""
        lean, heavy = (1 - r) * (a[0] - a[1]), r * (b[2] - b[0])
        return (1 - r) * a[0] - r * b[0] - math.hypot(lean, heavy)

    def above(r: float) -> float:
        heavy, lean = (1 - r) * (a[2] - a[0]), r * (b[0] - b[1])
        return (1 - r) * a[0] - r * b[0] + math.hypot(heavy, lean)

    return Estimate(value, _root(below, 0.0, value), _root(above, value, 1.0))


def told(study: str, seed: int, strata: Sequence[Stratum], visits: Mapping[str, int]) -> dict[str, Any]:
    """The ``recall`` --json contract: counts only."""
    found = estimate(strata)
    return {
        "study": study,
        "seed": seed,
        "visits": dict(visits),
        "strata": [asdict(one) | {"weight": one.weight} for one in strata],
        "open": sum(one.sampled - one.decided for one in strata),
        "recall": found.value,
        "low": found.low,
        "high": found.high,
        "level": 0.95,
        "method": METHOD,
        "undefined": found.note,
        "sentence": _sentence(found, strata),
    }


def _sentence(found: Estimate, strata: Sequence[Stratum]) -> dict[str, str]:
    if found.value is None or found.low is None or found.high is None:
        return {
            "zh": f"检索式的查全率无法估计：{_WHY_ZH[found.note]}。",
            "en": f"The recall of the search expression is undefined: {found.note}.",
        }
    ours = sum(one.sampled for one in strata if one.found)
    others = sum(one.sampled for one in strata if not one.found)
    number = f"{found.value:.1%}"
    limits = f"{found.low:.1%}", f"{found.high:.1%}"
    return {
        "zh": (
            f"检索式的查全率估计为{number}（95%CI {limits[0]}~{limits[1]}），依据对{ours}名检索到的患者和"
            f"{others}名有诊断编码或检验项目而关键词未检索到的患者的盲法审阅。"
        ),
        "en": (
            f"The estimated recall of the search expression is {number} (95% CI {limits[0]} to {limits[1]}), from "
            f"the blind review of {ours} patients whom it found and {others} with a diagnosis code or laboratory "
            "item whom no keyword found."
        ),
    }


def _limits(hits: int, n: int, size: int) -> tuple[float, float]:
    p = hits / n
    if n >= size:
        return p, p
    effective = n * (size - 1) / (size - n)
    z2 = _Z * _Z
    middle = (p + z2 / (2 * effective)) / (1 + z2 / effective)
    half = _Z * math.sqrt(p * (1 - p) / effective + z2 / (4 * effective**2)) / (1 + z2 / effective)
    return (0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == n else min(1.0, middle + half))


def _sum(counts: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    at = sum(one[0] for one in counts)
    low = at - math.hypot(*(one[0] - one[1] for one in counts))
    high = at + math.hypot(*(one[2] - one[0] for one in counts))
    return at, max(0.0, low), high


def _root(falls: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is not negative at ``low`` and not positive at ``high`` crosses zero."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > 0 else (low, middle)
    return (low + high) / 2
