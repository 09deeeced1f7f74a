"""Files as a database: a folder of CSV, Parquet and NDJSON, or a DuckDB file, read-only through DuckDB."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from extract.errors import SourceUnreachable
from extract.his.engines.base import unwatched
from extract.his.engines.binds import for_duckdb, names
from extract.his.engines.faults import connection_fault, query_fault
from extract.his.engines.forms import formed
from extract.his.engines.lake_files import Reading, make_tables

__all__ = ["LakeEngine"]


class LakeEngine:
    """A folder whose files are tables by their names (case does not matter), or one DuckDB file."""

    dialect = product = "duckdb"

    def __init__(
        self,
        path: Path,
        *,
        zone: str,
        seconds: int,
        reading: Reading | None = None,
    ) -> None:
        """Open. Raises SourceUnreachable."""
        self.where = path.name
        self.abandoned: Callable[[], object] = unwatched
        self._zone = ZoneInfo(zone)
        self._seconds = seconds
        if not path.exists():
            raise SourceUnreachable(
                f"{path.name}: there is no such folder or file", "Check [source] url in site.toml."
            )
        try:
            if path.is_dir():
                self._connection = duckdb.connect(config={"threads": 2})
                make_tables(self._connection, path, reading or Reading())
                self._connection.execute(
                    "SET allowed_directories = [$folder]", {"folder": f"{path.resolve()}/"}
                )
                self._connection.execute("SET enable_external_access = false")
            else:
                self._connection = duckdb.connect(str(path), read_only=True)
            # A time with a zone is compared with the site's days: its wall clock is the site's.
            self._connection.execute("SET TimeZone = $zone", {"zone": zone})
            self._connection.execute("SET lock_configuration = true")
        except duckdb.Error as error:
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
        wanted = names(sql)
        binds = {name: value for name, value in params.items() if name in wanted}
        timer = threading.Timer(self._seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            reader = self._connection.sql(for_duckdb(sql), params=binds).to_arrow_reader(batch_rows)
            for batch in reader:
                yield pa.record_batch(
                    [
                        formed(column, field, self._zone, unreadable)
                        for column, field in zip(batch.columns, schema, strict=True)
                    ],
                    schema=schema,
                )
        except (duckdb.Error, pa.ArrowInvalid, OSError) as error:
            raise query_fault(error, self.where, self._seconds) from None
        finally:
            timer.cancel()

    def ask(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """See ``Engine.ask``."""
        try:
            found = self._connection.execute(for_duckdb(sql), dict(params or {})).fetchall()
        except duckdb.Error as error:
            raise query_fault(error, self.where, self._seconds) from None
        return [tuple(row) for row in found]

    def day(self, iso: str) -> object:
        """See ``Engine.day``: DuckDB compares a text bind with dates, times and texts alike."""
        return iso

    def columns(self, table: str) -> frozenset[str] | None:
        """See ``Engine.columns``."""
        schema, _, name = table.rpartition(".")
        query = "SELECT lower(column_name) FROM duckdb_columns() WHERE lower(table_name) = $name"
        query += " AND lower(schema_name) = $schema" if schema else ""
        binds = {"name": name.lower(), **({"schema": schema.lower()} if schema else {})}
        found = frozenset(str(row[0]) for row in self._connection.execute(query, binds).fetchall())
        return found or None

    def close(self) -> None:
        """See ``Engine.close``."""
        self._connection.close()
