"""Scores a cohort against the truth file, the only module that reads it."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from extract.errors import NotFound

__all__ = ["score"]


def score(truth: Path, included: Collection[str]) -> dict[str, Any]:
    """Precision and recall of the included PATIENT_IDs, with who was missed and who should not be there.

    ``precision`` is None for an empty cohort.  ``wrongly_included`` counts false positives by what they
    fail; patients that were never placed on purpose count as ``ordinary``.  Raises NotFound.
    """
    try:
        found = json.loads(truth.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{truth}: there is no truth file", "`cohortlock demo` writes one.") from None
    planted = {one["patient_id"] for one in found["planted"]}
    fails = {one["patient_id"]: "+".join(one["fails"]) for one in found["decoys"]}
    given = set(included)
    right, wrong, missed = given & planted, given - planted, planted - given
    reasons: dict[str, int] = {}
    for patient in wrong:
        reason = fails.get(patient, "ordinary")
        reasons[reason] = reasons.get(reason, 0) + 1
    return {
        "precision": len(right) / len(given) if given else None,
        "recall": len(right) / len(planted),
        "true_positive": len(right),
        "false_positive": len(wrong),
        "false_negative": len(missed),
        "wrongly_included": dict(sorted(reasons.items())),
        "included_in_error": sorted(wrong),
        "missed": sorted(missed),
    }
