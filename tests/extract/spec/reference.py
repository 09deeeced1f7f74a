"""The plain-Python answer to a question over a small hospital: no SQL, no matcher, only what the words mean."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from extract.his.records import HIT_COLUMNS, SCHEMAS
from extract.his.windows import Window
from extract.study.expression import And, Node, Not, Term
from extract.study.protocol import Search

WINDOW = Window("2022", dt.date(2022, 1, 1), dt.date(2023, 1, 1))
FIELDS = ("document", "diagnosis", "lab", "imaging", "medication")


@dataclass(frozen=True)
class Entry:
    """One record: field, person, visit number, time, text, amount; anything but the field may be NULL.

    ``of`` is whose visit it names; NULL: a visit of its own person.
    """

    field: str
    person: str | None
    visit: int | None
    at: dt.datetime | None
    text: str | None
    amount: Decimal | None = None
    of: str | None = None


@dataclass
class Records:
    """A small hospital."""

    persons: dict[str, str | None] = field(default_factory=dict)
    visits: dict[tuple[str, int], dt.datetime | None] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """What stands in the three source tables."""
        return {
            "person": [(no, None, into) for no, into in self.persons.items()],
            "attendance": [(person, number, began) for (person, number), began in self.visits.items()],
            "entry": [
                (i, e.field, e.person, e.visit, e.at, e.text, e.amount, e.of)
                for i, e in enumerate(self.entries)
            ],
        }

    def keys(self) -> list[str]:
        """Everybody who is named anywhere."""
        named = {*self.persons, *(person for person, _ in self.visits), *(e.person for e in self.entries)}
        return sorted(named - {None}) or ["nobody"]


def read_records(text: str) -> Records:
    """An ASCII table: ``patient | visit | began | field | text``.

    ``-`` is NULL; ``a>b`` in patient says that a was merged into b; ``?`` in began means that nobody
    knows the visit; ``b/1`` in visit names visit 1 of b.
    """
    head, *lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    assert [c.strip() for c in head.split("|")] == ["patient", "visit", "began", "field", "text"], head
    records = Records()
    for line in lines:
        who, number, began, name, said = (None if c.strip() == "-" else c.strip() for c in line.split("|"))
        person, _, into = (who or "").partition(">")
        if person:
            records.persons[person] = into or records.persons.get(person)
        of, _, number = (number or "").rpartition("/")
        if person and number and not of and began != "?":
            records.visits[person, int(number)] = dt.datetime.fromisoformat(began) if began else None
        if name:
            at = dt.datetime.fromisoformat(began) if began and began != "?" else None
            visit = int(number) if number else None
            records.entries.append(Entry(name, person or None, visit, at, said, of=of or None))
    return records


def reference(records: Records, asked: Node, search: Search | None = None) -> set[str]:
    """Visits of the window that the expression lets in, by their ids."""
    return {f"V|{person}|{number}" for person, number in answer(records, asked, search)}


def answer(records: Records, asked: Node, search: Search | None = None) -> set[tuple[str, int]]:
    """Visits of the search's dates that the expression lets in."""
    first, last = (
        (WINDOW.start, WINDOW.end - dt.timedelta(1)) if search is None else (search.from_, search.to)
    )

    def one(person: str) -> str:
        into = records.persons.get(person)
        return person if into is None else records.persons.get(into) or into

    def named(e: Entry) -> tuple[str, int] | None:
        visit = (e.of or e.person, e.visit)
        return visit if visit in records.visits and one(visit[0]) == one(e.person) else None

    found = set()
    for (person, number), began in records.visits.items():
        if began is None or not first <= began.date() <= last:
            continue
        own = [
            e for e in records.entries
            if e.person is not None and one(e.person) == one(person) and named(e) in {(person, number), None}
        ]  # fmt: skip
        if holds(asked, own, search):
            found.add((person, number))
    return found


def holds(node: Node, entries: list[Entry], search: Search | None = None) -> bool:
    """Whether a visit with these records is in."""
    if isinstance(node, Term):
        return any(e.field in node.scopes and says(e.text or "", node.text, search) for e in entries)
    if isinstance(node, Not):
        return not holds(node.child, entries, search)
    answers = [holds(child, entries, search) for child in node.children]
    return all(answers) if isinstance(node, And) else any(answers)


def says(text: str, term: str, search: Search | None) -> bool:
    """Whether a text holds the term, or a synonym, at a place that no look-alike covers."""
    if search is None:
        return term in text
    folded = search.match == "folded"

    def said(words: dict[str, list[str]]) -> list[str]:
        return [w for key, listed in words.items() if in_short(key) == in_short(term) for w in listed]

    look = in_short if folded else str
    text = look(text)
    words = {look(word) for word in (term, *(said(search.synonyms) if folded else []))}
    covers = [span for word in said(search.look_alike) for span in spans(text, look(word))]
    return any(
        not any(start <= at and end <= until for start, until in covers)
        for word in words
        for at, end in spans(text, word)
    )


def spans(text: str, word: str) -> list[tuple[int, int]]:
    """Where a word stands, overlapping places too."""
    return [(at, at + len(word)) for at in range(len(text)) if word and text.startswith(word, at)]


SHORT = {"A": "a", "Ａ": "a", "ß": "ss", "Ⅱ": "ii", "％": "%", "頸": "颈"}
"""What width, case and script make of the letters that the generator uses."""
APART = set("abséi")
"""Of those, the letters of a script that writes blanks between words."""


def in_short(text: str) -> str:
    """A text with width, case, script and stray blanks made equal, for the generator's letters."""
    kept, blank = "", ""
    for mark in text:
        if mark in " \n":
            blank += mark
            continue
        letters = SHORT.get(mark, mark)
        if blank and kept:
            if "\n" in blank:
                kept += "\n"
            elif kept[-1] in APART and letters[0] in APART:
                kept += " "
        kept, blank = kept + letters, ""
    return kept


def delivered(records: Records) -> dict[str, list[dict[str, Any]]]:
    """The canonical rows, as every engine must hand them over."""

    def visit_of(e: Entry) -> str | None:
        return None if e.person is None or e.visit is None else f"V|{e.of or e.person}|{e.visit}"

    times = {"document": "written_at", "diagnosis": "diagnosed_at", "lab": "specimen_at",
             "imaging": "performed_at", "medication": "started_at"}  # fmt: skip
    rows: dict[str, list[dict[str, Any]]] = {
        "patient": [{"patient_id": no, "merged_into": into} for no, into in records.persons.items()],
        "visit": [
            {"visit_id": f"V|{p}|{n}", "patient_id": p, "visit_type": "seen", "started_at": began}
            for (p, n), began in records.visits.items()
        ],
        **{name: [] for name in FIELDS},
    }
    for number, e in enumerate(records.entries):
        if e.person is None:
            continue
        more: dict[str, Any] = {}
        if e.field == "lab":
            more["code"] = f"code|{e.person}" + (f"|{e.visit}" if e.visit is not None else "")
            more["raw_number"] = None if e.amount is None else f"{e.amount.normalize():f}"
        if e.field == "diagnosis":
            more |= {"code_system": "ICD-10", "code": e.at.date().isoformat() if e.at else None}
        rows[e.field].append(
            {
                SCHEMAS[e.field].names[0]: str(number),
                "visit_id": visit_of(e),
                "patient_id": e.person,
                times[e.field]: e.at,
                HIT_COLUMNS[e.field][1]: e.text or None,
                **more,
            }
        )
    return rows
