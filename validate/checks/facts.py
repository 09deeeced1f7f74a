"""What the checks need to know beside the dataset: verdicts, entries, units, the funnel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["EntryState", "Facts", "Place", "SourceState", "Step", "UnitState", "Verdict"]

Place = tuple[str, str, str]
"""(patient_id, variable, timepoint); the timepoint is empty for what is taken once."""

EntryState = Literal["agree", "resolved", "open"]
UnitState = Literal["known", "unknown"]
SourceState = Literal["unchanged", "changed"]


@dataclass(frozen=True)
class Verdict:
    """The final word on one criterion of one patient, and what it rests on."""

    patient_id: str
    criterion: str
    final: str | None
    sealed: bool
    """Whether the evidence that was shown is fixed by its hash, so that a change reopens the verdict."""
    evidence: int
    """Pieces of evidence that were shown; a condition that does not hold may well have none."""


@dataclass(frozen=True)
class Step:
    """One step of the funnel: how many are left, and how many it removed."""

    id: str
    patients: int
    visits: int | None
    removed_patients: int
    removed_visits: int | None


@dataclass(frozen=True)
class Facts:
    """Plain facts, whoever collected them; patient ids are turned into participants by the checks."""

    verdicts: tuple[Verdict, ...] = ()
    funnel: tuple[Step, ...] = ()
    entries: Mapping[Place, EntryState] = field(default_factory=dict)
    units: Mapping[Place, UnitState] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    """Patient -> whether the records still say what the reviewers and abstractors had before them."""
