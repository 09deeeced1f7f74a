"""How a study is reviewed: two blind reviewers, a third person, and the pilot round that they must pass first."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from extract.study.parts import Model

__all__ = ["Calibration", "Review"]


class Calibration(Model):
    """The pilot round and what each criterion must reach in it: any one of these is enough."""

    cases: int = Field(default=20, ge=0)
    kappa_at_least: float = 0.75
    or_agreement_at_least: float = 0.95
    """Where nearly all cases are alike kappa says little; percent agreement is enough then."""
    or_ac1_at_least: float | None = None
    """Gwet's AC1, which does not suffer from that; asked for where it is stated."""


class Review(Model):
    """Dual independent review with third-person arbitration."""

    reviewers: Literal[2] = 2
    arbitrate: Literal["third"] = "third"
    calibration: Calibration | None = None
    """No pilot round is asked for where none is stated."""

    @property
    def pilot(self) -> Calibration | None:
        """The pilot round that the study asks for, if any."""
        return self.calibration if self.calibration and self.calibration.cases else None
