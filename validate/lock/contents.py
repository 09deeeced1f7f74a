"""What stands in a snapshot: each file's bytes, from what was assembled, checked and reconciled; pure.

Nothing here may hold a patient id, a clinical date or free text: ids go through ``Pseudonyms``, and of
verdicts, waivers and audit events only codes, keys and the time of the act are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from extract.study.chain import Head
from extract.study.protocol import Protocol
from validate.checks.results import CheckReport
from validate.lock.assemble import Draft
from validate.lock.audit import audit_lines
from validate.lock.canonical import hash_of_tables
from validate.lock.codebook import codebook_csv, codebook_json
from validate.lock.described import describe
from validate.lock.disclosure import disclosure
from validate.lock.publish import Contents, about, parquet
from validate.lock.rows import Rows
from validate.lock.spelling import canonical_json

__all__ = ["Reviewed", "build_contents"]

_RECONCILIATION: Final = pa.schema(
    [
        ("participant", pa.string()),
        ("criterion", pa.string()),
        ("first", pa.string()),
        ("second", pa.string()),
        ("arbitrated", pa.string()),
        ("final", pa.string()),
    ]
)


@dataclass(frozen=True)
class Reviewed:
    """One criterion of one candidate: two opinions, the arbitration, what counts; None where nobody spoke."""

    patient_id: str
    criterion: str
    first: str | None
    second: str | None
    arbitrated: str | None
    final: str | None


def build_contents(
    protocol: Protocol,
    draft: Draft,
    *,
    study_toml: bytes,
    report: CheckReport,
    reviewed: Iterable[Reviewed],
    agreement: Mapping[str, Any],
    flow: Mapping[str, Any],
    sql: Mapping[str, str],
    audit: Iterable[Mapping[str, Any]],
    head: Head,
    own: Mapping[str, bytes] | None = None,
) -> Contents:
    """Every file but manifest and signatures, by its path inside the snapshot.

    ``own`` are the site's own expectations, by file name, as the checks ran them.
    """
    tables = {"data": draft.wide, "long": draft.long}
    logical = hash_of_tables(tables)
    events = list(audit)
    files: dict[str, bytes | Rows] = {
        "data.parquet": parquet(draft.wide),
        "long.parquet": parquet(draft.long),
        "lineage.parquet": parquet(draft.lineage),
        "reconciliation.parquet": parquet(_reconciliation(draft, reviewed)),
        "codebook.json": codebook_json(protocol),
        "codebook.csv": codebook_csv(protocol),
        "study.toml": study_toml,
        **(own or {}),
        "checks.json": canonical_json(report.to_json(inside=False)),
        "disclosure.json": canonical_json(disclosure(protocol, draft.wide)),
        "agreement.json": canonical_json(dict(agreement)),
        "flow.json": canonical_json(dict(flow)),
        "audit.jsonl": audit_lines(events),
        **{f"sql/{name}": text.encode() for name, text in sql.items()},
    }
    dated = max((str(event["at"]) for event in events), default="")
    described = describe(protocol, {name: about(data) for name, data in files.items()}, logical, dated)
    return Contents({**files, **described}, tables, logical, head)


def _reconciliation(draft: Draft, reviewed: Iterable[Reviewed]) -> pa.Table:
    rows = [
        {
            "participant": draft.pseudonyms.subject(row.patient_id),
            "criterion": row.criterion,
            "first": row.first,
            "second": row.second,
            "arbitrated": row.arbitrated,
            "final": row.final,
        }
        for row in reviewed
    ]
    rows.sort(key=lambda row: (str(row["participant"]), str(row["criterion"])))
    return pa.Table.from_pylist(rows, _RECONCILIATION)
