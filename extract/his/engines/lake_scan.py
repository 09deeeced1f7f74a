"""Parquet texts read by Polars in DuckDB's place: which SELECTs allow it, and the rows that hold a word.

A SELECT allows it where the text is one column of a table of Parquet files, named there and nowhere else, and
the SELECT only joins, filters and renames: then the rows of that table without a word can be left out before
it runs, and nothing else changes.  Of the columns only those are read that say patient and visit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa

from extract.his.engines.lake_words import Words

__all__ = ["Pruned", "Scan", "Table", "pruned"]

_ROWS: Final = 50_000
_TYPES: Final = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "SMALLINT": pa.int16(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}
"""DuckDB types that Polars delivers with the same values."""

Table = Callable[[str], tuple[tuple[Path, ...], Mapping[str, str]] | None]
"""Files and columns (name -> DuckDB type) of a table of Parquet files by its name; None for any other table."""


@dataclass(frozen=True)
class Scan:
    """A table of Parquet files with its columns' DuckDB types, as one SELECT reads it."""

    files: tuple[Path, ...]
    columns: Mapping[str, str]
    """As the files spell them -> type."""
    text: str

    def rows(self, words: Words) -> pa.RecordBatchReader:
        """The rows that hold a spelling, the text replaced by the words in it; read as they are asked for."""
        schema = pa.schema([(name, _TYPES[kind]) for name, kind in self.columns.items()])
        text = pl.col(self.text).cast(pl.String)  # a dictionary of texts is read as texts
        frame = (
            pl.scan_parquet(list(self.files), hive_partitioning=False)
            .select(list(self.columns))
            .filter(words.holds(text))
            .with_columns(words.kept(text).alias(self.text))
        )
        return pa.RecordBatchReader.from_batches(schema, _batches(frame, schema))


def _batches(frame: pl.LazyFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    batches = frame.collect_batches(chunk_size=_ROWS, maintain_order=False, lazy=True, engine="streaming")
    for batch in batches:
        yield from batch.to_arrow().cast(schema).to_batches()


@dataclass(frozen=True)
class Pruned:
    """A SELECT reduced to patient, visit and text, its Parquet tables renamed to what Polars will deliver."""

    select: str
    scans: Mapping[str, Scan]
    """By their new names."""
    whole: bool
    """Whether every text of it comes from a scan, and so holds words alone."""


def pruned(select: str, text: str, table: Table, prefix: str) -> Pruned | None:
    """``select`` reduced, its scans' names beginning with ``prefix``; None where no part of it allows a scan."""
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(select, read="duckdb")
    scans: dict[str, Scan] = {}
    parts = list(_parts(tree))
    if any(part is None for part in parts):
        return None
    wanted = ["patient_id", "visit_id", text]
    heads = [name.lower() for name in parts[0].named_selects]
    if len({len(part.selects) for part in parts}) != 1:
        return None
    places = [heads.index(name) for name in wanted]
    for part in parts:
        chosen = [part.selects[at].unalias() for at in places]
        part.set("expressions", [exp.alias_(e, name) for e, name in zip(chosen, wanted, strict=True)])
        if (found := _scan(part, chosen[-1], table)) is not None:
            source, scan = found
            name = f"{prefix}_{len(scans)}"
            scans[name] = scan
            source.replace(
                exp.Table(this=exp.to_identifier(name), alias=source.args.get("alias") or source.name)
            )
    return Pruned(tree.sql(dialect="duckdb"), scans, len(scans) == len(parts)) if scans else None


def _parts(tree: Any) -> Iterator[Any]:
    """The SELECTs of a UNION ALL; None for anything that does more."""
    from sqlglot import exp

    if isinstance(tree, exp.Union) and not tree.args.get("distinct") and not _more(tree):
        yield from _parts(tree.left)
        yield from _parts(tree.right)
    elif (
        isinstance(tree, exp.Select)
        and not _more(tree)
        and tree.find(exp.AggFunc, exp.Window, exp.Star) is None
    ):
        yield tree
    else:
        yield None


def _more(tree: Any) -> bool:
    does = (
        "distinct",
        "group",
        "having",
        "qualify",
        "limit",
        "offset",
        "order",
        "with_",
        "windows",
        "sample",
    )
    return any(tree.args.get(name) for name in does)


def _scan(part: Any, text: Any, table: Table) -> tuple[Any, Scan] | None:
    """The Parquet table whose column the text is, and what is read of it."""
    from sqlglot import exp

    tables = {source.alias_or_name.lower(): source for source in part.find_all(exp.Table)}
    if (
        not isinstance(text, exp.Column)
        or text.table.lower() not in tables
        or len(tables) != len(list(part.find_all(exp.Table)))
        or len(list(part.find_all(exp.Select))) != 1
        or any(not column.table for column in part.find_all(exp.Column))
        or any(isinstance(join, exp.Join) and join.args.get("using") for join in part.find_all(exp.Join))
    ):
        return None
    source = tables[text.table.lower()]
    known = table(source.name)
    if known is None or source.db:
        return None
    files, kinds = known
    spelled = {name.lower(): name for name in kinds}
    of = [c.name.lower() for c in part.find_all(exp.Column) if c.table.lower() == text.table.lower()]
    columns = {spelled[name]: kinds[spelled[name]] for name in dict.fromkeys(of) if name in spelled}
    if (
        of.count(text.name.lower()) != 1
        or len(columns) != len(set(of))
        or not _TYPES.keys() >= set(columns.values())
        or columns[spelled[text.name.lower()]] != "VARCHAR"
    ):
        return None
    return source, Scan(files, columns, spelled[text.name.lower()])
