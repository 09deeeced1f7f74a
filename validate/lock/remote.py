"""Snapshots in object storage (``s3://bucket/prefix/v1``, or whatever fsspec can reach), whole or not at all.

An object store has no rename, so the manifest is the name: it is written last, and only where none stands yet.
A copy that dies before is no snapshot, and the next try completes it.  What comes back is verified as what it
is: every object below the prefix, fetched and judged like a folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from extract.errors import AlreadyExists, NotFound, Refused, SnapshotBroken, StorageFault
from validate.lock.manifest import MANIFEST
from validate.lock.verify import VerifyReport, verify

__all__ = ["copy", "fetched", "is_remote"]


def is_remote(text: str) -> bool:
    """Whether this is an address and no path."""
    return "://" in text


@contextmanager
def fetched(url: str) -> Iterator[Path]:
    """Everything below ``url`` as a folder that is gone afterwards. Raises NotFound, StorageFault."""
    with tempfile.TemporaryDirectory(prefix="cohortlock-") as place:
        root = Path(place) / "snapshot"
        root.mkdir()
        with _reaching(url) as (store, prefix):
            names = _names(store, prefix)
            if not names:
                raise NotFound(
                    f"{url}: there is no such snapshot", "Give the address that `cohortlock copy` printed."
                )
            for name in names:
                target = root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                store.get_file(f"{prefix}/{name}", str(target))
        yield root


def copy(snapshot: Path, url: str) -> VerifyReport:
    """Copies a verified snapshot to ``url`` and verifies what stands there then.

    Raises SnapshotBroken for a snapshot that does not verify, AlreadyExists when another stands there,
    Refused when something else does, StorageFault; there is then no manifest, and so no snapshot, at ``url``.
    """
    found = verify(snapshot)
    if not found.ok:
        raise SnapshotBroken(
            f"{snapshot}: {found.problems[0].message}", "`cohortlock verify` lists every difference."
        )
    files = {f.relative_to(snapshot).as_posix(): f for f in snapshot.rglob("*") if f.is_file()}
    with _reaching(url) as (store, prefix):
        there = _names(store, prefix)
        if MANIFEST in there:
            raise AlreadyExists(
                f"{url}: a snapshot stands there already", "Name another place; snapshots never change."
            )
        if odd := sorted(there - files.keys()):
            raise Refused(
                f"{url}: holds {len(odd)} objects that are not of this snapshot", "Name an empty place."
            )
        for name, file in sorted(files.items()):
            if name != MANIFEST:
                store.put_file(str(file), f"{prefix}/{name}")
        try:
            store.pipe_file(f"{prefix}/{MANIFEST}", files[MANIFEST].read_bytes(), mode="create")
        except FileExistsError:
            raise AlreadyExists(
                f"{url}: somebody else was first", "`cohortlock verify` tells what stands there."
            ) from None
    with fetched(url) as copied:
        report = verify(copied, expected_manifest=found.manifest_sha256)
    if not report.ok:
        raise StorageFault(
            f"{url}: {report.problems[0].message} right after it was written",
            "The store does not keep what it is given; use another.",
        )
    return report


@contextmanager
def _reaching(url: str) -> Iterator[tuple[Any, str]]:
    """The store of ``url`` and the path in it; no text of a driver, which may name a key, gets out."""
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        # Neither listings nor instances of an earlier call: somebody may have written meanwhile.
        store, path = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    except ImportError:
        raise NotFound(
            f"{url.partition('://')[0]}: this kind of storage needs another library",
            "pip install 'cohortlock[s3]' brings the one for S3.",
        ) from None
    except ValueError:
        raise NotFound(f"{url}: no kind of storage that is known", "Give s3://BUCKET/PREFIX.") from None
    try:
        yield store, str(path).rstrip("/")
    except FileNotFoundError:
        raise NotFound(f"{url}: there is no such place", "Make the bucket, or name another.") from None
    except PermissionError:
        raise StorageFault(
            f"{url}: access was refused", "Mend the rights or the keys of the account."
        ) from None
    except (NotFound, AlreadyExists, Refused, SnapshotBroken, StorageFault):
        raise
    except Exception as error:  # noqa: BLE001 - each store has faults of its own
        raise StorageFault(
            f"{url}: cannot be reached ({type(error).__name__})",
            "See AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; docs/snapshot.md.",
        ) from None


def _names(store: Any, prefix: str) -> set[str]:
    """Every object below ``prefix``, by its name there."""
    try:
        found = store.find(prefix)
    except FileNotFoundError:
        return set()
    return {
        PurePosixPath(one).relative_to(prefix.lstrip("/") if not one.startswith("/") else prefix).as_posix()
        for one in found
        if one.rstrip("/") != prefix
    }
