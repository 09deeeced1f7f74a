"""Marks: what is kept of every patient of the hospital so that the next look tells whose chart may have changed.

By row, a table of which a few rows are new is told from those rows alone: whoever has none can only have
*lost* some, and whether anybody has, a count of the table shows (``_moved``).  Where that cannot be proven,
marks are taken of everybody and compared.  Either way the marks that are left are those of the whole hospital.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from extract.his import compile_marks as compiled
from extract.his.branches import Branch
from extract.his.compile import Statement
from extract.his.disk import keep
from extract.his.guard.session import whole_tables
from extract.his.guard.watch import Guard
from extract.his.looks import Sight
from extract.his.sites import Site

__all__ = ["Marks", "Taken", "clear_marks", "counted", "few"]

_MANY: Final = 0.05
"""Of a larger share of fresh rows than this, everybody's marks are taken: they cost less than so many look-ups."""
_SOME: Final = 1000
_HALF: Final = 2**31
"""Transactions after which the server can no longer tell an old one from a new one."""


class Taken(NamedTuple):
    """A file of marks, and whose are not as they were."""

    file: str
    touched: set[str]


def few(before: Sight, now: Sight) -> bool:
    """Whether the fresh rows of a table tell what is new in it, and are few."""
    return (
        before.low is not None
        and now.low is not None
        and 0 <= now.low - before.low < _HALF
        and now.fresh <= max(_SOME, now.rows * _MANY)
    )


def _lost_none(before: Sight, now: Sight) -> bool:
    """Whether every row of the last look is still there as it was."""
    return (
        few(before, now)
        and before.stamp is not None
        and now.stamp is not None
        and now.rows - now.fresh == before.rows
        and int(now.stamp) - now.fresh_stamp == int(before.stamp)
    )


@dataclass
class Marks:
    """The marks of one run."""

    folder: Path
    site: Site
    guard: Guard
    run: str
    unique: Mapping[str, list[frozenset[str]]]
    """Source table -> the sets of columns of which the server holds each to be there once."""
    _asked: dict[str, Taken] = field(default_factory=dict)
    """Statements that this run has sent: two branches may read the same rows."""

    def by_time(self, table: str) -> str:
        """Of everybody, by ``updated_at``; returns the file."""
        return self._everybody(table, compiled.marks_by_time(self.site, table), compiled.MARKS)

    def by_row(
        self,
        branch: Branch,
        before: str | None,
        then: Mapping[str, Sight],
        now: Mapping[str, Sight],
    ) -> Taken:
        """By the stamps of rows.

        ``before``: the marks of the last look, at the hospital as ``then`` saw it; None where there are none, and
        nobody can be said to be touched.  An empty ``then``: nothing but the marks themselves is comparable.
        """
        statement = compiled.marks_by_row(self.site, branch)
        if (same := self._asked.get(statement.sql)) is not None:
            return self._again(branch, before, same)
        taken = None
        if before is not None and self._provable(branch, then, now):
            taken = self._moved(branch, before, {source: then[source].low or 0 for source in branch.sources})
        if taken is None:
            file = self._everybody(branch.name, statement, compiled.marks_schema(self.site, branch))
            taken = Taken(file, self.differ(before, file) if before is not None else set())
        self._asked[statement.sql] = taken
        return taken

    def differ(self, before: str, now: str) -> set[str]:
        """Patients whose marks are not the same in two files."""
        new, old = (_read(self.folder / name) for name in (now, before))
        columns = [name for name in new.schema.names if not name.startswith("w")]
        if not set(columns) <= set(old.schema.names):
            return set(new.column("patient_id").drop_null().to_pylist())
        both = pa.concat_tables([new.select(columns), old.select(columns)])
        pairs = both.group_by(columns).aggregate([([], "count_all")])
        moved = pairs.filter(pc.equal(pairs.column("count_all"), 1)).column("patient_id")
        return set(moved.drop_null().to_pylist())

    def _again(self, branch: Branch, before: str | None, same: Taken) -> Taken:
        """The same rows under another name: a file of its own, because each is let go by itself."""
        table = _read(self.folder / same.file)
        return Taken(self._written(branch.name, table), same.touched if before is not None else set())

    def _provable(self, branch: Branch, then: Mapping[str, Sight], now: Mapping[str, Sight]) -> bool:
        if not branch.loose or not branch.sources <= then.keys() & now.keys():
            return False
        return few(then[branch.source], now[branch.source]) and all(
            _lost_none(then[one.source], now[one.source])
            and any(key <= one.keys for key in self.unique.get(one.source, ()))
            for one in branch.beside
        )

    def _moved(self, branch: Branch, before: str, lows: Mapping[str, int]) -> Taken | None:
        """The marks of the last look with those of whoever has fresh rows; None where somebody else may have lost one.

        Whoever has no fresh row has the rows of the last look or fewer, because each row of the base is one joined
        row, and those beside it are what they were.  So all rows of the base, counted in the same moment, are as many
        as the marks say only where nobody lost any.
        """
        schema = compiled.moved_schema(self.site, branch)
        statement = compiled.moved(self.site, branch, lows)
        found = pa.Table.from_batches(self.guard.stream(statement, schema), schema)
        kinds = {
            kind: found.filter(pc.equal(found.column("kind"), kind)).drop_columns("kind")
            for kind in (1, 2, 3, 4)
        }
        if _sum(kinds[4], "n"):
            return None
        old = _read(self.folder / before)
        if old.schema.names != kinds[1].schema.names:
            return None
        touched = kinds[1].column("patient_id")
        nobodys = pc.is_null(old.column("patient_id"))
        rest = old.filter(
            pc.and_not(pc.invert(nobodys), pc.is_in(old.column("patient_id"), value_set=touched))
        )
        marks = pa.concat_tables([rest, kinds[1], _added(old.filter(nobodys), kinds[2])])
        if any(_sum(marks, name) != _sum(kinds[3], name) for name in ("n", "mark")):
            return None
        return Taken(self._written(branch.name, marks), set(touched.to_pylist()))

    def _everybody(self, name: str, statement: Statement, schema: pa.Schema) -> str:
        with whole_tables(self.guard.engine):
            found = pa.Table.from_batches(self.guard.stream(statement, schema), schema)
        return self._written(name, found)

    def _written(self, name: str, marks: pa.Table) -> str:
        final = self.folder / f"{self.run}-{name.replace(' ', '-')}.parquet"
        final.parent.mkdir(exist_ok=True)
        pq.write_table(marks, final.with_suffix(".part"), compression="zstd")
        keep(final.with_suffix(".part"), final)
        return final.name


def counted(folder: Path, file: str) -> list[int]:
    """The figures of the counting queries that a branch's marks answer, in the order of ``counts_of``."""
    marks = _read(folder / file)
    return [_sum(marks, name) for name in marks.schema.names if name.startswith("w")]


def clear_marks(landing: Path, known: set[str]) -> None:
    """Remove files of marks that no run can ask for any more."""
    for file in (landing / "marks").glob("*"):
        if file.name not in known:
            file.unlink()


def _read(path: Path) -> pa.Table:
    # ``pq.read_table`` would load pandas.
    with pq.ParquetFile(path) as file:
        return file.read()


def _added(one: pa.Table, other: pa.Table) -> pa.Table:
    """Two tables of at most one row, nobody's, as one."""
    if not one.num_rows or not other.num_rows:
        return pa.concat_tables([one, other])
    columns = [one.column("patient_id").combine_chunks()]
    columns += [pc.add(one.column(name), other.column(name)) for name in one.schema.names[1:]]
    return pa.table(columns, schema=one.schema)


def _sum(table: pa.Table, name: str) -> int:
    return int(pc.sum(table.column(name)).as_py() or 0)
