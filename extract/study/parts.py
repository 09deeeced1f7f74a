"""What a study asks and measures, as frozen models: search, timepoints, variables, extractors, criteria.

``extract/study/protocol.py`` puts them together and reads study.toml; import them from there.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from extract.study.shared_terms import taken_in

__all__ = [
    "Criterion",
    "DerivedSource",
    "Ethics",
    "Extractor",
    "LabSource",
    "Label",
    "Model",
    "Number",
    "PatientSource",
    "Rule",
    "ScaleSource",
    "Search",
    "Source",
    "Study",
    "TextSource",
    "Timepoint",
    "Value",
    "Variable",
]

_LEAVES: Final = (
    "all",
    "any",
    "not_",
    "variable",
    "lab",
    "imaging",
    "diagnosis",
    "procedure",
    "medication",
    "text",
    "missing",
    "judge",
)
_ID: Final = r"^[a-z][a-z0-9_]{0,30}$"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict | str) else value


def _as_decimal(value: object) -> object:
    # TOML gives floats; str() keeps what the author typed (0.1, not 0.1000000000000000055).
    return Decimal(str(value)) if isinstance(value, float) else value


Number = Annotated[Decimal, BeforeValidator(_as_decimal)]


class Model(BaseModel):
    """A part of a protocol: frozen, and every key is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Label(Model):
    """What a reader sees, in both languages."""

    zh: str
    en: str


class Ethics(Model):
    """Approval number and consent; the lock refuses while ``approval`` is empty."""

    approval: str = ""
    consent: Literal["waived", "obtained", "opt_out"] = "waived"


class Study(Model):
    """What the study is called, and under whose approval it runs."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    title: Label
    ethics: Ethics = Ethics()
    time_zone: str = "Asia/Shanghai"
    simulated: bool = False
    """True only for the demo: every output then says that reviewers and patients are simulated."""


class Search(Model):
    """The keyword expression and the dates of the visits it is asked of."""

    expression: str
    from_: date = Field(alias="from")
    to: date
    match: Literal["literal", "folded"] = "literal"
    synonyms: dict[str, list[str]] = {}
    """Used when ``match`` is ``folded``: term -> other spellings that count as the same."""
    look_alike: dict[str, list[str]] = {}
    """Term -> longer strings that contain it and are something else; never a hit by themselves."""
    terms: tuple[str, ...] = ()
    """Shared term sets by name and version (``pain-zh-v1``), whose synonyms and look-alikes are taken in."""

    @model_validator(mode="before")
    @classmethod
    def _shared(cls, given: Any) -> Any:
        return taken_in(given) if isinstance(given, dict) and given.get("terms") else given


class Timepoint(Model):
    """When a value counts for T0, T1, ...: an anchor visit, or a day after another timepoint.

    ``window`` is in days from the anchor's or the target's reference, both ends included: for an
    anchored timepoint around the anchor visit, for a later one counted from ``after``.
    """

    anchor: Literal["first_match"] | None = None
    after: str | None = None
    day: int | None = None
    window: tuple[int, int] = (0, 7)
    pick: Literal["nearest", "first", "last"] = "nearest"
    tie: Literal["earlier", "later"] = "earlier"

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.anchor is None) == (self.after is None):
            raise ValueError(
                'a timepoint has either anchor = "first_match" or after = "T0" with day and window'
            )
        if self.after is not None and self.day is None:
            raise ValueError("a timepoint with after needs day")
        return self


class PatientSource(Model):
    """A column of the patient record."""

    patient: Literal["sex", "birth_date"]


class LabSource(Model):
    """A laboratory concept of the mapping pack (names, codes and units are listed there)."""

    lab: str
    not_: list[str] = Field(default=[], alias="not")


class ScaleSource(Model):
    """A scale or vital sign by its concept in the mapping pack."""

    scale: str


class TextSource(Model):
    """An extractor of this protocol, read from documents."""

    text: str


class DerivedSource(Model):
    """Arithmetic over other variables, or ``age_at(T0)``."""

    derived: str


Source = PatientSource | LabSource | ScaleSource | TextSource | DerivedSource


class Value(Model):
    """One legal value: its code, its label, and the source spellings that mean it."""

    code: int
    zh: str
    en: str
    from_: list[str] = Field(default=[], alias="from")


class Variable(Model):
    """One variable: the source of SQL, form, double entry, checks, codebook, SPSS labels and tables."""

    id: str = Field(pattern=_ID)
    label: Label
    unit: Label | None = None
    step: Number = Decimal(1)
    """Smallest difference that is recorded; values are kept as integers of this step."""
    source: Annotated[tuple[Source, ...], BeforeValidator(_as_list)] = Field(min_length=1)
    at: tuple[str, ...] = ()
    """Timepoints; empty means once, as known at the first timepoint."""
    over: tuple[str, str] | None = None
    """For events: collected over the whole time from one timepoint's window to another's."""
    entry: Literal["single", "double"] = "single"
    many: bool = False
    values: tuple[Value, ...] = ()
    range: tuple[Number, Number] | None = None
    warn: tuple[Number, Number] | None = None
    missing: tuple[Literal["not_documented", "not_done", "not_applicable", "illegible"], ...] = (
        "not_documented",
    )
    below_limit: Literal["half", "limit", "zero", "missing"] = "limit"
    """What the statistics do with ``<0.5``; the raw value is always kept."""
    required: bool = True
    """False: a missing value does not stop a participant (safety events, subgroup variables)."""

    @property
    def categorical(self) -> bool:
        """Whether the variable takes one of a list of codes."""
        return bool(self.values)

    @property
    def decimals(self) -> int:
        """Digits after the point that ``step`` allows."""
        exponent = self.step.normalize().as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0


class Extractor(Model):
    """How a value is read out of Chinese or English text; generic kinds, the words are data.

    ``number``    a label, optional filler, a number, an optional unit: ``VAS评分6分``, ``VAS：7/10``
    ``duration``  a label or a section, then a length of time, given in months: ``3月余``, ``半年``
    ``choice``    any of the variable's values by their ``from`` terms, asserted present
    """

    kind: Literal["number", "duration", "choice"]
    labels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    """Sections of a document to read (主诉, 现病史, ...); empty means all."""
    range: tuple[Number, Number] | None = None
    """Numbers outside are not this variable (a pain score is not 72)."""


class Rule(Model):
    """A criterion's condition: exactly one leaf, or ``all``/``any``/``not`` of others."""

    all: tuple[Rule, ...] | None = None
    any: tuple[Rule, ...] | None = None
    not_: Rule | None = Field(default=None, alias="not")
    # leaves
    variable: str | None = None
    lab: str | None = None
    imaging: tuple[str, ...] | None = None
    diagnosis: tuple[str, ...] | None = None
    """Codes or ranges of ICD-10: ``M54.5``, ``C00-C97``."""
    procedure: str | None = None
    medication: tuple[str, ...] | None = None
    text: tuple[str, ...] | None = None
    missing: tuple[str, ...] | None = None
    judge: str | None = None
    """What only a person can decide; the machine shows the evidence and says unknown."""
    # qualifiers
    at: str | tuple[str, ...] | None = None
    between: tuple[Number, Number] | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    is_: int | None = Field(default=None, alias="is")
    before_days: int | None = None

    @property
    def leaf(self) -> str:
        """The name of the one condition that is set."""
        return next(name for name in _LEAVES if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        found = [name for name in _LEAVES if getattr(self, name) is not None]
        if len(found) != 1:
            raise ValueError(f"a rule states exactly one condition, this one states {len(found)}: {found}")
        return self


class Criterion(Model):
    """One inclusion or exclusion criterion: evidence for the reviewers; decides alone only if ``auto``."""

    id: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,15}$")
    label: Label
    guidance: Label | None = None
    """How to judge it, for the reviewers; may be reworded at any time without asking anybody again."""
    rule: Rule
    auto: bool = False
