"""What the search brought in: which term, alone or with others, when and where; look-alikes; only-negated visits.

Counts over the landed records and the last screening; no text and no name leaves this module.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, Final

import polars as pl
import pyarrow as pa

from extract.chart.association import associated
from extract.chart.copied import Mention, copied
from extract.chart.screening import Screening
from extract.his.landing import Landing
from extract.his.records import HIT_COLUMNS
from extract.study.folder import StudyFolder
from extract.study.folding import fold
from extract.study.keywords import Leaf, Matcher
from extract.study.protocol import Protocol

__all__ = ["diagnose", "diagnosis"]

_UNKNOWN: Final = ""
_NOTES: Final = 4000
"""Notes with a hit, and as many without, whose words are compared."""
_CODES: Final = 20
_Match = dict[str, Any]


def diagnosis(folder: StudyFolder) -> dict[str, Any]:
    """``diagnose`` of a study's folder. Raises NotReady before the first screening."""
    screening = Screening.load(folder)
    landing = Landing(folder.landing)
    try:
        visits = landing.current("visit", ["visit_id", "started_at", "department"])
        return diagnose(folder.protocol(), screening, visits, _tables(landing))
    finally:
        landing.close()


def diagnose(
    protocol: Protocol, screening: Screening, visits: pa.Table, tables: dict[str, pa.Table]
) -> dict[str, Any]:
    """Counts of visits and hits. ``tables`` are the landed ones of ``HIT_COLUMNS``.

    ``needed`` counts matched visits that would be out without the term; ``negated_only`` matched visits
    that are in by negated mentions alone; the months and departments of a visit are those it began in.
    """
    matcher = Matcher.of(protocol.search)
    rows: list[_Match] = screening.matches.to_pylist()
    matched = [row for row in rows if row["matched"]]
    alike = _look_alikes(protocol, matcher, rows, tables, screening)
    statuses = _statuses(screening)
    again = _copied(screening, tables["document"])
    terms = [
        {
            "term": leaf.term,
            "fields": list(leaf.scopes),
            "visits": sum(leaf.index in row["leaves"] for row in rows),
            "matched": sum(leaf.index in row["leaves"] for row in matched),
            "needed": sum(_needed(matcher, leaf.index, row) for row in matched),
            "hits": dict(sorted(statuses[leaf.term].items())),
            "copied": again[leaf.term],
            "look_alikes": alike.get(leaf.index, []),
        }
        for leaf in matcher.leaves
    ]
    ours, others = _notes(screening, tables["document"], matched)
    words = [*(leaf.term for leaf in matcher.leaves), *_declared_words(protocol)]
    return {
        "study": protocol.study.id,
        "visits": len(rows),
        "matched": len(matched),
        "patients": len({row["patient_id"] for row in matched}),
        "negated_only": sum(row["negated_only"] for row in matched),
        "terms": terms,
        "associated": associated(ours, others, words),
        "coded": _coded(rows, screening, tables, visits, protocol),
        "overlap": list(_overlap(matcher.leaves, matched)),
        "together": _together(matcher.leaves, matched),
        **_when_and_where(matcher.leaves, matched, visits),
    }


def _tables(landing: Landing) -> dict[str, pa.Table]:
    more = {"document": ["written_at", "patient_id"], "diagnosis": ["code"]}
    return {
        table: landing.current(table, [column, *more.get(table, ())])
        for table, column in HIT_COLUMNS.values()
    }


def _declared_words(protocol: Protocol) -> Iterator[str]:
    for listed in (*protocol.search.synonyms.values(), *protocol.search.look_alike.values()):
        yield from listed


def _notes(
    screening: Screening, documents: pa.Table, matched: list[_Match]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(patient, text) of notes with a keyword of a matched visit, and of notes without any; an even sample of each."""
    hit = {
        id_
        for id_, kind in zip(
            screening.evidence["record_id"].to_pylist(), screening.evidence["kind"].to_pylist(), strict=True
        )
        if kind == "keyword"
    }
    inside = {row["visit_id"] for row in matched}
    linked = dict(
        zip(screening.links["record_id"].to_pylist(), screening.links["visit_id"].to_pylist(), strict=True)
    )
    columns = (documents[name].to_pylist() for name in ("record_id", "patient_id", "text"))
    ours: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for id_, patient, text in sorted(zip(*columns, strict=True)) if documents.num_rows else ():
        if text:
            is_ours = id_ in hit and linked.get(id_) in inside
            (ours if is_ours else others).append((patient, text))
    return ours[:: len(ours) // _NOTES + 1], others[:: len(others) // _NOTES + 1]


def _coded(
    rows: list[_Match],
    screening: Screening,
    tables: dict[str, pa.Table],
    visits: pa.Table,
    protocol: Protocol,
) -> list[dict[str, Any]]:
    """Diagnosis codes of matched visits, by category, and the visits of the dates that have one and no match.

    Where a category is common among matched visits, its other visits are where the expression may have missed some.
    """
    matched = {row["visit_id"] for row in rows if row["matched"]}
    inside = {
        id_
        for id_, at in zip(visits["visit_id"].to_pylist(), visits["started_at"].to_pylist(), strict=True)
        if at is not None and protocol.search.from_ <= at.date() <= protocol.search.to
    }
    linked = dict(
        zip(screening.links["record_id"].to_pylist(), screening.links["visit_id"].to_pylist(), strict=True)
    )
    table = tables["diagnosis"]
    of: defaultdict[str, set[str]] = defaultdict(set)
    for id_, code in zip(table["record_id"].to_pylist(), table["code"].to_pylist(), strict=True):
        visit = linked.get(id_)
        if code and visit is not None and visit in inside:
            of[code[:3].upper()].add(visit)
    told = [
        {"code": code, "matched": len(seen & matched), "unmatched": len(seen - matched)}
        for code, seen in of.items()
    ]
    told.sort(key=lambda one: (-int(str(one["matched"])), str(one["code"])))
    return [one for one in told if one["matched"]][:_CODES]


def _needed(matcher: Matcher, leaf: int, row: _Match) -> bool:
    return leaf in row["leaves"] and not matcher.decide(set(row["leaves"]) - {leaf})


def _statuses(screening: Screening) -> defaultdict[str, Counter[str]]:
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    columns = (screening.evidence[name].to_pylist() for name in ("kind", "term", "assertion"))
    for kind, term, assertion in zip(*columns, strict=True):
        if kind == "keyword":
            found[term][assertion] += 1
    return found


def _copied(screening: Screening, documents: pa.Table) -> Counter[str]:
    """Hits by term that stand in a sentence copied from an earlier note of the matched visits."""
    columns = (documents[name].to_pylist() for name in ("record_id", "written_at", "text"))
    notes = {id_: (at, text) for id_, at, text in zip(*columns, strict=True)}
    terms: dict[tuple[str, int], list[str]] = defaultdict(list)
    mentions: list[Mention] = []
    names = ("kind", "table", "patient_id", "record_id", "start", "term")
    for kind, table, patient, id_, start, term in zip(
        *(screening.evidence[name].to_pylist() for name in names), strict=True
    ):
        if kind == "keyword" and table == "document" and id_ in notes:
            if (id_, start) not in terms:
                mentions.append(Mention(patient, id_, *notes[id_], start))
            terms[id_, start].append(term)
    return Counter(term for one, _ in copied(mentions) for term in terms[one.record_id, one.start])


def _overlap(leaves: Iterable[Leaf], matched: list[_Match]) -> Iterator[dict[str, Any]]:
    names = {leaf.index: leaf.term for leaf in leaves}
    pairs = Counter(pair for row in matched for pair in combinations(sorted(row["leaves"]), 2))
    for (one, other), n in sorted(pairs.items(), key=lambda item: (-item[1], item[0])):
        yield {"terms": [names[one], names[other]], "visits": n}


def _together(leaves: Iterable[Leaf], matched: list[_Match]) -> list[dict[str, Any]]:
    names = {leaf.index: leaf.term for leaf in leaves}
    sets = Counter(tuple(sorted(row["leaves"])) for row in matched)
    return [
        {"terms": [names[i] for i in which], "visits": n}
        for which, n in sorted(sets.items(), key=lambda item: (-item[1], item[0]))
    ]


def _when_and_where(leaves: tuple[Leaf, ...], matched: list[_Match], visits: pa.Table) -> dict[str, Any]:
    columns = (visits[name].to_pylist() for name in ("visit_id", "started_at", "department"))
    begun = {id_: (at, department or _UNKNOWN) for id_, at, department in zip(*columns, strict=True)}
    by: dict[str, defaultdict[str, list[_Match]]] = {
        "month": defaultdict(list),
        "department": defaultdict(list),
    }
    for row in matched:
        at, department = begun.get(row["visit_id"], (None, _UNKNOWN))
        by["month"][_UNKNOWN if at is None else f"{at:%Y-%m}"].append(row)
        by["department"][department].append(row)
    return {
        f"{what}s": [
            {
                what: key,
                "visits": len(rows),
                "patients": len({row["patient_id"] for row in rows}),
                "negated_only": sum(row["negated_only"] for row in rows),
                "terms": {leaf.term: sum(leaf.index in row["leaves"] for row in rows) for leaf in leaves},
            }
            for key, rows in sorted(groups.items())
        ]
        for what, groups in by.items()
    }


def _look_alikes(
    protocol: Protocol,
    matcher: Matcher,
    rows: list[_Match],
    tables: dict[str, pa.Table],
    screening: Screening,
) -> dict[int, list[dict[str, Any]]]:
    words = sorted({word for listed in protocol.search.look_alike.values() for word in listed})
    if not words:
        return {}
    hit = {row["visit_id"]: set(row["leaves"]) for row in rows}
    linked = dict(
        zip(screening.links["record_id"].to_pylist(), screening.links["visit_id"].to_pylist(), strict=True)
    )
    records: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    visits: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for scope in sorted({scope for leaf in matcher.leaves for scope in leaf.scopes}):
        table, column = HIT_COLUMNS[scope]
        for record_id, text in _containing(tables[table], column, words, folded=matcher.folded):
            for found in matcher.look_alikes(text, scope):
                key = (found.leaf, _declared(words, text[found.start : found.end], folded=matcher.folded))
                records[key].add(record_id)
                if (visit := linked.get(record_id)) is not None:
                    visits[key].add(visit)
    told: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for (leaf, word), ids in sorted(records.items()):
        seen = visits[leaf, word]
        # Without the list these visits would count as hit by the term.
        spared = sum(leaf not in hit.get(visit, ()) for visit in seen)
        told[leaf].append({"word": word, "records": len(ids), "visits": len(seen), "spared": spared})
    return told


def _declared(words: list[str], seen: str, *, folded: bool) -> str:
    if not folded:
        return seen
    plain = fold(seen).text
    return next((word for word in words if fold(word).text == plain), seen)


def _containing(table: pa.Table, column: str, words: list[str], *, folded: bool) -> Iterator[tuple[str, str]]:
    frame = pl.from_arrow(table.select(["record_id", column]))
    if not isinstance(frame, pl.DataFrame):  # pragma: no cover - a Table is never a Series
        raise TypeError("not a table")
    frame = frame.drop_nulls()
    if not folded:
        # One pass for all words, at the speed of the scan.
        frame = frame.filter(pl.col(column).str.contains_any(words))
    yield from frame.iter_rows()
