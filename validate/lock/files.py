"""Writing so that a crash leaves the old thing or the new one, never half of one."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from extract.errors import Busy, StorageFault

__all__ = ["held", "storage_faults", "sync_folder", "write_new", "write_whole"]


@contextmanager
def storage_faults(what: str) -> Iterator[None]:
    """Turns an OSError inside into StorageFault, naming ``what`` was being written."""
    try:
        yield
    except OSError as error:
        raise StorageFault(
            f"{what}: cannot be written: {error.strerror or type(error).__name__}",
            "Make room or mend the rights of the folder, then run the command again; nothing is half-written.",
        ) from None


def sync_folder(path: Path) -> None:
    """Brings a folder's own entries (names, renames) to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, data: bytes | Iterable[bytes], mode: int = 0o644) -> None:
    """A file that must not exist yet, on the disk when this returns. Raises FileExistsError, OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        for piece in (data,) if isinstance(data, bytes) else data:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, data: bytes | Iterable[bytes], mode: int = 0o600) -> None:
    """Replaces the file in one step. Raises OSError; the old content then stands."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        write_new(fresh, data, mode)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file ``path`` while inside. Raises Busy when another process holds it.

    The kernel drops the lock when the process dies, however it dies.
    """
    with storage_faults(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{what}: another process is at it", "Wait for it to end, then try again.") from None
        yield
    finally:
        os.close(handle)
