"""Why a cell differs between two versions: what the snapshots' lineage says, and inside the house who did it and why.

A snapshot holds no typed reason, so outside the house only the kind is known.  Beside the study database that
locked both versions, the acts between the two locks (their ids are sequence numbers of the audit chain) tell more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow.parquet as pq
from sqlalchemy import Connection, Table, select

from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.protocol import load
from extract.study.storage import database_exists, database_url, open_engine
from extract.study.tables import audit_event, entry, query, resolution, study_event
from validate.lock.manifest import MANIFEST
from validate.lock.pseudonyms import read_linking
from validate.lock.publish import recorded
from validate.lock.spelling import sha256

__all__ = ["KINDS", "Act", "Acts", "Kind", "Origins", "Unlock", "acts_between", "kind_of", "origins"]

Kind = Literal["source", "record", "method", "typed", "derived", "appeared", "vanished", "unknown"]

KINDS: Final[Mapping[Kind, Mapping[str, str]]] = {
    "source": {"zh": "原始记录在医院系统中被更改", "en": "the record was changed in the hospital"},
    "record": {"zh": "取自另一条记录", "en": "it was read in another record"},
    "method": {"zh": "取值方法不同", "en": "it was found in another way"},
    "typed": {"zh": "重新录入", "en": "it was typed anew"},
    "derived": {"zh": "由其他值计算得出", "en": "it follows from other values"},
    "appeared": {"zh": "此前缺失", "en": "it was missing before"},
    "vanished": {"zh": "现已缺失", "en": "it is missing now"},
    "unknown": {"zh": "快照未说明原因", "en": "the snapshots do not say why"},
}
_TYPED: Final = frozenset({"double_entry", "resolved"})

Origin = tuple[str, str | None, str | None]
"""(method, record, version) of a filled cell."""
Origins = Mapping[tuple[str, str], Origin]
"""(participant, column of data.parquet) -> where it comes from."""


def origins(snapshot: Path) -> dict[tuple[str, str], Origin]:
    """The lineage of a verified snapshot."""
    table = pq.read_table(snapshot / "lineage.parquet")
    names = ("participant", "column", "method", "record", "version")
    rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    return {(who, column): (method, record, version) for who, column, method, record, version in rows}


def kind_of(before: Origin | None, after: Origin | None) -> Kind:
    """What the lineage of one cell says about its change; pure."""
    if before is None or after is None:
        return "appeared" if after else "vanished" if before else "unknown"
    if "derived" in {before[0], after[0]}:
        return "derived"
    if before[0] != after[0]:
        return "method"
    if before[1] != after[1]:
        return "record"
    if before[2] != after[2]:
        return "source"
    return "typed" if after[0] in _TYPED else "unknown"


@dataclass(frozen=True)
class Act:
    """Somebody did something to one cell: an entry, a resolution, a query. ``reason`` is what they typed."""

    act: Literal["entry", "resolution", "query"]
    who: str
    when: str
    reason: str


@dataclass(frozen=True)
class Unlock:
    """Why a version was opened."""

    version: int
    who: str
    when: str
    reason: str


@dataclass(frozen=True)
class Acts:
    """What happened between two locks, as the study database tells it."""

    unlocks: tuple[Unlock, ...]
    cells: Mapping[tuple[str, str, str], tuple[Act, ...]]
    """(participant, variable, timepoint) -> acts in order."""


def acts_between(before: Path, after: Path) -> Acts | None:
    """The acts between two snapshots that stand in the folder of their study; None outside of it.

    A database that did not lock both of them is not asked. Raises StorageFault.
    """
    root = after.resolve().parent.parent
    if not (root / "study.toml").is_file() or before.resolve().parent.parent != root:
        return None
    folder = StudyFolder(root)
    if not database_exists(folder):
        return None
    manifests = [(path / MANIFEST).read_bytes() for path in (before, after)]
    told = [json.loads(data) for data in manifests]
    with _reading(folder, after) as (database, connection):
        known = recorded(database)
        if any(known.get(one["version"]) != sha256(data) for one, data in zip(told, manifests, strict=True)):
            return None
        first, last = sorted(int(one["audit"]["events"]) for one in told)
        return Acts(tuple(_unlocks(connection, first, last)), _cells(connection, folder, first, last))


@contextmanager
def _reading(folder: StudyFolder, snapshot: Path) -> Iterator[tuple[StudyDatabase, Connection]]:
    """The study database as it is: ``StudyDatabase.open`` would note a changed study.toml in it."""
    database = StudyDatabase(open_engine(database_url(folder)), load(snapshot / "study.toml"))
    try:
        with database.reading() as connection:
            yield database, connection
    finally:
        database.close()


def _rows(connection: Connection, table: Table, first: int, last: int) -> list[Mapping[str, Any]]:
    """The rows of ``table`` written after event ``first`` up to ``last``, each with the time of its event."""
    found = select(table, audit_event.c.at, audit_event.c.actor).join(
        audit_event, audit_event.c.seq == table.c.id
    )
    within = found.where(table.c.id > first, table.c.id <= last).order_by(table.c.id)
    return [dict(row) for row in connection.execute(within).mappings()]


def _unlocks(connection: Connection, first: int, last: int) -> Iterator[Unlock]:
    for row in _rows(connection, study_event, first, last):
        if row["kind"] == "unlock":
            yield Unlock(int(row["version"]), row["actor"], row["at"], row["reason"])


def _cells(
    connection: Connection, folder: StudyFolder, first: int, last: int
) -> dict[tuple[str, str, str], tuple[Act, ...]]:
    names = read_linking(folder)
    found: dict[tuple[str, str, str], list[tuple[int, Act]]] = {}

    def add(row: Mapping[str, Any], place: tuple[str, str], act: Act) -> None:
        if row["patient_id"] in names:
            found.setdefault((names[row["patient_id"]], *place), []).append((row["id"], act))

    for row in _rows(connection, entry, first, last):
        add(row, (row["variable"], row["timepoint"]), Act("entry", row["abstractor"], row["at"], ""))
    for row in _rows(connection, resolution, first, last):
        act = Act("resolution", row["resolver"], row["at"], row["reason"])
        add(row, (row["variable"], row["timepoint"]), act)
    for row in _rows(connection, query, first, last):
        variable, _, timepoint = str(row["field"]).partition("@")
        add(row, (variable, timepoint), Act("query", row["author"], row["at"], row["text"]))
    return {
        place: tuple(act for _, act in sorted(acts, key=lambda pair: pair[0]))
        for place, acts in found.items()
    }
