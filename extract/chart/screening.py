"""Screening: from landed records to candidates, values, verdicts and their evidence.

A rule never decides alone: only a criterion with ``auto = true`` excludes a patient here, and only when its
verdict is certain.  The same landed content and protocol give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import polars as pl
import pyarrow as pa

from extract.chart import screens
from extract.chart.charts import Charts, Landed, Record, read_charts
from extract.chart.criteria import Judged, judge
from extract.chart.evidence import Evidence
from extract.chart.known import Chart, Known
from extract.chart.measurements import is_item
from extract.chart.search import VisitMatch, as_found, search
from extract.chart.timepoints import spans
from extract.chart.values import value_of
from extract.errors import NotFound
from extract.his.landing import Landing
from extract.his.packs import Pack
from extract.his.sites import load_site
from extract.study.folder import StudyFolder
from extract.study.keywords import Matcher
from extract.study.protocol import Criterion, Protocol, Rule, Variable

__all__ = ["Screening", "screen", "screen_landed"]

_CHART_TABLES: Final = ("document", "diagnosis", "medication", "imaging", "procedure", "scale")


@dataclass(frozen=True)
class Screening:
    """The result of one screening; each attribute is a table with the schema of ``screens.SCHEMAS``."""

    protocol_hash: str
    candidates: pa.Table
    verdicts: pa.Table
    evidence: pa.Table
    values: pa.Table
    matches: pa.Table
    links: pa.Table
    _hashes: dict[tuple[str, str | None], str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def load(cls, folder: StudyFolder) -> Screening:
        """The last screening of a study. Raises NotReady when there is none or it was cut short."""
        tables, facts = screens.read(folder.screen)
        return cls(protocol_hash=str(facts.get("protocol_hash", "")), **tables)

    def save(self, folder: StudyFolder) -> None:
        """Write it under ``landing/screen``. Raises StorageFault."""
        screens.write(folder.screen, self.tables, {"protocol_hash": self.protocol_hash})

    @property
    def tables(self) -> dict[str, pa.Table]:
        """The tables by name."""
        return {name: getattr(self, name) for name in screens.SCHEMAS}

    @cached_property
    def _meanings(self) -> dict[str, dict[str, list[Any]]]:
        shown = {row["evidence_id"]: row for row in self.evidence.to_pylist()}
        found: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for row in self.verdicts.to_pylist():
            quotes = sorted(_meaning(shown[e]) for e in row["evidence"])
            found[row["patient_id"]][row["criterion"]] = [row["verdict"], quotes]
        for row in self.values.to_pylist():
            what = [row["variable"], row["timepoint"], row["value"], row["comparator"], row["record_id"]]
            found[row["patient_id"]][""].append(what)
        for row in self.candidates.to_pylist():
            found[row["patient_id"]][""].append([row["t0_visit_id"], str(row["t0_at"])])
        return found

    def evidence_hash(self, patient_id: str, criterion: str | None = None) -> str:
        """SHA-256 of what a decision about the patient, or about one of their criteria, is made on.

        It covers verdicts, quoted evidence, values and the anchor visit; not record versions or
        offsets, so a change elsewhere in a note reopens nothing.  Raises NotFound.
        """
        if (key := (patient_id, criterion)) not in self._hashes:
            if patient_id not in self._meanings:
                raise NotFound("no candidate has this id", "`cohortlock why STUDY ID` explains an id.")
            meaning = self._meanings[patient_id]
            about: object = meaning if criterion is None else [meaning.get(criterion), meaning[""][-1]]
            text = json.dumps(about, ensure_ascii=False, sort_keys=True)
            self._hashes[key] = hashlib.sha256(text.encode()).hexdigest()
        return self._hashes[key]


def _meaning(row: dict[str, Any]) -> list[str]:
    return [row["record_id"], row["field"], row["quote"], row["term"], row["variable"], row["assertion"]]


def screen(folder: StudyFolder) -> Screening:
    """Screen what has landed for a study and write the result.

    Raises ProtocolInvalid, SiteInvalid, NotReady, StorageFault.
    """
    protocol = folder.protocol()
    found = screen_landed(protocol, load_site(folder).pack, Landing(folder.landing))
    found.save(folder)
    return found


def screen_landed(
    protocol: Protocol, pack: Pack, landing: Landed, chosen: Collection[str] | None = None
) -> Screening:
    """The screening of a landing store; writes nothing.

    ``chosen``: these visits are taken as found, whatever the search says, and no hit of it is evidence.
    """
    sections = {name for extractor in protocol.extractor.values() for name in extractor.sections}
    charts = read_charts(landing, pack, sections)
    if chosen is None:
        visits = search(charts, Matcher.of(protocol.search), protocol.search.from_, protocol.search.to)
    else:
        visits = as_found(charts, chosen)
    fetched = set(landing.candidates().column("visit_id").to_pylist())
    matched: dict[str, list[VisitMatch]] = defaultdict(list)
    for visit in visits:
        if visit.matched:
            matched[visit.patient_id].append(visit)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in screens.SCHEMAS}
    for chart in _charts(charts, protocol, pack, matched):
        _screen_one(chart, matched[chart.patient_id], rows)
    rows["matches"] = [_match_row(v) for v in visits if v.matched or v.hits or v.visit_id in fetched]
    links = screens.table("links", charts.links.to_dicts())
    tables = {name: screens.table(name, found) for name, found in rows.items() if name != "links"}
    return Screening(protocol_hash=protocol.hash, links=links, **tables)


def _charts(
    charts: Charts, protocol: Protocol, pack: Pack, matched: dict[str, list[VisitMatch]]
) -> Iterable[Chart]:
    patients = sorted(matched)
    records = {name: charts.of(patients, name) for name in _CHART_TABLES}
    records["lab"] = charts.of(patients, "lab", _wanted_items(charts, protocol, pack))
    ended: dict[str, datetime | None] = dict(charts.visits.select("visit_id", "ended_at").iter_rows())
    for patient in patients:
        # The first visit that satisfies the search; of two at the same second the smaller id.
        anchor = min(matched[patient], key=lambda visit: (visit.started_at, visit.visit_id))
        person: Record = charts.patients.get(patient) or {
            "patient_id": patient,
            "record_id": "",
            "version": "",
        }
        yield Chart(
            patient=person,
            visit_id=anchor.visit_id,
            started_at=anchor.started_at,
            ended_at=ended.get(anchor.visit_id),
            spans=spans(protocol, anchor.started_at.date()),
            records={name: by.get(patient, []) for name, by in records.items()},
            charts=charts,
            protocol=protocol,
            pack=pack,
        )


def _wanted_items(charts: Charts, protocol: Protocol, pack: Pack) -> pl.Expr:
    """Only the results of concepts that the protocol names: a chart has a hundred others."""
    named = {s.lab for v in protocol.variable for s in v.source if hasattr(s, "lab")}
    named |= {lab for criterion in protocol.criteria for lab in _labs_of(criterion.rule)}
    concepts = [pack.labs[name] for name in sorted(named) if name in pack.labs]
    items = charts.tables["lab"].select("name", "code").unique().sort("name", "code")
    wanted = [
        (name, code)
        for name, code in items.iter_rows()
        if any(is_item(name, code, c.names, c.codes, c.not_names) for c in concepts)
    ]
    names = [name for name, _ in wanted if name is not None]
    codes = [code for _, code in wanted if code is not None]
    return pl.col("name").is_in(names) | pl.col("code").is_in(codes)


def _labs_of(rule: Rule) -> Iterable[str]:
    if rule.lab is not None:
        yield rule.lab
    for child in (*(rule.all or ()), *(rule.any or ()), *([rule.not_] if rule.not_ else [])):
        yield from _labs_of(child)


def _screen_one(chart: Chart, matched: list[VisitMatch], rows: dict[str, list[dict[str, Any]]]) -> None:
    protocol, patient = chart.protocol, chart.patient_id
    known = [
        (variable, value_of(chart, variable, at))
        for variable in protocol.variable
        for at in variable.at or ("",)
    ]
    judged = [(criterion, judge(chart, criterion)) for criterion in protocol.criteria]
    shown: dict[str, Evidence] = {}
    for evidence in (
        *(hit for visit in matched for hit in visit.hits),
        *(e for _, one in known for e in one.evidence),
        *(e for _, one in judged for e in one.evidence),
    ):
        shown.setdefault(evidence.id, evidence)
    rows["evidence"] += [_evidence_row(key, one) for key, one in shown.items()]
    rows["values"] += [_value_row(patient, variable, one) for variable, one in known]
    rows["verdicts"] += [_verdict_row(patient, criterion, one) for criterion, one in judged]
    excluded = any(_excludes(protocol, criterion, one) for criterion, one in judged if criterion.auto)
    rows["candidates"].append(
        {
            "patient_id": patient,
            "t0_visit_id": chart.visit_id,
            "t0_at": chart.started_at,
            "t0_date": chart.origin,
            "n_visits": len(matched),
            "negated_only": all(visit.negated_only for visit in matched),
            "state": "auto_excluded" if excluded else "screened_in",
            "bits": sum(1 << i for i, (c, one) in enumerate(judged) if not _excludes(protocol, c, one)),
        }
    )


def _excludes(protocol: Protocol, criterion: Criterion, judged: Judged) -> bool:
    return judged.verdict == ("not_met" if criterion in protocol.include else "met")


def _evidence_row(key: str, one: Evidence) -> dict[str, Any]:
    names = [name for name in screens.SCHEMAS["evidence"].names if name != "evidence_id"]
    return {"evidence_id": key, **{name: getattr(one, name) for name in names}}


def _value_row(patient: str, variable: Variable, one: Known) -> dict[str, Any]:
    same = (
        "comparator",
        "unit",
        "raw",
        "method",
        "record_id",
        "version",
        "measured_at",
        "day",
        "rule",
        "considered",
    )
    return {
        "patient_id": patient,
        "variable": variable.id,
        "timepoint": one.timepoint,
        "scaled": one.scaled(variable.step),
        "value": one.text(variable.decimals),
        "status": "found" if one.found else "missing",
        "start": one.start if one.start >= 0 else None,
        "end": one.end if one.end >= 0 else None,
        **{name: getattr(one, name) for name in same},
    }


def _verdict_row(patient: str, criterion: Criterion, one: Judged) -> dict[str, Any]:
    return {
        "patient_id": patient,
        "criterion": criterion.id,
        "verdict": one.verdict,
        "auto": criterion.auto,
        "evidence": [e.id for e in one.evidence],
        "reason": one.reason,
    }


def _match_row(visit: VisitMatch) -> dict[str, Any]:
    return {
        "visit_id": visit.visit_id,
        "patient_id": visit.patient_id,
        "matched": visit.matched,
        "leaves": sorted(visit.leaves),
        "record_ids": visit.record_ids,
        "negated_only": visit.negated_only,
    }
