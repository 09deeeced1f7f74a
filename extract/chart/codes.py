"""Diagnosis codes against a criterion's list: ``M54.5``, ``C00-C97``, with or without the point.

A code is met by its prefix, so the six-character Chinese extensions (``M54.502``, ``C34.900x001``) count with
their parent.  A range compares as many characters as its ends have.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["code_in", "split_codes"]

_RANGE: Final = re.compile(r"\s*([A-Za-z]?\d[\w.]*)\s*[-~]\s*([A-Za-z]?\d[\w.]*)\s*")
_SEVERAL: Final = re.compile(r"[;；,，、|\s]+")
_CLASSIFICATION: Final = re.compile(r"[A-Z]?\d[0-9A-Z]{1,9}")
_LONGEST_CLASSIFICATION: Final = 6
"""A plain number longer than any ICD category is a concept id, and means only itself."""


def _plain(code: str) -> str:
    return re.sub(r"[.\s]", "", code).upper().rstrip("+*")


def split_codes(code: str | None) -> list[str]:
    """The codes of a column that holds several (``M47.8;A23.9``)."""
    return [part for part in _SEVERAL.split(code or "") if part]


def code_in(code: str | None, listed: str) -> bool:
    """Whether one code is the listed code, an extension of it, or inside the listed range."""
    if not code or not (mine := _plain(code)):
        return False
    if match := _RANGE.fullmatch(listed):
        low, high = _plain(match[1]), _plain(match[2])
        if not _CLASSIFICATION.match(mine) or mine[0].isalpha() != low[0].isalpha():
            return False
        return low <= mine[: len(low)] and mine[: len(high)] <= high
    wanted = _plain(listed)
    if wanted.isdigit() and len(wanted) >= _LONGEST_CLASSIFICATION:
        return mine == wanted
    return bool(wanted) and mine.startswith(wanted)
