"""Comparison of two files of entries by key, with EpiData's content and without its known defects.

A key that stands twice names no record: its records are listed and not compared, and nothing stops.  What
is missing is listed under the file that it is missing *in*.  Errors are counted over field pairs in which
an error could have been found: no keys, nothing computed, nothing that both left blank, nothing that one
has not come to yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from extract.errors import Refused
from validate.entry.comparison import Rate
from validate.entry.epidata import EntryFile, Record
from validate.entry.forms import Field
from validate.entry.meaning import Comparable, Meaning, comparable

__all__ = ["Difference", "FileComparison", "Options", "Place", "Violation", "against", "compare_files"]


@dataclass(frozen=True)
class Options:
    """What a person chose. Without ``key`` records are matched by their number, as EpiData does."""

    key: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    """Fields not compared: computed ones, notes."""
    tolerance: Mapping[str, Decimal] = field(default_factory=dict)
    ignore_case: bool = False
    with_deleted: bool = False


@dataclass(frozen=True)
class Place:
    """A key and the numbers of the records that carry it, in one file."""

    key: tuple[str, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Difference:
    """One field of one record that the two entered differently; the cells as they were typed."""

    key: tuple[str, ...]
    numbers: tuple[int, int]
    name: str
    first: str
    second: str


@dataclass(frozen=True)
class Violation:
    """An entry that the study's form would have refused; the rule, never the cell."""

    file: int
    number: int
    name: str
    rule: str


@dataclass(frozen=True)
class FileComparison:
    """The discrepancy report of two files. Pairs are (of the first file, of the second)."""

    names: tuple[str, str]
    options: Options
    sizes: tuple[int, int]
    """Records of each file, without deleted ones."""
    deleted: tuple[int, int]
    compared: tuple[Comparable, ...]
    computed: Mapping[str, str]
    """Field -> why it is not compared."""
    lone: tuple[tuple[str, ...], tuple[str, ...]]
    """Fields that only this file has."""
    missing: tuple[tuple[Place, ...], tuple[Place, ...]]
    """Records missing IN the first file, and in the second; the numbers are of the other file."""
    duplicates: tuple[tuple[Place, ...], tuple[Place, ...]]
    keyless: tuple[tuple[int, ...], tuple[int, ...]]
    """Records whose key is blank."""
    common: int
    records: Rate
    fields: Rate
    by_field: Mapping[str, Rate]
    both_blank: int
    incomplete: int
    differences: tuple[Difference, ...]
    violations: tuple[Violation, ...]
    persons: Mapping[str, Rate] = field(default_factory=dict)
    """File or person -> errors against the reconciled truth, where there is one."""
    persons_by_field: Mapping[str, Mapping[str, Rate]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Counts, rates, keys and fields; no cell of a compared field."""
        return {
            "files": list(self.names),
            "key": list(self.options.key),
            "records_in": list(self.sizes),
            "deleted": list(self.deleted),
            "compared_fields": [one.name for one in self.compared],
            "not_compared": dict(self.computed),
            "only_in": [list(one) for one in self.lone],
            "missing_in": [[vars(place) for place in one] for one in self.missing],
            "duplicate_keys": [[vars(place) for place in one] for one in self.duplicates],
            "without_key": [list(one) for one in self.keyless],
            "common_records": self.common,
            "records": self.records.to_json(),
            "fields": self.fields.to_json(),
            "both_blank": self.both_blank,
            "incomplete": self.incomplete,
            "by_field": {name: rate.to_json() for name, rate in self.by_field.items()},
            "differences": [
                {"key": list(one.key), "records": list(one.numbers), "field": one.name}
                for one in self.differences
            ],
            "violations": [vars(one) for one in self.violations],
            "against_truth": {name: rate.to_json() for name, rate in self.persons.items()},
            "against_truth_by_field": {
                name: {one: rate.to_json() for one, rate in rates.items()}
                for name, rates in self.persons_by_field.items()
            },
        }


def compare_files(
    first: EntryFile, second: EntryFile, options: Options, form: Mapping[str, Field] | None = None
) -> FileComparison:
    """Compare two files; ``form`` maps names of fields, in lower case, to the study's fields.

    Raises Refused where a key or a named field stands in neither or only one of the files, or nothing is
    left to compare.
    """
    files = (first, second)
    keys = [_common(files, name, options, form, "the key") for name in options.key]
    _known(files, (*options.skip, *options.tolerance))
    compared, computed = _fields(files, options, form or {})
    if not compared:
        raise Refused(
            "the two files have no field to compare", "Name the key with --key and check both files."
        )
    kept = [[r for r in one.records if options.with_deleted or not r.deleted] for one in files]
    found = [
        _by_key(file, records, keys, place)
        for place, (file, records) in enumerate(zip(files, kept, strict=True))
    ]
    shared = [key for key in found[0].unique if key in found[1].unique]
    pairs = [(found[0].unique[key], found[1].unique[key]) for key in shared]
    tally = _Tally()
    for key, (one, other) in zip(shared, pairs, strict=True):
        tally.pair(compared, files, (one, other), found[0].typed[key])
    return FileComparison(
        names=(first.name, second.name),
        options=options,
        sizes=(len(kept[0]), len(kept[1])),
        deleted=(len(first.records) - len(kept[0]), len(second.records) - len(kept[1])),
        compared=tuple(compared),
        computed=computed,
        lone=(_lone(first, second), _lone(second, first)),
        missing=(_missing(found[1], found[0]), _missing(found[0], found[1])),
        duplicates=(found[0].duplicates, found[1].duplicates),
        keyless=(found[0].keyless, found[1].keyless),
        common=len(pairs),
        records=Rate(*tally.records),
        fields=Rate(len(tally.differences), sum(pair[1] for pair in tally.by_field.values())),
        by_field={one.name: Rate(*tally.by_field[one.name]) for one in compared},
        both_blank=tally.both_blank,
        incomplete=tally.incomplete,
        differences=tuple(tally.differences),
        violations=tuple(_violations(compared, files, kept)),
    )


def against(
    truth: EntryFile, files: Sequence[EntryFile], options: Options, form: Mapping[str, Field] | None = None
) -> tuple[dict[str, Rate], dict[str, dict[str, Rate]]]:
    """Each file's errors against the reconciled ``truth``: over all fields, and for each field."""
    names = [one.name for one in files]
    shown = names if len(set(names)) == len(names) else [f"{i}: {name}" for i, name in enumerate(names, 1)]
    rates = {}
    by_field = {}
    for name, one in zip(shown, files, strict=True):
        compared = compare_files(one, truth, options, form)
        rates[name] = compared.fields
        by_field[name] = dict(compared.by_field)
    return rates, by_field


class _Tally:
    """Counts while the pairs of records go by."""

    def __init__(self) -> None:
        self.by_field: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.records = [0, 0]
        self.both_blank = 0
        self.incomplete = 0
        self.differences: list[Difference] = []

    def pair(
        self,
        compared: Iterable[Comparable],
        files: tuple[EntryFile, EntryFile],
        pair: tuple[Record, Record],
        key: tuple[str, ...],
    ) -> None:
        wrong = seen = 0
        for one in compared:
            first, second = (
                _cell(f, r, c.name) for f, r, c in zip(files, pair, (one.first, one.second), strict=True)
            )
            if first is None or second is None:
                self.incomplete += 1
                continue
            left, right = one.read(first, one.first), one.read(second, one.second)
            missing = one.missing(left)
            if missing is not None and missing == one.missing(right):
                self.both_blank += 1
                continue
            differs = left is None or right is None or not one.same(left, right)
            seen += 1
            wrong += differs
            self.by_field[one.name][0] += differs
            self.by_field[one.name][1] += 1
            if differs:
                numbers = (pair[0].number, pair[1].number)
                self.differences.append(Difference(key, numbers, one.name, first, second))
        self.records[0] += bool(wrong)
        self.records[1] += bool(seen)


@dataclass(frozen=True)
class _Keyed:
    """The records of one file by what their key means."""

    unique: Mapping[tuple[Meaning, ...], Record]
    typed: Mapping[tuple[Meaning, ...], tuple[str, ...]]
    duplicates: tuple[Place, ...]
    keyless: tuple[int, ...]
    known: frozenset[tuple[Meaning, ...]]
    """All keys, those that stand twice among them: such a record is not missing."""


def _by_key(file: EntryFile, records: Sequence[Record], keys: Sequence[Comparable], place: int) -> _Keyed:
    if not keys:
        by_number: dict[tuple[Meaning, ...], Record] = {(Decimal(i),): r for i, r in enumerate(records, 1)}
        typed = {key: (str(record.number),) for key, record in by_number.items()}
        return _Keyed(by_number, typed, (), (), frozenset(by_number))
    groups: dict[tuple[Meaning, ...], list[Record]] = defaultdict(list)
    shown: dict[tuple[Meaning, ...], tuple[str, ...]] = {}
    keyless = []
    for record in records:
        columns = [(one.first, one.second)[place] for one in keys]
        cells = [_cell(file, record, column.name) or "" for column in columns]
        read = [one.read(cell, column) for one, cell, column in zip(keys, cells, columns, strict=True)]
        meant = tuple(one for one in read if one is not None)
        if len(meant) < len(keys):
            keyless.append(record.number)
            continue
        groups[meant].append(record)
        shown.setdefault(meant, tuple(cells))
    return _Keyed(
        {key: group[0] for key, group in groups.items() if len(group) == 1},
        shown,
        tuple(
            Place(shown[k], tuple(r.number for r in group)) for k, group in groups.items() if len(group) > 1
        ),
        tuple(keyless),
        frozenset(groups),
    )


def _missing(there: _Keyed, here: _Keyed) -> tuple[Place, ...]:
    """What is ``there`` and not ``here``."""
    return tuple(
        Place(there.typed[key], (record.number,))
        for key, record in there.unique.items()
        if key not in here.known
    )


def _fields(
    files: tuple[EntryFile, EntryFile], options: Options, form: Mapping[str, Field]
) -> tuple[list[Comparable], dict[str, str]]:
    keys, skip = ({name.casefold() for name in names} for names in (options.key, options.skip))
    tolerance = {name.casefold(): value for name, value in options.tolerance.items()}
    compared = []
    computed = {}
    for column in files[0].columns:
        at = files[1].position(column.name)
        name = column.name.casefold()
        if at is None or name in keys:
            continue
        other = files[1].columns[at]
        if why := "skipped" if name in skip else column.computed or other.computed:
            computed[column.name] = why
            continue
        allowed = tolerance.get(name, Decimal(0))
        compared.append(
            comparable(
                column, other, field=form.get(name), tolerance=allowed, ignore_case=options.ignore_case
            )
        )
    return compared, computed


def _common(
    files: tuple[EntryFile, EntryFile],
    name: str,
    options: Options,
    form: Mapping[str, Field] | None,
    what: str,
) -> Comparable:
    found = [(file, file.position(name)) for file in files]
    for file, at in found:
        if at is None:
            names = ", ".join(column.name for column in file.columns[:20])
            raise Refused(f"{file.name}: it has no field {name} for {what}", f"Its fields: {names}.")
    first, second = (file.columns[at] for file, at in found if at is not None)
    return comparable(first, second, field=(form or {}).get(name.casefold()), ignore_case=options.ignore_case)


def _known(files: tuple[EntryFile, EntryFile], names: Iterable[str]) -> None:
    for name in names:
        if all(file.position(name) is None for file in files):
            raise Refused(f"neither file has a field {name}", "Check --skip and --tolerance.")


def _lone(here: EntryFile, there: EntryFile) -> tuple[str, ...]:
    return tuple(column.name for column in here.columns if there.position(column.name) is None)


def _violations(
    compared: Sequence[Comparable], files: tuple[EntryFile, EntryFile], kept: Sequence[Sequence[Record]]
) -> Iterable[Violation]:
    for place, (file, records) in enumerate(zip(files, kept, strict=True), 1):
        for record in records:
            for one in compared:
                column = one.first if place == 1 else one.second
                if rule := one.breaks(_cell(file, record, column.name) or ""):
                    yield Violation(place, record.number, one.name, rule)


def _cell(file: EntryFile, record: Record, name: str) -> str | None:
    at = file.position(name)
    return None if at is None else record.cells[at]
