"""Calibrating: the pilot round and its gate, and what is told of how steadily people judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extract.errors import Refused
from validate.desk.chart import Chart
from validate.desk.marks import PRESENT, sentences
from validate.desk.room import Room
from validate.review.accounts import require
from validate.review.calibration import State, state
from validate.review.calibration_acts import code, draw, open_gate
from validate.review.cases import Case, cases, opinions
from validate.review.drift import Drift, drift
from validate.review.pace import Pace, paces
from validate.review.phrases import Phrase, Said, phrases
from validate.review.raters import Rating, ratings
from validate.review.rules import Account, Action, Phase, Role

__all__ = ["Consistency", "calibration", "consistency", "draw_round", "name_cause", "open_rest"]


@dataclass(frozen=True)
class Consistency:
    """How steadily people judge, over candidates that both have judged as a whole."""

    drift: Mapping[str, Drift]
    pace: Mapping[str, Pace]
    raters: list[Rating]
    phrases: list[Phrase] | None
    """None for who may read no chart."""


def calibration(here: Room, account: Account) -> State:
    """Where the calibration stands. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.READ_AUDIT)
        return state(connection, here.protocol)


def draw_round(here: Room, account: Account) -> int:
    """Draw the next pilot round. Raises as ``draw`` does."""
    return draw(here.database, account)


def name_cause(
    here: Room,
    account: Account,
    number: int,
    criterion: str,
    cause: str,
    *,
    note: str,
    wording: str = "",
    request_id: str,
) -> None:
    """Say why two opinions of the pilot differ. Raises as ``code`` does."""
    code(here.database, account, number, criterion, cause, note=note, wording=wording, request_id=request_id)


def open_rest(here: Room, account: Account, *, reason: str = "", request_id: str) -> bool:
    """Open the rest to the reviewers. Raises as ``open_gate`` does."""
    return open_gate(here.database, account, reason=reason, request_id=request_id)


def consistency(here: Room, account: Account) -> Consistency:
    """Drift, pace, raters and phrases as they stand now; that charts were read for it is recorded. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.READ_AUDIT)
        held = cases(connection)
        judged = {p: c for p, c in held.items() if c.candidate.present and c.phase is not Phase.INDEPENDENT}
        given = [one for one in opinions(connection) if one.patient_id in judged]
        reviewed = [
            c.id
            for c in here.protocol.criteria
            if any(c.id in one.candidate.reviewed for one in judged.values())
        ]
        pace = paces(connection, held, reviewed)
    reads = account.role is Role.DATA_MANAGER
    if reads:
        with here.database.writing(account.id) as writer:
            writer.note("phrases.read", "study/", {"candidates": len(judged)})
    settled = [one for one in judged.values() if one.phase is Phase.COMPLETE]
    charts = dict(_charts(here, settled))
    coded = {
        (patient, criterion): any(
            row["table"] == "diagnosis" and row["assertion"] == PRESENT for row in evidence
        )
        for patient, chart in charts.items()
        for criterion, evidence in here.charts.cited(chart, patient).items()
    }
    return Consistency(
        drift=drift(given, reviewed),
        pace=pace,
        raters=ratings(here.protocol, settled, coded),
        phrases=phrases(_said(here, settled, charts)) if reads else None,
    )


def _charts(here: Room, settled: list[Case]) -> Iterator[tuple[str, Chart]]:
    for one in settled:
        try:
            yield one.candidate.patient_id, here.charts.of(one.candidate.patient_id)
        except Refused:
            # Who has declined since is read by nobody.
            continue


def _said(here: Room, settled: list[Case], charts: Mapping[str, Chart]) -> Iterator[Said]:
    for one in settled:
        patient, number = one.candidate.patient_id, one.candidate.id
        if (chart := charts.get(patient)) is None:
            continue
        cited, texts = here.charts.cited(chart, patient), chart.texts()
        for criterion in one.candidate.reviewed:
            shown = set(_sentences(cited.get(criterion, []), texts))
            for opinion in (one.standing[criterion].first, one.standing[criterion].second):
                if opinion is not None:
                    for text in shown | {quote.text for quote in opinion.quotes if quote.record_id in texts}:
                        yield Said(text, criterion, opinion.verdict.value, number, opinion.reviewer)


def _sentences(evidence: list[dict[str, object]], texts: Mapping[str, str]) -> Iterator[str]:
    """The sentences in which asserted evidence stands."""
    for row in evidence:
        whole, at = texts.get(str(row["record_id"])), row["start"]
        if whole is None or not isinstance(at, int) or row["assertion"] != PRESENT:
            continue
        for start, pieces in sentences(whole, ()):
            text = "".join(piece.text for piece in pieces)
            if start <= at < start + len(text):
                yield text.strip()
                break
