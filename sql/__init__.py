"""SQL text: the study queries and the sites' mapping packs, found as package data."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["packs", "study_query"]


def packs() -> Traversable:
    """The folder of the shipped mapping packs, one folder per HIS schema."""
    return files("sql") / "sites"


@cache
def study_query(name: str) -> str:
    """The text of a study query, ``sql/<name>.sql``. Raises FileNotFoundError."""
    return (files("sql") / f"{name}.sql").read_text(encoding="utf-8")
