"""Judging and arbitrating: a draft until it is handed in, an opinion from then on; a ruling by a third person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from extract.errors import NotFound
from validate.desk import work
from validate.desk.drafts import Draft
from validate.desk.operations.opening import find_case
from validate.desk.room import Room
from validate.review.accounts import require
from validate.review.calibration_gate import confined, pass_gate
from validate.review.cases import Case, Opinion, Quote, Ruling, cases
from validate.review.decisions import Given, arbitrate, check, decide_all
from validate.review.rules import Account, Action, Phase
from validate.review.visible import Shown, shown

__all__ = [
    "Arbitrating",
    "Judging",
    "arbitrating",
    "hand_in",
    "judging",
    "keep",
    "next_to_arbitrate",
    "next_to_judge",
    "progress",
    "settle",
    "take_back",
]


@dataclass(frozen=True)
class Judging:
    """A candidate as one of its reviewers sees it."""

    case: Case
    """For the candidate itself; what others said is in ``visible``, as far as it may be seen."""
    visible: Shown
    drafts: Mapping[str, Draft]
    own: Mapping[str, Opinion]

    def now(self, criterion: str) -> Draft | None:
        """What this reviewer says of a criterion: the draft, else the opinion that was handed in."""
        if (draft := self.drafts.get(criterion)) is not None:
            return draft
        own = self.own.get(criterion)
        return Draft(own.verdict.value, own.reason, own.quotes) if own else None


@dataclass(frozen=True)
class Arbitrating:
    """A candidate as an arbitrator sees it: both opinions, nameless, where they differ."""

    case: Case
    visible: Shown

    @property
    def open(self) -> tuple[str, ...]:
        """Criteria on which a ruling is wanted."""
        return tuple(c for c, s in self.case.standing.items() if s.phase is Phase.ARBITRATION)


def judging(here: Room, account: Account, number: int) -> Judging:
    """What a reviewer needs to judge a candidate. Raises Refused, NotFound when it is not theirs."""
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = _own(here, connection, number, account)
        visible = shown(connection, account, found.candidate.patient_id, found)
    here.stopwatch.open(account.id, number)
    return Judging(found, visible, here.drafts.of(account.id, found.candidate), _mine(found, account))


def progress(here: Room, account: Account) -> tuple[int, int]:
    """How many of this reviewer's candidates are judged, and how many there are. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        listed = here.places.to_judge(connection, account, only=confined(here.database, connection))
    return sum(item.left == 0 for item in listed), len(listed)


def keep(
    here: Room,
    account: Account,
    number: int,
    criterion: str,
    verdict: str,
    reason: str = "",
    quotes: Sequence[Quote] = (),
) -> Draft:
    """Keep a judgement as a draft: durable, nobody else's, and no opinion yet. Raises Refused, NotFound."""
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = _own(here, connection, number, account)
    held = found.candidate
    if criterion not in held.reviewed:
        raise NotFound("there is no such criterion to judge here", "Judge the criteria that are shown.")
    texts = here.charts.of(held.patient_id).texts() if quotes else {}
    given = check(Given(criterion, verdict, reason, quotes), texts)
    here.drafts.keep(account.id, held, criterion, given.verdict.value, given.reason, given.quotes)
    here.stopwatch.judged(account.id, number, criterion)
    return Draft(given.verdict.value, given.reason, given.quotes)


def take_back(here: Room, account: Account, number: int, criterion: str) -> Draft | None:
    """Undo: forget a draft; what was handed in before, if anything, is what this reviewer says again."""
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = _own(here, connection, number, account)
    here.drafts.drop(account.id, number, [criterion])
    own = _mine(found, account).get(criterion)
    return Draft(own.verdict.value, own.reason, own.quotes) if own else None


def hand_in(
    here: Room,
    account: Account,
    number: int,
    given: Sequence[Given] | None = None,
    *,
    request_id: str,
) -> list[Opinion]:
    """Make opinions of ``given``, or of this reviewer's drafts on the candidate: all are kept, or none.

    The same request twice is kept once.  Raises Refused and NotFound as ``decide_all`` does.
    """
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        found = _own(here, connection, number, account)
    held = found.candidate
    drafts = here.drafts.of(account.id, held)
    if given is None:
        given = [Given(c, draft.verdict, draft.reason, draft.quotes) for c, draft in drafts.items()]
    mine = _mine(found, account)
    given = [one for one in given if not _unchanged(mine.get(one.criterion), one)]
    texts = here.charts.of(held.patient_id).texts() if any(one.quotes for one in given) else None
    # What can no longer be changed is told once, and does not stand in the way of the rest.
    late = [one.criterion for one in given if one.criterion in mine and _closed(found, one.criterion)]
    if late:
        here.drafts.drop(account.id, number, late)
    kept = (
        decide_all(
            here.database,
            account,
            held.patient_id,
            given,
            request_id=request_id,
            texts=texts,
            taken=here.stopwatch.taken(account.id, number),
        )
        if given
        else []
    )
    here.stopwatch.handed_in(account.id, number)
    here.drafts.drop(account.id, number, held.reviewed)
    return kept


def next_to_judge(here: Room, account: Account, after: int = 0) -> int | None:
    """The next candidate that this reviewer has still to judge, going round. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.DECIDE)
        listed = here.places.to_judge(connection, account, only=confined(here.database, connection))
    open_ = [item.candidate for item in listed if item.left and item.candidate != after]
    return next((number for number in open_ if number > after), next(iter(open_), None))


def arbitrating(here: Room, account: Account, number: int) -> Arbitrating:
    """What an arbitrator needs to settle a candidate. Raises Refused, NotFound when there is nothing to settle."""
    with here.database.reading() as connection:
        require(connection, account, Action.ARBITRATE)
        found = find_case(connection, number)
        if (
            not found.candidate.present
            or found.phase is not Phase.ARBITRATION
            or account.id in found.candidate.ever
        ):
            raise NotFound("there is nothing for you to settle here", "Go back to your work.")
        return Arbitrating(found, shown(connection, account, found.candidate.patient_id, found))


def settle(
    here: Room,
    account: Account,
    number: int,
    criterion: str,
    verdict: str,
    reason: str,
    quotes: Sequence[Quote] = (),
    *,
    request_id: str,
) -> Ruling:
    """Rule on one difference. Raises Refused and NotFound as ``arbitrate`` does."""
    with here.database.reading() as connection:
        require(connection, account, Action.ARBITRATE)
        patient = find_case(connection, number).candidate.patient_id
    return arbitrate(
        here.database,
        account,
        patient,
        criterion,
        verdict,
        reason=reason,
        quotes=quotes,
        request_id=request_id,
        texts=here.charts.of(patient).texts() if quotes else None,
    )


def next_to_arbitrate(here: Room, account: Account, number: int) -> int | None:
    """Where an arbitrator goes on: here while something is open, else the next. Raises Refused."""
    with here.database.reading() as connection:
        require(connection, account, Action.ARBITRATE)
        listed = [item.candidate for item in work.to_arbitrate(account, cases(connection).values())]
    return number if number in listed else next(iter(listed), None)


def _own(here: Room, connection: Connection, number: int, account: Account) -> Case:
    found = find_case(connection, number)
    if not found.candidate.present or found.candidate.place_of(account.id) is None:
        raise NotFound("this candidate is not in your queue", "Go back to your work.")
    pass_gate(here.database, connection, number)
    return found


def _mine(found: Case, account: Account) -> dict[str, Opinion]:
    slot = found.candidate.place_of(account.id)
    held = ((c, found.standing[c].of(slot)) for c in found.candidate.reviewed) if slot else ()
    return {c: one for c, one in held if one is not None and one.reviewer == account.id}


def _closed(found: Case, criterion: str) -> bool:
    return found.standing[criterion].phase is not Phase.INDEPENDENT


def _unchanged(mine: Opinion | None, given: Given) -> bool:
    if mine is None:
        return False
    said = (str(given.verdict), given.reason.strip(), tuple(given.quotes))
    return (mine.verdict.value, mine.reason, mine.quotes) == said
