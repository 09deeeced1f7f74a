"""What a driver's error means, in one sentence without a password, a value or a statement."""

from __future__ import annotations

import re
from typing import Final

from extract.errors import CohortlockError, SchemaDrift, SourceRefused, SourceUnreachable

__all__ = ["connection_fault", "query_fault", "text_fault"]

_LOGIN: Final = re.compile(
    r"password authentication failed|access denied|login failed|ORA-01017|ORA-28000|ORA-01045|"
    r"role \"?[^\"]*\"? does not exist|no pg_hba\.conf entry|authentication failed|not authorized|"
    r"Unknown database|Cannot open database|database \"?[^\"]*\"? does not exist|permission denied",
    re.IGNORECASE,
)
_MISSING_TABLE: Final = (
    re.compile(r"no such table: (?P<name>[\w.$]+)"),
    re.compile(r'relation "(?P<name>[^"]+)" does not exist'),
    re.compile(r"Table with name (?P<name>[\w.$]+) does not exist"),
    re.compile(r"Table '(?P<name>[^']+)' doesn't exist"),
    re.compile(r"Invalid object name '(?P<name>[^']+)'"),
    re.compile(r"ORA-00942(?P<name>)"),
)
_MISSING_COLUMN: Final = (
    re.compile(r"no such column: (?P<name>[\w.$]+)"),
    re.compile(r'column "?(?P<name>[\w.$]+)"? does not exist'),
    re.compile(r'does not have a column named "(?P<name>[^"]+)"'),
    re.compile(r'Referenced column "(?P<name>[^"]+)" not found'),
    re.compile(r"Unknown column '(?P<name>[^']+)'"),
    re.compile(r"Invalid column name '(?P<name>[^']+)'"),
    re.compile(r'ORA-00904: (?P<name>[\w."$]+)'),
)
_TOO_LONG: Final = re.compile(
    r"statement timeout|interrupted|canceling statement|ORA-01013|query execution was interrupted|"
    r"max_statement_time|maximum execution time|Query timeout",
    re.IGNORECASE,
)
_NOT_TEXT: Final = re.compile(r"Could not decode to UTF-8|codec can't (?:en|de)code", re.IGNORECASE)
_SQLSTATE: Final = re.compile(r"[0-9A-Z]{5}")
_LOST: Final = re.compile(
    r"server closed the connection|connection (?:refused|reset|timed out|already closed|not open)|"
    r"lost connection|gone away|ORA-0311[34]|terminating connection|could not (?:connect|translate)|"
    r"unable to open database file|not a database|disk image is malformed",
    re.IGNORECASE,
)


def connection_fault(error: BaseException, where: str) -> CohortlockError:
    """Why no session began. ``where`` is host and database without a password."""
    text = str(error)
    if _state(error)[:2] == "28" or _LOGIN.search(text):
        return SourceRefused(
            f"{where}: the database answers and refuses the login (account, password or database name)",
            "Check [source] url in site.toml and the environment variables it names.",
        )
    return SourceUnreachable(
        f"{where}: the database does not answer",
        "Check host, port and network, then `cohortlock doctor`.",
    )


def text_fault(where: str) -> CohortlockError:
    """A text that the session's encoding cannot carry: never its bytes, never its place."""
    return SourceRefused(
        f"{where}: a text is not in the encoding that the database says it is in",
        "`cohortlock doctor` looks at every column and says which [encoding] line to write in site.toml.",
    )


def query_fault(error: BaseException, where: str, seconds: int) -> CohortlockError:
    """Why a SELECT failed. Driver texts may quote a value, so only names from the schema are passed on."""
    text, state = str(error), _state(error)
    if (missing := _missing(text)) is not None:
        return SchemaDrift(
            f"{where}: there is no {missing}",
            "`cohortlock doctor` compares the whole pack with the database.",
        )
    if state in {"22021", "22P05"} or _NOT_TEXT.search(text):
        return text_fault(where)
    if state in {"57014", "HYT00", "HYT01", "HY008"} or _TOO_LONG.search(text):
        return SourceRefused(
            f"{where}: a statement took longer than {seconds} s and was stopped",
            "Take a smaller [limits] window or key_batch, or raise statement_seconds in site.toml.",
        )
    if state == "42501" or _LOGIN.search(text):
        return SourceRefused(
            f"{where}: the account may not read a table that the pack needs",
            "Ask for SELECT on the tables that `cohortlock doctor` names.",
        )
    if state[:2] in {"08", "57"} or _LOST.search(text):
        return SourceUnreachable(
            f"{where}: the connection was lost", "Run `cohortlock pull` again: what is done stays done."
        )
    kind = type(error).__name__ + (f", SQLSTATE {state}" if state else "")
    return SourceRefused(
        f"{where}: the database could not run the pack's SQL ({kind})",
        "`cohortlock sql` prints the statement; run it in the database's own client to see its message.",
    )


def _state(error: BaseException) -> str:
    said = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if said is None and error.args and _SQLSTATE.fullmatch(str(error.args[0])):
        said = error.args[0]  # ODBC's errors open with it
    return str(said or "")


def _missing(text: str) -> str | None:
    """The table or column that a driver's text says is not there."""
    for pattern in _MISSING_TABLE:
        if match := pattern.search(text):
            return f"table {match['name'] or 'of that name, or no right to see it'}"
    for pattern in _MISSING_COLUMN:
        if match := pattern.search(text):
            return f"column {match['name']}"
    return None
