"""Every statement that this program may send to a site, in the very words, and when: for whoever must allow them.

Those of a pull, of a sample for the recall, and of the doctor.  The charts of one batch stand for all batches,
one spelling of a code and of an item for all, one year for all years.  Beside these a session asks the
server only about itself: for plans (EXPLAIN), names and kinds of columns, its clock, what the account may do,
whether it gives a term back as it was sent, and one row as a canary.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from extract.his import compile as compiled
from extract.his import compile_marks as marks
from extract.his import compile_nights as nightly
from extract.his.branches import folded
from extract.his.compile import Statement
from extract.his.drift import source_tables
from extract.his.encodings_sample import samples
from extract.his.engines.dialects import day_bind
from extract.his.look import marked_by
from extract.his.packs import LabConcept
from extract.his.patients import may_stray, searched_tables
from extract.his.positives import positives
from extract.his.sites import Site
from extract.his.windows import Window, windows
from extract.study.protocol import Protocol

__all__ = ["QUERIES", "Asked", "Search", "asked", "asked_offline"]

QUERIES: Final = (
    "candidates", "chart", "found", "found_likely", "marks", "marks_by_row", "mergers", "met", "moved", "narrowing",
    "positive", "sight", "stamps", "strays", "visits_of", "window_totals",
)  # fmt: skip
"""The texts of ``sql/`` that are sent to a hospital: an approval is of them as they stand."""
Search = Callable[[Window], Statement]
"""The candidates of one window."""
Words = tuple[str, str]

_EACH: Final = ("每次调取", "each pull")
_FULL: Final = ("每次全量调取", "each full pull")
_MOVED: Final = ("表有变动时", "when its tables changed")
_MUCH: Final = ("首次调取，或表有较多变动时", "the first pull, or when much of its table changed")
_FEW: Final = ("夜间增量，表有少量变动时", "a night, when a little of its tables changed")
_RECALL: Final = (
    "抽取查全率样本时；LIKE 条件的个数随编码与项目的写法而定",
    "when a sample for the recall is drawn; as many LIKE as the codes and items have spellings",
)
_DOCTOR: Final = (
    "批准后运行 doctor 时，每年至多100行",
    "when the doctor is run after the approval; at most 100 rows a year",
)
_ITEM: Final = LabConcept(names=("?",), codes=("?",), unit="", units={})
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
    rows = {table for table, kind in marked_by(site, set(stamped)).items() if kind == "rows"}
    answered = {file for file, one in folded(site).items() if one.branch.partition(" ")[0] in rows}
    counts = [
        Statement(count.file, count.sql, {})
        for count in site.pack.counts
        if site.limits.count_scans and count.file not in answered
    ]
    return [
        *(Asked(found(window), *_FULL) for window in windows(dates.from_, dates.to, site.limits.window)),
        Asked(compiled.totals(site, protocol, day), *_MOVED),
        *(Asked(count, *_MOVED) for count in counts),
        *(Asked(compiled.chart(site, protocol, table, keys, day), *batch) for table in site.pack.tables),
        *_looked(site, set(stamped)),
        *_together(site, protocol, day, set(stamped), keys, batch),
        *(Asked(one, *_RECALL) for _, _, one in positives(site, protocol, ["?"], [_ITEM], day)),
        *(Asked(one, *_DOCTOR) for one in samples(site, protocol)),
    ]


def asked_offline(site: Site, protocol: Protocol) -> list[Asked]:
    """The same without a server to ask: PostgreSQL is taken to stamp the rows of every table, and a key stands for a batch."""
    stamped = set(source_tables(site)) if site.dialect == "postgresql" else set()
    return asked(site, protocol, partial(day_bind, site.dialect), stamped=stamped, keys=["?"])


def _looked(site: Site, stamped: set[str]) -> Iterator[Asked]:
    """The look that every pull begins with."""
    quoted = site.dialect == "duckdb"
    for source, columns in sorted(source_tables(site).items()):
        read = [name for name in sorted(columns) if name]
        if source in stamped:
            yield Asked(marks.stamps(source, 0), *_EACH)
            yield Asked(marks.sight(source, read, stamped=True), *_MUCH)
        elif site.limits.count_scans:
            yield Asked(marks.sight(source, read, quoted=quoted), *_EACH)
    for table, kind in marked_by(site, stamped).items():
        if kind == "time":
            yield Asked(marks.marks_by_time(site, table), *_EACH)
            continue
        for branch in marks.row_branches(site, table) or ():
            yield Asked(marks.marks_by_row(site, branch), *_MOVED)
            if branch.loose:
                yield Asked(marks.moved(site, branch, dict.fromkeys(branch.sources, 0)), *_FEW)


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
