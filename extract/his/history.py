"""The history of a record: every version of it that a pull has seen, when, and which columns changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from extract.his.landing import Landing
from extract.his.records import SCHEMAS

__all__ = ["Seen", "history"]


@dataclass(frozen=True)
class Seen:
    """A stretch of pulls that all saw one version of a record; a version that came back has two."""

    version: str
    first_seen: str
    """UTC, to the second, as ``last_seen``."""
    last_seen: str
    run: str
    """The first run that saw it."""
    last_run: str
    gone: str | None
    """The first run that did not see the record any more, where it then went."""
    changed: tuple[str, ...]
    """Columns that differ from the version before; none for the first, and none for a return unchanged."""
    values: dict[str, Any]
    """The canonical columns: patient data."""

    def to_json(self, *, values: bool) -> dict[str, Any]:
        """The shape of ``cohortlock history --json``; what the record says only where it is asked for."""
        told = {
            "version": self.version,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "run": self.run,
            "last_run": self.last_run,
            "gone": self.gone,
            "changed": list(self.changed),
        }
        return told | ({"values": {k: _plain(v) for k, v in self.values.items()}} if values else {})


def history(path: Path, record_id: str) -> list[Seen]:
    """What the pulls below ``path`` (a landing store) saw of a record, oldest first.

    Raises NotFound for a record that never landed, NotReady before the first pull has finished.
    """
    landing = Landing(path)
    try:
        rows = landing.versions(record_id).to_pylist()
        stretches = landing.stretches(record_id)
    finally:
        landing.close()
    values = {row["version"]: {n: row[n] for n in SCHEMAS[record_id.partition(":")[0]].names} for row in rows}
    landed = {row["version"]: row for row in rows}
    began = landed[stretches[0].version]
    first, run = began["first_seen"].isoformat(" "), str(began["run"])
    found: list[Seen] = []
    for one in stretches:
        before = found[-1].values if found else values[one.version]
        after = values[one.version]
        # The time of a change is not a change: it is no part of a version either.
        changed = tuple(n for n in after if n != "updated_at" and after[n] != before[n])
        found.append(Seen(one.version, first, one.last_seen, run, one.last_run, one.gone_run, changed, after))
        first, run = one.until, one.until_run
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value if value is None or isinstance(value, str) else str(value)
