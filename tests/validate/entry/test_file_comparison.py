"""The report of two files with seeded errors equals the one computed by hand; conftest.py says what was seeded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import NotFound, Refused
from validate.entry.comparison import Rate
from validate.entry.epidata import Column, EntryFile, Kind, Record, read_entries
from validate.entry.file_comparison import Difference, Options, Place, against, compare_files
from validate.entry.file_report import page, text
from validate.entry.own_passes import form_by_name

BY_ID = Options(("ID",), ("SEQ",))


@pytest.fixture
def found(two_files):
    first, second = map(read_entries, two_files)
    return compare_files(first, second, BY_ID)


def test_the_figures_are_those_counted_by_hand(found):
    """Six keys stand once in both; five fields each; VAS and NOTE of key 5 are blank in both: 28 pairs."""
    assert found.common == 6
    assert found.fields == Rate(4, 28)
    assert found.records == Rate(3, 6)
    assert found.both_blank == 2
    assert dict(found.by_field) == {
        "AGE": Rate(1, 6),
        "SEX": Rate(1, 6),
        "VAS": Rate(1, 5),
        "SEEN": Rate(0, 6),
        "NOTE": Rate(1, 5),
    }
    low, high = found.fields.rate.low, found.fields.rate.high
    assert (round(low, 4), round(high, 4)) == (0.0570, 0.3149)
    low, high = found.records.rate.low, found.records.rate.high
    assert (round(low, 4), round(high, 4)) == (0.1876, 0.8124)


def test_the_differences_are_those_seeded(found):
    assert [(d.key, d.numbers, d.name, d.first, d.second.replace("6.0", "6")) for d in found.differences] == [
        (("2",), (2, 9), "AGE", "41", "14"),
        (("3",), (3, 8), "SEX", "M", "F"),
        (("3",), (3, 8), "VAS", "6.5", "6"),
        (("4",), (4, 7), "NOTE", "", "ok"),
    ]


def test_the_original_s_defects_are_absent(found):
    """Keys are not counted, a duplicate key stops nothing, what is missing is listed where it is missing."""
    assert not {"ID", "SEQ"} & {one.name for one in found.compared}
    assert found.duplicates == ((Place(("7",), (7, 8)),), (Place(("9",), (2, 3)),))
    assert found.missing == ((Place(("8",), (4,)),), (Place(("6",), (6,)),))
    assert [len(one) for one in found.keyless] == [1, 0]


def test_the_text_is_epidata_s_report(seeded, tmp_path):
    """The headings, rows and order of EpiData Manager's report; the figures of the hand count."""
    files = []
    for name, rows in (("a.rec", seeded.first), ("b.rec", seeded.second)):
        (tmp_path / name).write_bytes(seeded.rec(rows))
        files.append(read_entries(tmp_path / name))
    said = list(text(compare_files(*files, Options(("ID",))), "en"))
    wanted = (Path(__file__).parent / "two-files.txt").read_text(encoding="utf-8").splitlines()
    head = said[: said.index("What the percentages are made of:") - 1]
    assert head == wanted
    assert ["Field", "entries", "compared", "28", "5.70–31.49", "%"] in [line.split() for line in said]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_values_can_be_hidden_and_markup_stays_text(language):
    evil = "<script>alert(1)</script>\x1b[2J"
    columns = (Column("ID"), Column("A", label="<b>"))
    one = EntryFile("<i>", columns, (Record(1, ("1", evil)),))
    other = EntryFile("b", columns, (Record(1, ("1", "secret")),))
    found = compare_files(one, other, Options(("ID",)))
    shown = page(found, language)
    assert "<script" not in shown
    assert "<i>" not in shown
    assert "&lt;script&gt;" in shown
    lines = "\n".join(text(found, language))
    assert "\x1b" not in lines
    assert "secret" in lines
    for hidden in (page(found, language, values=False), "\n".join(text(found, language, values=False))):
        assert "secret" not in hidden
        assert "alert" not in hidden
    assert "secret" not in str(found.to_json())


def test_without_a_key_records_are_matched_by_their_order():
    columns = (Column("A"),)
    one = EntryFile("a", columns, tuple(Record(i, (str(i),), deleted=i == 2) for i in (1, 2, 3)))
    other = EntryFile("b", columns, (Record(1, ("1",)), Record(2, ("3",)), Record(3, ("4",))))
    found = compare_files(one, other, Options())
    assert (found.common, found.fields) == (2, Rate(0, 2))
    assert found.missing[0] == (Place(("3",), (3,)),)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("5", "5.0", True),
        ("３", "3", True),
        ("-0.50", "-.5", True),
        ("5", "5.01", False),
        ("2024-01-05", "2024/1/5", True),
        ("2024年1月5日", "2024-01-05", True),
        ("05/01/2024", "5.1.2024", True),
        ("05/01/2024", "01/05/2024", False),
        ("2024-01-05", "2024-01-06", False),
        ("yes", "Yes", False),
        ("ＡＢ", "AB", True),
        ("1e3", "1000", False),
        (" x ", "x", True),
    ],
)
def test_cells_are_compared_by_what_they_mean(one, other, equal):
    columns = (Column("A"),)
    files = (EntryFile("a", columns, (Record(1, (one,)),)), EntryFile("b", columns, (Record(1, (other,)),)))
    assert compare_files(*files, Options()).fields == Rate(int(not equal), 1)


def test_a_text_field_keeps_its_zeros_and_a_date_its_order():
    """``007`` is no number in a field of text; 05/01 is in May where the form says month first."""
    text_ = (Column("A", Kind.TEXT),)
    one = EntryFile("a", text_, (Record(1, ("007",)),))
    assert compare_files(one, replace(one, records=(Record(1, ("7",)),)), Options()).fields.errors == 1
    day_first = EntryFile("a", (Column("D", Kind.DATE, order="dmy"),), (Record(1, ("05/01/2024",)),))
    month_first = EntryFile("b", (Column("D", Kind.DATE, order="mdy"),), (Record(1, ("01/05/2024",)),))
    assert compare_files(day_first, month_first, Options()).fields.errors == 0
    iso = EntryFile("c", (Column("d"),), (Record(1, ("2024-01-05",)),))
    assert compare_files(day_first, iso, Options()).fields.errors == 0


def test_the_study_s_form_brings_units_codes_steps_and_its_rules(small):
    form = form_by_name(tuple(f for f in _fields(small)))
    columns = (Column("ID"), Column("SCORE_T0"), Column("SITE"))
    one = EntryFile("a", columns, (Record(1, ("1", "5 cm", "1;3")), Record(2, ("2", "11", "颈"))))
    other = EntryFile("b", columns, (Record(1, ("1", "5.0分", "back,neck")), Record(2, ("2", "1.0", "1"))))
    found = compare_files(one, other, Options(("ID",)), form)
    assert found.fields == Rate(1, 4)
    (violation,) = found.violations
    assert (violation.file, violation.number, violation.name) == (1, 2, "SCORE_T0")
    assert "between 0 and 10" in violation.rule
    near = EntryFile("c", columns, (Record(1, ("1", "5.2", "1;3")),))
    assert compare_files(one, near, Options(("ID",)), form).fields.errors == 1
    allowed = Options(("ID",), tolerance={"score_t0": Decimal("0.2")})
    assert compare_files(one, near, allowed, form).fields.errors == 0


def test_each_file_is_held_against_the_reconciled_truth(found, seeded, tmp_path, two_files):
    """The truth has the second's AGE of key 2 and the first's SEX and VAS of key 3, and no NOTE of key 4."""
    truth = [seeded.row("1", "1", "5"), seeded.row("2", "2", "14"), seeded.row("3", "3", sex="M", vas="6.5")]
    truth += [seeded.row("4", "4", note="")]
    path = tmp_path / "truth.csv"
    path.write_bytes(seeded.writers[".csv"](truth))
    rates, by_field = against(read_entries(path), [read_entries(one) for one in two_files], BY_ID)
    first, second = rates.values()
    assert first == Rate(1, 19), "AGE of key 2; NOTE of key 4 is blank in both"
    assert second == Rate(3, 20), "SEX and VAS of key 3, NOTE of key 4"
    assert [rates["AGE"].errors for rates in by_field.values()] == [1, 0]


cells = st.one_of(st.integers(0, 99).map(str), st.sampled_from(["", "a", "b c", "颈"]))
tables = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=12)


@given(rows=tables, data=st.data())
def test_exactly_the_seeded_errors_are_found_in_any_order(rows, data):
    """Any table, any cells changed in the copy, records shuffled: those cells and no others, from both sides."""
    columns = tuple(Column(name) for name in "KABC")
    one = EntryFile("a", columns, tuple(Record(i, (str(i), *row)) for i, row in enumerate(rows, 1)))
    places = st.sets(st.tuples(st.integers(0, len(rows) - 1), st.integers(0, 2)))
    wrong = data.draw(places)
    copy = [list(row) for row in rows]
    for r, c in wrong:
        copy[r][c] = "other"
    order = data.draw(st.permutations(range(len(rows))))
    shuffled = tuple(Record(n, (str(i + 1), *copy[i])) for n, i in enumerate(order, 1))
    other = EntryFile("b", columns, shuffled)
    found = compare_files(one, other, Options(("K",)))
    assert {(int(d.key[0]) - 1, "ABC".index(d.name)) for d in found.differences} == wrong
    blank = sum(not cell for row in copy for cell in row if cell == "")
    assert blank >= found.both_blank
    assert found.fields == Rate(len(wrong), 3 * len(rows) - found.both_blank)
    assert found.records.errors == len({r for r, _ in wrong})
    back = compare_files(other, one, Options(("K",)))
    turned = {Difference(d.key, d.numbers[::-1], d.name, d.second, d.first) for d in back.differences}
    assert turned == set(found.differences)
    assert (back.fields, back.records, back.both_blank) == (found.fields, found.records, found.both_blank)


@given(keys=st.tuples(*[st.lists(st.sampled_from(["", "1", "2", "3", "4"]), max_size=8)] * 2))
def test_every_record_is_accounted_for_once(keys):
    """Common, missing, double, without a key, or the partner of a double: nothing aborts, nothing is lost."""
    columns = (Column("K"), Column("A"))
    files = [
        EntryFile(n, columns, tuple(Record(i, (k, "x")) for i, k in enumerate(ks, 1)))
        for n, ks in zip("ab", keys, strict=True)
    ]
    found = compare_files(*files, Options(("K",)))
    for here, there in ((0, 1), (1, 0)):
        counts, others = Counter(keys[here]), Counter(keys[there])
        double = sum(len(place.numbers) for place in found.duplicates[here])
        assert double == sum(n for k, n in counts.items() if k and n > 1)
        partners = sum(1 for k, n in counts.items() if k and n == 1 and others[k] > 1)
        missing = len(found.missing[there])
        assert found.sizes[here] == found.common + missing + double + len(found.keyless[here]) + partners


def _fields(protocol):
    from validate.entry.forms import form_fields

    return form_fields(protocol)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(("NO",)), "no field NO"),
        (Options(("ID",), ("NOPE",)), "neither file has a field NOPE"),
        (Options(("ID", "A")), "no field to compare"),
    ],
)
def test_what_cannot_be_compared_is_said(options, says):
    one = EntryFile("a", (Column("ID"), Column("A")), ())
    with pytest.raises(Refused, match=says):
        compare_files(one, one, options)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(NotFound, match="No such file"):
        read_entries(tmp_path / "no.csv")
