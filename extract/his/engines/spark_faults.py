"""What Spark's error means, in one sentence: its own message quotes the statement and the value."""

from __future__ import annotations

import re
from typing import Any, Final

from extract.errors import CohortlockError, SchemaDrift, SourceRefused, SourceUnreachable

__all__ = ["spark_fault", "too_long"]

_TABLE: Final = {"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG_EXCEPTION"}
_COLUMN: Final = {"UNRESOLVED_COLUMN", "FIELD_NOT_FOUND"}
_DOCTOR: Final = "`cohortlock doctor` compares the whole pack with the database."
_CONDITION: Final = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")
_FORBIDDEN: Final = re.compile(
    r"AccessControlException|Permission denied|UNAUTHENTICATED|PERMISSION_DENIED|403 Forbidden"
)
_LOST: Final = re.compile(
    r"SparkContext was shut down|stopped SparkContext|cannot call methods on a stopped|"
    r"ExecutorLostFailure|MetadataFetchFailed|All masters are unresponsive|UNAVAILABLE|"
    r"Job \d+ cancelled because|Connection refused"
)


def too_long(where: str, seconds: int) -> SourceRefused:
    """A statement that was stopped by its time-out."""
    return SourceRefused(
        f"{where}: a statement took longer than {seconds} s and was stopped",
        "Take a smaller [limits] window or key_batch, more cores= in [source] url, or raise statement_seconds.",
    )


def spark_fault(error: BaseException, where: str) -> CohortlockError:
    """Why a statement failed. Only names of the schema and Spark's name of the condition are passed on."""
    text = str(error)
    condition = _condition(error, text)
    name = _named(error)
    if condition.partition(".")[0] in _TABLE:
        return SchemaDrift(f"{where}: there is no table {name or 'of that name'}", _DOCTOR)
    if condition.partition(".")[0] in _COLUMN:
        return SchemaDrift(f"{where}: there is no column {name or 'of that name'}", _DOCTOR)
    if condition.startswith("INSUFFICIENT_PERMISSIONS") or _FORBIDDEN.search(text):
        return SourceRefused(
            f"{where}: the account may not read a table or file that the pack needs",
            "Ask for the right to read what `cohortlock doctor` names.",
        )
    if _LOST.search(text) or type(error).__name__ in {"Py4JNetworkError", "ConnectionRefusedError"}:
        return SourceUnreachable(
            f"{where}: the connection with the cluster was lost",
            "Run `cohortlock pull` again: what is done stays done.",
        )
    return SourceRefused(
        f"{where}: Spark could not run the pack's SQL ({condition or type(error).__name__})",
        "`cohortlock sql` prints the statement; run it in the cluster's own client to see its message.",
    )


def _condition(error: BaseException, text: str) -> str:
    told: Any = getattr(error, "getCondition", None)
    found = told() if told is not None else None
    if found:
        return str(found)
    match = _CONDITION.search(text)
    return match[1] if match else ""


def _named(error: BaseException) -> str:
    told: Any = getattr(error, "getMessageParameters", None)
    parameters = (told() if told is not None else None) or {}
    name = next(
        (parameters[key] for key in ("relationName", "objectName", "fieldName") if key in parameters), ""
    )
    return str(name).replace("`", "")
