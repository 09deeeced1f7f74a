"""Charts: which chart a person may open by the work that they have on it, whatever that work is."""

from __future__ import annotations

from extract.errors import NotFound
from validate.desk.operations.judging import arbitrating, judging
from validate.desk.operations.opening import Opened, open_chart
from validate.desk.operations.values import differing, entering
from validate.desk.room import Room
from validate.review.accounts import require
from validate.review.cases import Case
from validate.review.rules import Account, Action, Role

__all__ = ["chart_of"]


def chart_of(here: Room, account: Account, number: int) -> tuple[Case, Opened]:
    """The chart of a candidate on which this person has work. Raises Refused, NotFound when they have none."""
    with here.database.reading() as connection:
        require(connection, account, Action.READ_CHART)
    found = _work_on(here, account, number)
    return found, open_chart(here, account, found)


def _work_on(here: Room, account: Account, number: int) -> Case:
    if account.role is Role.REVIEWER:
        return judging(here, account, number).case
    if account.role is Role.ABSTRACTOR:
        return entering(here, account, number).case
    if account.role is Role.ARBITRATOR:
        try:
            return arbitrating(here, account, number).case
        except NotFound:
            pass
    return differing(here, account, number)[0]
