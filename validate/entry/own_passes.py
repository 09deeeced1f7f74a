"""The study's own two passes as files of entries, so that they get the same report as two files from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from extract.study.database import StudyDatabase
from validate.entry.comparison import Rate, Standings, against_final, compare
from validate.entry.epidata import Column, EntryFile, Record
from validate.entry.file_comparison import FileComparison, Options, compare_files
from validate.entry.forms import Field, Value, form_fields
from validate.entry.standing import standings
from validate.review.cases import cases

__all__ = ["compare_passes", "form_by_name"]

_KEY = "candidate"


def form_by_name(fields: tuple[Field, ...]) -> dict[str, Field]:
    """The fields by the names that a column may have, in lower case: ``score@t0``, ``score_t0``."""
    names = {}
    for field in fields:
        for name in (field.name, field.name.replace("@", "_"), field.name.replace("@", "")):
            names[name.casefold()] = field
    return names


def compare_passes(db: StudyDatabase) -> FileComparison:
    """The discrepancy report of the study's entries, with each abstractor against the value that counts.

    A record is a candidate, by its number in the queue; a field that one pass has not come to is counted apart.
    """
    form = form_fields(db.protocol)
    with db.reading() as connection:
        found = cases(connection)
        held = [one.candidate for one in found.values() if one.candidate.present]
        typed = standings(connection, db.protocol, held)
    columns = (Column(_KEY), *(Column(field.name, label=field.variable.label.en) for field in form))
    files = []
    for pass_ in (1, 2):
        records: list[Record] = []
        for candidate in sorted(held, key=lambda one: one.id):
            entered = [typed[candidate.patient_id][field.key].of(pass_) for field in form]
            if any(entered):
                cells = tuple(None if one is None else _cell(one.value) for one in entered)
                records.append(Record(len(records) + 1, (str(candidate.id), *cells)))
        files.append(EntryFile(f"{db.protocol.study.id}, {pass_}", columns, tuple(records)))
    compared = compare_files(files[0], files[1], Options((_KEY,)), form_by_name(form))
    return replace(compared, persons=compare(typed).by_person, persons_by_field=_by_field(typed))


def _by_field(typed: Standings) -> dict[str, dict[str, Rate]]:
    """Abstractor -> field -> errors against the value that counts, in the order of the form."""
    counts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for fields in typed.values():
        for person, name, mistaken in against_final(fields):
            counts[person][name][0] += mistaken
            counts[person][name][1] += 1
    return {
        person: {name: Rate(*pair) for name, pair in found.items()}
        for person, found in sorted(counts.items())
    }


def _cell(value: Value) -> str:
    return value.missing or f"{value.comparator}{value.value}"
