"""The study's keys: who signs a snapshot (Ed25519), and the secret behind its pseudonyms.

Private signing keys stand encrypted in ``keys/<role>.pem`` (PKCS#8, passphrase), public ones beside
them as ``keys/<role>.json``.  The pseudonym key is 32 random bytes in ``keys/pseudonym.key``; whoever has
it can link a pseudonym to a patient, so nothing here ever leaves the folder, and every file is 0600.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from extract.errors import AlreadyExists, NotFound, Refused, StorageFault
from extract.study.folder import StudyFolder
from validate.lock.files import storage_faults, sync_folder, write_new
from validate.lock.spelling import canonical_json

__all__ = ["PseudonymKey", "Signer", "available", "create_signer", "load_signer", "role_slug"]

_BLOCK: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
"""Block and pads of HMAC with SHA-256 (RFC 2104)."""


@dataclass(frozen=True)
class Signer:
    """A person who may sign: name, role (as in study.toml ``[lock] signatures``), meaning, private key."""

    name: str
    role: str
    meaning: str
    key: Ed25519PrivateKey

    @property
    def public_key(self) -> str:
        """64 lower-case hex digits."""
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def role_slug(role: str) -> str:
    """The role as a file name: ``data manager`` -> ``data-manager``; letters of any script stay."""
    return re.sub(r"[^\w]+", "-", role.lower(), flags=re.UNICODE).strip("-_") or "signer"


def _open_folder(folder: StudyFolder) -> None:
    with storage_faults(str(folder.keys)):
        folder.keys.mkdir(mode=0o700, parents=True, exist_ok=True)


def create_signer(
    folder: StudyFolder, *, name: str, role: str, passphrase: str, meaning: str = "lock"
) -> Signer:
    """A new key pair for ``role``. Raises AlreadyExists, Refused for an empty passphrase, StorageFault."""
    if not passphrase:
        raise Refused(f"the key of {role!r} needs a passphrase", "Give one; it is never stored.")
    _open_folder(folder)
    signer = Signer(name, role, meaning, Ed25519PrivateKey.generate())
    secret = signer.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    )
    public = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "meaning": meaning,
        "name": name,
        "public_key": signer.public_key,
        "role": role,
    }
    secret_file = folder.keys / f"{role_slug(role)}.pem"
    public_file = secret_file.with_suffix(".json")
    exists = AlreadyExists(
        f"{secret_file}: there is a key for {role!r} already",
        "Use it, or move it away: old snapshots verify without it.",
    )
    with storage_faults(str(folder.keys)):
        if secret_file.exists():
            raise exists
        # The private key comes last: without it the public half is a leftover, and is written anew.
        public_file.unlink(missing_ok=True)
        write_new(public_file, canonical_json(public), 0o600)
        try:
            write_new(secret_file, secret, 0o600)
        except FileExistsError:
            raise exists from None
        sync_folder(folder.keys)
    return signer


def load_signer(folder: StudyFolder, role: str, passphrase: str) -> Signer:
    """The signer of ``role``. Raises NotFound, or Refused when the passphrase does not open the key."""
    slug = role_slug(role)
    try:
        secret = (folder.keys / f"{slug}.pem").read_bytes()
        public = json.loads((folder.keys / f"{slug}.json").read_text(encoding="utf-8"))
        name, meaning = str(public["name"]), str(public["meaning"])
    except FileNotFoundError:
        raise NotFound(
            f"{folder.keys}: there is no key for {role!r}", "Make one for each role that signs."
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise StorageFault(
            f"{folder.keys}: the key of {role!r} cannot be read", "Restore it, or make a new one."
        ) from None
    try:
        key = load_pem_private_key(secret, passphrase.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(f"the key of {role!r} does not open with this passphrase", "Try again.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(f"the key of {role!r} is not an Ed25519 key", "Make a new one.")
    return Signer(name, role, meaning, key)


def available(folder: StudyFolder, roles: Sequence[str]) -> dict[str, bool]:
    """Role -> whether a key for it stands in the study folder."""
    return {role: (folder.keys / f"{role_slug(role)}.pem").is_file() for role in roles}


@dataclass(frozen=True)
class PseudonymKey:
    """The secret of a study's pseudonyms; ``of`` is HMAC-SHA-256, so nobody without it can guess back."""

    secret: bytes

    @classmethod
    def of_study(cls, folder: StudyFolder) -> PseudonymKey:
        """The study's key, made on first use. Raises StorageFault."""
        path = folder.keys / "pseudonym.key"
        _open_folder(folder)
        with storage_faults(str(path)):
            if not path.exists():
                # Written apart and linked, so that a crash cannot leave a short key behind.
                fresh = folder.keys / f".pseudonym.{secrets.token_hex(6)}"
                write_new(fresh, secrets.token_bytes(32), 0o600)
                try:
                    os.link(fresh, path)
                except FileExistsError:
                    pass  # another process was first; its key counts
                finally:
                    fresh.unlink()
                sync_folder(folder.keys)
            secret = path.read_bytes()
        if len(secret) != 32:
            raise StorageFault(
                f"{path}: is not a pseudonym key",
                "Restore it from the backup; a new one would change all ids.",
            )
        return cls(secret)

    def of(self, kind: str, text: str) -> str:
        """64 hex digits for ``text``; ``kind`` keeps a patient and a record of one number apart."""
        return next(self.of_all(kind, (text,)))

    def of_all(self, kind: str, texts: Iterable[str]) -> Iterator[str]:
        """The same of many: the key is taken in once, which is most of the work of an HMAC over a short text."""
        key = self.secret.ljust(_BLOCK, b"\x00")
        inner = hashlib.sha256(key.translate(_INNER) + f"{kind}\x00".encode())
        outer = hashlib.sha256(key.translate(_OUTER))
        for text in texts:
            within, without = inner.copy(), outer.copy()
            within.update(text.encode())
            without.update(within.digest())
            yield without.hexdigest()
