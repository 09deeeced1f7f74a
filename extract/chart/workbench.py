"""The keyword workbench: what terms would bring in, counted over everything that has landed, while one still thinks.

Counts of records, visits and patients; texts only where examples are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
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
    tally = _Tally(len(matcher.leaves), shelf.visits)
    shown: dict[int, list[str]] = {leaf.index: [] for leaf in matcher.leaves}
    looked = 0
    for scope in dict.fromkeys(scope for leaf in matcher.leaves for scope in leaf.scopes):
        table, column = HIT_COLUMNS[scope]
        free = column in TEXT_COLUMNS.get(table, ())
        for series, rows in shelf.texts(table, column):
            looked += len(series)
            scanned: Scanned = scan.texts(series, scope) if free else scan.names(series, scope)
            tally.add(rows["visit"].fill_null(-1).to_numpy(), scanned)
            if examples and free:
                _show(shown, series, scanned, matcher, scope, examples)
    inside = shelf.visits["day"].is_between(search.from_, search.to).fill_null(value=False).to_numpy()
    told = _counted(matcher, tally, inside)
    if examples:
        for one, leaf in zip(told["terms"], matcher.leaves, strict=True):
            one["examples"] = shown[leaf.index]
    return {"study": protocol.study.id, "records": looked, "visits": int(inside.sum()), **told}


class _Tally:
    """What was found, by leaf: whether each visit has it, and how many records do."""

    def __init__(self, leaves: int, visits: pl.DataFrame) -> None:
        self.visits = visits
        # One place more than there are visits: -1 stands for "no visit".
        self.found = np.zeros((leaves, visits.height + 1), dtype=bool)
        self.records = np.zeros(leaves, dtype=np.int64)
        self.unlinked = np.zeros(leaves, dtype=np.int64)
        self.alike = np.zeros(leaves, dtype=np.int64)

    def add(self, visit: npt.NDArray[np.int64], scanned: Scanned) -> None:
        """Hits of one column of one part; ``visit`` says whose each row is."""
        for leaf, rows in scanned.hits.items():
            of = visit[rows.to_numpy()]
            self.found[leaf, of] = True
            self.records[leaf] += len(of)
            self.unlinked[leaf] += int((of < 0).sum())
        for leaf, rows in scanned.alike.items():
            self.alike[leaf] += len(rows)


def _counted(matcher: Matcher, tally: _Tally, inside: npt.NDArray[np.bool_]) -> dict[str, Any]:
    found = tally.found[:, :-1] & inside
    some = np.flatnonzero(found.any(axis=0))
    found = found[:, some]
    people = tally.visits["patient"].to_numpy()[some]
    # A visit's terms as a row of bits; equal rows are one combination.
    packed, which = np.unique(np.packbits(found, axis=0), axis=1, return_inverse=True)
    which = which.ravel()
    sets = np.unpackbits(packed, axis=0, count=len(matcher.leaves)).astype(bool)
    leaves = [set(np.flatnonzero(sets[:, i]).tolist()) for i in range(sets.shape[1])]
    counts = np.bincount(which, minlength=len(leaves)).tolist()
    chosen = [matcher.decide(one) for one in leaves]
    matched = np.array(chosen, dtype=bool)[which]
    combined = list(zip(leaves, counts, chosen, strict=True))
    terms = [
        {
            "term": leaf.term,
            "fields": list(leaf.scopes),
            "records": int(tally.records[leaf.index]),
            "unlinked": int(tally.unlinked[leaf.index]),
            "visits": int(found[leaf.index].sum()),
            "patients": _people(people[found[leaf.index]]),
            "matched": sum(n for one, n, is_in in combined if is_in and leaf.index in one),
            "needed": sum(
                n
                for one, n, is_in in combined
                if is_in and leaf.index in one and not matcher.decide(one - {leaf.index})
            ),
            "look_alikes": int(tally.alike[leaf.index]),
        }
        for leaf in matcher.leaves
    ]
    names = {leaf.index: leaf.term for leaf in matcher.leaves}
    together = sorted(combined, key=lambda one: (-one[1], sorted(one[0])))
    return {
        "matched": int(matched.sum()),
        "patients": _people(people[matched]),
        "terms": terms,
        "together": [
            {"terms": [names[i] for i in sorted(one)], "visits": n, "matched": is_in}
            for one, n, is_in in together[:_SHOWN]
        ],
        "overlap": _overlap(names, combined),
        **{
            f"{by}s": _yield(by, tally.visits[by].gather(some), found, matched, people, names)
            for by in ("month", "department")
        },
    }


def _people(patients: npt.NDArray[np.int32]) -> int:
    return int(np.count_nonzero(np.bincount(patients))) if len(patients) else 0


def _overlap(names: dict[int, str], combined: list[tuple[set[int], int, bool]]) -> list[dict[str, Any]]:
    """Visits that two terms share, by pair."""
    pairs = [
        (sum(n for one, n, _ in combined if {i, j} <= one), names[i], names[j])
        for i in names
        for j in names
        if i < j
    ]
    return [{"terms": [i, j], "visits": n} for n, i, j in sorted(pairs, key=lambda pair: -pair[0]) if n]


def _yield(
    by: str,
    column: pl.Series,
    found: npt.NDArray[np.bool_],
    matched: npt.NDArray[np.bool_],
    people: npt.NDArray[np.int32],
    names: dict[int, str],
) -> list[dict[str, Any]]:
    keys = column.unique().sort()
    code = column.replace_strict(keys, range(len(keys)), return_dtype=pl.Int32).to_numpy()
    visits = np.bincount(code[matched], minlength=len(keys))
    each = {name: np.bincount(code[found[leaf]], minlength=len(keys)) for leaf, name in names.items()}
    pairs = pl.DataFrame({"code": code[matched], "patient": people[matched]}).unique()
    patients = np.bincount(pairs["code"].to_numpy(), minlength=len(keys))
    return [
        {
            by: str(key),
            "visits": int(visits[i]),
            "patients": int(patients[i]),
            "terms": {name: int(counts[i]) for name, counts in each.items()},
        }
        for i, key in enumerate(keys)
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
