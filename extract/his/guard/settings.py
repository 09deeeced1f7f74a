"""[safety] of site.toml: what the hospital's DBA allows, with defaults that a DBA would not refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["Blackout", "Safety"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BLACKOUT: Final = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? +)?(?P<from>\d\d:\d\d) *- *(?P<to>\d\d:\d\d)",
    re.IGNORECASE,
)
_DAY: Final = timedelta(days=1)


class Blackout(NamedTuple):
    """Hours of some weekdays in which nothing of ours may run; past midnight where ``to`` is not after ``from_``."""

    days: frozenset[int]
    """0 is Monday: the day on which the hours begin."""
    from_: time
    minutes: int

    @classmethod
    def of(cls, text: str) -> Blackout:
        """Read ``08:00-11:30``, ``Mon-Fri 13:30-17:00`` or ``Sat 22:00-06:00``. Raises ValueError."""
        match = _BLACKOUT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no blackout; write one such as 'Mon-Fri 08:00-12:00'")
        start, end = _minute(match["from"], text), _minute(match["to"], text)
        if start == 24 * 60:
            raise ValueError(f"{text!r}: 24:00 can only end a blackout")
        return cls(
            _weekdays(match["first"], match["last"], text),
            time(start // 60, start % 60),
            end - start if end > start else end - start + 24 * 60,
        )

    def end(self, now: datetime) -> datetime | None:
        """When the hours that hold ``now`` (wall clock of the site) end; None outside of them."""
        for day in (now - _DAY, now):
            begin = day.replace(hour=self.from_.hour, minute=self.from_.minute, second=0, microsecond=0)
            until = begin + timedelta(minutes=self.minutes)
            if begin.weekday() in self.days and begin <= now < until:
                return until
        return None


class Safety(BaseModel):
    """What one hospital allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_write_right: str = ""
    """Why an account that may write is used all the same; stands in every load report."""
    max_plan_cost: float = Field(default=1e8, gt=0)
    """PostgreSQL: the planner's total cost of one statement."""
    max_plan_rows: float = Field(default=1e9, gt=0)
    """MariaDB and MySQL: rows that the optimiser expects one statement to examine."""
    max_rows: int = Field(default=100_000_000, ge=1)
    """Rows delivered in one run."""
    connections: int = Field(default=1, ge=1, le=8)
    """Pulls that may hold a session with this database at once, over all studies and machines."""
    lock_seconds: int = Field(default=5, ge=1)
    idle_seconds: int = Field(default=900, ge=1)
    blackout: tuple[str, ...] = ()
    canary: str = ""
    """A small SELECT whose time tells how busy the server is; by default one row of a source table."""
    canary_factor: float = Field(default=5.0, gt=1)
    patience_seconds: int = Field(default=600, ge=0)
    """How long a pull waits for a slow server before it leaves."""

    @field_validator("blackout")
    @classmethod
    def _read(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Blackout.of(text)
        return texts

    def next_allowed(self, now: datetime) -> datetime | None:
        """None where ``now`` (wall clock of the site) is allowed, else the first moment that is.

        Raises ValueError where the blackouts leave no moment of a week.
        """
        hours, moment = [Blackout.of(text) for text in self.blackout], now
        while ends := list(_ends(hours, moment)):
            moment = max(ends)
            if moment - now > 8 * _DAY:
                raise ValueError("[safety] blackout leaves no moment of the week")
        return None if moment == now else moment


def _ends(hours: list[Blackout], moment: datetime) -> Iterator[datetime]:
    for blackout in hours:
        if (end := blackout.end(moment)) is not None:
            yield end


def _minute(text: str, whole: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    found = 60 * hour + minute
    if minute > 59 or found > 24 * 60:
        raise ValueError(f"{whole!r}: {text} is no time of day")
    return found


def _weekdays(first: str | None, last: str | None, whole: str) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    try:
        start = _DAYS.index(first.lower())
        end = _DAYS.index((last or first).lower())
    except ValueError:
        raise ValueError(f"{whole!r}: weekdays are Mon Tue Wed Thu Fri Sat Sun") from None
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))
