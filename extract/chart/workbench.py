"""The keyword workbench: what terms would bring in, counted over everything that has landed, while one still thinks.

Counts of records, visits and patients; texts only where examples are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from extract.chart.shelf import Shelf
from extract.chart.wordscan import Scanned, WordScan
from extract.errors import ExpressionInvalid
from extract.his.records import HIT_COLUMNS, TEXT_COLUMNS
from extract.study.folder import StudyFolder
from extract.study.keywords import Matcher
from extract.study.protocol import Protocol, Search

__all__ = ["explore", "tried"]

_AROUND: Final = 20
"""Characters of an example on either side."""
_SHOWN: Final = 20
"""Combinations of terms that are told one by one."""


def tried(protocol: Protocol, terms: Sequence[str]) -> Search:
    """The study's search with other terms, any of which brings a visit in. Raises ExpressionInvalid."""
    if not terms:
        return protocol.search
    for term in terms:
        if any(mark in term for mark in '"“”『』'):
            raise ExpressionInvalid("a term holds a quotation mark", "Give one term to each --term.")
    quoted = " OR ".join(f"『{term}』" for term in dict.fromkeys(terms))
    return protocol.search.model_copy(update={"expression": quoted})


def explore(folder: StudyFolder, terms: Sequence[str] = (), *, examples: int = 0) -> dict[str, Any]:
    """Counts for the terms of the study's expression, or for ``terms``; ``examples`` texts of each.

    A term's ``visits`` are those of the search's dates; ``needed`` are those that would be out without it.
    ``unlinked`` records belong to no visit.  Raises NotReady before the first pull.
    """
    protocol = folder.protocol()
    search = tried(protocol, terms)
    matcher = Matcher.of(search)
    shelf = Shelf.of(folder)
    scan = WordScan(search, matcher)
    found: list[pl.DataFrame] = []
    alike: list[pl.DataFrame] = []
    shown: dict[int, list[str]] = {leaf.index: [] for leaf in matcher.leaves}
    looked = 0
    for scope in dict.fromkeys(scope for leaf in matcher.leaves for scope in leaf.scopes):
        table, column = HIT_COLUMNS[scope]
        free = column in TEXT_COLUMNS.get(table, ())
        for series, rows in shelf.texts(table, column):
            looked += len(series)
            scanned: Scanned = scan.texts(series, scope) if free else scan.names(series, scope)
            found += [_rows(rows, hit, leaf) for leaf, hit in scanned.hits.items()]
            alike += [_rows(rows, hit, leaf) for leaf, hit in scanned.alike.items()]
            if examples and free:
                _show(shown, series, scanned, matcher, scope, examples)
    inside = shelf.visits.filter(pl.col("day").is_between(search.from_, search.to))
    hits = pl.concat(found) if found else _NONE
    told = _counted(matcher, hits, pl.concat(alike) if alike else _NONE, inside)
    if examples:
        for one, leaf in zip(told["terms"], matcher.leaves, strict=True):
            one["examples"] = shown[leaf.index]
    return {"study": protocol.study.id, "records": looked, "visits": inside.height, **told}


_NONE: Final = pl.DataFrame(schema={"visit": pl.UInt32, "patient": pl.Int32, "leaf": pl.Int32})


def _rows(rows: pl.DataFrame, at: pl.Series, leaf: int) -> pl.DataFrame:
    return rows[at].select("visit", "patient", pl.lit(leaf, pl.Int32).alias("leaf"))


def _counted(
    matcher: Matcher, hits: pl.DataFrame, alike: pl.DataFrame, inside: pl.DataFrame
) -> dict[str, Any]:
    within = hits.select("visit", "leaf").unique().join(inside, on="visit")
    # A visit's terms as one number: bit i is leaf i.
    sets = within.group_by("visit").agg(
        (pl.lit(1, pl.UInt64) * (2 ** pl.col("leaf").cast(pl.UInt64))).sum().alias("mask")
    )
    masks = dict(sets.group_by("mask").len().iter_rows())
    chosen = {mask: matcher.decide(_leaves(mask)) for mask in masks}
    keep = pl.Series([mask for mask, is_in in chosen.items() if is_in], dtype=pl.UInt64)
    matched = sets.filter(pl.col("mask").is_in(keep.implode())).join(inside, on="visit")
    names = {leaf.index: leaf.term for leaf in matcher.leaves}
    records, unlinked = _by_leaf(hits), _by_leaf(hits.filter(pl.col("visit").is_null()))
    visits = _by_leaf(within)
    patients = dict(within.group_by("leaf").agg(pl.col("patient").n_unique()).iter_rows())
    others = _by_leaf(alike)
    terms = [
        {
            "term": leaf.term,
            "fields": list(leaf.scopes),
            "records": records.get(leaf.index, 0),
            "unlinked": unlinked.get(leaf.index, 0),
            "visits": visits.get(leaf.index, 0),
            "patients": patients.get(leaf.index, 0),
            "matched": sum(n for mask, n in masks.items() if chosen[mask] and mask >> leaf.index & 1),
            "needed": sum(
                n
                for mask, n in masks.items()
                if chosen[mask]
                and mask >> leaf.index & 1
                and not matcher.decide(_leaves(mask) - {leaf.index})
            ),
            "look_alikes": others.get(leaf.index, 0),
        }
        for leaf in matcher.leaves
    ]
    together = sorted(((n, mask) for mask, n in masks.items()), key=lambda one: (-one[0], one[1]))
    return {
        "matched": matched.height,
        "patients": matched["patient"].n_unique(),
        "terms": terms,
        "together": [
            {"terms": [names[i] for i in sorted(_leaves(mask))], "visits": n, "matched": chosen[mask]}
            for n, mask in together[:_SHOWN]
        ],
        "overlap": _overlap(names, masks),
        "months": _yield(matched, within, "month", names),
        "departments": _yield(matched, within, "department", names),
    }


def _leaves(mask: int) -> set[int]:
    return {i for i in range(mask.bit_length()) if mask >> i & 1}


def _by_leaf(frame: pl.DataFrame) -> dict[int, int]:
    return dict(frame.group_by("leaf").len().iter_rows())


def _overlap(names: dict[int, str], masks: dict[int, int]) -> list[dict[str, Any]]:
    """Visits that two terms share, by pair."""
    pairs = [
        {
            "terms": [names[i], names[j]],
            "visits": sum(n for mask, n in masks.items() if mask >> i & mask >> j & 1),
        }
        for i in names
        for j in names
        if i < j
    ]
    return sorted((pair for pair in pairs if pair["visits"]), key=lambda pair: -int(str(pair["visits"])))


def _yield(
    matched: pl.DataFrame, within: pl.DataFrame, by: str, names: dict[int, str]
) -> list[dict[str, Any]]:
    counts = {
        key: (visits, patients)
        for key, visits, patients in matched.group_by(by)
        .agg(pl.len().alias("visits"), pl.col("patient").n_unique().alias("patients"))
        .iter_rows()
    }
    each: dict[str, dict[int, int]] = {}
    for key, leaf, n in within.group_by(by, "leaf").len().iter_rows():
        each.setdefault(key, {})[leaf] = n
    return [
        {
            by: key,
            "visits": counts.get(key, (0, 0))[0],
            "patients": counts.get(key, (0, 0))[1],
            "terms": {name: each[key].get(leaf, 0) for leaf, name in names.items()},
        }
        for key in sorted(each)
    ]


def _show(
    shown: dict[int, list[str]],
    series: pl.Series,
    scanned: Scanned,
    matcher: Matcher,
    scope: str,
    wanted: int,
) -> None:
    """Texts around hits, from places spread over the part; patient data."""
    for leaf, rows in scanned.hits.items():
        missing = wanted - len(shown[leaf])
        if missing <= 0 or not len(rows):
            continue
        for text in series.gather(rows.gather_every(max(1, len(rows) // missing))[:missing]).to_list():
            hit = next(found for found in matcher.find(text, scope) if found.leaf == leaf)
            around = text[max(0, hit.start - _AROUND) : hit.end + _AROUND]
            shown[leaf].append(re.sub(r"\s+", " ", around))
