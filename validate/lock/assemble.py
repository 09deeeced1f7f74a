"""From screened and double-entered values to the dataset that is checked and locked.

Everything is arithmetic on whole steps (tenths of a millimetre, months): a float never decides whether a
drop reaches a threshold.  A participant who lacks a value keeps the row, with the missing code in the long
table; the checks say so, nobody is dropped here.  Participants are taken a block at a time and column by
column (``validate.lock.blocks``), so a million of them need no more memory than one block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from extract.study.protocol import Protocol
from validate.lock.blocks import CELLS, LINEAGE, LONG, NOT_ENTERED, block
from validate.lock.columns import columns
from validate.lock.pseudonyms import RECORDS, Pseudonyms
from validate.lock.rows import Rows

__all__ = [
    "LINEAGE",
    "LONG",
    "NOT_ENTERED",
    "Cell",
    "Draft",
    "assemble_cells",
    "assemble_table",
    "cell_table",
]

BLOCK: Final = 5_000
"""Participants that are assembled together."""


@dataclass(frozen=True)
class Cell:
    """One value as it was recorded, before anything is done to it.

    ``value`` is decimal text or codes joined by ``;``; exactly one of ``value`` and ``missing`` is set.
    ``day`` counts from the anchor visit, 0 on its day. ``record_id``, ``version``, ``start`` and ``end``
    say where it was read.
    """

    patient_id: str
    variable: str
    timepoint: str
    value: str | None = None
    comparator: str = ""
    missing: str | None = None
    method: str = ""
    day: int | None = None
    record_id: str | None = None
    version: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Draft:
    """An assembled dataset that nobody has locked; the analysis takes none.

    ``wide`` has one row per participant, ``long`` one per participant, variable and timepoint, ``lineage``
    one per filled cell of ``wide``; ``records`` are the records behind the lineage with their pseudonyms,
    for the linking table. Each is a ``pa.Table``, or ``Rows`` where there is more than one block of it.
    """

    wide: pa.Table
    long: pa.Table
    lineage: pa.Table
    pseudonyms: Pseudonyms
    patients: tuple[str, ...]
    """Patient ids in the order of the rows of ``wide``."""
    records: pa.Table


def assemble_cells(
    protocol: Protocol,
    eligible: Iterable[str],
    cells: Iterable[Cell],
    pseudonyms: Pseudonyms,
    folder: Path | None = None,
) -> Draft:
    """The draft of ``eligible`` patients out of ``cells``; of two cells of one place the later counts.

    A (patient, variable, timepoint) without a cell becomes a missing row: ``not_entered`` where the
    protocol asks for double entry, ``not_documented`` where the machine looked and found nothing.
    """
    table = cell_table(cells)

    def of(patients: Sequence[str]) -> pa.Table:
        return table.filter(pc.is_in(table.column("patient_id"), value_set=pa.array(patients, pa.string())))

    return assemble_table(protocol, eligible, of, pseudonyms, folder=folder)


def cell_table(cells: Iterable[Cell]) -> pa.Table:
    """Cells as columns (``blocks.CELLS``)."""
    rows = [astuple(one) for one in cells]
    given = zip(*rows, strict=True) if rows else [()] * len(CELLS)
    arrays = [pa.array(values, field.type) for values, field in zip(given, CELLS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=CELLS)


def assemble_table(
    protocol: Protocol,
    eligible: Iterable[str],
    cells: Callable[[Sequence[str]], pa.Table],
    pseudonyms: Pseudonyms,
    *,
    folder: Path | None = None,
    size: int = BLOCK,
) -> Draft:
    """The same out of tables of cells: ``cells(patients)`` are those of some patients (``blocks.CELLS``).

    It is asked once per block of ``size`` patients. What is more than one block stands on disk, in an
    unnamed file of ``folder``. Raises OSError when there is no room.
    """
    patients = tuple(sorted(eligible, key=lambda p: _natural(pseudonyms.participants[p])))
    schemas = (pa.schema([(c.name, c.type) for c in columns(protocol)]), LONG, LINEAGE, RECORDS)
    made = (
        block(protocol, some, cells(some), pseudonyms)
        for some in (patients[start : start + size] for start in range(0, max(len(patients), 1), size))
    )
    if len(patients) <= size:
        wide, long, lineage, records = next(made)
    else:
        wide, long, lineage, records = Rows.together(schemas, made, folder)
    return Draft(wide, long, lineage, pseudonyms, patients, records)


def _natural(name: str) -> tuple[int, str]:
    return len(name), name
