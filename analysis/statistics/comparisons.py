"""One pair of groups compared after an overall test."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Comparison"]


@dataclass(frozen=True)
class Comparison:
    """``estimate`` is first minus second, of means or of mean ranks.

    ``protected`` pairs were not tested at all: a wider range that contains them was not significant.
    """

    first: str
    second: str
    estimate: float
    statistic: float
    p: float
    p_adjusted: float | None = None
    span: int = 2
    critical: float | None = None
    rejected: bool = False
    protected: bool = False
