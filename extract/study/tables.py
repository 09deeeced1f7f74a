"""The study database's tables: append-only, and every row is tied to the audit event that wrote it.

The idea: a row's ``id`` *is* the sequence number of its ``audit_event``.  So a row without an event,
an event without its row, and a row that was changed behind our back are all found by one comparison,
and ``ORDER BY id`` is the order in which things happened, over all tables.

Nothing is ever updated.  The present state of a candidate, an account or an assignment is its latest
row; an opinion stands while the evidence it was given on is the present evidence.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "DATA_TABLES",
    "SCHEMA_VERSION",
    "SINCE",
    "TABLES",
    "account",
    "arbitration",
    "assignment",
    "audit_event",
    "calibration_code",
    "calibration_gate",
    "calibration_round",
    "candidate",
    "candidate_state",
    "decision",
    "entry",
    "metadata",
    "pace",
    "query",
    "resolution",
    "schema_version",
    "study_event",
    "unique_keys",
    "waiver",
]

SCHEMA_VERSION: Final = 2

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite makes only a column declared INTEGER the row's own key.
_Big = BigInteger().with_variant(Integer, "sqlite")
_VERDICTS = "verdict IN ('met', 'not_met', 'cannot_tell')"
_CAUSES = "('guideline_gap', 'reader_error', 'true_ambiguity')"


def _text(name: str, *constraints: Any, default: str | None = None) -> Column[str]:
    return Column(name, Text, *constraints, nullable=False, default=default)


def _id() -> Column[int]:
    return Column("id", _Big, ForeignKey("audit_event.seq"), primary_key=True, autoincrement=False)


def _row(table: str) -> Column[int]:
    return Column(f"{table}_id", _Big, ForeignKey(f"{table}.id"), nullable=True)


def _patient() -> Column[str]:
    return _text("patient_id", ForeignKey("candidate.patient_id"))


def _request() -> Column[str]:
    return Column("request_id", Text, nullable=False, unique=True)


schema_version: Final = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    _text("at"),
)

audit_event: Final = Table(
    "audit_event",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=False),
    _text("at"),
    _text("actor"),
    _text("action"),
    _text("subject"),
    # "" where the event wrote no row (a chart was opened, a snapshot exported).
    _text("table_name", default=""),
    _text("detail", default="{}"),
    # Kept here only: without it, a patient's id could be guessed back from payload_hash.
    _text("salt"),
    _text("payload_hash"),
    _text("previous"),
    Column("hash", Text, nullable=False, unique=True),
)

study_event: Final = Table(
    "study_event",
    metadata,
    _id(),
    _text("kind", CheckConstraint("kind IN ('created', 'protocol', 'lock', 'unlock')", name="kind")),
    _text("study"),
    _text("protocol_hash"),
    Column("version", Integer, nullable=True),
    _text("reason", default=""),
)

account: Final = Table(
    "account",
    metadata,
    _id(),
    _text("account_id"),
    _text("name"),
    _text("role"),
    Column("active", Boolean(create_constraint=False), nullable=False),
    _text("password_hash", default=""),
    Index(None, "account_id", "id"),
)

candidate: Final = Table(
    "candidate",
    metadata,
    _id(),
    Column("patient_id", Text, nullable=False, unique=True),
    _text("run"),
)

candidate_state: Final = Table(
    "candidate_state",
    metadata,
    _id(),
    _patient(),
    _text("state", CheckConstraint("state IN ('present', 'vanished')", name="state")),
    _text("run"),
    _text("protocol_hash"),
    _text("evidence_hash"),
    _text("criterion_hashes"),
    _text("field_hashes"),
    _text("machine_verdicts"),
    _text("machine_values"),
    Index(None, "patient_id", "id"),
)

assignment: Final = Table(
    "assignment",
    metadata,
    _id(),
    _patient(),
    Column("slot", Integer, CheckConstraint("slot IN (1, 2)", name="slot"), nullable=False),
    _text("reviewer"),
    _text("reason", default=""),
    Index(None, "patient_id", "slot", "id"),
)

decision: Final = Table(
    "decision",
    metadata,
    _id(),
    _request(),
    _patient(),
    _text("criterion"),
    Column("slot", Integer, CheckConstraint("slot IN (1, 2)", name="slot"), nullable=False),
    _text("reviewer"),
    _text("verdict", CheckConstraint(_VERDICTS, name="verdict")),
    _text("reason", default=""),
    _text("quotes", default="[]"),
    _text("evidence_hash"),
    Column("supersedes", _Big, ForeignKey("decision.id"), nullable=True, unique=True),
    Index(None, "patient_id", "criterion", "slot", "id"),
)

arbitration: Final = Table(
    "arbitration",
    metadata,
    _id(),
    _request(),
    _patient(),
    _text("criterion"),
    _text("arbitrator"),
    _text("verdict", CheckConstraint(_VERDICTS, name="verdict")),
    _text("reason", CheckConstraint("reason <> ''", name="reason")),
    _text("quotes", default="[]"),
    _text("evidence_hash"),
    Column("first_decision", _Big, ForeignKey("decision.id"), nullable=False),
    Column("second_decision", _Big, ForeignKey("decision.id"), nullable=False),
    # Two arbitrators on one case: the database itself lets only one through.
    UniqueConstraint("first_decision", "second_decision"),
    Index(None, "patient_id", "criterion", "id"),
)

entry: Final = Table(
    "entry",
    metadata,
    _id(),
    _request(),
    _patient(),
    _text("variable"),
    _text("timepoint", default=""),
    Column("pass", Integer, CheckConstraint("pass IN (1, 2)", name="pass"), nullable=False),
    _text("abstractor"),
    _text("raw", default=""),
    Column("scaled", _Big, nullable=True),
    _text("value", default=""),
    _text("missing", default=""),
    _text("comparator", default=""),
    _text("record_id", default=""),
    _text("evidence_hash"),
    Column("supersedes", _Big, ForeignKey("entry.id"), nullable=True, unique=True),
    Index(None, "patient_id", "variable", "timepoint", "pass", "id"),
)

resolution: Final = Table(
    "resolution",
    metadata,
    _id(),
    _request(),
    _patient(),
    _text("variable"),
    _text("timepoint", default=""),
    _text("resolver"),
    _text("choice", CheckConstraint("choice IN ('first', 'second', 'third')", name="choice")),
    _text("raw", default=""),
    Column("scaled", _Big, nullable=True),
    _text("value", default=""),
    _text("missing", default=""),
    _text("comparator", default=""),
    _text("record_id", default=""),
    _text("reason", CheckConstraint("reason <> ''", name="reason")),
    _text("evidence_hash"),
    Column("first_entry", _Big, ForeignKey("entry.id"), nullable=False),
    Column("second_entry", _Big, ForeignKey("entry.id"), nullable=False),
    UniqueConstraint("first_entry", "second_entry"),
    Index(None, "patient_id", "variable", "timepoint", "id"),
)

query: Final = Table(
    "query",
    metadata,
    _id(),
    _request(),
    _patient(),
    _text("field"),
    _row("query"),
    _text("kind", CheckConstraint("kind IN ('open', 'answer', 'close')", name="kind")),
    _text("text"),
    _text("author"),
)

waiver: Final = Table(
    "waiver",
    metadata,
    _id(),
    _request(),
    _text("check_id"),
    _text("keys", default="[]"),
    _text("reason", CheckConstraint("reason <> ''", name="reason")),
    _text("author"),
)

calibration_round: Final = Table(
    "calibration_round",
    metadata,
    _id(),
    Column("number", Integer, nullable=False, unique=True),
    # Candidate numbers, and how each criterion was worded when the round was drawn.
    _text("cases"),
    _text("wording"),
    _text("protocol_hash"),
)

calibration_code: Final = Table(
    "calibration_code",
    metadata,
    _id(),
    _request(),
    Column("number", Integer, nullable=False),
    _patient(),
    _text("criterion"),
    Column("first_decision", _Big, ForeignKey("decision.id"), nullable=False),
    Column("second_decision", _Big, ForeignKey("decision.id"), nullable=False),
    _text("cause", CheckConstraint(f"cause IN {_CAUSES}", name="cause")),
    _text("note", CheckConstraint("note <> ''", name="note")),
    _text("wording", default=""),
    _text("author"),
    CheckConstraint("cause <> 'guideline_gap' OR wording <> ''", name="wording"),
)

calibration_gate: Final = Table(
    "calibration_gate",
    metadata,
    _id(),
    _request(),
    # A gate is opened once, after one round.
    Column("number", Integer, nullable=False, unique=True),
    Column("met", Boolean(create_constraint=False), nullable=False),
    _text("measured"),
    _text("reason", default=""),
    _text("protocol_hash"),
    _text("author"),
    CheckConstraint("met OR reason <> ''", name="reason"),
)

pace: Final = Table(
    "pace",
    metadata,
    _id(),
    _patient(),
    Column("slot", Integer, CheckConstraint("slot IN (1, 2)", name="slot"), nullable=False),
    # Criterion -> ms; no name: how long one person takes is nobody else's business.
    _text("taken"),
)

TABLES: Final[dict[str, Table]] = {
    t.name: t
    for t in (
        study_event,
        account,
        candidate,
        candidate_state,
        assignment,
        decision,
        arbitration,
        entry,
        resolution,
        query,
        waiver,
        calibration_round,
        calibration_code,
        calibration_gate,
        pace,
    )
}
"""Tables whose every row has an audit event."""

SINCE: Final[dict[int, tuple[Table, ...]]] = {
    2: (calibration_round, calibration_code, calibration_gate, pace),
}
"""Schema version -> tables that came with it; a database of an earlier version gets them when it is opened."""

DATA_TABLES: Final = frozenset(TABLES) - {"account", "study_event"}
"""Tables that take no more rows once the study is locked; sign-ins and exports are still recorded."""


def unique_keys(table: Table) -> list[tuple[str, ...]]:
    """Sets of columns of ``table`` that are unique, the primary key first.

    INSERT OR REPLACE deletes the row it collides with without asking any DELETE trigger, so each of
    these needs its own guard on SQLite.
    """
    primary = tuple(column.name for column in table.primary_key.columns)
    others = (c for c in table.constraints if isinstance(c, UniqueConstraint))
    return [primary, *sorted(tuple(column.name for column in c.columns) for c in others)]
