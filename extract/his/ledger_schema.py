"""The tables of a ledger, and how a ledger of an earlier version is brought up to them.

What holds over many runs is written as a stretch of runs, ``since`` one and ``until`` another (NULL: still
so), so that a night without changes writes nothing of it.  A record that is not gone was seen by the last
run that ended, whether that run read it or proved that nothing of it had changed.
"""

from __future__ import annotations

import sqlite3
from typing import Final

__all__ = ["prepare"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS run (
  run TEXT PRIMARY KEY, scope TEXT NOT NULL, pack TEXT NOT NULL, protocol TEXT NOT NULL,
  started_at TEXT NOT NULL, finished_at TEXT, state TEXT NOT NULL, mode TEXT NOT NULL DEFAULT 'full',
  basis TEXT, identity TEXT, server_time TEXT);
CREATE TABLE IF NOT EXISTS task (
  run TEXT NOT NULL, tbl TEXT NOT NULL, window TEXT NOT NULL, state TEXT NOT NULL, rows INTEGER,
  hash TEXT, new INTEGER, changed INTEGER, unchanged INTEGER, at TEXT NOT NULL,
  PRIMARY KEY (run, tbl, window));
CREATE TABLE IF NOT EXISTS gone (run TEXT NOT NULL, tbl TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (run, tbl));
CREATE TABLE IF NOT EXISTS found (
  visit_id TEXT NOT NULL, patient_id TEXT NOT NULL, window TEXT NOT NULL,
  PRIMARY KEY (visit_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS candidacy (
  visit_id TEXT NOT NULL, since INTEGER NOT NULL, patient_id TEXT NOT NULL, window TEXT NOT NULL, until INTEGER,
  PRIMARY KEY (visit_id, since)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (
  patient_id TEXT PRIMARY KEY, window TEXT NOT NULL, since TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (
  patient_id TEXT NOT NULL, tbl TEXT NOT NULL, PRIMARY KEY (patient_id, tbl)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS merger (
  patient_id TEXT NOT NULL, merged_into TEXT NOT NULL, PRIMARY KEY (patient_id, merged_into)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stray (
  tbl TEXT NOT NULL, patient_id TEXT NOT NULL, visit_id TEXT NOT NULL,
  PRIMARY KEY (tbl, patient_id, visit_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS touched (
  tbl TEXT NOT NULL, patient_id TEXT NOT NULL, PRIMARY KEY (tbl, patient_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source (
  run TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, stamp TEXT, kinds TEXT NOT NULL,
  filled TEXT NOT NULL, counted INTEGER, lost INTEGER NOT NULL DEFAULT 0, low INTEGER,
  fresh INTEGER NOT NULL DEFAULT 0, fresh_stamp INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (
  run TEXT NOT NULL, tbl TEXT NOT NULL, kind TEXT NOT NULL, file TEXT NOT NULL,
  PRIMARY KEY (run, tbl)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delay (run TEXT NOT NULL, tbl TEXT NOT NULL, seconds INTEGER NOT NULL, PRIMARY KEY (run, tbl));
CREATE TABLE IF NOT EXISTS stopped (
  run TEXT NOT NULL, tbl TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (run, tbl, why));
CREATE TABLE IF NOT EXISTS totals (run TEXT PRIMARY KEY, patients INTEGER NOT NULL, visits INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS reject (
  run TEXT NOT NULL, tbl TEXT NOT NULL, window TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER,
  PRIMARY KEY (run, tbl, window, reason));
CREATE TABLE IF NOT EXISTS fault (
  id INTEGER PRIMARY KEY, tbl TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS fault_of (
  patient_id TEXT NOT NULL, fault INTEGER NOT NULL, PRIMARY KEY (patient_id, fault)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS named (
  run TEXT NOT NULL, tbl TEXT NOT NULL, reason TEXT NOT NULL, which TEXT NOT NULL,
  PRIMARY KEY (run, tbl, reason));
CREATE TABLE IF NOT EXISTS part (
  part TEXT PRIMARY KEY, run TEXT NOT NULL, tbl TEXT NOT NULL, window TEXT NOT NULL,
  rows INTEGER NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS version (
  record_id TEXT NOT NULL, version TEXT NOT NULL, part TEXT NOT NULL, first_seen TEXT NOT NULL,
  PRIMARY KEY (record_id, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
  record_id TEXT PRIMARY KEY, tbl TEXT NOT NULL, version TEXT NOT NULL, last_seen TEXT NOT NULL,
  last_run TEXT NOT NULL, gone_run TEXT, followed INTEGER NOT NULL DEFAULT 0,
  patient_id TEXT, visit_id TEXT, unlinked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS past (
  record_id TEXT NOT NULL, n INTEGER NOT NULL, version TEXT NOT NULL, last_seen TEXT NOT NULL,
  last_run TEXT NOT NULL, gone_run TEXT, until_run TEXT NOT NULL, until TEXT NOT NULL,
  PRIMARY KEY (record_id, n)) WITHOUT ROWID;
"""
_INDEXES: Final = """
DROP INDEX IF EXISTS record_by_table;
CREATE INDEX IF NOT EXISTS record_state ON record (tbl, gone_run, followed, unlinked);
CREATE INDEX IF NOT EXISTS record_by_patient ON record (patient_id, tbl);
CREATE INDEX IF NOT EXISTS fault_by_fault ON fault_of (fault);
CREATE TEMP TABLE incoming (
  row INTEGER PRIMARY KEY, record_id TEXT NOT NULL, version TEXT NOT NULL, patient_id TEXT, visit_id TEXT);
CREATE TEMP TABLE met (record_id TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE some (patient_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_ADDED: Final = {
    "record": {
        "followed": "INTEGER NOT NULL DEFAULT 0",
        "patient_id": "TEXT",
        "visit_id": "TEXT",
        "unlinked": "INTEGER NOT NULL DEFAULT 0",
    },
    "run": {
        "mode": "TEXT NOT NULL DEFAULT 'full'",
        "basis": "TEXT",
        "identity": "TEXT",
        "server_time": "TEXT",
    },
    "source": {
        "counted": "INTEGER",
        "lost": "INTEGER NOT NULL DEFAULT 0",
        "low": "INTEGER",
        "fresh": "INTEGER NOT NULL DEFAULT 0",
        "fresh_stamp": "INTEGER NOT NULL DEFAULT 0",
    },
}
"""Columns that came after the first version of the table."""


def prepare(db: sqlite3.Connection) -> None:
    """Make what is not there; rewrite what an earlier version of this program wrote."""
    have = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "asked" in have and "tbl" not in _columns(db, "asked"):
        db.execute("DROP TABLE asked")
    db.executescript(_SCHEMA)
    for table, columns in _ADDED.items():
        for name in columns.keys() - _columns(db, table):
            db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")
    if "candidate" in have:
        # Each run listed all its candidates: those of the last one that ended become a stretch.
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "INSERT OR IGNORE INTO candidacy SELECT c.visit_id, r.rowid, c.patient_id, c.window, NULL"
            " FROM candidate c JOIN run r ON r.run = c.run WHERE r.rowid ="
            " (SELECT MAX(rowid) FROM run WHERE state = 'done')"
        )
        db.execute("DROP TABLE candidate")
        db.execute("COMMIT")
    db.executescript(_INDEXES)


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
