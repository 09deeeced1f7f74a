"""What a lint rule yields: a place in the protocol, how bad it is, and what to type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from extract.study.positions import Place

__all__ = ["Finding", "Severity"]

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One fault of a protocol, at a place such as ``("include", 0, "rule")``."""

    place: Place
    severity: Severity
    rule: str
    message: str
    next_step: str
