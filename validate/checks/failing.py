"""Which rows fail an expectation, in pandas: run only for the expectations that the engine found to fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from validate.checks.rules import Rule

__all__ = ["evaluated", "failing"]

Mask = npt.NDArray[np.bool_]
"""(rows,) true where the row fails."""


def _mask(values: Any) -> Mask:
    return np.asarray(values, dtype=np.bool_)


def _in_set(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    values = frame[given["column"]]
    return _mask(values.notna() & ~values.isin(given["value_set"]))


def _not_in_set(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    values = frame[given["column"]]
    return _mask(values.notna() & values.isin(given["value_set"]))


def _between(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    values = frame[given["column"]]
    low, high = given.get("min_value"), given.get("max_value")
    under = _mask(values < low) if low is not None else np.zeros(len(frame), dtype=np.bool_)
    over = _mask(values > high) if high is not None else np.zeros(len(frame), dtype=np.bool_)
    return under | over


def _regex(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    pattern = re.compile(given["regex"])
    return _mask([not pd.isna(text) and not pattern.search(str(text)) for text in frame[given["column"]]])


def _no_regex(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    pattern = re.compile(given["regex"])
    return _mask([not pd.isna(text) and bool(pattern.search(str(text))) for text in frame[given["column"]]])


def _unique(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    values = frame[given["column"]]
    return _mask(values.notna() & values.duplicated(keep=False))


def _compound(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    return _mask(frame.duplicated(subset=list(given["column_list"]), keep=False))


def _not_null(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    return _mask(frame[given["column"]].isna())


def _equal(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    first, second = frame[given["column_A"]], frame[given["column_B"]]
    return _mask(~(first.isna() & second.isna()) & (first != second))


def _greater(frame: pd.DataFrame, given: Mapping[str, Any]) -> Mask:
    first, second = frame[given["column_A"]], frame[given["column_B"]]
    return _mask(first.notna() & second.notna() & ~(first > second))


_MASKS: Final[Mapping[str, Callable[[pd.DataFrame, Mapping[str, Any]], Mask]]] = {
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_match_regex": _regex,
    "expect_column_values_to_not_match_regex": _no_regex,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound,
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_pair_values_to_be_equal": _equal,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
}


def failing(rule: Rule, frame: pd.DataFrame) -> tuple[str, ...]:
    """The keys of the rows that fail ``rule``, in the frame's order."""
    mask = _MASKS[rule.expectation](frame, rule.arguments)
    return tuple(dict.fromkeys(str(key) for key in frame.loc[mask, "key"]))


def evaluated(rule: Rule, frame: pd.DataFrame) -> int:
    """How many rows gave the rule something to look at; 0 means that it was not evaluated.

    A pair that must be equal is looked at when either side holds something; any other pair needs both.
    """
    held = frame[list(rule.looks_at)].notna()
    either = rule.expectation == "expect_column_pair_values_to_be_equal"
    return int((held.any(axis=1) if either else held.all(axis=1)).sum())
