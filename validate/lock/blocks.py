"""One block of participants, column by column: every rule is applied once to each value that occurs.

The rules themselves are exact and scalar (``Decimal`` and whole steps); clinical values repeat, so a rule
runs per distinct value or per distinct pair of values, and Arrow does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from extract.study.protocol import Protocol, ResponderTest, Variable, column
from validate.lock.columns import (
    PARTICIPANT,
    RELIEF_DECIMALS,
    RESPONDER,
    columns,
    ends,
    has_delta,
    relieved,
    scaled,
    value_column,
)
from validate.lock.pseudonyms import RECORDS, Pseudonyms

__all__ = ["CELLS", "LINEAGE", "LONG", "NOT_ENTERED", "block", "used"]

NOT_ENTERED: Final = "not_entered"
"""Missing code of a double-entered value that nobody entered: legal nowhere, so the checks fail on it."""

CELLS: Final = pa.schema(
    [
        ("patient_id", pa.string()),
        ("variable", pa.string()),
        ("timepoint", pa.string()),
        ("value", pa.string()),
        ("comparator", pa.string()),
        ("missing", pa.string()),
        ("method", pa.string()),
        ("day", pa.int64()),
        ("record_id", pa.string()),
        ("version", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
    ]
)
"""The fields of ``assemble.Cell`` as columns."""
LONG: Final = pa.schema(
    [
        (PARTICIPANT, pa.string()),
        ("variable", pa.string()),
        ("timepoint", pa.string()),
        ("value", pa.string()),
        ("scaled", pa.int64()),
        ("comparator", pa.string()),
        ("missing", pa.string()),
        ("method", pa.string()),
        ("day", pa.int64()),
    ]
)
LINEAGE: Final = pa.schema(
    [
        (PARTICIPANT, pa.string()),
        ("column", pa.string()),
        ("method", pa.string()),
        ("record", pa.string()),
        ("version", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
    ]
)

Place = tuple[str, str]
"""(variable, timepoint); the timepoint is empty for what is taken once."""


@dataclass(frozen=True)
class _Taken:
    """The cells of one place, one per patient of the block, as they are told in long; ``steps`` is what counts."""

    variable: Variable
    timepoint: str
    value: pa.Array
    recorded: pa.Array
    comparator: pa.Array
    missing: pa.Array
    method: pa.Array
    steps: pa.Array
    cells: pa.Table


def block(
    protocol: Protocol, patients: Sequence[str], cells: pa.Table, pseudonyms: Pseudonyms
) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """``wide``, ``long``, ``lineage`` and ``records`` of ``patients``, in their order; pure."""
    places = [(variable, at) for variable in protocol.variable for at in variable.at or ("",)]
    at = _positions(patients, [(variable.id, point) for variable, point in places], cells)
    taken = [
        _taken(variable, point, cells.take(pa.array(rows, mask=rows < 0)))
        for (variable, point), rows in zip(places, at, strict=True)
    ]
    names = pa.array([pseudonyms.participants[patient] for patient in patients], pa.string())
    filled = {value_column(one.variable, one.timepoint): _filled(one) for one in taken}
    derived = _derived(protocol, {(one.variable.id, one.timepoint): one.steps for one in taken})
    wide = pa.table(
        {c.name: names if c.kind == "participant" else (filled | derived)[c.name] for c in columns(protocol)},
        schema=pa.schema([(c.name, c.type) for c in columns(protocol)]),
    )
    traced = [_traced(one, names, pseudonyms) for one in taken]
    lineage = [part.drop_columns(["keep", "record_id", "record_version"]) for part in traced]
    followed = [_followed(name, names, len(names)) for name in derived]
    kept = [part.column("keep") for part in traced] + [values.is_valid() for values in derived.values()]
    return (
        wide,
        _interleaved([_told(one, names) for one in taken], LONG),
        _interleaved([*lineage, *followed], LINEAGE).filter(_across(kept)),
        _records(traced),
    )


def _positions(patients: Sequence[str], places: list[Place], cells: pa.Table) -> npt.NDArray[np.int64]:
    """(places, patients): the row of ``cells``, or -1; of two rows of one place the later counts."""
    at = np.full((len(places), len(patients)), -1, dtype=np.int64)
    variables, points = ([place[n] for place in places] for n in (0, 1))
    codes = {place: number for number, place in enumerate(places)}
    known_v, known_t = sorted(set(variables)), sorted(set(points))
    grid = np.array([[codes.get((v, t), -1) for t in known_t] for v in known_v], dtype=np.int64)
    who = _index(cells.column("patient_id"), patients)
    variable, timepoint = (
        _index(cells.column("variable"), known_v),
        _index(cells.column("timepoint"), known_t),
    )
    place = np.where((variable < 0) | (timepoint < 0), -1, grid[variable, timepoint])
    rows = np.flatnonzero((who >= 0) & (place >= 0))
    # numpy keeps the last of several assignments to one place.
    at[place[rows], who[rows]] = rows
    return at


def _index(values: pa.ChunkedArray, known: Sequence[str]) -> npt.NDArray[np.int64]:
    found = pc.index_in(values, value_set=pa.array(known, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)


def _taken(variable: Variable, timepoint: str, cells: pa.Table) -> _Taken:
    """``cells`` has a row of nulls for who has no cell here."""
    empty = pa.scalar(None, pa.string())
    column_of = {name: cells.column(name).combine_chunks() for name in cells.column_names}
    text = pc.if_else(pc.equal(column_of["value"], ""), empty, column_of["value"])
    steps = None if variable.many else _mapped(text, lambda one: scaled(one, variable.step), pa.int64())
    value = _mapped(text, lambda one: _normal(variable, one), pa.string())
    comparator = pc.fill_null(column_of["comparator"], "")
    missing = pc.if_else(pc.equal(column_of["missing"], ""), empty, column_of["missing"])
    absent = NOT_ENTERED if variable.entry == "double" else "not_documented"
    nobody = column_of["patient_id"].is_null()
    missing = pc.if_else(nobody, absent, pc.fill_null(missing, "not_documented"))
    recorded = pa.nulls(len(cells), pa.int64()) if steps is None else steps
    below = pc.starts_with(comparator, "<")
    return _Taken(
        variable,
        timepoint,
        value,
        recorded,
        pc.if_else(pc.equal(comparator, ""), empty, comparator),
        pc.if_else(value.is_valid(), empty, missing),
        pc.if_else(nobody, "none", pc.if_else(pc.equal(column_of["method"], ""), empty, column_of["method"])),
        pc.if_else(below, _mapped(recorded, lambda one: used(variable, one, "<"), pa.int64()), recorded),
        cells,
    )


def used(variable: Variable, steps: int | None, comparator: str) -> int | None:
    """What the statistics use of a value below a limit, in whole steps; the recorded value is kept in long.

    ``half`` rounds to the step, ties to even, so that no value is finer than what is recorded. A value
    above a limit counts as the limit.
    Source: study.toml ``below_limit``.
    """
    if steps is None or not comparator.startswith("<"):
        return steps
    match variable.below_limit:
        case "half":
            return int((Decimal(steps) / 2).to_integral_value(ROUND_HALF_EVEN))
        case "zero":
            return 0
        case "missing":
            return None
        case _:
            return steps


def _normal(variable: Variable, text: str) -> str:
    """Codes in ascending order, and numbers in the digits of the step."""
    if variable.many:
        return ";".join(sorted(set(text.split(";")), key=lambda code: (len(code), code)))
    steps = scaled(text, variable.step)
    # What is not a multiple of the step stays as it was written: the type check names it.
    return text if steps is None else str(_amount(variable, steps))


def _amount(variable: Variable, steps: int) -> int | Decimal:
    """Whole steps as the number a reader sees, in the column's type."""
    amount = steps * variable.step
    if variable.categorical or variable.decimals == 0:
        return int(amount)
    return amount.quantize(Decimal(1).scaleb(-variable.decimals))


def _filled(one: _Taken) -> pa.Array:
    """The column of ``wide``."""
    return one.value if one.variable.many else _amounts(one.variable, one.steps)


def _amounts(variable: Variable, steps: pa.Array) -> pa.Array:
    whole = variable.categorical or variable.decimals == 0
    kind = pa.int64() if whole else pa.decimal128(18, variable.decimals)
    return _mapped(steps, lambda one: _amount(variable, one), kind)


def _mapped(values: pa.Array, rule: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """``rule`` of each value, worked out once per distinct one; null stays null."""
    coded = values.dictionary_encode()
    return pa.array([rule(one) for one in coded.dictionary.to_pylist()], kind).take(coded.indices)


def _named(values: pa.Array, names: Callable[[Sequence[str]], Iterable[str]]) -> pa.Array:
    """The pseudonym of each, worked out once per distinct one; null stays null."""
    coded = values.dictionary_encode()
    return pa.array(names(coded.dictionary.to_pylist()), pa.string()).take(coded.indices)


def _paired(
    before: pa.Array, after: pa.Array, rule: Callable[[int, int], Any], kind: pa.DataType
) -> pa.Array:
    """``rule`` of each pair, worked out once per distinct one; null where either is."""
    known = pc.and_(before.is_valid(), after.is_valid()).to_numpy(zero_copy_only=False)
    first, second = (np.asarray(pc.fill_null(one, 0).to_numpy(), dtype=np.int64) for one in (before, after))
    firsts, i = np.unique(first, return_inverse=True)
    seconds, j = np.unique(second, return_inverse=True)
    pairs, place = np.unique(i * len(seconds) + j, return_inverse=True)
    answers = [rule(int(firsts[pair // len(seconds)]), int(seconds[pair % len(seconds)])) for pair in pairs]
    return pa.array(answers, kind).take(pa.array(place, mask=~known))


def _derived(protocol: Protocol, steps: Mapping[Place, pa.Array]) -> dict[str, pa.Array]:
    """Deltas, reliefs and the responder flag, by column."""
    found: dict[str, pa.Array] = {}
    reliefs = relieved(protocol)
    sign = 1 if protocol.outcome.delta == "T1 - T0" else -1
    share = 1 if protocol.outcome.relief == "(T1 - T0) / T0" else -1
    for variable in protocol.variable:
        if not has_delta(variable):
            continue
        before, after = (steps[variable.id, point] for point in ends(protocol, variable))
        change = pc.multiply(pc.subtract(after, before), sign)
        found[column(variable.id, None, "delta")] = _amounts(variable, change)
        if variable.id in reliefs:
            found[column(variable.id, None, "relief")] = _paired(
                before,
                after,
                lambda a, b: _relief(share, a, b),
                pa.decimal128(18, RELIEF_DECIMALS),
            )
    found[RESPONDER] = _responder(protocol, steps)
    return found


def _relief(sign: int, before: int, after: int) -> Decimal | None:
    if not before:
        return None
    share = Decimal(sign * (after - before)) / before
    return share.quantize(Decimal(1).scaleb(-RELIEF_DECIMALS), ROUND_HALF_EVEN)


def _responder(protocol: Protocol, steps: Mapping[Place, pa.Array]) -> pa.Array:
    """1, 0, or null where the missing values leave it open (any: no test passed and one is unknown)."""
    rule = protocol.outcome.responder
    answers = [_passed(protocol, test, steps) for test in (rule.any or rule.all)]
    join = pc.or_kleene if rule.any else pc.and_kleene
    told = answers[0]
    for answer in answers[1:]:
        told = join(told, answer)
    return told.cast(pa.int64())


def _passed(protocol: Protocol, test: ResponderTest, steps: Mapping[Place, pa.Array]) -> pa.Array:
    variable = protocol.variable_named(test.variable)
    before, after = (steps[variable.id, point] for point in ends(protocol, variable))
    return _paired(before, after, lambda a, b: _passes(variable, test, a, b), pa.bool_())


def _passes(variable: Variable, test: ResponderTest, before: int, after: int) -> bool | None:
    """Whether the drop, or the drop over the first value, reaches the threshold: exact, no division."""
    drop = before - after
    if test.drop:
        return drop * variable.step >= test.at_least
    # A first value of 0 cannot fall by a share of itself; a negative one has no such share.
    return drop >= test.at_least * before if before > 0 else None if before < 0 else False


def _told(one: _Taken, names: pa.Array) -> pa.Table:
    """The rows of ``long`` of one place."""
    number = len(names)
    return pa.Table.from_arrays(
        [
            names,
            _same(one.variable.id, number),
            _same(one.timepoint, number),
            one.value,
            one.recorded,
            one.comparator,
            one.missing,
            one.method,
            one.cells.column("day").combine_chunks(),
        ],
        schema=LONG,
    )


def _traced(one: _Taken, names: pa.Array, pseudonyms: Pseudonyms) -> pa.Table:
    """The rows of ``lineage`` of one place, whether to keep them, and the record by its own name."""
    cells = {
        name: one.cells.column(name).combine_chunks() for name in ("record_id", "version", "start", "end")
    }
    return pa.table(
        {
            PARTICIPANT: names,
            "column": _same(value_column(one.variable, one.timepoint), len(names)),
            "method": pc.fill_null(one.cells.column("method").combine_chunks(), ""),
            "record": _named(cells["record_id"], pseudonyms.records),
            "version": _named(cells["version"], pseudonyms.versions),
            "start": cells["start"],
            "end": cells["end"],
            "keep": one.value.is_valid(),
            "record_id": cells["record_id"],
            "record_version": cells["version"],
        }
    )


def _followed(name: str, names: pa.Array, number: int) -> pa.Table:
    """The rows of ``lineage`` of a computed column."""
    nothing = {field.name: pa.nulls(number, field.type) for field in LINEAGE}
    found = {PARTICIPANT: names, "column": _same(name, number), "method": _same("derived", number)}
    return pa.table(nothing | found, schema=LINEAGE)


def _records(traced: Sequence[pa.Table]) -> pa.Table:
    """The records behind the kept cells, each version once."""
    parts = pa.concat_tables(
        [part.filter(pc.and_(part.column("keep"), part.column("record_id").is_valid())) for part in traced]
    )
    found = parts.select(["record", "record_id", "version", "record_version"])
    return found.group_by(found.column_names).aggregate([]).cast(RECORDS)


def _same(text: str, number: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), number)


def _order(parts: int, number: int) -> pa.Array:
    """From place after place to patient after patient."""
    return pa.array(np.arange(parts * number, dtype=np.int64).reshape(parts, number).T.ravel())


def _interleaved(parts: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables(parts).combine_chunks().take(_order(len(parts), len(parts[0]))).cast(schema)


def _across(masks: Sequence[pa.ChunkedArray | pa.Array]) -> pa.Array:
    whole = pa.concat_arrays([m.combine_chunks() if isinstance(m, pa.ChunkedArray) else m for m in masks])
    return whole.take(_order(len(masks), len(masks[0])))
