"""The shapes of what the JSON interface takes and gives; a field that is not named here is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from validate.review.rules import Phase, Role, Verdict

__all__ = [
    "Agreement",
    "Answer",
    "Arbitration",
    "Asked",
    "Candidate",
    "Chart",
    "Criterion",
    "Difference",
    "Differences",
    "Draft",
    "Entries",
    "EntriesIn",
    "Entry",
    "EntryIn",
    "Estimate",
    "Event",
    "Evidence",
    "HandIn",
    "Handover",
    "HandoverIn",
    "Judgement",
    "Kept",
    "Lab",
    "Note",
    "Number",
    "Opinion",
    "Owed",
    "Query",
    "Queue",
    "Quote",
    "Raters",
    "Record",
    "Request",
    "Resolution",
    "Result",
    "Ruling",
    "RulingIn",
    "Said",
    "Trail",
    "Visit",
]

Number = Annotated[int, Field(ge=1, lt=2**63)]
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Prose = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
Request = Annotated[str, StringConstraints(min_length=1, max_length=160, pattern=r"^[^\x00]*$")]
"""A fresh random id for each post: the same one sent twice is kept once."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Quote(_In):
    """Characters of a record; offsets count code points of the original text."""

    record_id: Line
    start: Annotated[int, Field(ge=0, lt=2**53)]
    end: Annotated[int, Field(ge=0, lt=2**53)]
    text: Prose


class Draft(_In):
    """A judgement; ``verdict`` says whether the criterion's condition literally holds."""

    verdict: Verdict
    reason: Prose = ""
    quotes: Annotated[list[Quote], Field(max_length=50)] = []


class Opinion(Draft):
    """A judgement on a criterion."""

    criterion: Line


class HandIn(_In):
    """Opinions to hand in: those listed, or, without a list, this reviewer's drafts on the candidate."""

    request: Request
    opinions: Annotated[list[Opinion], Field(min_length=1, max_length=200)] | None = None


class RulingIn(Opinion):
    """A ruling on two opinions that differ."""

    request: Request
    reason: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]


class EntryIn(_In):
    """What was read for one field, or why there is nothing to read."""

    variable: Line
    timepoint: Line = ""
    raw: Line = ""
    missing: Line = ""
    record_id: Line = ""


class EntriesIn(_In):
    """Entries of one's own pass: all are kept, or none."""

    request: Request
    entries: Annotated[list[EntryIn], Field(min_length=1, max_length=500)]


class Resolution(_In):
    """How a field whose entries differ is settled."""

    request: Request
    variable: Line
    timepoint: Line = ""
    choice: Literal["first", "second", "third"]
    raw: Line = ""
    missing: Line = ""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]


class Asked(_In):
    """A query on a criterion, or on a field as ``variable@timepoint``."""

    request: Request
    field: Line
    text: Prose


class Answer(_In):
    """An answer to a query, or its last word by who asked."""

    request: Request
    text: Prose


class Candidate(BaseModel):
    """A line of a queue; the number says nothing about the patient."""

    number: int
    done: int
    of: int
    reopened: bool
    drafted: bool


class Said(BaseModel):
    """One thing said in a query."""

    kind: str
    author: str
    text: str


class Query(BaseModel):
    """A query with everything that was said in it, first to last."""

    ref: str
    candidate: int
    field: str
    open: bool
    said: list[Said]


class Queue(BaseModel):
    """What lies on one's desk: work of each kind, and open queries."""

    account: str
    role: Role
    work: dict[str, list[Candidate]]
    queries: list[Query]


class Evidence(BaseModel):
    """A place that speaks for or against a criterion."""

    record_id: str
    at: str
    table: str
    section: str
    term: str
    quote: str
    assertion: str
    start: int | None
    end: int | None


class Note(BaseModel):
    """A document or report, its text in the original characters."""

    record_id: str
    at: str
    title: str
    text: str


class Record(BaseModel):
    """Any other record of a visit."""

    record_id: str
    at: str
    cells: list[str]


class Visit(BaseModel):
    """A visit; ``visit_id`` is "" for what belongs to none."""

    visit_id: str
    at: str
    kind: str
    department: str
    index: bool
    notes: list[Note]
    records: dict[str, list[Record]]


class Result(BaseModel):
    """One laboratory result, as it was written."""

    record_id: str
    at: str
    raw: str


class Lab(BaseModel):
    """A laboratory item, oldest result first."""

    name: str
    unit: str
    reference: str
    results: list[Result]


class Chart(BaseModel):
    """A chart, and the evidence in it by criterion; that it was opened stands in the audit."""

    candidate: int
    sex: str
    birth_date: str
    visits: list[Visit]
    labs: list[Lab]
    evidence: dict[str, list[Evidence]]
    kept_back: int
    """Records that the law keeps from this study."""


class Ruling(BaseModel):
    """A third person's verdict."""

    verdict: Verdict
    reason: str


class Criterion(BaseModel):
    """One criterion: what this reviewer says of it, and what others said where that may be seen."""

    criterion: str
    kind: Literal["include", "exclude"]
    label: dict[str, str]
    mine: Draft | None
    drafted: bool
    others: list[Draft]
    ruling: Ruling | None


class Judgement(BaseModel):
    """A candidate as one of its reviewers sees it."""

    candidate: int
    phase: Phase
    criteria: list[Criterion]


class Kept(BaseModel):
    """What this reviewer now says of a criterion; null when they say nothing."""

    criterion: str
    mine: Draft | None


class Arbitration(BaseModel):
    """A candidate's open differences: criterion -> two opinions without names, in an order that means nothing."""

    candidate: int
    differences: dict[str, list[Draft]]


class Entry(BaseModel):
    """One field of the form, with what this person entered."""

    variable: str
    timepoint: str
    kind: str
    label: dict[str, str]
    unit: dict[str, str] | None
    range: list[float] | None
    codes: dict[str, dict[str, str]]
    missing: list[str]
    mine: EntryIn | None


class Entries(BaseModel):
    """The form of one's own pass."""

    candidate: int
    turn: int
    fields: list[Entry]


class Difference(BaseModel):
    """A field whose two entries differ."""

    variable: str
    timepoint: str
    first: str
    second: str


class Differences(BaseModel):
    """A candidate's fields to settle."""

    candidate: int
    fields: list[Difference]


class Owed(BaseModel):
    """Something that stands between the study and its lock."""

    owner: str
    what: str
    count: int


class HandoverIn(_In):
    """A reviewer whose open work goes to others."""

    reviewer: Line
    reason: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]


class Handover(BaseModel):
    """Places that moved, and those that nobody was left to take."""

    moved: int
    stuck: int


class Estimate(BaseModel):
    """A number with its 95 % interval; ``note`` says why either is missing."""

    value: float | None
    low: float | None
    high: float | None
    note: str


class Raters(BaseModel):
    """Agreement of two raters."""

    n: int
    percent: Estimate
    kappa: Estimate
    pabak: Estimate
    ac1: Estimate
    positive: Estimate
    negative: Estimate


class Agreement(BaseModel):
    """Agreement of first opinions, overall and by criterion."""

    overall: Raters
    criteria: dict[str, Raters]


class Event(BaseModel):
    """One event of the audit chain; it holds no value."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    hash: str


class Trail(BaseModel):
    """A page of the audit, newest first; ``older`` is the ``before`` of the next page, 0 on the last."""

    events: list[Event]
    total: int
    older: int
