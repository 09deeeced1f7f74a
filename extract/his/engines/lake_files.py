"""A folder as tables: which files stand for which table, and the DuckDB call that reads each.

A table is a file ``NAME.csv``, ``.csv.gz`` or ``.parquet``, a folder ``NAME`` of Parquet files, or any number
of NDJSON parts, as bulk exports write them: ``NAME.ndjson``, ``NAME.ndjson.gz``, ``NAME.0.ndjson``,
``NAME-12.ndjson.gz``.  NDJSON is read with the columns and types that the pack declares, so that a field
which no record of an export holds is a NULL and not a missing column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
import pyarrow.parquet as pq

from extract.errors import SourceUnreachable

__all__ = ["Reading", "make_tables"]

_SUFFIXES: Final = (".parquet", ".csv.gz", ".csv")
_NDJSON: Final = re.compile(r"(?P<table>[^.]+?)(?:[._-]\d+)*\.(?:ndjson|jsonl)(?:\.gz)?", re.IGNORECASE)
_SMALL: Final = 64 * 2**20
"""A folder whose texts have fewer bytes is read once, into memory; a larger one at each statement."""
_LONGEST_RECORD: Final = 256 * 2**20
"""A record of NDJSON holds a whole document, scanned pages too: more than DuckDB's 16 MB."""


@dataclass(frozen=True)
class Reading:
    """What a pack says about files."""

    all_text: bool = False
    """CSV columns stay text, so that keys keep their leading zeros."""
    empty: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tables that a folder may lack -> their columns (those of an NDJSON table are declared below)."""
    ndjson: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Table -> column -> DuckDB type."""


def make_tables(
    connection: duckdb.DuckDBPyConnection, folder: Path, reading: Reading
) -> dict[str, tuple[Path, ...]]:
    """One table or view for each table of ``folder``; the Parquet files of those that are nothing else.

    Raises SourceUnreachable, duckdb.Error.
    """
    texts = [p for p in folder.iterdir() if not p.name.lower().endswith(".parquet") and p.is_file()]
    kept = sum(path.stat().st_size for path in texts) < _SMALL
    made = set()
    for name, source, is_text in _sources(connection, folder, reading):
        if name.lower() in made:
            raise SourceUnreachable(
                f"{folder.name}: two files stand for the table {name}", "Keep one of them in the folder."
            )
        made.add(name.lower())
        kind = "TABLE" if is_text and kept else "VIEW"
        try:
            connection.execute(f"CREATE {kind} {_named(name)} AS SELECT * FROM {source}")  # noqa: S608 - a file name
        except duckdb.Error:
            # DuckDB's message quotes the line that it cannot read.
            raise SourceUnreachable(
                f"{folder.name}: the file of the table {name} cannot be read as what its name says it is",
                "Export it again, or open it with a tool that names the broken line.",
            ) from None
    if not made:
        raise SourceUnreachable(
            f"{folder.name}: holds no .csv, .csv.gz, .parquet or .ndjson file that the pack reads",
            "Check [source] url in site.toml.",
        )
    declared = {name.lower(): columns for name, columns in reading.ndjson.items()}
    for name, columns in reading.empty.items():
        if name.lower() not in made:
            types = declared.get(name.lower()) or dict.fromkeys(columns, "VARCHAR")
            listed = ", ".join(f"CAST(NULL AS {kind}) AS {_named(column)}" for column, kind in types.items())
            connection.execute(f"CREATE VIEW {_named(name)} AS SELECT {listed} WHERE 1 = 0")
    return {name.lower(): files for name, files in _parquet(folder)}


def _parquet(folder: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Tables that are Parquet files of one shape; not those whose folders' names hold columns (``year=2022``)."""
    for path in sorted(folder.iterdir()):
        files = tuple(sorted(path.glob("**/*.parquet"))) if path.is_dir() else (path,)
        if path.suffix.lower() == ".parquet" or path.is_dir():
            hive = any("=" in part for file in files for part in file.relative_to(folder).parts[:-1])
            if (
                files
                and not hive
                and len({str(pq.read_schema(file).remove_metadata()) for file in files}) == 1
            ):
                yield path.name.removesuffix(path.suffix) if path.is_file() else path.name, files


def _sources(
    connection: duckdb.DuckDBPyConnection, folder: Path, reading: Reading
) -> Iterator[tuple[str, str, bool]]:
    """Name of a table, what reads it, and whether that is text, which is worth keeping once read."""
    declared = {name.lower(): columns for name, columns in reading.ndjson.items()}
    parts: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((s for s in _SUFFIXES if path.name.lower().endswith(s)), None)
        if path.is_dir() and any(path.glob("**/*.parquet")):
            yield path.name, f"read_parquet({_quoted(str(path.resolve() / '**/*.parquet'))})", False
        elif suffix == ".parquet":
            yield path.name[: -len(suffix)], f"read_parquet({_quoted(str(path.resolve()))})", False
        elif suffix is not None:
            call = _csv(connection, _quoted(str(path.resolve())), all_text=reading.all_text)
            yield path.name[: -len(suffix)], call, True
        # A type of resource that the pack does not read stays unread.
        elif (match := _NDJSON.fullmatch(path.name)) and match["table"].lower() in declared:
            parts.setdefault(match["table"], []).append(path)
    for name, files in parts.items():
        yield name, _ndjson(files, declared[name.lower()]), True


def _csv(connection: duckdb.DuckDBPyConnection, path: str, *, all_text: bool) -> str:
    """The call that reads a CSV; its types are told from the whole file, and only once."""
    if all_text:
        return f"read_csv({path}, header = true, all_varchar = true)"
    whole = f"SELECT * FROM read_csv({path}, header = true, sample_size = -1)"  # noqa: S608 - a file name
    columns = connection.execute(f"DESCRIBE {whole}").fetchall()
    types = ", ".join(f"{_quoted(str(row[0]))}: {_quoted(str(row[1]))}" for row in columns)
    return f"read_csv({path}, header = true, types = {{{types}}})"


def _ndjson(files: list[Path], columns: Mapping[str, str]) -> str:
    listed = ", ".join(_quoted(str(path.resolve())) for path in files)
    types = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in columns.items())
    return (
        f"read_json([{listed}], format = 'newline_delimited', columns = {{{types}}}, "
        f"maximum_object_size = {_LONGEST_RECORD})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _named(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
