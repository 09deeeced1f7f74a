"""Errors a user can mend: each has an exit code, one clear sentence and what to type next.

    CohortlockError                       exit  what is wrong
    ├── ProtocolInvalid                    10   study.toml
    │   └── ExpressionInvalid              11   the search expression (text with a caret)
    ├── AssumptionsInvalid                 31   simulation.toml
    ├── SiteInvalid                        12   site.toml or a mapping pack
    │   └── NotSelect                      27   SQL that is more than one SELECT which only reads
    ├── SourceUnreachable                  13   the hospital's database does not answer
    ├── SourceRefused                      14   login or rights
    │   ├── WriteRight                     26   the account may write to the tables that are read
    │   ├── TooCostly                      28   a plan or a row count above what the site allows
    │   └── NotNow                         29   blackout hours, or a database that is too busy
    ├── NotApproved                        30   nobody has approved this protocol on this hospital
    ├── SchemaDrift                        15   a column of the HIS is gone, renamed or retyped
    ├── DriverMissing                      16   the driver of this database is not installed
    ├── Busy                               17   another pull or lock of this study is running
    ├── StorageFault                       18   full, read-only or missing disk
    ├── NotFound                           19   no such study, snapshot, patient, visit
    ├── AlreadyExists                      20   would overwrite something
    ├── Refused                            21   the study's rules forbid it (role, phase, blinding, locked)
    ├── NotReady                           22   preconditions of the lock are open
    ├── ChecksFailed                       23   checks failed and are not waived
    ├── SnapshotBroken                     24   verify found a difference
    ├── NumbersDisagree                    32   a report whose printed numbers do not fit each other; not released
    └── NotLocked                          25   the analysis was given something that is not a snapshot

Exit 0 is good, 1 is our bug, 2 is wrong usage. A message names the rule, the file and the row key,
never a patient's value.
"""

from __future__ import annotations

__all__ = [
    "AlreadyExists",
    "AssumptionsInvalid",
    "Busy",
    "ChecksFailed",
    "CohortlockError",
    "DriverMissing",
    "ExpressionInvalid",
    "NotApproved",
    "NotFound",
    "NotLocked",
    "NotNow",
    "NotReady",
    "NotSelect",
    "NumbersDisagree",
    "ProtocolInvalid",
    "Refused",
    "SchemaDrift",
    "SiteInvalid",
    "SnapshotBroken",
    "SourceRefused",
    "SourceUnreachable",
    "StorageFault",
    "TooCostly",
    "WriteRight",
]


class CohortlockError(Exception):
    """Something the user can mend. ``message`` says what and where, ``next_step`` what to type."""

    code: int = 1
    slug: str = "error"

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  {self.next_step}" if self.next_step else self.message


class ProtocolInvalid(CohortlockError):
    """study.toml cannot be used as it stands."""

    code, slug = 10, "protocol-invalid"


class ExpressionInvalid(ProtocolInvalid):
    """The search expression does not parse; the message shows the text with a caret."""

    code, slug = 11, "expression-invalid"


class AssumptionsInvalid(CohortlockError):
    """The assumptions of a simulation cannot be used as they stand."""

    code, slug = 31, "assumptions-invalid"


class SiteInvalid(CohortlockError):
    """site.toml or a mapping pack cannot be used as it stands."""

    code, slug = 12, "site-invalid"


class NotSelect(SiteInvalid):
    """SQL that is more than one SELECT which only reads; it was not sent."""

    code, slug = 27, "not-select"


class SourceUnreachable(CohortlockError):
    """The hospital's database does not answer."""

    code, slug = 13, "source-unreachable"


class SourceRefused(CohortlockError):
    """The hospital's database answers, and says no."""

    code, slug = 14, "source-refused"


class WriteRight(SourceRefused):
    """The account may write to the tables that are read, and site.toml gives no reason for it."""

    code, slug = 26, "write-right"


class TooCostly(SourceRefused):
    """The server's own plan, or the rows of the run, are above what site.toml allows."""

    code, slug = 28, "too-costly"


class NotNow(SourceRefused):
    """The hospital wants no load now: blackout hours, or its database slows down."""

    code, slug = 29, "not-now"


class NotApproved(CohortlockError):
    """Nobody has approved what this protocol would ask of this hospital's database."""

    code, slug = 30, "not-approved"


class SchemaDrift(CohortlockError):
    """The HIS no longer has the tables and columns that the pack was written for."""

    code, slug = 15, "schema-drift"


class DriverMissing(CohortlockError):
    """The Python or ODBC driver of this database is not installed."""

    code, slug = 16, "driver-missing"


class Busy(CohortlockError):
    """Another process of ours holds this study."""

    code, slug = 17, "busy"


class StorageFault(CohortlockError):
    """The disk is full, read-only or gone."""

    code, slug = 18, "storage-fault"


class NotFound(CohortlockError):
    """There is no such study, snapshot, patient or visit."""

    code, slug = 19, "not-found"


class AlreadyExists(CohortlockError):
    """Going on would overwrite something."""

    code, slug = 20, "already-exists"


class Refused(CohortlockError):
    """The study's own rules forbid it: role, phase, blinding, or a locked study."""

    code, slug = 21, "refused"


class NotReady(CohortlockError):
    """A precondition of the lock is open."""

    code, slug = 22, "not-ready"


class ChecksFailed(CohortlockError):
    """Checks failed and nobody has waived them."""

    code, slug = 23, "checks-failed"


class SnapshotBroken(CohortlockError):
    """The snapshot differs from what was signed."""

    code, slug = 24, "snapshot-broken"


class NumbersDisagree(CohortlockError):
    """A printed number of a report does not fit the others; the report was not released."""

    code, slug = 32, "numbers-disagree"


class NotLocked(CohortlockError):
    """The analysis reads locked snapshots, and this is none."""

    code, slug = 25, "not-locked"
