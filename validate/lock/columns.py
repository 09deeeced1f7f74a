"""The columns of a locked dataset, derived from the protocol: the one list that data, codebook and checks share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import pyarrow as pa

from extract.study.protocol import Label, Protocol, Variable, column

__all__ = ["PARTICIPANT", "RESPONDER", "Column", "columns", "ends", "has_delta", "relieved", "value_column"]

PARTICIPANT = "participant"
RESPONDER = "responder"
RELIEF_DECIMALS = 6
_PRECISION = 18
_MOST = 10**11
"""Whole steps that a relief of six digits can still be told of in as many digits as a column has."""

Kind = Literal["participant", "value", "delta", "relief", "responder"]


@dataclass(frozen=True)
class Column:
    """One column of data.parquet: its name, what it is of, its Arrow type, and what a reader sees."""

    name: str
    kind: Kind
    type: pa.DataType
    label: Label
    variable: Variable | None = None
    timepoint: str = ""

    @property
    def decimals(self) -> int:
        """Digits after the point; 0 for integers and text."""
        return int(self.type.scale) if pa.types.is_decimal(self.type) else 0


def value_column(variable: Variable, timepoint: str) -> str:
    """Name of the column of a value; ``timepoint`` is empty for what is taken once."""
    return column(variable.id, timepoint or None)


def has_delta(variable: Variable) -> bool:
    """Whether a difference between timepoints exists: measured more than once, and a number."""
    return len(variable.at) > 1 and not variable.categorical


def ends(protocol: Protocol, variable: Variable) -> tuple[str, str]:
    """The first and the last timepoint of ``variable`` in the protocol's order."""
    ordered = [name for name in protocol.timepoints if name in variable.at]
    return ordered[0], ordered[-1]


def relieved(protocol: Protocol) -> frozenset[str]:
    """Ids of the variables that a responder test names with ``relief``."""
    tests = (*protocol.outcome.responder.any, *protocol.outcome.responder.all)
    return frozenset(test.relief for test in tests if test.relief)


def value_type(variable: Variable) -> pa.DataType:
    """Text for many-valued, int64 for whole steps and codes, decimal128 by the step otherwise."""
    if variable.many:
        return pa.string()
    if variable.categorical or variable.decimals == 0:
        return pa.int64()
    return pa.decimal128(_PRECISION, variable.decimals)


def columns(protocol: Protocol) -> tuple[Column, ...]:
    """Every column of data.parquet in its order: participant, values, deltas and reliefs, responder."""
    return tuple(_columns(protocol))


def _columns(protocol: Protocol) -> Iterator[Column]:
    yield Column(PARTICIPANT, "participant", pa.string(), Label(zh="参与者编号", en="Participant"))
    for variable in protocol.variable:
        for timepoint in variable.at or ("",):
            suffix = f" {timepoint}" if timepoint else ""
            yield Column(
                value_column(variable, timepoint),
                "value",
                value_type(variable),
                Label(zh=variable.label.zh + suffix, en=variable.label.en + suffix),
                variable,
                timepoint,
            )
    reliefs = relieved(protocol)
    for variable in protocol.variable:
        if not has_delta(variable):
            continue
        first, last = ends(protocol, variable)
        delta = _directed(protocol.outcome.delta == "T1 - T0", first, last, "{b} - {a}")
        yield Column(
            column(variable.id, None, "delta"),
            "delta",
            value_type(variable),
            Label(zh=f"{variable.label.zh}变化（{delta}）", en=f"{variable.label.en}, change ({delta})"),
            variable,
        )
        if variable.id in reliefs:
            relief = _directed(
                protocol.outcome.relief == "(T1 - T0) / T0", first, last, "({b} - {a}) / " + first
            )
            yield Column(
                column(variable.id, None, "relief"),
                "relief",
                pa.decimal128(_PRECISION, RELIEF_DECIMALS),
                Label(
                    zh=f"{variable.label.zh}缓解率（{relief}）",
                    en=f"{variable.label.en}, relief ({relief})",
                ),
                variable,
            )
    yield Column(RESPONDER, "responder", pa.int64(), Label(zh="应答", en="Responder"))


def _directed(last_first: bool, first: str, last: str, form: str) -> str:
    """The formula with the minuend and subtrahend that the protocol's direction names."""
    return form.format(a=first, b=last) if last_first else form.format(a=last, b=first)


def scaled(value: str, step: Decimal) -> int | None:
    """The value in whole steps; None when it is no number, not a multiple of the step, or beyond any column."""
    try:
        steps = Decimal(value) / step
        return int(steps) if abs(steps) < _MOST and steps == steps.to_integral_value() else None
    except (ArithmeticError, ValueError):
        return None
