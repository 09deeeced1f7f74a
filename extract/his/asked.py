"""Every statement that a pull of a site may send, in the very words, and when it sends it: for whoever must allow them.

The charts of one batch stand for all batches.  Beside these a pull asks the server only about itself: for
plans (EXPLAIN), names and kinds of columns, its clock, what the account may do, and one row as a canary.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from extract.his import compile as compiled
from extract.his import compile_nights as nightly
from extract.his.compile import Statement
from extract.his.drift import source_tables
from extract.his.engines.dialects import day_bind
from extract.his.look import marked_by
from extract.his.patients import may_stray, searched_tables
from extract.his.sites import Site
from extract.his.windows import Window, windows
from extract.study.protocol import Protocol

__all__ = ["QUERIES", "Asked", "Search", "asked", "asked_offline"]

QUERIES: Final = (
    "candidates", "chart", "found", "found_likely", "marks", "mergers", "met", "narrowing", "sight", "strays",
    "visits_of", "window_totals",
)  # fmt: skip
"""The texts of ``sql/`` that a pull is made of: an approval is of them as they stand."""
Search = Callable[[Window], Statement]
"""The candidates of one window."""
Words = tuple[str, str]

_EACH: Final = ("每次调取", "each pull")
_FULL: Final = ("每次全量调取", "each full pull")
_MOVED: Final = ("表有变动时", "when its tables changed")
_PEOPLE: Final = ("全量调取，或患者表有变动时", "each full pull, or when patients changed")


class Asked(NamedTuple):
    """A statement, and when it is sent: in Chinese, in English."""

    statement: Statement
    zh: str
    en: str


def asked(
    site: Site,
    protocol: Protocol,
    day: compiled.Day,
    *,
    stamped: Collection[str],
    keys: Sequence[str],
    search: Search | None = None,
) -> list[Asked]:
    """All of them; ``keys`` stand for a batch of patients, ``stamped`` are the tables whose rows the server stamps."""
    found = search or (lambda window: compiled.candidates(site, protocol, window, day))
    batch = f"每{site.limits.key_batch}名患者", f"per {site.limits.key_batch} patients"
    dates = protocol.search
    counts = [Statement(count.file, count.sql, {}) for count in site.pack.counts if site.limits.count_scans]
    return [
        *(Asked(found(window), *_FULL) for window in windows(dates.from_, dates.to, site.limits.window)),
        Asked(compiled.totals(site, protocol, day), *_MOVED),
        *(Asked(count, *_MOVED) for count in counts),
        *(Asked(compiled.chart(site, protocol, table, keys, day), *batch) for table in site.pack.tables),
        *_looked(site, set(stamped)),
        *_together(site, protocol, day, set(stamped), keys, batch),
    ]


def asked_offline(site: Site, protocol: Protocol) -> list[Asked]:
    """The same without a server to ask: PostgreSQL is taken to stamp the rows of every table, and a key stands for a batch."""
    stamped = set(source_tables(site)) if site.dialect == "postgresql" else set()
    return asked(site, protocol, partial(day_bind, site.dialect), stamped=stamped, keys=["?"])


def _looked(site: Site, stamped: set[str]) -> Iterator[Asked]:
    """The look that every pull begins with."""
    for source, columns in sorted(source_tables(site).items()):
        if site.limits.count_scans or source in stamped:
            read = [name for name in sorted(columns) if name]
            quoted = site.dialect == "duckdb"
            yield Asked(nightly.sight(source, read, stamped=source in stamped, quoted=quoted), *_EACH)
    for table, kind in marked_by(site, stamped).items():
        by_row = nightly.marks_by_row(site, table) if kind == "row" else None
        yield Asked(by_row or nightly.marks_by_time(site, table), *(_MOVED if by_row else _EACH))


def _together(
    site: Site,
    protocol: Protocol,
    day: compiled.Day,
    stamped: set[str],
    keys: Sequence[str],
    batch: Words,
) -> Iterator[Asked]:
    """Who hangs together, and the search among those whom a night finds touched."""
    marked = marked_by(site, stamped)
    searched = searched_tables(site, protocol)
    tables = [table for table in site.pack.tables if table in searched and may_stray(table)]
    yield Asked(nightly.mergers(site), *_PEOPLE)
    yield from (Asked(nightly.strays(site, table), *_FULL) for table in tables if table in marked)
    if not searched <= marked.keys():
        # This site's nights are full pulls.
        return
    night = f"夜间增量，{batch[0]}", f"a night, {batch[1]}"
    yield Asked(nightly.visits_of(site, keys), *night)
    yield Asked(nightly.owners(site, keys), "夜间增量，每批就诊", "a night, per batch of visits")
    yield from (Asked(nightly.strays(site, table, keys), *night) for table in tables)
    yield Asked(nightly.candidates_of(site, protocol, keys, day), *night)
