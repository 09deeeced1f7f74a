"""The protocol: study.toml as a frozen model; everything else in a study is derived from it.

``load(path)`` reads and checks a file and raises ``ProtocolInvalid`` with the line; ``Protocol.hash``
stands in every output.  Nothing here knows a disease or a test: those are data in the file.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from extract.errors import ExpressionInvalid, ProtocolInvalid
from extract.study.entry_rules import Entry, entry_faults
from extract.study.expression import parse_search
from extract.study.parts import (
    Criterion,
    DerivedSource,
    Extractor,
    Label,
    LabSource,
    Model,
    Number,
    PatientSource,
    Rule,
    ScaleSource,
    Search,
    Source,
    Study,
    TextSource,
    Timepoint,
    Value,
    Variable,
)
from extract.study.positions import Place, line_of
from extract.study.review_plan import Calibration, Review

__all__ = [
    "Analysis",
    "Calibration",
    "Correlation",
    "Criterion",
    "DerivedSource",
    "Entry",
    "Extractor",
    "LabSource",
    "Label",
    "Lock",
    "Outcome",
    "PatientSource",
    "Protocol",
    "ResponderTest",
    "Review",
    "Rule",
    "ScaleSource",
    "Search",
    "Source",
    "Study",
    "TextSource",
    "Timepoint",
    "Value",
    "Variable",
    "column",
    "faults",
    "load",
    "parse",
    "where",
]


class ResponderTest(Model):
    """``drop``: first minus last timepoint at least so much; ``relief``: that drop over the first value."""

    drop: str | None = None
    relief: str | None = None
    at_least: Number

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.drop is None) == (self.relief is None):
            raise ValueError("a responder test names either drop or relief")
        return self

    @property
    def variable(self) -> str:
        """The variable that is tested."""
        return self.drop or self.relief or ""


class ResponderRule(Model):
    """Any, or all, of the tests make a responder."""

    any: tuple[ResponderTest, ...] = ()
    all: tuple[ResponderTest, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.any) == bool(self.all):
            raise ValueError("responder names either any = [...] or all = [...]")
        return self


class Outcome(Model):
    """The direction of every printed delta, and who is a responder."""

    delta: Literal["T1 - T0", "T0 - T1"] = "T1 - T0"
    relief: Literal["(T0 - T1) / T0", "(T1 - T0) / T0"] = "(T0 - T1) / T0"
    responder: ResponderRule
    labels: tuple[Label, Label] = (
        Label(zh="未缓解组", en="non-responders"),
        Label(zh="缓解组", en="responders"),
    )
    """Names of the groups: not a responder, responder."""


class Lock(Model):
    """Who signs, and how small a cell may be in what leaves the house."""

    signatures: tuple[str, ...] = ("data manager", "principal investigator")
    small_cell: int = Field(default=5, ge=0)


class Normality(Model):
    """How a variable's distribution is judged before the test is chosen."""

    test: Literal["shapiro", "lilliefors", "none"] = "shapiro"
    by: Literal["group", "all"] = "group"
    alpha: float = 0.05


class Variances(Model):
    """How equality of variances is judged, and what is done otherwise."""

    test: Literal["levene", "none"] = "levene"
    otherwise: Literal["welch", "student"] = "welch"


class PostHoc(Model):
    """Pairwise comparisons after a significant overall test of three or more groups."""

    normal: Literal["snk", "tukey"] = "snk"
    otherwise: Literal["dunn"] = "dunn"


class Correlation(Model):
    """A correlation between two changes: ``delta(esr)`` with ``delta(vas)``."""

    x: str
    y: str
    method: Literal["pearson", "spearman", "kendall"] = "pearson"
    strata: str | None = None


class Analysis(Model):
    """The plan, fixed before the lock."""

    alpha: float = 0.05
    group: str = "responder"
    normality: Normality = Normality()
    variances: Variances = Variances()
    post_hoc: PostHoc = PostHoc()
    correlate: tuple[Correlation, ...] = ()
    sensitivity: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    predictors: tuple[str, ...] = ()
    """Known at the first timepoint: the multivariable model of response is of these."""
    safety: tuple[str, ...] = ()
    """Variables that count what happened to people on the way: a table of their own, not the baseline."""
    published: dict[str, str] = Field(default={})
    """Numbers printed elsewhere for comparison: ``"2.esr.all.delta.mean" = "-14.16"``."""


class Protocol(Model):
    """A whole study. Frozen; ``hash`` is over its meaning, not over comments or key order."""

    format: Literal[1]
    study: Study
    search: Search
    timepoints: dict[str, Timepoint]
    extractor: dict[str, Extractor] = Field(default={})
    variable: tuple[Variable, ...]
    include: tuple[Criterion, ...] = ()
    exclude: tuple[Criterion, ...] = ()
    outcome: Outcome
    review: Review = Review()
    entry: Entry = Entry()
    lock: Lock = Lock()
    analysis: Analysis = Analysis()

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON of the model, 64 hex digits."""
        said = self.model_dump(mode="json", by_alias=True)
        if not said["search"]["terms"]:
            # A study that names no term set is what it was before there were any.
            del said["search"]["terms"]
        for name in ("jump", "rule"):
            if not said["entry"][name]:
                # Likewise a study whose form has none.
                del said["entry"][name]
        for criterion in (*said["include"], *said["exclude"]):
            if criterion["guidance"] is None:
                del criterion["guidance"]
        if (said["review"]["calibration"] or {}).get("or_ac1_at_least", 0) is None:
            del said["review"]["calibration"]["or_ac1_at_least"]
        text = json.dumps(
            said,
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Inclusion, then exclusion, in the protocol's order: the order of the funnel."""
        return self.include + self.exclude

    @property
    def first(self) -> str:
        """The anchored timepoint, T0."""
        return next(name for name, point in self.timepoints.items() if point.anchor)

    @property
    def last(self) -> str:
        """The last timepoint in the file's order, T1."""
        return list(self.timepoints)[-1]

    def variable_named(self, id_: str) -> Variable:
        """The variable with this id. Raises KeyError."""
        for variable in self.variable:
            if variable.id == id_:
                return variable
        raise KeyError(id_)

    @property
    def timed(self) -> tuple[Variable, ...]:
        """Variables measured at more than one timepoint: those that have a delta."""
        return tuple(v for v in self.variable if len(v.at) > 1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if faults := list(_faults(self)):
            raise _Faults(faults)
        return self


class _Faults(ValueError):
    """What is wrong between the parts of a protocol, each with its place."""

    def __init__(self, faults: list[tuple[Place, str]]) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = faults


def _faults(protocol: Protocol) -> Iterator[tuple[Place, str]]:
    yield from _timepoint_faults(protocol.timepoints)
    yield from _variable_faults(protocol)
    yield from _criterion_faults(protocol)
    yield from entry_faults(protocol.entry, protocol.variable)
    ids = {v.id for v in protocol.variable}
    for test in (*protocol.outcome.responder.any, *protocol.outcome.responder.all):
        if test.variable not in ids:
            message = f"outcome.responder tests {test.variable!r}, which is not a variable"
            yield ("outcome", "responder"), message


def _timepoint_faults(points: dict[str, Timepoint]) -> Iterator[tuple[Place, str]]:
    anchors = [name for name, point in points.items() if point.anchor]
    if len(anchors) != 1:
        yield ("timepoints",), f"exactly one timepoint has an anchor, here {len(anchors)} have one"
    for name, point in points.items():
        if point.after is not None and point.after not in points:
            yield ("timepoints", name), f"timepoint {name} comes after {point.after!r}, which is not defined"


def _variable_faults(protocol: Protocol) -> Iterator[tuple[Place, str]]:
    seen = set[str]()
    for index, variable in enumerate(protocol.variable):
        name = f"variable {variable.id!r}"
        if variable.id in seen:
            yield ("variable", index, "id"), f"{name} is defined twice"
        seen.add(variable.id)
        for at in variable.at:
            if at not in protocol.timepoints:
                yield ("variable", index, "at"), f"{name} is taken at {at!r}, which is not a timepoint"
        for source in variable.source:
            if isinstance(source, TextSource) and source.text not in protocol.extractor:
                message = f"{name} reads extractor {source.text!r}, which is not defined"
                yield ("variable", index, "source"), message


def _criterion_faults(protocol: Protocol) -> Iterator[tuple[Place, str]]:
    variables, points = {v.id for v in protocol.variable}, set(protocol.timepoints)
    seen: set[str] = set()
    for kind, criteria in (("include", protocol.include), ("exclude", protocol.exclude)):
        for index, criterion in enumerate(criteria):
            if criterion.id in seen:
                yield (kind, index, "id"), f"criterion {criterion.id!r} is defined twice"
            seen.add(criterion.id)
            for message in _rule_faults(criterion.rule, criterion.id, variables, points):
                yield (kind, index, "rule"), message


def _rule_faults(rule: Rule, criterion: str, variables: set[str], timepoints: set[str]) -> Iterator[str]:
    for name in [*([rule.variable] if rule.variable else []), *(rule.missing or ())]:
        if name not in variables:
            yield f"criterion {criterion} names {name!r}, which is not a variable"
    for at in (rule.at,) if isinstance(rule.at, str) else rule.at or ():
        if at not in timepoints:
            yield f"criterion {criterion} names {at!r}, which is not a timepoint"
    for child in (*(rule.all or ()), *(rule.any or ()), *([rule.not_] if rule.not_ else [])):
        yield from _rule_faults(child, criterion, variables, timepoints)


def column(variable: str, timepoint: str | None = None, kind: str | None = None) -> str:
    """Name of a column in the snapshot: ``age``, ``esr_t0``, ``esr_delta``, ``vas_relief``."""
    parts = [variable, *([timepoint.lower()] if timepoint else []), *([kind] if kind else [])]
    return "_".join(parts)


def parse(text: str, name: str = "study.toml") -> Protocol:
    """The protocol in ``text``. Raises ProtocolInvalid, or ExpressionInvalid, with ``name`` and the line."""
    step = f"`cohortlock lint {name}` checks the whole file."
    try:
        protocol = Protocol.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProtocolInvalid(f"{name}: not valid TOML: {error}", step) from None
    except ValidationError as error:
        lines = [
            f"{name}, line {line_of(text, place)}: {where(place)}{message}"
            for place, message in faults(error)
        ]
        raise ProtocolInvalid("\n".join(dict.fromkeys(lines)), step) from None
    try:
        parse_search(protocol.search.expression)
    except ExpressionInvalid as error:
        line = line_of(text, ("search", "expression"))
        raise ExpressionInvalid(f"{name}, line {line}: {error.message}", error.next_step) from None
    return protocol


def faults(error: ValidationError) -> Iterator[tuple[Place, str]]:
    """Each fault that pydantic found in a protocol: its place in the TOML, and what is wrong."""
    said: set[tuple[Place, str]] = set()
    for problem in error.errors():
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, _Faults):
            yield from cause.faults
            continue
        fault = _plain(problem["loc"], problem["type"], problem["msg"])
        # a list whose only item is at fault is not "too short" as well
        within = problem["type"] == "too_short" and any(p[: len(fault[0])] == fault[0] for p, _ in said)
        if fault not in said and not within:
            said.add(fault)
            yield fault


def _plain(place: Place, kind: str, message: str) -> tuple[Place, str]:
    kinds = [index for index, part in enumerate(place) if str(part).endswith("Source")]
    if kinds:
        # pydantic tells of each kind of source in turn why it is not that one
        return place[: kinds[0]], (
            'a source is one of { lab = "…" }, { scale = "…" }, { text = "…" }, { patient = "sex" }, '
            '{ derived = "…" }'
        )
    if kind == "extra_forbidden":
        return place, f"there is no key {place[-1]!r} here"
    if kind == "missing":
        return place, "is missing"
    return place, message.removeprefix("Value error, ")


def where(place: Place) -> str:
    """A place for people: ``variable.3.range: ``; nothing for the whole file."""
    return ".".join(str(part) for part in place) + ": " if place else ""


def load(path: Path) -> Protocol:
    """The protocol in the file ``path``. Raises ProtocolInvalid, also when the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProtocolInvalid(
            f"{path}: cannot be read: {error.strerror}", "`cohortlock init DIR` makes a new study folder."
        ) from None
    except UnicodeDecodeError:
        raise ProtocolInvalid(f"{path}: is not UTF-8", "Save the file as UTF-8.") from None
    return parse(text, path.name)
