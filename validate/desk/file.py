"""The desk's own file: sessions, tokens, drafts and second factors, beside the study database and not in it.

What stands here is no part of the study: who is signed in, and what somebody has not handed in yet.  It
outlives a restart and a power cut, and is readable by its owner only.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from extract.errors import StorageFault
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder

__all__ = ["DeskFile", "desk_file"]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS session (token_hash TEXT PRIMARY KEY, account_id TEXT, started REAL, seen REAL);
CREATE TABLE IF NOT EXISTS failed (account_id TEXT PRIMARY KEY, tries INTEGER, until REAL);
CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY, token_hash TEXT UNIQUE, account_id TEXT, role TEXT, label TEXT, made REAL, expires REAL);
CREATE TABLE IF NOT EXISTS draft (
  account_id TEXT, candidate INTEGER, criterion TEXT, evidence_hash TEXT, verdict TEXT, reason TEXT, quotes TEXT,
  PRIMARY KEY (account_id, candidate, criterion));
CREATE TABLE IF NOT EXISTS factor (account_id TEXT PRIMARY KEY, secret TEXT, confirmed INTEGER, step INTEGER);
CREATE TABLE IF NOT EXISTS errand (state_hash TEXT PRIMARY KEY, verifier TEXT, nonce TEXT, begun REAL);
"""


def desk_file(folder: StudyFolder, database: StudyDatabase) -> Path:
    """Where the desk on ``database`` keeps its own."""
    name = Path(str(database.engine.url.database)).name.removesuffix(".db")
    return folder.root / f"{name}.sessions.db"


class DeskFile:
    """An SQLite file, or memory where there is none; each statement is one transaction, safe between threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._guard = threading.Lock()
        try:
            if path is not None:
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._held = sqlite3.connect(
                path or ":memory:", isolation_level=None, check_same_thread=False, timeout=10
            )
            self._held.execute("PRAGMA journal_mode = WAL")
            # A draft that was acknowledged is there after a power cut.
            self._held.execute("PRAGMA synchronous = FULL")
            self._held.executescript(_TABLES)
        except (OSError, sqlite3.Error):
            raise StorageFault(
                f"{path}: the desk's own file cannot be kept", "Check the folder's rights."
            ) from None

    def rows(self, statement: str, *values: object) -> list[Sequence[Any]]:
        """What a SELECT finds. Raises StorageFault."""
        with self._guard:
            return self._run(statement, values).fetchall()

    def write(self, statement: str, *values: object) -> int:
        """Rows that a statement changed. Raises StorageFault."""
        with self._guard:
            return self._run(statement, values).rowcount

    def close(self) -> None:
        """Give the file back; what stands in it is there when it is opened again."""
        with self._guard:
            self._held.close()

    def _run(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        try:
            return self._held.execute(statement, values)
        except sqlite3.Error:
            raise StorageFault(
                "the desk's own file cannot be written", "Check the disk; what was sent is not kept."
            ) from None
