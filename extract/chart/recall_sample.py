"""A blind sample for the recall of a search: patients whom it found and whom it did not, in a study of their own.

STUDY/recall/ has the protocol, charts and screening of the sampled patients, and a database of its own for
their review, so that nothing of it is part of the study's state, funnel or lock.  It has no site.toml:
nothing can be pulled into it, and it cannot be locked.  ``sample.json`` says who is of which stratum;
the desk never reads it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from extract.chart.measurements import is_item
from extract.chart.people import survivors
from extract.chart.recall_frame import FOUND, MISSED, Frame, allocated, drawn, frame_of, positive_visits
from extract.chart.screening import Screening, screen_landed
from extract.chart.termsets import load_set, shipped
from extract.errors import AlreadyExists, NotFound, NotReady, Refused
from extract.his import compile_nights as nightly
from extract.his.chosen import land
from extract.his.circles import circles
from extract.his.disk import storage_faults
from extract.his.guard.watch import Guard, check_hours, stoppable
from extract.his.landing import Landing
from extract.his.packs import LabConcept, Pack
from extract.his.positives import positive_schema, positives
from extract.his.sites import Site, load_site
from extract.his.source import opened, source
from extract.study.expression import parse_search, terms
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol

__all__ = ["MOST", "Asked", "Sample", "asked_for", "recall_folder", "sample"]

MOST: Final = 500
"""Patients of either kind in one sample: what two reviewers can read."""
_FILE: Final = "sample.json"
_FORMAT: Final = 1
_ICD: Final = "ICD-10 "


@dataclass(frozen=True)
class Asked:
    """What makes a visit positive: diagnosis codes, and laboratory concepts of the pack by their names."""

    codes: tuple[str, ...]
    labs: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """What was drawn. ``strata``: how many patients each has; ``of``: sampled patient -> stratum."""

    protocol_hash: str
    seed: int
    asked: Asked
    strata: dict[str, int]
    of: dict[str, str]
    visits: dict[str, int]

    @classmethod
    def load(cls, folder: StudyFolder) -> Sample:
        """The sample of a study's recall. Raises NotReady when none was drawn."""
        try:
            told: dict[str, Any] = json.loads(
                (recall_folder(folder).root / _FILE).read_text(encoding="utf-8")
            )
        except (FileNotFoundError, NotADirectoryError):
            raise NotReady(
                "no sample was drawn to estimate the recall",
                "`cohortlock recall STUDY --sample 50 --seed 1` draws one.",
            ) from None
        asked = Asked(tuple(told["codes"]), tuple(told["labs"]))
        names = ("protocol_hash", "seed", "strata", "of", "visits")
        protocol_hash, seed, strata, of, visits = (told[name] for name in names)
        return cls(protocol_hash, seed, asked, strata, of, visits)

    def to_json(self) -> dict[str, Any]:
        """As it stands in sample.json: patient data."""
        return {
            "format": _FORMAT,
            "protocol_hash": self.protocol_hash,
            "seed": self.seed,
            "codes": self.asked.codes,
            "labs": self.asked.labs,
            "strata": self.strata,
            "visits": self.visits,
            "of": self.of,
        }

    def counts(self) -> dict[str, int]:
        """Stratum -> how many were sampled."""
        there = list(self.of.values())
        return {name: there.count(name) for name in self.strata}


def recall_folder(folder: StudyFolder) -> StudyFolder:
    """Where the recall of a study is reviewed; may not be there."""
    return StudyFolder(folder.root / "recall")


def asked_for(protocol: Protocol, pack: Pack, codes: Sequence[str] = (), labs: Sequence[str] = ()) -> Asked:
    """What is asked for: as given, else what the words of the expression have.

    That is their codes in the term sets and their laboratory items in the pack.  The sets are those that the study names; where it names none, those that are shipped.
    Raises NotFound for an item that the pack has not, Refused where nothing at all is known.
    """
    words = sorted({term.text for term in terms(parse_search(protocol.search.expression))})
    if unknown := sorted(set(labs) - pack.labs.keys()):
        raise NotFound(
            f"the pack has no laboratory item {unknown[0]}", f"It has: {', '.join(sorted(pack.labs))}."
        )
    if not codes and not labs:
        codes = _codes_of(protocol, words)
        labs = [
            name
            for name, lab in sorted(pack.labs.items())
            if any(word == name or is_item(word, None, lab.names, (), lab.not_names) for word in words)
        ]
    if not codes and not labs:
        raise Refused(
            "no term set has a code and no laboratory item is a word of the expression",
            "Say what makes a visit positive: cohortlock recall STUDY --sample 50 --code M54.5 --lab ESR",
        )
    return Asked(tuple(codes), tuple(labs))


def _codes_of(protocol: Protocol, words: Collection[str]) -> list[str]:
    names = list(protocol.search.terms)
    if not names:
        folder = files("sql") / "terms"
        names = sorted({e.name.rpartition("-v")[0] for e in folder.iterdir() if e.name.endswith(".toml")})
    found = [
        code.removeprefix(_ICD)
        for name in names
        for term in load_set(shipped(name)).term
        if term.term in words
        for code in term.codes
        if code.startswith(_ICD)
    ]
    return list(dict.fromkeys(found))


def sample(
    folder: StudyFolder, size: int, seed: int, asked: Asked, *, withheld: Collection[str] = ()
) -> Sample:
    """Draw ``size`` patients whom no keyword found and as many whom one did, and land and screen their charts.

    The visits are looked for at the HIS under its guard; who is found is what the last screening says.
    Raises Refused, AlreadyExists while a sample is under review, NotReady, and what a pull raises.
    """
    place = recall_folder(folder).root
    _check(place, size)
    protocol, site = folder.protocol(), load_site(folder)
    screening = Screening.load(folder)
    if screening.protocol_hash != protocol.hash:
        raise NotReady("the study has changed since it was screened", "`cohortlock pull` screens it again.")
    check_hours(site)
    beside = place.with_name(f".recall.{os.getpid()}")
    try:
        with (
            stoppable(),
            storage_faults(place),
            source(site) as engine,
            Guard(engine, site, partial(opened, site)) as guard,
        ):
            beside.mkdir(mode=0o700)
            guard.file(beside / "load.json", "recall")
            pairs = [
                pair
                for batch in guard.stream(nightly.mergers(site), nightly.MERGERS)
                for pair in zip(*(batch.column(n).to_pylist() for n in nightly.MERGERS.names), strict=True)
                if None not in pair
            ]
            frame = _frame(guard, site, protocol, screening, asked, survivors(pairs), withheld)
            missed = {name: len(frame.strata[name]) for name in MISSED}
            shares = {FOUND: min(size, len(frame.strata[FOUND])), **allocated(missed, size)}
            chosen = {name: drawn(frame.strata[name], n, seed, name) for name, n in shares.items()}
            _land(beside, protocol, site, guard, chosen, circles(pairs))
        found = _screened(beside, folder, protocol, site, chosen, frame, seed, asked)
        beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return found


def _check(place: Path, size: int) -> None:
    if not len(MISSED) <= size <= MOST:
        raise Refused(
            f"a sample takes {len(MISSED)} to {MOST} patients of either kind, not {size}",
            "cohortlock recall STUDY --sample 50 --seed 1",
        )
    if place.exists():
        raise AlreadyExists(
            f"{place}: a sample was drawn already, and opinions on it may have been given",
            "`cohortlock recall STUDY` estimates from it; move the folder away to draw another.",
        )


def _frame(
    guard: Guard,
    site: Site,
    protocol: Protocol,
    screening: Screening,
    asked: Asked,
    merged: Mapping[str, str],
    withheld: Collection[str],
) -> Frame:
    concepts: list[LabConcept] = [site.pack.labs[name] for name in asked.labs]
    rows = []
    for table, named, statement in positives(site, protocol, asked.codes, concepts, guard.engine.day):
        schema = positive_schema(site, table)
        rows.append((table, named, pa.Table.from_batches(list(guard.stream(statement, schema)), schema)))
    known = zip(*(screening.candidates[n].to_pylist() for n in ("patient_id", "t0_visit_id")), strict=True)
    return frame_of(
        positive_visits(rows, site.pack, asked.codes, concepts),
        matched={row["visit_id"] for row in screening.matches.to_pylist() if row["matched"]},
        anchors=dict(known),
        survivors=merged,
        withheld=withheld,
    )


def _land(
    beside: Path,
    protocol: Protocol,
    site: Site,
    guard: Guard,
    chosen: Mapping[str, Mapping[str, str]],
    persons: Mapping[str, frozenset[str]],
) -> None:
    visits = {visit: patient for stratum in chosen.values() for patient, visit in stratum.items()}
    everybody = {p for patient in visits.values() for p in persons.get(patient, {patient})}
    land(beside / "landing", protocol, site, guard, visits, everybody)


def _screened(
    beside: Path,
    folder: StudyFolder,
    protocol: Protocol,
    site: Site,
    chosen: Mapping[str, Mapping[str, str]],
    frame: Frame,
    seed: int,
    asked: Asked,
) -> Sample:
    shutil.copyfile(folder.protocol_file, beside / folder.protocol_file.name)
    if (kept_back := folder.root / "withheld.csv").is_file():
        shutil.copyfile(kept_back, beside / kept_back.name)
    visits = {visit for stratum in chosen.values() for visit in stratum.values()}
    landing = Landing(beside / "landing")
    try:
        read = screen_landed(protocol, site.pack, landing, visits)
    finally:
        landing.close()
    read.save(StudyFolder(beside))
    there = set(read.candidates["patient_id"].to_pylist())
    of = {patient: name for name, stratum in chosen.items() for patient in stratum if patient in there}
    drawn_ = Sample(
        protocol.hash,
        seed,
        asked,
        {name: len(patients) for name, patients in frame.strata.items()},
        dict(sorted(of.items())),
        {"positive": frame.positive, "unmatched": frame.unmatched, "otherwise_found": frame.otherwise},
    )
    file = beside / _FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps(drawn_.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    return drawn_
