"""Checks of the study database, in SQL where its rows are: who judged, on what, and whether it stands.

Each rule is one statement of ``sql/checks/``, the same text on SQLite and PostgreSQL: the rows that it looks
at, each with a key and whether it is ``broken``.  A key names a candidate by its number and a criterion or
field (``candidate/12/I2``), as the audit does: it holds neither a patient's id nor a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from extract.study.protocol import Label, Protocol
from sql import study_query
from validate.checks.results import CheckResult, Status
from validate.checks.rules import steps

__all__ = ["StoredRule", "check_stored", "stored_rules"]


@dataclass(frozen=True)
class StoredRule:
    """One statement over the study database, with what it is asked for."""

    id: str
    kind: str
    query: str
    label: Label
    binds: Mapping[str, str | int | float] = field(default_factory=dict, hash=False)


_OF_REVIEW: Final = (
    ("verdict_evidence", "evidence", "没有无证据的意见或裁定", "no opinion or ruling without its evidence"),
    ("opinion_stands", "source", "意见所依据的证据即现有证据", "opinions are on the present evidence"),
    ("two_reviewers", "two_people", "两名评审员为不同的人", "the two reviewers are two people"),
    ("two_passes", "two_people", "两次录入为不同的人", "the two entries are by two people"),
    ("third_arbitrator", "third_person", "仲裁人不是评审员", "the arbitrator is neither reviewer"),
    ("third_resolver", "third_person", "裁定人不是录入员", "who settles a field entered neither value"),
    ("ruling_settles", "settles", "仲裁针对不一致的两个意见", "a ruling settles two opinions that differ"),
    (
        "resolution_settles",
        "settles",
        "裁定针对不一致的两次录入",
        "a resolution settles two entries that differ",
    ),
)


def stored_rules(protocol: Protocol) -> tuple[StoredRule, ...]:
    """Every rule over the study database: those of the review, then limits of what is typed."""
    of_review = (
        StoredRule(f"stored.{query}", kind, query, Label(zh=zh, en=en)) for query, kind, zh, en in _OF_REVIEW
    )
    return (*of_review, *_of_entries(protocol))


def _of_entries(protocol: Protocol) -> Iterator[StoredRule]:
    for variable in protocol.variable:
        if variable.entry != "double":
            continue
        label = variable.label
        if variable.range:
            low, high = (steps(variable, limit) for limit in variable.range)
            yield StoredRule(
                f"stored.{variable.id}.range",
                "range",
                "entry_range",
                Label(zh=f"{label.zh}的录入在范围内", en=f"{label.en} was entered in its range"),
                {"variable": variable.id, "low": low, "high": high},
            )
        yield StoredRule(
            f"stored.{variable.id}.missing_code",
            "missing_code",
            "entry_missing",
            Label(zh=f"{label.zh}录入的缺失代码合法", en=f"{label.en} was entered with legal missing codes"),
            {"variable": variable.id, "legal": f"|{'|'.join(variable.missing)}|"},
        )


def check_stored(connection: Connection, protocol: Protocol) -> tuple[CheckResult, ...]:
    """The result of each rule, in one view of the database; nothing is written."""
    return tuple(_result(connection, rule) for rule in stored_rules(protocol))


def _result(connection: Connection, rule: StoredRule) -> CheckResult:
    status: Status
    keys: tuple[str, ...] = ()
    rows, detail = 0, ""
    asked = _spoken(study_query(f"checks/{rule.query}"), connection.dialect.name)
    try:
        # A statement that fails must not take the others of this transaction with it.
        with connection.begin_nested():
            counted = text(f"SELECT COUNT(*) AS looked_at, SUM(q.broken) AS broken FROM ({asked}) q")  # noqa: S608 - our own text
            rows, broken = connection.execute(counted, rule.binds).one()
            if broken:
                named = text(f"SELECT DISTINCT q.row_key FROM ({asked}) q WHERE q.broken = 1")  # noqa: S608 - our own text
                keys = tuple(sorted(connection.execute(named, rule.binds).scalars(), key=_natural))
        status = "fail" if keys else "pass" if rows else "not_evaluated"
    except SQLAlchemyError:  # its message may quote a row
        status, rows, detail = "error", 0, "the database could not evaluate it"
    return CheckResult(rule.id, rule.kind, status, "error", rule.label, rows, keys, detail)


def _natural(key: str) -> tuple[int, str]:
    """Candidates in the order in which they came, on every database alike."""
    return int(key.split("/")[1]), key


def _spoken(statement: str, dialect: str) -> str:
    """The statement with ``JSON_TEXT(column, key, ...)`` in the words of ``dialect``."""

    def words(matched: re.Match[str]) -> str:
        column, *path = (part.strip() for part in matched[1].split(","))
        if dialect == "postgresql":
            *inner, last = path
            return f"(CAST({column} AS json) {''.join(f'-> {key} ' for key in inner)}->> {last})"
        names = " || ".join(f"""'."' || {key} || '"'""" for key in path)
        return f"CAST(json_extract({column}, '$' || {names}) AS VARCHAR)"

    return re.sub(r"JSON_TEXT\(([^()]*)\)", words, statement)
