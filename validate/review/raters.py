"""The machine's pre-screen and the hospital's codes as further raters, held against the consensus.

Sensitivity and positive predictive value with Wilson's interval, over candidates that are settled.  "Unknown"
is no hit.  Patients who never became candidates are not among them: what a search misses is for
``cohortlock recall`` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extract.study.protocol import Protocol, Rule
from validate.review.agreement import Estimate, wilson
from validate.review.cases import Case
from validate.review.rules import Phase, Verdict

__all__ = ["Rating", "coded_criteria", "ratings"]


@dataclass(frozen=True)
class Rating:
    """One rater on one criterion. ``hits``: said met and is; ``false``: said met and is not; ``missed``: is, not said."""

    rater: str
    """``machine`` or ``codes``."""
    criterion: str
    hits: int
    false: int
    missed: int
    rejected: int
    """Is not, and was not said to be."""
    unknown: int
    """Among all these, those of which the rater said nothing either way."""

    @property
    def sensitivity(self) -> Estimate:
        """Of those that are met by consensus, the share that the rater found."""
        return _share(self.hits, self.hits + self.missed, "nobody meets it by consensus")

    @property
    def ppv(self) -> Estimate:
        """Of those that the rater called met, the share that is."""
        return _share(self.hits, self.hits + self.false, "the rater called nobody met")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **vars(self),
            "sensitivity": vars(self.sensitivity),
            "ppv": vars(self.ppv),
        }


def ratings(
    protocol: Protocol, cases: Iterable[Case], coded: Mapping[tuple[str, str], bool] | None = None
) -> list[Rating]:
    """The raters on every criterion that people judged. ``coded``: (patient, criterion) -> a code was found.

    A criterion that the protocol decides by rule alone has no consensus to be held against.
    """
    settled = [c for c in cases if c.candidate.present and c.phase is Phase.COMPLETE]
    codes = set(coded_criteria(protocol)) if coded is not None else set()
    found = []
    for criterion in protocol.criteria:
        judged = [c for c in settled if criterion.id in c.candidate.reviewed]
        if not judged:
            continue
        said = [(_final(c, criterion.id), _machine(c, criterion.id)) for c in judged]
        found.append(_rating("machine", criterion.id, said))
        if coded is not None and criterion.id in codes:
            by_code = [
                (
                    _final(c, criterion.id),
                    "met" if coded.get((c.candidate.patient_id, criterion.id)) else "not_met",
                )
                for c in judged
            ]
            found.append(_rating("codes", criterion.id, by_code))
    return found


def coded_criteria(protocol: Protocol) -> Iterator[str]:
    """Criteria whose rule names diagnosis codes."""
    for criterion in protocol.criteria:
        if _names_codes(criterion.rule):
            yield criterion.id


def _names_codes(rule: Rule) -> bool:
    children = (*(rule.all or ()), *(rule.any or ()), *([rule.not_] if rule.not_ else []))
    return rule.diagnosis is not None or any(_names_codes(child) for child in children)


def _final(case: Case, criterion: str) -> str:
    return case.finals.get(criterion, "")


def _machine(case: Case, criterion: str) -> str:
    return str(case.candidate.machine_verdicts.get(criterion, {}).get("verdict", "unknown"))


def _rating(rater: str, criterion: str, said: Sequence[tuple[str, str]]) -> Rating:
    # What people could not tell is no truth to hold anybody against.
    told = [(final, rated) for final, rated in said if final in {Verdict.MET, Verdict.NOT_MET}]
    counted = {
        (final, rated): sum(one == (final, rated) for one in told)
        for final in (Verdict.MET.value, Verdict.NOT_MET.value)
        for rated in ("met", "not_met", "unknown")
    }
    return Rating(
        rater=rater,
        criterion=criterion,
        hits=counted["met", "met"],
        false=counted["not_met", "met"],
        missed=counted["met", "not_met"] + counted["met", "unknown"],
        rejected=counted["not_met", "not_met"] + counted["not_met", "unknown"],
        unknown=counted["met", "unknown"] + counted["not_met", "unknown"],
    )


def _share(hits: int, n: int, why: str) -> Estimate:
    return wilson(hits, n) if n else Estimate(None, note=why)
