"""The funnel: how many patients and visits each step leaves, with the gain of each criterion.

The idea is a bitmask: bit i of a patient is set when criterion i lets them pass, so every step is one
comparison, what a step removes is what the step before had more, and a criterion's gain is the number of
patients whose mask lacks that bit and no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from extract.chart.charts import Landed
from extract.chart.people import survivors
from extract.chart.screening import Screening
from extract.study.protocol import Label, Protocol

__all__ = ["Funnel", "Step", "funnel", "masked_steps"]


@dataclass(frozen=True)
class Step:
    """What is left after a step, and what it removed."""

    id: str
    label: Label
    patients: int
    visits: int
    removed_patients: int
    removed_visits: int


@dataclass(frozen=True)
class Funnel:
    """All steps in order; ``gain`` is the number of patients that dropping a criterion would bring back."""

    steps: tuple[Step, ...]
    gain: dict[str, int]
    nested: bool
    """Whether every matched visit was among those that the SQL fetched."""

    @property
    def closes(self) -> bool:
        """Whether each step's rest and removals add up to the step before, in patients and in visits."""
        pairs = pairwise(self.steps)
        return self.nested and all(
            after.removed_patients >= 0
            and after.removed_visits >= 0
            and before.patients == after.patients + after.removed_patients
            and before.visits == after.visits + after.removed_visits
            for before, after in pairs
        )

    def to_json(self) -> dict[str, Any]:
        """The ``funnel --json`` contract: ``steps``, ``closes``, ``gain``."""
        return {
            "steps": [
                {
                    "id": step.id,
                    "label": step.label.model_dump(),
                    "patients": step.patients,
                    "visits": step.visits,
                    "removed_patients": step.removed_patients,
                    "removed_visits": step.removed_visits,
                    **({"gain": self.gain[step.id]} if step.id in self.gain else {}),
                }
                for step in self.steps
            ],
            "closes": self.closes,
            "gain": self.gain,
        }


_LABELS = {
    "window": Label(zh="检索期内就诊", en="visits in the search window"),
    "search": Label(zh="数据库检索命中", en="fetched by the search"),
    "match": Label(zh="符合检索式", en="satisfy the search expression"),
    "included": Label(zh="纳入", en="included"),
}


def masked_steps(masks: Mapping[str, int], criteria: int) -> list[set[str]]:
    """The patients left after criterion 0, 1, ...: those whose mask has all bits up to it."""
    left, out = set(masks), []
    for i in range(criteria):
        left = {patient for patient in left if masks[patient] >> i & 1}
        out.append(left)
    return out


def funnel(
    protocol: Protocol,
    screening: Screening,
    landing: Landed,
    final: Mapping[tuple[str, str], str] | None = None,
) -> Funnel:
    """The funnel of a study.

    Without ``final`` it is the machine's pre-screen: unknown passes.  With the reviewers' final verdicts
    ``(patient, criterion) -> met | not_met | unknown`` a criterion is passed only when it is settled: all
    inclusions met, all exclusions not met; patients excluded automatically, whom nobody reviewed, keep the
    machine's verdicts.
    """
    people = landing.current("patient")
    merged = survivors(zip(people["patient_id"].to_pylist(), people["merged_into"].to_pylist(), strict=True))
    fetched = landing.candidates()
    fetched_patients = {merged.get(p, p) for p in fetched["patient_id"].to_pylist()}
    fetched_visits = set(fetched["visit_id"].to_pylist())
    matches = [row for row in screening.matches.to_pylist() if row["matched"]]
    visits = Counter(row["patient_id"] for row in matches)
    masks = _masks(protocol, screening, final)
    totals = landing.window_totals()
    counts: list[tuple[str, Label, int, int]] = [
        ("window", _LABELS["window"], totals["patients"], totals["visits"]),
        ("search", _LABELS["search"], len(fetched_patients), len(fetched_visits)),
        ("match", _LABELS["match"], len(visits), sum(visits.values())),
    ]
    left: Collection[str] = masks
    for criterion, rest in zip(protocol.criteria, masked_steps(masks, len(protocol.criteria)), strict=True):
        left = rest
        counts.append((criterion.id, criterion.label, len(left), sum(visits[p] for p in left)))
    counts.append(("included", _LABELS["included"], len(left), sum(visits[p] for p in left)))
    full = (1 << len(protocol.criteria)) - 1
    return Funnel(
        steps=_steps(counts),
        gain={
            criterion.id: sum(mask == full & ~(1 << i) for mask in masks.values())
            for i, criterion in enumerate(protocol.criteria)
        },
        nested={row["visit_id"] for row in matches} <= fetched_visits and set(visits) == set(masks),
    )


def _steps(counts: Sequence[tuple[str, Label, int, int]]) -> tuple[Step, ...]:
    steps = []
    patients, visits = counts[0][2:]
    for id_, label, now, now_visits in counts:
        steps.append(Step(id_, label, now, now_visits, patients - now, visits - now_visits))
        patients, visits = now, now_visits
    return tuple(steps)


def _masks(
    protocol: Protocol, screening: Screening, final: Mapping[tuple[str, str], str] | None
) -> dict[str, int]:
    rows = screening.candidates.select(["patient_id", "bits", "state"]).to_pylist()
    if final is None:
        return {row["patient_id"]: row["bits"] for row in rows}
    wanted = {c.id: "met" if c in protocol.include else "not_met" for c in protocol.criteria}
    machine = {(r["patient_id"], r["criterion"]): r["verdict"] for r in screening.verdicts.to_pylist()}
    masks = {}
    for row in rows:
        patient = row["patient_id"]
        if row["state"] == "auto_excluded" and not any((patient, c) in final for c in wanted):
            masks[patient] = row["bits"]
            continue
        masks[patient] = sum(
            1 << i
            for i, (criterion, needed) in enumerate(wanted.items())
            if final.get((patient, criterion), machine.get((patient, criterion))) == needed
        )
    return masks
