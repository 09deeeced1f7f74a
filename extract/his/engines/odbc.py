"""Anything by ODBC, straight through pyodbc: one SELECT streamed, and each driver's known trap avoided.

The SQL that is spoken is named by the URL (``postgresql+odbc://``; plain ``odbc://`` is the common text);
what the session needs is told from the product that answers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa

from extract.errors import CohortlockError, DriverMissing, SchemaDrift, SiteInvalid, SourceRefused
from extract.his.engines.base import unwatched
from extract.his.engines.binds import for_odbc, is_term
from extract.his.engines.dialects import day_bind
from extract.his.engines.faults import connection_fault, query_fault
from extract.his.engines.forms import formed
from extract.his.engines.repertoire import holdable, repertoire
from extract.his.engines.sessions import opening, product_of

__all__ = ["OdbcEngine", "connection_string"]

_OPTIONS: Final = {
    # Without these, the whole answer is read into memory before the first row.
    "psqlodbc": {"UseDeclareFetch": "1", "Fetch": "5000"},
    "libmaodbc": {"NO_CACHE": "1", "FORWARDONLY": "1", "CHARSET": "utf8mb4"},
    "sqlite3odbc": {"NoTXN": "1"},
}
_NARROW: Final = ("libmaodbc",)
"""Drivers whose wide texts lose their end (MariaDB 3.1: long texts are halved, an emoji costs a letter)."""
_DRIVERS: Final = {
    "postgres": "odbc-postgresql",
    "psqlodbc": "odbc-postgresql",
    "maria": "odbc-mariadb",
    "libmaodbc": "odbc-mariadb",
    "mysql": "odbc-mariadb",
    "sqlite": "libsqliteodbc",
    "freetds": "tdsodbc",
    "tdsodbc": "tdsodbc",
}
_SPEAKS_OWN: Final = {"mssql", "oracle"}
_VARCHAR, _WVARCHAR = 12, -9


class OdbcEngine:
    """One ODBC connection."""

    def __init__(self, url: str, *, dialect: str, zone: str, seconds: int) -> None:
        """Connect. Raises SiteInvalid, DriverMissing, SourceUnreachable, SourceRefused."""
        try:
            import pyodbc
        except ImportError as error:
            wanted = "unixodbc (Debian) for libodbc.so.2" if "libodbc" in str(error) else "pyodbc"
            raise DriverMissing("ODBC itself is not installed", f"Install {wanted}.") from None
        self.dialect = dialect
        self.product = ""
        self.abandoned: Callable[[], object] = unwatched
        self._odbc: Any = pyodbc
        self._zone = ZoneInfo(zone)
        self._seconds = seconds
        text = connection_string(url)
        self.where = _where(text)
        self._connection = self._connected(text)
        self._repertoire = repertoire(self.product, self.ask)

    def _connected(self, text: str) -> Any:
        connection = self._opened(text)
        driver = self._driver(connection)
        said = {part.partition("=")[0].strip().upper() for part in text.split(";")}
        more = {
            name: value
            for library, options in _OPTIONS.items() if library in driver
            for name, value in options.items() if name.upper() not in said
        }  # fmt: skip
        if more:
            connection.close()
            connection = self._opened(text + "".join(f";{name}={value}" for name, value in more.items()))
        if any(library in driver for library in _NARROW):
            for kind in (self._odbc.SQL_CHAR, self._odbc.SQL_WCHAR):
                connection.setdecoding(kind, encoding="utf-8", ctype=self._odbc.SQL_CHAR)
            connection.setencoding(encoding="utf-8", ctype=self._odbc.SQL_CHAR)
        self._begin(connection)
        return connection

    def _opened(self, text: str) -> Any:
        try:
            return self._odbc.connect(text, readonly=True, autocommit=False, timeout=15)
        except self._odbc.Error as error:
            raise _missing(error, self.where, self._odbc.drivers()) or connection_fault(
                error, self.where
            ) from None

    def _driver(self, connection: Any) -> str:
        return str(connection.getinfo(self._odbc.SQL_DRIVER_NAME)).lower()

    def _begin(self, connection: Any) -> None:
        product = self.product = product_of(str(connection.getinfo(self._odbc.SQL_DBMS_NAME)))
        if product in _SPEAKS_OWN and product != self.dialect:
            raise SiteInvalid(
                f"{self.where}: this is a database that does not run the common SQL",
                f"Write [source] url with {product}+odbc:// so that the pack is said in its SQL.",
            )
        # PostgreSQL's driver knows no such attribute; it is told by SET.
        with suppress(self._odbc.Error):
            connection.timeout = self._seconds
        try:
            # Some settings hold from the next transaction on, some may not stand inside one.
            connection.autocommit = True
            for statement in opening(product, self._seconds):
                connection.execute(statement).close()
            connection.autocommit = product == "sqlite"
        except self._odbc.Error as error:
            raise connection_fault(error, self.where) from None

    def stream(
        self,
        sql: str,
        params: Mapping[str, object],
        schema: pa.Schema,
        *,
        batch_rows: int,
        unreadable: Counter[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """See ``Engine.stream``."""
        text, order = for_odbc(sql)
        deadline = time.monotonic() + self._seconds
        cursor = self._connection.cursor()
        try:
            if self.dialect == "mssql":
                cursor.setinputsizes(sizes(order))
            binds = holdable(params, self._repertoire)
            cursor.execute(text, [binds[name] for name in order])
            while rows := cursor.fetchmany(batch_rows):
                columns = list(zip(*rows, strict=True))
                yield pa.record_batch(
                    [
                        formed(column, field, self._zone, unreadable)
                        for column, field in zip(columns, schema, strict=True)
                    ],
                    schema=schema,
                )
                if time.monotonic() > deadline:
                    raise _too_long(self.where, self._seconds)  # noqa: TRY301 - the clock is looked at here
        except BaseException as error:
            late = time.monotonic() > deadline
            # First the server: a driver that closes its cursor may wait for the rest of the rows.
            self.abandoned()
            if not isinstance(error, self._odbc.Error):
                raise
            raise (
                _too_long(self.where, self._seconds)
                if late
                else query_fault(error, self.where, self._seconds)
            ) from None
        finally:
            self._ended(cursor)

    def _ended(self, cursor: Any) -> None:
        """Hold no transaction open between statements: the HIS may want to vacuum."""
        _quietly(cursor.close, self._odbc.Error)
        _quietly(self._connection.rollback, self._odbc.Error)

    def ask(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """See ``Engine.ask``."""
        text, order = for_odbc(sql)
        cursor = self._connection.cursor()
        try:
            cursor.execute(text, [(params or {})[name] for name in order])
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            self._connection.commit()
        except self._odbc.Error as error:
            raise query_fault(error, self.where, self._seconds) from None
        finally:
            self._ended(cursor)
        return rows

    def day(self, iso: str) -> object:
        """See ``Engine.day``."""
        return day_bind(self.product if self.dialect == "odbc" else self.dialect, iso)

    def columns(self, table: str) -> frozenset[str] | None:
        """See ``Engine.columns``."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"SELECT * FROM {table} WHERE 1 = 0")  # noqa: S608 - a name from the pack
            return frozenset(str(column[0]).lower() for column in cursor.description)
        except self._odbc.Error as error:
            fault = query_fault(error, self.where, self._seconds)
            if isinstance(fault, SchemaDrift):
                return None
            raise fault from None
        finally:
            self._ended(cursor)

    def close(self) -> None:
        """See ``Engine.close``."""
        _quietly(self._connection.close, self._odbc.Error)


def connection_string(url: str) -> str:
    """ODBC's own string of a URL: ``odbc_connect=…`` in its query, or a data source by name as the host.

    Account and password may stand in the URL, where a password may hold any character.  Raises SiteInvalid.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    given = parsed.query.get("odbc_connect") if parsed is not None else None
    if parsed is None or not (given or parsed.host) or not isinstance(given or "", str):
        raise SiteInvalid(
            "site.toml: [source] url names no ODBC source",
            "Write odbc:///?odbc_connect=DRIVER={…};SERVER=… or, for a data source of odbc.ini, odbc://NAME.",
        )
    parts = [str(given).rstrip(";") if given else f"DSN={parsed.host}"]
    if parsed.username:
        parts.append(f"UID={_braced(parsed.username)}")
    if parsed.password:
        parts.append(f"PWD={_braced(str(parsed.password))}")
    return ";".join(parts)


def sizes(order: list[str]) -> list[tuple[int, int, int]]:
    """Types of the binds on SQL Server: terms as nvarchar, all else as varchar, so that keys meet their index."""
    return [(_WVARCHAR, 4000, 0) if is_term(name) else (_VARCHAR, 255, 0) for name in order]


def _braced(text: str) -> str:
    return "{" + text.replace("}", "}}") + "}"


def _where(text: str) -> str:
    """The source without account and password."""
    parts = dict(part.partition("=")[::2] for part in text.split(";") if "=" in part)
    said = {name.strip().upper(): value.strip(" {}") for name, value in parts.items()}
    name = said.get("DSN") or said.get("DRIVER") or "source"
    base = said.get("DATABASE", "").replace("\\", "/").rpartition("/")[2]
    return f"ODBC {name.rpartition('/')[2]}" + (f", database {base}" if base else "")


def _missing(error: BaseException, where: str, known: list[str]) -> DriverMissing | None:
    """The driver or the data source that unixODBC does not find, and the package that brings it."""
    text = str(error)
    if "IM002" not in text and "Can't open lib" not in text and "IM003" not in text:
        return None
    package = next((deb for part, deb in _DRIVERS.items() if part in where.lower()), None)
    have = (
        f" Registered here: {', '.join(known)}."
        if known
        else " No driver is registered here (odbcinst -q -d)."
    )
    install = f"Install {package} (Debian), or name the driver's .so file." if package else (
        "Install the vendor's ODBC driver and register it in odbcinst.ini, or write DRIVER=/path/to/driver.so."
    )  # fmt: skip
    return DriverMissing(f"{where}: unixODBC finds no such driver or data source", install + have)


def _too_long(where: str, seconds: int) -> CohortlockError:
    return SourceRefused(
        f"{where}: a statement took longer than {seconds} s and was stopped",
        "Take a smaller [limits] window or key_batch, or raise statement_seconds in site.toml.",
    )


def _quietly(action: Callable[[], object], expected: type[BaseException]) -> None:
    # A session that is lost already cannot be ended any better.
    try:
        action()
    except expected:
        return
