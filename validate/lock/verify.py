"""Verify: whether a snapshot is, byte for byte and cell for cell, what was signed; offline, by itself.

Needs no server, no study folder and no key: the manifest, the public keys in it, and arithmetic.  Whoever
rewrites a snapshot *and* signs it with keys of their own makes a consistent forgery; against that stand the
manifest's hash in the study database, and the ``anchor`` text printed or posted at the time.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from extract.errors import SnapshotBroken
from extract.study.audit import Head
from validate.lock.audit import chain_fault
from validate.lock.canonical import hash_table, logical_hash, sha256
from validate.lock.manifest import FORMAT, MANIFEST, SIGNATURES, read_canonical, signature_fault
from validate.lock.rows import SortFailed, open_table

__all__ = ["TABLES", "Problem", "VerifyReport", "anchor", "citation", "verify"]

TABLES: Final = {"data": "data.parquet", "long": "long.parquet"}
"""Table of the logical hash -> its file."""


@dataclass(frozen=True)
class Problem:
    """One difference: the file, its kind, one sentence.

    Kinds: ``missing extra type size hash unreadable manifest signature signer logical_hash audit_chain anchor``.
    """

    file: str
    kind: str
    message: str


@dataclass(frozen=True)
class VerifyReport:
    """What verify found; ``logical_hash`` is recomputed from the tables, None when they cannot be or were not read."""

    path: Path
    files: int
    logical_hash: str | None
    manifest_sha256: str | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the snapshot is what was signed."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """The shape of ``cohortlock verify --json``."""
        return {
            "ok": self.ok,
            "files": self.files,
            "logical_hash": self.logical_hash,
            "manifest_sha256": self.manifest_sha256,
            "problems": [{"file": p.file, "kind": p.kind, "message": p.message} for p in self.problems],
        }


def verify(path: Path, *, expected_manifest: str | None = None, content: bool = True) -> VerifyReport:
    """Checks the snapshot folder ``path``; never raises for anything that is wrong inside it.

    Without ``content`` the tables are judged by their bytes alone, as the lock wrote and read them back:
    every byte is under a signature all the same, and the logical hash is not computed anew.

    ``expected_manifest`` is the manifest's SHA-256 as known from elsewhere (an anchor, the study
    database): with it, a snapshot rewritten whole is detected too.
    """
    found, problems = _walk(path)
    try:
        manifest_bytes = (path / MANIFEST).read_bytes() if MANIFEST in found else None
    except OSError:
        manifest_bytes = None
    if manifest_bytes is None:
        if not any(p.file == MANIFEST for p in problems):
            problems.append(
                Problem(MANIFEST, "missing", f"{MANIFEST}: is missing, so this is no snapshot of ours")
            )
        return VerifyReport(path, len(found), None, None, tuple(problems))
    digest = sha256(manifest_bytes)
    if expected_manifest is not None and expected_manifest != digest:
        problems.append(Problem(MANIFEST, "anchor", f"{MANIFEST}: is not the one that was anchored"))
    try:
        manifest = read_canonical(manifest_bytes, MANIFEST)
        shape = _Shape.of(manifest)
    except SnapshotBroken as error:
        problems.append(Problem(MANIFEST, "manifest", error.message))
        return VerifyReport(path, len(found), None, digest, tuple(problems))

    with ThreadPoolExecutor() as pool:
        # The tables first, so that their rows can be read while the others are hashed.
        order = sorted(shape.files, key=lambda name: (name not in TABLES.values(), name))
        same = {name: pool.submit(_same, path / name, *shape.files[name], found.get(name)) for name in order}
        trusted = content and all(same[name].result() is None for name in TABLES.values())
        table_problems: list[Problem] = []
        logical = _check_tables(path, shape, table_problems) if trusted else None
        whole = _check_files(found, shape, {name: one.result() for name, one in same.items()}, problems)
    _check_signatures(path, found, shape, manifest_bytes, problems)
    problems += table_problems
    if "audit.jsonl" in whole:
        fault = chain_fault((path / "audit.jsonl").read_bytes(), shape.audit)
        if fault:
            problems.append(Problem("audit.jsonl", "audit_chain", fault))
    return VerifyReport(path, len(found), logical, digest, tuple(dict.fromkeys(problems)))


@dataclass(frozen=True)
class _Shape:
    """The parts of a manifest that verify relies on, with their types proven."""

    files: Mapping[str, tuple[str, int]]
    signers: tuple[dict[str, Any], ...]
    logical_hash: str
    audit: Head

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> _Shape:
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
            missing = [
                name for name in (*TABLES.values(), "audit.jsonl", "codebook.json") if name not in files
            ]
            if missing:
                raise SnapshotBroken(
                    f"{MANIFEST}: does not list {', '.join(missing)}", "Restore the snapshot from a copy."
                )
            return cls(
                files,
                signers,
                str(manifest["logical_hash"]),
                Head(int(manifest["audit"]["events"]), str(manifest["audit"]["head"])),
            )
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


def _same(path: Path, digest: str, size: int, found: int | None) -> str | None:
    """None when the file is as listed, else the kind of problem; it is read only when it has the right size."""
    if found is None:
        return "missing"
    if found != size:
        return "size"
    try:
        with path.open("rb") as file:
            return None if hashlib.file_digest(file, "sha256").hexdigest() == digest else "hash"
    except OSError:
        return "unreadable"


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


def _check_signatures(
    path: Path, found: Mapping[str, int], shape: _Shape, manifest: bytes, problems: list[Problem]
) -> None:
    for signer in shape.signers:
        name = signer["file"]
        if not name.startswith(f"{SIGNATURES}/") or name not in found:
            problems.append(Problem(name, "missing", f"{name}: the signature is missing"))
            continue
        try:
            data = (path / name).read_bytes()
        except OSError:
            problems.append(Problem(name, "unreadable", f"{name}: cannot be read"))
            continue
        fault = signature_fault(data, signer, manifest)
        if fault:
            problems.append(Problem(fault.file, fault.kind, fault.message))


def _check_tables(path: Path, shape: _Shape, problems: list[Problem]) -> str | None:
    """The logical hash recomputed; only from files whose bytes are right: others say so already."""
    hashes: dict[str, str] = {}
    for name, file in TABLES.items():
        try:
            with open_table(path / file) as table:
                hashes[name] = hash_table(table)
        except SnapshotBroken as error:
            problems.append(Problem(file, "logical_hash", f"{file}: {error.message}"))
            return None
        except (pa.ArrowException, OSError, ValueError, MemoryError, SortFailed):
            problems.append(Problem(file, "unreadable", f"{file}: is not Parquet that can be read"))
            return None
    logical = logical_hash(hashes)
    if logical != shape.logical_hash:
        problems.append(
            Problem(MANIFEST, "logical_hash", f"{MANIFEST}: its logical hash is not that of the tables")
        )
    return logical


def _sound(path: Path, report: VerifyReport | None) -> tuple[VerifyReport, dict[str, Any]]:
    """The report and manifest of a snapshot that verifies. Raises SnapshotBroken otherwise."""
    report = report or verify(path)
    if not report.ok:
        first = report.problems[0]
        raise SnapshotBroken(f"{path}: {first.message}", "`cohortlock verify` lists every difference.")
    return report, json.loads((path / MANIFEST).read_bytes())


def citation(path: Path, report: VerifyReport | None = None) -> dict[str, str]:
    """How to cite the snapshot, ``{"zh", "en"}``: title, version, day of the lock, both hashes.

    ``report`` is that of a verify just done. Raises SnapshotBroken when the snapshot does not verify.
    """
    found, manifest = _sound(path, report)
    made = {"zh": "（模拟数据）", "en": " (simulated)"} if manifest["simulated"] else {"zh": "", "en": ""}
    title, version, day = manifest["title"], manifest["version"], str(manifest["created_at"])[:10]
    code = f"{manifest['code']['name']} {manifest['code']['version']}"
    return {
        "zh": f"{title['zh']}{made['zh']}[数据集/OL]. {manifest['study']} 第{version}版, {day}锁定, {code}. "
        f"逻辑哈希 sha256:{found.logical_hash}; 清单 sha256:{found.manifest_sha256}.",
        "en": f"{title['en']}{made['en']} [data set]. {manifest['study']} version {version}, locked {day}, {code}. "
        f"Logical hash sha256:{found.logical_hash}; manifest sha256:{found.manifest_sha256}.",
    }


def anchor(path: Path) -> str:
    """A few lines to print, post or put in the paper: what fixes this snapshot for ever.

    Raises SnapshotBroken when the snapshot does not verify.
    """
    report, manifest = _sound(path, None)
    signers = "; ".join(f"{s['name']} ({s['role']}: {s['meaning']})" for s in manifest["signers"])
    return (
        f"cohortlock snapshot {manifest['study']} v{manifest['version']}, locked {manifest['created_at']}\n"
        f"manifest sha256 {report.manifest_sha256}\n"
        f"logical hash    {report.logical_hash}\n"
        f"signed by       {signers}\n"
    )
