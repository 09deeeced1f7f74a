"""The three formats are read alike, and a broken file is refused with its place and without its content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import Refused
from validate.entry import epidata_csv, epidata_epx, epidata_rec
from validate.entry.epidata import Kind, read_entries

SECRET = "张三丰"


def test_the_formats_hold_the_same_entries(seeded):
    """...with their types; CSV holds no deleted records and no types."""
    rec = epidata_rec.parse("a.rec", seeded.rec(seeded.first))
    epx = epidata_epx.parse("a.epx", seeded.epx(seeded.first))
    csv = epidata_csv.parse("a.csv", seeded.writers[".csv"](seeded.first))
    assert [r.cells for r in rec.records] == [r.cells for r in epx.records] == [r.cells for r in seeded.first]
    assert [r.cells for r in csv.records] == [r.cells for r in seeded.first if not r.deleted]
    assert [r.deleted for r in rec.records] == [r.deleted for r in epx.records]
    assert [r.deleted for r in rec.records].count(True) == 1
    assert rec.columns == epx.columns
    kinds = [column.kind for column in rec.columns]
    assert kinds == [Kind.NUMBER, Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.NUMBER, Kind.DATE, Kind.TEXT]
    assert rec.columns[1].computed == "automatic"
    assert rec.columns[5].order == "dmy"
    assert rec.columns[2].label == "年龄 age"
    assert {column.kind for column in csv.columns} == {Kind.ANY}


texts = st.text(st.sampled_from("aZ9 !?^颈腰é"), max_size=18).map(str.strip)


@given(notes=st.lists(texts, min_size=1, max_size=4), age=st.integers(-9, 999))
def test_a_rec_record_reads_back_whatever_stands_in_it(seeded, notes, age):
    """End marks inside a text, and Chinese characters cut by the end of a line, are still that text."""
    rows = [seeded.row("1", str(i), str(age), note=note * 2) for i, note in enumerate(notes)]
    read = epidata_rec.parse("a.rec", seeded.rec(rows, "gb18030"), "gb18030")
    assert [r.cells for r in read.records] == [tuple(c.strip() for c in r.cells) for r in rows]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_any_separator_with_quotes_and_missing_marks(separator):
    data = f'ID{separator}"A ""b"""{separator}C\n1{separator}"x{separator}\ny"{separator}.\n'.encode(
        "utf-8-sig"
    )
    read = epidata_csv.parse("a.csv", data)
    assert [c.name for c in read.columns] == ["ID", 'A "b"', "C"]
    assert read.records[0].cells == ("1", f"x{separator}\ny", "")


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_is_read_in_both_encodings(encoding):
    assert epidata_csv.parse("a.csv", "编号,注\n1,颈痛\n".encode(encoding)).records[0].cells == ("1", "颈痛")


def broken(data, old, new):
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("a.rec", lambda d: b"x" + d, "line 1: the number of fields"),
        ("a.rec", lambda d: broken(d, b"#AGE", b"\n#AGE"), "line 5: this does not describe a field"),
        ("a.rec", lambda d: broken(d, b"!\r\n", b"\r\n"), "line 10: .* an end mark"),
        ("a.rec", lambda d: d[: d.rindex(b"!\r\n", 0, -5)] + b"!", "cut off"),
        ("a.csv", lambda d: d + b"\r\n9,9", "record 2 has 2 fields"),
        ("a.csv", lambda d: broken(d, b"SEQ", b"id"), "the field id stands twice"),
        ("a.csv", lambda d: b"\0" + d, "not a text file"),
        ("a.csv", lambda _: b"", "empty"),
        ("a.epx", lambda d: d[:-20], "line 1: it is not a project"),
        ("a.epx", lambda d: broken(d, b"<EpiData>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><EpiData>"), "entities"),
        ("a.epx", lambda d: broken(d, b"<Scrambled>false", b"<Scrambled>true"), "cannot be read"),
        ("a.xls", lambda d: d, "not a format of entries"),
    ],
)
def test_a_broken_file_is_refused_with_its_place_and_without_its_content(
    seeded, tmp_path, name, change, says
):
    rows = [seeded.row("1", "1", note=SECRET)]
    ending = name[1:] if name[1:] in seeded.writers else ".csv"
    (tmp_path / name).write_bytes(change(seeded.writers[ending](rows)))
    with pytest.raises(Refused, match=says) as caught:
        read_entries(tmp_path / name)
    assert SECRET not in str(caught.value)


def test_two_dataforms_are_not_mixed(seeded):
    data = seeded.epx(seeded.first).decode()
    form = data[data.index("<DataFile id") : data.index("</DataFiles>")]
    with pytest.raises(Refused, match="2 dataforms"):
        epidata_epx.parse("a.epx", data.replace(form, form + form).encode())
