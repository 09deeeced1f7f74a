"""The frames that rules look at, built from a draft and the facts around it: pandas, keys, whole steps.

``participants`` holds per value column ``c``: ``c`` (as stored, in steps), ``c:recorded`` (in steps, before
the below-limit rule), ``c:recomputed`` (that rule applied again here), ``c:text``, ``c:missing``,
``c:stated``, ``c:day``, ``c:entries``, ``c:unit``; for each derived column its recomputation from the
stored values; and ``source``.  The recomputation shares no code with the assembly, or it would prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from extract.study.protocol import Protocol, ResponderTest, Variable, column
from validate.checks.facts import Facts, Place
from validate.checks.rules import Frame
from validate.lock.assemble import Draft
from validate.lock.columns import (
    PARTICIPANT,
    RELIEF_DECIMALS,
    RESPONDER,
    Column,
    columns,
    ends,
    has_delta,
    relieved,
    value_column,
)

__all__ = ["build_frames"]

Steps = npt.NDArray[np.float64]
"""Whole steps as floats (exact below 2**53), NaN where missing."""


def build_frames(protocol: Protocol, draft: Draft, facts: Facts) -> Mapping[Frame, pd.DataFrame]:
    """Every frame, each with its ``key`` column; rows are those of the draft, whatever is wrong with it."""
    return {
        "participants": _participants(protocol, draft, facts),
        "long": _long(draft.long),
        "verdicts": _verdicts(protocol, draft, facts),
        "funnel": _funnel(facts, draft.wide.num_rows),
        "values": _as_stored(draft.wide),
    }


def _as_stored(wide: pa.Table) -> pd.DataFrame:
    """The dataset in the units of its variables, for what a site expects of it."""
    found: dict[str, Any] = {"key": _texts(wide.column(PARTICIPANT).to_pylist())}
    for name, kind in zip(wide.schema.names, wide.schema.types, strict=True):
        column = wide.column(name)
        if pa.types.is_string(kind):
            found[name] = _texts(column.to_pylist())
        else:
            found[name] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return pd.DataFrame(found)


def _texts(values: Any) -> pd.Series[Any]:
    return pd.Series(values, dtype=object)


def _steps(table: pa.Table, name: str, step: Decimal) -> Steps:
    numbers = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.asarray(np.rint(numbers / float(step)), dtype=np.float64)


def _participants(protocol: Protocol, draft: Draft, facts: Facts) -> pd.DataFrame:
    wide = draft.wide
    names = _texts(wide.column(PARTICIPANT).to_pylist())
    found: dict[str, Any] = {"key": names}
    long = draft.long.to_pandas()
    groups = {
        (str(variable), str(point)): part.drop_duplicates(PARTICIPANT).set_index(PARTICIPANT)
        for (variable, point), part in long.groupby(["variable", "timepoint"], sort=False)
    }
    patients = _patients_of(draft, names)
    found["source"] = _texts([facts.sources.get(patient) for patient in patients])
    stored: dict[str, Steps] = {}
    for item in columns(protocol):
        if item.kind != "value" or item.variable is None:
            continue
        part = groups.get((item.variable.id, item.timepoint), long.iloc[:0].set_index(PARTICIPANT))
        _value(found, item, part.reindex(names), wide)
        if not item.variable.many:
            stored[item.name] = found[item.name]
        places: list[Place] = [(patient, item.variable.id, item.timepoint) for patient in patients]
        if item.variable.entry == "double":
            found[f"{item.name}:entries"] = _texts([facts.entries.get(place, "open") for place in places])
        found[f"{item.name}:unit"] = _texts([facts.units.get(place) for place in places])
    _derived(found, protocol, wide, stored)
    return pd.DataFrame(found)


def _patients_of(draft: Draft, names: pd.Series[Any]) -> list[str]:
    back = {name: patient for patient, name in draft.pseudonyms.participants.items()}
    return [back.get(name, "") for name in names]


def _value(found: dict[str, Any], item: Column, part: pd.DataFrame, wide: pa.Table) -> None:
    """The columns of one value; ``part`` are its long rows in the order of the wide ones."""
    name, variable = item.name, item.variable
    assert variable is not None  # noqa: S101 - the caller chose columns of kind "value"
    text, code = (_texts(part[label].astype(object).to_numpy()) for label in ("value", "missing"))
    found[f"{name}:text"], found[f"{name}:missing"] = text, code
    has_text, has_code = text.notna().to_numpy(), code.notna().to_numpy()
    stated = np.select([has_text & has_code, has_text, has_code], ["both", "value", "code"], "neither")
    found[f"{name}:stated"] = _texts(stated)
    found[f"{name}:day"] = part["day"].to_numpy(dtype=np.float64, na_value=np.nan)
    if item.timepoint:
        dated = np.where(np.isnan(found[f"{name}:day"]), "no", "yes")
        found[f"{name}:dated"] = _texts(
            [day if value else None for day, value in zip(dated, has_text, strict=True)]
        )
    if variable.many:
        return
    recorded = part["scaled"].to_numpy(dtype=np.float64, na_value=np.nan)
    below = part["comparator"].fillna("").astype(str).str.startswith("<").to_numpy(dtype=bool)
    found[name] = _steps(wide, name, variable.step)
    found[f"{name}:recorded"] = recorded
    instead = {
        "half": np.rint(recorded / 2),  # rint takes ties to even, as the rule says
        "limit": recorded,
        "zero": np.where(np.isnan(recorded), np.nan, 0.0),
        "missing": np.full(len(recorded), np.nan),
    }[variable.below_limit]
    found[f"{name}:recomputed"] = np.where(below, instead, recorded)


def _derived(found: dict[str, Any], protocol: Protocol, wide: pa.Table, stored: Mapping[str, Steps]) -> None:
    for variable in protocol.variable:
        if not has_delta(variable):
            continue
        first, last = _ends(protocol, variable, stored)
        name = column(variable.id, None, "delta")
        found[name] = _steps(wide, name, variable.step)
        found[f"{name}:recomputed"] = last - first if protocol.outcome.delta == "T1 - T0" else first - last
        if variable.id in relieved(protocol):
            name = column(variable.id, None, "relief")
            found[name] = _steps(wide, name, Decimal(1).scaleb(-RELIEF_DECIMALS))
            found[f"{name}:recomputed"] = _relief(protocol, first, last)
    found[RESPONDER] = _steps(wide, RESPONDER, Decimal(1))
    found[f"{RESPONDER}:recomputed"] = _responder(protocol, stored)


def _ends(protocol: Protocol, variable: Variable, stored: Mapping[str, Steps]) -> tuple[Steps, Steps]:
    first, last = ends(protocol, variable)
    return stored[value_column(variable, first)], stored[value_column(variable, last)]


def _relief(protocol: Protocol, first: Steps, last: Steps) -> Steps:
    """Relief in millionths, ties to even, in integers: a float quotient could fall on the wrong side."""
    sign = 1 if protocol.outcome.relief == "(T1 - T0) / T0" else -1
    unit = 10**RELIEF_DECIMALS
    return np.array(
        [
            np.nan
            if np.isnan(a) or np.isnan(b) or a == 0
            else round(Fraction(int(sign * (b - a)) * unit, int(a)))
            for a, b in zip(first, last, strict=True)
        ],
        dtype=np.float64,
    )


def _responder(protocol: Protocol, stored: Mapping[str, Steps]) -> Steps:
    """1, 0 or NaN by the three-valued any/all of the tests."""
    rule = protocol.outcome.responder
    answers = np.stack([_test(protocol, test, stored) for test in (rule.any or rule.all)])
    unknown = np.isnan(answers)
    if rule.any:
        decided, otherwise = (answers == 1).any(axis=0), 0.0
    else:
        decided, otherwise = (answers == 0).any(axis=0), 1.0
    return np.where(decided, 1.0 - otherwise, np.where(unknown.any(axis=0), np.nan, otherwise))


def _test(protocol: Protocol, test: ResponderTest, stored: Mapping[str, Steps]) -> Steps:
    variable = protocol.variable_named(test.variable)
    first, last = _ends(protocol, variable, stored)
    drop, limit = first - last, Fraction(test.at_least)
    if test.drop:
        limit /= Fraction(variable.step)
        reached = drop * limit.denominator >= limit.numerator
        open_ = np.isnan(drop)
    else:
        reached = (drop * limit.denominator >= limit.numerator * first) & (first > 0)
        open_ = np.isnan(drop) | (first < 0)
    return np.where(open_, np.nan, reached.astype(np.float64))


def _long(long: pa.Table) -> pd.DataFrame:
    parts = {name: long.column(name) for name in (PARTICIPANT, "variable", "timepoint")}
    frame = pd.DataFrame({name: part.to_pandas().astype(object) for name, part in parts.items()})
    frame["key"] = pc.binary_join_element_wise(*parts.values(), "/").to_pandas().astype(object)
    return frame


def _verdicts(protocol: Protocol, draft: Draft, facts: Facts) -> pd.DataFrame:
    """One row per participant and criterion, also where nobody said anything."""
    said = {(v.patient_id, v.criterion): v for v in facts.verdicts}
    includes = {criterion.id for criterion in protocol.include}
    rows = []
    for patient in draft.patients:
        for criterion in protocol.criteria:
            verdict = said.get((patient, criterion.id))
            rows.append(
                (
                    f"{draft.pseudonyms.participants[patient]}/{criterion.id}",
                    (verdict.final if verdict else None) or "open",
                    "met" if criterion.id in includes else "not_met",
                    float(verdict.sealed) if verdict else 0.0,
                    float(verdict.evidence) if verdict and verdict.final == "met" else np.nan,
                )
            )
    frame = pd.DataFrame(rows, columns=["key", "final", "needed", "sealed", "evidence"])
    return frame.astype(dict.fromkeys(["key", "final", "needed"], object)).astype(
        dict.fromkeys(["sealed", "evidence"], np.float64)
    )


def _funnel(facts: Facts, rows: int) -> pd.DataFrame:
    """Each step with what it should be: the step before, less what it removed."""
    found = []
    before = None
    for number, step in enumerate(facts.funnel):
        last = number == len(facts.funnel) - 1
        found.append(
            (
                step.id,
                float(step.patients),
                float(before.patients - step.removed_patients if before else step.patients),
                _count(step.visits),
                _count(_less(before.visits, step.removed_visits) if before else step.visits),
                float(step.patients) if last else np.nan,
                float(rows) if last else np.nan,
            )
        )
        before = step
    names = ["key", "patients", "patients:expected", "visits", "visits:expected", "included", "rows"]
    return pd.DataFrame(found, columns=names)


def _less(count: int | None, removed: int | None) -> int | None:
    return None if count is None or removed is None else count - removed


def _count(number: int | None) -> float:
    return np.nan if number is None else float(number)
