"""Other programs read what we write, cell for cell, with labels in Chinese and English."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from decimal import Decimal

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.describe import describe
from extract.errors import AlreadyExists, NotFound, Refused
from validate.lock.export import export, export_all
from validate.lock.export.redcap import DICTIONARY
from validate.lock.export.told import MISSING, cut, legal_names

LABEL = "高度" * 50


@pytest.fixture(scope="module")
def pspp(tmp_path_factory):
    """Runs commands in PSPP and gives back what it printed as CSV."""
    if shutil.which("pspp") is None:
        pytest.skip("PSPP is not installed; as root: apt-get install pspp")

    def run(*commands):
        folder = tmp_path_factory.mktemp("pspp")
        (folder / "do.sps").write_text("\n".join(commands) + "\n", encoding="utf-8")
        subprocess.run(
            ["pspp", "-O", "format=csv", "-o", folder / "out.csv", folder / "do.sps"],
            check=True,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
        )
        return (folder / "out.csv").read_text(encoding="utf-8")

    return run


def locked(snapshot, table="data"):
    return pq.read_table(snapshot / f"{table}.parquet")


def reasons(snapshot, variable, timepoint):
    """Why each participant's value is missing, None where it is not."""
    place = (variable, timepoint)
    rows = locked(snapshot, "long").to_pylist()
    found = [row["missing"] for row in rows if (row["variable"], row["timepoint"]) == place]
    assert set(found) == {None, "not_documented", "not_done"}
    return found


def same(ours, theirs):
    """One cell of ours and what another program holds: numbers by value, no text is empty text."""
    if ours is None or ours == "":
        return theirs is None or theirs == "" or theirs != theirs  # noqa: PLR0124
    if isinstance(ours, str):
        return ours == theirs
    return Decimal(str(ours)) == Decimal(repr(float(theirs)))


def assert_equal(table, frame, names=None):
    """Every cell, in the same order of rows and columns."""
    assert frame.shape == (table.num_rows, table.num_columns)
    for place, name in enumerate(table.column_names):
        theirs = frame.iloc[:, place].tolist()
        assert (frame.columns[place] == name) if names is None else frame.columns[place] == names[name]
        for ours, found in zip(table.column(name).to_pylist(), theirs, strict=True):
            assert same(ours, found), (name, ours, found)


@pytest.mark.parametrize("table", ["data", "long"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_spss_by_its_library_cell_for_cell_with_labels_and_reasons(gaps, exported, language, table):
    path = exported / language / f"{table}.sav"
    frame, _ = pyreadstat.read_sav(path)
    names = {name: {"with": "with_1"}.get(name, name) for name in locked(gaps, table).column_names}
    assert_equal(locked(gaps, table), frame, names)
    raw, about = pyreadstat.read_sav(path, user_missing=True)
    assert "logical hash" in " ".join(about.notes)
    if table == "long":
        assert about.column_names_to_labels["day"] == {"zh": "研究日", "en": "Study day"}[language]
        return
    found = about.column_names_to_labels
    assert found["age"] == {"zh": "年龄", "en": "Age"}[language]
    assert about.variable_value_labels["with_1"][1.0] == {"zh": "甲", "en": "a"}[language]
    # A label is cut between characters, by SPSS's count of bytes.
    assert all(len(label.encode()) <= 255 for label in found.values())
    if language == "zh":
        assert found["height_t1"].startswith("高度" * 30)
        assert found["height_t1"].endswith("…" + "高度" * 10 + " T1")
    # Each reason is a code of its own, labelled and declared missing.
    labels = about.variable_value_labels["height_t1"]
    assert set(labels.values()) == {MISSING["not_documented"][language], MISSING["not_done"][language]}
    (span,) = about.missing_ranges["height_t1"]
    assert all(span["lo"] <= code <= span["hi"] for code in labels)
    told = [labels.get(value) for value in raw["height_t1"]]
    assert told == [why and MISSING[why][language] for why in reasons(gaps, "height", "T1")]


def pspp_cells(text):
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("ending", ["sav", "sps"])
def test_pspp_reads_chinese_labels_and_describes_as_we_do(gaps, exported, pspp, tmp_path, ending):
    """Both the file and the syntax that builds it: the same cells, labels and descriptives as ours."""
    source = exported / "zh" / f"data.{ending}"
    opening = f"GET FILE='{source}'." if ending == "sav" else f"INSERT FILE='{source}'."
    table = locked(gaps)
    numbers = [n for n in table.column_names if str(table.schema.field(n).type) != "string"]
    names = {name: {"with": "with_1"}.get(name, name) for name in table.column_names}
    saved = tmp_path / "cells.csv"
    said = pspp(
        opening,
        "DISPLAY DICTIONARY.",
        "SET TNUMBERS=VALUES FORMAT=F20.10.",
        *(f"FORMATS {names[n]} (F18.6)." for n in numbers),
        f"DESCRIPTIVES /VARIABLES={' '.join(names[n] for n in numbers)} /STATISTICS=MEAN STDDEV MIN MAX.",
        f"SAVE TRANSLATE /OUTFILE='{saved}' /TYPE=CSV /FIELDNAMES /MISSING=RECODE /CELLS=VALUES.",
    )
    for word in ("年龄", "甲", "未记录", "未做", "高度" * 30, "应答"):
        assert word in said
    frame = pd.read_csv(saved, dtype={"participant": str, "spots": str}, keep_default_na=False)
    frame = frame.apply(lambda c: c.map(lambda v: float("nan") if str(v).strip() == "" else v))
    assert_equal(table, frame.apply(lambda c: c.str.strip() if c.dtype == object else c), names)
    book = {f["name"]: f["label"]["zh"] for f in json.loads((gaps / "codebook.json").read_text())["fields"]}
    rows = {row[0]: row[1:] for row in pspp_cells(said) if len(row) == 6}
    for name in numbers:
        ours = describe(table.column(name).to_pylist())
        n, *rest = rows[cut(book[name], 255)]
        assert int(n) == ours.n, name
        for mine, theirs in zip((ours.mean, ours.sd, ours.minimum, ours.maximum), rest, strict=True):
            assert float(theirs) == pytest.approx(mine, rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("table", ["data", "long"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_stata_by_pandas_cell_for_cell_with_labels_and_reasons(gaps, exported, language, table):
    path = exported / language / f"{table}.dta"
    ours = locked(gaps, table)
    names = {name: {"with": "with_1"}.get(name, name) for name in ours.column_names}
    assert_equal(ours, pd.read_stata(path, convert_categoricals=False), names)
    with pd.io.stata.StataReader(path) as reader:
        labels = reader.variable_labels()
        sets = reader.value_labels()
    assert all(len(label) <= 80 for label in labels.values())
    if table == "long":
        return
    assert labels["age"] == {"zh": "年龄", "en": "Age"}[language]
    values = {text for one in sets.values() for text in one.values()}
    assert {MISSING["not_documented"][language], MISSING["illegible"][language]} <= values
    frame = pd.read_stata(path, convert_missing=True, convert_categoricals=False)
    letters = {"not_documented": ".a", "not_done": ".b"}
    told = [one if one in letters.values() else None for one in frame["height_t1"].map(str)]
    assert told == [letters.get(why) for why in reasons(gaps, "height", "T1")]


@pytest.mark.parametrize("table", ["data", "long"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_sas_by_pandas_cell_for_cell(gaps, exported, language, table):
    path = exported / language / f"{table}.xpt"
    ours = locked(gaps, table)
    short = legal_names(ours.column_names, 8)
    by_pandas = pd.read_sas(path, format="xport", encoding="utf-8")
    # pandas takes the zero of IBM's floats, eight zero bytes, for the smallest number they can write.
    # It also counts blank cells of the last row as padding, so the last row may be lacking.
    assert len(by_pandas) >= ours.num_rows - 1
    assert_equal(ours.slice(0, len(by_pandas)), by_pandas.replace(5.397605346934028e-79, 0.0), short)
    frame, about = pyreadstat.read_xport(path)
    assert_equal(ours, frame, short)
    assert all(len((label or "").encode()) <= 40 for label in about.column_names_to_labels.values())
    program = path.with_suffix(".sas").read_text(encoding="utf-8-sig")
    for name in ours.column_names:
        assert short[name] == name or f"rename {short[name]} = {name};" in program
    if table == "data":
        assert re.search(r"value f\d+_ 1 = '(甲|a)' 2 = '(乙|b\|c, d)';", program)


@pytest.mark.parametrize("table", ["data", "long"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_excel_by_openpyxl_cell_for_cell_without_a_formula(gaps, exported, language, table):
    book = openpyxl.load_workbook(exported / language / f"{table}.xlsx")
    assert book.sheetnames == [table, *{"zh": ("编码本", "来源"), "en": ("codebook", "about")}[language]]
    for sheet in book:
        for cell in (c for row in sheet.iter_rows() for c in row):
            assert cell.data_type != "f"
            if cell.data_type == "s":
                assert cell.quotePrefix
    header, *rows = book[table].iter_rows(values_only=True)
    assert_equal(locked(gaps, table), pd.DataFrame(rows, columns=header, dtype=object))
    by_pandas = pd.read_excel(exported / language / f"{table}.xlsx", dtype=object, keep_default_na=False)
    if table == "data":
        assert "=1+1" in by_pandas["spots"].tolist()
        described = {row[0]: row for row in book.worksheets[1].iter_rows(values_only=True)}
        assert set(described) >= set(header)
        assert described["age"][1] == {"zh": "年龄", "en": "Age"}[language]
        assert described["with"][5].startswith({"zh": "1 = 甲", "en": "1 = a"}[language])


def test_simulated_data_say_so_wherever_a_file_has_room_for_it(exported):
    folder = exported / "zh"
    assert "Simulated data" in " ".join(pyreadstat.read_sav(folder / "data.sav")[1].notes)
    assert "Simulated data" in pyreadstat.read_dta(folder / "data.dta")[1].file_label
    assert "Simulated data" in pyreadstat.read_xport(folder / "data.xpt")[1].file_label
    for ending in ("sps", "sas"):
        assert "Simulated data" in (folder / f"data.{ending}").read_text(encoding="utf-8").splitlines()[0]
    about = openpyxl.load_workbook(folder / "data.xlsx").worksheets[2]
    assert "Simulated data" in about["A2"].value


def test_csv_and_parquet_of_both_tables(gaps, exported):
    for table in ("data", "long"):
        ours = locked(gaps, table)
        assert pq.read_table(exported / "zh" / f"{table}.parquet").equals(ours)
        frame = pd.read_csv(exported / "zh" / f"{table}.csv", dtype=str, keep_default_na=False)
        frame = frame.map(lambda text: text.removeprefix("'") if text[:2] in {"'=", "'-"} else text)
        for name in ours.column_names:
            said = ["" if value is None else str(value) for value in ours.column(name).to_pylist()]
            assert frame[name].tolist() == said


def obeying(kind, codes, validation):
    """What REDCap lets into a field, as a pattern."""
    if kind == "checkbox":
        return "[01]"
    if kind == "radio":
        return "|".join(codes)
    if validation == "integer":
        return r"-?\d+"
    digits = re.fullmatch(r"number_(\d)dp", validation)
    return rf"-?\d+\.\d{{{digits[1]}}}" if digits else ".*"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_redcap_takes_the_dictionary_and_the_data_obey_it(gaps, exported, language):
    """Every rule of REDCap's own import: known headers, names, choices, checkboxes, validation, bounds."""
    folder = exported / language
    assert not (folder / "long.redcap.csv").exists()
    dictionary = list(
        csv.DictReader((folder / "data.redcap-dictionary.csv").open(encoding="utf-8", newline=""))
    )
    data = list(csv.DictReader((folder / "data.redcap.csv").open(encoding="utf-8", newline="")))
    assert tuple(dictionary[0]) == DICTIONARY
    assert len(DICTIONARY) == 18
    expected = []
    for field in dictionary:
        name, kind = field["Variable / Field Name"], field["Field Type"]
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name)
        choices = field["Choices, Calculations, OR Slider Labels"]
        codes = [part.split(", ", 1)[0] for part in choices.split(" | ")] if choices else []
        assert bool(codes) == (kind in {"radio", "checkbox"})
        assert len(set(codes)) == len(codes)
        columns = [f"{name}___{code}" for code in codes] if kind == "checkbox" else [name]
        expected += columns
        legal = obeying(kind, codes, field["Text Validation Type OR Show Slider Number"])
        assert all(re.fullmatch(legal, row[column]) for row in data for column in columns if row[column])
    assert list(data[0]) == expected
    table = locked(gaps).to_pylist()
    for ours, row in zip(table, data, strict=True):
        for name, value in ours.items():
            if name != "spots":
                assert row[name] == ("" if value is None else str(value))
            elif value is None:
                assert {row[f"spots___{code}"] for code in (1, 2, 10)} == {""}
            else:
                ticked = {code for code in (1, 2, 10) if row[f"spots___{code}"] == "1"}
                assert ticked == {int(c) for c in value.split(";") if c.isdigit()}


def test_only_what_exists_can_be_asked_for_and_nothing_is_overwritten(gaps, tmp_path):
    with pytest.raises(NotFound):
        export(gaps, "csv", tmp_path / "x.csv", language="fr")
    with pytest.raises(NotFound):
        export_all(gaps, tmp_path / "all", ["csv", "tape"])
    assert not (tmp_path / "all").exists()
    with pytest.raises(Refused):
        export(gaps, "redcap", tmp_path / "x", table="long")
    (tmp_path / "x.sps").write_text("mine")
    with pytest.raises(AlreadyExists):
        export(gaps, "sav", tmp_path / "x.sav")
    assert (tmp_path / "x.sps").read_text() == "mine"
    assert not (tmp_path / "x.sav").exists()


def test_formats_of_one_snapshot_can_be_asked_for_one_after_the_other(gaps, tmp_path):
    first = export_all(gaps, tmp_path, ["csv"])
    second = export_all(gaps, tmp_path, ["sav"], language="zh")
    assert first[-1] == second[-1] == tmp_path / "codebook.csv"
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (*first, *second)}


def test_missing_codes_stay_below_every_value(gaps, tmp_path, sound_cells, patients, pseudonyms, protocol):
    """...even where a number of the data is one of the usual codes."""
    from validate.lock.export.spss import _codes
    from validate.lock.export.told import Field, Told

    field = Field("x", "x", "integer", 0, [-9991, -99991, 5])
    codes = _codes(Told("data", (field,), 3, "en", "", "", None))
    assert max(codes.values()) < -99991
    assert len(set(codes.values())) == len(MISSING)


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True), unique=True), st.integers(8, 32))
def test_names_are_short_unique_and_no_word_of_the_language(names, limit):
    given_ = legal_names(names, limit, {"to", "with"})
    assert list(given_) == names
    assert len({name.lower() for name in given_.values()}) == len(names)
    assert all(len(name) <= limit and name not in {"to", "with"} for name in given_.values())
    assert all(given_[n] == n for n in names if len(n) <= limit and n not in {"to", "with"})


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="…")), st.integers(3, 30))
def test_a_label_is_never_cut_inside_a_character(text, limit):
    found = cut(text, limit)
    assert len(found.encode()) <= limit
    head, mark, tail = found.partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert bool(mark) == (found != text)
