"""One candidate's chart while it is read: records, timepoints, and the values known so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from extract.chart.assertion import Reading
from extract.chart.charts import Charts, Record
from extract.chart.evidence import Evidence
from extract.chart.measurements import scaled
from extract.chart.timepoints import Span
from extract.his.packs import Pack
from extract.study.protocol import Protocol

__all__ = ["Chart", "Known"]


@dataclass
class Chart:
    """One candidate's records and timepoints, and the values found so far."""

    patient: Record
    visit_id: str
    started_at: datetime
    ended_at: datetime | None
    spans: dict[str, Span]
    records: dict[str, list[Record]]
    charts: Charts
    protocol: Protocol
    pack: Pack
    known: dict[tuple[str, str], Known] = field(default_factory=dict)

    @property
    def patient_id(self) -> str:
        """The surviving id."""
        return str(self.patient["patient_id"])

    @property
    def origin(self) -> date:
        """The date on which the anchor visit began: day 0."""
        return self.started_at.date()

    @property
    def end(self) -> date:
        """The last day of the last window."""
        return max(span.high for span in self.spans.values())

    def reading(self, record: Record, column: str) -> Reading:
        """The prepared text of a record's column."""
        return self.charts.reading(
            record["record_id"], column, record[column] or "", record.get("kind") or ""
        )


@dataclass(frozen=True)
class Known:
    """What is known of a variable at a timepoint (``""`` for one without timepoints).

    ``value`` is on the variable's grid; ``low`` and ``high`` bound it where the chart gives a range;
    ``codes`` are those of a categorical variable.
    """

    variable: str
    timepoint: str
    value: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    codes: tuple[int, ...] = ()
    comparator: str = ""
    unit: str = ""
    raw: str = ""
    method: str = ""
    record_id: str = ""
    version: str = ""
    start: int = -1
    end: int = -1
    measured_at: datetime | None = None
    day: int | None = None
    rule: str = ""
    considered: int = 0
    evidence: tuple[Evidence, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is a value."""
        return self.value is not None or bool(self.codes)

    def scaled(self, step: Decimal) -> int | None:
        """The value in units of ``step``; the code of a variable that takes one code."""
        if self.value is not None:
            return scaled(self.value, step)
        return self.codes[0] if len(self.codes) == 1 else None

    def text(self, decimals: int) -> str:
        """The value as it is compared and shown: ``26.9``, or codes joined by ``;``."""
        if self.value is not None:
            return f"{self.value:.{decimals}f}"
        return ";".join(str(code) for code in self.codes)
