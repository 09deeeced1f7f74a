"""The same made-up entries in the three formats, written here by the formats' rules and read by the product.

Ten fields of work, seeded by hand.  First file (12 records), second file (11 records), key ``ID``:

    key   what was seeded
    1     equal; 5 against 5.0, full-width digits, a date in another form
    2     AGE 41 / 14
    3     SEX M / F, VAS 6.5 / 6.0
    4     NOTE blank / "ok"
    5     VAS blank in both, NOTE blank in both
    6     only in the first
    7     twice in the first, once in the second
    8     only in the second
    9     twice in the second, once in the first
    10    deleted in the first, absent in the second
    11    only SEQ, which the program counts itself, differs
    ""    a record without a key, in the first
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

FIELDS = (
    # name, type in .rec, width, type in .epx, question
    ("ID", 0, 4, 1, "编号 number"),
    ("SEQ", 12, 5, 2, "sequence"),
    ("AGE", 0, 3, 1, "年龄 age"),
    ("SEX", 1, 1, 12, "sex"),
    ("VAS", 101, 4, 3, "pain score"),
    ("SEEN", 11, 10, 4, "day of visit"),
    ("NOTE", 1, 60, 12, "note"),
)
NAMES = tuple(name for name, *_ in FIELDS)


@dataclass(frozen=True)
class Row:
    """A record as it is typed, in the order of FIELDS."""

    cells: tuple[str, ...]
    deleted: bool = False


def row(key, seq, age="40", sex="F", vas="5", seen="05/01/2024", note="颈痛", *, deleted=False):
    return Row((key, seq, age, sex, vas, seen, note), deleted)


FIRST = (
    row("1", "1", "５", vas="5"),
    row("2", "2", age="41"),
    row("3", "3", sex="M", vas="6.5"),
    row("4", "4", note=""),
    row("5", "5", vas="", note=""),
    row("6", "6"),
    row("7", "7"),
    row("7", "8", age="70"),
    row("9", "9"),
    row("10", "10", deleted=True),
    row("11", "11"),
    row("", "12"),
)
SECOND = (
    row("11", "1"),
    row("9", "2"),
    row("9", "3", age="90"),
    row("8", "4"),
    row("7", "5", age="77"),
    row("5", "6", vas="", note=""),
    row("4", "7", note="ok"),
    row("3", "8", sex="F", vas="6.0"),
    row("2", "9", age="14"),
    row("1", "10", "5", vas="5.0", seen="5/1/2024"),
)


def as_csv(rows, separator=","):
    lines = [separator.join(NAMES)]
    lines += [separator.join(one.cells) for one in rows if not one.deleted]
    return "\r\n".join(lines).encode()


def as_rec(rows, encoding="gb18030"):
    """Fixed widths in bytes, lines of 78, CR LF, an end mark a line."""
    lines = [b"%d 1 VLAB FILELABEL: \xb2\xe2\xca\xd4" % (len(FIELDS) + 1)]
    lines.append(b"_%-10s%4d%4d%4d%4d%4d%4d%4d%4d %s" % (b"LABEL1", 1, 1, 30, 0, 0, 15, 0, 112, b"a heading"))
    for i, (name, type_, width, _, question) in enumerate(FIELDS, 2):
        numbers = (1, i, 30, 20, i, type_, width, 112)
        lines.append(
            b"#%-10s" % name.encode()
            + b"".join(b"%4d" % n for n in numbers)
            + b" "
            + question.encode(encoding)
        )
    for one in rows:
        raw = b"".join(
            cell.encode(encoding).rjust(width)
            if type_ in {0, 12, 101}
            else cell.encode(encoding).ljust(width)
            for (_, type_, width, *_rest), cell in zip(FIELDS, one.cells, strict=True)
        )
        pieces = [raw[at : at + 78] for at in range(0, len(raw), 78)]
        lines += [piece + b"!" for piece in pieces[:-1]]
        lines.append(pieces[-1] + (b"?" if one.deleted else b"!"))
    return b"\r\n".join(lines) + b"\r\n\x1a"


def as_epx(rows, point=","):
    def cell(type_, text):
        return text.replace(".", point) if type_ == 3 else text

    fields = "".join(
        f'<Field id="f{i}"><Name>{name}</Name><Type>{type_}</Type><EntryMode>0</EntryMode>'
        f'<Question xml:lang="en">{question}</Question></Field>'
        for i, (name, _, _, type_, question) in enumerate(FIELDS)
    )
    records = "".join(
        "<Record "
        + " ".join(f'f{i}="{cell(FIELDS[i][3], text)}"' for i, text in enumerate(one.cells) if text)
        + f' st="{2 if one.deleted else 0}"/>'
        for one in rows
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><EpiData><Settings><Scrambled>false</Scrambled>'
        f"<DecimalSeparator>{point}</DecimalSeparator><MissingString>.</MissingString></Settings>"
        f'<DataFiles><DataFile id="datafile_id_0"><Records>{records}</Records>'
        f'<Sections><Section id="s"><Fields>{fields}</Fields></Section></Sections></DataFile></DataFiles></EpiData>'
    ).encode()


WRITERS = {".csv": as_csv, ".rec": as_rec, ".epx": as_epx}


@pytest.fixture(scope="session")
def seeded():
    """The two lists of rows, and what writes rows in each format."""
    return SimpleNamespace(first=FIRST, second=SECOND, writers=WRITERS, row=row, rec=as_rec, epx=as_epx)


@pytest.fixture(params=WRITERS)
def two_files(request, tmp_path):
    """Both files in one format."""
    paths = []
    for name, rows in (("first", FIRST), ("second", SECOND)):
        path = tmp_path / f"{name}{request.param}"
        path.write_bytes(WRITERS[request.param](rows))
        paths.append(path)
    return paths
