"""The assembly as its rules read, a participant and a value at a time: what the columns must agree with."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from extract.study.protocol import Protocol, ResponderTest, Variable, column
from validate.lock.assemble import Cell
from validate.lock.blocks import used
from validate.lock.columns import (
    PARTICIPANT,
    RELIEF_DECIMALS,
    RESPONDER,
    ends,
    has_delta,
    relieved,
    scaled,
    value_column,
)
from validate.lock.pseudonyms import Pseudonyms

NOT_ENTERED = "not_entered"


def by_rows(
    protocol: Protocol, eligible: Iterable[str], cells: Iterable[Cell], pseudonyms: Pseudonyms
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, str]]]:
    """Rows of wide, long and lineage, and the records behind them."""
    by_place = {(c.patient_id, c.variable, c.timepoint): c for c in cells}
    patients = tuple(sorted(eligible, key=lambda p: _natural(pseudonyms.participants[p])))
    wide_rows: list[dict[str, Any]] = []
    long_rows: list[dict[str, Any]] = []
    lineage: list[dict[str, Any]] = []
    records: list[tuple[str, str]] = []
    for patient in patients:
        name = pseudonyms.participants[patient]
        row: dict[str, Any] = {PARTICIPANT: name}
        steps: dict[tuple[str, str], int | None] = {}
        for variable in protocol.variable:
            for timepoint in variable.at or ("",):
                cell = _normal(
                    variable,
                    by_place.get((patient, variable.id, timepoint)) or _absent(patient, variable, timepoint),
                )
                recorded = None if variable.many or cell.value is None else scaled(cell.value, variable.step)
                counted = used(variable, recorded, cell.comparator)
                steps[variable.id, timepoint] = counted
                row[value_column(variable, timepoint)] = (
                    cell.value if variable.many else _amount(variable, counted)
                )
                long_rows.append(
                    {
                        PARTICIPANT: name,
                        "variable": variable.id,
                        "timepoint": timepoint,
                        "value": cell.value,
                        "scaled": recorded,
                        "comparator": cell.comparator or None,
                        "missing": cell.missing,
                        "method": cell.method or None,
                        "day": cell.day,
                    }
                )
                if cell.value is not None:
                    lineage.append(_lineage(name, value_column(variable, timepoint), cell, pseudonyms))
                    if cell.record_id is not None:
                        records.append((cell.record_id, cell.version or ""))
        derived = _derived(protocol, steps)
        row.update(derived)
        lineage.extend(
            {PARTICIPANT: name, "column": key, "method": "derived"}
            for key, value in derived.items()
            if value is not None
        )
        wide_rows.append(row)
    return wide_rows, long_rows, lineage, sorted(set(records))


def _natural(name: str) -> tuple[int, str]:
    return len(name), name


def _absent(patient: str, variable: Variable, timepoint: str) -> Cell:
    code = NOT_ENTERED if variable.entry == "double" else "not_documented"
    return Cell(patient, variable.id, timepoint, missing=code, method="none")


def _normal(variable: Variable, cell: Cell) -> Cell:
    """The cell with its codes in ascending order, and numbers in the digits of the step."""
    if cell.value is None or cell.value == "":
        return replace(cell, value=None, missing=cell.missing or "not_documented")
    if variable.many:
        codes = sorted(set(cell.value.split(";")), key=_natural)
        return replace(cell, value=";".join(codes), missing=None)
    steps = scaled(cell.value, variable.step)
    # What is not a multiple of the step stays as it was written: the type check names it.
    text = cell.value if steps is None else str(_amount(variable, steps))
    return replace(cell, value=text, missing=None)


def _amount(variable: Variable, steps: int | None) -> int | Decimal | None:
    """Whole steps as the number a reader sees, in the column's type."""
    if steps is None:
        return None
    amount = steps * variable.step
    if variable.categorical or variable.decimals == 0:
        return int(amount)
    return amount.quantize(Decimal(1).scaleb(-variable.decimals))


def _lineage(name: str, column_name: str, cell: Cell, pseudonyms: Pseudonyms) -> dict[str, Any]:
    return {
        PARTICIPANT: name,
        "column": column_name,
        "method": cell.method,
        "record": None if cell.record_id is None else next(pseudonyms.records([cell.record_id])),
        "version": None if cell.version is None else next(pseudonyms.versions([cell.version])),
        "start": cell.start,
        "end": cell.end,
    }


def _derived(protocol: Protocol, steps: Mapping[tuple[str, str], int | None]) -> dict[str, Any]:
    """Deltas, reliefs and the responder flag of one participant."""
    found: dict[str, Any] = {}
    reliefs = relieved(protocol)
    for variable in protocol.variable:
        if not has_delta(variable):
            continue
        before, after = (steps[variable.id, point] for point in ends(protocol, variable))
        change = None if before is None or after is None else after - before
        signed = None if change is None else change if protocol.outcome.delta == "T1 - T0" else -change
        found[column(variable.id, None, "delta")] = _amount(variable, signed)
        if variable.id in reliefs:
            share: Decimal | None = None
            if change is not None and before:
                sign = 1 if protocol.outcome.relief == "(T1 - T0) / T0" else -1
                share = (Decimal(sign * change) / before).quantize(
                    Decimal(1).scaleb(-RELIEF_DECIMALS), ROUND_HALF_EVEN
                )
            found[column(variable.id, None, "relief")] = share
    found[RESPONDER] = _responder(protocol, steps)
    return found


def _responder(protocol: Protocol, steps: Mapping[tuple[str, str], int | None]) -> int | None:
    """1, 0, or None where the missing values leave it open (any: no test passed and one is unknown)."""
    rule = protocol.outcome.responder
    answers = [_passes(protocol, test, steps) for test in (rule.any or rule.all)]
    decisive = bool(rule.any)
    if decisive in answers:
        return int(decisive)
    return None if None in answers else int(not decisive)


def _passes(
    protocol: Protocol, test: ResponderTest, steps: Mapping[tuple[str, str], int | None]
) -> bool | None:
    """Whether the drop, or the drop over the first value, reaches the threshold: exact, no division."""
    variable = protocol.variable_named(test.variable)
    before, after = (steps[variable.id, point] for point in ends(protocol, variable))
    if before is None or after is None:
        return None
    drop = before - after
    if test.drop:
        return drop * variable.step >= test.at_least
    # A first value of 0 cannot fall by a share of itself; a negative one has no such share.
    return drop >= test.at_least * before if before > 0 else None if before < 0 else False
