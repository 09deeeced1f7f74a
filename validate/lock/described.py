"""A snapshot described for other people's machines: datapackage.json (Frictionless) and RO-Crate metadata.

Both are made from the bytes of the other files alone, so the same study gives the same bytes; the manifest
then vouches for them as for any file.  Neither can name the manifest's hash, which comes after them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from extract.study.protocol import Protocol
from validate.lock.codebook import codebook_json
from validate.lock.consistent import DATA_PACKAGE, RO_CRATE
from validate.lock.spelling import canonical_json

__all__ = ["describe"]


_PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"
_RESOURCE: Final = "https://datapackage.org/profiles/2.0/dataresource.json"
_CONTEXT: Final = "https://w3id.org/ro/crate/1.1/context"
_CONFORMS: Final = "https://w3id.org/ro/crate/1.1"
_MEDIA: Final = {
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
    "toml": "application/toml",
    "sql": "application/sql",
}
_WHAT: Final = {
    "data.parquet": "One row per participant: every variable, the changes between timepoints, who responded.",
    "long.parquet": "One row per participant, variable and timepoint: the value as recorded, or why it is missing.",
    "lineage.parquet": "Per filled cell of data.parquet: method, record, record version, characters.",
    "reconciliation.parquet": "Per candidate and criterion: two opinions, the arbitration, what counts.",
    "codebook.json": "What each column of data.parquet is, as a Table Schema with labels in zh and en.",
    "codebook.csv": "The codebook for a spreadsheet.",
    "study.toml": "The protocol of the study.",
    "checks.toml": "What the hospital expects of the data beyond the protocol.",
    "expectations.json": "The same as a suite of Great Expectations.",
    "checks.json": "Each check of the data with its status and the keys of the rows that fail.",
    "disclosure.json": "How small the groups are that quasi-identifiers make.",
    "agreement.json": "Agreement of the reviewers and of the two entries.",
    "flow.json": "The funnel, in patients and visits.",
    "audit.jsonl": "Who did what when, as a hash chain; no patient, no value.",
    "manifest.json": "SHA-256 of every file, the logical hash, and who signed.",
}
_ACCESS: Final = (
    "Pseudonymised patient data under the ethics approval {approval}; not to be passed on without the leave "
    "of the study's principal investigator."
)


def describe(
    protocol: Protocol, files: Mapping[str, tuple[int, str]], logical: str, dated: str
) -> dict[str, bytes]:
    """``datapackage.json`` and ``ro-crate-metadata.json`` of a snapshot with ``files``: name -> size, SHA-256.

    ``logical`` is the logical hash, ``dated`` the time (ISO 8601) of the last act that the snapshot contains.
    """
    return {
        DATA_PACKAGE: _data_package(protocol, files, logical),
        RO_CRATE: _ro_crate(protocol, files, logical, dated),
    }


def _title(protocol: Protocol) -> str:
    said = f"{protocol.study.title.en} ({protocol.study.title.zh})"
    return f"{said}, simulated" if protocol.study.simulated else said


def _description(name: str) -> str:
    if name.startswith("sql/"):
        return "SQL as the pull ran it, with its binds in statements.json."
    return _WHAT.get(name, "Part of the snapshot.")


def _media(name: str) -> str:
    return _MEDIA.get(name.rpartition(".")[2], "text/plain")


def _data_package(protocol: Protocol, files: Mapping[str, tuple[int, str]], logical: str) -> bytes:
    codebook = json.loads(codebook_json(protocol))
    long = codebook.pop("long")
    schemas = {
        "data.parquet": {key: codebook[key] for key in ("fields", "primaryKey", "missingValues")},
        "long.parquet": long,
    }
    resources = []
    for name, (size, digest) in sorted(files.items()):
        resource: dict[str, Any] = {
            "$schema": _RESOURCE,
            "name": re.sub(r"[^a-z0-9._-]+", "-", name.lower()),
            "path": name,
            "format": name.rpartition(".")[2],
            "mediatype": _media(name),
            "bytes": size,
            "hash": f"sha256:{digest}",
            "description": _description(name),
        }
        if name in schemas:
            resource |= {"type": "table", "schema": schemas[name]}
        resources.append(resource)
    return canonical_json(
        {
            "$schema": _PROFILE,
            "name": protocol.study.id,
            "title": _title(protocol),
            "description": _ACCESS.format(approval=protocol.study.ethics.approval or "(none)"),
            "logical_hash": logical,
            "protocol_hash": protocol.hash,
            "resources": resources,
        }
    )


def _ro_crate(protocol: Protocol, files: Mapping[str, tuple[int, str]], logical: str, dated: str) -> bytes:
    named: dict[str, tuple[int, str] | None] = {**files, DATA_PACKAGE: None, "manifest.json": None}
    parts = [
        {
            "@id": name,
            "@type": "File",
            "name": name,
            "description": _description(name),
            "encodingFormat": _media(name),
        }
        # Only what was there first has a size that can be told here; the manifest tells all of them.
        | ({} if about is None else {"contentSize": str(about[0]), "sha256": about[1]})
        for name, about in sorted(named.items())
    ]
    access = _ACCESS.format(approval=protocol.study.ethics.approval or "(none)")
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": _title(protocol),
        "description": f"Locked dataset of the study {protocol.study.id}.",
        "datePublished": dated,
        "identifier": f"sha256:{logical}",
        "license": {"@id": "#access"},
        "hasPart": [{"@id": str(part["@id"])} for part in parts] + [{"@id": "signatures/"}],
    }
    graph: list[dict[str, Any]] = [
        {
            "@id": RO_CRATE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": _CONFORMS},
        },
        root,
        {"@id": "#access", "@type": "CreativeWork", "name": "Terms of access", "description": access},
        {
            "@id": "signatures/",
            "@type": "Dataset",
            "name": "signatures",
            "description": "Ed25519 signatures over the manifest, one a role.",
        },
        *parts,
    ]
    return canonical_json({"@context": _CONTEXT, "@graph": graph})
