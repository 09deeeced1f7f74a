"""Why a patient or a visit is in or out, as the screening saw it: steps, terms, records; no quotes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from extract.chart.people import survivors
from extract.chart.screening import Screening
from extract.errors import NotFound
from extract.his.landing import Landing
from extract.study.folder import StudyFolder
from extract.study.keywords import Matcher
from extract.study.protocol import Protocol

__all__ = ["explain", "why"]


def why(folder: StudyFolder, id_: str) -> dict[str, Any]:
    """``{"in": bool, "patient_id", "reasons": [...]}`` for a patient id or a visit id.

    A merged patient's old id is answered for the surviving one.  Raises NotFound when the id has not
    landed, NotReady before the first screening.
    """
    landing = Landing(folder.landing)
    screening = Screening.load(folder)
    # Patients who left the search are followed on, so that why they left can be asked.
    people = landing.current("patient", followed=True)
    ids = people["patient_id"].to_pylist()
    merged = survivors(zip(ids, people["merged_into"].to_pylist(), strict=True))
    visits = _where(landing.current("visit", followed=True), "visit_id", id_)
    if not visits and id_ not in ids:
        raise NotFound(
            "no patient and no visit with this id has landed",
            "Ids are those of the hospital's own keys, as `cohortlock funnel` and the desk show them.",
        )
    owner = visits[0]["patient_id"] if visits else id_
    return explain(folder.protocol(), screening, merged.get(owner, owner), visits[0] if visits else None)


def explain(
    protocol: Protocol, screening: Screening, patient_id: str, visit: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The reasons for a patient, or for one of their visits (a landed visit row)."""
    reasons: list[dict[str, Any]] = []
    matched = True
    if visit is not None:
        reasons, matched = _visit(protocol, screening, visit)
    else:
        rows = _where(screening.matches, "patient_id", patient_id)
        for row in rows:
            reasons.append(_matched(protocol, screening, row))
        matched = any(row["matched"] for row in rows)
        if not rows:
            reasons.append(
                {"step": "search", "ok": False, "text": "no visit in the window satisfies the search"}
            )
    candidates = _where(screening.candidates, "patient_id", patient_id)
    for candidate in candidates:
        reasons.append(
            {
                "step": "anchor",
                "ok": True,
                "visit_id": candidate["t0_visit_id"],
                "date": candidate["t0_date"].isoformat(),
                "text": "first visit that satisfies the search",
            }
        )
    reasons += _criteria(protocol, screening, patient_id)
    screened_in = any(candidate["state"] == "screened_in" for candidate in candidates)
    return {"in": bool(matched and screened_in), "patient_id": patient_id, "reasons": reasons}


def _visit(
    protocol: Protocol, screening: Screening, visit: dict[str, Any]
) -> tuple[list[dict[str, Any]], bool]:
    begun, search = visit["started_at"], protocol.search
    if begun is None or not search.from_ <= begun.date() <= search.to:
        return [
            {"step": "window", "ok": False, "visit_id": visit["visit_id"], "text": "outside the search dates"}
        ], False
    rows = _where(screening.matches, "visit_id", visit["visit_id"])
    if not rows:
        return [
            {
                "step": "search",
                "ok": False,
                "visit_id": visit["visit_id"],
                "text": "it does not satisfy the search",
            }
        ], False
    return [_matched(protocol, screening, row) for row in rows], rows[0]["matched"]


def _matched(protocol: Protocol, screening: Screening, row: dict[str, Any]) -> dict[str, Any]:
    leaves = Matcher.of(protocol.search).leaves
    hits = _where(screening.evidence, "visit_id", row["visit_id"]) if row["matched"] else []
    return {
        "step": "match",
        "ok": row["matched"],
        "visit_id": row["visit_id"],
        "terms": [leaf.term for leaf in leaves if leaf.index in row["leaves"]],
        "without": [leaf.term for leaf in leaves if leaf.index not in row["leaves"]],
        "records": row["record_ids"],
        "negated_only": row["negated_only"],
        "hits": [
            {key: hit[key] for key in ("term", "record_id", "field", "start", "end", "assertion", "cue")}
            for hit in hits
            if hit["kind"] == "keyword"
        ],
    }


def _criteria(protocol: Protocol, screening: Screening, patient_id: str) -> list[dict[str, Any]]:
    found = {row["criterion"]: row for row in _where(screening.verdicts, "patient_id", patient_id)}
    shown = {row["evidence_id"]: row for row in _where(screening.evidence, "patient_id", patient_id)}
    reasons = []
    for criterion in protocol.criteria:
        if (row := found.get(criterion.id)) is None:
            continue
        bad = "not_met" if criterion in protocol.include else "met"
        reasons.append(
            {
                "step": "criterion",
                "id": criterion.id,
                "label": criterion.label.model_dump(),
                "verdict": row["verdict"],
                "auto": row["auto"],
                "ok": row["verdict"] != bad,
                "text": row["reason"],
                "records": sorted({shown[e]["record_id"] for e in row["evidence"]}),
            }
        )
    return reasons


def _where(table: pa.Table, column: str, value: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.filter(pc.equal(table[column], value)).to_pylist()
    return rows
