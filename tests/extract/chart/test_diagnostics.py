"""What the search brought in, on charts of a few rows that can be counted by eye."""

from __future__ import annotations

import json

from extract.chart.diagnostics import diagnose
from extract.his.records import HIT_COLUMNS


def test_terms_overlaps_look_alikes_months_and_departments(rows, screened, protocol):
    """Three visits: matched, matched by a negated mention alone, and a look-alike that is spared."""
    rows.patient("a").visit("a1", 1, "a").note("na", 1, "瘙痒，反复瘙痒。", "a1", "a").lab(
        "la", 1, "9", "a1", "a"
    )
    rows.patient("b").visit("b1", 40, "b").note("nb", 40, "无瘙痒", "b1", "b").lab("lb", 40, "9", "b1", "b")
    rows.patient("c").visit("c1", 41, "c").note("nc", 41, "瘙痒", "c1", "c")
    rows.lab("lc", 41, "9", "c1", "c", name="IgE抗体谱")
    for row, department in zip(rows.rows["visit"], ("皮肤科", "皮肤科", None), strict=True):
        row["department"] = department
    tables = {table: rows.current(table) for table, _ in HIT_COLUMNS.values()}
    told = diagnose(protocol, screened().screening, rows.current("visit"), tables)
    assert (told["visits"], told["matched"], told["patients"], told["negated_only"]) == (3, 2, 2, 1)
    itch, ige = told["terms"]
    assert (itch["term"], itch["visits"], itch["matched"], itch["needed"]) == ("瘙痒", 3, 2, 2)
    assert itch["hits"] == {"negated": 1, "present": 2}
    assert (ige["term"], ige["visits"], ige["matched"]) == ("IgE", 2, 2)
    assert ige["look_alikes"] == [{"word": "IgE抗体谱", "records": 1, "visits": 1, "spared": 1}]
    assert told["overlap"] == told["together"] == [{"terms": ["瘙痒", "IgE"], "visits": 2}]
    assert [(m["month"], m["visits"], m["negated_only"]) for m in told["months"]] == [
        ("2023-01", 1, 0),
        ("2023-02", 1, 1),
    ]
    (skin,) = told["departments"]
    assert (skin["department"], skin["visits"], skin["patients"]) == ("皮肤科", 2, 2)
    assert skin["terms"] == {"瘙痒": 2, "IgE": 2}


def test_no_text_and_no_key_of_a_patient_is_told(rows, screened, protocol):
    rows.eligible("patient-7")
    tables = {table: rows.current(table) for table, _ in HIT_COLUMNS.values()}
    told = json.dumps(
        diagnose(protocol, screened().screening, rows.current("visit"), tables), ensure_ascii=False
    )
    assert "patient-7" not in told
    assert "手部" not in told


def test_nothing_landed_counts_nothing(rows, screened, protocol):
    tables = {table: rows.current(table) for table, _ in HIT_COLUMNS.values()}
    told = diagnose(protocol, screened().screening, rows.current("visit"), tables)
    assert (told["visits"], told["matched"], told["together"], told["months"]) == (0, 0, [], [])


def test_a_sentence_copied_forward_is_counted_and_changes_nothing(rows, screened, protocol):
    """Word for word from an earlier note of the same patient; a short one, or one said anew, is no copy."""
    long = "患者三月前无明显诱因出现双手瘙痒，夜间加重。"
    rows.eligible()
    for day, text in (
        (3, long),
        (4, f"今日查房。{long}"),
        (5, "瘙痒。"),
        (6, "瘙痒。"),
        (7, f"{long}{long}"),
    ):
        rows.visit(f"v{day}", day).note(f"n{day}", day, text, f"v{day}").lab(f"l{day}", day, "9", f"v{day}")
    rows.patient("q").visit("q1", 9, "q").note("nq", 9, long, "q1", "q").lab("lq", 9, "9", "q1", "q")
    tables = {table: rows.current(table) for table, _ in HIT_COLUMNS.values()}
    told = diagnose(protocol, screened().screening, rows.current("visit"), tables)
    assert {one["term"]: one["copied"] for one in told["terms"]} == {"瘙痒": 3, "IgE": 0}
