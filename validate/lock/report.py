"""What verify found: each difference with its file and kind, and what a sound snapshot says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Problem", "VerifyReport"]


@dataclass(frozen=True)
class Problem:
    """One difference: the file, its kind, one sentence.

    Kinds: ``missing extra type size hash unreadable manifest signature signer consistency logical_hash
    audit_chain anchor``.
    """

    file: str
    kind: str
    message: str


@dataclass(frozen=True)
class VerifyReport:
    """What verify found in the snapshot at ``path``.

    ``logical_hash`` is the signed one, None when anything is wrong; ``recomputed`` says whether the rows were
    read and gave it anew. ``size`` counts bytes of all files.
    """

    path: Path
    files: int
    size: int
    logical_hash: str | None
    recomputed: bool
    manifest_sha256: str | None
    signers: tuple[Mapping[str, Any], ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the snapshot is what was signed."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """The shape of ``cohortlock verify --json``."""
        told = ("name", "role", "meaning", "public_key")
        return {
            "ok": self.ok,
            "files": self.files,
            "bytes": self.size,
            "logical_hash": self.logical_hash,
            "recomputed": self.recomputed,
            "manifest_sha256": self.manifest_sha256,
            "signers": [{name: signer.get(name) for name in told} for signer in self.signers],
            "problems": [{"file": p.file, "kind": p.kind, "message": p.message} for p in self.problems],
        }
