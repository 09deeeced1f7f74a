"""The manifest: what a snapshot consists of; and how the signatures over it are read.

``manifest.json`` names every other file with its SHA-256 and size, except the signatures, which sign
*it*: each ``signatures/<role>.json`` carries the manifest's SHA-256 and an Ed25519 signature over the
canonical JSON of all its own other fields.  Both are written in one canonical spelling, and read back only
in that spelling, so no byte of them is free.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from extract.errors import SnapshotBroken
from validate.lock.spelling import canonical_json, sha256

__all__ = ["FORMAT", "MANIFEST", "SIGNATURES", "SignatureFault", "read_canonical", "signature_fault"]

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURES: Final = "signatures"
_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_HEX_128: Final = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True)
class SignatureFault:
    """Why a signature does not hold, and which of the two files is to blame."""

    file: str
    kind: str
    message: str


def read_canonical(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in ``data``. Raises SnapshotBroken unless the bytes are its canonical spelling."""
    try:
        value = json.loads(data)
        same = isinstance(value, dict) and canonical_json(value) == data
    except (ValueError, RecursionError):
        raise SnapshotBroken(f"{name}: is not JSON", "Restore the snapshot from a copy.") from None
    if not same:
        raise SnapshotBroken(f"{name}: is not in its canonical spelling", "Restore the snapshot from a copy.")
    assert isinstance(value, dict)  # noqa: S101 - narrows the type; `same` holds it
    return value


def signature_fault(data: bytes, expected: dict[str, Any], manifest: bytes) -> SignatureFault | None:
    """None when the signature holds; ``expected`` is the signer's entry in the manifest.

    The signature is judged by the key it carries first, then by what the manifest says, so that the file
    that was changed is the one that is named.
    """
    file = str(expected.get("file"))
    try:
        found = read_canonical(data, file)
    except SnapshotBroken as error:
        return SignatureFault(file, "unreadable", error.message)
    signature, key = found.pop("signature", None), found.get("public_key")
    if not (
        isinstance(signature, str)
        and isinstance(key, str)
        and _HEX_128.fullmatch(signature)
        and _HEX_64.fullmatch(key)
    ):
        return SignatureFault(file, "signature", f"{file}: holds no signature")
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(signature), canonical_json(found)
        )
    except (InvalidSignature, ValueError):
        return SignatureFault(file, "signature", f"{file}: the signature does not fit what it signs")
    if found.get("manifest_sha256") != sha256(manifest):
        return SignatureFault(
            MANIFEST,
            "signature",
            f"{MANIFEST}: is not the manifest that {file} signed (or that is another's)",
        )
    for field in ("name", "role", "meaning", "public_key"):
        if found.get(field) != expected.get(field):
            return SignatureFault(file, "signer", f"{file}: its {field} is not the one the manifest names")
    return None
