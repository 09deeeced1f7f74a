"""The path of a cell: its value, how it was found, the record's versions, its table and key in the hospital.

A snapshot alone tells as far as its pseudonyms; in the folder of its study the linking table and the landing
store tell the rest.  What is computed leads to the cells that it follows from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from extract.errors import CohortlockError, NotFound
from extract.his.history import history
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol, load
from validate.lock.canonical import NULL, cell_texts
from validate.lock.columns import RESPONDER, Column, columns, ends, value_column
from validate.lock.lineage import trace

__all__ = ["path_of"]


def path_of(snapshot: Path, participant: str, column: str) -> dict[str, Any]:
    """The ``why`` --json contract of a cell of a verified snapshot. Shows a value of the data.

    Raises SnapshotBroken, NotFound for a participant or column that is not there.
    """
    protocol = load(snapshot / "study.toml")
    known = {one.name: one for one in columns(protocol)}
    if column not in known or known[column].kind == "participant":
        raise NotFound(
            f"{column}: no column of this snapshot has this name", "codebook.csv lists the columns."
        )
    rows = pq.read_table(snapshot / "data.parquet", filters=[("participant", "==", participant)])
    if not rows.num_rows:
        raise NotFound(
            f"{participant}: no participant of this snapshot has this number", "They are P001, P002, ..."
        )
    home = snapshot.resolve().parent.parent
    folder = StudyFolder(home) if (home / "study.toml").is_file() else None

    def told(one: Column) -> dict[str, Any]:
        text = cell_texts(rows.column(one.name))[0].as_py()
        found: dict[str, Any] = {
            "column": one.name,
            "label": _said(one),
            "value": None if text == NULL else text,
        }
        if one.kind == "value":
            found |= _recorded(snapshot, participant, one)
            found |= {} if text == NULL else _origin(folder, snapshot, participant, one.name)
        else:
            found |= {"method": "derived", "follows": [told(known[name]) for name in _parents(protocol, one)]}
        return found

    return {"snapshot": snapshot.name, "participant": participant, **told(known[column])}


def _said(one: Column) -> dict[str, str]:
    return {"zh": one.label.zh, "en": one.label.en}


def _parents(protocol: Protocol, one: Column) -> Iterator[str]:
    """The columns that a computed one follows from."""
    if one.kind == RESPONDER:
        tests = (*protocol.outcome.responder.any, *protocol.outcome.responder.all)
        variables = [protocol.variable_named(name) for name in dict.fromkeys(test.variable for test in tests)]
    else:
        variables = [one.variable] if one.variable else []
    for variable in variables:
        yield from (value_column(variable, point) for point in ends(protocol, variable))


def _recorded(snapshot: Path, participant: str, one: Column) -> dict[str, Any]:
    """As long.parquet has it: what was recorded, why it is missing, how and when."""
    assert one.variable is not None  # noqa: S101 - a value has its variable
    place = [
        ("participant", "==", participant),
        ("variable", "==", one.variable.id),
        ("timepoint", "==", one.timepoint),
    ]
    row: Mapping[str, Any] = pq.read_table(snapshot / "long.parquet", filters=place).to_pylist()[0]
    recorded = None if row["value"] is None else f"{row['comparator'] or ''}{row['value']}"
    return {"recorded": recorded, "missing": row["missing"], "method": row["method"], "day": row["day"]}


def _origin(folder: StudyFolder | None, snapshot: Path, participant: str, column: str) -> dict[str, Any]:
    """The record by its table and key, and every version that a pull has seen; ``read`` marks the one that was."""
    if folder is None:
        row = pq.read_table(
            snapshot / "lineage.parquet",
            filters=[("participant", "==", participant), ("column", "==", column)],
        ).to_pylist()[0]
        return {"record": row["record"] and {"pseudonym": row["record"], "version": row["version"]}}
    found = trace(folder, snapshot, participant, column)
    if found.record_id is None:
        return {"record": None}
    table, _, key = found.record_id.partition(":")
    record = {"table": table, "key": key, "version": found.version, "start": found.start, "end": found.end}
    try:
        seen = history(folder.landing, found.record_id)
    except CohortlockError:
        # The landing store may have been pruned since; the linking table still names the record.
        return {"record": record | {"versions": []}}
    versions = [one.to_json(values=False) | {"read": one.version == found.version} for one in seen]
    return {"record": record | {"versions": versions}}
