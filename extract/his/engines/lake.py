"""Files as a database: a folder of CSV, CSV.gz and Parquet, or a DuckDB file, read-only through DuckDB."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from extract.errors import SourceUnreachable
from extract.his.engines.base import unwatched
from extract.his.engines.binds import for_duckdb, names
from extract.his.engines.faults import connection_fault, query_fault
from extract.his.engines.forms import formed

__all__ = ["LakeEngine"]

_SUFFIXES: Final = (".parquet", ".csv.gz", ".csv")
_SMALL: Final = 64 * 2**20
"""A folder whose CSV files have fewer bytes is read once, into memory; a larger one at each statement."""


class LakeEngine:
    """A folder whose files are tables by their names (case does not matter), or one DuckDB file."""

    dialect = product = "duckdb"

    def __init__(
        self,
        path: Path,
        *,
        zone: str,
        seconds: int,
        all_text: bool = False,
        empty: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Open. ``empty``: tables that a folder may lack -> their columns, then empty.

        Raises SourceUnreachable.
        """
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
                _views(self._connection, path, all_text=all_text, empty=empty or {})
                self._connection.execute(
                    "SET allowed_directories = [$folder]", {"folder": f"{path.resolve()}/"}
                )
                self._connection.execute("SET enable_external_access = false")
            else:
                self._connection = duckdb.connect(str(path), read_only=True)
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


def _views(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    all_text: bool,
    empty: Mapping[str, tuple[str, ...]],
) -> None:
    made = set()
    csv = sum(
        path.stat().st_size for path in folder.iterdir() if path.name.lower().endswith((".csv", ".csv.gz"))
    )
    for path in sorted(folder.iterdir()):
        suffix = next((s for s in _SUFFIXES if path.name.lower().endswith(s)), None)
        if path.is_dir() and any(path.glob("**/*.parquet")):
            name, source = path.name, f"read_parquet({_quoted(str(path.resolve() / '**/*.parquet'))})"
        elif suffix is None:
            continue
        elif suffix == ".parquet":
            name, source = path.name[: -len(suffix)], f"read_parquet({_quoted(str(path.resolve()))})"
        else:
            name, source = path.name[: -len(suffix)], _csv(connection, _quoted(str(path.resolve())), all_text)
        if name.lower() in made:
            raise SourceUnreachable(
                f"{folder.name}: two files stand for the table {name}", "Keep one of them in the folder."
            )
        made.add(name.lower())
        kind = "TABLE" if source.startswith("read_csv") and csv < _SMALL else "VIEW"
        connection.execute(f'CREATE {kind} "{name}" AS SELECT * FROM {source}')  # noqa: S608 - a file name
    for name, columns in empty.items():
        if name.lower() not in made:
            listed = ", ".join(f'CAST(NULL AS VARCHAR) AS "{column}"' for column in columns)
            connection.execute(f'CREATE VIEW "{name}" AS SELECT {listed} WHERE 1 = 0')
    if not made:
        raise SourceUnreachable(
            f"{folder.name}: holds no .csv, .csv.gz or .parquet file", "Check [source] url in site.toml."
        )


def _csv(connection: duckdb.DuckDBPyConnection, path: str, all_text: bool) -> str:
    """The call that reads a CSV; its types are told from the whole file, and only once."""
    if all_text:
        return f"read_csv({path}, header = true, all_varchar = true)"
    whole = f"SELECT * FROM read_csv({path}, header = true, sample_size = -1)"  # noqa: S608 - a file name
    columns = connection.execute(f"DESCRIBE {whole}").fetchall()
    types = ", ".join(f"{_quoted(str(row[0]))}: {_quoted(str(row[1]))}" for row in columns)
    return f"read_csv({path}, header = true, types = {{{types}}})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
