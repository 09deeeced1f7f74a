"""Comparison of the two entries, field by field, with a denominator that flatters nobody.

Compared are fields in which both passes stand and at least one has a value.  Keys, computed fields and
fields that both left missing for the same reason are not fields in which an error could have been
found, so they are counted apart and never in the denominator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from validate.entry.forms import equal
from validate.entry.standing import FieldStanding
from validate.review.agreement import Estimate, wilson

__all__ = ["Comparison", "Outcome", "Rate", "Standings", "against_final", "compare", "outcome"]

Standings = Mapping[str, Mapping[tuple[str, str], FieldStanding]]


class Outcome(StrEnum):
    """What comes of one field."""

    EQUAL = "equal"
    DIFFERENT = "different"
    BOTH_BLANK = "both_blank"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Rate:
    """Errors among what was compared, with Wilson's 95 % interval."""

    errors: int
    compared: int

    @property
    def rate(self) -> Estimate:
        """The proportion; without a value when nothing was compared."""
        if not self.compared:
            return Estimate(None, note="nothing was compared")
        return wilson(self.errors, self.compared)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"errors": self.errors, "compared": self.compared, **vars(self.rate)}


@dataclass(frozen=True)
class Comparison:
    """The discrepancy report of a study."""

    fields: Rate
    records: Rate
    """Candidates with at least one difference, among those with at least one compared field."""
    by_field: Mapping[str, Rate]
    by_person: Mapping[str, Rate]
    """Each abstractor against the value that counts, over fields that are complete."""
    both_blank: int
    incomplete: int
    differences: tuple[tuple[str, FieldStanding], ...]
    """Patient and field, for each difference, in the order of the form."""
    pairs: Mapping[str, Mapping[tuple[int, int], int]] = field(default_factory=dict)
    """Per field of numbers how often each pair of entries occurs, in whole steps; no patient."""

    def pairs_json(self) -> dict[str, list[list[int]]]:
        """``[first, second, times]`` per field: for the snapshot alone, since these are values."""
        return {
            name: [[*pair, times] for pair, times in sorted(found.items())]
            for name, found in self.pairs.items()
        }

    def to_json(self) -> dict[str, Any]:
        """The rates and counts, without any patient or value."""
        return {
            "fields": self.fields.to_json(),
            "records": self.records.to_json(),
            "by_field": {name: rate.to_json() for name, rate in self.by_field.items()},
            "by_person": {name: rate.to_json() for name, rate in self.by_person.items()},
            "both_blank": self.both_blank,
            "incomplete": self.incomplete,
        }


def outcome(standing: FieldStanding, *, tolerance: int = 0) -> Outcome:
    """What comparing the two entries of one field gives."""
    first, second = standing.first, standing.second
    if first is None or second is None:
        return Outcome.INCOMPLETE
    if not equal(first.value, second.value, tolerance=tolerance):
        return Outcome.DIFFERENT
    return Outcome.BOTH_BLANK if first.value.missing else Outcome.EQUAL


def compare(standings: Standings, *, tolerance: int = 0) -> Comparison:
    """Compare all fields of all candidates in ``standings``."""
    by_field: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_person: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    counted = dict.fromkeys(Outcome, 0)
    different: list[tuple[str, FieldStanding]] = []
    pairs: dict[str, dict[tuple[int, int], int]] = defaultdict(lambda: defaultdict(int))
    records = [0, 0]
    for patient, fields in standings.items():
        found = {key: outcome(standing, tolerance=tolerance) for key, standing in fields.items()}
        compared = [key for key, what in found.items() if what in {Outcome.EQUAL, Outcome.DIFFERENT}]
        wrong = [key for key in compared if found[key] is Outcome.DIFFERENT]
        records[0] += bool(wrong)
        records[1] += bool(compared)
        for what in found.values():
            counted[what] += 1
        for key in compared:
            name = fields[key].field.name
            by_field[name][0] += found[key] is Outcome.DIFFERENT
            by_field[name][1] += 1
            if (pair := _numbers(fields[key])) is not None:
                pairs[name][pair] += 1
        different += [(patient, fields[key]) for key in wrong]
        for person, _, mistaken in against_final(fields):
            by_person[person][0] += mistaken
            by_person[person][1] += 1
    return Comparison(
        fields=Rate(counted[Outcome.DIFFERENT], counted[Outcome.DIFFERENT] + counted[Outcome.EQUAL]),
        records=Rate(*records),
        by_field={name: Rate(*pair) for name, pair in by_field.items()},
        by_person={name: Rate(*pair) for name, pair in sorted(by_person.items())},
        both_blank=counted[Outcome.BOTH_BLANK],
        incomplete=counted[Outcome.INCOMPLETE],
        differences=tuple(different),
        pairs={name: dict(found) for name, found in pairs.items()},
    )


def _numbers(standing: FieldStanding) -> tuple[int, int] | None:
    """Both entries in whole steps; None unless both are numbers."""
    if standing.field.kind != "number" or standing.first is None or standing.second is None:
        return None
    first, second = standing.first.value.scaled, standing.second.value.scaled
    return None if first is None or second is None else (first, second)


def against_final(fields: Mapping[tuple[str, str], FieldStanding]) -> Iterator[tuple[str, str, bool]]:
    """Abstractor, field and whether it was wrong, for each entry in a field whose value is settled."""
    for standing in fields.values():
        final = standing.final
        for one in (standing.first, standing.second):
            if final is None or one is None or (final.missing and one.value.missing == final.missing):
                continue
            yield one.abstractor, standing.field.name, not equal(one.value, final)
