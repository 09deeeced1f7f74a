"""Writing a snapshot: whole or not at all, whenever the process dies.

Everything is written into ``.building-...`` beside the snapshots and brought to the disk; then, inside the
study database's one writer's transaction, the folder gets its name and the lock is recorded, so that
nobody can have written between what was read and what was locked.  A process that dies after the rename
leaves a whole snapshot that was never in force: the next lock sets it aside (``unrecorded/``), and deletes
nothing that was signed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Final

import pyarrow as pa
from sqlalchemy import select

from extract.errors import Busy, CohortlockError, NotReady, Refused, StorageFault
from extract.study.chain import Head
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol
from extract.study.tables import study_event
from validate.lock.files import held, storage_faults, sync_folder, write_new
from validate.lock.keys import Signer
from validate.lock.manifest import FORMAT, MANIFEST, SIGNATURES
from validate.lock.rows import Rows, parquet_writer
from validate.lock.signing import sign, signature_file
from validate.lock.spelling import canonical_json, sha256
from validate.lock.verify import TABLES, verify

__all__ = ["Contents", "about", "parquet", "publish", "recorded"]

_NAME: Final = re.compile(r"v([1-9]\d*)")
_BUILDING: Final = ".building-"
_ROOMS: Final = ("extract", "validate", "analysis", "flows", "sql")


@dataclass(frozen=True)
class Contents:
    """What goes into a snapshot: the files but for manifest and signatures, and what the manifest says of them.

    ``head`` is the audit event up to which the study was read; publishing refuses if there is a newer one.
    """

    files: Mapping[str, bytes | Rows]
    tables: Mapping[str, pa.Table | Rows]
    logical_hash: str
    """Of ``tables``; verified after writing like everything else."""
    head: Head


def parquet(table: pa.Table | Rows) -> bytes | Rows:
    """The table as Parquet; what stands on disk stands there as Parquet already."""
    if isinstance(table, Rows):
        return table
    sink = pa.BufferOutputStream()
    with parquet_writer(sink, table.schema) as writer:
        writer.write_table(table.replace_schema_metadata(None))
    return bytes(sink.getvalue().to_pybytes())


def about(data: bytes | Rows) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    return len(data), data.sha256 if isinstance(data, Rows) else sha256(data)


@cache
def code_version() -> dict[str, str]:
    """The version of cohortlock, and SHA-256 over its own source files: what a version number cannot say."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        root = Path(str(package_files(room)))
        for path in sorted(root.rglob("*")):
            if path.suffix in {".py", ".sql", ".toml", ".tsv"} and path.is_file():
                digest.update(f"{room}/{path.relative_to(root).as_posix()}\n".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {
        "name": "cohortlock",
        "version": importlib.metadata.version("cohortlock"),
        "source_sha256": digest.hexdigest(),
    }


def publish(
    folder: StudyFolder,
    database: StudyDatabase,
    contents: Contents,
    signers: Sequence[Signer],
    *,
    actor: str,
) -> Path:
    """Writes, signs and records version N+1; the path of the snapshot.

    Raises NotReady when a signature that the protocol asks for is not among ``signers``, Refused when
    the study is locked, Busy when another process locks it or wrote to it meanwhile, StorageFault when
    the disk refuses; nothing is then half-written.
    """
    protocol = database.protocol
    missing = [role for role in protocol.lock.signatures if role not in {s.role for s in signers}]
    if missing or not signers:
        raise NotReady(
            f"nobody signs as {', '.join(missing) or 'anything'}",
            "Give a key for each role of [lock] signatures.",
        )
    with held(folder.snapshots / ".lock", "the lock of this study"):
        if (version := database.locked()) is not None:
            raise Refused(
                f"the study is locked at version {version}",
                "`cohortlock unlock --reason` opens it for the next version.",
            )
        _clear(folder)
        known = recorded(database)
        _set_aside(folder, known)
        version = max(known, default=0) + 1
        building = folder.snapshots / f"{_BUILDING}v{version}-{secrets.token_hex(4)}"
        try:
            manifest = _manifest(protocol, version, contents, signers, known)
            with storage_faults(str(folder.snapshots)):
                _write(building, contents.files, manifest, signers)
            report = verify(building, rows=True)
            if not report.ok:
                raise StorageFault(
                    f"{report.problems[0].message} right after it was written",
                    "The disk does not keep what it is given; use another.",
                )
            return _record(folder, database, contents.head, building, version, sha256(manifest), actor)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _clear(folder: StudyFolder) -> None:
    """Removes what a killed lock left half-built; we hold the lock, so nobody is building."""
    for path in folder.snapshots.glob(f"{_BUILDING}*"):
        shutil.rmtree(path, ignore_errors=True)


def recorded(database: StudyDatabase) -> dict[int, str]:
    """Version -> SHA-256 of its manifest, of every lock that the study database knows."""
    query = select(study_event.c.version, study_event.c.reason).where(study_event.c.kind == "lock")
    with database.reading() as connection:
        rows = connection.execute(query.order_by(study_event.c.id)).all()
    return {int(row.version): str(row.reason).removeprefix("manifest ") for row in rows}


def _set_aside(folder: StudyFolder, known: Mapping[int, str]) -> None:
    for path in folder.snapshots.iterdir():
        match = _NAME.fullmatch(path.name)
        if match and int(match[1]) not in known:
            aside = folder.snapshots / "unrecorded"
            with storage_faults(str(aside)):
                aside.mkdir(exist_ok=True)
                path.rename(aside / f"{path.name}-{secrets.token_hex(4)}")


def _manifest(
    protocol: Protocol,
    version: int,
    contents: Contents,
    signers: Sequence[Signer],
    known: Mapping[int, str],
) -> bytes:
    previous = max(known, default=None)
    return canonical_json(
        {
            "format": FORMAT,
            "study": protocol.study.id,
            "title": {"zh": protocol.study.title.zh, "en": protocol.study.title.en},
            "simulated": protocol.study.simulated,
            "version": version,
            "previous": None
            if previous is None
            else {"version": previous, "manifest_sha256": known[previous]},
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "protocol_hash": protocol.hash,
            "code": code_version(),
            "logical_hash": contents.logical_hash,
            "tables": {
                name: {"file": TABLES[name], "rows": table.num_rows, "columns": table.num_columns}
                for name, table in contents.tables.items()
            },
            "audit": {"events": contents.head.seq, "head": contents.head.hash},
            "files": {
                name: dict(zip(("size", "sha256"), about(data), strict=True))
                for name, data in contents.files.items()
            },
            "signers": [
                {
                    "file": signature_file(signer.role),
                    "name": signer.name,
                    "role": signer.role,
                    "meaning": signer.meaning,
                    "public_key": signer.public_key,
                }
                for signer in signers
            ],
        }
    )


def _write(
    building: Path, contents: Mapping[str, bytes | Rows], manifest: bytes, signers: Sequence[Signer]
) -> None:
    """Every file, then every folder, on the disk; files are read-only from the start."""
    whole: dict[str, bytes | Rows] = {
        **contents,
        MANIFEST: manifest,
        **{signature_file(signer.role): sign(manifest, signer) for signer in signers},
    }
    folders = {building, building / SIGNATURES, *((building / name).parent for name in whole)}
    for path in sorted(folders):
        path.mkdir(parents=True, exist_ok=True)
    for name, data in whole.items():
        write_new(building / name, data.pieces() if isinstance(data, Rows) else data, 0o444)
    for path in sorted(folders, reverse=True):
        sync_folder(path)


def _record(
    folder: StudyFolder,
    database: StudyDatabase,
    head: Head,
    building: Path,
    version: int,
    digest: str,
    actor: str,
) -> Path:
    """The rename and the database's lock, in one transaction of the only writer."""
    final = folder.snapshots / f"v{version}"
    row = {
        "kind": "lock",
        "study": database.protocol.study.id,
        "protocol_hash": database.protocol.hash,
        "version": version,
        "reason": f"manifest {digest}",
    }
    try:
        with database.writing(actor) as writer:
            _unchanged(writer.head, head)
            with storage_faults(str(folder.snapshots)):
                building.rename(final)
                sync_folder(folder.snapshots)
            writer.append(study_event, "study.lock", [row], subjects=["study/"])
    except BaseException:
        if final.exists() and not _may_be_recorded(database, version):
            final.rename(building)
        raise
    return final


def _unchanged(found: Head, read: Head) -> None:
    if found != read:
        raise Busy("somebody wrote to the study while it was being locked", "Lock it again.")


def _may_be_recorded(database: StudyDatabase, version: int) -> bool:
    """A commit can fail after it was done (a lost connection): only a clear no takes the snapshot back."""
    try:
        return version in recorded(database)
    except CohortlockError:
        return True
