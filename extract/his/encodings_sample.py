"""What a column's bytes are, told from a bounded sample: the verdict of ``cohortlock doctor``. No value leaves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa

from extract.errors import CohortlockError, SourceRefused
from extract.his.compile import Statement, selected
from extract.his.encodings import Encoding, Encodings, decoded, kept, spelled, texts_of
from extract.his.encodings_sql import as_hex
from extract.his.engines.base import Engine
from extract.his.engines.dialects import day_bind, with_days
from extract.his.guard.plans import check_plan
from extract.his.records import DATED_BY, HIT_COLUMNS
from extract.his.sites import Site
from extract.his.windows import windows
from extract.study.keywords import Matcher
from extract.study.protocol import Protocol

__all__ = ["column_checks", "kind_of", "samples", "term_checks", "verdict"]

Check = dict[str, Any]

SAMPLE: Final = 100
"""Rows of one table and one year."""
_WINDOWS: Final = 6
_MULTIBYTE: Final = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "gb18030": "gb18030",
    "euc_cn": "gb18030",
    "big5": "big5",
}
"""Character sets that the server itself turns into Unicode, and Python's name of each."""
_LOST: Final = re.compile(r"\?\s?\?")
_HIGH: Final = re.compile(r"[^\x00-\x7f]{4}")
_FFFD: Final = "\N{REPLACEMENT CHARACTER}"
_TWICE: Final = "锟斤拷"
"""What two replacement characters become when their UTF-8 is read as GBK."""
_LIMITED: Final = {
    "mssql": "SELECT TOP {rows} {columns} FROM (\n{select}\n) t{where}",
    "oracle": "SELECT {columns} FROM (\n{select}\n) t{where}{joined} ROWNUM <= {rows}",
}
_TRIED: Final = {"sqlite", "postgresql", "mariadb", "mysql", "duckdb"}
_ONE: Final = pa.schema([("term", pa.string())])


def kind_of(raw: bytes) -> str:
    """One text: ``ascii utf-8 gb18030 either mojibake lost kept``; kept is neither UTF-8 nor GB18030."""
    if raw.isascii():
        return "lost" if _LOST.search(raw.decode()) else "ascii"
    utf8 = decoded(raw, "utf-8")
    if not kept(utf8):
        if _FFFD in utf8 or _TWICE in utf8:
            return "lost"
        inner = decoded(raw, "mojibake")
        if _HIGH.search(utf8) and inner != utf8 and not kept(inner) and _chinese(inner):
            return "mojibake"
        # 女 in GBK is valid UTF-8 as well: it says nothing of the column.
        doubtful = max(utf8) < "\u0800" and not kept(decoded(raw, "gb18030"))
        return "either" if doubtful else "utf-8"
    gbk = decoded(raw, "gb18030")
    if kept(gbk):
        return "kept"
    return "lost" if _TWICE in gbk else "gb18030"


def _chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def verdict(kinds: Mapping[str, int]) -> Encoding | None:
    """What to declare of a column whose sample holds these kinds; None where it is as it should be."""
    if kinds.get("mojibake", 0) > kinds.get("utf-8", 0):
        return "mojibake"
    if kinds.get("gb18030"):
        # Two or three characters of GBK may also be valid UTF-8: a few are no second encoding.
        rare = kinds.get("utf-8", 0) * 20 <= kinds["gb18030"]
        return "gb18030" if rare else "mixed"
    return None


@dataclass(frozen=True)
class _Column:
    """One canonical text column as sampled: kinds of its stored bytes, and the character set it claims."""

    table: str
    name: str
    charset: str
    kinds: Counter[str]

    @property
    def place(self) -> str:
        return f"{self.table}.{self.name}"


def column_checks(engine: Engine, site: Site, protocol: Protocol) -> Iterator[Check]:
    """A check for each column that is not as it is declared, and one for each table that is."""
    for table in site.pack.tables:
        if not (names := texts_of(table)):
            continue
        try:
            columns = _looked_at(engine, site, protocol, table, names)
        except CohortlockError as error:
            # Where this SQL never ran on a server of ours, that it fails there is no fault of the site.
            ours = engine.product not in _TRIED or site.dialect == "odbc"
            yield _check(f"encoding {table}", ours, f"{table} could not be looked at: {error.message}", {})
            continue
        good = 0
        for column in columns:
            wrong = _wrong(column, site)
            good += not wrong
            if wrong:
                yield _check(f"encoding {column.place}", False, wrong, column.kinds)
        rows = max((sum(c.kinds.values()) for c in columns), default=0)
        if good:
            said = {site.encodings.of(table, c.name) or _claimed(c.charset) for c in columns}
            text = f"{good} text columns are {' or '.join(sorted(said))}, as declared (up to {rows} texts looked at)"
            yield _check(
                f"encoding {table}", True, f"{table}: {text}", sum((c.kinds for c in columns), Counter())
            )


def _claimed(charset: str) -> str:
    return "UTF-8" if charset.startswith("utf") else f"{charset}, which the server converts"


def _wrong(column: _Column, site: Site) -> str:
    """What is wrong with a column, and the line to write; "" where nothing is."""
    declared = site.encodings.of(column.table, column.name)
    kinds, texts = column.kinds, sum(column.kinds.values())
    if kinds["lost"]:
        return (
            f"{column.place}: {kinds['lost']} of {texts} texts hold ? or \N{REPLACEMENT CHARACTER} where characters "
            "were; they were lost before this database, and no setting brings them back: ask who fills the table"
        )
    found = verdict(kinds)
    if declared is not None:
        if kinds["kept"]:
            return _kept(column, texts)
        fits = found in {None, declared} or declared == "mixed"
        fits = fits and not (declared == "gb18030" and kinds["utf-8"] > kinds["gb18030"])
        if fits:
            return ""
        return (
            f"{column.place}: declared {declared}, and {_counted(kinds)}; {_line(column, found or 'utf-8')}"
        )
    if found is not None:
        where = f" in a column that says {column.charset}" if not column.charset.startswith("utf") else ""
        return f"{column.place}: {_named(found)}{where} ({_counted(kinds)}); {_line(column, found)}"
    return _kept(column, texts) if kinds["kept"] else ""


def _kept(column: _Column, texts: int) -> str:
    return (
        f"{column.place}: {column.kinds['kept']} of {texts} texts hold bytes that are neither UTF-8 nor GB18030; "
        f"they are kept as they are and counted with every pull; {_line(column, 'mixed')}"
    )


def _named(encoding: Encoding) -> str:
    return {
        "gb18030": "GBK/GB18030 bytes",
        "mixed": "UTF-8 and GBK/GB18030 bytes mixed",
        "mojibake": "GBK that was read as latin-1 and stored as UTF-8",
        "utf-8": "UTF-8",
    }[encoding]


def _line(column: _Column, encoding: Encoding) -> str:
    return f'write under [encoding] in site.toml: "{column.place}" = "{encoding}"'


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds) if kinds[kind])


def _looked_at(engine: Engine, site: Site, protocol: Protocol, table: str, names: list[str]) -> list[_Column]:
    """The sample; where the server refuses the pack's own Chinese literals, with these said in bytes."""
    try:
        return _sampled(engine, site, protocol, table, names)
    except SourceRefused:
        if site.encodings.whole is not None or selected(site, table).isascii():
            raise
        in_bytes = site.model_copy(update={"encodings": Encodings(declared={"*": "gb18030"})})
        return _sampled(engine, in_bytes, protocol, table, names)


def _sampled(engine: Engine, site: Site, protocol: Protocol, table: str, names: list[str]) -> list[_Column]:
    charsets = _charsets(engine, site, table, names)
    kinds: dict[str, Counter[str]] = {name: Counter() for name in names}
    schema = pa.schema([(name, pa.string()) for name in names])
    for statement in _statements(site, protocol, table, names):
        check_plan(engine, statement.name, statement.sql, statement.params, site.safety)
        for batch in engine.stream(statement.sql, statement.params, schema, batch_rows=SAMPLE):
            for name in names:
                kinds[name].update(_kinds(batch.column(name).to_pylist(), charsets[name]))
    return [_Column(table, name, charsets[name], kinds[name]) for name in names]


def samples(site: Site, protocol: Protocol) -> list[Statement]:
    """What ``column_checks`` reads of each table that holds texts; the first of its years stands for all."""
    named = [(table, texts_of(table)) for table in site.pack.tables]
    return [next(_statements(site, protocol, table, names)) for table, names in named if names]


def _kinds(values: Iterable[str | None], charset: str) -> Iterator[str]:
    codec = _MULTIBYTE.get(charset)
    for value in values:
        if value:
            raw = bytes.fromhex(value)
            yield kind_of(raw.decode(codec, "replace").encode() if codec else raw)


def _statements(site: Site, protocol: Protocol, table: str, names: list[str]) -> Iterator[Statement]:
    """Some rows of each of a few years: a column may have changed its encoding with the system."""
    columns = ", ".join(
        f"{as_hex(f't.{name}', site.dialect, site.encodings.of(table, name))} AS {name}" for name in names
    )
    text = _LIMITED.get(site.dialect, "SELECT {columns} FROM (\n{select}\n) t{where}\nLIMIT {rows}")
    dated = DATED_BY[table]
    cut = windows(protocol.search.from_, protocol.search.to, "year") if dated else [None]
    step = -(-len(cut) // _WINDOWS)
    for window in cut[::step]:
        where = f"\nWHERE t.{dated} >= :from_date AND t.{dated} < :to_date" if window else ""
        joined = " AND" if where else "\nWHERE"
        sql = text.format(
            columns=columns, select=selected(site, table), where=where, rows=SAMPLE, joined=joined
        )
        day = partial(day_bind, site.dialect)
        binds = (
            {"from_date": day(window.start.isoformat()), "to_date": day(window.end.isoformat())}
            if window
            else {}
        )
        yield Statement(f"sample {table}", with_days(sql, site.dialect), dict(binds))


def _charsets(engine: Engine, site: Site, table: str, names: list[str]) -> dict[str, str]:
    """The character set that each column claims, by the server's own name in lower case."""
    if engine.product == "postgresql":
        name = str(engine.ask("SHOW server_encoding")[0][0]).lower()
        return dict.fromkeys(names, "utf8" if name == "utf8" else name)
    if engine.product in {"mariadb", "mysql"}:
        asked = ", ".join(f"CHARSET(t.{name}) AS {name}" for name in names)
        rows = engine.ask(f"SELECT {asked} FROM (\n{selected(site, table)}\n) t LIMIT 1")  # noqa: S608 - names of ours
        return dict(zip(names, map(str, rows[0]), strict=True)) if rows else dict.fromkeys(names, "utf8mb4")
    return dict.fromkeys(names, "utf-8")


# ---- terms ----


def term_checks(engine: Engine, site: Site, protocol: Protocol) -> Iterator[Check]:
    """Each term bound, sent through each column's character set, and compared with itself."""
    leaves = Matcher.of(protocol.search).leaves
    fields = dict.fromkeys(HIT_COLUMNS[scope] for leaf in leaves for scope in leaf.scopes)
    way = {field: _way(engine, site, *field) for field in fields if field[0] in site.pack.tables}
    asked: dict[tuple[str, str, str], list[str]] = {}
    for leaf in leaves:
        for field in dict.fromkeys(HIT_COLUMNS[scope] for scope in leaf.scopes):
            if field in way:
                encoding = site.encodings.of(*field)
                # Of a declared column the term is sent as bytes in hexadecimal digits.
                sent = leaf.term if encoding is None else spelled(leaf.term, encoding)[0]
                asked.setdefault((leaf.term, sent, way[field]), []).append(".".join(field))
    lost: dict[str, list[str]] = {}
    for (term, sent, sql), places in asked.items():
        if _back(engine, sql, sent) != sent:
            lost.setdefault(term, []).extend(places)
    for term, places in lost.items():
        yield _check(
            "encoding",
            False,
            f"the search term {term!r} does not survive the way to {', '.join(dict.fromkeys(places))}: it could not be "
            "found there (NLS_LANG=.AL32UTF8 for Oracle, charset=utf8mb4 for MySQL, client_encoding=utf8; or the "
            "column's own character set lacks it: see the lines above)",
            {},
        )
    if not lost:
        terms = len({leaf.term for leaf in leaves})
        columns = len(way)
        yield _check(
            "encoding",
            True,
            f"{terms} search terms survive the way to each of {columns} columns and back",
            {},
        )


def _way(engine: Engine, site: Site, table: str, column: str) -> str:
    """SQL that sends ``:term`` through a column's character set and gives it back."""
    dual = " FROM dual" if engine.dialect == "oracle" else ""
    if site.encodings.of(table, column) is None and engine.product in {"mariadb", "mysql"}:
        charset = _charsets(engine, site, table, [column])[column]
        if re.fullmatch(r"\w+", charset) and charset != "binary":
            return f"SELECT CONVERT(CONVERT(:term USING {charset}) USING utf8mb4) AS term"
    return f"SELECT CAST(:term AS VARCHAR(200)) AS term{dual}"


def _back(engine: Engine, sql: str, term: str) -> str | None:
    try:
        rows = [
            row["term"]
            for batch in engine.stream(sql, {"term": term}, _ONE, batch_rows=1)
            for row in batch.to_pylist()
        ]
    except CohortlockError:
        # A server that refuses the character has said the same.
        return None
    return rows[0] if rows else None


def _check(name: str, ok: bool, message: str, kinds: Mapping[str, int]) -> Check:
    return {"id": name, "ok": ok, "message": message} | (
        {"sampled": dict(sorted(kinds.items()))} if kinds else {}
    )
