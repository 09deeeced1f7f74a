"""Putting a signature under a manifest; ``validate.lock.manifest`` reads it back, without any private key."""

from __future__ import annotations

from datetime import UTC, datetime

from validate.lock.keys import Signer, role_slug
from validate.lock.manifest import FORMAT, SIGNATURES
from validate.lock.spelling import canonical_json, sha256

__all__ = ["sign", "signature_file"]


def signature_file(role: str) -> str:
    """Where the signature of ``role`` stands in a snapshot."""
    return f"{SIGNATURES}/{role_slug(role)}.json"


def sign(manifest: bytes, signer: Signer, at: datetime | None = None) -> bytes:
    """The signature file of ``signer`` over the bytes of a manifest."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    claim = {
        "format": FORMAT,
        "manifest_sha256": sha256(manifest),
        "meaning": signer.meaning,
        "name": signer.name,
        "public_key": signer.public_key,
        "role": signer.role,
        "signed_at": moment.isoformat(timespec="seconds"),
    }
    return canonical_json({**claim, "signature": signer.key.sign(canonical_json(claim)).hex()})
