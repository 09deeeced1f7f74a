"""What a simulation takes for granted: simulation.toml beside the protocol, checked against it line by line.

Means, SDs and correlations describe the people who are eligible; everything that the protocol says already (timepoints,
steps, ranges, who is a responder, which tests) is taken from there and not written again.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from extract.errors import AssumptionsInvalid
from extract.study.positions import Place, line_of
from extract.study.protocol import Protocol, Variable, faults, where

__all__ = ["FILE", "Association", "Assumed", "Assumptions", "Dropout", "parse", "text_of"]

FILE: Final = "simulation.toml"
_NEXT: Final = "`cohortlock simulate STUDY --draft simulation.toml` writes one to fill in; docs/simulate.md explains each line."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_pair(value: Any) -> Any:
    return [value] if isinstance(value, int | float) else value


_Levels = Annotated[tuple[float, ...], BeforeValidator(_as_pair)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Correlation = Annotated[float, Field(gt=-1, lt=1)]


class Assumed(_Part):
    """One variable: of a number mean and SD at its first and last timepoint, of a category the share of each code."""

    mean: _Levels = ()
    sd: _Levels = ()
    correlation: _Correlation | None = None
    """Of the first with the last value; or ``change_sd`` instead, from which it follows."""
    change_sd: float | None = Field(default=None, gt=0)
    shape: Literal["normal", "lognormal", "heavy"] = "normal"
    """``heavy``: Student's t with 5 degrees of freedom, of the same mean and SD."""
    missing: _Share = 0.0
    """Share of its values that are not there, completely at random, at each timepoint."""
    share: dict[str, float] = Field(default={})
    shift: dict[str, _Levels] = Field(default={})
    """What is added to the mean where the group of the plan is this code: at the first and at the last timepoint."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not math.isfinite(sum((*self.mean, *self.sd, *(v for s in self.shift.values() for v in s)))):
            raise ValueError("every number must be finite")
        if len(self.mean) != len(self.sd):
            raise ValueError("mean and sd are given for the same timepoints")
        if any(sd <= 0 for sd in self.sd):
            raise ValueError("an sd is above 0")
        if any(not 0 <= share <= 1 for share in self.share.values()):
            raise ValueError("a share lies between 0 and 1")
        if self.shape == "lognormal" and any(mean <= 0 for mean in self.mean):
            raise ValueError("a lognormal variable has means above 0")
        return self

    @property
    def within(self) -> float:
        """Correlation of first and last value; of those without one, 0.5."""
        if self.correlation is not None:
            return self.correlation
        if self.change_sd is None:
            return 0.5
        (a, b), d = self.sd, self.change_sd
        return (a * a + b * b - d * d) / (2 * a * b)


class Association(_Part):
    """How two variables go together: ``change`` with change, and both at the same visit.

    With a variable that is taken once, ``change`` is its correlation with the other's change and ``same_visit`` that
    with the other's first value; of two such only ``same_visit`` is meant.
    """

    x: str
    y: str
    change: _Correlation | None = None
    same_visit: _Correlation | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.change is None and self.same_visit is None:
            raise ValueError("an association gives change or same_visit")
        return self


class Dropout(_Part):
    """Participants without the last timepoint: at random (mcar), by the first value (mar), by the last one (mnar)."""

    rate: _Share = 0.0
    mechanism: Literal["mcar", "mar", "mnar"] = "mcar"
    by: str | None = None
    """The variable whose value decides under mar and mnar."""
    strength: float = 1.0
    """Change of the log odds to be lost per SD of that value."""

    @model_validator(mode="after")
    def _by(self) -> Self:
        if self.mechanism != "mcar" and self.by is None:
            raise ValueError('mar and mnar name the variable that decides: by = "vas"')
        return self


class Assumptions(_Part):
    """A whole simulation.toml."""

    format: Literal[1]
    n: int = Field(ge=4, le=20_000)
    variable: dict[str, Assumed]
    association: tuple[Association, ...] = ()
    dropout: Dropout = Dropout()
    ineligible: _Share = 0.0
    """Share of participants whom the review let in wrongly: nothing changes in them and nothing goes together."""
    response_rate: float | None = Field(default=None, gt=0, lt=1)
    """Share of responders among the eligible; the last mean of the responder rule's variable is moved to give it."""
    source: str = ""
    """Where the numbers are from; it stands in the output."""

    @property
    def sha256(self) -> str:
        """Of the canonical JSON, so that comments and order do not count."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def text_of(path: Path) -> str:
    """The text of the file ``path``. Raises AssumptionsInvalid when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise AssumptionsInvalid(f"{path}: cannot be read: {error.strerror}", _NEXT) from None
    except UnicodeDecodeError:
        raise AssumptionsInvalid(f"{path}: is not UTF-8", "Save the file as UTF-8.") from None


def parse(text: str, protocol: Protocol, name: str = FILE) -> Assumptions:
    """The assumptions in ``text``, which must fit ``protocol``. Raises AssumptionsInvalid with the line."""
    try:
        found = Assumptions.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise AssumptionsInvalid(f"{name}: not valid TOML: {error}", _NEXT) from None
    except ValidationError as error:
        problems = list(faults(error))
    else:
        problems = list(unfit(found, protocol))
        if not problems:
            return found
    lines = [f"{name}, line {line_of(text, place)}: {where(place)}{said}" for place, said in problems]
    raise AssumptionsInvalid("\n".join(dict.fromkeys(lines)), _NEXT)


def unfit(assumptions: Assumptions, protocol: Protocol) -> Iterator[tuple[Place, str]]:
    """What does not fit the protocol, each with its place."""
    known = {v.id: v for v in protocol.variable}
    for id_, assumed in assumptions.variable.items():
        if id_ in known:
            yield from _unfit_variable(known[id_], assumed, protocol)
        else:
            yield ("variable", id_), f"study.toml has no variable {id_!r}; it has {', '.join(known)}"
    needed = [t.variable for t in (*protocol.outcome.responder.any, *protocol.outcome.responder.all)]
    for id_ in dict.fromkeys(needed):
        if id_ not in assumptions.variable:
            yield ("variable",), f"{id_} decides who is a responder, so [variable.{id_}] must be there"
    group = protocol.analysis.group
    if group in known and group not in assumptions.variable:
        yield ("variable",), f"{group} is the plan's group, so [variable.{group}] with share must be there"
    for index, one in enumerate(assumptions.association):
        for said in _unfit_association(one, assumptions, known):
            yield ("association", index), said
    lost = assumptions.dropout.by
    if lost is not None and (lost not in assumptions.variable or _numbers(known.get(lost)) != 2):
        yield ("dropout", "by"), f"{lost!r} is no variable here that is measured before and after"
    if assumptions.response_rate is not None and len(set(needed)) != 1:
        yield ("response_rate",), "more than one variable decides who is a responder: give their means"


def _unfit_variable(variable: Variable, assumed: Assumed, protocol: Protocol) -> Iterator[tuple[Place, str]]:
    by = protocol.analysis.group
    for said in (
        _misshapen_code(variable, assumed, by) if variable.categorical else _misshapen(variable, assumed)
    ):
        yield ("variable", variable.id), said
    group = next((v for v in protocol.variable if v.id == by), None)
    if group is None:
        if assumed.shift:
            said = f"shift is between the codes of a group; the plan's group is {by}, which follows from the changes"
            yield ("variable", variable.id, "shift"), said
        return
    for code in set(assumed.shift) - {str(v.code) for v in group.values}:
        yield ("variable", variable.id, "shift"), f"{group.id} has no code {code}"


def _unfit_association(one: Association, all_: Assumptions, known: dict[str, Variable]) -> Iterator[str]:
    for id_ in (one.x, one.y):
        if id_ not in all_.variable:
            yield f"{id_!r} has no [variable.{id_}] here"
    if one.x == one.y:
        yield f"{one.x} with itself is [variable.{one.x}] correlation"
    both = [known[i] for i in (one.x, one.y) if i in known]
    if one.change is not None and not any(_numbers(v) == 2 for v in both):
        yield "neither variable changes: give same_visit, not change"
    if any(v.many for v in both):
        yield "a variable of which several codes may hold is drawn by itself"


def _numbers(variable: Variable | None) -> int:
    """How many numbers of the variable are drawn: none of a category, two of what has a change."""
    if variable is None or variable.categorical:
        return 0
    return 2 if len(variable.at) > 1 else 1


def _misshapen_code(variable: Variable, assumed: Assumed, group: str) -> Iterator[str]:
    codes = {str(v.code) for v in variable.values}
    if assumed.mean or assumed.sd or assumed.shift:
        yield "is a category: it has share = { code = share }, no mean and no sd"
    elif set(assumed.share) - codes:
        yield f"share names codes that are not the variable's; it has {', '.join(sorted(codes))}"
    elif not assumed.share:
        yield "is a category: give share = { code = share }"
    elif not variable.many and abs(sum(assumed.share.values()) - 1) > 1e-6:
        yield f"the shares add up to {sum(assumed.share.values()):g}, not to 1"
    elif variable.id == group and (assumed.missing or any(not v for v in assumed.share.values())):
        yield "is the plan's group: every share is above 0 and none is missing"


def _misshapen(variable: Variable, assumed: Assumed) -> Iterator[str]:
    wanted = _numbers(variable)
    numbers = f"{wanted} number{'s' if wanted > 1 else ''}"
    if assumed.share:
        yield "is a number: it has mean and sd, no share"
    if len(assumed.mean) != wanted:
        at = f"at {variable.at[0]} and {variable.at[-1]}" if wanted == 2 else "once"
        yield f"is taken {at}, so mean and sd have {numbers} each"
        return
    if any(len(shift) != wanted for shift in assumed.shift.values()):
        yield f"shift has {numbers} for each code"
    if wanted == 1 and (assumed.correlation is not None or assumed.change_sd is not None):
        yield "is taken once, so it has neither correlation nor change_sd"
        return
    if assumed.correlation is not None and assumed.change_sd is not None:
        yield "give correlation or change_sd, not both: one follows from the other"
    elif assumed.change_sd is not None and not -1 < assumed.within < 1:
        low, high = abs(assumed.sd[0] - assumed.sd[1]), sum(assumed.sd)
        yield f"with these SDs the SD of the change lies between {low:g} and {high:g}"
