"""Decisions: how an opinion and a ruling are given, and everything for which they are refused.

A request id makes each post safe to repeat: the same request returns what it wrote the first time.
Nothing is edited: a reviewer's second thought, allowed until the other has committed, is a new row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import BindParameter, bindparam, select

from extract.errors import NotFound, Refused
from extract.study.audit import canonical
from extract.study.database import StudyDatabase, Writer
from extract.study.storage import rows
from extract.study.tables import arbitration, decision, pace
from validate.review.accounts import acting
from validate.review.calibration_gate import pass_gate
from validate.review.cases import Case, Opinion, Quote, Ruling, Standing, case
from validate.review.quoted import seal
from validate.review.rules import Account, Action, Verdict, open_for

__all__ = ["Checked", "Given", "arbitrate", "check", "decide", "decide_all"]

_LONGEST: Final = 4000
_REQUESTS: Final[BindParameter[list[str]]] = bindparam("requests", expanding=True)
_BY_REQUEST: Final = {t.name: select(t).where(t.c.request_id.in_(_REQUESTS)) for t in (decision, arbitration)}

Quoted = Quote | Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """An opinion as it is posted."""

    criterion: str
    verdict: Verdict | str
    reason: str = ""
    quotes: Sequence[Quoted] = ()


@dataclass(frozen=True)
class Checked:
    """An opinion of which verdict, reason and quotes are what they must be."""

    criterion: str
    verdict: Verdict
    reason: str
    quotes: tuple[Quote, ...]


def check(given: Given, texts: Mapping[str, str]) -> Checked:
    """``given``, each quote held against its record's own characters in ``texts``. Raises Refused."""
    return Checked(
        given.criterion, _verdict(given.verdict), _reason(given.reason), _quotes(given.quotes, texts)
    )


def decide(
    db: StudyDatabase,
    actor: Account,
    patient_id: str,
    criterion: str,
    verdict: Verdict | str,
    *,
    reason: str = "",
    quotes: Sequence[Quoted] = (),
    request_id: str,
    texts: Mapping[str, str] | None = None,
) -> Opinion:
    """Give one opinion. ``texts`` (record id -> original text) lets each quote be held against its record.

    Raises Refused for a wrong role, place, phase, quote or request, NotFound for an unknown candidate
    or criterion.
    """
    given = Given(criterion, verdict, reason, quotes)
    return _give(db, actor, patient_id, [(request_id, given)], texts or {})[0]


def decide_all(
    db: StudyDatabase,
    actor: Account,
    patient_id: str,
    given: Sequence[Given],
    *,
    request_id: str,
    texts: Mapping[str, str] | None = None,
    taken: Mapping[str, int] | None = None,
) -> list[Opinion]:
    """Give opinions on several criteria of one candidate: all are kept, or none. Raises as ``decide``.

    ``taken``: criterion -> ms that the judgement took, where it was measured.
    """
    if len({one.criterion for one in given}) != len(given):
        raise Refused("one request names a criterion twice", "Send each criterion once.")
    posts = [(f"{request_id}/{one.criterion}", one) for one in given]
    return _give(db, actor, patient_id, posts, texts or {}, taken or {})


def arbitrate(
    db: StudyDatabase,
    actor: Account,
    patient_id: str,
    criterion: str,
    verdict: Verdict | str,
    *,
    reason: str,
    quotes: Sequence[Quoted] = (),
    request_id: str,
    texts: Mapping[str, str] | None = None,
) -> Ruling:
    """Settle two opinions that differ, as a third person and with a reason.

    Raises Refused as ``decide`` does, without a reason, and when another arbitrator was first.
    """
    ruled, checked = _verdict(verdict), _quotes(quotes, texts or {})
    why = _reason(reason, needed=True)
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.ARBITRATE)
        found = case(writer.connection, patient_id)
        standing = _standing(found, criterion)
        before = _replayed(writer, arbitration, [request_id]).get(request_id)
        if before is not None:
            _same(before, actor.id == before["arbitrator"], patient_id, criterion, ruled)
            return Ruling.of(before)
        if not found.candidate.present:
            raise Refused(
                f"candidate {found.candidate.id}: no longer among the candidates", "Take the next one."
            )
        if actor.id in found.candidate.ever:
            raise Refused(
                "an arbitrator is neither of the two reviewers", "Leave this candidate to another arbitrator."
            )
        if standing.ruling is not None:
            raise Refused("another arbitrator has settled this", "Take the next one; nothing was written.")
        first, second = standing.first, standing.second
        if (
            first is None
            or second is None
            or not open_for(Action.ARBITRATE, found.phase)
            or not open_for(Action.ARBITRATE, standing.phase)
        ):
            raise Refused(
                f"candidate {found.candidate.id}, {criterion}: there is no difference to settle yet",
                "A candidate is arbitrated once both reviewers have judged all of it and differ.",
            )
        row = {
            "request_id": _request(request_id),
            "patient_id": patient_id,
            "criterion": criterion,
            "arbitrator": actor.id,
            "verdict": ruled.value,
            "reason": why,
            "quotes": canonical([asdict(quote) for quote in checked]),
            "evidence_hash": found.candidate.criterion_hashes[criterion],
            "first_decision": first.id,
            "second_decision": second.id,
        }
        subject = f"candidate/{found.candidate.id}/{criterion}"
        return Ruling.of(writer.append(arbitration, "arbitration.given", [row], subjects=[subject])[0])


def _give(
    db: StudyDatabase,
    actor: Account,
    patient_id: str,
    posts: Sequence[tuple[str, Given]],
    texts: Mapping[str, str],
    taken: Mapping[str, int] = MappingProxyType({}),
) -> list[Opinion]:
    checked = [
        (_request(request), one, _verdict(one.verdict), _reason(one.reason), _quotes(one.quotes, texts))
        for request, one in posts
    ]
    with db.writing(actor.id) as writer:
        acting(writer, actor, Action.DECIDE)
        found = case(writer.connection, patient_id)
        before = _replayed(writer, decision, [request for request, *_ in checked])
        done: dict[str, Opinion] = {}
        fresh = []
        for request, one, verdict, reason, quotes in checked:
            standing = _standing(found, one.criterion)
            if request in before:
                row = before[request]
                _same(row, actor.id == row["reviewer"], patient_id, one.criterion, verdict)
                done[request] = Opinion.of(row)
                continue
            slot, mine = _place(found, standing, actor)
            pass_gate(db, writer.connection, found.candidate.id)
            fresh.append(
                {
                    "request_id": request,
                    "patient_id": patient_id,
                    "criterion": one.criterion,
                    "slot": slot,
                    "reviewer": actor.id,
                    "verdict": verdict.value,
                    "reason": reason,
                    "quotes": canonical([asdict(quote) for quote in quotes]),
                    "evidence_hash": found.candidate.criterion_hashes[one.criterion],
                    "supersedes": mine.id if mine else None,
                }
            )
        subjects = [f"candidate/{found.candidate.id}/{row['criterion']}" for row in fresh]
        for row in writer.append(decision, "decision.given", fresh, subjects=subjects):
            done[row["request_id"]] = Opinion.of(row)
        named = [str(row["criterion"]) for row in fresh]
        measured = {criterion: taken[criterion] for criterion in named if criterion in taken}
        if measured:
            kept = {"patient_id": patient_id, "slot": fresh[0]["slot"], "taken": canonical(measured)}
            writer.append(pace, "pace.measured", [kept], subjects=[f"candidate/{found.candidate.id}"])
    return [done[request] for request, *_ in checked]


def _place(found: Case, standing: Standing, actor: Account) -> tuple[int, Opinion | None]:
    """The place that ``actor`` judges from, and their opinion that a new one would supersede."""
    where = f"candidate {found.candidate.id}, {standing.criterion}"
    if not found.candidate.present:
        raise Refused(f"{where}: no longer among the candidates", "Take the next one.")
    slot = found.candidate.place_of(actor.id)
    if slot is None:
        raise Refused(f"{where}: not assigned to this reviewer", "Judge what is in your own queue.")
    if standing.machine is not None:
        raise Refused(f"{where}: the protocol decides this criterion by rule", "Judge the other criteria.")
    mine = standing.of(slot)
    if mine is not None and mine.reviewer != actor.id:
        raise Refused(f"{where}: your predecessor has judged this", "Judge what is still open.")
    if not open_for(Action.DECIDE, standing.phase):
        raise Refused(
            f"{where}: both reviewers have committed",
            "Opinions stay as they were given; differences go to the arbitrator.",
        )
    return slot, mine


def _standing(found: Case, criterion: str) -> Standing:
    standing = found.standing.get(criterion)
    if standing is None:
        raise NotFound("the protocol has no such criterion", "`cohortlock lint` lists the criteria.")
    return standing


def _verdict(verdict: Verdict | str) -> Verdict:
    try:
        return Verdict(verdict)
    except ValueError:
        said = ", ".join(v.value for v in Verdict)
        raise Refused("there is no such verdict", f"A verdict is one of {said}.") from None


def _reason(reason: str, *, needed: bool = False) -> str:
    if needed and not reason.strip():
        raise Refused("an arbitration needs a reason", "Say why; it stands beside both opinions.")
    if len(reason) > _LONGEST or "\0" in reason:
        raise Refused(f"a reason is text of at most {_LONGEST} characters", "Shorten it.")
    return reason.strip()


def _request(request_id: str) -> str:
    if not request_id or len(request_id) > 200 or "\0" in request_id:
        raise Refused("a request id has 1 to 200 characters", "Send a fresh random id with each form.")
    return request_id


def _quotes(quotes: Iterable[Quoted], texts: Mapping[str, str]) -> tuple[Quote, ...]:
    """The quotes, each held against its record's own characters where the text is known."""
    checked = []
    for given in quotes:
        try:
            quote = given if isinstance(given, Quote) else Quote(**given)
        except TypeError:
            raise Refused("a quote has record_id, start, end and text", "Select the text again.") from None
        whole = texts.get(quote.record_id)
        fits = 0 <= quote.start < quote.end and len(quote.text) == quote.end - quote.start
        if not fits or "\0" in quote.text or (texts and whole is None):
            raise Refused("a quote does not fit its place in the record", "Select the text again.")
        if whole is not None and whole[quote.start : quote.end] != quote.text:
            raise Refused("a quote differs from the record's own characters", "Select the text again.")
        checked.append(quote if whole is None else replace(quote, seal=seal(whole)))
    return tuple(checked)


def _replayed(writer: Writer, table: Any, requests: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    found = rows(writer.connection, _BY_REQUEST[table.name], {"requests": [*requests]})
    return {row["request_id"]: row for row in found}


def _same(row: Mapping[str, Any], mine: bool, patient_id: str, criterion: str, verdict: Verdict) -> None:
    asked = (patient_id, criterion, verdict.value)
    if not mine or (row["patient_id"], row["criterion"], row["verdict"]) != asked:
        raise Refused("this request id was used for something else", "Send a fresh id with each form.")
