"""Whom no keyword found: patients with a code or a laboratory item of the study, and no visit in the search; pure."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import polars as pl
import pyarrow as pa

from extract.chart.codes import code_in, split_codes
from extract.chart.links import link
from extract.chart.measurements import is_item
from extract.his.packs import LabConcept, Pack

__all__ = ["FOUND", "MISSED", "Frame", "Visit", "allocated", "drawn", "frame_of", "positive_visits"]

FOUND: Final = "found"
MISSED: Final = ("code_and_lab", "code", "lab")
"""The strata of patients whom no keyword found, by what a visit of theirs has; the likeliest first."""


@dataclass
class Visit:
    """A visit of the search's dates with a code or an item that was asked for."""

    visit_id: str
    patient_id: str
    started_at: datetime
    has: set[str] = field(default_factory=set)

    @property
    def stratum(self) -> str:
        """The stratum of ``MISSED``."""
        return "code_and_lab" if len(self.has) > 1 else next(iter(self.has))


@dataclass(frozen=True)
class Frame:
    """Stratum -> patient -> the visit that stands for them; and the counts of visits."""

    strata: dict[str, dict[str, str]]
    positive: int
    """Visits with a code or an item."""
    unmatched: int
    """Of those, visits that the exact matcher does not find."""
    otherwise: int
    """Of those, visits of patients who are found by another visit."""


def positive_visits(
    rows: Iterable[tuple[str, bool, pa.Table]],
    pack: Pack,
    codes: Collection[str],
    labs: Collection[LabConcept],
) -> list[Visit]:
    """The visits behind ``(table, named, records)`` as extract/his/positives.py asked for them, by the exact rules.

    A record that names no visit is of the one that the pack's rule gives it, among the visits of the dates.
    """
    found: dict[str, Visit] = {}
    for table, named, records in rows:
        kept = [row for row in records.to_pylist() if _is_positive(row, table, codes, labs)]
        kind = "code" if table == "diagnosis" else "lab"
        for row in kept if named else _linked(kept, pack, table):
            one = found.setdefault(
                row["visit_id"], Visit(row["visit_id"], row["patient_id"], row["started_at"])
            )
            one.has.add(kind)
    return sorted(found.values(), key=lambda one: (one.started_at, one.visit_id))


def frame_of(
    visits: Iterable[Visit],
    *,
    matched: Collection[str],
    anchors: Mapping[str, str],
    survivors: Mapping[str, str],
    withheld: Collection[str],
) -> Frame:
    """The strata of ``visits``, which come by time.

    ``matched``: visits that the exact matcher finds; ``anchors``: found patient -> their T0 visit.
    A missed patient stands in the best stratum that a visit of theirs reaches, and the first positive visit
    stands for them, as a study's T0 is the first that the search finds.
    Patients in ``withheld`` are in none.
    """
    kept_back = {survivors.get(p, p) for p in withheld}
    missed: dict[str, str] = {}
    stratum: dict[str, str] = {}
    positive = unmatched = otherwise = 0
    for visit in visits:
        positive += 1
        if visit.visit_id in matched:
            continue
        unmatched += 1
        patient = survivors.get(visit.patient_id, visit.patient_id)
        if patient in anchors:
            otherwise += 1
        elif patient not in kept_back:
            missed.setdefault(patient, visit.visit_id)
            stratum[patient] = min(stratum.get(patient, visit.stratum), visit.stratum, key=MISSED.index)
    strata: defaultdict[str, dict[str, str]] = defaultdict(dict)
    strata[FOUND] = {p: v for p, v in anchors.items() if p not in kept_back}
    for patient, first in missed.items():
        strata[stratum[patient]][patient] = first
    return Frame({name: strata[name] for name in (FOUND, *MISSED)}, positive, unmatched, otherwise)


def allocated(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of each stratum: as even as they allow; what a small one leaves goes to the others, in order."""
    given = dict.fromkeys(sizes, 0)
    while size > 0 and (room := [name for name in sizes if given[name] < sizes[name]]):
        for name in room[:size]:
            given[name] += 1
        size -= min(size, len(room))
    return given


def drawn(stratum: Mapping[str, str], size: int, seed: int, name: str) -> dict[str, str]:
    """``size`` patients of a stratum, without replacement; the same for a seed on every machine."""

    def chance(patient: str) -> str:
        return hashlib.sha256(json.dumps([seed, name, patient]).encode()).hexdigest()

    return {patient: stratum[patient] for patient in sorted(stratum, key=chance)[:size]}


def _is_positive(
    row: Mapping[str, Any], table: str, codes: Collection[str], labs: Collection[LabConcept]
) -> bool:
    if table == "diagnosis":
        return any(code_in(part, listed) for part in split_codes(row["code"]) for listed in codes)
    return any(is_item(row["name"], row["code"], lab.names, lab.codes, lab.not_names) for lab in labs)


def _linked(loose: list[dict[str, Any]], pack: Pack, table: str) -> Iterable[dict[str, Any]]:
    """Each record with one visit; ``loose`` pairs a record with every visit of its patient."""
    if not loose:
        return
    time = pl.Datetime("ms")
    records = pl.DataFrame(
        {
            "record_id": [row["record_key"] for row in loose],
            "patient_id": [row["patient_id"] for row in loose],
            "visit_id": pl.Series([None] * len(loose), dtype=pl.String),
            "at": pl.Series([row["happened_at"] for row in loose], dtype=time),
        }
    ).unique("record_id", maintain_order=True)
    visits = pl.DataFrame(
        {
            "visit_id": [row["visit_id"] for row in loose],
            "patient_id": [row["patient_id"] for row in loose],
            "started_at": pl.Series([row["started_at"] for row in loose], dtype=time),
            "ended_at": pl.Series([row["ended_at"] for row in loose], dtype=time),
        }
    ).unique("visit_id", maintain_order=True)
    of = {row["visit_id"]: row for row in loose}
    yield from (of[v] for v in link(records, visits, pack.link.get(table))["visit_id"] if v is not None)
