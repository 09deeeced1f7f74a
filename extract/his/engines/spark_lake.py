"""The tables of a Spark source: views over a folder of files for this session alone, or a catalog's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from extract.errors import SourceUnreachable
from extract.his.engines.spark_address import Address

__all__ = ["views"]

_SUFFIXES: Final = (".parquet", ".csv.gz", ".csv")
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?")
_CSV: Final = {
    "header": "true",
    # Notes have line breaks in them; a quote is doubled, and a backslash is one.
    "multiLine": "true",
    "quote": '"',
    "escape": '"',
    "encoding": "UTF-8",
    "mode": "FAILFAST",
    "maxCharsPerColumn": "-1",
}


def views(
    spark: Any,
    address: Address,
    *,
    all_text: bool,
    empty: Mapping[str, tuple[str, ...]],
) -> None:
    """Make the tables known to this session. Raises SourceUnreachable."""
    if address.database:
        spark.sql("USE " + ".".join(_quoted(part) for part in address.database.split(".")))
        return
    found = _files(spark, address.lake)
    if not found:
        raise SourceUnreachable(
            f"{address.where}: holds no .csv, .csv.gz or .parquet file", "Check [source] url in site.toml."
        )
    for name, path in found.items():
        if path.endswith((".csv", ".csv.gz")):
            frame = spark.read.options(**_CSV, inferSchema=str(not all_text).lower()).csv(path)
        else:
            frame = spark.read.parquet(path)
        frame.createOrReplaceTempView(_quoted(name))
    for name, columns in empty.items():
        if name.lower() not in {made.lower() for made in found}:
            listed = ", ".join(f"CAST(NULL AS STRING) AS {_quoted(column)}" for column in columns)
            spark.sql(f"SELECT {listed} WHERE 1 = 0").createOrReplaceTempView(_quoted(name))


def _files(spark: Any, lake: str) -> dict[str, str]:
    """Table -> path of its file or folder. Only names are read: ``binaryFile`` opens no file for them."""
    listed = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(lake).select("path")
    base = _SCHEME.sub("", lake).rstrip("/") + "/"
    found: dict[str, str] = {}
    for row in listed.collect():
        inside = _SCHEME.sub("", str(row[0])).removeprefix(base)
        top, _, rest = inside.partition("/")
        suffix = next((s for s in _SUFFIXES if inside.lower().endswith(s)), None)
        if suffix is None or top.startswith(("_", ".")) or (rest and suffix != ".parquet"):
            continue
        name = top if rest else top[: -len(suffix)]
        path = f"{lake.rstrip('/')}/{top}"
        if any(made.lower() == name.lower() and kept != path for made, kept in found.items()):
            raise SourceUnreachable(
                f"{lake.rstrip('/').rpartition('/')[2]}: two files stand for the table {name}",
                "Keep one of them in the folder.",
            )
        found[name] = path
    return dict(sorted(found.items()))


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
