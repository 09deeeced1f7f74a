"""Three-valued logic of criteria: met, not met, unknown (Kleene's strong logic)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

__all__ = ["Verdict", "all_of", "any_of", "negate"]

Verdict = Literal["met", "not_met", "unknown"]


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Met when all are; not met as soon as one is not; otherwise unknown. Of nothing: met."""
    seen = set(verdicts)
    if "not_met" in seen:
        return "not_met"
    return "unknown" if "unknown" in seen else "met"


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Met as soon as one is; not met when none can be; otherwise unknown. Of nothing: not met."""
    return negate(all_of(negate(verdict) for verdict in verdicts))


def negate(verdict: Verdict) -> Verdict:
    """Met and not met exchanged; unknown stays unknown."""
    if verdict == "unknown":
        return "unknown"
    return "not_met" if verdict == "met" else "met"
