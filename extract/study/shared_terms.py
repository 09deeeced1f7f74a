"""Shared term sets that a study names: their synonyms and look-alikes, taken into its own search.

A name says its version (``pain-zh-v1``), and a version is never edited, so a study's search does not change under it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from extract.errors import ExpressionInvalid
from extract.study.expression import parse_search, terms

__all__ = ["taken_in"]


def taken_in(search: Mapping[str, Any]) -> dict[str, Any]:
    """``[search]`` with what its ``terms`` say of the words in its expression, after its own words.

    Raises ValueError for a set that is not shipped, or a name without a version.
    """
    told = dict(search)
    synonyms = _copied(told.get("synonyms"))
    alike = _copied(told.get("look_alike"))
    asked = _asked(str(told.get("expression", "")))
    for name in told.get("terms") or ():
        for entry in _set(str(name)):
            if entry["term"] in asked:
                _join(synonyms, entry["term"], entry.get("synonyms", ()))
                _join(alike, entry["term"], entry.get("look_alikes", ()))
    return told | {"synonyms": synonyms, "look_alike": alike}


def _asked(expression: str) -> set[str]:
    """The terms of an expression; none of one that does not parse, which is said elsewhere."""
    try:
        return {term.text for term in terms(parse_search(expression))}
    except ExpressionInvalid:
        return set()


def _copied(lists: Any) -> dict[str, list[str]]:
    return {term: list(words) for term, words in dict(lists or {}).items()}


def _join(lists: dict[str, list[str]], term: str, words: Iterable[str]) -> None:
    if words:
        lists[term] = list(dict.fromkeys([*lists.get(term, []), *words]))


def _set(name: str) -> list[dict[str, Any]]:
    folder = files("sql") / "terms"
    known = sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )
    if name not in known:
        raise ValueError(
            f"there is no term set {name!r}; a set is named with its version, and shipped are: {', '.join(known)}"
        )
    entries: list[dict[str, Any]] = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))[
        "term"
    ]
    return entries
