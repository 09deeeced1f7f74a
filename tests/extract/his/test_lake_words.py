"""Words found by Polars in a lake: as LIKE would find them, whichever way the text is read."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.his.engines.lake import LakeEngine
from extract.his.engines.lake_calls import asking
from extract.his.engines.lake_scan import Scan
from extract.his.engines.lake_words import Words
from extract.study.superset import pattern

LETTERS = "aAb%_!\\.*[](){}^$|?腰颈痛é\n\x00\x1f😀'"
TEXTS = st.none() | st.text(st.sampled_from(LETTERS), max_size=12)
WORDS = st.text(st.sampled_from(LETTERS), min_size=1, max_size=3)
SPELLINGS = st.lists(
    st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=3
)
TEXT_BY_VISIT = pa.schema([("patient_id", pa.string()), ("visit_id", pa.string()), ("text", pa.string())])
PLAIN = "SELECT n.note AS document_id, n.who AS patient_id, n.stay AS visit_id, n.said AS text FROM note n"


def bound(spellings):
    """The spellings by the names of their binds, and the binds."""
    params, named = {}, []
    for spelling in spellings:
        named.append([])
        for letter in spelling:
            named[-1].append([])
            for word in letter:
                params[name := f"leaf_0_{len(params)}"] = pattern(word)
                named[-1][-1].append(name)
    return named, params


@given(texts=st.lists(TEXTS, min_size=1, max_size=20), spellings=SPELLINGS)
def test_the_words_of_a_text_answer_for_it(texts, spellings):
    """A spelling holds for the text if it holds for its words; each word stands in both or in neither."""
    named, params = bound(spellings)
    asked = "/".join("&".join(",".join(letter) for letter in spelling) for spelling in named)
    answers = Words.of(asked, params).function()(pa.array(texts, pa.string())).to_pylist()

    def holds(text):
        return any(all(any(w in text for w in letter) for letter in spelling) for spelling in spellings)

    for text, words in zip(texts, answers, strict=True):
        assert (words is not None) == (text is not None and holds(text))
        if words is not None:
            assert holds(words)
            for word in {w for spelling in spellings for letter in spelling for w in letter}:
                assert (word in words) == (word in text)


def lake(folder, form="parquet"):
    rows = [
        {"note": i, "who": f"p{i % 7}", "stay": f"v{i % 11}", "said": said}
        for i, said in enumerate(["腰痛3月", "无", None, "", "腰腿痛", "10%腰", "腰 痛", "x腰痛y颈痛"] * 30)
    ]
    table = pa.Table.from_pylist(rows)
    if form == "parquet":
        pq.write_table(table, folder / "note.parquet", row_group_size=50)
    elif form == "parts":
        (folder / "note").mkdir()
        for part in range(3):
            pq.write_table(table.slice(part * 80, 80), folder / "note" / f"{part}.parquet")
    else:
        (folder / "note.csv").write_text(
            "note,who,stay,said\n"
            + "".join(f"{r['note']},{r['who']},{r['stay']},{r['said'] or ''}\n" for r in rows),
            encoding="utf-8",
        )
    return LakeEngine(folder, zone="UTC", seconds=60)


def found(engine, select):
    """(patient, visit, words) of each row that holds one of three words."""
    named, params = bound([[["腰痛"]], [["腰腿痛"]], [["%腰"]]])
    sql = f"SELECT t.* FROM (\n{asking(select, 'text', named)}\n) t WHERE t.text IS NOT NULL"
    rows = [r for b in engine.stream(sql, params, TEXT_BY_VISIT, batch_rows=13) for r in b.to_pylist()]
    return sorted((r["patient_id"], r["visit_id"], r["text"]) for r in rows)


@pytest.mark.parametrize("form", ["parquet", "parts", "csv"])
def test_every_way_of_reading_finds_the_same_rows(tmp_path, form):
    engine = lake(tmp_path, form)
    rows = found(engine, PLAIN)
    assert len(rows) == 4 * 30
    # An expression in the text's place, or a second mention of it, is read by DuckDB.
    assert found(engine, PLAIN.replace("n.said AS", "n.said || '' AS")) == rows
    assert found(engine, f"{PLAIN} WHERE n.said <> 'none'") == rows
    union = f"{PLAIN} WHERE n.note < 100 UNION ALL {PLAIN} WHERE n.note >= 100"
    assert found(engine, union) == rows
    # One half by Polars, the other by DuckDB.
    assert found(engine, union.replace("n.said AS", "n.said || '' AS", 1)) == rows
    engine.close()


def test_polars_reads_where_it_may(tmp_path, monkeypatch):
    """...and DuckDB decodes no text at all: the scan takes its place."""
    from extract.his.engines import lake as module

    scans = []
    kept = module.pruned
    monkeypatch.setattr(module, "pruned", lambda *a: scans.append(kept(*a)) or scans[-1])
    engine = lake(tmp_path)
    found(engine, PLAIN)
    found(engine, PLAIN.replace("SELECT", "SELECT DISTINCT"))
    found(engine, f"{PLAIN} WHERE LENGTH(n.said) > 1")
    [plain, *others] = scans
    assert "FROM scan_0_0 AS n" in plain.select
    assert set(plain.scans["scan_0_0"].columns) == {"who", "stay", "said"}
    assert plain.whole
    assert others == [None, None]
    engine.close()


def test_a_lake_that_was_searched_is_as_it_was(tmp_path):
    """No function and no stream of a search is left behind, also when it is abandoned."""
    engine = lake(tmp_path)
    named, params = bound([[["腰痛"]]])
    union = PLAIN.replace("n.said AS", "n.said || '' AS") + f" UNION ALL {PLAIN}"
    sql = f"SELECT t.* FROM (\n{asking(union, 'text', named)}\n) t WHERE t.text IS NOT NULL"
    stream = engine.stream(sql, params, TEXT_BY_VISIT, batch_rows=1)
    next(stream)
    stream.close()
    left = engine.ask(
        "SELECT function_name FROM duckdb_functions() WHERE function_name LIKE 'words_of%' "
        "UNION ALL SELECT view_name FROM duckdb_views() WHERE view_name LIKE 'scan_%'"
    )
    assert left == []
    assert len(found(engine, PLAIN)) == 120
    engine.close()


def test_windows_of_one_search_read_the_texts_once(tmp_path, monkeypatch):
    """...and another search, or another file in the place of the first, is read anew."""
    read = []
    rows = Scan.rows
    monkeypatch.setattr(Scan, "rows", lambda scan, words: read.append(words) or rows(scan, words))
    engine = lake(tmp_path)
    assert len(found(engine, PLAIN)) == 120
    assert found(engine, PLAIN) == found(engine, PLAIN)
    assert len(read) == 1
    named, params = bound([[["颈痛"]]])
    sql = f"SELECT COUNT(*) AS n FROM (\n{asking(PLAIN, 'text', named)}\n) t WHERE t.text IS NOT NULL"
    assert engine.ask(sql, params) == [(30,)]
    assert len(read) == 2
    file = tmp_path / "note.parquet"
    pq.write_table(pq.read_table(file).slice(0, 8), file)
    os.utime(file, ns=(1, 1))
    assert engine.ask(sql, params) == [(1,)]
    engine.close()


def test_a_long_statement_draws_nothing_on_stdout(tmp_path):
    """DuckDB draws a bar after two seconds where nobody forbids it; stdout belongs to --json."""
    engine = lake(tmp_path)
    assert engine.ask("SELECT current_setting('enable_progress_bar')") == [(False,)]
    engine.close()
