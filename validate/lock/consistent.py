"""Whether the files of a snapshot tell one story: what several of them say must be the same; pure.

Each file may be as its signers left it and still contradict another: a manifest signed anew with a hash that
the data package does not name, a signature left out that the protocol asks for.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from validate.lock.report import Problem

__all__ = ["DATA_PACKAGE", "RO_CRATE", "TABLES", "inconsistencies"]

TABLES: Final = {"data": "data.parquet", "long": "long.parquet"}
"""Table of the logical hash -> its file."""
DATA_PACKAGE: Final = "datapackage.json"
RO_CRATE: Final = "ro-crate-metadata.json"


def inconsistencies(manifest: Mapping[str, Any], texts: Mapping[str, bytes]) -> Iterator[Problem]:
    """What contradicts ``manifest``; ``texts`` are the bytes of the files that this reads and that are there."""
    rules: Mapping[str, Callable[[Mapping[str, Any], bytes], Iterator[str]]] = {
        DATA_PACKAGE: _data_package,
        RO_CRATE: _ro_crate,
        "study.toml": _study,
    }
    for name, rule in rules.items():
        if name not in texts:
            continue
        try:
            yield from (_odd(name, said) for said in rule(manifest, texts[name]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield _odd(name, "cannot be read")


def _odd(file: str, said: str) -> Problem:
    return Problem(file, "consistency", f"{file}: {said}")


def _data_package(manifest: Mapping[str, Any], data: bytes) -> Iterator[str]:
    package = json.loads(data)
    for what in ("logical_hash", "protocol_hash"):
        if package[what] != manifest[what]:
            yield f"its {what} is not the manifest's"
    told = {one["path"]: (one["bytes"], one["hash"]) for one in package["resources"]}
    listed = {
        name: (entry["size"], f"sha256:{entry['sha256']}")
        for name, entry in manifest["files"].items()
        if name not in {DATA_PACKAGE, RO_CRATE}
    }
    for name in sorted(told.keys() | listed.keys()):
        if told.get(name) != listed.get(name):
            yield f"says otherwise of {name} than the manifest"


def _ro_crate(manifest: Mapping[str, Any], data: bytes) -> Iterator[str]:
    parts = {one["@id"]: one for one in json.loads(data)["@graph"]}
    if parts["./"]["identifier"] != f"sha256:{manifest['logical_hash']}":
        yield "its identifier is not the manifest's logical hash"
    for name, part in sorted(parts.items()):
        if "sha256" in part and part["sha256"] != manifest["files"].get(name, {}).get("sha256"):
            yield f"says otherwise of {name} than the manifest"


def _study(manifest: Mapping[str, Any], data: bytes) -> Iterator[str]:
    study = tomllib.loads(data.decode())
    if study["study"]["id"] != manifest["study"]:
        yield "is another study's than the manifest names"
    if bool(study.get("study", {}).get("simulated", False)) != manifest["simulated"]:
        yield "says otherwise than the manifest whether the data are simulated"
    signed = {signer.get("role") for signer in manifest["signers"]}
    for role in study.get("lock", {}).get("signatures", ()):
        if role not in signed:
            yield f"asks for a signature as {role}, and nobody signed as that"
