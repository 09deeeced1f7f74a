"""The shapes of what the JSON interface takes and gives of the calibration."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from validate.desk.api.models import Estimate, Line, Number, Prose, Raters, Request
from validate.review.calibration import Cause

__all__ = ["CauseIn", "Consistency", "Drift", "GateIn", "Pace", "Phrase", "Pilot", "PilotRound", "Rating"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CauseIn(_In):
    """Why two first opinions differ; ``wording`` is the new one, for a gap in the guideline and nothing else."""

    request: Request
    candidate: Number
    criterion: Line
    cause: Cause
    note: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
    wording: Prose = ""


class GateIn(_In):
    """The rest is opened; ``reason`` where a criterion stayed below the threshold."""

    request: Request
    reason: Prose = ""


class Lacking(BaseModel):
    """What the gate waits for."""

    what: str
    count: int
    criteria: list[str]


class Disagreement(BaseModel):
    """Two first opinions that differ, once they are settled."""

    candidate: int
    criterion: str
    verdicts: list[str]
    final: str
    cause: Cause | None
    note: str
    wording: str


class PilotRound(BaseModel):
    """One round: agreement of first opinions by criterion, and whether each reaches the threshold."""

    number: int
    cases: list[int]
    judged: int
    waiting: int
    unsettled: int
    criteria: dict[str, Raters]
    met: dict[str, bool]
    reworded: dict[str, bool]
    disagreements: list[Disagreement]


class Pilot(BaseModel):
    """Where the calibration stands; ``declared`` is what the protocol asks for, null where nothing."""

    declared: dict[str, Any] | None
    open: bool
    met: bool | None
    reason: str
    lacking: list[Lacking]
    rounds: list[PilotRound]


class Third(BaseModel):
    """Percent agreement in a third of the study."""

    n: int
    percent: Estimate
    kappa: Estimate
    ac1: Estimate


class Drift(BaseModel):
    """Agreement early, midway and late; ``p`` of a trend (Cochran-Armitage), null where there is none to test."""

    thirds: list[Third]
    p: float | None
    overlap: bool | None


class Pace(BaseModel):
    """Seconds per judgement: median and quartiles, null of too few or of one person alone."""

    n: int
    interrupted: int
    median: float | None
    low: float | None
    high: float | None


class Rating(BaseModel):
    """The machine, or the codes, against the consensus."""

    rater: str
    criterion: str
    hits: int
    false: int
    missed: int
    rejected: int
    unknown: int
    sensitivity: Estimate
    ppv: Estimate


class Phrase(BaseModel):
    """A sentence on which people went both ways."""

    criterion: str
    text: str
    verdicts: dict[str, int]
    candidates: list[int]


class Consistency(BaseModel):
    """How steadily people judge; ``phrases`` is null for who may read no chart."""

    drift: dict[str, Drift]
    pace: dict[str, Pace]
    raters: list[Rating]
    phrases: list[Phrase] | None
