"""Drafts: judgements that a reviewer has made and not handed in; theirs alone, and theirs to take back.

An opinion enters the study when its candidate is handed in.  Until then it is kept here, durably, so that
nothing is lost and a slip is undone by either reviewer alike, whatever the other has done.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from validate.desk.file import DeskFile
from validate.review.cases import Candidate, Quote

__all__ = ["Draft", "Drafts"]


@dataclass(frozen=True)
class Draft:
    """A judgement on one criterion, not handed in."""

    verdict: str
    reason: str
    quotes: tuple[Quote, ...]


class Drafts:
    """The drafts of one study's desk."""

    def __init__(self, file: DeskFile) -> None:
        self._file = file

    def of(self, account: str, candidate: Candidate) -> dict[str, Draft]:
        """Criterion -> draft, of those made on the evidence as it is now."""
        found = self._file.rows(
            "SELECT criterion, evidence_hash, verdict, reason, quotes FROM draft"
            " WHERE account_id = ? AND candidate = ?",
            account,
            candidate.id,
        )
        return {
            criterion: Draft(verdict, reason, tuple(Quote(**one) for one in json.loads(quotes)))
            for criterion, evidence, verdict, reason, quotes in found
            if candidate.criterion_hashes.get(criterion) == evidence and criterion in candidate.reviewed
        }

    def candidates(self, account: str) -> frozenset[int]:
        """Candidates on which this person has drafts."""
        found = self._file.rows("SELECT DISTINCT candidate FROM draft WHERE account_id = ?", account)
        return frozenset(number for (number,) in found)

    def keep(
        self,
        account: str,
        candidate: Candidate,
        criterion: str,
        verdict: str,
        reason: str,
        quotes: Sequence[Quote],
    ) -> None:
        """Keep a judgement in the place of the one before; the same twice is kept once."""
        self._file.write(
            "INSERT OR REPLACE INTO draft VALUES (?, ?, ?, ?, ?, ?, ?)",
            account,
            candidate.id,
            criterion,
            candidate.criterion_hashes[criterion],
            verdict,
            reason,
            json.dumps([asdict(quote) for quote in quotes]),
        )

    def drop(self, account: str, candidate: int, criteria: Collection[str]) -> None:
        """Forget drafts: they were taken back, or stand in the study now."""
        # One statement, so one wait for the disk.
        self._file.write(
            "DELETE FROM draft WHERE account_id = ? AND candidate = ?"
            " AND criterion IN (SELECT value FROM json_each(?))",
            account,
            candidate,
            json.dumps([*criteria]),
        )
