"""The landing store's disk: one pull at a time, files that are whole or not there, faults in plain words."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from extract.errors import Busy, StorageFault

__all__ = ["alone", "keep", "sha256", "storage_faults", "sync_folder"]

_REASONS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not grow any further",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EIO: "the disk reports an error",
}
_SQLITE: Final = {
    "disk is full": "the disk is full",
    "readonly": "the disk is read-only",
    "unable to open": "this user may not write there",
    "disk i/o error": "the disk is full or reports an error",
    "malformed": "the ledger is damaged",
    "not a database": "the ledger is damaged",
}


@contextmanager
def storage_faults(folder: Path) -> Iterator[None]:
    """Turn what the operating system and SQLite say about the disk into StorageFault."""
    step = "Make room or mend the folder's rights, then run the same command: what was done stays done."
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or type(error).__name__)
        raise StorageFault(f"{folder}: cannot be written: {reason}", step) from None
    except sqlite3.Error as error:
        said = str(error).lower()
        reason = next((text for sign, text in _SQLITE.items() if sign in said), type(error).__name__)
        raise StorageFault(f"{folder}: cannot be written: {reason}", step) from None


@contextmanager
def alone(folder: Path, *, wait: float = 0, waiting: Callable[[], object] | None = None) -> Iterator[None]:
    """Hold a study's landing store; the hold ends with the process, however it ends. Raises Busy.

    ``wait``: seconds to wait for another pull to end; ``waiting`` is called once before.

    The lock is SQLite's own, because it is one that Linux, macOS and Windows all keep.
    """
    # Patients' records: nobody else on this machine looks in.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = sqlite3.connect(folder / "pull.lock", timeout=0, isolation_level=None)
    try:
        try:
            _held(lock, wait, waiting)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise Busy(
                "another pull of this study is running",
                "Wait until it ends (it holds landing/pull.lock), or let `cohortlock pull --wait SECONDS` wait for it.",
            ) from None
        yield
    finally:
        lock.close()


def _held(lock: sqlite3.Connection, wait: float, waiting: Callable[[], object] | None) -> None:
    until = time.monotonic() + wait
    while True:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
        else:
            return
        if waiting is not None:
            waiting()
            waiting = None
        time.sleep(min(0.2, max(0.0, until - time.monotonic())))


def keep(temporary: Path, final: Path) -> None:
    """Give a written file its name: on the disk first, then renamed, then the folder on the disk."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk, where the system can."""
    with suppress(PermissionError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
