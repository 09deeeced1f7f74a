"""The anchor: a few lines, printed or posted at the time of a lock, that no later forgery can reach.

A snapshot signed anew by somebody with keys of their own is consistent in itself.  The anchor says from outside
of it which manifest was signed, and where the audit chain stood: it tells a rewritten snapshot, and a later
version whose chain no longer passes through the anchored event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from extract.errors import SnapshotBroken
from extract.study.chain import Head
from validate.lock.manifest import MANIFEST
from validate.lock.report import Problem

__all__ = ["Anchor", "anchor_problems", "parse_anchor"]

_LINES: Final = re.compile(
    r"cohortlock snapshot (?P<study>\S+) v(?P<version>[1-9]\d*), locked (?P<locked>\S+)\s+"
    r"manifest sha256 +(?P<manifest>[0-9a-f]{64})\s+"
    r"logical hash +(?P<logical>[0-9a-f]{64})\s+"
    r"audit head +(?P<event>\d+) (?P<head>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Anchor:
    """What fixes one version of a study: the hashes of its manifest and of its rows, and the head of its audit chain."""

    study: str
    version: int
    locked: str
    manifest_sha256: str
    logical_hash: str
    head: Head
    signed_by: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifest: Mapping[str, Any], digest: str) -> Anchor:
        """The anchor of the snapshot with ``manifest``, whose bytes have the SHA-256 ``digest``."""
        return cls(
            str(manifest["study"]),
            int(manifest["version"]),
            str(manifest["created_at"]),
            digest,
            str(manifest["logical_hash"]),
            Head(int(manifest["audit"]["events"]), str(manifest["audit"]["head"])),
            tuple(
                f"{s['name']} ({s['role']}: {s['meaning']}), key {s['public_key']}"
                for s in manifest["signers"]
            ),
        )

    def text(self) -> str:
        """The lines to print, post or put in the paper; ``parse_anchor`` reads them back."""
        return "".join(
            f"{line}\n"
            for line in (
                f"cohortlock snapshot {self.study} v{self.version}, locked {self.locked}",
                f"manifest sha256 {self.manifest_sha256}",
                f"logical hash    {self.logical_hash}",
                f"audit head      {self.head.seq} {self.head.hash}",
                *(f"signed by       {one}" for one in self.signed_by),
            )
        )

    def to_json(self) -> dict[str, Any]:
        """The shape of ``cohortlock anchor --json``."""
        return {
            "study": self.study,
            "version": self.version,
            "locked": self.locked,
            "manifest_sha256": self.manifest_sha256,
            "logical_hash": self.logical_hash,
            "audit": {"events": self.head.seq, "head": self.head.hash},
            "signed_by": list(self.signed_by),
        }


def parse_anchor(text: str) -> Anchor:
    """The anchor that stands somewhere in ``text``: a mail or a page around it does not matter.

    Raises SnapshotBroken when there is none, or more than one.
    """
    found = list(_LINES.finditer(text))
    if len(found) != 1:
        raise SnapshotBroken(
            f"the text holds {len(found) or 'no'} anchors",
            "Give the lines that `cohortlock anchor` printed, whole and once.",
        )
    said = found[0]
    return Anchor(
        said["study"],
        int(said["version"]),
        said["locked"],
        said["manifest"],
        said["logical"],
        Head(int(said["event"]), said["head"]),
    )


def anchor_problems(anchor: Anchor, mine: Anchor, previous: object, audit: bytes | None) -> Iterator[Problem]:
    """Where the snapshot that says ``mine`` of itself does not fit ``anchor``, of its own version or an earlier one.

    ``previous`` is what its manifest names as the version before; ``audit`` are the bytes of its audit.jsonl,
    None when they are not as signed.
    """
    if anchor.study != mine.study:
        yield _not(f"is of study {mine.study}, the anchor of {anchor.study}")
    elif anchor.version > mine.version:
        yield _not(f"is of version {mine.version}, the anchor of the later {anchor.version}")
    elif anchor.version == mine.version:
        for what, here, there in (
            ("manifest", mine.manifest_sha256, anchor.manifest_sha256),
            ("logical hash", mine.logical_hash, anchor.logical_hash),
            ("audit head", mine.head, anchor.head),
        ):
            if here != there:
                yield _not(f"its {what} is not the one that was anchored")
    else:
        before = previous if isinstance(previous, dict) else {}
        if (
            before.get("version") == anchor.version
            and before.get("manifest_sha256") != anchor.manifest_sha256
        ):
            yield _not(f"follows another version {anchor.version} than the anchored one")
        if audit is not None and _hash_at(audit, anchor.head.seq) != anchor.head.hash:
            yield Problem(
                "audit.jsonl",
                "anchor",
                f"audit.jsonl, line {anchor.head.seq}: is not the event that was anchored",
            )


def _not(said: str) -> Problem:
    return Problem(MANIFEST, "anchor", f"{MANIFEST}: {said}")


def _hash_at(audit: bytes, number: int) -> str | None:
    """The seal of the event on the 1-based line ``number``; None when there is no such event."""
    lines = audit.split(b"\n")
    try:
        return str(json.loads(lines[number - 1])["hash"]) if 0 < number <= len(lines) else None
    except (ValueError, KeyError, TypeError):
        return None
