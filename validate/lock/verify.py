"""Verify: whether a snapshot is, byte for byte, what was signed; offline, by itself.

Needs no server, no study folder and no key: the manifest, the public keys in it, and arithmetic.  When every
byte is the one that was hashed before the signatures, the rows are too, and so is their logical hash, which
the lock computed from these files; ``rows=True`` computes it anew all the same.  Whoever rewrites a snapshot
*and* signs it with keys of their own makes a consistent forgery; against that stand the manifest's hash in the
study database, and the anchor printed or posted at the time.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from extract.errors import SnapshotBroken
from validate.lock.anchored import Anchor, anchor_problems
from validate.lock.audit import chain_fault
from validate.lock.consistent import DATA_PACKAGE, RO_CRATE, TABLES, inconsistencies
from validate.lock.manifest import FORMAT, MANIFEST, SIGNATURES, read_canonical, signature_fault
from validate.lock.report import Problem, VerifyReport
from validate.lock.spelling import sha256

__all__ = ["TABLES", "Problem", "VerifyReport", "verify"]

_AUDIT: Final = "audit.jsonl"
_READ: Final = (DATA_PACKAGE, RO_CRATE, "study.toml", _AUDIT)
"""Small files whose content is judged, once their bytes are known to be right."""
_PARTS: Final = ("title", "code", "simulated", "protocol_hash")
_AT_ONCE: Final = 1 << 20


def verify(
    path: Path, *, rows: bool = False, expected_manifest: str | None = None, anchor: Anchor | None = None
) -> VerifyReport:
    """Checks the snapshot folder ``path``; never raises for anything that is wrong inside it.

    ``rows`` also reads the tables and computes the logical hash anew: it finds what signers in good standing
    signed wrongly, and nothing else that the bytes would not tell.  ``expected_manifest`` is the manifest's
    SHA-256 as known from elsewhere (the study database), ``anchor`` what was printed or posted: with either,
    a snapshot rewritten whole is detected too.
    """
    found, problems = _walk(path)
    size = sum(found.values())
    try:
        manifest_bytes = (path / MANIFEST).read_bytes() if MANIFEST in found else None
    except OSError:
        manifest_bytes = None
    if manifest_bytes is None:
        if not any(p.file == MANIFEST for p in problems):
            problems.append(
                Problem(MANIFEST, "missing", f"{MANIFEST}: is missing, so this is no snapshot of ours")
            )
        return VerifyReport(path, len(found), size, None, False, None, (), tuple(problems))
    digest = sha256(manifest_bytes)
    if expected_manifest is not None and expected_manifest != digest:
        problems.append(Problem(MANIFEST, "anchor", f"{MANIFEST}: is not the one that was anchored"))
    try:
        manifest = read_canonical(manifest_bytes, MANIFEST)
        shape = _Shape.of(manifest, digest)
    except SnapshotBroken as error:
        problems.append(Problem(MANIFEST, "manifest", error.message))
        return VerifyReport(path, len(found), size, None, False, digest, (), tuple(problems))

    signed = list(_signature_problems(path, found, shape, manifest_bytes))
    read = _read_all(path, shape.files, found)
    whole = _check_files(found, shape, {name: fault for name, (fault, _) in read.items()}, problems)
    problems += signed
    texts: dict[str, bytes] = {name: read[name][1] for name in _READ if name in whole}
    problems += inconsistencies(manifest, texts)
    if _AUDIT in texts and (fault := chain_fault(texts[_AUDIT], shape.own.head)):
        problems.append(Problem(_AUDIT, "audit_chain", fault))
    if anchor is not None:
        problems += anchor_problems(anchor, shape.own, manifest.get("previous"), texts.get(_AUDIT))
    recomputed = rows and whole.issuperset(TABLES.values())
    if recomputed:
        from validate.lock.recompute import row_problems

        problems += row_problems(path, shape.own.logical_hash)
    logical = None if problems else shape.own.logical_hash
    found_ = tuple(dict.fromkeys(problems))
    return VerifyReport(path, len(found), size, logical, recomputed, digest, shape.signers, found_)


@dataclass(frozen=True)
class _Shape:
    """The parts of a manifest that verify relies on, with their types proven."""

    files: Mapping[str, tuple[str, int]]
    signers: tuple[dict[str, Any], ...]
    own: Anchor

    @classmethod
    def of(cls, manifest: dict[str, Any], digest: str) -> _Shape:
        """Raises SnapshotBroken when anything is not where it belongs."""
        try:
            if manifest["format"] != FORMAT:
                raise SnapshotBroken(
                    f"{MANIFEST}: has format {manifest['format']!r}, this program knows {FORMAT}",
                    "Use the version of cohortlock that the manifest names.",
                )
            files = {
                str(name): (str(entry["sha256"]), int(entry["size"]))
                for name, entry in manifest["files"].items()
            }
            signers = tuple(dict(signer) for signer in manifest["signers"])
            if not signers or not all(isinstance(s.get("file"), str) for s in signers):
                raise SnapshotBroken(f"{MANIFEST}: names no signer", "Restore the snapshot from a copy.")
            missing = [name for name in (*TABLES.values(), _AUDIT, "codebook.json") if name not in files]
            if missing:
                raise SnapshotBroken(
                    f"{MANIFEST}: does not list {', '.join(missing)}", "Restore the snapshot from a copy."
                )
            for part in _PARTS:
                manifest[part]
            if {name: about["file"] for name, about in manifest["tables"].items()} != TABLES:
                raise SnapshotBroken(
                    f"{MANIFEST}: names other tables than a snapshot has", "Restore the snapshot from a copy."
                )
            return cls(files, signers, Anchor.of(manifest, digest))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SnapshotBroken(
                f"{MANIFEST}: lacks a part that every manifest has", "Restore the snapshot from a copy."
            ) from None


def _walk(root: Path) -> tuple[dict[str, int], list[Problem]]:
    """Regular files below ``root`` with their sizes; whatever is neither file nor folder is a problem."""
    found: dict[str, int] = {}
    problems: list[Problem] = []
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(folder.iterdir())
            if folder != root and not entries:
                name = folder.relative_to(root).as_posix()
                problems.append(Problem(name, "extra", f"{name}: is an empty folder"))
            for entry in entries:
                name, status = entry.relative_to(root).as_posix(), entry.lstat()
                if stat.S_ISDIR(status.st_mode):
                    folders.append(entry)
                elif stat.S_ISREG(status.st_mode):
                    found[name] = status.st_size
                else:
                    problems.append(Problem(name, "type", f"{name}: is not an ordinary file"))
        except OSError:
            name = folder.relative_to(root).as_posix()
            problems.append(Problem(name, "unreadable", f"{name}: cannot be read"))
    return found, problems


def _read_all(
    path: Path, files: Mapping[str, tuple[str, int]], found: Mapping[str, int]
) -> dict[str, tuple[str | None, bytes]]:
    """What ``_same`` says of each file; large ones side by side, for hashlib lets go of the interpreter."""
    order = sorted(files, key=lambda name: -files[name][1])
    large = [name for name in order if files[name][1] > _AT_ONCE]
    with ThreadPoolExecutor() as pool:
        asked = {name: pool.submit(_same, path / name, *files[name], found.get(name)) for name in large}
        read = {
            name: _same(path / name, *files[name], found.get(name)) for name in order if name not in asked
        }
        return read | {name: one.result() for name, one in asked.items()}


def _same(path: Path, digest: str, size: int, found: int | None) -> tuple[str | None, bytes]:
    """(None, its bytes where they are looked into) when the file is as listed, else the kind of problem.

    It is read only when it has the right size, and once: what is judged is what was hashed.
    """
    if found is None:
        return "missing", b""
    if found != size:
        return "size", b""
    hashed, kept = hashlib.sha256(), bytearray()
    piece = memoryview(bytearray(min(_AT_ONCE, max(size, 1))))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(piece):
                hashed.update(piece[:count])
                if path.name in _READ:
                    kept += piece[:count]
    except OSError:
        return "unreadable", b""
    return (None, bytes(kept)) if hashed.hexdigest() == digest else ("hash", b"")


def _check_files(
    found: Mapping[str, int], shape: _Shape, faults: Mapping[str, str | None], problems: list[Problem]
) -> set[str]:
    """The names of listed files whose bytes are those of the manifest; ``faults`` is what ``_same`` found."""
    signatures = {signer["file"] for signer in shape.signers}
    whole = {name for name, fault in faults.items() if fault is None}
    for name, fault in sorted(faults.items()):
        said = {
            "missing": "is missing",
            "size": f"has {found.get(name)} bytes, signed were {shape.files[name][1]}",
            "unreadable": "cannot be read",
            "hash": "its content is not what was signed",
        }
        # What is there and no file has been named already.
        if fault is not None and not (fault == "missing" and any(p.file == name for p in problems)):
            problems.append(Problem(name, fault, f"{name}: {said[fault]}"))
    problems.extend(
        Problem(name, "extra", f"{name}: is not part of the snapshot")
        for name in sorted(set(found) - set(shape.files) - signatures - {MANIFEST})
    )
    return whole


def _signature_problems(
    path: Path, found: Mapping[str, int], shape: _Shape, manifest: bytes
) -> Iterator[Problem]:
    for signer in shape.signers:
        name = signer["file"]
        if not name.startswith(f"{SIGNATURES}/") or name not in found:
            yield Problem(name, "missing", f"{name}: the signature is missing")
            continue
        try:
            data = (path / name).read_bytes()
        except OSError:
            yield Problem(name, "unreadable", f"{name}: cannot be read")
            continue
        if fault := signature_fault(data, signer, manifest):
            yield Problem(fault.file, fault.kind, fault.message)
