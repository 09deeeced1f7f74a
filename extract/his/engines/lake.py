"""Files as a database: a folder of CSV, Parquet and NDJSON, or a DuckDB file, read-only through DuckDB."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from extract.errors import SourceUnreachable
from extract.his.engines.base import unwatched
from extract.his.engines.binds import for_duckdb, names
from extract.his.engines.faults import connection_fault, query_fault
from extract.his.engines.forms import formed
from extract.his.engines.lake_calls import Call, calls
from extract.his.engines.lake_files import Reading, make_tables
from extract.his.engines.lake_scan import Pruned, Scan, pruned
from extract.his.engines.lake_words import Words

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
        self._files: dict[str, tuple[Path, ...]] = {}
        self._pruned: dict[tuple[str, str, str], Pruned | None] = {}
        self._found: dict[str, tuple[object, ...]] = {}
        if not path.exists():
            raise SourceUnreachable(
                f"{path.name}: there is no such folder or file", "Check [source] url in site.toml."
            )
        try:
            if path.is_dir():
                self._connection = duckdb.connect(config={"threads": 2})
                self._files = make_tables(self._connection, path, reading or Reading())
                self._connection.execute(
                    "SET allowed_directories = [$folder]", {"folder": f"{path.resolve()}/"}
                )
                self._connection.execute("SET enable_external_access = false")
            else:
                self._connection = duckdb.connect(str(path), read_only=True)
            # A statement of more than two seconds would draw a bar on stdout, which is --json's.
            self._connection.execute("SET enable_progress_bar = false")
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
        timer = threading.Timer(self._seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            with (
                self._searching(sql, params) as (text, binds),
                self._connection.sql(text, params=binds).to_arrow_reader(batch_rows) as reader,
            ):
                for batch in reader:
                    yield pa.record_batch(
                        [
                            formed(column, field, self._zone, unreadable)
                            for column, field in zip(batch.columns, schema, strict=True)
                        ],
                        schema=schema,
                    )
        except (duckdb.Error, pa.ArrowInvalid, pl.exceptions.PolarsError, OSError) as error:
            raise query_fault(error, self.where, self._seconds) from None
        finally:
            timer.cancel()

    def ask(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """See ``Engine.ask``."""
        try:
            with self._searching(sql, params or {}) as (text, binds):
                found = self._connection.execute(text, binds).fetchall()
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

    @contextmanager
    def _searching(self, sql: str, params: Mapping[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
        """A statement as DuckDB runs it, each ``words_of`` made a function, or rows that Polars has found."""
        wanted = names(sql)
        pieces, at = [], 0
        with ExitStack() as made:
            for number, call in enumerate(calls(sql)):
                words = Words.of(call.asked, params)
                found = self._reduced(call, f"scan_{number}")
                for name, scan in found.scans.items() if found else ():
                    self._find(name, scan, words)
                function = None
                if found is None or not found.whole:
                    function = self._function(f"words_of_{number}", words, made)
                pieces += [
                    sql[at : call.start],
                    call.written(function, found.select if found else call.select),
                ]
                at = call.end
            binds = {name: value for name, value in params.items() if name in wanted}
            yield for_duckdb("".join([*pieces, sql[at:]])), binds

    def _function(self, name: str, words: Words, made: ExitStack) -> str:
        self._connection.create_function(
            name,
            words.function(),
            ["VARCHAR"],
            "VARCHAR",
            type=ARROW,
            null_handling=SPECIAL,
            # Else it would be called again wherever its answer is compared.
            side_effects=True,
        )
        made.callback(self._connection.remove_function, name)
        return name

    def _find(self, name: str, scan: Scan, words: Words) -> None:
        """The rows that hold words as a table of that name, which stays for the next windows of the search.

        A table, because of a stream DuckDB cannot tell how few rows it has, and joins the visits badly.
        """
        asked = (scan, words, [file.stat().st_mtime_ns for file in scan.files])
        if self._found.get(name) == asked:
            return
        self._found.pop(name, None)
        stream = f"{name}_rows"
        self._connection.register(stream, scan.rows(words))
        try:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {stream}")  # noqa: S608 - our own names
        finally:
            self._connection.unregister(stream)
        self._found[name] = asked

    def _reduced(self, call: Call, prefix: str) -> Pruned | None:
        """The SELECT of a call as Polars allows it; asked again in each window, so it is kept."""
        key = (call.select, call.column, prefix)
        if key not in self._pruned:
            self._pruned[key] = pruned(call.select, call.column, self._parquet, prefix)
        return self._pruned[key]

    def _parquet(self, table: str) -> tuple[tuple[Path, ...], dict[str, str]] | None:
        """The files of a table of Parquet files, and its columns with their types."""
        if (files := self._files.get(table.lower())) is None:
            return None
        rows = self._connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE lower(table_name) = $name",
            {"name": table.lower()},
        ).fetchall()
        return files, {str(name): str(kind) for name, kind in rows}

    def close(self) -> None:
        """See ``Engine.close``."""
        self._connection.close()
